"""Conditions and limits on a running agent: what a body decides, how often may be called, and what survives a dead proxy."""
import json
import os

from case import BedCase, main

from testbed.processes import wait_until

POLICY = """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: refunds}
spec:
  callers: [{workload: "client*"}]
  targets:
    - {host: target.internal, port: 8080, upstream: {port: 8443}}
  rules:
    - name: small
      functions: ["http:POST /echo"]
      when: call.body.amount <= 100.0 && !("x-test" in call.headers && call.headers["x-test"] == "no")
      action: allow
    - name: large
      functions: ["http:POST /echo"]
      when: call.body.amount > 100.0
      action: approve
      approval: {approvers: ["group:finance"]}
    - {name: read, functions: ["http:GET /free/**"], action: allow}
    - {name: counted, functions: ["http:GET /counted"], action: allow, limit: {calls: 5, per: 1h, by: caller.id}}
    - {name: never, functions: ["http:GET /never"], when: now.getFullYear("Europe/Berlin") < 2000, action: allow}
"""

# Sends one byte at a time, so that no two of them are in the same segment.
TRICKLE = """
import socket, sys, time
s = socket.create_connection(("target.internal", 8080), timeout=30)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
body = sys.argv[1].encode()
call = b"POST /echo HTTP/1.1\\r\\nHost: target.internal:8080\\r\\nContent-Type: application/json\\r\\n"
call += b"Connection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body
for i in range(len(call)):
    s.sendall(call[i:i + 1])
data = b""
while piece := s.recv(65536):
    data += piece
print(data.decode("latin-1"), end="")
"""


class Conditions(BedCase):
    policies = {"tests.yaml": POLICY}

    def post(self, body, *options):
        return self.curl("/echo", "-H", "Content-Type: application/json", "--data-binary", body, *options)

    def policy_status(self):
        # Its exit status tells of threads that have not taken the latest version yet.
        return json.loads(self.agent.command("--json", "policy", "status", check=False).stdout)

    def test_a_body_decides(self):
        self.assertEqual(self.post('{"amount": 5}').stdout, '{"amount": 5}')
        self.assertEqual(self.post('{"amount": 5}', "-H", "Transfer-Encoding: chunked").stdout, '{"amount": 5}')
        self.assertEqual(self.post('{"amount": 5}', "-H", "Expect: 100-continue").stdout, '{"amount": 5}')
        problem = json.loads(self.post('{"amount": 5}', "-H", "X-Test: no").stdout)
        self.assertEqual(problem["reason"], "no_rule_matches")
        self.assertEqual(json.loads(self.post('{"amount": 5, "amount": 6}').stdout)["reason"], "body_ambiguous")
        self.assertEqual(json.loads(self.post('amount=5').stdout)["reason"], "body_not_json")

    def test_a_call_that_needs_approval_is_refused_and_told_so(self):
        problem = json.loads(self.post('{"amount": 500}').stdout)
        self.assertEqual((problem["status"], problem["reason"], problem["rule"]), (403, "approval_required", "large"))
        self.assertIn("asks for approval", problem["detail"])
        self.assertEqual(problem["type"], "https://callgate.dev/problems/approval_required")
        self.assertEqual(problem["title"], "Approval required")

    def test_nothing_of_a_denied_call_leaves_however_it_is_split(self):
        answer = self.python(TRICKLE, '{"amount": 1, "note": "canary-denied", "amount": 2}').stdout
        self.assertIn("403", answer.split("\r\n")[0])
        # The same, sent the same way, reaches the target where it is allowed.
        self.assertIn("canary-allowed", self.python(TRICKLE, '{"amount": 1, "note": "canary-allowed"}').stdout)
        received = self.server.bytes_received()
        self.assertIn(b"canary-allowed", received)
        self.assertNotIn(b"canary-denied", received)

    def test_a_large_body_is_denied_in_time_and_told_so(self):
        answer = self.python("""
import http.client, json
c = http.client.HTTPConnection("target.internal", 8080, timeout=60)
c.request("POST", "/echo", body=b'{"amount": 1, "x": "' + b"x" * (2 << 20) + b'"}', headers={"Content-Type": "application/json"})
print(json.loads(c.getresponse().read())["reason"])
""")
        self.assertEqual(answer.stdout, "body_too_large\n", answer.stderr)

    def test_time_zones_are_known_to_the_confined_proxy(self):
        self.assertEqual(json.loads(self.curl("/never").stdout)["reason"], "no_rule_matches")

    def test_a_limit_holds_over_connections_threads_and_the_death_of_the_proxy(self):
        script = """
import concurrent.futures, http.client, sys
def call(_):
    c = http.client.HTTPConnection("target.internal", 8080, timeout=30)
    c.request("GET", "/counted")
    r = c.getresponse()
    r.read()
    return r.status, r.getheader("Retry-After")
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    answers = list(pool.map(call, range(12)))
print(sum(status == 200 for status, _ in answers), sum(status == 429 and 3500 < int(after) <= 3600 for status, after in answers))
"""
        self.assertEqual(self.python(script).stdout, "5 7\n")
        self.agent.kill("proxy")
        wait_until(lambda: self.curl("/free/x", "-o", "/dev/null", "-w", "%{http_code}").stdout == "200",
                   "the next proxy to serve")
        self.assertEqual(self.python(script).stdout, "0 12\n")
        problem = json.loads(self.curl("/counted").stdout)
        self.assertEqual((problem["policy"], problem["rule"], problem["reason"]), ("refunds", "counted", "limit_exceeded"))

    def test_an_observed_policy_is_on_trial_beside_the_enforced_one(self):
        self.agent.write_policy("trial.yaml", POLICY.replace("name: refunds", "name: next")
                                .replace("spec:", "spec:\n  mode: observe")
                                .replace("functions: [\"http:GET /free/**\"], action: allow",
                                         "functions: [\"http:GET /free/never\"], action: deny"))
        wait_until(lambda: self.policy_status()["documents"] == 2, "both policies to be in force")

        def would_be_denied():
            self.assertEqual(self.curl("/free/never").stdout, "GET /free/never\n")
            return self.agent.command("sessions", "list", "--decision", "would-deny").stdout

        self.assertEqual(self.curl("/free/other").stdout, "GET /free/other\n")
        shown = wait_until(lambda: (lambda text: text if "/free/never" in text else "")(would_be_denied()),
                           "the trial to be recorded")
        self.assertNotIn("/free/other", shown)
        os.unlink(os.path.join(self.agent.policies, "trial.yaml"))
        wait_until(lambda: self.policy_status()["documents"] == 1, "the trial to end")

    def test_status_says_by_which_version_each_thread_decides(self):
        before = self.policy_status()
        self.assertFalse(before["last_good"])
        self.assertEqual({thread["version"] for thread in before["threads"]}, {before["version"]})
        self.agent.write_policy("tests.yaml", POLICY.replace("<= 100.0", "<= 99.0"))
        after = wait_until(lambda: (lambda s: s if s["version"] > before["version"] and
                                    {t["version"] for t in s["threads"]} == {s["version"]} else None)(
                                        self.policy_status()), "every thread to take the new version")
        self.assertNotEqual(after["digest"], before["digest"])
        self.agent.write_policy("tests.yaml", "nonsense: [")
        wait_until(lambda: self.agent.command("policy", "status", check=False).returncode == 1, "the bad file to be told of")
        self.assertIn("last good", self.agent.command("policy", "status", check=False).stdout)
        self.agent.write_policy("tests.yaml", POLICY)
        wait_until(lambda: self.agent.command("policy", "status", check=False).returncode == 0, "the good file to be in force")


if __name__ == "__main__":
    main()
