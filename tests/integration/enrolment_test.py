"""What becomes of enrolments: over the death of agent and helper, over killed gates, and when their processes end."""
import os
import signal
import subprocess

from case import BedCase, main

from testbed.processes import run, wait_until

LOOP = """
import socket, sys
for line in sys.stdin:
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as connection:
            connection.sendall(b"GET /service HTTP/1.1\\r\\nHost: target.internal:8080\\r\\nConnection: close\\r\\n\\r\\n")
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        print("answer", answer.splitlines()[0].decode() if answer else "nothing", flush=True)
    except OSError as error:
        print("error", error.errno or error, flush=True)
"""
REFUSED = "error 111"


class Service:
    """A process in a cgroup of its own that calls when asked to; nobody of callgate started it."""

    def __init__(self, case, name):
        self.cgroup = os.path.join(os.path.dirname(case.agent.cgroup_root), f"{case.bed.tag}-{name}")
        os.mkdir(self.cgroup)
        case.addCleanup(self.remove)
        self.process = case.client.start("sh", "-c", f'echo $$ > {self.cgroup}/cgroup.procs && exec "$@"', "sh",
                                         "/usr/bin/python3", "-c", LOOP, case.target.address, "8080",
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.call()  # it is up and in its cgroup

    def call(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(20)
            self.process.stdout.close()

    def remove(self):
        self.end()

        def removed():
            try:
                os.rmdir(self.cgroup)
            except FileNotFoundError:
                pass
            except OSError:
                return False
            return True

        wait_until(removed, f"{self.cgroup} to be empty")


class Enrolment(BedCase):
    settings = "timeouts:\n  drain: 2s\n"

    def setUp(self):
        if self.agent.process is None or self.agent.process.poll() is not None:
            self.agent.start()

    def service(self, name):
        service = Service(self, name)
        self.agent.command("enroll", "--cgroup", service.cgroup, "--name", f"client-{name}")
        self.addCleanup(self.agent.command, "unenroll", f"client-{name}", check=False)
        self.assertEqual(service.call(), "answer HTTP/1.1 200 OK")
        return service

    def workloads(self):
        return {entry["name"]: entry for entry in self.agent.json("workloads")["workloads"]}

    def pins(self):
        return os.listdir(os.path.join(self.agent.pin_root, "callgate", "v1", "workloads"))

    def guards(self):
        filters = self.bed.node.run("tc", "filter", "show", "dev", self.client.device, "ingress", check=False)
        return filters.stdout

    def test_an_enrolled_service_survives_the_death_of_the_agent(self):
        service = self.service("survivor")
        before = self.workloads()["client-survivor"]
        generations = {self.agent.json("status")["generation"]}
        for victim in ("both", "node", "both"):
            self.agent.kill(victim)
            if victim == "both":
                self.assertEqual(service.call(), REFUSED)
            self.agent.start()
            wait_until(lambda: service.call() == "answer HTTP/1.1 200 OK", "calls to be served again")
            after = self.workloads()["client-survivor"]
            self.assertEqual(after["id"], before["id"])
            self.assertEqual(after["spiffe_id"], before["spiffe_id"])
            generations.add(self.agent.json("status")["generation"])
        self.assertEqual(len(generations), 4, "a generation came twice")

    def test_an_orderly_end_leaves_services_refused_and_nothing_else_behind(self):
        service = self.service("orderly")
        self.agent.stop()
        self.assertEqual(self.agent.process.returncode, 0)
        self.assertEqual(service.call(), REFUSED)
        self.assertEqual([name for name in os.listdir(self.agent.cgroup_root) if name.startswith("agent-")]
                         if os.path.exists(self.agent.cgroup_root) else [], [])
        self.agent.start()
        wait_until(lambda: service.call() == "answer HTTP/1.1 200 OK", "calls to be served again")

    def test_whoever_shares_the_network_namespace_is_told_of_at_enrolment(self):
        alone = Service(self, "alone")
        self.addCleanup(alone.process.kill)
        told = self.agent.command("enroll", "--cgroup", alone.cgroup, "--name", "client-alone").stdout
        self.assertNotIn("neighbours", told)
        self.agent.command("unenroll", "client-alone")
        Service(self, "neighbour")
        told = self.agent.command("enroll", "--cgroup", alone.cgroup, "--name", "client-alone").stdout
        self.assertIn("neighbours", told)
        self.assertIn("1 other process in the same network namespace (python3)", told)
        self.agent.command("unenroll", "client-alone")

    def test_unenrolling_restores_direct_connections_and_removes_every_trace(self):
        service = self.service("leaving")
        self.assertTrue(any(self.pins()))
        self.assertNotEqual(self.guards(), "")
        self.agent.command("unenroll", "client-leaving")
        self.assertEqual(service.call(), REFUSED)  # nobody listens on the port of the call itself
        server = self.bed.text_server(self.target, 8080)
        self.addCleanup(server.close)
        self.assertEqual(service.call(), "answer HTTP/1.1 200 OK")
        self.assertEqual(self.pins(), [])
        self.assertEqual(self.guards(), "")

    def test_a_run_that_ended_while_the_agent_was_away_is_forgotten_with_its_pins_and_guard(self):
        process = self.agent.spawn(self.client, ["sleep", "600"], name="client-brief")
        wait_until(lambda: self.workloads().get("client-brief", {}).get("pids"), "the workload to run")
        pids = self.workloads()["client-brief"]["pids"]
        self.assertNotEqual(self.guards(), "")
        self.agent.kill("both")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=20)
        self.assertNotEqual(self.pins(), [])
        self.agent.start()
        wait_until(lambda: "client-brief" not in self.workloads(), "the workload to be forgotten")
        wait_until(lambda: self.pins() == [] and self.guards() == "", "pins and guard to go")
        wait_until(lambda: os.listdir(os.path.join(self.agent.cgroup_root, "run")).count("cgroup.procs") == 1 and not any(
            name.startswith("client-brief") for name in os.listdir(os.path.join(self.agent.cgroup_root, "run"))),
            "its cgroup to be removed")

    def test_calls_go_on_when_the_socket_helper_is_killed(self):
        service = self.service("helped")
        for _ in range(3):
            helper = self.agent.pids("/helper/")
            self.assertEqual(len(helper), 1)
            os.kill(helper[0], signal.SIGKILL)
            wait_until(lambda: self.agent.pids("/helper/") not in ([], helper), "another helper")
            for _ in range(20):
                self.assertEqual(service.call(), "answer HTTP/1.1 200 OK")

    def test_a_gate_that_is_killed_from_inside_is_made_again_on_its_port(self):
        service = self.service("gated")
        ports = self.workloads()["client-gated"]["gate_ports"]
        for port in ports:
            self.client.run("ss", "-K", "-ltn", "sport", "=", f":{port}")
        wait_until(lambda: "gate_remade" in self.agent.log(), "the agent to notice")
        wait_until(lambda: service.call() == "answer HTTP/1.1 200 OK", "calls to be served again")
        for _ in range(20):
            self.assertEqual(service.call(), "answer HTTP/1.1 200 OK")
        self.assertEqual(self.workloads()["client-gated"]["gate_ports"], ports)

    def test_a_workload_cannot_start_another_one(self):
        answer = self.enrolled([os.path.join(self.bed.binaries, "callgate"), "--socket",
                                f"{self.agent.run_dir}/control.sock", "run", "--name", "client-other", "--", "true"],
                               name="client-first")
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("client-first", answer.stderr)
        self.assertNotIn("client-other", self.agent.log())

    def test_a_second_agent_on_the_same_state_is_refused(self):
        second = run([os.path.join(self.bed.binaries, "callgated"), "--config", self.agent.configuration], check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn(str(self.agent.process.pid), second.stderr)
        self.assertEqual(self.curl("/still-served").stdout, "GET /still-served\n")

    def test_a_service_of_several_network_namespaces_is_refused(self):
        service = Service(self, "split")
        other = self.bed.node.start("sh", "-c", f"echo $$ > {service.cgroup}/cgroup.procs; exec sleep 600")
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        procs = os.path.join(service.cgroup, "cgroup.procs")

        def joined():
            with open(procs, encoding="ascii") as file:
                return str(other.pid) in file.read().split()

        wait_until(joined, "the other process to join")
        answer = self.agent.command("enroll", "--cgroup", service.cgroup, "--name", "client-split", check=False)
        self.assertEqual(answer.returncode, 4, answer.stderr)
        self.assertIn("several network namespaces", answer.stderr)
        self.assertEqual(self.pins(), [])
        self.assertEqual(service.call(), REFUSED)  # not enrolled: the connection itself was refused by the target
        self.assertNotIn("client-split", self.workloads())


if __name__ == "__main__":
    main()
