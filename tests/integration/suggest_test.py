"""A policy from evidence: suggested from real calls on record, checked, put in force, and the calls made again under it."""
import json
import os
import subprocess

from case import BedCase, main
from testbed.processes import end, wait_until
from testbed.targets import listening

POLICY = """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: tests}
spec:
  mode: enforce
  callers: [{workload: "client*"}]
  targets:
    - {host: target.internal, port: 8080, upstream: {port: 8443}}
    - {host: target.internal, port: 8443}
    - {host: 10.77.2.2, port: 7001, protocol: opaque, upstream: {tls: plaintext}}
  rules:
    - {name: no-secrets, functions: ["http:* /v1/customers/secret"], action: deny, reason: not for services}
    - {name: anything-else, functions: ["http:* /**", "tls:connect target.internal"], action: allow}
    - {name: wire, functions: ["tcp:connect"], when: target.port == 7001, action: allow}
"""

GREETER = """
import socket
server = socket.create_server(("0.0.0.0", 7001))
while True:
    connection, _ = server.accept()
    connection.sendall(b"220 welcome\\n")
    connection.close()
"""
GREETED = "import socket; print(socket.create_connection(('10.77.2.2', 7001), 20).recv(100))"

CALLS = [("GET", "/v1/customers/41"), ("GET", "/v1/customers/42"), ("HEAD", "/v1/customers/42"), ("POST", "/v1/refunds"),
         ("GET", "/v1/orders/550e8400-e29b-41d4-a716-446655440000/items"), ("GET", "/a%20b/%22quoted%22/%7Bx%7D"),
         ("GET", "/it's/%C3%BC%E2%82%AC"), ("GET", "/star*s"), ("PUT", "/100%25"), ("GET", "/;p=1//double/"), ("GET", "/")]


class Suggest(BedCase):
    policies = {"tests.yaml": POLICY}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        greeter = cls.target.start("/usr/bin/python3", "-c", GREETER, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(end, greeter)
        wait_until(lambda: listening(cls.target, 7001), "the greeter to listen")

    def status_of(self, method, path, **more):
        options = ["-I"] if method == "HEAD" else ["-X", method]
        return self.curl(path, *options, "--path-as-is", "-g", "-o", "/dev/null", "-w", "%{http_code}", **more).stdout

    def own_tls(self):
        return self.enrolled(["curl", "-sSk", "--max-time", "30", "https://target.internal:8443/own"])

    def greeted(self):
        return self.enrolled(["/usr/bin/python3", "-c", GREETED]).stdout

    def make_all_calls(self):
        """What each call came to."""
        statuses = {call: self.status_of(*call) for call in CALLS}
        return statuses, self.own_tls().stdout, self.greeted()

    def records(self, workload="client"):
        listed = self.agent.json("sessions", "list", "--workload", workload, "--limit", "1000")
        return sum(session["calls"] for session in listed["sessions"])

    def unresolved(self):
        """Calls of the client on record whose program is not known."""
        listed = self.agent.json("sessions", "list", "--workload", "client", "--limit", "1000")
        return sum(not record["process"].get("resolved", False) for session in listed["sessions"] for record in session["records"])

    def suggestion(self, *options):
        return self.agent.command("policy", "suggest", "--workload", "client", *options)

    def test_the_recorded_calls_pass_under_the_suggestion_and_others_do_not(self):
        made = self.make_all_calls()
        self.assertEqual(made, ({call: "200" for call in CALLS}, "GET /own\n", "b'220 welcome\\n'\n"))
        self.assertEqual(self.status_of("GET", "/v1/customers/secret"), "403")
        wait_until(lambda: self.records() >= len(CALLS) + 3, "all calls to be on record")

        path = os.path.join(self.bed.directory, "suggested.yaml")
        told = self.suggestion("--mode", "enforce", "--name", "suggested", "--since", "1h", "-o", path).stdout
        self.assertIn(f"for {len(CALLS) + 2} calls; 1 denied calls are listed", told)
        checked = self.agent.command("policy", "check", path, check=False)
        self.assertEqual((checked.returncode, checked.stdout), (0, checked.stdout))
        self.assertIn("suggested: ok, enforce", checked.stdout)
        self.assertNotIn("warning", checked.stdout)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn('"http:GET target.internal/v1/customers/*"', text)
        self.assertIn("/v1/customers/secret port 8080, by rule no-secrets of policy tests: not for services", text)
        self.assertIn("process: \"/usr/bin/curl\"", text)
        self.assertIn("WARNING: plaintext", text)

        with self.subTest("the comparison says beforehand what will happen"):
            old = os.path.join(self.agent.policies, "tests.yaml")
            compared = self.agent.command("--json", "policy", "diff", old, path, "--against-sessions", "--workload", "client",
                                          "--default-mode", "enforce", check=False)
            self.assertEqual(compared.returncode, 1)
            sessions = json.loads(compared.stdout)["sessions"]
            # A caller that ended before its record was made has no known program.
            unknown = self.unresolved()
            self.assertEqual((sessions["decided_differently"], sessions["undecidable"]), (0, unknown), sessions)
            self.assertEqual(sessions["decided"], len(CALLS) + 3 - unknown)
            nothing = self.agent.command("--json", "policy", "diff", old, self.narrow(), "--against-sessions", check=False)
            groups = [group for group in json.loads(nothing.stdout)["sessions"]["groups"] if group["other_outcome"]]
            self.assertEqual(sum(group["calls"] for group in groups if group["method"] == "http:GET"), 5, groups)
            self.assertRegex(groups[0]["session"], "^[0-9a-f]{32}$")

        self.agent.write_policy("tests.yaml", text)
        wait_until(lambda: self.status_of("GET", "/not/recorded") == "403", "the suggestion to be in force")
        self.assertEqual(self.make_all_calls(), made)
        self.assertEqual(self.status_of("GET", "/v1/customers/43"), "200")
        for beyond in (("GET", "/v1/customers/42/cards"), ("DELETE", "/v1/customers/42"), ("GET", "/v1/customers"),
                       ("GET", "/v1/refunds"), ("GET", "/v1/customers/secret"), ("GET", "/%22quoted%22")):
            with self.subTest(beyond=beyond):
                self.assertEqual(self.status_of(*beyond), "403")
        other_port = self.enrolled(["curl", "-sS", "--max-time", "30", "-o", "/dev/null", "-w", "%{http_code}",
                                    "http://target.internal:8081/v1/customers/42"])
        self.assertEqual(other_port.stdout, "403", other_port.stderr)

    def narrow(self):
        path = os.path.join(self.bed.directory, "narrow.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(POLICY.replace('"http:* /**"', '"http:* /v1/**"'))
        return path

    def test_nothing_on_record_is_said_and_no_file_is_written(self):
        path = os.path.join(self.bed.directory, "none.yaml")
        answer = self.agent.command("policy", "suggest", "--workload", "nobody", "-o", path, check=False)
        self.assertEqual((answer.returncode, answer.stdout), (5, ""))
        self.assertIn("nothing is recorded of workload `nobody` since 7d", answer.stderr)
        self.assertFalse(os.path.exists(path))

    def test_a_file_that_is_there_stays_as_it_is(self):
        self.assertEqual(self.status_of("GET", "/v1/other", name="client-two"), "200")
        wait_until(lambda: self.records("client-two") == 1, "the call to be on record")
        path = os.path.join(self.bed.directory, "kept.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("mine\n")
        answer = self.agent.command("policy", "suggest", "--workload", "client-two", "-o", path, check=False)
        self.assertEqual(answer.returncode, 4, answer.stderr)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "mine\n")


if __name__ == "__main__":
    main()
