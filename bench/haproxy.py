"""The peer: HAProxy with one thread, in http mode, with a pool of verified mutual TLS connections and no log."""
import os
import subprocess

from cpu import Cgroup
from testbed.processes import Failure, end, wait_until
from testbed.targets import listening

PORT = 18080


class HAProxy:
    """Listens on 127.0.0.1 of `host` and forwards to address:port, which must prove `name` to the authority `root`."""

    def __init__(self, bed, host, address, port, name, root):
        self.url = f"http://127.0.0.1:{PORT}"
        self.directory = bed.path("haproxy")
        os.mkdir(self.directory)
        identity = os.path.join(self.directory, "identity.pem")
        with open(identity, "w", encoding="ascii") as to:
            for part in bed.certificates.issue("haproxy", names=["haproxy.internal"]):
                with open(part, encoding="ascii") as source:
                    to.write(source.read())
        configuration = os.path.join(self.directory, "haproxy.cfg")
        with open(configuration, "w", encoding="ascii") as file:
            file.write(f"""global
  nbthread 1
  maxconn 4096
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
frontend calls
  bind 127.0.0.1:{PORT}
  default_backend target
backend target
  server target {address}:{port} ssl verify required ca-file {root} sni str({name}) verifyhost {name} crt {identity} \
ssl-min-ver TLSv1.3 pool-purge-delay 60s
""")
        self.cgroup = Cgroup(f"{bed.tag}-haproxy")
        bed.stack.callback(self.cgroup.close)
        self.log_path = os.path.join(self.directory, "haproxy.log")
        with open(self.log_path, "ab") as log:
            self.process = host.start(*self.cgroup.command("/usr/sbin/haproxy", "-db", "-f", configuration),
                                      stdout=log, stderr=subprocess.STDOUT)
        bed.stack.callback(end, self.process)
        wait_until(lambda: self._up(host), "HAProxy to listen")

    def _up(self, host):
        if self.process.poll() is not None:
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                raise Failure(f"HAProxy ended: {log.read()}")
        return listening(host, PORT)
