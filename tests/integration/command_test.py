"""The command: what it runs, how it answers, and what it refuses."""
import json
import os
import signal
import subprocess

from case import BedCase, main

from testbed.processes import run, wait_until


class Command(BedCase):
    def callgate(self, *arguments):
        return self.agent.command(*arguments, check=False)

    def test_run_passes_the_exit_status_through(self):
        self.assertEqual(self.enrolled(["sh", "-c", "exit 43"]).returncode, 43)

    def test_run_passes_signals_through(self):
        process = self.agent.spawn(self.client, ["sh", "-c", "echo up; exec sleep 60"])
        self.assertEqual(process.stdout.readline(), "up\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(10), -signal.SIGTERM)
        process.stdout.close()
        process.stderr.close()

    def test_a_command_that_does_not_exist_is_127_and_one_that_cannot_run_126(self):
        self.assertEqual(self.enrolled(["/no/such/program"]).returncode, 127)
        self.assertEqual(self.enrolled(["/etc/passwd"]).returncode, 126)

    def test_run_gives_no_capabilities_and_no_new_ones(self):
        status = self.enrolled(["cat", "/proc/self/status"]).stdout
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(int(fields[name], 16), 0, name)
        self.assertEqual(fields["NoNewPrivs"].strip(), "1")
        self.assertEqual(fields["Uid"].split()[0], "65534")

    def test_run_leaks_no_descriptors(self):
        listing = self.enrolled(["ls", "/proc/self/fd"]).stdout.split()
        self.assertEqual(len(listing), 4, listing)  # 0, 1, 2 and the directory itself

    def test_a_finished_run_leaves_no_workload(self):
        self.enrolled(["true"], name="client-gone")
        wait_until(lambda: "client-gone" not in self.callgate("workloads").stdout, "the workload to end")

    def test_an_identity_that_was_not_granted_is_refused(self):
        answer = self.enrolled(["true"], identity="spiffe://callgate.local/admin")
        self.assertEqual(answer.returncode, 125)
        self.assertIn("identities", answer.stderr)

    def test_enrolling_a_running_process_and_letting_it_go(self):
        cgroup = os.path.join(os.path.dirname(self.agent.cgroup_root), self.bed.tag + "-service")
        os.mkdir(cgroup)
        self.addCleanup(os.rmdir, cgroup)
        process = self.client.start("sh", "-c", f"echo $$ > {cgroup}/cgroup.procs; echo up; while read line; do "
                                    "curl -s --max-time 10 --resolve target.internal:8080:" + self.target.address +
                                    " http://target.internal:8080/service; echo; echo status $?; done",
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def call():
            process.stdin.write("\n")
            process.stdin.flush()
            lines = []
            while not (line := process.stdout.readline()).startswith("status"):
                lines.append(line)
            return "".join(lines)

        try:
            self.assertEqual(process.stdout.readline(), "up\n")
            self.assertNotIn("GET /service", call())  # nothing listens on 8080: only callgate's policy leads to 8443
            enrolled = self.callgate("enroll", "--pid", str(process.pid), "--name", "client-service")
            self.assertEqual(enrolled.returncode, 0, enrolled.stderr)
            self.assertIn("GET /service", call())
            self.assertIn("client-service", self.callgate("workloads").stdout)
            gone = self.callgate("unenroll", "client-service")
            self.assertEqual(gone.returncode, 0, gone.stderr)
            self.assertNotIn("GET /service", call())
        finally:
            process.stdin.close()
            process.wait(20)
            process.stdout.close()

    def test_a_root_or_shared_cgroup_is_refused(self):
        root = os.path.dirname(self.agent.cgroup_root)
        answer = self.callgate("enroll", "--cgroup", root)
        self.assertEqual(answer.returncode, 4, answer.stdout + answer.stderr)
        answer = self.callgate("enroll", "--cgroup", self.agent.cgroup_root)
        self.assertEqual(answer.returncode, 4, answer.stdout + answer.stderr)
        answer = self.callgate("enroll", "--pid", str(os.getpid()))
        self.assertEqual(answer.returncode, 4, answer.stdout + answer.stderr)

    def test_other_users_cannot_enrol_or_see_the_sessions_of_others(self):
        self.recorded(lambda: self.curl("/of-nobody"))
        socket = f"{self.agent.run_dir}/control.sock"
        command = os.path.join(self.bed.binaries, "callgate")
        for arguments, allowed in ((["enroll", "--pid", "1"], False), (["unenroll", "client"], False),
                                   (["--json", "sessions", "list"], True)):
            answer = run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", command, "--socket", socket,
                          *arguments], check=False)
            if allowed:
                self.assertEqual(answer.returncode, 0, answer.stderr)
                self.assertEqual(json.loads(answer.stdout)["sessions"], [])
            else:
                self.assertEqual(answer.returncode, 4, answer.stdout + answer.stderr)
        self.assertNotEqual(self.sessions()["sessions"], [])  # control: there was something to see

    def test_help_status_and_doctor(self):
        self.assertIn("Examples", self.callgate("run", "--help").stdout)
        self.assertEqual(self.callgate("status").returncode, 0)
        doctor = self.callgate("doctor")
        self.assertEqual(doctor.returncode, 0, doctor.stdout + doctor.stderr)
        json.loads(self.callgate("--json", "doctor").stdout)

    def test_usage_errors_are_2_and_an_absent_agent_3(self):
        self.assertEqual(self.callgate("no-such-command").returncode, 2)
        answer = run([os.path.join(self.bed.binaries, "callgate"), "--socket", "/nonexistent/control.sock", "status"],
                     check=False)
        self.assertEqual(answer.returncode, 3, answer.stderr)
        self.assertIn("callgated", answer.stderr)

    def test_identity_of_a_workload_and_the_bundle(self):
        process = self.agent.spawn(self.client, ["sh", "-c", "echo up; read line"], name="client-known",
                                   stdin=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), "up\n")
        self.assertIn("spiffe://callgate.local/", self.callgate("identity", "show").stdout)
        self.assertIn("BEGIN CERTIFICATE", self.callgate("identity", "bundle").stdout)
        jwks = json.loads(self.callgate("identity", "bundle", "--format", "jwks").stdout)
        self.assertEqual(jwks["keys"][0]["use"], "x509-svid")
        process.communicate("\n", timeout=20)


if __name__ == "__main__":
    main()
