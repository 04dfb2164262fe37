"""Who may read: what viewers, auditors, owners and others get of the sessions of a workload, as users of the host."""
import json
import os
import secrets
import subprocess

from case import BedCase, main

from testbed.processes import run, wait_until

VIEWER, AUDITOR, VIEWERS, AUDITORS, STRANGER = 31001, 31002, 31003, 31004, 31005
OWNER = 65534  # who runs the enrolled commands of the testbed
DENIED = 4


class Roles(BedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The testbed lets everybody start workloads, and so see their own; here most users may not.
        cls.agent.stop()
        with open(cls.agent.configuration, encoding="utf-8") as file:
            text = file.read()
        socket = f"  socket: {cls.agent.run_dir}/control.sock\n"
        text = text.replace(socket, socket + f"  viewers: [{VIEWER}, \"group:{VIEWERS}\"]\n"
                                             f"  auditors: [{AUDITOR}, \"group:{AUDITORS}\"]\n")
        text = text.replace('users: ["*"]', f"users: [{OWNER}]")
        with open(cls.agent.configuration, "w", encoding="utf-8") as file:
            file.write(text)
        cls.agent.start()

    def setUp(self):
        self.mark = secrets.token_hex(8)
        self.curl(f"/echo?q=query{self.mark}", "-H", f"X-Mark: head{self.mark}", "-d", f"body{self.mark}")
        self.session = wait_until(lambda: next((entry["session"] for entry in self.sessions()["sessions"]
                                                if f"body{self.mark}" in self.shown_to_root(entry["session"])), ""),
                                  "the record of the call")

    def shown_to_root(self, session):
        return self.agent.command("sessions", "show", session).stdout

    def ask(self, uid, *arguments, gid=None, groups=""):
        """Runs `callgate ARGUMENTS` as a user of the host."""
        supplementary = [f"--groups={groups}"] if groups else ["--clear-groups"]
        return run(["setpriv", f"--reuid={uid}", f"--regid={gid or uid}", *supplementary,
                    os.path.join(self.bed.binaries, "callgate"), "--socket", f"{self.agent.run_dir}/control.sock", *arguments],
                   check=False)

    def assert_reads_records_only(self, *arguments, **account):
        shown = self.ask(*arguments, "sessions", "show", self.session, **account)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("http:POST target.internal/echo", shown.stdout)
        self.assertIn("payload withheld", shown.stdout)
        self.assertIn("`control.auditors`", shown.stdout)
        machine = self.ask(*arguments, "--json", "sessions", "show", self.session, **account)
        parts = [json.loads(line) for line in machine.stdout.splitlines()]
        self.assertEqual([next(iter(part)) for part in parts], ["record", "payload_withheld"])
        # Of what was sent, nothing is shown in any form.
        for text in (shown.stdout, machine.stdout):
            for part in ("query", "head", "body"):
                self.assertNotIn(part + self.mark, text)
                self.assertNotIn((part + self.mark).encode().hex(), text)

    def assert_reads_everything(self, *arguments, **account):
        shown = self.ask(*arguments, "sessions", "show", self.session, **account)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("http:POST target.internal/echo", shown.stdout)
        self.assertNotIn("payload withheld", shown.stdout)
        machine = self.ask(*arguments, "--json", "sessions", "show", self.session, **account)
        data = "".join(json.loads(line).get("payload", {}).get("data", "") for line in machine.stdout.splitlines())
        for part in ("query", "head", "body"):
            self.assertIn(part + self.mark, shown.stdout)
            self.assertIn((part + self.mark).encode().hex(), data)

    def test_a_viewer_sees_records_and_is_told_that_payload_is_withheld(self):
        self.assert_reads_records_only(VIEWER)
        self.assert_reads_records_only(STRANGER, gid=VIEWERS)
        self.assert_reads_records_only(STRANGER, groups=f"1,{VIEWERS}")

    def test_a_viewer_is_not_told_that_a_search_found_nothing(self):
        self.assertEqual(self.ask(VIEWER, "sessions", "search", self.mark, "--since", "1h").returncode, DENIED)
        self.assertIn(self.mark, self.ask(AUDITOR, "sessions", "search", self.mark, "--since", "1h").stdout)

    def test_an_auditor_sees_payload_too(self):
        self.assert_reads_everything(AUDITOR)
        self.assert_reads_everything(STRANGER, gid=AUDITORS)
        self.assert_reads_everything(STRANGER, groups=f"1,{VIEWERS},{AUDITORS}")

    def test_the_owner_of_a_workload_sees_its_payload(self):
        self.assert_reads_everything(OWNER)

    def test_a_viewer_who_wants_no_payload_is_told_of_none(self):
        shown = self.ask(VIEWER, "sessions", "show", self.session, "--no-payloads")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertNotIn("withheld", shown.stdout)

    def test_others_see_nothing_and_are_told_which_keys_would_allow_it(self):
        for arguments in (["sessions", "show", self.session], ["sessions", "list"], ["workloads"], ["status"], ["metrics"],
                          ["identity", "show"]):
            answer = self.ask(STRANGER, *arguments, groups="1,2")
            self.assertEqual(answer.returncode, DENIED, answer.stdout + answer.stderr)
            self.assertEqual(answer.stdout, "")
            for key in ("run.users", "control.viewers", "control.auditors", "control.admins"):
                self.assertIn(key, answer.stderr)

    def test_viewers_and_auditors_see_the_agent_and_all_sessions_and_change_nothing(self):
        for uid in (VIEWER, AUDITOR):
            listed = json.loads(self.ask(uid, "--json", "sessions", "list").stdout)
            self.assertIn(self.session, [entry["session"] for entry in listed["sessions"]])
            for arguments in (["status"], ["workloads"], ["metrics"], ["identity", "show"]):
                answer = self.ask(uid, *arguments)
                self.assertEqual(answer.returncode, 0, answer.stderr)
            for arguments in (["enroll", "--pid", "1"], ["unenroll", "client"]):
                answer = self.ask(uid, *arguments)
                self.assertEqual(answer.returncode, DENIED, answer.stdout + answer.stderr)
                self.assertIn("control.admins", answer.stderr)

    def test_a_viewer_sees_running_workloads_of_others(self):
        process = self.agent.spawn(self.client, ["sh", "-c", "echo up; read line"], name="client-of-owner",
                                   stdin=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), "up\n")
        try:
            self.assertIn("client-of-owner", self.ask(VIEWER, "workloads").stdout)
            self.assertIn("client-of-owner", self.ask(VIEWER, "identity", "show").stdout)
            self.assertNotIn("client-of-owner", self.ask(STRANGER, "workloads").stdout)
        finally:
            process.communicate("\n", timeout=20)


if __name__ == "__main__":
    main()
