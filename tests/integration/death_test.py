"""kill -9 of the proxy, of callgated and of both, under load, repeatedly: nothing leaks, nothing answered goes unrecorded."""
import secrets
import subprocess

from case import BedCase, main

from testbed.processes import wait_until

LOAD = """
import http.client, sys, time
prefix, seconds = sys.argv[1], float(sys.argv[2])
end, number = time.monotonic() + seconds, 0
connection = None
while time.monotonic() < end:
    number += 1
    path = f"/{prefix}-{number}"
    try:
        if connection is None:
            connection = http.client.HTTPConnection("target.internal", 8080, timeout=10)
        connection.request("GET", path, headers={"X-Canary": prefix})
        response = connection.getresponse()
        body = response.read()
        if response.status == 200 and body == f"GET {path}\\n".encode():
            print("answered", path, flush=True)
        time.sleep(0.003)  # a steady load that a packet capture can follow
        if response.will_close:
            connection.close()
            connection = None
    except (OSError, http.client.HTTPException):
        if connection is not None:
            connection.close()
        connection = None
        time.sleep(0.02)
"""


class Death(BedCase):
    settings = "timeouts:\n  drain: 2s\n"

    def recorded_paths(self):
        """Paths of all calls in the records."""
        found, cursor = set(), None
        while True:
            page = self.agent.json("sessions", "list", "--calls", "--limit", "1000", *(["--cursor", cursor] if cursor else []))
            for session in page["sessions"]:
                for call in session["functions"]:
                    found.add(call.split("target.internal", 1)[-1])
            cursor = page.get("next_cursor")
            if not cursor:
                return found

    def kill_under_load(self, what, times):
        capture = self.bed.capture(f"death-{what}", self.client.device)
        prefix = f"canary-{secrets.token_hex(6)}"
        workers = [self.agent.spawn(self.client, ["/usr/bin/python3", "-c", LOAD, f"{prefix}-{i}", str(4 + 3 * times)],
                                    name="client", hosts=self.names) for i in range(3)]
        for _ in range(times):
            self.wait_for_calls(prefix)
            self.agent.kill(what)
            if what != "proxy":
                self.agent.start()
        self.wait_for_calls(prefix)
        answered = set()
        for worker in workers:
            out, err = worker.communicate(timeout=120)
            self.assertEqual(worker.returncode, 0, err)
            answered |= {line.split()[1] for line in out.splitlines()}
        self.assertGreater(len(answered), times * 10)
        capture.stop()
        self.assertFalse(capture.contains(prefix), "a call went out in the clear")
        wait_until(lambda: answered <= self.recorded_paths(), "every answered call to have its record", 30)
        return prefix

    def wait_for_calls(self, prefix):
        """Until the target got calls that it had not got before: service is up."""
        before = self.server.bytes_received().count(prefix.encode())
        wait_until(lambda: self.server.bytes_received().count(prefix.encode()) > before + 20, "calls to reach the target", 30)

    def test_control_the_capture_sees_a_call_that_is_not_enrolled(self):
        server = self.bed.text_server(self.target, 8099)
        capture = self.bed.capture("control", self.client.device)
        self.client.run("curl", "-s", "--max-time", "10", f"http://{self.target.address}:8099/canary-in-the-clear")
        capture.stop()
        self.assertTrue(capture.contains("canary-in-the-clear"))
        server.close()

    def test_the_proxy_dies(self):
        self.kill_under_load("proxy", 3)

    def test_callgated_dies(self):
        self.kill_under_load("node", 3)

    def test_both_die(self):
        self.kill_under_load("both", 3)


if __name__ == "__main__":
    main()
