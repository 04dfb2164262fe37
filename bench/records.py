"""Whether every request of a round has its record with both bodies, as the control API tells."""
import json
import time

from testbed.processes import Failure, wait_until

PAGE = 1000
COUNTER_INTERVAL = 0.5  # seconds; by then every counter has been renewed
REFUSED = ("calls_denied", "calls_refused", "calls_failed")


class RecordCheck:
    """Begins with a round, when nothing is under way."""

    def __init__(self, agent):
        self.agent = agent
        self.before = self._counters()

    def _counters(self):
        """The agent's counters, once they have come to rest: those of the proxy come with its signs of life, a few a second."""
        last = None
        while True:
            status = self.agent.json("status")
            counters = {name: sum(int(thread[name]) for thread in status["threads"])
                        for name in ("calls_allowed", *REFUSED, "ring_used")}
            if counters == last:
                return counters
            last = counters
            time.sleep(COUNTER_INTERVAL)

    def finish(self, requests, connections, size):
        """`requests` were answered; on each connection one more may have been under way when the load ended."""
        now = self._counters()
        if now["ring_used"] != 0:
            raise Failure(f"{now['ring_used']} bytes are left in the rings")
        wrong = {name: self._grown(now, name) for name in REFUSED if self._grown(now, name) != 0}
        if wrong:
            raise Failure(f"not every call went well: {wrong}")
        calls = self._grown(now, "calls_allowed")
        if not requests <= calls <= requests + connections:
            raise Failure(f"{requests} requests were answered, but {calls} were allowed")
        self._check_records(calls, requests, connections, size)

    def _grown(self, now, name):
        return now[name] - self.before[name]

    def _check_records(self, calls, requests, connections, size):
        """Each of the newest `calls` records is one of this round: looks at all of them."""
        complete, seen, cursor = 0, set(), None
        while len(seen) < calls:
            page = self.agent.json("sessions", "list", "--limit", str(PAGE), *(["--cursor", cursor] if cursor else []))
            records = [record for session in page["sessions"] for record in session["records"]
                       if record["kind"] == "call"]
            # Within a page records lie by session, so the last page is cut to this round by its times.
            records.sort(key=lambda record: -int(record["opened_ns"]))
            for record in records[:calls - len(seen)]:
                seen.add(record["call_id"])
                if record["outcome"] != "completed":
                    continue
                if not self._whole(record["request"], size.request) or not self._whole(record["response"], size.response):
                    raise Failure(f"call {record['call_id']} is not recorded whole: {record}")
                complete += 1
            cursor = page["next_cursor"]
            if not cursor:
                break
        if len(seen) != calls or not requests <= complete <= calls:
            raise Failure(f"{calls} calls were made and {requests} answered, but {len(seen)} are recorded, {complete} of "
                          "them as completed")

    @staticmethod
    def _whole(content, size):
        return (int(content["size"]) == size and int(content["hashed_size"]) == size and not content["truncated"]
                and int(content["captured_size"]) >= size)


def check_payload(agent, path, request, response):
    """The newest session is one call of `path` whose stored bodies are these bytes."""
    def newest():
        sessions = agent.json("sessions", "list", "--limit", "1")["sessions"]
        found = sessions and any(function.endswith(path) for function in sessions[0]["functions"])
        return sessions[0]["session"] if found else None

    parts = agent.command("--json", "sessions", "show", wait_until(newest, "the call to be recorded")).stdout.splitlines()
    stored = {}
    for payload in (json.loads(part).get("payload") for part in parts):
        if payload and payload["kind"] == "KIND_BODY":
            stored[payload["direction"]] = stored.get(payload["direction"], b"") + bytes.fromhex(payload["data"])
    if stored != {"DIRECTION_REQUEST": request, "DIRECTION_RESPONSE": response}:
        raise Failure("the stored bodies are not those that were sent: "
                      + str({direction: len(body) for direction, body in stored.items()}))
