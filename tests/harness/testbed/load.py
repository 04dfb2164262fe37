"""Callers that call one after the other for a while, what became of their calls, and which of them are in the records."""

# Every failure counts, of new connections and of kept ones.
SCRIPT = """
import http.client, sys, time
prefix, kept, seconds = sys.argv[1], sys.argv[2] == "kept", float(sys.argv[3])
end, number, connection = time.monotonic() + seconds, 0, None
while time.monotonic() < end:
    number += 1
    path = f"/{prefix}-{number}"
    try:
        if connection is None:
            connection = http.client.HTTPConnection("target.internal", 8080, timeout=20)
        connection.request("GET", path, headers={"X-Canary": prefix})
        response = connection.getresponse()
        body = response.read()
        if response.status == 200 and body == f"GET {path}\\n".encode():
            print("answered", path, flush=True)
        else:
            print("failed", path, response.status, body, flush=True)
        closes = response.will_close
    except (OSError, http.client.HTTPException) as error:
        print("failed", path, repr(error), flush=True)
        closes = True
        time.sleep(0.02)
    if closes or not kept:
        connection.close()
        connection = None
    time.sleep(0.003)  # a steady load that a packet capture can follow
"""


class Load:
    """One enrolled caller, each of whose calls has a path of its own below `prefix`, on a new connection each or on a kept one."""

    def __init__(self, agent, host, prefix, seconds, *, kept, hosts):
        self.process = agent.spawn(host, ["/usr/bin/python3", "-c", SCRIPT, prefix, "kept" if kept else "new", str(seconds)],
                                   name="client", hosts=hosts)

    def finish(self):
        """The paths that were answered, and a line for each call that was not; once its time is over."""
        out, err = self.process.communicate(timeout=120)
        if self.process.returncode != 0:
            raise AssertionError(err)
        lines = out.splitlines()
        return [line.split()[1] for line in lines if line.startswith("answered")], \
            [line for line in lines if not line.startswith("answered")]


def recorded_paths(agent, prefix, *options):
    """How often each path below `prefix` is in the records."""
    found, cursor = {}, None
    while True:
        page = agent.json("sessions", "list", "--calls", "--limit", "1000", *options, *(["--cursor", cursor] if cursor else []))
        for session in page["sessions"]:
            for call in session["functions"]:
                path = call.split("target.internal", 1)[-1]
                if path.startswith("/" + prefix):
                    found[path] = found.get(path, 0) + 1
        cursor = page.get("next_cursor")
        if not cursor:
            return found
