"""Observe mode decides and records, and changes nothing."""
from case import BedCase, main

POLICY = """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: watch}
spec:
  mode: observe
  callers: [{workload: client}]
  targets:
    - {host: plain.internal, port: 8081}
    - {host: good.internal, port: 9443}
    - {host: untrusted.internal, port: 9444}
    - {host: old.internal, port: 9445}
  rules:
    - {name: read, functions: ["http:GET /allowed", "tls:connect"], action: allow}
    - {name: small, functions: ["http:POST /refunds"], when: call.body.amount <= 100.0, action: allow}
"""

SPEAKS_FIRST = """
import socket, sys
s = socket.create_server(("0.0.0.0", int(sys.argv[1])))
while True:
    c, _ = s.accept()
    c.sendall(b"220 ready\\r\\n")
    data = b""
    while piece := c.recv(65536):
        data += piece
    c.sendall(b"you said " + data)
    c.close()
"""

TALKS = """
import socket
s = socket.create_connection(("plain.internal", 8090), timeout=20)
greeting = s.recv(100)
s.sendall(b"\\x00\\xffbinary")
s.shutdown(socket.SHUT_WR)
answer = b""
while piece := s.recv(65536):
    answer += piece
print(greeting, answer)
"""


class Observe(BedCase):
    policies = {"watch.yaml": POLICY}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.names = {f"{name}.internal": cls.target.address for name in ("plain", "good", "untrusted", "old")}
        issue = cls.bed.certificates.issue
        servers = []
        for port, (certificate, key), protocols in (
            (9443, issue("good", names=["good.internal"]), "TLSv1.3"),
            (9444, issue("untrusted", names=["untrusted.internal"], untrusted=True), "TLSv1.3"),
            (9445, issue("old", names=["old.internal"]), "TLSv1.2"),
        ):
            servers.append(f"listen {port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; "
                           f"ssl_protocols {protocols};\nlocation / {{ return 200 hello; }}")
        cls.nginx = cls.bed.nginx(cls.target, servers, [9443, 9444, 9445])
        cls.plain = cls.bed.text_server(cls.target, 8081)

    def shown(self, call):
        return self.agent.command("sessions", "show", call["session_id"]).stdout

    def test_an_allowed_call_goes_out_as_it_was_made(self):
        answer = self.enrolled(["curl", "-sS", "--max-time", "20", "http://plain.internal:8081/allowed"])
        self.assertEqual(answer.stdout, "plain\n", answer.stderr)
        self.assertIn(b"GET /allowed HTTP/1.1\r\nHost: plain.internal:8081\r\n", self.plain.bytes_received())

    def test_what_enforcement_would_refuse_goes_out_and_the_record_says_so(self):
        answer, call = self.recorded(lambda: self.enrolled(["curl", "-sS", "--max-time", "20",
                                                            "http://plain.internal:8081/forbidden"]))
        self.assertEqual(answer.stdout, "plain\n", answer.stderr)
        shown = self.shown(call)
        self.assertIn("no_rule_matches", shown)
        self.assertIn("observe", shown.lower())

    def test_bytes_that_no_codec_knows_pass_also_when_the_server_speaks_first(self):
        server = self.target.start("/usr/bin/python3", "-c", SPEAKS_FIRST, 8090)
        self.addCleanup(lambda: (server.kill(), server.wait()))
        from testbed.processes import wait_until
        from testbed.targets import listening
        wait_until(lambda: listening(self.target, 8090), "the server that speaks first")
        answer, call = self.recorded(lambda: self.python(TALKS))
        self.assertEqual(answer.stdout, "b'220 ready\\r\\n' b'you said \\x00\\xffbinary'\n", answer.stderr)
        self.assertIn("tcp:connect", self.shown(call))

    def test_bodies_that_conditions_look_into_are_looked_at_as_they_go_by(self):
        for body, verdict, reason in (('{"amount": 5}', "allow", "allowed_by_rule"), ('{"amount": 500}', "deny", "no_rule_matches")):
            with self.subTest(body=body):
                answer, call = self.recorded(lambda b=body: self.enrolled(
                    ["curl", "-sS", "--max-time", "20", "-H", "Content-Type: application/json", "-d", b, "http://plain.internal:8081/refunds"]))
                self.assertEqual(answer.stdout, "plain\n", answer.stderr)
                self.assertEqual((call["decision"]["verdict"], call["decision"]["reason"]), (verdict, reason))
                self.assertFalse(call["decision"]["enforced"])

    def test_of_a_callers_own_tls_the_record_says_what_enforcement_would_have_refused(self):
        for name, port, verdict, reason in (("good", 9443, "allow", "allowed_by_rule"), ("untrusted", 9444, "deny", "tls_untrusted"),
                                            ("old", 9445, "deny", "tls_version")):
            with self.subTest(target=name):
                # The caller does not verify: what it gets, it gets whatever callgate thinks of the target.
                answer, call = self.recorded(lambda n=name, p=port: self.enrolled(
                    ["curl", "-sS", "-k", "--max-time", "20", f"https://{n}.internal:{p}/"]))
                self.assertEqual(answer.stdout, "hello", answer.stderr)
                self.assertEqual(call["function"], f"tls:connect {name}.internal")
                self.assertEqual(call["decision"]["verdict"], verdict)
                self.assertIn(reason, call["decision"]["reason"])
                self.assertFalse(call["decision"]["enforced"])
                if name == "good":
                    self.assertTrue(call["upstream"]["probed"])
                    self.assertRegex(call["upstream"]["certificate"]["sha256"], "^[0-9a-f]{64}$")

    def test_malformed_http_passes_untouched(self):
        script = """
import socket
s = socket.create_connection(("plain.internal", 8081), timeout=20)
s.sendall(b"GET /odd HTTP/1.1\\nHost : x\\r\\n\\r\\n")
print(s.recv(100))
"""
        answer = self.python(script)
        self.assertIn("200 OK", answer.stdout, answer.stderr)
        self.assertIn(b"GET /odd HTTP/1.1\nHost : x\r\n\r\n", self.plain.bytes_received())

    def test_without_any_agent_calls_go_out_directly(self):
        process = self.agent.spawn(self.client, ["sh"], name="client", hosts=self.names, stdin=-1)
        process.stdin.write("echo up\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "up\n")
        self.agent.kill("both")
        try:
            out, _ = process.communicate("for i in 1 2 3 4 5 6 7 8 9 10; do curl -s --max-time 5 "
                                         "http://plain.internal:8081/alone && break; sleep 0.5; done\n", timeout=60)
            self.assertIn("plain", out)
        finally:
            self.agent.start()


if __name__ == "__main__":
    main()
