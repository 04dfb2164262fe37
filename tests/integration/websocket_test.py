"""WebSocket, with the client and server of Python's websockets: through callgate as it is directly."""
import subprocess

from case import BedCase, main
from testbed.processes import end, wait_until
from testbed.targets import listening

POLICY = """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: sockets}
spec:
  callers: [{workload: client}]
  targets: [{host: chat.internal, port: 8765}]
  rules:
    - {name: no-admin, functions: ["http:GET /admin"], action: deny, reason: not for services}
    - {name: chat, functions: ["http:GET /**"], action: allow}
"""

SERVER = """
import asyncio, ssl, sys, websockets
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
async def talk(socket):
    async for message in socket:
        await socket.send(message[::-1])
async def serve():
    async with websockets.serve(talk, "0.0.0.0", int(sys.argv[1]), ssl=context, max_size=None):
        await asyncio.Future()
asyncio.run(serve())
"""

CLIENT = """
import asyncio, sys, websockets
async def talk():
    async with websockets.connect(sys.argv[1], max_size=None, compression=None) as socket:
        for message in ("hello canary-text", b"\\x00\\x01\\x02", "x" * 300000):
            await socket.send(message)
            answer = await socket.recv()
            assert answer == message[::-1], answer[:80]
        await (await socket.ping())
    print("closed", socket.close_code)
asyncio.run(talk())
"""


class WebSockets(BedCase):
    policies = {"sockets.yaml": POLICY}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        certificate, key = cls.bed.certificates.issue("chat", names=["chat.internal"])
        process = cls.target.start("/usr/bin/python3", "-c", SERVER, 8765, certificate, key, stdout=subprocess.DEVNULL)
        cls.addClassCleanup(end, process)
        wait_until(lambda: listening(cls.target, 8765), "the server to listen")
        cls.names = {"chat.internal": cls.target.address}

    def talk(self, path):
        return self.enrolled(["/usr/bin/python3", "-c", CLIENT, f"ws://chat.internal:8765{path}"], name="client", check=False)

    def test_a_plaintext_client_talks_to_a_tls_server_and_both_sides_are_recorded(self):
        answer, call = self.recorded(lambda: self.talk("/room"))
        self.assertEqual(answer.stdout, "closed 1000\n", answer.stderr)
        self.assertEqual((call["function"], call["status"], call["outcome"]),
                         ("http:GET chat.internal/room", 101, "completed"))
        self.assertTrue(call["upstream"]["verified"])
        self.assertGreater(int(call["request"]["size"]), 300_000)
        shown = self.agent.command("sessions", "show", call["session_id"]).stdout
        # The frame is binary, so that it is shown in hex.
        self.assertTrue("txet-yr" in shown, "the answer is not in the record")

    def test_a_denied_one_is_answered_in_http(self):
        answer = self.talk("/admin")
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("403", answer.stderr)


if __name__ == "__main__":
    main()
