"""What an investigator does: find, count, show, replay, search, export and follow calls, also over restarts of the agent."""
import base64
import csv
import io
import json
import os
import pty
import secrets
import select
import subprocess
import time

from case import BedCase, main

from testbed.load import Load, recorded_paths
from testbed.processes import end, wait_until


class Investigate(BedCase):
    settings = "record:\n  payload_limit: 64KiB\n"

    def arguments(self, *arguments):
        return [os.path.join(self.bed.binaries, "callgate"), "--socket", f"{self.agent.run_dir}/control.sock", *arguments]

    def call(self, path, *options):
        """Makes a call, and returns its record once it is there."""
        return self.recorded(lambda: self.curl(path, *options))[1]

    def lines(self, *arguments):
        return [json.loads(line) for line in self.agent.command("--json", *arguments).stdout.splitlines()]

    def test_calls_are_found_by_every_part_of_their_record(self):
        mark = secrets.token_hex(8)
        record = self.call(f"/denied/{mark}")
        met = {"--workload": "client*", "--process": "/usr/bin/cur*", "--function": f"http:GET *{mark}", "--host": "TARGET.*",
               "--port": "8080", "--decision": "deny", "--policy": record["decision"]["policy"], "--rule": "denied",
               "--outcome": "denied", "--status": "4xx", "--id": record["call_id"], "--error-code": record["error_code"]}
        met["--workload"] = record["workload"]["name"]
        missed = {"--workload": "nobody", "--process": "/usr/bin/wget", "--function": "grpc:*", "--host": "elsewhere", "--port": "1",
                  "--decision": "allow", "--policy": "none", "--rule": "anything-else", "--outcome": "completed", "--status": "404",
                  "--id": "f" * 32, "--error-code": "none", "--namespace": "none", "--min-duration": "5m"}
        everything = [part for pair in met.items() for part in pair if pair[1]]
        self.assertEqual(self.agent.command("sessions", "list", "--since", "1h", *everything, "--count").stdout, "1\n")
        for option, value in missed.items():
            with self.subTest(option=option):
                self.assertEqual(self.agent.command("sessions", "list", "--id", record["call_id"], option, value, "--count").stdout
                                 if option != "--id" else self.agent.command("sessions", "list", option, value, "--count").stdout, "0\n")

    def test_lists_are_counted_sorted_and_written_for_spreadsheets(self):
        mark = secrets.token_hex(8)
        for number in range(3):
            self.call(f"/{mark}/{number}")
        self.call(f"/{mark}/stream")
        own = ["--function", f"*{mark}*"]
        counted = self.agent.json("sessions", "list", *own, "--count-by", "outcome")
        self.assertEqual(counted, {"count": 4, "by": "outcome", "groups": [{"value": "completed", "count": 4}]})
        rows = list(csv.DictReader(io.StringIO(self.agent.command("sessions", "list", *own, "--csv").stdout)))
        self.assertEqual(len(rows), 4)
        self.assertEqual(rows[0]["host"], "target.internal")
        longest = list(csv.DictReader(io.StringIO(
            self.agent.command("sessions", "list", *own, "--csv", "--sort", "duration").stdout)))
        self.assertEqual([row["total_us"] for row in longest], sorted((row["total_us"] for row in rows), key=int, reverse=True))
        first = self.agent.command("sessions", "list", *own, "--csv", "--reverse", "--limit", "1").stdout
        self.assertIn(f"/{mark}/0,", first)

    def test_a_call_is_shown_as_a_person_reads_it(self):
        mark = secrets.token_hex(8)
        record = self.call(f"/echo?m={mark}", "-H", "Content-Type: application/json", "-d", '{"mark":"%s","n":[1,2]}' % mark)
        shown = self.agent.command("sessions", "show", record["call_id"]).stdout
        self.assertIn(f'    {{\n      "mark": "{mark}",\n      "n": [\n        1,\n        2\n', shown)
        for part in ("connected in", "first byte of the answer after", "whole", "certificate", f"/echo?m={mark} HTTP/1.1"):
            self.assertIn(part, shown)
        raw = self.agent.command("sessions", "show", record["call_id"], "--raw", "--direction", "request", "--part", "body").stdout
        self.assertEqual(raw, '{"mark":"%s","n":[1,2]}' % mark)

    def test_payload_cannot_take_the_terminal_over(self):
        mark = secrets.token_hex(8)
        record = self.call(f"/echo?{mark}", "--data-binary", f"{mark}\x1b]0;owned\x07\x9b31m")
        for command in (["show"], ["replay", "--speed", "max"]):
            shown = self.agent.command("sessions", command[0], record["call_id"], *command[1:]).stdout
            self.assertIn("1b 5d 30 3b", shown)  # the bytes are there, as a dump
            self.assertNotIn("\x1b", shown)
            self.assertNotIn("\x07", shown)
        ours, theirs = pty.openpty()
        try:
            refused = subprocess.run(self.arguments("sessions", "show", record["call_id"], "--raw"), stdout=theirs, stderr=subprocess.PIPE,
                                     stdin=subprocess.DEVNULL, timeout=30, check=False)
        finally:
            os.close(theirs)
            os.close(ours)
        self.assertEqual(refused.returncode, 2)
        self.assertIn(b"take this terminal over", refused.stderr)

    def test_a_body_that_was_cut_says_so_with_the_digest_of_the_whole(self):
        record = self.call("/large?size=1000000", "-o", "/dev/null")
        shown = self.agent.command("sessions", "show", record["call_id"]).stdout
        self.assertIn("more passed and were not captured]", shown)
        self.assertIn(f"salted sha256 of the whole: {record['response']['body_sha256']}", shown)
        raw = subprocess.run(self.arguments("sessions", "show", record["call_id"], "--raw", "--direction", "response", "--part", "body"),
                             capture_output=True, timeout=30, check=False)
        self.assertEqual(raw.returncode, 1)
        self.assertIn(b"truncated", raw.stderr)
        self.assertEqual(raw.stdout, (bytes(range(256)) * 4096)[:len(raw.stdout)])
        self.assertGreater(len(raw.stdout), 60000)

    def test_a_replay_keeps_order_and_time(self):
        record = self.call("/stream")
        played = self.agent.command("sessions", "replay", record["call_id"], "--speed", "max").stdout
        places = [played.index(f"piece {number}") for number in range(5)]
        self.assertEqual(places, sorted(places))
        self.assertLess(played.index("→ +"), played.index("← +"))
        begun = time.monotonic()
        self.agent.command("sessions", "replay", record["call_id"], "--speed", "0.5")
        # The pieces came 50 ms apart, so that half the speed takes at least twice their time.
        self.assertGreater(time.monotonic() - begun, 2 * 4 * 0.05)

    def test_a_replay_in_steps_waits_for_enter_on_a_terminal(self):
        record = self.call("/stream")
        ours, theirs = pty.openpty()
        process = subprocess.Popen(self.arguments("sessions", "replay", record["call_id"], "--step", "--direction", "response"),
                                   stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                                   env={"PATH": os.environ["PATH"], "TERM": "xterm"})
        os.close(theirs)
        text, entered = "", 0
        try:
            while process.poll() is None or select.select([ours], [], [], 0)[0]:
                if not select.select([ours], [], [], 20)[0]:
                    break
                try:
                    text += os.read(ours, 65536).decode(errors="replace")
                except OSError:
                    break
                if text.count("[Enter goes on") > entered:
                    entered += 1
                    os.write(ours, b"\n")
            self.assertEqual(process.wait(20), 0)
        finally:
            end(process)
            os.close(ours)
        self.assertIn("piece 4", text)
        self.assertGreaterEqual(entered, 5)
        self.assertIn("\x1b[", text)  # colours, since it is a terminal

    def test_text_is_found_in_bodies_and_heads_within_the_range_of_time(self):
        mark = secrets.token_hex(8)
        record = self.call(f"/echo?in-head={mark}", "-d", "x" * 5000 + mark + "y")
        hits = [line["hit"] for line in self.lines("sessions", "search", mark, "--since", "1h") if "hit" in line]
        self.assertEqual([hit["part"] for hit in hits], ["request head", "request body", "response body"])
        self.assertTrue(all(hit["call_id"] == record["call_id"] for hit in hits))
        self.assertEqual([int(hit["offset"]) for hit in hits[1:]], [5000, 5000])
        regex = self.lines("sessions", "search", f"x{{3}}{mark[:4].upper()}[0-9a-f]{{12}}y$", "--regex", "-i", "--since", "1h")
        self.assertEqual(len([line for line in regex if "hit" in line]), 2)
        for more in (["--until", "2020-01-01"], ["--host", "elsewhere"]):
            since = ["--since", "2019-01-01"] if "--until" in more else ["--since", "1h"]
            missed = self.agent.command("sessions", "search", mark, *since, *more, check=False)
            self.assertEqual((missed.returncode, missed.stdout), (5, ""))
        self.assertEqual(self.agent.command("sessions", "search", mark, check=False).returncode, 2)

    def test_users_find_their_own_sessions_only(self):
        mark = secrets.token_hex(8)
        record = self.call(f"/echo?{mark}", "-d", mark)  # of nobody

        def as_user(uid, *arguments):
            return subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *self.arguments(*arguments)],
                                  capture_output=True, text=True, timeout=30, check=False)

        self.assertIn(mark, as_user(65534, "sessions", "search", mark, "--since", "1h").stdout)
        for arguments in (["search", mark, "--since", "1h"], ["show", record["call_id"]], ["replay", record["call_id"], "--speed", "max"],
                          ["export", record["call_id"]]):
            other = as_user(4711, "sessions", *arguments)
            with self.subTest(arguments=arguments):
                self.assertEqual(other.returncode, 5, other.stderr)
                self.assertNotIn(mark, other.stdout)
        self.assertEqual(as_user(4711, "sessions", "list", "--count").stdout, "0\n")
        self.assertEqual(as_user(4711, "sessions", "tail", "-n", "5").stdout, "")
        self.assertEqual(as_user(4711, "sessions", "export").stdout, "")

    def test_an_export_has_the_calls_and_their_bytes(self):
        mark = secrets.token_hex(8)
        binary = self.bed.path("body.bin")
        with open(binary, "wb") as file:
            file.write(bytes(range(256)))
        self.call(f"/echo?{mark}", "--data-binary", f"@{binary}", "-H", "Content-Type: application/octet-stream", "-o", "/dev/null")
        own = ["--since", "1m", "--function", "*/echo"]
        path = self.bed.path(f"{mark}.jsonl")
        self.agent.command("sessions", "export", *own, "--payloads", "-o", path)
        with open(path, encoding="utf-8") as file:
            first = json.loads(file.readline())
        body = b"".join(base64.b64decode(p["base64"]) for p in first["payloads"] if p["part"] == "request body")
        self.assertEqual(body, bytes(range(256)))
        again = self.agent.command("sessions", "export", *own, "-o", path, check=False)
        self.assertEqual(again.returncode, 4)
        self.agent.command("sessions", "export", *own, "-o", path, "--force")
        archive = json.loads(self.agent.command("sessions", "export", *own, "--payloads", "--format", "har").stdout)
        entry = archive["log"]["entries"][0]
        self.assertEqual(entry["request"]["method"], "POST")
        self.assertIn(mark, entry["request"]["url"])
        self.assertEqual(base64.b64decode(entry["response"]["content"]["text"]), bytes(range(256)))
        self.assertEqual(entry["response"]["status"], 200)
        self.assertLess(abs(sum(v for k, v in entry["timings"].items() if k != "ssl" and v > 0) - entry["time"]), 0.01)

    def test_a_list_ends_with_its_pager(self):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(self.arguments("sessions", "list", "--calls"), stdin=theirs, stdout=theirs, stderr=theirs,
                                   env={"PATH": os.environ["PATH"], "TERM": "xterm", "PAGER": "head -n 2"})
        os.close(theirs)
        try:
            self.assertEqual(process.wait(20), 0)
        finally:
            end(process)
            os.close(ours)


class TailOverRestarts(BedCase):
    settings = "timeouts:\n  drain: 2s\n"

    def test_every_record_comes_exactly_once_over_kills_upgrades_and_ends_of_the_command(self):
        prefix = f"tail-{secrets.token_hex(6)}"
        cursor = self.bed.path("tail.cursor")
        tail = [os.path.join(self.bed.binaries, "callgate"), "--json", "--socket", f"{self.agent.run_dir}/control.sock", "sessions", "tail",
                "--follow", "--from-start", "--cursor-file", cursor]
        output = self.bed.path("tail.out")

        def start():
            with open(output, "ab") as file:
                return subprocess.Popen(tail, stdout=file, stderr=subprocess.DEVNULL)

        def seen():
            with open(output, encoding="utf-8") as file:
                return [json.loads(line) for line in file if line.endswith("\n")]

        process = start()
        try:
            loads = [Load(self.agent, self.client, f"{prefix}-{i}", 16, kept=True, hosts=self.names) for i in range(2)]
            for what in ("both", "proxy", "tail", "node"):
                before = len(seen())
                wait_until(lambda: len(seen()) > before + 20, "records to be followed", 60)
                if what == "tail":
                    end(process)
                    process = start()
                    continue
                self.agent.kill(what)
                if what != "proxy":
                    self.agent.start()
            answered = set()
            for load in loads:
                answered |= set(load.finish()[0])
            recorded = recorded_paths(self.agent, prefix)
            self.assertGreater(len(answered), 50)
            total = int(self.agent.command("sessions", "list", "--count").stdout)
            wait_until(lambda: len(seen()) >= total, f"all {total} records to be followed", 60)
        finally:
            end(process)
        followed = {}
        for record in seen():
            path = record["function"].split("target.internal", 1)[-1]
            if path.startswith("/" + prefix):
                followed[path] = followed.get(path, 0) + 1
        self.assertEqual(followed, recorded)
        self.assertEqual(len(seen()), total)
        ids = [record["call_id"] or record["session_id"] for record in seen()]
        self.assertEqual(len(set(ids)), len(ids), "a record came twice")
        self.assertLessEqual(answered, set(followed))

    def test_control_a_tail_without_its_place_repeats(self):
        """What the check above would catch: without the file, the same records come again."""
        self.curl("/control")
        first = wait_until(lambda: self.agent.command("--json", "sessions", "tail", "--from-start").stdout, "a record")
        second = self.agent.command("--json", "sessions", "tail", "--from-start").stdout
        self.assertTrue(second.startswith(first))


if __name__ == "__main__":
    main()
