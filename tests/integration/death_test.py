"""kill -9 of the proxy, of callgated and of both, under load, repeatedly: nothing leaks, nothing answered goes unrecorded."""
import secrets

from case import BedCase, main

from testbed.load import Load, recorded_paths
from testbed.processes import wait_until


class Death(BedCase):
    settings = "timeouts:\n  drain: 2s\n"

    def kill_under_load(self, what, times):
        capture = self.bed.capture(f"death-{what}", self.client.device)
        prefix = f"canary-{secrets.token_hex(6)}"
        loads = [Load(self.agent, self.client, f"{prefix}-{i}", 4 + 3 * times, kept=True, hosts=self.names) for i in range(3)]
        for _ in range(times):
            self.wait_for_calls(prefix)
            self.agent.kill(what)
            if what != "proxy":
                self.agent.start()
        self.wait_for_calls(prefix)
        answered = set()
        for load in loads:
            answered |= set(load.finish()[0])
        self.assertGreater(len(answered), times * 10)
        capture.stop()
        self.assertFalse(capture.contains(prefix), "a call went out in the clear")
        wait_until(lambda: answered <= set(recorded_paths(self.agent, prefix)), "every answered call to have its record", 30)
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
