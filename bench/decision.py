"""What one decision costs with few and with many rules, in one run."""
import json
import subprocess

KINDS = {"plain": "without a condition", "condition": "two comparisons", "body": "a JSON body of 89 bytes"}


def measure(binary, rounds):
    """The medians of `rounds` repetitions, in nanoseconds: {kind: {rules: time}}."""
    ran = subprocess.run([binary, "--benchmark_format=json", f"--benchmark_repetitions={rounds}",
                          "--benchmark_enable_random_interleaving=true", "--benchmark_report_aggregates_only=true"],
                         stdout=subprocess.PIPE, check=True, timeout=600)
    times = {}
    for entry in json.loads(ran.stdout)["benchmarks"]:
        if entry.get("error_occurred"):
            raise RuntimeError(f"{entry['name']}: {entry['error_message']}")
        if entry["aggregate_name"] != "median":
            continue
        kind, rules = entry["run_name"].split("/")[:2]
        times.setdefault(kind, {})[int(rules)] = entry["cpu_time"]
    return times


def figures(times):
    return {kind: {**{f"rules_{rules}_ns": round(time, 1) for rules, time in by_rules.items()},
                   "ratio": round(by_rules[10_000] / by_rules[10], 3)} for kind, by_rules in times.items()}


def table(times):
    lines = [f"{'':<28}{'10 rules':>10}{'10,000':>10}{'ratio':>8}"]
    for kind, by_rules in times.items():
        lines.append(f"{KINDS[kind]:<28}{by_rules[10]:>7.0f} ns{by_rules[10_000]:>7.0f} ns{by_rules[10_000] / by_rules[10]:>8.2f}")
    return "\n".join(lines)
