"""Whether every request of a round has its record with both bodies, as the control API tells."""
from testbed.processes import Failure


class RecordCheck:
    """Begins with the round, when nothing is under way."""

    def __init__(self, agent):
        self.agent = agent
        self.before = self._counters()

    def _counters(self):
        status = self.agent.json("status")
        threads = status["threads"]
        counters = {name: sum(int(thread.get(name, 0)) for thread in threads)
                    for name in ("calls_allowed", "calls_denied", "calls_refused", "calls_failed", "ring_used")}
        counters["records"] = int(status["store"].get("records", 0))
        return counters

    def finish(self, requests, connections, size):
        """`requests` were answered; on each connection one more may have been under way when the load ended."""
        after = self._counters()
        if after["ring_used"] != 0:
            raise Failure(f"{after['ring_used']} bytes are still in the rings")
        grown = {name: after[name] - self.before[name] for name in after}
        wrong = {name: grown[name] for name in ("calls_denied", "calls_refused", "calls_failed") if grown[name] != 0}
        if wrong:
            raise Failure(f"not every call went well: {wrong}")
        if not requests <= grown["records"] <= requests + connections or grown["records"] != grown["calls_allowed"]:
            raise Failure(f"{requests} requests were answered, {grown['calls_allowed']} allowed, "
                          f"{grown['records']} recorded")
