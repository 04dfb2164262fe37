"""An agent of the testbed's own, with its own state, run and pin directories, and workloads that run under it."""
import json
import os
import signal
import subprocess

from .processes import Failure, alive, end, kill_and_wait, run, terminate_and_wait, wait_until

NOBODY = 65534


def cgroup2_mount():
    """Where cgroup2 is mounted on this machine."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            before, after = line.split(" - ", 1)
            if after.split()[0] == "cgroup2":
                return before.split()[4]
    raise Failure("no cgroup2 is mounted; mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup")


class Agent:
    """callgated in the node's namespace. `settings` are YAML lines that are added to its configuration, behind `tls:`."""

    def __init__(self, bed, name, settings="", policies=None, node=None):
        self.bed = bed
        self.node = node or bed.node
        self.directory = bed.path(name)
        self.cgroup_root = os.path.join(cgroup2_mount(), f"{bed.tag}-{name}")
        self.policies = os.path.join(self.directory, "policies")
        self.configuration = os.path.join(self.directory, "callgate.yaml")
        self.log_path = os.path.join(self.directory, "callgated.log")
        self.process = None
        os.makedirs(self.policies)
        os.makedirs(os.path.join(self.directory, "state"), mode=0o700)
        self.run_dir = bed.mount("tmpfs", os.path.join(name, "run"), "-o", "size=512m,mode=755")
        self.pin_root = bed.mount("bpf", os.path.join(name, "bpf"))
        for file, text in (policies or {}).items():
            self.write_policy(file, text)
        self.configure(settings)

    def configure(self, settings):
        with open(self.configuration, "w", encoding="utf-8") as file:
            file.write(f"""state_dir: {self.directory}/state
run_dir: {self.run_dir}
pin_dir: {self.pin_root}/callgate
cgroup_root: {self.cgroup_root}
policies_dir: {self.policies}
control:
  socket: {self.run_dir}/control.sock
run:
  users: ["*"]
tls:
  system_roots: {self.bed.certificates.root}
{settings}
""")

    def write_policy(self, name, text):
        temporary = os.path.join(self.bed.directory, name + ".new")
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(temporary, os.path.join(self.policies, name))

    def start(self, wait=True, open_files=None, variables=()):
        """`variables`: of callgated's environment, "NAME=VALUE" each."""
        limited = ["prlimit", f"--nofile={open_files}:{open_files}"] if open_files else []
        limited += ["env", *variables] if variables else []
        with open(self.log_path, "ab") as log:
            self.process = self.node.start(*limited, os.path.join(self.bed.binaries, "callgated"), "--config", self.configuration,
                                           stdout=log, stderr=log)
        if wait:
            self.wait_ready()

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise Failure(f"callgated ended with status {self.process.returncode}:\n{self.log()}")
            return self.command("status", check=False).returncode == 0

        wait_until(ready, "callgated to answer `callgate status`", 30)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def command(self, *arguments, check=True, timeout=30):
        """Runs `callgate ARGUMENTS` as root against this agent."""
        return run([os.path.join(self.bed.binaries, "callgate"), "--socket", f"{self.run_dir}/control.sock", *arguments],
                   check=check, timeout=timeout)

    def json(self, *arguments):
        return json.loads(self.command("--json", *arguments).stdout)

    def workload_command(self, host, command, *, name="client", hosts=None, identity=None, user=NOBODY):
        """The command line that runs `command` enrolled, as `user`, in a host's namespace.

        `hosts` maps names to addresses: they stand in the workload's /etc/hosts.
        """
        lines = "127.0.0.1 localhost\n" + "".join(f"{address} {n}\n" for n, address in (hosts or {}).items())
        table = os.path.join(self.bed.directory, f"hosts-{abs(hash(lines)):x}")
        with open(table, "w", encoding="ascii") as file:
            file.write(lines)
        run_options = ["--name", name] + (["--identity", identity] if identity else [])
        inner = [os.path.join(self.bed.binaries, "callgate"), "--socket", f"{self.run_dir}/control.sock", "run", *run_options,
                 "--", *map(str, command)]
        return host.command(
            "unshare", "-m", "sh", "-c", f'mount --bind {table} /etc/hosts && cd / && exec "$@"', "sh",
            "env", "-i", "PATH=/usr/bin:/bin", "HOME=/",
            "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *inner)

    def run(self, host, command, *, timeout=60, check=False, **options):
        """Runs an enrolled command to its end."""
        return run(self.workload_command(host, command, **options), timeout=timeout, check=check)

    def spawn(self, host, command, *, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options):
        """Starts an enrolled command; the caller ends it."""
        return subprocess.Popen(self.workload_command(host, command, **options), stdin=stdin, stdout=stdout, stderr=stderr,
                                text=True)

    def pids(self, part=""):
        """Ids of the processes in this agent's cgroups whose path contains `part` ("proxy", "helper", "run/")."""
        found = []
        for directory, _, files in os.walk(self.cgroup_root):
            if "cgroup.procs" in files and part in directory[len(self.cgroup_root):] + "/":
                try:
                    with open(os.path.join(directory, "cgroup.procs"), encoding="ascii") as file:
                        found += [int(line) for line in file if int(line) != 0]
                except OSError:
                    continue  # the cgroup went away meanwhile
        return found

    def proxies(self):
        return [pid for pid in self.pids("/proxy/") if alive(pid)]

    def kill(self, what="both"):
        """SIGKILLs callgated ("node"), its proxy ("proxy") or all processes of the agent ("both")."""
        if what in ("node", "both"):
            # First: it would start others in the place of those that die before it.
            self.process.kill()
            self.process.wait(10)
        if what in ("proxy", "both"):
            kill_and_wait(self.proxies() if what == "proxy" else self.pids("/agent-"))

    def pid(self):
        """Of the callgated that answers, which after an upgrade is no child of the testbed; None where none does."""
        answer = self.command("--json", "status", check=False)
        return int(json.loads(answer.stdout)["pid"]) if answer.returncode == 0 else None

    def start_next(self, *options, configuration=None, abi=""):
        """A callgated that is to take the running one's place, as somebody would start it by hand; of the `abi` "next"."""
        with open(self.log_path, "ab") as log:
            return self.node.start(os.path.join(self.bed.binaries, abi, "callgated"), "--config", configuration or self.configuration,
                                   "--replace", *options, stdout=log, stderr=log)

    def stop(self):
        end(self.process, how=signal.SIGTERM, timeout=60)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            end(self.process, how=signal.SIGTERM, timeout=20)
        for pid in self.pids("/node/"):
            terminate_and_wait(pid)
        kill_and_wait(self.pids())
        for directory, _, _ in os.walk(self.cgroup_root, topdown=False):
            try:
                os.rmdir(directory)
            except OSError as error:
                raise Failure(f"{directory} is left behind: {error}") from error
