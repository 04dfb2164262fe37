"""Servers that calls go to."""
import os
import subprocess

from .processes import Failure, end, run, wait_until


def listening(namespace, port):
    """True if something listens on a TCP port inside a namespace."""
    return run(namespace.command("ss", "-Hltn", f"sport = :{port}")).stdout.strip() != ""


class Nginx:
    """Debian's nginx with one `server` block per entry of `servers` (nginx configuration text, without braces)."""

    def __init__(self, namespace, directory, servers, ports, workers=1):
        self.directory = directory
        self.access_log = os.path.join(directory, "access.log")
        os.makedirs(directory, exist_ok=True)
        blocks = "\n".join("  server {\n" + server + "\n  }" for server in servers)
        configuration = os.path.join(directory, "nginx.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(f"""daemon off;
worker_processes {workers};
user root;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  log_format calls '$request_method $host$request_uri $status verify=$ssl_client_verify dn=$ssl_client_s_dn '
                   'protocol=$ssl_protocol canary=$http_x_canary';
  access_log {self.access_log} calls;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
  default_type text/plain;
  client_max_body_size 0;
  keepalive_requests 10000000;
{blocks}
}}
""")
        self.process = namespace.start("/usr/sbin/nginx", "-p", directory, "-c", configuration,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for port in ports:
            wait_until(lambda p=port: self._up(namespace, p), f"nginx on port {port}")

    def _up(self, namespace, port):
        if self.process.poll() is not None:
            with open(os.path.join(self.directory, "error.log"), encoding="utf-8", errors="replace") as log:
                raise Failure(f"nginx ended: {log.read()}")
        return listening(namespace, port)

    def calls(self):
        """The lines of the access log so far."""
        with open(self.access_log, encoding="utf-8", errors="replace") as log:
            return log.read().splitlines()

    def close(self):
        end(self.process)


class TextServer:
    """A plaintext HTTP server (Python's own) that keeps what it is sent, byte for byte, in `received`."""

    SCRIPT = """
import socketserver, sys
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.settimeout(10)
        data = b''
        try:
            while b'\\r\\n\\r\\n' not in data:
                piece = self.request.recv(65536)
                if not piece:
                    break
                data += piece
                open(sys.argv[2], 'ab').write(piece)
                if not data[:1].isalpha():
                    self.request.sendall(b'HTTP/1.1 400 Bad Request\\r\\nConnection: close\\r\\n\\r\\n')
                    return
        except OSError:
            pass
        if b'\\r\\n\\r\\n' in data:
            self.request.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 6\\r\\nConnection: close\\r\\n\\r\\nplain\\n')
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    address_family = 10 if ':' in sys.argv[3] else 2
Server((sys.argv[3], int(sys.argv[1])), Handler).serve_forever()
"""

    def __init__(self, namespace, directory, port, address="0.0.0.0"):
        self.received = os.path.join(directory, f"received-{port}")
        with open(self.received, "wb"):
            pass
        self.process = namespace.start("/usr/bin/python3", "-c", self.SCRIPT, port, self.received, address)
        wait_until(lambda: listening(namespace, port), f"the plaintext server on port {port}")

    def bytes_received(self):
        with open(self.received, "rb") as file:
            return file.read()

    def close(self):
        end(self.process)


class ScriptedServer:
    """A TLS 1.3 server that answers by path (see scripted.py) and keeps what it is sent, decrypted."""

    def __init__(self, namespace, directory, port, certificate, key):
        self.received = os.path.join(directory, f"decrypted-{port}")
        with open(self.received, "wb"):
            pass
        script = os.path.join(os.path.dirname(__file__), "scripted.py")
        self.process = namespace.start("/usr/bin/python3", "-B", script, port, certificate, key, self.received)
        wait_until(lambda: listening(namespace, port), f"the scripted server on port {port}")

    def bytes_received(self):
        with open(self.received, "rb") as file:
            return file.read()

    def close(self):
        end(self.process)
