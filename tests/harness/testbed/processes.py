"""Starting, waiting for and ending the processes of a testbed, by their ids only."""
import os
import signal
import subprocess
import time


class Failure(Exception):
    """Something the testbed needs did not work; the text says what."""


def run(command, *, timeout=60, check=True, **options):
    """Runs a command to its end and returns the CompletedProcess with text output."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, **options)
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def wait_until(condition, what, timeout=20.0):
    """Polls until `condition()` is true and returns its value; Failure after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {timeout:.0f} s in vain: {what}")
        time.sleep(0.02)


def end(process, *, how=signal.SIGTERM, timeout=15.0):
    """Ends a child process that this testbed started; forcibly if it does not end in time."""
    if process.poll() is not None:
        return process.returncode
    process.send_signal(how)
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(timeout)


def alive(pid):
    """True while a process of this id exists and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def terminate_and_wait(pid, timeout=20.0):
    """SIGTERMs a process of this testbed that is not its direct child, and waits until it is gone."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    wait_until(lambda: not alive(pid), f"the end of process {pid}", timeout)


def kill_and_wait(pids, timeout=10.0):
    """SIGKILLs processes of this testbed that are not its direct children, and waits until they are gone."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_until(lambda: not any(alive(pid) for pid in pids), f"the end of processes {pids}", timeout)
