"""What calls wait for before they leave: their record on disk, in the agent, or nothing. A stopped callgated writes nothing."""
import json
import os
import signal

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
    - {name: async, functions: ["http:* /async/**", "http:GET /large"], action: allow, record: {durability: async}}
    - {name: written, functions: ["http:* /written/**"], action: allow}
"""

# Says for each line, which is a path, how the call for it on the one connection ended.
CALLER = """
import http.client, json, sys
c = http.client.HTTPConnection("target.internal", 8080, timeout=60)
for line in sys.stdin:
    c.request("GET", line.strip())
    r = c.getresponse()
    body = r.read()
    problem = json.loads(body)["type"].rpartition("/")[2] if r.status >= 400 else ""
    print(json.dumps([r.status, len(body), problem]), flush=True)
"""


class Durability(BedCase):
    policies = {"records.yaml": POLICY}
    settings = "timeouts:\n  record: 1s\nrings:\n  size: 512KiB\n"

    def setUp(self):
        self.caller = self.agent.spawn(self.client, ["/usr/bin/python3", "-c", CALLER], name="client", hosts=self.names, stdin=-1)
        self.addCleanup(self.caller.communicate)

    def call(self, path):
        self.caller.stdin.write(path + "\n")
        self.caller.stdin.flush()
        line = self.caller.stdout.readline()
        return json.loads(line) if line else self.fail(self.caller.stderr.read())

    def stop_callgated(self):
        pid = self.agent.pid()
        self.addCleanup(os.kill, pid, signal.SIGCONT)
        os.kill(pid, signal.SIGSTOP)
        return pid

    def unrecorded(self):
        return sum(int(thread["calls_unrecorded"]) for thread in self.agent.json("status")["threads"])

    def test_a_synced_call_is_refused_while_nothing_reaches_the_disk_and_its_target_hears_nothing(self):
        # Also makes the connection to the target that later calls use: new ones would need callgated.
        self.assertEqual(self.call("/synced/first")[0], 200)
        pid = self.stop_callgated()
        self.assertEqual(self.call("/written/meanwhile")[0], 200)
        self.assertEqual(self.call("/synced/refused")[0::2], [503, "record_not_synced"])
        self.assertEqual(self.call("/written/afterwards")[0], 200)
        received = self.server.bytes_received()
        self.assertNotIn(b"/synced/refused", received)
        self.assertIn(b"/written/meanwhile", received)  # control: the target was there
        self.assertIn(b"/written/afterwards", received)
        os.kill(pid, signal.SIGCONT)
        self.assertEqual(self.call("/synced/last")[0], 200)
        self.assertIn(b"/synced/last", self.server.bytes_received())
        refused = wait_until(lambda: [record for record in self.records() if record["error_code"] == "record_not_synced"],
                             "the refusal to be recorded")
        self.assertEqual([record["function"] for record in refused], ["http:GET target.internal/synced/refused"])

    def test_async_calls_go_on_while_the_ring_is_full_and_are_counted(self):
        proxies = self.agent.proxies()
        self.assertEqual(self.call("/large?size=100000")[:2], [200, 100000])
        before = self.unrecorded()
        pid = self.stop_callgated()
        # Five times what the ring holds.
        for _ in range(25):
            self.assertEqual(self.call("/large?size=100000")[:2], [200, 100000])
        self.assertEqual(self.call("/async/unrecorded")[0], 200)
        # Control: there is no space, and who must be recorded is refused.
        self.assertEqual(self.call("/written/refused")[0::2], [503, "recording_unavailable"])
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: self.unrecorded() > before, "the proxy to tell")
        # What tells of the gap is taken for what it is: recording goes on, by the same proxy.
        self.assertEqual(self.call("/async/after")[0], 200)
        wait_until(lambda: any(record["function"] == "http:GET target.internal/async/after" for record in self.records()),
                   "the next call to be recorded")
        self.assertNotIn("http:GET target.internal/async/unrecorded", {record["function"] for record in self.records()})
        self.assertEqual(self.agent.proxies(), proxies)


if __name__ == "__main__":
    main()
