"""Evidence of a running agent: verified, proved to others, held, erased, and kept through damage."""
import os
import secrets
import shutil
import subprocess
import tempfile

import verifier
from case import BedCase, main
from testbed.processes import wait_until


class Audit(BedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.verifier = verifier.build(cls.scratch.name)
        cls.state = os.path.join(cls.agent.directory, "state")
        cls.log = os.path.join(cls.state, "log")

    def setUp(self):
        if self.agent.process.poll() is not None:
            self.agent.start()

    def call(self):
        """Makes a call with a body of its own; the record and the mark in it."""
        mark = secrets.token_hex(8)
        self.curl(f"/echo/{mark}", "-d", f"body {mark}")
        return wait_until(lambda: self.records(f"*{mark}"), "the record")[0], mark

    def records(self, function):
        page = self.agent.json("sessions", "list", "--calls", "--function", f"http:* target.internal/echo/{function}")
        return [record for session in page["sessions"] for record in session["records"]]

    def audit(self, *arguments):
        return self.agent.command("audit", *arguments, check=False)

    def verified(self, log=None, *more):
        return self.audit("verify", "--log", log or self.log, *more)

    def kept(self, name):
        return os.path.join(self.scratch.name, name)

    def events(self, kind):
        """Of the log, as it is on disk once a checkpoint covers it."""
        found = b""
        for directory, _, names in sorted(os.walk(self.log)):
            for name in sorted(names):
                if "entries" in directory:
                    with open(os.path.join(directory, name), "rb") as file:
                        found += file.read()
        return found.count(kind)

    def test_the_log_of_a_running_agent_verifies_and_any_change_is_found(self):
        self.call()
        checkpoint = self.kept("checkpoint")
        wait_until(lambda: self.audit("checkpoint", "--log", self.log, "--to", checkpoint).returncode == 0, "a checkpoint")
        self.call()
        self.agent.stop()
        self.assertEqual(self.verified(None, "--against", checkpoint).returncode, 0, self.verified().stdout)
        self.assertIn("integrity", self.verified().stdout)
        self.assertIn("completeness", self.verified().stdout)
        copy = self.kept("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.log, copy)
        for directory, _, names in os.walk(os.path.join(copy, "000001", "tile")):
            for name in names:
                path = os.path.join(directory, name)
                with open(path, "r+b") as file:
                    content = bytearray(file.read())
                    content[len(content) // 2] ^= 1
                    file.seek(0)
                    file.write(content)
                self.assertEqual(self.verified(copy).returncode, 1, path)
                content[len(content) // 2] ^= 1
                with open(path, "wb") as file:
                    file.write(content)
        self.assertEqual(self.verified(copy).returncode, 0)

    def test_a_call_is_proved_to_somebody_who_has_neither_log_nor_callgate(self):
        record, _ = self.call()
        proof = self.kept("proof")
        answer = self.audit("prove", record["call_id"], "--to", proof)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        key = self.audit("key", "--log", self.log).stdout.strip()
        self.assertEqual(self.audit("check-proof", proof, "--key", key).returncode, 0)
        with open(proof, encoding="utf-8") as file:
            text = file.read()
        epoch_key = self.audit("key", "--log", self.log, "--epoch", "1").stdout.strip()
        done = subprocess.run([self.verifier, "proof", epoch_key, proof], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        changed = self.kept("changed")
        index = text.index("\nindex ") + 7
        with open(changed, "w", encoding="utf-8") as file:
            file.write(text[:index] + "9" + text[index:])
        self.assertNotEqual(self.audit("check-proof", changed, "--key", key).returncode, 0)
        done = subprocess.run([self.verifier, "proof", epoch_key, changed], capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)

    def test_what_is_held_is_not_erased_and_what_is_erased_is_gone_for_good(self):
        record, mark = self.call()
        session = record["session_id"]
        self.assertIn(f"body {mark}", self.agent.command("sessions", "show", session).stdout)
        self.assertEqual(self.audit("hold", "set", "case-1", "--since", "1h", "--reason", "a test").returncode, 0)
        self.assertIn("case-1", self.audit("hold", "list").stdout)
        refused = self.audit("erase", session, "--yes")
        self.assertEqual(refused.returncode, 4, refused.stdout)
        self.assertIn("case-1", refused.stderr)
        self.assertIn(f"body {mark}", self.agent.command("sessions", "show", session).stdout)
        self.assertEqual(self.audit("hold", "release", "case-1").returncode, 0)
        self.assertNotEqual(self.audit("erase", session).returncode, 0, "without --yes")
        erased = self.audit("erase", session, "--yes")
        self.assertEqual(erased.returncode, 0, erased.stderr)
        shown = self.agent.command("sessions", "show", session, check=False).stdout
        self.assertNotIn(f"body {mark}", shown)
        self.assertIn("erased", shown)
        self.agent.stop()
        self.assertEqual(self.verified().returncode, 0)

    def test_each_look_at_payload_is_in_the_log(self):
        record, _ = self.call()
        self.agent.stop()
        before = self.events(b"payload of")
        self.agent.start()
        self.agent.command("sessions", "show", record["session_id"], "--no-payloads")
        self.agent.stop()
        self.assertEqual(self.events(b"payload of"), before)
        self.agent.start()
        self.agent.command("sessions", "show", record["session_id"])
        self.agent.stop()
        self.assertEqual(self.events(b"payload of"), before + 1)

    def test_the_index_is_made_anew_on_demand_and_when_it_is_damaged(self):
        record, mark = self.call()
        answer = self.audit("reindex")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertEqual(len(self.records(f"*{mark}")), 1)
        self.agent.stop()
        index = os.path.join(self.state, "index")
        for name in os.listdir(index):
            with open(os.path.join(index, name), "r+b") as file:
                file.write(b"no database at all")
        self.agent.start()
        self.assertEqual([found["call_id"] for found in self.records(f"*{mark}")], [record["call_id"]])

    def test_a_log_that_does_not_verify_is_not_appended_to(self):
        self.call()
        self.agent.stop()
        kept = self.kept("log")
        shutil.copytree(self.log, kept)
        entries = os.path.join(self.log, "000001", "checkpoint")
        with open(entries, "r+b") as file:
            content = bytearray(file.read())
            content[-10] ^= 1
            file.seek(0)
            file.write(content)
        self.agent.start(wait=False)
        self.assertNotEqual(self.agent.process.wait(30), 0)
        self.assertIn("log_damaged", self.agent.log())
        shutil.rmtree(self.log)
        shutil.move(kept, self.log)
        self.agent.start()
        self.call()


if __name__ == "__main__":
    main()
