"""A disk that cannot be written, or only slowly: nobody calls unrecorded, the message says why, and nothing is lost."""
import json
import os
import shutil
import subprocess

from case import BedCase, main
from testbed.processes import run, wait_until

POLICY = """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: records}
spec:
  callers: [{workload: client}]
  targets:
    - {host: target.internal, port: 8080, upstream: {port: 8443}}
  rules:
    - {name: recorded, functions: ["http:* /**"], action: allow}
"""

SIZE = 100_000  # of an answer
MANY = 25  # of them are five times what the ring holds

# Says for each line, which is a number, how the call with it on the one connection ended.
CALLER = f"""
import http.client, json, sys
c = http.client.HTTPConnection("target.internal", 8080, timeout=60)
for line in sys.stdin:
    try:
        c.request("GET", "/large?size={SIZE}", headers={{"X-Number": line.strip()}})
        r = c.getresponse()
        body = r.read()
    except ConnectionResetError:
        print(json.dumps([0, 0, "reset"]), flush=True)
        c.close()
        continue
    problem = json.loads(body)["type"].rpartition("/")[2] if r.status >= 400 else ""
    print(json.dumps([r.status, len(body), problem]), flush=True)
"""


class Disk(BedCase):
    """The agent's state lies on a file system of its own."""

    policies = {"records.yaml": POLICY}
    number = 0  # of the last call
    settings = "timeouts:\n  record: 1s\nrings:\n  size: 512KiB\n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent.stop()
        cls.state = os.path.join(cls.agent.directory, "state")
        cls.image = os.path.join(cls.bed.directory, "disk")

    def setUp(self):
        with open(self.image, "wb") as file:
            file.truncate(256 << 20)
        run(["mkfs.ext4", "-q", "-F", self.image])
        # A new disk, and a machine that remembers nothing.
        shutil.rmtree(os.path.join(self.agent.pin_root, "callgate"), ignore_errors=True)
        shutil.rmtree(os.path.join(self.agent.run_dir, "rings"), ignore_errors=True)
        self.mount()
        self.addCleanup(self.end)

    def mount(self):
        run(["mount", "-o", "loop", self.image, self.state])
        os.chmod(self.state, 0o700)

    def end(self):
        self.caller.communicate()  # it has the disk mounted, too
        if self.agent.process.poll() is None:
            self.agent.stop()
        run(["umount", self.state])

    def start(self, variables=()):
        self.agent.start(variables=variables)
        self.caller = self.agent.spawn(self.client, ["/usr/bin/python3", "-c", CALLER], name="client", hosts=self.names, stdin=subprocess.PIPE)

    def call(self):
        """Makes the next call; how it ended."""
        Disk.number += 1
        self.caller.stdin.write(f"{Disk.number}\n")
        self.caller.stdin.flush()
        line = self.caller.stdout.readline()
        return json.loads(line) if line else self.fail(self.caller.stderr.read())

    def call_until_refused(self):
        """How many calls were answered before."""
        answered = 0
        for _ in range(MANY):
            status, size, problem = self.call()
            if problem == "recording_unavailable":
                break
            # The ring may be full in the middle of an answer.
            self.assertIn([status, size, problem], ([200, SIZE, ""], [0, 0, "reset"]))
            answered += status == 200
        else:
            self.fail(f"{MANY} calls passed, and nothing can be recorded")
        # That one's answer may have been the first that found no space. Of the next one nothing leaves.
        self.assertEqual(self.call()[2], "recording_unavailable")
        self.assertNotIn(f"X-Number: {Disk.number}\r\n".encode(), self.server.bytes_received())
        self.assertIn(f"X-Number: {Disk.number - 2}\r\n".encode(), self.server.bytes_received())  # control
        return answered

    def wait_recorded(self, count):
        """Waits for the records of `count` calls, which are whole."""
        def complete():
            return [record for record in self.records() if record["outcome"] == "completed"]

        records = wait_until(lambda: complete() if len(complete()) >= count else None, f"{count} records", 60)
        self.assertEqual(len(records), count)
        self.assertEqual(len({record["call_id"] for record in records}), count)
        for record in records:
            self.assertEqual(int(record["response"]["hashed_size"]), SIZE)
            self.assertGreater(int(record["response"]["captured_size"]), SIZE)  # with its head
        return records

    def failure(self):
        """What the agent says of recording."""
        return self.agent.command("status", check=False).stdout + self.agent.command("doctor", check=False).stdout

    def test_a_disk_that_turns_read_only(self):
        self.start()
        self.assertEqual(self.call()[0], 200)
        self.wait_recorded(1)  # control: it works
        log = os.path.join(self.state, "log")
        wait_until(lambda: int(self.agent.command("audit", "checkpoint", "--log", log).stdout.splitlines()[1]) >= 1, "that to be on disk")
        run(["mount", "-o", "remount,abort", self.state])
        answered = self.call_until_refused()
        wait_until(lambda: "Read-only file system" in self.failure(), "the agent to say why")
        # What was answered meanwhile waits in the rings, also for another callgated.
        self.caller.communicate()
        self.agent.stop()
        run(["umount", self.state])
        run(["e2fsck", "-fy", self.image], check=False)  # says that it mended something
        self.mount()
        self.start()
        self.assertEqual(self.call()[0], 200)
        self.wait_recorded(1 + answered + 1)

    def test_a_directory_that_may_not_be_written_any_more(self):
        self.start()
        payload = os.path.join(self.state, "payload")
        run(["chattr", "+i", payload])
        self.addCleanup(run, ["chattr", "-i", payload])
        answered = self.call_until_refused()
        wait_until(lambda: "Operation not permitted" in self.failure() and payload in self.failure(), "the agent to say why")
        run(["chattr", "-i", payload])
        # It goes on by itself.
        wait_until(lambda: self.call()[0] == 200, "calls to be made again")
        self.wait_recorded(answered + 1)
        self.assertIn("recording_resumed", self.agent.log())

    def test_a_slow_disk_slows_calls_down_and_loses_none(self):
        library = os.path.join(os.path.abspath(os.environ["CALLGATE_BIN"]), "harness", "libcallgate_durable.so")
        copy = os.path.join(self.bed.directory, "durable")
        os.makedirs(copy, exist_ok=True)
        self.start([f"LD_PRELOAD={library}", f"DURABLE_ROOT={self.state}", f"DURABLE_COPY={copy}", "DURABLE_DELAY_MS=100"])
        waited = 0
        for _ in range(MANY):
            self.assertEqual(self.call()[:2], [200, SIZE])
            waited = max(waited, *(int(thread["ring_used"]) for thread in self.agent.json("status")["threads"]))
        self.assertGreater(waited, SIZE)  # control: the disk was the slower one
        self.wait_recorded(MANY)


if __name__ == "__main__":
    main()
