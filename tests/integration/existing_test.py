"""What becomes of connections that a service has when it is enrolled: kept, or reset; a neighbour's are never touched."""
import os
import subprocess

from case import BedCase, main

from testbed.processes import end, wait_until
from testbed.targets import listening

PORT = 9000
ECHO = """
import socketserver, sys
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while piece := self.request.recv(4096):
                self.request.sendall(piece)
        except OSError:
            pass
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    address_family = 10
Server(("::", int(sys.argv[1])), Handler).serve_forever()
"""
# Makes its connections at once, one of them from a cgroup below its own, and tells on each line how they are.
HOLDER = """
import os, socket, sys
cgroup, port, v4, v6 = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
def join(path):
    with open(path + "/cgroup.procs", "w") as file:
        file.write(str(os.getpid()))
def dial(family, address):
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(20)
    connection.connect((address, port))
    return connection
join(cgroup)
held = {"v4": dial(socket.AF_INET, v4), "v6": dial(socket.AF_INET6, v6), "mapped": dial(socket.AF_INET6, "::ffff:" + v4),
        "loopback": dial(socket.AF_INET, "127.0.0.1"), "loopback6": dial(socket.AF_INET6, "::1"),
        "mapped-loopback": dial(socket.AF_INET6, "::ffff:127.0.0.1")}
os.mkdir(cgroup + "/below")
join(cgroup + "/below")
held["below"] = dial(socket.AF_INET, v4)
join(cgroup)
def state(connection):
    try:
        connection.sendall(b"x")
        return "echo" if connection.recv(1) == b"x" else "closed"
    except OSError as error:
        return f"error {error.errno}"
for line in sys.stdin:
    print(" ".join(f"{name}={state(connection).replace(' ', '-')}" for name, connection in held.items()), flush=True)
"""
LOOPBACK = {"loopback", "loopback6", "mapped-loopback"}
DIRECT = {"v4", "v6", "mapped", "below"}
ABORTED = "error-103"


class Holder:
    def __init__(self, case, name):
        self.cgroup = os.path.join(os.path.dirname(case.agent.cgroup_root), f"{case.bed.tag}-{name}")
        os.mkdir(self.cgroup)
        case.addCleanup(self.remove)
        self.process = case.client.start("/usr/bin/python3", "-c", HOLDER, self.cgroup, PORT, case.target.address,
                                         case.target.address6, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def states(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return dict(word.split("=") for word in self.process.stdout.readline().split())

    def remove(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
        for path in (f"{self.cgroup}/below", self.cgroup):
            if os.path.exists(path):
                os.rmdir(path)


class Existing(BedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for host in (cls.target, cls.client):
            server = host.start("/usr/bin/python3", "-c", ECHO, PORT)
            cls.addClassCleanup(end, server)
            wait_until(lambda host=host: listening(host, PORT), "the echo server")

    def holder(self, name):
        holder = Holder(self, name)
        self.assertEqual(set(holder.states().values()), {"echo"})
        return holder

    def enroll(self, holder, name, *options):
        self.addCleanup(self.agent.command, "unenroll", name, check=False)
        return self.agent.json("enroll", "--cgroup", holder.cgroup, "--name", name, *options)

    def at_the_target(self):
        listed = self.target.run("ss", "-Htn", "state", "established", "sport", "=", f":{PORT}")
        return len(listed.stdout.splitlines())

    def verdict(self, answer):
        return [entry for entry in answer["verdicts"] if entry["traffic"] == "existing"][0]

    def test_they_are_kept_and_counted_unless_asked_otherwise(self):
        # Both first: the guard of an enforced workload lets nobody else of its namespace connect any more.
        plain, asked = self.holder("plain"), self.holder("asked")
        for holder, name, options in ((plain, "client-plain", ()), (asked, "client-asked", ("--existing", "keep"))):
            answer = self.enroll(holder, name, *options)
            self.assertEqual(int(answer["existing_connections"]), len(DIRECT))
            self.assertEqual(self.verdict(answer)["verdict"], "kept")
            self.assertEqual(set(holder.states().values()), {"echo"})

    def test_reset_ends_those_of_the_enrolled_workload_and_of_nobody_else_in_its_namespace(self):
        neighbour, enrolled_neighbour, holder = self.holder("free"), self.holder("other"), self.holder("reset")
        self.enroll(enrolled_neighbour, "client-other")
        before = self.at_the_target()
        answer = self.enroll(holder, "client-reset", "--existing", "reset")
        self.assertEqual(int(answer["existing_connections"]), len(DIRECT))
        self.assertEqual(self.verdict(answer)["verdict"], "reset")
        states = holder.states()
        self.assertEqual({name for name, state in states.items() if state == ABORTED}, DIRECT, states)
        self.assertEqual({name for name, state in states.items() if state == "echo"}, LOOPBACK, states)
        self.assertEqual(set(neighbour.states().values()), {"echo"})
        self.assertEqual(set(enrolled_neighbour.states().values()), {"echo"})
        wait_until(lambda: self.at_the_target() == before - len(DIRECT), "the target to see the resets")

    def test_the_log_tells_how_many_there_were(self):
        self.enroll(self.holder("logged"), "client-logged", "--existing", "reset")
        lines = [line for line in self.agent.log().splitlines()
                 if "workload_enrolled" in line and "client-logged" in line]
        self.assertEqual(len(lines), 1)
        self.assertIn("existing=reset", lines[0])
        self.assertIn(f"existing_connections={len(DIRECT)}", lines[0])

    def test_anything_else_is_wrong_usage_and_enrols_nothing(self):
        holder = self.holder("wrong")
        answer = self.agent.command("enroll", "--cgroup", holder.cgroup, "--existing", "drop", check=False)
        self.assertEqual(answer.returncode, 2, answer.stderr)
        self.assertEqual(set(holder.states().values()), {"echo"})
        self.assertNotIn(holder.cgroup, [entry["cgroup"] for entry in self.agent.json("workloads").get("workloads", [])])


if __name__ == "__main__":
    main()
