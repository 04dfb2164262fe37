"""Connection set-up, of a workload that is enrolled and of one that is not: time of connect(), and CPU."""
import functools
import glob
import json
import os
import statistics
import sys
from dataclasses import dataclass

import cpu
from testbed import Testbed
from testbed.processes import run, wait_until

PORT = 8080
COUNT = 1200  # connections of one turn: of all rounds so few that a free port is found at once
WARM_UP = 100

POLICY = """apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: bench}
spec:
  mode: enforce
  callers: [{workload: bench}]
  targets: [{host: target.internal}]
  rules: [{name: calls, functions: ["http:* /**"], action: allow}]
"""

# Connects and closes, without a byte: what is timed is connect() alone.
CLIENT = """
import json, resource, socket, sys, time
address, warm_up, count = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3]), int(sys.argv[4])
def connect():
    s = socket.socket()
    began = time.perf_counter_ns()
    s.connect(address)
    took = time.perf_counter_ns() - began
    s.close()
    return took
for _ in range(warm_up):
    connect()
before = resource.getrusage(resource.RUSAGE_SELF)
took = sorted(connect() for _ in range(count))
after = resource.getrusage(resource.RUSAGE_SELF)
used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(json.dumps({"connect_us": took[count // 2] / 1000, "cpu_us": used * 1e6 / count}))
"""


@dataclass(frozen=True)
class Round:
    """Microseconds for each connection."""

    direct: float  # connect()
    captured: float
    direct_cpu: float  # of the client, both system calls and their share of the network
    captured_cpu: float
    agent_cpu: float  # of everything of the agent, until the connection's record is written

    @property
    def time(self):
        return self.captured / self.direct

    @property
    def client(self):
        return self.captured_cpu / self.direct_cpu


class World:
    def __init__(self, bed):
        self.client, self.target = bed.host("client"), bed.host("target")
        for host in (bed.node, self.client, self.target):
            host.start = functools.partial(host.start, start_new_session=True)
        bed.nginx(self.target, [f"    listen {PORT} reuseport backlog=4096; access_log off;"], [PORT])
        self.agent = bed.agent(policies={"bench.yaml": POLICY}, settings="proxy:\n  threads: 1\n")
        self.cgroup, = glob.glob(os.path.join(self.agent.cgroup_root, "agent-*"))
        self.flows = 0
        self.command = ["/usr/bin/python3", "-c", CLIENT, self.target.address, str(PORT), str(WARM_UP), str(COUNT)]

    def direct(self):
        return json.loads(run(["setsid", "-w", *self.client.command(*self.command)], timeout=120).stdout)

    def captured(self):
        before = cpu.wait_settled(self.cgroup)
        inside = self.agent.workload_command(self.client, self.command, name="bench")
        done = json.loads(run(["setsid", "-w", *inside], timeout=120).stdout)
        used = cpu.wait_settled(self.cgroup) - before
        self.flows += COUNT + WARM_UP
        wait_until(lambda: sum(int(thread["flows"]) for thread in self.agent.json("status")["threads"]) == self.flows,
                   "the agent to count every connection")
        return done, used / (COUNT + WARM_UP)

    def round(self, number):
        if number % 2 == 0:
            direct = self.direct()
            captured, agent = self.captured()
        else:
            captured, agent = self.captured()
            direct = self.direct()
        return Round(direct["connect_us"], captured["connect_us"], direct["cpu_us"], captured["cpu_us"], agent)


def spread(values):
    return {"median": round(statistics.median(values), 3), "min": round(min(values), 3), "max": round(max(values), 3)}


def figures(rounds):
    return {"time": spread([r.time for r in rounds]), "client": spread([r.client for r in rounds])}


def table(rounds):
    def line(name, direct, captured, ratio):
        s = spread(ratio)
        return (f"{name:16}{statistics.median(direct):9.1f} us{statistics.median(captured):12.1f} us"
                f"{s['median']:10.2f} ({s['min']:.2f} to {s['max']:.2f})")

    return "\n".join([
        "Connection set-up, medians; ratios of enrolled to not enrolled in the same round: median (min to max)", "",
        f"{'':16}{'not enrolled':>12}{'enrolled':>15}{'ratio':>26}",
        line("connect()", [r.direct for r in rounds], [r.captured for r in rounds], [r.time for r in rounds]),
        line("CPU of the caller", [r.direct_cpu for r in rounds], [r.captured_cpu for r in rounds], [r.client for r in rounds]),
        f"CPU of the agent for each: {statistics.median([r.agent_cpu for r in rounds]):.1f} us"])


def measure(binaries, count):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    rounds = []
    with Testbed(binaries) as bed:
        world = World(bed)
        for number in range(count):
            done = world.round(number)
            rounds.append(done)
            print(f"round {number + 1} of {count}: connect() {done.direct:.1f} us, enrolled {done.captured:.1f} us", file=sys.stderr,
                  flush=True)
    return rounds
