"""HTTP/1.1 through the agent and through HAProxy, side by side: CPU per request."""
import contextlib
import functools
import glob
import os
import statistics
import sys
from dataclasses import dataclass

import cpu
import load
from haproxy import HAProxy
from records import RecordCheck, check_payload
from testbed import Testbed
from testbed.processes import Failure, run

HOST = "target.internal"
PORT = 8080  # where callers call
TLS_PORT = 8443  # where the target is
RULES = 100
WARM_UP_SECONDS = 1
WORKLOAD = "bench"

SETTINGS = """\
proxy:
  threads: 1
record:
  payload_limit: 4MiB
"""


@dataclass(frozen=True)
class Size:
    name: str
    path: str
    request: int  # bytes of the bodies
    response: int


SIZES = (Size("1KB", "/v1/small", 1024, 1024), Size("1MB", "/v1/large", 1024, 1 << 20))


@dataclass(frozen=True)
class Round:
    """CPU microseconds per request."""

    haproxy: float
    proxy: float
    agent: float
    haproxy_rate: float  # requests per second
    agent_rate: float

    @property
    def path(self):
        return self.proxy / self.haproxy

    @property
    def total(self):
        return self.agent / self.haproxy


def policy():
    """A policy of RULES rules of which the last one matches."""
    others = "".join(f"    - {{name: other-{n}, functions: [\"http:POST /v1/other-{n}/*\"], action: allow}}\n"
                     for n in range(RULES - 1))
    return f"""apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {{name: bench}}
spec:
  mode: enforce
  callers:
    - workload: {WORKLOAD}
  targets:
    - {{host: {HOST}, port: {PORT}, upstream: {{port: {TLS_PORT}, tls: mutual}}}}
  rules:
{others}    - {{name: bench, functions: ["http:POST /v1/*"], action: allow}}
  record: {{payloads: full, limit: 4MiB, durability: written}}
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


class World:
    """A client and a target, each in a network namespace; HAProxy and an agent in between; all on one core."""

    def __init__(self, bed):
        self.bed = bed
        self.client, self.target = bed.host("client"), bed.host("target")
        # Kernels may share the core out by session first: each program gets one of its own, as services have.
        for host in (bed.node, self.client, self.target):
            host.start = functools.partial(host.start, start_new_session=True)
        self.agent = bed.agent(settings=SETTINGS, policies={"bench.yaml": policy()})
        self._start_target()
        self.haproxy = HAProxy(bed, self.client, self.target.address, TLS_PORT, HOST, bed.certificates.root)
        self.agent_cgroup, = glob.glob(os.path.join(self.agent.cgroup_root, "agent-*"))
        self.proxy_cgroup = os.path.join(self.agent_cgroup, "proxy")
        self.scripts, self.answer_bytes = {}, {}
        for size in SIZES:
            self.scripts[size] = bed.path(f"{size.name}.lua")
            load.write_script(self.scripts[size], size.request, f"{HOST}:{PORT}")
        for size in SIZES:
            self._check_ways(size)

    def _start_target(self):
        bed = self.bed
        roots = bed.path("client-roots.pem")
        with open(roots, "w", encoding="ascii") as file, open(bed.certificates.root, encoding="ascii") as root:
            file.write(root.read() + self.agent.command("identity", "bundle").stdout)
        certificate, key = bed.certificates.issue("target", names=[HOST])
        files = bed.path("files")
        os.makedirs(os.path.join(files, "v1"))
        with open(os.path.join(files, "v1", "large"), "wb") as file:
            file.write(os.urandom(1 << 20))
        # A file is no answer to POST, says nginx; the error page is the same file, with status 200.
        bed.nginx(self.target, [f"""    listen {TLS_PORT} ssl reuseport; ssl_protocols TLSv1.3; ssl_certificate {certificate};
    ssl_certificate_key {key}; ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;
    ssl_client_certificate {roots}; ssl_verify_client on; ssl_verify_depth 3;
    access_log off; keepalive_timeout 600s; root {files}; error_page 405 =200 $uri;
    location = /v1/small {{ return 200 "{'r' * 1024}"; }}
    location = /v1/large {{ }}"""], [TLS_PORT])

    def _check_ways(self, size):
        """Before anything is measured: both ways lead to the same whole answer, and the agent's leaves both bodies behind."""
        body = "q" * size.request
        request = ["curl", "-sS", "--fail", "--max-time", "20", "-H", f"Host: {HOST}:{PORT}", "--data-binary", body,
                   "-w", "%{size_header}", "-o"]
        for way, drive in (
            ("haproxy", lambda to: self.client.run(*request, to, self.haproxy.url + size.path, check=False)),
            ("callgate", lambda to: self._enrolled([*request, to, self._url(size)])),
        ):
            answer = self.bed.path(f"answer-{way}")
            with open(answer, "wb"):
                os.chmod(answer, 0o666)  # workloads run as nobody
            done = drive(answer)
            with open(answer, "rb") as file:
                content = file.read()
            if done.returncode != 0 or len(content) != size.response:
                raise Failure(f"{size.path} through {way}: {len(content)} bytes; {done.stderr}\n{self.agent.log()[-4000:]}")
            self.answer_bytes[way, size] = int(done.stdout) + len(content)
        check_payload(self.agent, size.path, body.encode(), content)

    def _url(self, size):
        return f"http://{HOST}:{PORT}{size.path}"

    def _enrolled(self, command, timeout=60):
        inside = self.agent.workload_command(self.client, command, name=WORKLOAD, hosts={HOST: self.target.address})
        return run(["setsid", "-w", *inside], timeout=timeout, check=False)

    def through_haproxy(self, size, seconds):
        """CPU microseconds per request, and requests per second."""
        def drive(duration):
            command = load.command(self.scripts[size], self.haproxy.url + size.path, duration)
            return load.report(run(["setsid", "-w", *self.client.command(*command)], timeout=duration + 60),
                               self.answer_bytes["haproxy", size])

        drive(WARM_UP_SECONDS)
        before = cpu.wait_settled(self.haproxy.cgroup.path)
        done = drive(seconds)
        used = cpu.wait_settled(self.haproxy.cgroup.path) - before
        return used / done.answers, done.rate

    def through_agent(self, size, seconds):
        """CPU microseconds per request of the proxy and of the whole agent, and requests per second."""
        def drive(duration):
            return load.report(self._enrolled(load.command(self.scripts[size], self._url(size), duration), duration + 60),
                               self.answer_bytes["callgate", size])

        drive(WARM_UP_SECONDS)
        cpu.wait_settled(self.agent_cgroup)
        check = RecordCheck(self.agent)
        agent, proxy = cpu.wait_settled(self.agent_cgroup), cpu.used_us(self.proxy_cgroup)
        done = drive(seconds)
        agent, proxy = cpu.wait_settled(self.agent_cgroup) - agent, cpu.used_us(self.proxy_cgroup) - proxy
        check.finish(done.requests, load.CONNECTIONS, size)
        return proxy / done.answers, agent / done.answers, done.rate

    def round(self, number, size, seconds):
        if number % 2 == 0:
            haproxy, haproxy_rate = self.through_haproxy(size, seconds)
            proxy, agent, agent_rate = self.through_agent(size, seconds)
        else:
            proxy, agent, agent_rate = self.through_agent(size, seconds)
            haproxy, haproxy_rate = self.through_haproxy(size, seconds)
        return Round(haproxy, proxy, agent, haproxy_rate, agent_rate)


def spread(values):
    return {"median": round(statistics.median(values), 3), "min": round(min(values), 3), "max": round(max(values), 3)}


def figures(rounds):
    """The figures of all sizes, as --json prints them."""
    return {size.name: {"path": spread([r.path for r in done]), "total": spread([r.total for r in done])}
            for size, done in rounds.items()}


def table(rounds):
    """The same for people, with the times that the ratios are made of."""
    lines = ["CPU per request, medians; ratios to HAProxy in the same round: median (min to max)", "",
             f"{'':6}{'HAProxy':>12}{'callgate-proxy':>18}{'path':>26}{'whole agent':>16}{'total':>26}"]
    for size, done in rounds.items():
        path, total = (spread([getattr(r, name) for r in done]) for name in ("path", "total"))
        haproxy, proxy, agent = (statistics.median([getattr(r, name) for r in done]) for name in ("haproxy", "proxy", "agent"))
        lines.append(f"{size.name:6}{haproxy:9.1f} us{proxy:15.1f} us"
                     + f"{path['median']:10.2f} ({path['min']:.2f} to {path['max']:.2f})"
                     + f"{agent:13.1f} us"
                     + f"{total['median']:10.2f} ({total['min']:.2f} to {total['max']:.2f})")
    return "\n".join(lines)


def measure(binaries, count, seconds):
    """Rounds by size; `count` that count of each."""
    # Everything that is started from here on inherits the one core, and the policy: whoever wakes up waits until the core
    # is free. Otherwise the ratio follows how often the scheduler lets the programs interrupt each other.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    rounds = {size: [] for size in SIZES}
    with Testbed(binaries) as bed:
        say("starting the target, HAProxy and the agent")
        world = World(bed)
        for size in SIZES:
            lost = 0
            while len(rounds[size]) < count:
                try:
                    done = world.round(len(rounds[size]), size, seconds)
                except Failure as failure:
                    lost += 1
                    say(f"{size.name} a round that does not count: {failure}")
                    if lost == 3:
                        with contextlib.suppress(OSError):
                            say(f"the agent's log ends with:\n{world.agent.log()[-3000:]}")
                        raise Failure(f"{lost} rounds of {size.name} do not count") from failure
                    continue
                rounds[size].append(done)
                say(f"{size.name} round {len(rounds[size])} of {count}: HAProxy {done.haproxy:.1f} us "
                    f"({done.haproxy_rate:.0f}/s), proxy {done.proxy:.1f} us, agent {done.agent:.1f} us "
                    f"({done.agent_rate:.0f}/s); path {done.path:.2f}, total {done.total:.2f}")
    return rounds
