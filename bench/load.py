"""The load generator: wrk, with a script that posts a body, and reports what it did as JSON."""
import json
from dataclasses import dataclass

from testbed.processes import Failure

CONNECTIONS = 32

SCRIPT = """\
wrk.method = "POST"
wrk.body = string.rep("q", %d)
wrk.headers["Host"] = "%s"
wrk.headers["Content-Type"] = "application/octet-stream"
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\nREPORT {"requests": %%d, "bytes": %%d, "seconds": %%f, "errors": %%d, "p99_us": %%d}\\n',
    summary.requests, summary.bytes, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(99)))
end
"""


def write_script(path, body_size, host):
    """The wrk script that posts `body_size` bytes to `host`."""
    with open(path, "w", encoding="ascii") as file:
        file.write(SCRIPT % (body_size, host))


def command(script, url, seconds):
    """The command line of wrk: one thread, keep-alive connections."""
    return ["/usr/bin/wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "-s", script, url]


@dataclass(frozen=True)
class Report:
    requests: int  # that were answered whole
    answers: float  # the same, and the parts of answers that were under way when the time was over
    rate: float  # answers a second
    p99_us: int


def report(done, answer_bytes):
    """What wrk did, of its CompletedProcess; an answer has `answer_bytes`, head included. Failure if a request went wrong."""
    lines = [line for line in done.stdout.splitlines() if line.startswith("REPORT ")]
    if done.returncode != 0 or len(lines) != 1:
        raise Failure(f"wrk ended with status {done.returncode}: {done.stdout}{done.stderr}")
    result = json.loads(lines[0].removeprefix("REPORT "))
    if result["errors"] != 0 or result["requests"] == 0:
        raise Failure(f"wrk had errors: {done.stdout}")
    answers = result["bytes"] / answer_bytes
    return Report(result["requests"], answers, answers / result["seconds"], result["p99_us"])
