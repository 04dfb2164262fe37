"""`callgate metrics`: printed, and served to a scraper."""
import os
import re
import subprocess
import time

from case import BedCase, main
from testbed.processes import end, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLE = re.compile(r'^([a-z_]+)((?:\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})?) (\S+)$')


def parsed(text):
    """{name: {labels: value}}; the test fails where a line is none of the text format."""
    samples, typed = {}, set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            continue
        if line.startswith("# TYPE "):
            name = line.split()[2]
            assert name not in typed, f"{name} is there twice"
            typed.add(name)
            continue
        found = SAMPLE.match(line.replace('le="+Inf"', 'le="inf"'))
        assert found, f"not a sample: {line}"
        samples.setdefault(found.group(1), {})[found.group(2)] = float(found.group(3))
    return samples


class Metrics(BedCase):
    def scrape(self):
        return parsed(self.agent.command("metrics").stdout)

    def calls(self, **labels):
        return sum(value for key, value in self.scrape().get("callgate_calls_total", {}).items()
                   if all(f'{name}="{wanted}"' in key for name, wanted in labels.items()))

    def test_calls_are_counted_by_what_came_of_them_and_timed(self):
        before = {decision: self.calls(decision=decision, protocol="http", mode="enforce") for decision in ("allow", "deny")}
        whole = self.scrape().get("callgate_call_duration_seconds_count", {}).get('{phase="whole"}', 0)
        for _ in range(3):
            self.curl("/fine")
        self.curl("/denied")
        wait_until(lambda: self.calls(decision="allow", outcome="completed") >= before["allow"] + 3, "the calls to be counted")
        wait_until(lambda: self.calls(decision="deny", outcome="denied") == before["deny"] + 1, "the denied call to be counted")
        wait_until(lambda: self.scrape()["callgate_call_duration_seconds_count"]['{phase="whole"}'] >= whole + 4,
                   "the calls to be timed")
        samples = self.scrape()
        self.assertEqual(samples["callgate_recording_failed"][""], 0)
        self.assertEqual(samples["callgate_policy_documents"][""], 1)
        self.assertTrue(any('event="gate.' in key for key in samples["callgate_kernel_events"]), samples)

    def hold_workload(self):
        holder = self.agent.spawn(self.client, ["/bin/cat"], name="client", stdin=-1)
        self.addCleanup(holder.communicate)
        self.addCleanup(holder.kill)
        wait_until(lambda: "callgate_svid_end_time_seconds" in self.scrape(), "the workload's certificate")

    def test_ends_of_certificates(self):
        self.hold_workload()
        self.curl("/fine")
        wait_until(lambda: "callgate_target_certificate_end_time_seconds" in self.scrape(), "the target's certificate")
        samples, now = self.scrape(), time.time()
        self.assertTrue(now + 1800 < samples["callgate_svid_end_time_seconds"][""] <= now + 3600)
        self.assertGreater(samples["callgate_authority_end_time_seconds"][""], now + 30 * 86400)
        self.assertGreater(samples["callgate_target_certificate_end_time_seconds"][""], now)

    def test_no_name_that_a_workload_chooses_is_a_label(self):
        self.curl("/canary-path", name="client-canary")
        text = self.agent.command("metrics").stdout
        self.assertNotIn("canary", text)
        self.assertNotIn("target.internal", text)

    def test_they_are_served_on_loopback_and_on_a_unix_socket_only(self):
        path = self.bed.path("metrics.sock")
        for where, options in (("127.0.0.1:9464", ["http://127.0.0.1:9464"]), (f"unix:{path}", ["--unix-socket", path, "http://x"])):
            server = self.agent.node.start(os.path.join(self.bed.binaries, "callgate"), "--socket",
                                           f"{self.agent.run_dir}/control.sock", "metrics", "--listen", where,
                                           stderr=subprocess.PIPE, text=True)
            try:
                self.assertIn("metrics are at", server.stderr.readline())
                url = options.pop()
                answer = self.agent.node.run("curl", "-sS", "--max-time", "10", *options, f"{url}/metrics").stdout
                self.assertIn("callgate_workloads", parsed(answer))
                other = self.agent.node.run("curl", "-sS", "--max-time", "10", "-o", "/dev/null", "-w", "%{http_code}", *options,
                                            f"{url}/").stdout
                self.assertEqual(other, "404")
            finally:
                end(server)
                server.stderr.close()
        refused = self.agent.command("metrics", "--listen", "0.0.0.0:9464", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("loopback", refused.stderr)

    def test_every_metric_is_documented_and_the_dashboard_uses_no_other(self):
        self.hold_workload()
        self.curl("/fine")
        wait_until(lambda: self.calls() > 0, "a call to be counted")
        names = {re.sub("_(bucket|sum|count)$", "", name) for name in self.scrape()}
        with open(os.path.join(HERE, "..", "..", "docs", "metrics.md"), encoding="utf-8") as file:
            documented = set(re.findall(r"^\| `(callgate_[a-z_]+)`", file.read(), re.MULTILINE))
        self.assertEqual(documented, names)
        with open(os.path.join(HERE, "..", "..", "deploy", "grafana", "callgate.json"), encoding="utf-8") as file:
            used = {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"callgate_[a-z_]+", file.read())}
        self.assertGreater(len(used), 8)
        self.assertLessEqual(used, names)


if __name__ == "__main__":
    main()
