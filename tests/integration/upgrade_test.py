"""A callgated takes the place of another: under load no connection is refused and no call goes unrecorded, whoever fails at it."""
import os
import shutil
import signal
import time

from case import BedCase, main

from testbed.load import Load, recorded_paths
from testbed.processes import alive, run, wait_until


class Upgrade(BedCase):
    settings = "timeouts:\n  drain: 5s\n"

    def recorded_paths(self, prefix):
        """How often each path is in the records of this test."""
        return recorded_paths(self.agent, prefix, "--since", self.since)

    def under_load(self, prefix, seconds, act):
        """Has `act` happen under load; the paths that were answered. No call may fail, or lack its one record."""
        loads = [Load(self.agent, self.client, f"{prefix}-{i}", seconds, kept=i % 2 == 1, hosts=self.names) for i in range(4)]
        wait_until(lambda: self.server.bytes_received().count(prefix.encode()) > 20, "calls to reach the target", 30)
        act()
        answered, failed = [], []
        for load in loads:
            paths, failures = load.finish()
            answered += paths
            failed += failures
        self.assertEqual(failed, [], self.agent.log()[-4000:])
        self.assertGreater(len(answered), 200)
        wait_until(lambda: set(answered) <= set(self.recorded_paths(prefix)), "every answered call to have its record", 30)
        self.assertEqual([path for path, count in self.recorded_paths(prefix).items() if count != 1], [])
        return answered

    def setUp(self):
        self.since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        # Whatever a test has left: the next one has a callgated, as a child of this process.
        if self.agent.pid() is None:
            self.agent.start()

    def ended(self, pid):
        wait_until(lambda: not alive(pid), f"the callgated that was replaced ({pid}) to end", 30)

    def test_a_dry_run_changes_nothing(self):
        before = self.agent.pid()
        said = self.agent.command("upgrade", "--dry-run", timeout=60).stdout
        self.assertIn("has tested itself", said)
        self.assertIn("Nothing was changed", said)
        self.assertEqual(self.agent.pid(), before)
        self.assertIn("could take over", self.agent.command("status").stdout)
        self.assertEqual(self.curl("/after-dry-run").stdout, "GET /after-dry-run\n")

    def test_upgrades_under_load(self):
        first = self.agent.pid()

        def act():
            for _ in range(2):
                before = self.agent.pid()
                self.agent.command("upgrade", timeout=90)
                self.assertNotEqual(self.agent.pid(), before)
                time.sleep(1)

        self.under_load("upgrades", 16, act)
        self.ended(first)

    def test_control_the_load_sees_a_gap(self):
        """What the tests above rely on: a callgated that is merely started again does refuse calls meanwhile."""
        pid = self.agent.pid()
        with self.assertRaises(AssertionError):
            def act():
                os.kill(pid, signal.SIGTERM)
                self.ended(pid)
                self.agent.start()
            self.under_load("gap", 8, act)

    def other_configuration(self, name, before="", after="", more=""):
        """A copy of the agent's configuration with one change."""
        path = os.path.join(self.agent.directory, name)
        with open(self.agent.configuration, encoding="utf-8") as good, open(path, "w", encoding="utf-8") as file:
            file.write(good.read().replace(before, after) + more)
        return path

    def test_one_that_cannot_start_leaves_the_running_one_alone(self):
        broken = self.other_configuration("broken.yaml", more="proxy:\n  binary: /nonexistent/callgate-proxy\n")
        pid = self.agent.pid()

        def act():
            self.assertEqual(self.agent.start_next(configuration=broken).wait(60), 1)

        self.under_load("broken", 8, act)
        self.assertEqual(self.agent.pid(), pid)
        self.assertIn("went on", self.agent.command("status").stdout)

    def test_one_that_cannot_bring_workloads_into_force_gives_them_back(self):
        # Ports that somebody in the workloads' namespace has.
        cramped = self.other_configuration("cramped.yaml", more="gates:\n  ports: 7900-7999\n")
        squatter = self.client.start("/usr/bin/python3", "-c", "import socket, time\nheld = []\nfor port in range(7900, 8000):\n"
                                     "    s = socket.socket(); s.bind(('127.0.0.1', port)); s.listen(); held.append(s)\n"
                                     "time.sleep(60)")
        self.addCleanup(squatter.wait)
        self.addCleanup(squatter.kill)
        wait_until(lambda: ":7999 " in self.client.run("ss", "-ltn").stdout, "the ports to be taken")
        pid = self.agent.pid()

        def act():
            self.assertEqual(self.agent.start_next(configuration=cramped).wait(60), 1)

        self.under_load("cramped", 10, act)
        self.assertEqual(self.agent.pid(), pid)
        self.assertIn("cannot be brought into force", self.agent.command("status").stdout)

    def stuck_configuration(self, name):
        """Who is started with it waits for its roots of trust for ever, when it has the state already."""
        fifo = os.path.join(self.agent.directory, f"{name}.fifo")
        os.mkfifo(fifo)
        return self.other_configuration(f"{name}.yaml", before=self.bed.certificates.root, after=fifo)

    def test_one_that_dies_with_the_state_in_its_hands(self):
        stuck = self.stuck_configuration("stuck")
        pid = self.agent.pid()

        def act():
            for _ in range(2):
                next_one = self.agent.start_next(configuration=stuck)
                wait_until(lambda: self.agent.pid() is None, "the state to be handed over", 30)
                time.sleep(1)
                next_one.kill()
                next_one.wait(10)
                wait_until(self.agent.pid, "the state to be taken back", 30)

        self.under_load("stuck", 14, act)
        self.assertEqual(self.agent.pid(), pid)

    def test_stopping_is_no_replacement_while_the_next_one_has_the_state(self):
        self.assertIsNotNone(self.agent.pid())
        next_one = self.agent.start_next(configuration=self.stuck_configuration("held"))
        wait_until(lambda: self.agent.pid() is None, "the state to be handed over", 30)
        before = len(self.agent.log())
        self.agent.stop()
        said = self.agent.log()[before:]
        self.assertIn(" stopping ", said)
        self.assertNotIn(" replaced ", said)
        next_one.kill()
        next_one.wait(10)

    def test_one_that_is_killed_at_any_time(self):
        def act():
            for delay in (0, 0.02, 0.05, 0.1, 0.15, 0.2):
                next_one = self.agent.start_next()
                time.sleep(delay)
                next_one.kill()
                next_one.wait(10)
                time.sleep(0.5)
                if self.agent.pid() is None:
                    # It was the only one by then: as if any callgated were killed, for which other tests are.
                    self.agent.start()
                    return

        # Only what was answered counts here.
        load = Load(self.agent, self.client, "any", 6, kept=False, hosts=self.names)
        act()
        answered = set(load.finish()[0])
        wait_until(lambda: answered <= set(self.recorded_paths("any")), "every answered call to have its record", 30)
        wait_until(lambda: self.curl("/after-kills").stdout == "GET /after-kills\n", "calls to pass again", 30)

    def versions_pinned(self):
        return sorted(os.listdir(f"{self.agent.pin_root}/callgate"))

    def test_from_one_abi_version_to_the_next_and_back(self):
        shutil.copytree(os.path.join(os.environ["CALLGATE_BIN"], "next"), os.path.join(self.bed.binaries, "next"))
        first, (version,) = self.agent.pid(), self.versions_pinned()
        following = f"v{int(version[1:]) + 1}"

        def act():
            for abi, expected in (("next", following), ("", version)):
                before = self.agent.pid()
                next_one = self.agent.start_next(abi=abi)
                wait_until(lambda pid=next_one.pid: self.agent.pid() == pid, "the next one to take over", 30)
                self.assertEqual(f"v{self.agent.json('status')['abi']}", expected)
                enrolled = {v: os.listdir(f"{self.agent.pin_root}/callgate/{v}/workloads") for v in self.versions_pinned()}
                self.assertEqual({v: bool(names) for v, names in enrolled.items()}, {version: expected == version,
                                                                                    following: expected == following})
                self.ended(before)
                self.agent.process.wait(10)
                self.agent.process = next_one

        self.under_load("abi", 24, act)
        self.assertFalse(alive(first))
        wait_until(lambda: self.versions_pinned() == [version], "what is left of the other version to be removed", 30)

    def test_only_administrators_upgrade(self):
        refused = run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                       os.path.join(self.bed.binaries, "callgate"), "--socket", f"{self.agent.run_dir}/control.sock", "upgrade"],
                      check=False)
        self.assertEqual(refused.returncode, 4, refused.stderr)


if __name__ == "__main__":
    main()
