"""What integration tests share: a testbed for each file, one enrolled client host and one target host."""
import os
import sys
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

from testbed import Testbed  # noqa: E402
from testbed.processes import wait_until  # noqa: E402

SKIPPED = 77  # what ctest takes for "skipped"

POLICY = """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: tests}
spec:
  mode: enforce
  callers: [{workload: "client*"}]
  targets:
    - {host: target.internal, port: 8080, upstream: {port: 8443}}
  rules:
    - {name: denied, functions: ["http:* /denied", "http:* /denied/**"], action: deny, reason: not this one}
    - {name: anything-else, functions: ["http:* /**"], action: allow}
"""


class BedCase(unittest.TestCase):
    """One testbed for all tests of a class. Override `policies` and `settings` to change the agent."""

    policies = {"tests.yaml": POLICY}
    settings = ""

    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed(os.environ["CALLGATE_BIN"])
        cls.bed.__enter__()
        cls.addClassCleanup(cls.bed.close)
        cls.client, cls.target = cls.bed.host("client"), cls.bed.host("target")
        cls.names = {"target.internal": cls.target.address}
        cls.server = cls.bed.scripted_server(cls.target, 8443, ["target.internal"])
        cls.agent = cls.bed.agent(settings=cls.settings, policies=cls.policies)

    def enrolled(self, command, **options):
        """Runs a command as an enrolled workload of the client host; returns the CompletedProcess."""
        options.setdefault("hosts", self.names)
        return self.agent.run(self.client, command, **options)

    def curl(self, path, *options, **more):
        return self.enrolled(["curl", "-sS", "--max-time", "30", *options, f"http://target.internal:8080{path}"], **more)

    def python(self, script, *arguments, **more):
        return self.enrolled(["/usr/bin/python3", "-c", script, *arguments], **more)

    def sessions(self):
        return self.agent.json("sessions", "list")

    def records(self):
        """Newest first, which is by when they ended: what began earlier may come later."""
        return [record for session in self.sessions()["sessions"] for record in session["records"]]

    def recorded_by_new(self, make):
        """What `make`, which starts processes that make calls, returns, and the records of theirs, once there are any.

        Of processes that were there before there are none among them, however late those are recorded: the kernel told when
        the caller of each call started.
        """
        since = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        answer = make()

        def found():
            return [record for record in self.records() if int(record.get("process", {}).get("start_ns", 0)) >= since]

        return answer, wait_until(found, "the record of the call")

    def recorded(self, make):
        """The same for a process that makes one call, and that call's record."""
        answer, records = self.recorded_by_new(make)
        self.assertEqual(len(records), 1, records)
        return answer, records[0]


def main():
    if os.geteuid() != 0:
        print("skipped: makes network namespaces and attaches kernel programs, which takes root")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
