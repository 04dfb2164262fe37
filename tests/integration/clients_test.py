"""Clients and servers that nobody here wrote: the same scripts, direct and through callgate, must get the same answers."""
import os
import re
import subprocess

from case import BedCase, main
from testbed.processes import end, run, wait_until
from testbed.targets import listening

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")
SERVERS = {"nginx": 8080, "apache": 8081, "node": 8082, "python": 8083}
ECHOES = ("node",)  # servers that say back what they were sent

POLICY = """\
apiVersion: callgate.dev/v1
kind: CallPolicy
metadata: {name: clients}
spec:
  callers: [{workload: client}]
  targets: [{host: 10.77.2.2, upstream: {tls: plaintext}}]
  rules: [{name: all, functions: ["http:* /**"], action: allow}]
"""

APACHE = """\
ServerRoot {directory}
ServerName target
PidFile {directory}/apache.pid
Listen 0.0.0.0:8081
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
User nobody
Group nogroup
ErrorLog {directory}/apache.log
DocumentRoot {directory}
<Directory {directory}>
  Require all granted
</Directory>
"""


class Clients(BedCase):
    maxDiff = None
    policies = {"clients.yaml": POLICY}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = cls.bed.path("www")
        os.mkdir(cls.files)
        os.chmod(cls.files, 0o755)
        with open(os.path.join(cls.files, "file.bin"), "wb") as file:
            file.write(bytes(range(256)) * 400)
        os.chmod(cls.bed.directory, 0o755)
        cls.scratch = cls.bed.path("scratch")
        os.mkdir(cls.scratch)
        os.chmod(cls.scratch, 0o777)
        cls.nginx = cls.bed.nginx(cls.target, [f"listen 8080; root {cls.files};"], [8080])
        configuration = cls.bed.path("apache.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(APACHE.format(directory=cls.files))
        cls.serve(8081, "/usr/sbin/apache2", "-f", configuration, "-D", "FOREGROUND")
        cls.serve(8082, "/usr/bin/node", os.path.join(HERE, "server.js"), 8082, os.path.join(cls.files, "file.bin"))
        cls.serve(8083, "/usr/bin/python3", "-m", "http.server", 8083, "--directory", cls.files)

    @classmethod
    def serve(cls, port, *command):
        process = cls.target.start(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(end, process)
        wait_until(lambda: listening(cls.target, port), f"{command[0]} to listen on {port}")

    def both(self, *command):
        """What a command prints directly and enrolled, as the same user."""
        command = [str(part) for part in command]
        direct = run(self.client.command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command), timeout=120)
        through, records = self.recorded_by_new(lambda: self.enrolled(command, name="client", timeout=120))
        self.assertEqual({record["workload"]["name"] for record in records}, {"client"})
        return direct.stdout, through.stdout

    def same(self, *command):
        direct, through = self.both(*command)
        self.assertNotEqual(direct.strip(), "")
        self.assertEqual(through, direct)

    def each(self, test):
        for server, port in SERVERS.items():
            with self.subTest(server=server):
                test(server, port, "yes" if server in ECHOES else "no")

    def test_curl(self):
        self.each(lambda server, port, upload: self.same(
            "bash", os.path.join(HERE, "curl.sh"), f"http://{self.target.address}:{port}", upload,
            os.path.join(self.scratch, "upload.bin")))

    def test_python(self):
        self.each(lambda server, port, upload: self.same(
            "/usr/bin/python3", os.path.join(HERE, "python_clients.py"), self.target.address, port, upload))

    def test_node(self):
        self.each(lambda server, port, upload: self.same(
            "/usr/bin/node", os.path.join(HERE, "node_clients.js"), f"http://{self.target.address}:{port}", upload))

    def test_java(self):
        # Starting it takes seconds: two servers tell as much as four.
        for server, upload in (("nginx", "no"), ("node", "yes")):
            with self.subTest(server=server):
                self.same("/usr/bin/java", "-Xmx128m", "-XX:TieredStopAtLevel=1", os.path.join(HERE, "JavaClient.java"),
                          f"http://{self.target.address}:{SERVERS[server]}", upload)

    def test_wget(self):
        self.each(lambda server, port, upload: self.same(
            "sh", "-c", f"wget -q -T 20 -t 1 -O - http://{self.target.address}:{port}/file.bin | sha256sum;"
            f"wget -q -T 20 -t 1 -O - http://{self.target.address}:{port}/missing; echo $?"))

    def test_ab_loses_nothing(self):
        for server, port in (("nginx", 8080), ("apache", 8081)):
            for keep_alive in ([], ["-k"]):
                with self.subTest(server=server, keep_alive=keep_alive):
                    outputs = self.both("ab", "-q", *keep_alive, "-n", 500, "-c", 20, f"http://{self.target.address}:{port}/file.bin")
                    kept = [re.findall(r"(?:Complete|Failed) requests:\s+\d+|HTML transferred:\s+\d+", text) for text in outputs]
                    self.assertEqual(kept[0], kept[1])
                    self.assertIn("Complete requests:      500", kept[1])
                    self.assertIn("Failed requests:        0", kept[1])

    def test_wrk_gets_no_errors(self):
        for answer in self.both("wrk", "-t1", "-c16", "-d2", f"http://{self.target.address}:8080/file.bin"):
            self.assertRegex(answer, r"\d+ requests in")
            self.assertNotIn("Non-2xx", answer)
            self.assertNotIn("Socket errors", answer)


if __name__ == "__main__":
    main()
