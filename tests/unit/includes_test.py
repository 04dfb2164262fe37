#!/usr/bin/env python3
"""Holds #include lines to the rooms' dependencies, which point one way. Checks first that it catches a crossing."""
import pathlib
import re
import sys

# What each room may include besides itself. Pure rooms first: no I/O but base's.
ALLOWED = {
    "base": set(),
    "identity": {"base"},
    "cel": {"base"},
    "policy": {"base", "cel"},
    "limit": {"base"},
    "tlog": {"base"},
    "suggest": {"base", "policy"},
    "protocol": {"base"},
    "config": {"base"},
    "kernel": {"base", "bpf"},
    "record": {"base", "index", "payload", "tlog"},
    "index": {"base", "policy"},
    "payload": {"base"},
    "transport": {"base", "identity"},
    "workload": {"base", "identity", "kernel"},
    "control": {"base", "config"},
    "cli": {"base", "config", "control", "inquiry", "kernel", "policy", "suggest", "tlog"},
    "proxy": {"base", "identity", "kernel", "limit", "policy", "protocol", "record", "transport"},
    "node": {"base", "bpf", "config", "control", "identity", "index", "inquiry", "kernel", "limit", "payload", "policy", "record", "tlog", "workload"},
    "inquiry": {"base", "policy"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def room_of(path):
    """The room of a source file, by its folder: userspace/ROOM/... or agent/ROOM/..."""
    return path.parts[1]


def crossings(root):
    for path in sorted([*root.glob("userspace/**/*.?pp"), *root.glob("agent/**/*.?pp")]):
        room = room_of(path.relative_to(root))
        if room not in ALLOWED:
            yield f"{path}: the room `{room}` is not in ALLOWED; say what it may include"
            continue
        for include in INCLUDE.findall(path.read_text(encoding="utf-8")):
            other = include.split("/")[0] if "/" in include else room
            if include.startswith("callgate/v1/"):  # generated messages belong to the rooms that link them
                continue
            if include == "abi.h" or include.endswith(".skel.h"):
                other = "bpf"
            if other != room and other not in ALLOWED[room]:
                yield f"{path}: `{room}` may not include {include}"


def self_test():
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        (root / "userspace/base").mkdir(parents=True)
        (root / "userspace/base/bad.hpp").write_text('#include "policy/engine.hpp"\n', encoding="utf-8")
        assert len(list(crossings(root))) == 1, "a crossing include was not caught"


def main():
    self_test()
    found = list(crossings(pathlib.Path(__file__).resolve().parents[2]))
    print("\n".join(found))
    return 1 if found else 0


sys.exit(main())
