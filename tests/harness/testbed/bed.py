"""The testbed itself: owns the directory, the network and every process, and takes them away again."""
import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile

from .agent import Agent
from .capture import Capture
from .certificates import Certificates
from .network import Network
from .processes import run
from .targets import Nginx, ScriptedServer, TextServer


class Testbed(contextlib.AbstractContextManager):
    """Use as a context manager. Programs are taken from `binaries` (a build's bin directory)."""

    __test__ = False  # no test case, whatever its name says

    def __init__(self, binaries):
        if os.geteuid() != 0:
            raise PermissionError("the testbed makes network namespaces and cgroups: run it as root")
        self.tag = "cg" + secrets.token_hex(2)
        self.stack = contextlib.ExitStack()
        self.binaries_from = binaries

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._interrupted)
        try:
            self.directory = tempfile.mkdtemp(prefix="callgate-")
            self.stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            os.chmod(self.directory, 0o755)  # workloads run as nobody, and find their command here
            self.binaries = self.path("bin")
            os.mkdir(self.binaries)
            for name in ("callgated", "callgate-proxy", "callgate"):
                shutil.copy2(os.path.join(self.binaries_from, name), self.binaries)
            self.network = Network(self.tag)
            self.stack.callback(self.network.close)
            self.network.open()
            self.node = self.network.node
            self.certificates = Certificates(self.path("certificates"))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        # A second Ctrl-C must not stop the cleaning up.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.stack.close()

    @staticmethod
    def _interrupted(number, _frame):
        sys.exit(128 + number)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def host(self, name):
        return self.network.add_host(name)

    def mount(self, kind, name, *options):
        path = self.path(name)
        os.makedirs(path, exist_ok=True)
        run(["mount", "-t", kind, *options, kind, path])
        self.stack.callback(run, ["umount", "-l", path], check=False)
        return path

    def nginx(self, namespace, servers, ports, name="nginx", workers=1):
        return self._own(Nginx(namespace, self.path(name), servers, ports, workers))

    def text_server(self, namespace, port, address="0.0.0.0"):
        return self._own(TextServer(namespace, self.directory, port, address))

    def scripted_server(self, namespace, port, names):
        """A scripted TLS server with a good certificate for `names`."""
        certificate, key = self.certificates.issue(f"scripted-{port}", names=names)
        return self._own(ScriptedServer(namespace, self.directory, port, certificate, key))

    def capture(self, name, device="any"):
        return self._own(Capture(self.node, self.path(name + ".pcap"), device))

    def agent(self, name="agent", **settings):
        agent = Agent(self, name, **settings)
        self.stack.callback(agent.close)
        agent.start()
        return agent

    def _own(self, thing):
        self.stack.callback(thing.close)
        return thing
