"""What stays in the kernel without an agent is explained by doctor, and removed by uninstall, by nothing else and not before."""
import json
import os
import signal

from case import BedCase, main

from testbed.processes import wait_until

# Asks once a line, and says how a connection to the target went.
CALLER = """
import socket, sys
for line in sys.stdin:
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5):
            print("connected", flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
"""


class Uninstall(BedCase):
    def callgate(self, *arguments):
        """As root in the node's namespace, where the guarded devices are, against this agent's configuration."""
        return self.agent.node.run(os.path.join(self.bed.binaries, "callgate"), "--config", self.agent.configuration,
                                   "--socket", f"{self.agent.run_dir}/control.sock", *arguments, check=False)

    def ask(self):
        self.workload.stdin.write("\n")
        self.workload.stdin.flush()
        return self.workload.stdout.readline().strip()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bed.text_server(cls.target, 8099)

    def setUp(self):
        self.workload = self.agent.spawn(self.client, ["/usr/bin/python3", "-c", CALLER, self.target.address, "8099"],
                                         name="client", stdin=-1)
        self.addCleanup(self.workload.communicate)
        self.addCleanup(self.workload.kill)

    def guards(self):
        return self.agent.node.run("tc", "filter", "show", "dev", self.client.device, "ingress", check=False).stdout

    def test_pins_without_an_agent(self):
        self.assertEqual(self.ask(), "connected")  # to the gate, which then refuses what the policy does not allow
        last = max(int(workload["id"]) for workload in self.agent.json("workloads")["workloads"])
        self.assertIn("guard_device", self.guards())
        wait_until(lambda: len(self.agent.json("workloads")["workloads"]) == 1, "workloads of earlier tests to be gone")
        refused = self.callgate("uninstall")
        self.assertEqual(refused.returncode, 4)
        self.assertIn("systemctl stop callgated", refused.stderr)

        self.agent.stop()
        self.assertEqual(self.ask(), "ConnectionRefusedError")
        doctor = self.callgate("doctor")
        self.assertEqual(doctor.returncode, 1)
        self.assertIn("workloads stay attached without an agent", doctor.stdout)
        self.assertIn("callgate uninstall", doctor.stdout)
        self.assertIn("/client-", doctor.stdout)

        told = self.callgate("uninstall", "--dry-run")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("would go directly again", told.stdout)
        self.assertTrue(told.stdout.endswith("Nothing was changed.\n"), told.stdout)
        self.assertEqual(self.ask(), "ConnectionRefusedError")

        done = self.callgate("--json", "uninstall")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(json.loads(done.stdout)["workloads"]), 1)
        self.assertEqual(self.ask(), "connected")
        self.assertNotIn("callgate", os.listdir(self.agent.pin_root))
        self.assertNotIn("guard_device", self.guards())
        self.assertNotIn("pins", [f["name"] for f in json.loads(self.callgate("--json", "doctor").stdout)["findings"]
                                  if f["state"] == "FINDING_STATE_FAILED"])
        again = self.callgate("uninstall")
        self.assertEqual((again.returncode, again.stdout), (0, "there is nothing of callgate in the kernel\n"))

        # An agent that starts then has no memory of the workload, gives its id to nobody, and its records are all there.
        self.agent.start()
        self.assertEqual(self.agent.json("workloads").get("workloads", []), [])
        other = self.agent.spawn(self.client, ["/bin/cat"], name="other", stdin=-1)
        self.addCleanup(other.communicate)
        wait_until(lambda: self.agent.json("workloads").get("workloads"), "the other workload to be enrolled")
        self.assertGreater(int(self.agent.json("workloads")["workloads"][0]["id"]), last)

        self.agent.process.send_signal(signal.SIGTERM)
        self.agent.process.wait(30)
        purged = self.callgate("uninstall", "--purge")
        other.kill()
        self.assertEqual(purged.returncode, 0, purged.stderr)
        self.assertIn("connections go directly again\n", purged.stdout)
        self.assertIn("its guard is removed\n", purged.stdout)
        self.assertTrue(purged.stdout.endswith("identities and records are deleted\n"), purged.stdout)
        self.assertFalse(os.path.exists(f"{self.agent.directory}/state"))
        self.assertNotIn("callgate", os.listdir(self.agent.pin_root))

    def test_only_root(self):
        refused = self.client.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                  os.path.join(self.bed.binaries, "callgate"), "uninstall", check=False)
        self.assertEqual(refused.returncode, 4, refused.stderr)


if __name__ == "__main__":
    main()
