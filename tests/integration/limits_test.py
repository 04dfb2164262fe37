"""Limits and abuse: what one workload or target does, on purpose or not, costs the others nothing, and leaves nothing behind."""
import json
import os
import re
import time

from case import BedCase, main

from testbed.processes import run, wait_until

# Opens connections, one call on each, and holds them; prints how many it has, and holds on until its input ends.
HOLD = """
import resource, socket, sys
host, count, call = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "call"
resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[1:] * 2)
held, lost = [], 0
for number in range(count):
    try:
        s = socket.create_connection((host, 8080), timeout=10)
        if call:
            s.sendall(b"GET /held HTTP/1.1\\r\\nHost: target.internal:8080\\r\\n\\r\\n")
            if not s.recv(65536).startswith(b"HTTP/1.1 200"):
                raise OSError
        held.append(s)
    except OSError:
        lost += 1
print(len(held), lost, flush=True)
sys.stdin.read()
"""

# Heads that come in drops, on many connections at once; prints how the agent ended each one.
DRIP = """
import select, socket, sys, time
host, count = sys.argv[1], int(sys.argv[2])
open_ = []
for _ in range(count):
    s = socket.create_connection((host, 8080), timeout=10)
    s.sendall(b"GET /drip HTTP/1.1\\r\\nHost: target.internal:8080\\r\\nX-Slow: ")
    open_.append(s)
answers, end = {}, time.monotonic() + 15
while open_ and time.monotonic() < end:
    readable, _, _ = select.select(open_, [], [], 0.2)
    for s in readable:
        try:
            status = s.recv(65536)[9:12].decode()
        except OSError:
            status = "reset"
        answers[status] = answers.get(status, 0) + 1
        open_.remove(s)
        s.close()
    for s in open_:
        try:
            s.send(b"x")
        except OSError:
            pass
answers["open"] = len(open_)
import json
print(json.dumps(answers))
"""

# Resets in every phase of a call: after so many bytes of the request, or of the answer.
RESETS = """
import socket, struct, sys
host, rounds = sys.argv[1], int(sys.argv[2])
head = b"POST /echo HTTP/1.1\\r\\nHost: target.internal:8080\\r\\nContent-Length: 100000\\r\\n\\r\\n"
whole = head + b"b" * 100000
for _ in range(rounds):
    for sent, received in ((0, 0), (1, 0), (20, 0), (len(head) - 1, 0), (len(head), 0), (len(head) + 1, 0), (50000, 0),
                           (len(whole) - 1, 0), (len(whole), 0), (len(whole), 1), (len(whole), 60000)):
        s = socket.create_connection((host, 8080), timeout=10)
        s.sendall(whole[:sent])
        while received > 0:
            received -= len(s.recv(min(received, 4096)))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
print("done")
"""


class Limited(BedCase):
    def proxies(self):
        return self.agent.proxies()

    def descriptors(self):
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.proxies())

    def resident(self):
        """Bytes of memory of the proxy."""
        total = 0
        for pid in self.proxies():
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith(("Private_Dirty", "Private_Clean")))
        return total

    def open_connections(self):
        return sum(int(thread.get("open_connections", 0)) for thread in self.agent.json("status")["threads"])

    def hold(self, count, call="call", name="client", **options):
        """A workload that holds connections; (process, held, lost)."""
        process = self.agent.spawn(self.client, ["/usr/bin/python3", "-c", HOLD, self.target.address, str(count), call],
                                   name=name, stdin=-1, **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        held, lost = map(int, process.stdout.readline().split())
        return process, held, lost

    def let_go(self, process):
        process.communicate(timeout=60)
        wait_until(lambda: self.open_connections() == 0, "the connections to end", 30)


class Idle(Limited):
    settings = "limits:\n  connections: 8192\n  connections_per_workload: 8192\nproxy:\n  threads: 2\ntimeouts:\n  idle: 5m\n"
    policies = {"tests.yaml": """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: tests}
spec:
  callers: [{workload: client}]
  targets: [{host: target.internal, port: 8080, upstream: {port: 9443}}]
  rules: [{name: all, functions: ["http:* /**"], action: allow}]
"""}

    def test_ten_thousand_idle_connections(self):
        certificate, key = self.bed.certificates.issue("nginx", names=["target.internal"])
        self.bed.nginx(self.target, [f"listen 9443 ssl; ssl_certificate {certificate}; ssl_certificate_key {key};"
                                     " ssl_protocols TLSv1.3;"
                                     " location / { return 200 'ok'; }"], [9443])
        self.let_go(self.hold(200)[0])
        memory, descriptors = self.resident(), self.descriptors()
        most = []
        # Where this machine allows fewer open files, as many as those are enough for.
        fewer = re.search(r"connections_limited .* connections=([0-9]+)", self.agent.log())
        count = min(10000, int(fewer.group(1)) * 2 * 9 // 10) if fewer else 10000
        for _ in range(2):
            process, held, lost = self.hold(count)
            self.assertEqual((held, lost), (count, 0), self.agent.log()[-2000:])
            wait_until(lambda: self.open_connections() == count, "the count of open connections")
            most.append((self.resident() - memory) / count)
            self.assertEqual(self.curl("/beside").stdout, "ok")
            self.let_go(process)
        print(f"{count} connections, memory for an idle connection: {most[0]:.0f} B, the second time {most[1]:.0f} B")
        self.assertLess(most[0], 4096)
        self.assertLess(most[1], most[0] * 1.2 + 100)
        wait_until(lambda: self.descriptors() <= descriptors + 16, "the descriptors to be given back")


class FewDescriptors(Limited):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent.stop()
        cls.agent.start(open_files=2000)

    def test_the_connections_are_as_many_as_the_descriptors_are_enough_for(self):
        (proxy,) = self.proxies()
        self.assertIn("connections_limited", self.agent.log())
        self.assertIn("LimitNOFILE", self.agent.log())
        process, held, lost = self.hold(1200, name="client-many")
        self.assertGreater(held, 100)
        self.assertGreater(lost, 100)
        self.assertNotIn("accept_failed", self.agent.log())
        self.let_go(process)
        self.assertEqual(self.curl("/again").stdout, "GET /again\n")
        self.assertEqual(self.proxies(), [proxy])


class Abuse(Limited):
    settings = "limits:\n  connections_per_workload: 200\ntimeouts:\n  head: 2s\n  body: 2s\n  response: 2s\n"

    def test_a_flood_of_one_workload_leaves_the_others_alone(self):
        process, held, lost = self.hold(1500, call="none", name="client-flood")
        self.assertEqual(held + lost, 1500)
        wait_until(lambda: 0 < self.open_connections() <= 2 * 200, "the flood to be held to its limit")
        for number in range(30):
            self.assertEqual(self.curl(f"/beside-{number}").stdout, f"GET /beside-{number}\n")
        wait_until(lambda: "limit_connections" in self.agent.command("--json", "sessions", "list", "--limit", "1000", "--workload",
                                                                     "client-flood").stdout, "what was refused to be recorded")
        self.let_go(process)

    def test_heads_in_drops(self):
        slow = self.agent.spawn(self.client, ["/usr/bin/python3", "-c", DRIP, self.target.address, "150"], name="client-slow")
        self.addCleanup(slow.wait)
        self.addCleanup(slow.kill)
        time.sleep(0.5)
        for number in range(5):
            self.assertEqual(self.curl(f"/beside-slow-{number}").stdout, f"GET /beside-slow-{number}\n")
        out, err = slow.communicate(timeout=60)
        answers = json.loads(out)
        self.assertEqual(answers.pop("open"), 0, err)
        self.assertEqual(set(answers) - {"408", "reset"}, set())
        self.assertGreater(answers["408"], 140)

    def test_a_target_that_never_answers(self):
        started = time.monotonic()
        self.assertIn("504", self.curl("/silent", "-o", "/dev/null", "-w", "%{http_code}").stdout)
        self.assertLess(time.monotonic() - started, 20)

    def test_resets_in_every_phase(self):
        self.curl("/first")
        before = self.descriptors()
        done = self.python(RESETS, self.target.address, "10", timeout=120)
        self.assertEqual(done.stdout, "done\n", done.stderr)
        wait_until(lambda: self.open_connections() == 0, "the connections to end", 30)
        wait_until(lambda: self.descriptors() <= before + 40, "the descriptors to be given back")
        self.assertEqual(self.curl("/after").stdout, "GET /after\n")
        counters = self.agent.json("status")["threads"]
        flows = sum(int(thread.get("flows", 0)) for thread in counters)
        self.assertGreater(flows, 110)

    def test_a_day_in_a_minute(self):
        """All of it at once, over and over: memory and descriptors of the second half are those of the first."""
        def round_of_it():
            workers = [self.agent.spawn(self.client, ["/usr/bin/python3", "-c", RESETS, self.target.address, "15"], name="client-a"),
                       self.agent.spawn(self.client, ["/usr/bin/python3", "-c", DRIP, self.target.address, "60"], name="client-b")]
            for path in ("/large?size=3000000", "/drop", "/truncated", "/stream", "/early", "/denied", "/until-close"):
                self.curl(path, "-o", "/dev/null")
            process, _, _ = self.hold(150, name="client-c")
            process.communicate(timeout=60)
            for worker in workers:
                worker.communicate(timeout=60)
            wait_until(lambda: self.open_connections() == 0, "the connections to end", 30)
            return self.resident(), self.descriptors()

        measured = [round_of_it() for _ in range(8)]
        first, second = measured[2:5], measured[5:]
        self.assertLessEqual(min(memory for memory, _ in second), max(memory for memory, _ in first) * 1.05, measured)
        self.assertLessEqual(min(count for _, count in second), max(count for _, count in first), measured)


if __name__ == "__main__":
    main()
