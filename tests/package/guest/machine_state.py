"""Looks at the machine, and waits for it: what the checks are made of."""
import json
import pathlib
import pwd
import re
import subprocess
import time

PATIENCE = 60  # seconds; emulated machines are slow


def run(*command):
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, text=True, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def knows(*command):
    """Whether the command has such a command or option: `--help` succeeds and names it."""
    done = subprocess.run(["callgate", command[0], "--help"], text=True, capture_output=True, check=False)
    return done.returncode == 0 and all(option in done.stdout for option in command[1:])


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def wait_until(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        expect(time.monotonic() < deadline, f"not within {PATIENCE} s: {what}")
        time.sleep(0.1)


def unit_property(unit, name):
    return run("systemctl", "show", "--value", "-p", name, unit).strip()


def workloads():
    """Names of what is under control."""
    return [workload["name"] for workload in json.loads(run("callgate", "--json", "workloads"))["workloads"]]


def outcomes(since=0.0):
    """What came of the calls that the shop began since a time (of the monotonic clock), in their order."""
    lines = [line.split() for line in pathlib.Path("/run/shop.log").read_text(encoding="utf-8").splitlines()]
    return [line[1] for line in lines if len(line) == 2 and float(line[0]) >= since]


def wait_for_outcome(wanted):
    """Until a call that begins from now on comes to that; the time at which it was asked for."""
    begun = time.monotonic()
    wait_until(f"a call of the shop that comes to {wanted}: {outcomes(begun)[-3:]}", lambda: wanted in outcomes(begun))
    return begun


def owners_of(name):
    """Users whose processes have that name."""
    owners = set()
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text(encoding="utf-8").strip() == name:
                status = (process / "status").read_text(encoding="utf-8")
                owners.add(pwd.getpwuid(int(re.search(r"^Uid:\s+(\d+)", status, re.MULTILINE).group(1))).pw_name)
        except FileNotFoundError:  # it has ended meanwhile
            continue
    return owners


def has_user(name):
    return any(entry.pw_name == name for entry in pwd.getpwall())
