"""A TLS server that answers by the request's path, and keeps every decrypted byte that it was sent.

Run as a program by ScriptedServer: arguments are port, certificate, key, file for received bytes.
"""
import os
import socket
import socketserver
import ssl
import sys
import time

HEAD_END = b"\r\n\r\n"


class Connection:
    def __init__(self, stream, log):
        self.stream = stream
        self.log = log
        self.buffer = b""

    def _more(self):
        piece = self.stream.recv(65536)
        if not piece:
            raise EOFError
        self.log(piece)
        self.buffer += piece

    def head(self):
        while HEAD_END not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(HEAD_END, 1)
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        fields = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            fields[name.lower()] = value.strip()
        return method, path, fields

    def take(self, size):
        while len(self.buffer) < size:
            self._more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def body(self, fields):
        if fields.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.line().split(b";")[0], 16):
                body += self.take(size)
                self.take(2)
            trailers = []
            while line := self.line():
                trailers.append(line.decode("latin-1"))
            return body, trailers
        return self.take(int(fields.get("content-length", 0))), []

    def drain(self):
        """Reads what the peer still sends: closing over unread bytes would reset the answer away."""
        try:
            while self.stream.recv(65536):
                pass
        except OSError:
            pass

    def send(self, *parts):
        self.stream.sendall(b"".join(p if isinstance(p, bytes) else p.encode("latin-1") for p in parts))


def plain(body, status="200 OK", more=""):
    body = body if isinstance(body, bytes) else body.encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def answer(connection, method, path, fields):
    """Answers one request; False ends the connection."""
    route = path.split("?")[0]
    if route == "/early":
        connection.send(plain("enough", "413 Payload Too Large", "Connection: close\r\n"))
        connection.drain()
        return False
    if fields.get("expect", "").lower() == "100-continue":
        connection.send("HTTP/1.1 100 Continue\r\n\r\n")
    body, trailers = connection.body(fields)
    if route == "/echo":
        connection.send(plain(body))
    elif route == "/head":
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
    elif route == "/fields":
        connection.send(plain("".join(f"{n}: {v}\n" for n, v in sorted(fields.items()))))
    elif route == "/trailers":
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n",
                        "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n")
    elif route == "/request-trailers":
        connection.send(plain("\n".join(trailers)))
    elif route == "/interim":
        connection.send("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n", plain("final"))
    elif route == "/until-close":
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", "until the end")
        return False
    elif route == "/truncated":
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "short")
        return False
    elif route == "/both-lengths":
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    elif route == "/silent":
        time.sleep(30)
        return False
    elif route == "/drop":
        return False
    elif route == "/large":
        size = int(path.split("?size=")[1])
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")
        block = bytes(range(256)) * 256
        while size > 0:
            connection.send(block[:size])
            size -= len(block)
    elif route == "/stream":
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            connection.send(f"7\r\npiece {number}\r\n")
            time.sleep(0.05)
        connection.send("0\r\n\r\n")
    else:
        connection.send(plain(f"{method} {path}\n"))
    return True


def main():
    port, certificate, key, received = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    file = os.open(received, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.settimeout(60)
            try:
                stream = context.wrap_socket(self.request, server_side=True)
            except (ssl.SSLError, OSError):
                return
            connection = Connection(stream, lambda piece: os.write(file, piece))
            try:
                while answer(connection, *connection.head()):
                    pass
                stream.unwrap()
            except (EOFError, ssl.SSLError, OSError):
                pass
            finally:
                stream.close()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 256
        address_family = socket.AF_INET6

    Server(("::", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
