"""What recorded calls take on disk: small JSON calls through the agent, against the bytes that they were."""
import os
import time

from testbed import Testbed
from testbed.processes import Failure, run, wait_until

HOST = "target.internal"
PORT = 8080
CONNECTIONS = 8

POLICY = f"""apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {{name: bench}}
spec:
  mode: enforce
  callers: [{{workload: bench}}]
  targets: [{{host: {HOST}, port: {PORT}, upstream: {{port: 8443}}}}]
  rules: [{{name: calls, functions: ["http:* /**"], action: allow}}]
"""

# Each call is another: ids, amounts and names vary.
SCRIPT = """\
local names = {"ada", "grace", "linus", "barbara", "edsger", "donald", "radia", "ken"}
math.randomseed(7)
request = function()
  local body = string.format('{"customer":"%%s-%%06d","amount":%%d.%%02d,"currency":"EUR","order":"%%08x-%%04x","note":"thanks, %%s"}',
    names[math.random(8)], math.random(999999), math.random(9999), math.random(99), math.random(0x7fffffff), math.random(0xffff),
    names[math.random(8)])
  return wrk.format("POST", "/v1/orders/" .. math.random(99999),
    {["Content-Type"] = "application/json", ["Accept"] = "application/json", ["User-Agent"] = "orders/1.4", ["Host"] = "%s"}, body)
end
done = function(summary)
  io.write(string.format("REPORT %%d %%d\\n", summary.requests, summary.errors.status + summary.errors.read))
end
"""


def used(directory):
    """Bytes that a directory takes on its file system."""
    return sum(os.stat(os.path.join(place, name)).st_blocks * 512 for place, _, names in os.walk(directory) for name in names)


def raw_bytes(agent, calls):
    """Of the heads and bodies of one call, on average over some."""
    records = [record for session in agent.json("sessions", "list", "--calls", "--limit", str(calls))["sessions"]
               for record in session["records"]]
    sizes = [int(record["request"].get("captured_size", 0)) + int(record["response"].get("captured_size", 0))
             for record in records]
    return sum(sizes) / len(sizes)


def measure(binaries, seconds):
    """Bytes a call: of what passed, and of each part of the evidence."""
    with Testbed(binaries) as bed:
        client, target = bed.host("client"), bed.host("target")
        certificate, key = bed.certificates.issue("target", names=[HOST])
        bed.nginx(target, [f"""    listen 8443 ssl; ssl_protocols TLSv1.3; ssl_certificate {certificate};
    ssl_certificate_key {key}; access_log off; keepalive_requests 1000000;
    location / {{ default_type application/json;
      return 200 '{{"id":"$request_id","status":"accepted","at":"$time_iso8601","links":{{"self":"$uri"}}}}'; }}"""], [8443])
        agent = bed.agent(policies={"bench.yaml": POLICY})
        script = bed.path("orders.lua")
        with open(script, "w", encoding="ascii") as file:
            file.write(SCRIPT % f"{HOST}:{PORT}")
        state = os.path.join(agent.directory, "state")
        parts = ("log", "payload", "index")
        before = {part: used(os.path.join(state, part)) for part in parts}
        command = ["/usr/bin/wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "-s", script,
                   f"http://{HOST}:{PORT}/"]
        inside = agent.workload_command(client, command, name="bench", hosts={HOST: target.address})
        done = run(inside, timeout=seconds + 60)
        report = [line.split() for line in done.stdout.splitlines() if line.startswith("REPORT ")]
        if not report or report[0][2] != "0":
            raise Failure(f"wrk had errors: {done.stdout}{done.stderr}")
        wait_until(lambda: agent.json("sessions", "list", "--count")["count"] >= int(report[0][1]), "all records", 60)
        time.sleep(1.5)  # the last checkpoint
        calls = int(agent.json("sessions", "list", "--count")["count"])
        raw = raw_bytes(agent, 1000)
        agent.stop()
        return {"calls": calls, "raw": raw, **{part: (used(os.path.join(state, part)) - before[part]) / calls for part in parts}}


def table(result):
    total = sum(result[part] for part in ("log", "payload", "index"))
    return "\n".join([f"{result['calls']} small JSON calls; bytes a call on disk", "",
                      f"what passed (heads and bodies)   {result['raw']:7.0f}",
                      f"payload, encrypted               {result['payload']:7.0f}",
                      f"log                              {result['log']:7.0f}",
                      f"index                            {result['index']:7.0f}",
                      f"all                              {total:7.0f}   {total / result['raw']:.2f} of what passed"])
