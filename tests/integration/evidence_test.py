"""Records: one for each call and each refused flow, with payloads up to the limit and an explicit mark beyond it."""
import secrets

from case import BedCase, main

from testbed.processes import wait_until


class Evidence(BedCase):
    settings = "record:\n  payload_limit: 64KiB\n"

    def shown(self, session):
        return self.agent.command("sessions", "show", session).stdout

    def test_a_call_is_shown_with_who_what_and_both_bodies(self):
        mark = secrets.token_hex(8)
        _, call = self.recorded(lambda: self.curl("/echo?q=" + mark, "-d", f"request body {mark}"))
        shown = self.shown(call["session_id"])
        for part in ("client", "spiffe://callgate.local/", "/usr/bin/curl", "http:POST target.internal/echo", "anything-else",
                     "TLSv1.3", "target.internal", f"request body {mark}", "completed"):
            self.assertIn(part, shown)

    def test_a_denied_call_is_recorded_under_the_session_it_was_told(self):
        import json
        answer, call = self.recorded(lambda: self.curl("/denied"))
        problem = json.loads(answer.stdout)
        self.assertEqual((problem["session"], problem["call"]), (call["session_id"], call["call_id"]))
        shown = self.shown(problem["session"])
        self.assertIn("denied", shown)
        self.assertIn("not this one", shown)

    def test_a_long_body_is_cut_with_a_mark_and_its_size_is_whole(self):
        _, call = self.recorded(lambda: self.curl("/large?size=1000000", "-o", "/dev/null"))
        self.assertEqual(int(call["response"]["size"]), 1000000)
        self.assertIn("truncated", self.shown(call["session_id"]).lower())

    def test_the_calls_of_a_connection_are_one_session(self):
        script = """
import http.client
c = http.client.HTTPConnection("target.internal", 8080, timeout=30)
for i in range(7):
    c.request("GET", f"/{i}")
    c.getresponse().read()
"""
        _, records = self.recorded_by_new(lambda: self.python(script))
        session = records[0]["session_id"]
        wait_until(lambda: next(s["calls"] for s in self.sessions()["sessions"] if s["session"] == session) == 7,
                   "the seven calls of the session")

    def test_each_call_has_a_line_in_the_agents_log(self):
        mark = secrets.token_hex(8)
        self.curl(f"/log-{mark}?q=%0ahidden")

        def line():
            return next((text for text in self.agent.log().splitlines() if f"/log-{mark}" in text), "")

        wait_until(line, "the line of the call")
        for part in (" info ", "workload=client", "decision=allow", "outcome=completed", "status=200"):
            self.assertIn(part, line())

    def test_sessions_tail_follows(self):
        import os
        import subprocess
        process = subprocess.Popen([os.path.join(self.bed.binaries, "callgate"), "--socket",
                                    f"{self.agent.run_dir}/control.sock", "sessions", "tail", "--follow"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            mark = secrets.token_hex(8)
            os.set_blocking(process.stdout.fileno(), False)
            text = b""

            def heard():
                nonlocal text
                self.curl("/tail-" + mark)
                text += process.stdout.read() or b""
                return mark.encode() in text

            wait_until(heard, "a call to be seen by tail")
        finally:
            process.terminate()
            process.wait(10)
            process.stdout.close()


if __name__ == "__main__":
    main()
