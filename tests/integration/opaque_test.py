"""Protocols that nobody here reads: `tcp:connect`, with redis-cli and redis-server, and whoever speaks first."""
import subprocess

from case import BedCase, main
from testbed.targets import listening
from testbed.processes import end, wait_until

POLICY = """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: opaque}
spec:
  callers: [{workload: client}]
  targets:
    - {host: 10.77.2.2, port: 6379, upstream: {port: 6380, tls: mutual}}
    - {host: 10.77.2.2, port: 6381, protocol: opaque, upstream: {tls: plaintext}}
    - {host: 10.77.2.2, port: 7000, upstream: {tls: plaintext}}
    - {host: 10.77.2.2, port: 7001, protocol: opaque, upstream: {tls: plaintext}}
    - {host: 10.77.2.2, port: 7002}
  rules:
    - {name: wire, functions: ["tcp:connect"], action: allow}
---
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: closed}
spec:
  callers: [{workload: client}]
  targets: [{host: 10.77.2.2, port: 7003, protocol: opaque}]
  rules:
    - {name: no-mail, functions: ["tcp:connect"], action: deny, reason: mail goes through the relay}
"""

# Greets, then says back every line; after the caller's end it says how many there were.
GREETER = """
import socketserver, sys
class Greeter(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 welcome\\r\\n")
        lines = 0
        for line in self.rfile:
            lines += 1
            self.wfile.write(b"said " + line)
        self.wfile.write(b"%d lines" % lines)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
Server(("0.0.0.0", int(sys.argv[1])), Greeter).serve_forever()
"""

HALF_CLOSE = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)
print(s.recv(100).decode().strip())
s.sendall(b"one\\ntwo\\n")
s.send(b"!", socket.MSG_OOB)
s.sendall(b"three\\n")
s.shutdown(socket.SHUT_WR)
print(b"".join(iter(lambda: s.recv(4096), b"")).decode())
"""


class Opaque(BedCase):
    policies = {"opaque.yaml": POLICY}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        bundle = cls.bed.path("bundle.pem")
        with open(bundle, "w", encoding="ascii") as file:
            file.write(cls.agent.command("identity", "bundle").stdout)
        certificate, key = cls.bed.certificates.issue("redis", addresses=[cls.target.address])
        cls.serve(6380, "redis-server", "--port", "0", "--tls-port", "6380", "--tls-cert-file", certificate,
                  "--tls-key-file", key, "--tls-ca-cert-file", bundle, "--tls-auth-clients", "yes", "--save", "",
                  "--protected-mode", "no", "--dir", cls.bed.path(""))
        cls.serve(6381, "redis-server", "--port", "6381", "--save", "", "--protected-mode", "no", "--dir", cls.bed.path(""))
        for port in (7000, 7001, 7002, 7003):
            cls.serve(port, "/usr/bin/python3", "-c", GREETER, port)

    @classmethod
    def serve(cls, port, *command):
        process = cls.target.start(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(end, process)
        wait_until(lambda: listening(cls.target, port), f"{command[0]} to listen on {port}")

    def redis(self, port, *command):
        return self.enrolled(["redis-cli", "-h", self.target.address, "-p", str(port), *command], name="client")

    def half_close(self, port):
        return self.enrolled(["/usr/bin/python3", "-c", HALF_CLOSE, self.target.address, str(port)], name="client",
                             check=False)

    def test_redis_speaks_plaintext_and_arrives_over_mutual_tls(self):
        answer, call = self.recorded(lambda: self.redis(6379, "set", "customer", "canary-7"))
        self.assertEqual(answer.stdout, "OK\n")
        self.assertEqual(call["function"], "tcp:connect")
        self.assertEqual(call["target"], {"host": self.target.address, "port": 6379})
        self.assertEqual(call["decision"]["rule"], "wire")
        self.assertTrue(call["upstream"]["mutual"])
        shown = self.agent.command("sessions", "show", call["session_id"]).stdout
        self.assertIn("canary-7", shown)
        self.assertIn("+OK", shown)

    def test_redis_on_a_port_that_is_named_opaque(self):
        self.assertEqual(self.redis(6381, "set", "many", "x" * 100_000).stdout, "OK\n")
        self.assertEqual(len(self.redis(6381, "get", "many").stdout), 100_001)

    def test_who_speaks_first_and_who_ends_first_is_as_on_a_direct_connection(self):
        direct = self.client.run("/usr/bin/python3", "-c", HALF_CLOSE, self.target.address, "7000").stdout
        self.assertIn("220 welcome\nsaid one\n", direct.replace("\r", ""))
        for port in (7000, 7001):
            with self.subTest(port=port):
                through = self.half_close(port)
                self.assertEqual(through.returncode, 0, through.stderr)
                # An urgent byte arrives in its place, and is not urgent any more.
                self.assertEqual(through.stdout.replace("said !three", "said three"), direct)
                self.assertIn("said !three", through.stdout)

    def test_a_target_that_must_prove_itself_and_cannot_gets_no_byte(self):
        answer, call = self.recorded(lambda: self.half_close(7002))
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("ConnectionResetError", answer.stderr)
        self.assertEqual((call["outcome"], call["error_code"]), ("refused", "tls_not_spoken"))

    def test_a_denied_connection_is_reset_before_its_target_is_dialled_and_says_why(self):
        answer, call = self.recorded(lambda: self.half_close(7003))
        self.assertIn("ConnectionResetError", answer.stderr)
        self.assertEqual(call["decision"]["rule"], "no-mail")
        self.assertEqual(call["decision"]["reason"], "mail goes through the relay")
        self.assertEqual(call["outcome"], "denied")
        # Control: the target does answer whoever is not enrolled.
        direct = self.client.run("/usr/bin/python3", "-c", HALF_CLOSE, self.target.address, "7003").stdout
        self.assertIn("220 welcome", direct)


if __name__ == "__main__":
    main()
