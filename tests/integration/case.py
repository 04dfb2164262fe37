"""What integration tests share: a testbed for each file, one enrolled client host and one target host."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))

from testbed import Testbed  # noqa: E402

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


def main():
    if os.geteuid() != 0:
        print("skipped: makes network namespaces and attaches kernel programs, which takes root")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
