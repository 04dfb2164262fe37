"""Network namespaces around one that plays the node: each host hangs on the node by a veth pair."""
import subprocess

from .processes import run


class Namespace:
    """One host. `address`/`address6` are its own; `device` is the node's end of its veth pair."""

    def __init__(self, network, name, number):
        self.network = network
        self.short_name = name
        self.name = f"{network.prefix}-{name}"
        self.device = f"{network.prefix}{number}"
        self.address = f"10.77.{number}.2"
        self.gateway = f"10.77.{number}.1"
        self.address6 = f"fd77:0:0:{number:x}::2"
        self.gateway6 = f"fd77:0:0:{number:x}::1"

    def command(self, *command):
        """The command line that runs `command` inside, with the node's cgroup and bpf file systems in sight."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *map(str, command)]

    def run(self, *command, **options):
        return run(self.command(*command), **options)

    def start(self, *command, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.command(*command), **options)


class Network:
    """The node and its hosts. Forwards between hosts inside the node's own namespace only."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.names = []
        self.count = 0
        self.node = Namespace(self, "node", 0)

    def open(self):
        self._add(self.node.name)
        self.node.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")

    def add_host(self, name):
        self.count += 1
        host = Namespace(self, name, self.count)
        self._add(host.name)
        node = self.node
        node.run("ip", "link", "add", host.device, "type", "veth", "peer", "name", "eth0", "netns", host.name)
        for side, device, address, address6 in (
            (node, host.device, host.gateway, host.gateway6),
            (host, "eth0", host.address, host.address6),
        ):
            side.run("ip", "addr", "add", f"{address}/24", "dev", device)
            side.run("ip", "addr", "add", f"{address6}/64", "dev", device, "nodad")
            side.run("ip", "link", "set", device, "up")
        host.run("ip", "route", "add", "default", "via", host.gateway)
        host.run("ip", "-6", "route", "add", "default", "via", host.gateway6)
        return host

    def _add(self, name):
        run(["ip", "netns", "add", name])
        self.names.append(name)
        run(["nsenter", f"--net=/run/netns/{name}", "ip", "link", "set", "lo", "up"])

    def close(self):
        for name in reversed(self.names):
            run(["ip", "netns", "del", name], check=False)
        self.names.clear()
