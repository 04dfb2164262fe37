"""Logs, proofs and checkpoints of callgate, checked by Go's golang.org/x/mod/sumdb, which knows nothing of callgate."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import sys
import unittest

sys.dont_write_bytecode = True
import verifier  # noqa: E402

BIN = pathlib.Path(os.environ["CALLGATE_BIN"])


class Log(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.scratch.name)
        cls.verifier = verifier.build(cls.root)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def make(self, log, size, *indexes, start=""):
        made = subprocess.run([BIN / "tlog_maker", log, str(size), *map(str, indexes)], check=True, capture_output=True,
                              text=True, timeout=120, env={**os.environ, "TLOG_FIRST_ENTRY": start})
        return made.stdout.strip()

    def verify(self, *arguments):
        return subprocess.run([self.verifier, *map(str, arguments)], capture_output=True, text=True, timeout=120)

    def accepted(self, *arguments):
        done = self.verify(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, *arguments):
        done = self.verify(*arguments)
        self.assertEqual(done.returncode, 1, f"{arguments} was accepted")
        self.assertTrue(done.stderr.startswith("tlog_verifier: "), done.stderr)

    def test_logs_at_the_borders_of_tiles_are_what_their_checkpoints_say(self):
        log = self.root / "borders"
        older = []
        for size in (1, 2, 255, 256, 257, 512, 65_536, 65_537):
            indexes = sorted({0, size // 2, size - 1})
            key = self.make(log, size, *indexes)
            with self.subTest(size=size):
                self.assertEqual(self.accepted("note", key, log / "checkpoint").split()[0], str(size))
                self.accepted("tree", key, log)
                for index in indexes:
                    self.accepted("proof", key, f"{log}.{index}.proof")
                for old in older:
                    self.accepted("consistent", key, log, old)
            kept = self.root / f"borders.{size}.checkpoint"
            shutil.copy(log / "checkpoint", kept)
            older.append(kept)

    def test_what_was_changed_is_refused(self):
        log = self.root / "changed"
        key = self.make(log, 300, 7)
        older = self.root / "changed.checkpoint"
        shutil.copy(log / "checkpoint", older)
        self.make(log, 600, 299)
        checks = [(("note", key, log / "checkpoint"), log / "checkpoint"),
                  (("proof", key, f"{log}.299.proof"), pathlib.Path(f"{log}.299.proof")),
                  (("tree", key, log), log / "tile/entries/001"),
                  (("tree", key, log), log / "tile/0/002.p/88"),
                  (("consistent", key, log, older), older)]
        for check, file in checks:
            with self.subTest(check=check[0], file=file.name):
                self.accepted(*check)
                content = file.read_bytes()
                for place in (0, len(content) // 3, len(content) // 2):
                    file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1:])
                    self.refused(*check)
                file.write_bytes(content)
                self.accepted(*check)

    def test_another_history_under_the_same_key_is_no_continuation(self):
        log, other = self.root / "first", self.root / "second"
        key = self.make(log, 100)
        shutil.copy(f"{log}.key", f"{other}.key")
        self.make(other, 50)
        self.accepted("consistent", key, log, other / "checkpoint")  # the same entries so far
        shutil.rmtree(other)
        self.make(other, 50, start="another beginning")
        self.accepted("tree", key, other)
        self.refused("consistent", key, log, other / "checkpoint")


if __name__ == "__main__":
    unittest.main()
