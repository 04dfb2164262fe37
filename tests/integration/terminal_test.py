"""What the command does on a terminal, and while calls are made: top, trace, and long output through a pager."""
import json
import os
import pty
import select
import signal
import subprocess
import termios
import time

from case import BedCase, main

from testbed.processes import end, wait_until

CALLS = "while sleep 0.05; do curl -s -o /dev/null http://target.internal:8080/often; curl -s -o /dev/null http://target.internal:8080/denied; done"


class Terminal(BedCase):
    def setUp(self):
        self.caller = self.agent.spawn(self.client, ["sh", "-c", CALLS], name="client", hosts=self.names)
        self.addCleanup(self.caller.communicate)
        self.addCleanup(self.caller.kill)
        wait_until(lambda: self.agent.json("workloads").get("workloads"), "the workload to be enrolled")

    def arguments(self, *arguments):
        return [os.path.join(self.bed.binaries, "callgate"), "--socket", f"{self.agent.run_dir}/control.sock", *arguments]

    def on_terminal(self, *arguments, environment=None):
        """Starts a command on a terminal of its own; (process, the terminal's other end)."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen(self.arguments(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                                   env={"PATH": os.environ["PATH"], "TERM": "xterm", **(environment or {})})
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        before = termios.tcgetattr(theirs)
        self.addCleanup(os.close, theirs)
        return process, ours, theirs, before

    @staticmethod
    def read_until(terminal, wanted, timeout=20):
        text, deadline = "", time.monotonic() + timeout
        while wanted not in text and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    text += os.read(terminal, 65536).decode(errors="replace")
                except OSError:
                    break
        return text

    def test_top_prints_one_picture_where_there_is_no_terminal(self):
        told = self.agent.command("top", "--interval", "1").stdout
        self.assertIn("calls/s", told)
        self.assertIn("client", told)
        self.assertIn("http:GET target.internal/often", told)
        self.assertNotIn("\x1b", told)
        seen = json.loads(self.agent.command("--json", "top", "--once", "--interval", "1", "--sort", "denied").stdout)
        self.assertGreater(seen["workloads"][0]["calls_per_second"], 2)
        self.assertEqual(seen["functions"][0]["name"], "http:GET target.internal/denied")
        self.assertGreater(seen["functions"][0]["denied_per_second"], 1)
        self.assertGreater(seen["functions"][0]["p99_us"], 0)

    def test_top_leaves_the_terminal_as_it_was(self):
        for ending in ("q", signal.SIGINT, signal.SIGTERM):
            process, terminal, theirs, before = self.on_terminal("top", "--interval", "0.5")
            text = self.read_until(terminal, "target.internal/often")
            self.assertIn("\x1b[?1049h", text)
            self.assertIn("target.internal/often", text)
            self.assertNotEqual(termios.tcgetattr(theirs)[3], before[3])
            if ending == "q":
                os.write(terminal, b"q")
            else:
                process.send_signal(ending)
            self.assertIn("\x1b[?1049l", self.read_until(terminal, "\x1b[?1049l"))
            self.assertEqual(process.wait(10), 143 if ending == signal.SIGTERM else 0)
            self.assertEqual(termios.tcgetattr(theirs)[3], before[3])

    def test_trace_shows_decisions_as_they_fall(self):
        trace = subprocess.Popen(self.arguments("trace", "client"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            lines = [trace.stdout.readline() for _ in range(6)]
        finally:
            status = end(trace, how=signal.SIGINT)
            trace.stdout.close()
            trace.stderr.close()
        self.assertEqual(status, 0)
        allowed = [line for line in lines if "  ALLOW  " in line.replace("ALLOW     ", "ALLOW")]
        self.assertTrue(any("/often" in line and "rule anything-else" in line and "completed 200" in line for line in allowed), lines)
        self.assertTrue(any(" DENY " in line and "/denied" in line and "not this one" in line for line in lines), lines)

    def test_trace_of_denials_goes_on_over_an_upgrade(self):
        trace = subprocess.Popen(self.arguments("--json", "trace", "client", "--denied"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 text=True)
        try:
            first = json.loads(trace.stdout.readline())
            self.agent.command("upgrade", timeout=60)
            generation = None
            for _ in range(300):
                generation = json.loads(trace.stdout.readline())["node_generation"]
                if generation != first["node_generation"]:
                    break
            self.assertNotEqual(generation, first["node_generation"])
        finally:
            end(trace, how=signal.SIGINT)
            trace.stdout.close()
            told = trace.stderr.read()
            trace.stderr.close()
        self.assertIn("callgated went away", told)

    def test_trace_of_nobody(self):
        refused = self.agent.command("trace", "nobody", check=False)
        self.assertEqual(refused.returncode, 5)
        self.assertIn("there are: client", refused.stderr)

    def test_long_output_goes_through_the_pager_on_a_terminal_only(self):
        mark = self.bed.path("pager.mark")
        pager = f"touch {mark}; cat"
        self.agent.command("workloads")
        self.assertFalse(os.path.exists(mark))
        wait_until(lambda: "client" in self.agent.command("sessions", "list").stdout, "a call to be recorded")
        for arguments, environment, paged in ((["workloads"], {"PAGER": pager}, True), (["workloads"], {"CALLGATE_PAGER": "", "PAGER": pager}, False),
                                              (["--no-pager", "workloads"], {"PAGER": pager}, False),
                                              (["--json", "workloads"], {"PAGER": pager}, False),
                                              (["sessions", "list"], {"CALLGATE_PAGER": pager}, True),
                                              (["workloads"], {"PAGER": "/nonexistent/pager"}, False)):
            with self.subTest(arguments=arguments, environment=environment):
                if os.path.exists(mark):
                    os.unlink(mark)
                process, terminal, _, _ = self.on_terminal(*arguments, environment=environment)
                self.assertIn("client", self.read_until(terminal, "client"))
                self.assertEqual(process.wait(20), 0)
                self.assertEqual(os.path.exists(mark), paged)

    def test_a_pager_that_ends_early_is_no_error(self):
        process, _, _, _ = self.on_terminal("sessions", "list", "--limit", "1000", environment={"PAGER": "true"})
        self.assertEqual(process.wait(20), 0)


if __name__ == "__main__":
    main()
