"""What the index of recorded calls costs and how long it searches, by the number of calls in it."""
import json
import subprocess
import tempfile

CALLS = (100_000, 1_000_000)


def measure(binary):
    """{calls: {"add_us": [of each tenth], "questions_ms": {question: time}, "open_ms": ..., "bytes_per_call": ...}}"""
    runs = {}
    for calls in CALLS:
        with tempfile.TemporaryDirectory(prefix="callgate-bench-") as directory:
            ran = subprocess.run([binary, directory, str(calls)], stdout=subprocess.PIPE, check=True, timeout=600)
        runs[calls] = json.loads(ran.stdout)
    return runs


def table(runs):
    columns = list(runs.values())
    lines = [f"{'CPU':<32}" + "".join(f"{calls:>12,}" for calls in runs)]

    def line(name, values, unit):
        lines.append(f"{name:<32}" + "".join(f"{value:>9.2f} {unit}" for value in values))

    line("add, first tenth", [run["add_us"][0] for run in columns], "us")
    line("add, last tenth", [run["add_us"][-1] for run in columns], "us")
    for question in columns[0]["questions_ms"]:
        line(question, [run["questions_ms"][question] for run in columns], "ms")
    line("open", [run["open_ms"] for run in columns], "ms")
    line("bytes per call", [run["bytes_per_call"] for run in columns], "  ")
    return "\n".join(lines)
