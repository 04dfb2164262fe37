"""What is promised to be on disk is there after the power was lost, and nothing that was told elsewhere is taken back."""
import os
import random
import secrets
import shutil

from case import BedCase, main
from testbed.processes import wait_until

POLICY = """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: records}
spec:
  callers: [{workload: client}]
  targets:
    - {host: target.internal, port: 8080, upstream: {port: 8443}}
  rules:
    - {name: synced, functions: ["http:* /synced/**"], action: allow, record: {durability: synced}}
    - {name: written, functions: ["http:* /written/**"], action: allow}
"""


class PowerLoss(BedCase):
    """callgated runs with a library that keeps, beside its state, what its syncs made durable (tests/harness/power_loss)."""

    policies = {"records.yaml": POLICY}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.state = os.path.join(cls.agent.directory, "state")
        cls.copy = os.path.join(cls.bed.directory, "durable")
        cls.told = os.path.join(cls.bed.directory, "checkpoints")
        cls.agent.configure(f"record:\n  checkpoint_file: {cls.told}\n  segment_size: 1MiB\n")
        cls.agent.stop()
        cls.key = None

    def setUp(self):
        self.forget_kernel()
        shutil.rmtree(self.state, ignore_errors=True)
        os.makedirs(self.state, mode=0o700)
        if os.path.exists(self.told):
            os.remove(self.told)
        self.start()
        self.addCleanup(self.end)

    def end(self):
        if self.agent.process.poll() is None:
            self.agent.stop()

    def forget_kernel(self):
        """What a machine does not remember when it starts again."""
        shutil.rmtree(os.path.join(self.agent.pin_root, "callgate"), ignore_errors=True)
        shutil.rmtree(os.path.join(self.agent.run_dir, "rings"), ignore_errors=True)

    def seed(self):
        """What is there before callgated starts is durable."""
        shutil.rmtree(self.copy, ignore_errors=True)
        os.makedirs(os.path.join(self.copy, "files"))
        for directory, _, names in os.walk(self.state):
            tree = os.path.join(self.copy, "tree", os.path.relpath(directory, self.state))
            os.makedirs(tree, mode=0o700)
            for name in names:
                path = os.path.join(directory, name)
                content = os.path.join(self.copy, "files", str(os.stat(path).st_ino))
                shutil.copy2(path, content)
                os.symlink(content, os.path.join(tree, name))

    def start(self):
        self.seed()
        library = os.path.join(os.path.abspath(os.environ["CALLGATE_BIN"]), "harness", "libcallgate_durable.so")
        self.agent.start(variables=[f"LD_PRELOAD={library}", f"DURABLE_ROOT={self.state}", f"DURABLE_COPY={self.copy}"])

    def calls(self, kind, count):
        """Makes calls on one connection; their marks."""
        marks = [secrets.token_hex(8) for _ in range(count)]
        done = self.enrolled(["curl", "-sS", "--max-time", "30", "-w", "%{http_code} ", "-d", "some body",
                              *[word for mark in marks for word in ("-o", "/dev/null", f"http://target.internal:8080/{kind}/{mark}")]], name="client")
        self.assertEqual(done.stdout.split(), ["200"] * count, done.stderr)
        return marks

    def lose_power(self):
        """Ends everything at once; what is left is what was durable. Rings were in memory."""
        self.agent.kill("both")
        durable = os.path.join(self.bed.directory, "after")
        shutil.rmtree(durable, ignore_errors=True)
        shutil.copytree(os.path.join(self.copy, "tree"), durable)
        self.forget_kernel()
        lost = os.path.join(self.bed.directory, "lost")
        shutil.rmtree(lost, ignore_errors=True)
        os.rename(self.state, lost)
        os.rename(durable, self.state)
        os.chmod(self.state, 0o700)

    def recorded(self):
        """How often each mark has a record."""
        records = [record for session in self.agent.json("sessions", "list", "--limit", "1000")["sessions"]
                   for record in session["records"]]
        return [record["function"].rpartition("/")[2] for record in records]

    def assert_recorded(self, marks):
        """Each once, as soon as the newest are in the log."""
        found = wait_until(lambda: (lambda found: found if marks[-1] in found else None)(self.recorded()), "the last record")
        self.assertEqual([found.count(mark) for mark in marks], [1] * len(marks))

    def verified(self):
        """Against every checkpoint that was told elsewhere."""
        wait_until(lambda: os.path.exists(self.told) and os.path.getsize(self.told), "a checkpoint")
        with open(self.told, encoding="utf-8") as file:
            notes = file.read().split("\n\n")
        notes = [f"{text}\n\n{signature}\n" for text, signature in zip(notes[0::2], notes[1::2])]
        self.assertTrue(notes, "no checkpoint was told")
        for note in (notes[0], notes[len(notes) // 2], notes[-1]):
            kept = os.path.join(self.bed.directory, "kept")
            with open(kept, "w", encoding="utf-8") as file:
                file.write(note)
            answer = self.agent.command("audit", "verify", "--log", os.path.join(self.state, "log"), "--against", kept,
                                        check=False)
            self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr + note)

    def test_synced_calls_survive_and_no_checkpoint_is_taken_back(self):
        marks = []
        for _ in range(3):
            marks += self.calls("synced", 10)
            self.calls("written", 5)
        wait_until(lambda: os.path.exists(self.told) and os.path.getsize(self.told), "a checkpoint")
        self.lose_power()
        self.start()
        self.assert_recorded(marks)
        self.verified()

    def test_the_check_notices_what_was_not_durable(self):
        early = os.path.join(self.bed.directory, "early")
        self.calls("synced", 1)
        shutil.rmtree(early, ignore_errors=True)
        shutil.copytree(os.path.join(self.copy, "tree"), early)
        marks = self.calls("synced", 5)
        self.lose_power()
        shutil.rmtree(self.state)
        os.rename(early, self.state)
        os.chmod(self.state, 0o700)
        self.start()
        found = self.recorded()
        self.assertEqual([found.count(mark) for mark in marks], [0] * len(marks))

    def test_a_torn_end_is_cut_off_and_told(self):
        marks = self.calls("synced", 5)
        self.lose_power()
        journal = os.path.join(self.state, "journal")
        newest = max(os.listdir(journal), key=lambda name: int(name.partition("-")[2].partition(".")[0]))
        with open(os.path.join(journal, newest), "ab") as file:
            file.write(b"cgj2" + random.Random(7).randbytes(300))
        self.start()
        self.assert_recorded(marks)
        self.assertIn("journal_tail_cut", self.agent.log())
        more = self.calls("synced", 3)
        self.assert_recorded(more)

    def test_power_is_lost_again_and_again(self):
        marks = []
        for _ in range(4):
            marks += self.calls("synced", 8)
            self.lose_power()
            self.start()
        self.assert_recorded(marks)
        self.verified()


if __name__ == "__main__":
    main()
