"""What scripts/demo shows: one real call all the way, and every way in which it must not go. Checks its own claims."""
import json
import os
import re
import secrets
import signal
import subprocess
import sys

from testbed import Testbed
from testbed.processes import Failure, run, wait_until

POLICY = """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: payments}
spec:
  mode: enforce
  callers:
    - workload: checkout
  targets:
    - {host: payments.internal, port: 8080, upstream: {port: 8443, tls: mutual}}
    - {host: plaintext.internal, port: 8081}
    - {host: expired.internal, port: 8080, upstream: {port: 8444}}
    - {host: wrong-name.internal, port: 8080, upstream: {port: 8445}}
    - {host: untrusted.internal, port: 8080, upstream: {port: 8446}}
  rules:
    - name: read-customers
      functions: ["http:GET /v1/customers/*"]
      action: allow
    - name: no-deletes
      functions: ["http:DELETE /v1/customers/*"]
      action: deny
      reason: customers are deleted by support only
"""

# A connection that the gate closed first keeps its port from others for a minute: a squatter with patience gets it.
SQUATTER = """
import errno, socket, sys, time
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
deadline = time.monotonic() + 90
while True:
    try:
        listener.bind(("127.0.0.1", int(sys.argv[1])))
        break
    except OSError as error:
        if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
            raise
        time.sleep(0.2)
listener.listen()
print("bound", flush=True)
while True:
    connection, _ = listener.accept()
    connection.settimeout(5)
    try:
        print("got", connection.recv(65536), flush=True)
    except OSError:
        print("got nothing", flush=True)
    connection.close()
"""


class Demo:
    def __init__(self, bed):
        self.bed = bed
        self.bold = "\033[1m{}\033[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else "{}"
        self.failed = 0
        self.number = 0
        self.secret_canaries = {}

    def step(self, text):
        self.number += 1
        print(f"\n{self.bold.format(f'{self.number}. {text}')}", flush=True)

    def say(self, text):
        print(f"   {text}", flush=True)

    def claim(self, text, holds, detail=""):
        print(f"   {'ok  ' if holds else 'FAIL'} {text}", flush=True)
        if not holds:
            self.failed += 1
            if detail:
                print("        " + detail.replace("\n", "\n        "), flush=True)

    def canary(self, what):
        """A text that is in one call only, and must never be seen in the clear."""
        text = f"canary-{secrets.token_hex(8)}"
        self.secret_canaries[text] = what
        return text

    def set_up(self):
        self.step("An agent, a workload and its targets, each in a network namespace of its own")
        bed = self.bed
        self.client, self.target, self.bystander = bed.host("client"), bed.host("target"), bed.host("bystander")
        self.names = {f"{n}.internal": self.target.address
                      for n in ("payments", "plaintext", "expired", "wrong-name", "untrusted")}
        self.agent = bed.agent(policies={"payments.yaml": POLICY})
        bundle = bed.path("bundle.pem")
        with open(bundle, "w", encoding="ascii") as file:
            file.write(self.agent.command("identity", "bundle").stdout)
        issue = bed.certificates.issue
        servers = []
        for port, (certificate, key), more in (
            (8443, issue("payments", names=["payments.internal"]),
             f"ssl_client_certificate {bundle}; ssl_verify_client on; ssl_verify_depth 3;"),
            (8444, issue("expired", names=["expired.internal"], expired=True), ""),
            (8445, issue("elsewhere", names=["elsewhere.internal"]), ""),
            (8446, issue("untrusted", names=["untrusted.internal"], untrusted=True), ""),
        ):
            servers.append(f"    listen {port} ssl; ssl_protocols TLSv1.3; ssl_certificate {certificate};\n"
                           f"    ssl_certificate_key {key}; {more}\n"
                           '    location / { return 200 "customer 7 as $ssl_client_verify over $ssl_protocol\\n"; }')
        self.nginx = bed.nginx(self.target, servers, [8443, 8444, 8445, 8446])
        self.plaintext = bed.text_server(self.target, 8081)
        self.capture = bed.capture("node")
        self.say(f"callgated runs; nginx speaks TLS 1.3 on {self.target.address}; tcpdump listens on the node")

    def curl(self, canary, url, *options):
        return self.agent.run(self.client, ["curl", "-sS", "--max-time", "20", "-H", f"X-Canary: {canary}", "-w",
                                            "\\nstatus %{http_code}\\n", *options, url],
                              name="checkout", hosts=self.names)

    def allowed(self):
        self.step("A call that the policy allows, of an unmodified program, to a plain http:// address")
        canary = self.canary("the allowed call of curl")
        self.say("$ curl http://payments.internal:8080/v1/customers/7")
        answer = self.curl(canary, f"http://payments.internal:8080/v1/customers/7?token={canary}")
        self.say(answer.stdout.strip().replace("\n", " | "))
        self.claim("curl got its answer", "status 200" in answer.stdout, answer.stdout + answer.stderr)
        canary = self.canary("the allowed call of python3")
        script = (f"import urllib.request as u; r = u.Request('http://payments.internal:8080/v1/customers/8', "
                  f"headers={{'X-Canary': '{canary}'}}); print(u.urlopen(r, timeout=20).read().decode())")
        answer = self.agent.run(self.client, ["/usr/bin/python3", "-c", script], name="checkout", hosts=self.names)
        self.claim("python3 got its answer", answer.returncode == 0 and "customer" in answer.stdout,
                   answer.stdout + answer.stderr)
        calls = [line for line in self.nginx.calls() if "canary=canary-" in line]
        self.claim("nginx saw both calls over mutual TLS 1.3, with the workload's certificate",
                   len(calls) == 2 and all("verify=SUCCESS" in c and "protocol=TLSv1.3" in c for c in calls),
                   "\n".join(self.nginx.calls()))

    def denied(self):
        self.step("A call that the policy denies: the client reads why")
        canary = self.canary("the denied call")
        self.say("$ curl -X DELETE http://payments.internal:8080/v1/customers/7")
        answer = self.curl(canary, "http://payments.internal:8080/v1/customers/7", "-X", "DELETE")
        self.say(answer.stdout.strip().replace("\n", " | "))
        try:
            problem = json.loads(answer.stdout.rsplit("\nstatus", 1)[0])
        except ValueError:
            problem = {}
        self.claim("the answer is 403 and names policy, rule and reason",
                   "status 403" in answer.stdout and problem.get("policy") == "payments"
                   and problem.get("rule") == "no-deletes" and "support" in json.dumps(problem), answer.stdout + answer.stderr)
        self.denied_session = str(problem.get("session", ""))
        self.claim("and the session to ask about", re.fullmatch("[0-9a-f]{32}", self.denied_session) is not None,
                   answer.stdout)
        self.claim("the target never heard of it", not any(canary in line for line in self.nginx.calls()))

    def refused(self):
        self.step("Targets that cannot prove themselves are refused before a byte of the request is sent")
        canary = self.canary("the call to a plaintext target")
        answer = self.curl(canary, "http://plaintext.internal:8081/v1/customers/7")
        self.claim("a target that speaks only plaintext: 502", "status 502" in answer.stdout, answer.stdout + answer.stderr)
        self.claim("it received no byte of the request", canary.encode() not in self.plaintext.bytes_received()
                   and b"GET" not in self.plaintext.bytes_received())
        for name, code in (("expired", "tls_expired"), ("wrong-name", "tls_name_mismatch"), ("untrusted", "tls_untrusted")):
            canary = self.canary(f"the call to the {name} target")
            answer = self.curl(canary, f"http://{name}.internal:8080/v1/customers/7")
            self.claim(f"a target with a certificate that is {name.replace('-', ' ')}: 502 {code}",
                       "status 502" in answer.stdout and code in answer.stdout
                       and not any(canary in line for line in self.nginx.calls()), answer.stdout + answer.stderr)

    def gate_ports(self):
        lines = run(self.client.command("ss", "-Hltn")).stdout.splitlines()
        return sorted({int(m.group(1)) for m in (re.search(r"127\.0\.0\.1:(\d+)\s", line) for line in lines) if m})

    def start_shell(self):
        """A workload that stays: a shell that is told what to run, one command at a time."""
        self.shell = self.agent.spawn(self.client, ["sh"], name="checkout", hosts=self.names, stdin=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
        self.claim("a long-running workload is enrolled", self.in_shell("echo ready") == "ready\n")

    def in_shell(self, command):
        marker = secrets.token_hex(8)
        self.shell.stdin.write(f"{command}\necho {marker}\n")
        self.shell.stdin.flush()
        lines = []
        while (line := self.shell.stdout.readline()) and marker not in line:
            lines.append(line)
        return "".join(lines)

    def direct_dial(self):
        self.step("A client that dials the gate directly")
        self.start_shell()
        self.ports = self.gate_ports()
        if not self.ports:
            raise Failure("no gate listens in the workload's namespace")
        canary = self.canary("the direct dial of the gate")
        output = self.in_shell(f"curl -sS --max-time 10 -H 'Host: payments.internal' -H 'X-Canary: {canary}' "
                               f"http://127.0.0.1:{self.ports[0]}/v1/customers/7; echo exit $?")
        self.claim("is refused: there is no call without a flow", "customer" not in output and "exit 0" not in output, output)

    def agent_killed(self):
        self.step("The agent is killed with SIGKILL, all of it")
        self.agent.kill("both")
        canary = self.canary("the call without an agent")
        call = f"curl -sS --max-time 10 -H 'X-Canary: {canary}' http://payments.internal:8080/v1/customers/7; echo exit $?"
        plain = f"curl -sS --max-time 10 -H 'X-Canary: {canary}' http://plaintext.internal:8081/; echo exit $?"
        output = self.in_shell(call) + self.in_shell(plain)
        self.claim("calls are refused", output.count("exit 0") == 0, output)

        def squat(port):
            process = self.client.start("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3",
                                        "-c", SQUATTER, port, stdout=subprocess.PIPE, text=True)
            self.bed.stack.callback(process.kill)
            return process

        print("   somebody else waits for the gate's ports (up to a minute)", flush=True)
        squatters = [squat(port) for port in self.ports]
        self.claim(f"somebody else binds the gate's port{'s' if len(self.ports) > 1 else ''}: "
                   + ", ".join(map(str, self.ports)), all([process.stdout.readline() == "bound\n" for process in squatters]))
        output = self.in_shell(call) + self.in_shell(plain)
        self.claim("calls are refused still", output.count("exit 0") == 0, output)
        control = f"control-{secrets.token_hex(8)}"
        for port in self.ports:
            self.client.run("curl", "-s", "--max-time", "5", f"http://127.0.0.1:{port}/{control}", check=False)
        heard = []
        for process in squatters:
            process.send_signal(signal.SIGSTOP)  # what it printed is in the pipe; nothing more comes
            os.set_blocking(process.stdout.fileno(), False)
            heard.append(process.stdout.read() or "")
            process.kill()
            process.wait()
        self.claim("the squatter heard nothing of them", not any(canary in text for text in heard), "\n".join(heard))
        self.claim("(control: it does hear who dials it directly)", all(control in text for text in heard), "\n".join(heard))

    def restart(self):
        self.step("The agent starts again")
        self.agent.start()
        output = wait_until(lambda: (lambda text: text if "customer 7" in text else "")(self.in_shell(
            "curl -sS --max-time 10 http://payments.internal:8080/v1/customers/7")), "the workload's calls to work again", 20)
        self.claim("the same workload's calls work again, without being touched", "customer 7" in output, output)
        self.shell.stdin.close()
        self.shell.wait(20)

    def leaks(self):
        self.step("What the capture on the node saw")
        control = f"control-{secrets.token_hex(8)}"
        self.bystander.run("curl", "-sS", "--max-time", "10", "-H", f"X-Canary: {control}", f"http://{self.target.address}:8081/")
        self.capture.stop()
        self.claim("(control: it sees the canary of a call that is not enrolled)", self.capture.contains(control))
        for canary, what in self.secret_canaries.items():
            self.claim(f"nothing of {what} in the clear", not self.capture.contains(canary))

    def evidence(self):
        self.step("The evidence")
        listing = self.agent.command("sessions", "list").stdout
        print(listing)
        shown = self.agent.command("sessions", "show", self.denied_session, check=False)
        print(shown.stdout)
        self.claim("the denied call is recorded under the session that its client was told",
                   shown.returncode == 0 and "no-deletes" in shown.stdout, shown.stderr)

    def play(self):
        self.set_up()
        self.allowed()
        self.denied()
        self.refused()
        self.direct_dial()
        self.agent_killed()
        self.restart()
        self.leaks()
        self.evidence()
        print()
        if self.failed:
            print(self.bold.format(f"{self.failed} claims do not hold."))
        else:
            print(self.bold.format("Every claim holds."))
        return 1 if self.failed else 0


def main():
    try:
        with Testbed(sys.argv[1]) as bed:
            demo = Demo(bed)
            try:
                return demo.play()
            except Failure:
                agent = getattr(demo, "agent", None)
                if agent is not None:
                    print("the agent's log:\n" + agent.log()[-4000:], file=sys.stderr)
                raise
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1


sys.exit(main())
