"""What must hold in the machine: the first time that it boots, and the second time."""
import collections
import pathlib
import subprocess
import time
import traceback

from machine_state import (expect, has_user, knows, outcomes, owners_of, run, unit_property, wait_for_outcome, wait_until,
                           workloads)

POLICY = pathlib.Path("/etc/callgate/policies/shop.yaml")
BOOTED_BEFORE = pathlib.Path("/var/lib/package-test-booted")
DENY = """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: shop}
spec:
  mode: enforce
  callers: [{workload: shop}]
  targets: [{host: 192.0.2.10, port: 80}]
  rules: [{name: nothing, functions: ["http:* /**"], action: deny, reason: closed}]
"""


def enrol():
    """With a persistent enrolment where this version has one."""
    if knows("enroll", "--unit", "--persist"):
        run("callgate", "enroll", "--unit", "shop", "--persist", "--name", "shop")
    else:
        run("callgate", "enroll", "--cgroup", "/sys/fs/cgroup/system.slice/shop.service", "--name", "shop")


def starts_before_ordinary_services():
    expect(unit_property("callgated", "ActiveState") == "active", run("systemctl", "status", "callgated"))
    ready, basic = (int(unit_property(unit, "ActiveEnterTimestampMonotonic")) for unit in ("callgated", "basic.target"))
    expect(0 < ready <= basic, f"callgated was ready at {ready}, basic.target reached at {basic}")
    run("callgate", "status")


def proxy_runs_as_its_own_user():
    users = owners_of("callgate-proxy")
    expect(users == {"callgate-proxy"}, f"users of the proxy: {users}")


def observes_without_a_policy():
    wait_for_outcome("200")
    enrol()
    begun = wait_for_outcome("200")
    wait_until("a record of the shop's call", lambda: "192.0.2.10" in run("callgate", "sessions", "list"))
    expect(set(outcomes(begun)) == {"200"}, f"observing changed something: {outcomes(begun)}")


def runs_commands_as_workloads():
    call = "import urllib.request as r; print(r.urlopen('http://192.0.2.10/').status)"
    expect(run("callgate", "run", "--name", "job", "--", "/usr/bin/python3", "-c", call) == "200\n", "the call failed")
    wait_until("a record of the job's call", lambda: "job" in run("callgate", "sessions", "list"))


def host_lacks_nothing():
    found = run("callgate", "doctor")
    expect(all(line.startswith("ok ") for line in found.splitlines() if line), found)


def restart_keeps_open_connections():
    command = ["callgate", "run", "--name", "held", "--", "/usr/bin/python3", "/usr/local/lib/package-test/held_call.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as call:
        wait_until("the call has begun", pathlib.Path("/run/held-call-begun").exists)
        run("systemctl", "restart", "callgated")
        pathlib.Path("/run/held-call-go").touch()
        answer, _ = call.communicate(timeout=60)
    expect(" 200 " in answer, f"the answer to a call that was open at the restart: {answer!r}")
    expect("shop" in workloads(), f"workloads: {workloads()}")


def enforces_a_policy():
    POLICY.write_text(DENY, encoding="utf-8")
    wait_for_outcome("403")


def upgrade_frees_nobody():
    before = unit_property("callgated", "MainPID")
    begun = time.monotonic()
    run("dpkg", "--force-unsafe-io", "-i", "/callgate.deb")
    wait_until("callgated runs again", lambda: unit_property("callgated", "ActiveState") == "active")
    expect(unit_property("callgated", "MainPID") != before, "the old callgated still runs")
    wait_for_outcome("403")
    expect("shop" in workloads(), f"workloads: {workloads()}")
    # The new one takes over without a refused connection.
    expect(set(outcomes(begun)) == {"403"}, f"calls during the upgrade: {outcomes(begun)}")
    print(f"   calls during the upgrade: {dict(collections.Counter(outcomes(begun)))}", flush=True)


def stopped_agent_refuses():
    begun = time.monotonic()
    run("systemctl", "stop", "callgated")
    wait_for_outcome("refused")
    expect("200" not in outcomes(begun), f"calls got out: {outcomes(begun)}")


def enrolment_is_as_asked_for_after_a_reboot():
    run("callgate", "status")
    if knows("enroll", "--unit", "--persist"):
        wait_for_outcome("403")
        expect("200" not in outcomes(), f"calls got out: {outcomes()}")
    else:
        expect(workloads() == [], f"workloads of another boot: {workloads()}")
        enrol()
        wait_for_outcome("403")


def removal_frees_and_keeps_the_state():
    run("dpkg", "--force-unsafe-io", "-r", "callgate")
    begun = wait_for_outcome("200")
    wait_for_outcome("200")
    expect(set(outcomes(begun)) == {"200"}, f"not free: {outcomes(begun)}")
    for path in ("/etc/callgate/callgate.yaml", "/var/lib/callgate/identity"):
        expect(pathlib.Path(path).exists(), f"removed: {path}")
    expect(not pathlib.Path("/sys/fs/bpf/callgate").exists(), "pins are left")


def purge_leaves_nothing():
    run("dpkg", "--force-unsafe-io", "-P", "callgate")
    left = [path for path in ("/etc/callgate", "/var/lib/callgate", "/run/callgate", "/sys/fs/bpf/callgate",
                              "/sys/fs/cgroup/callgate") if pathlib.Path(path).exists()]
    for directory in ("/etc/systemd", "/var/lib/systemd", "/usr", "/var/lib/dpkg/info"):
        left += run("find", directory, "-name", "*callgate*").split()
    expect(left == [], f"left: {left}")
    expect(not has_user("callgate-proxy"), "the proxy's user is left")
    expect("callgate-proxy" not in run("getent", "group"), "the proxy's group is left")
    for name in ("callgated", "callgate-proxy", "callgate-socket"):
        expect(owners_of(name) == set(), f"{name} still runs")


FIRST = [starts_before_ordinary_services, proxy_runs_as_its_own_user, observes_without_a_policy,
         runs_commands_as_workloads, host_lacks_nothing, restart_keeps_open_connections, enforces_a_policy,
         upgrade_frees_nobody, stopped_agent_refuses]
SECOND = [starts_before_ordinary_services, enrolment_is_as_asked_for_after_a_reboot, removal_frees_and_keeps_the_state,
          purge_leaves_nothing]


def main():
    checks = SECOND if BOOTED_BEFORE.exists() else FIRST
    BOOTED_BEFORE.touch()
    status = 0
    for check in checks:
        begun = time.monotonic()
        try:
            check()
        except Exception:  # the rest would only fail after it
            traceback.print_exc()
            subprocess.run(["journalctl", "--no-pager", "-b", "-t", "callgated", "-t", "callgate", "-t", "systemd", "-n", "60"], check=False)
            print(f"FAILED: {check.__name__}", flush=True)
            status = 1
            break
        print(f"ok: {check.__name__} ({time.monotonic() - begun:.0f} s)", flush=True)
    print(f"package-test-status={status}", flush=True)
    run("systemctl", "reboot")


main()
