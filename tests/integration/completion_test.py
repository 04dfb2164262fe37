"""Completions in the shells that they are for, and manual pages as mandoc reads them."""
import os
import re
import subprocess
import tempfile
import unittest

CALLGATE = os.path.join(os.environ["CALLGATE_BIN"], "callgate")

BASH = """
source <("$0" completion bash)
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_callgate
printf '%s\\n' "${COMPREPLY[@]}"
"""


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, **options).stdout


def commands(*path):
    """The subcommands that --help names."""
    text = run(CALLGATE, *path, "--help")
    found = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.MULTILINE)
    return [line.split()[0] for line in found.group(1).splitlines() if line[2] != " "] if found else []


def tree(*path):
    """The paths of all commands from one on."""
    yield path
    for name in commands(*path):
        yield from tree(*path, name)


def options(*path):
    return set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", run(CALLGATE, *path, "--help"), re.MULTILINE))


class Completion(unittest.TestCase):
    def bash(self, *words):
        return run("bash", "-c", BASH, CALLGATE, "callgate", *words).split()

    def fish(self, line):
        script = f"{CALLGATE} completion fish | source; complete -C '{line}'"
        with tempfile.TemporaryDirectory() as home:
            return [found.split("\t")[0] for found in run("fish", "--no-config", "-c", script, env={**os.environ, "HOME": home})
                    .splitlines()]

    def zsh(self, *words):
        # compadd shows what would be offered.
        script = (f"compdef() {{ }}; compadd() {{ shift; print -l -- $@ }}; _files() {{ print FILES }};"
                  f"source <({CALLGATE} completion zsh); words=(callgate {' '.join(repr(w) for w in words)});"
                  f"CURRENT=${{#words}}; _callgate")
        return run("zsh", "-f", "-c", script).split()

    def test_every_command_is_offered(self):
        self.assertGreater(len(commands()), 8)
        for command in commands():
            self.assertIn(command, self.bash(""))
            self.assertIn(command, self.fish("callgate "))
            self.assertIn(command, self.zsh(""))

    def test_options_of_a_command_and_those_of_all(self):
        wanted = options("sessions", "list") | {"--json", "--socket"}
        self.assertIn("--decision", wanted)
        self.assertLessEqual(wanted, set(self.bash("sessions", "list", "-")))
        self.assertLessEqual(wanted, set(self.zsh("sessions", "list", "-")))
        self.assertLessEqual(wanted, set(self.fish("callgate sessions list --")))
        self.assertNotIn("--decision", self.bash("enroll", "-"))

    def test_values_are_the_ones_that_are_accepted(self):
        self.assertEqual(self.bash("sessions", "list", "--decision", ""), ["allow", "deny", "would-deny"])
        self.assertEqual(self.bash("sessions", "list", "--workload", "shop", "--decision", "d"), ["deny"])
        self.assertEqual(self.zsh("sessions", "list", "--decision", ""), ["allow", "deny", "would-deny"])
        self.assertEqual(self.fish("callgate sessions list --workload shop --decision "), ["allow", "deny", "would-deny"])

    def test_files(self):
        self.assertIn("/etc/hosts", self.bash("policy", "check", "/etc/host"))
        self.assertIn("/etc/hosts", self.bash("--config", "/etc/host"))
        self.assertIn("FILES", self.zsh("policy", "check", ""))
        self.assertNotIn("FILES", self.zsh("sessions", "list", ""))

    def test_behind_two_dashes_stands_another_command(self):
        self.assertIn("/etc/hosts", self.bash("run", "--", "cat", "/etc/host"))


class Manual(unittest.TestCase):
    def test_each_command_has_a_page_that_reads_well_and_names_all_options(self):
        paths = list(tree())
        with tempfile.TemporaryDirectory() as directory:
            run(CALLGATE, "man", "--directory", directory)
            self.assertEqual(len(os.listdir(directory)), len(paths))
            for path in paths:
                page = os.path.join(directory, "-".join(("callgate",) + path) + ".1")
                with self.subTest(page=page):
                    lint = subprocess.run(["mandoc", "-T", "lint", page], capture_output=True, text=True, check=False)
                    # A page of no day has no date.
                    findings = [line for line in lint.stdout.splitlines()
                                if re.search("WARNING|ERROR|UNSUPP", line) and "missing date" not in line]
                    self.assertEqual(findings, [])
                    text = run("mandoc", "-T", "utf8", "-O", "width=200", page)
                    text = re.sub(".\b", "", text)
                    for option in options(*path):
                        self.assertIn(option, text)

    def test_the_page_of_the_whole_is_printed(self):
        self.assertTrue(run(CALLGATE, "man").startswith(".TH CALLGATE 1"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
