"""Policies on a running agent: reload, and what a bad file does."""
import os

from case import POLICY, BedCase, main

from testbed.processes import wait_until


class Policies(BedCase):
    def status_of(self, path):
        return self.curl(path, "-o", "/dev/null", "-w", "%{http_code}").stdout

    def tearDown(self):
        self.agent.write_policy("tests.yaml", POLICY)
        wait_until(lambda: self.status_of("/good") == "200", "the usual policy to be in force")

    def test_a_changed_policy_is_in_force_without_a_restart(self):
        self.assertEqual(self.status_of("/good"), "200")
        self.agent.write_policy("tests.yaml", POLICY.replace("/denied", "/good"))
        wait_until(lambda: self.status_of("/good") == "403", "the changed policy to be in force")
        self.assertEqual(self.status_of("/denied"), "200")

    def test_a_bad_file_leaves_the_last_good_policy_in_force_and_says_so(self):
        self.agent.write_policy("tests.yaml", POLICY.replace("rules:", "ruls:"))
        status = wait_until(lambda: (lambda s: s if "ruls" in s else "")(self.agent.command("status").stdout),
                            "status to tell of the bad policy")
        self.assertIn("tests.yaml:", status)
        self.assertEqual(self.status_of("/good"), "200")
        self.assertEqual(self.status_of("/denied"), "403")

    def test_a_restart_with_a_bad_file_serves_the_last_good_policy(self):
        self.assertEqual(self.status_of("/denied"), "403")
        self.agent.write_policy("tests.yaml", "nonsense: [")
        wait_until(lambda: "tests.yaml" in self.agent.command("status").stdout, "status to tell of the bad policy")
        self.agent.kill("both")
        self.agent.start()
        self.assertEqual(self.status_of("/denied"), "403")
        self.assertEqual(self.status_of("/good"), "200")

    def test_policy_check_says_where_and_what(self):
        path = os.path.join(self.bed.directory, "bad.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(POLICY.replace("action: deny", "action: approve"))
        answer = self.agent.command("policy", "check", path, check=False)
        self.assertEqual(answer.returncode, 1)
        self.assertRegex(answer.stdout + answer.stderr, r"bad\.yaml:\d+:\d+: error: .*approve")
        good = os.path.join(self.agent.policies, "tests.yaml")
        self.agent.write_policy("tests.yaml", POLICY)
        self.assertEqual(self.agent.command("policy", "check", good, check=False).returncode, 0)


if __name__ == "__main__":
    main()
