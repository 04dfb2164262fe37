"""CPU time of cgroups. cgroup2 counts it in every cgroup, whether or not the cpu controller is on."""
import os
import time

from testbed.agent import cgroup2_mount
from testbed.processes import Failure

LOOK = 0.1  # seconds between two looks
IDLE_US = 2000  # what an idle agent may use between two looks


def used_us(cgroup):
    """Microseconds of CPU (user and system) that the processes of a cgroup and of those below it have used so far."""
    with open(os.path.join(cgroup, "cpu.stat"), encoding="ascii") as file:
        for line in file:
            name, value = line.split()
            if name == "usage_usec":
                return int(value)
    raise Failure(f"{cgroup}/cpu.stat has no usage_usec")


def wait_settled(cgroup, timeout=120):
    """Waits until the cgroup's processes have nothing left to do; returns used_us() of that moment."""
    deadline = time.monotonic() + timeout
    before = used_us(cgroup)
    while time.monotonic() < deadline:
        time.sleep(LOOK)
        now = used_us(cgroup)
        if now - before <= IDLE_US:
            return now
        before = now
    raise Failure(f"the processes of {cgroup} are still busy after {timeout} s")


class Cgroup:
    """A cgroup of our own for a process that is measured."""

    def __init__(self, name):
        self.path = os.path.join(cgroup2_mount(), name)
        os.mkdir(self.path)

    def command(self, *command):
        """The command line that runs `command` in this cgroup."""
        return ["sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$@"', "sh", *map(str, command)]

    def close(self):
        os.rmdir(self.path)
