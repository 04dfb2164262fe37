"""Requests that two readers could understand differently are answered 400 and never reach the target."""
from case import BedCase, main

SEND = """
import socket, sys
s = socket.create_connection(("target.internal", 8080), timeout=15)
s.sendall(bytes.fromhex(sys.argv[1]))
data = b""
try:
    while True:
        piece = s.recv(65536)
        if not piece:
            break
        data += piece
        if b"SMUGGLED" in data or len(data) > 1 << 20:
            break
except OSError as error:
    data += b"<" + type(error).__name__.encode() + b">"
print(data.decode("latin-1"), end="")
"""

HOST = b"Host: target.internal\r\n"
TAIL = b"GET /SMUGGLED HTTP/1.1\r\n" + HOST + b"\r\n"

SHAPES = {
    "both lengths": b"POST /{} HTTP/1.1\r\n" + HOST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + TAIL,
    "two lengths": b"POST /{} HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n" + TAIL,
    "list of lengths": b"POST /{} HTTP/1.1\r\n" + HOST + b"Content-Length: 0, 40\r\n\r\n" + TAIL,
    "signed length": b"POST /{} HTTP/1.1\r\n" + HOST + b"Content-Length: +0\r\n\r\n" + TAIL,
    "hidden coding": b"POST /{} HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + TAIL,
    "two codings": b"POST /{} HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + TAIL,
    "vertical tab in coding": b"POST /{} HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + TAIL,
    "bad chunk size": b"POST /{} HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n" + TAIL,
    "negative chunk size": b"POST /{} HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n" + TAIL,
    "overlong chunk size": b"POST /{} HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n" + TAIL,
    "chunk without its end": b"POST /{} HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n" + TAIL,
    "bare LF between fields": b"POST /{} HTTP/1.1\r\n" + HOST + b"X: 1\nContent-Length: 0\r\n\r\n" + TAIL,
    "bare CR in a value": b"GET /{} HTTP/1.1\r\n" + HOST + b"X: 1\rTransfer-Encoding: chunked\r\n\r\n" + TAIL,
    "space before the colon": b"POST /{} HTTP/1.1\r\n" + HOST + b"Content-Length : 0\r\n\r\n" + TAIL,
    "folded field": b"GET /{} HTTP/1.1\r\n" + HOST + b"X: 1\r\n Content-Length: 5\r\n\r\n" + TAIL,
    "repeated host": b"GET /{} HTTP/1.1\r\n" + HOST + b"Host: elsewhere.internal\r\n\r\n" + TAIL,
    "conflicting host": b"GET http://elsewhere.internal/{} HTTP/1.1\r\n" + HOST + b"\r\n" + TAIL,
    "no host": b"GET /{} HTTP/1.1\r\nX: 1\r\n\r\n" + TAIL,
    "NUL in a value": b"GET /{} HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n" + TAIL,
    "space in the target": b"GET /{} x HTTP/1.1\r\n" + HOST + b"\r\n" + TAIL,
}


class Smuggling(BedCase):
    def send(self, request):
        return self.python(SEND, request.hex()).stdout

    def test_control_a_valid_request_reaches_the_target(self):
        answer = self.send(b"GET /control HTTP/1.1\r\n" + HOST + b"\r\n" + TAIL)
        self.assertIn("GET /control", answer)
        self.assertIn(b"/SMUGGLED", self.server.bytes_received())

    def test_a_path_with_two_readings_is_answered_400(self):
        for path in (b"/a%2fdenied", b"/a/%2e%2e/%2e%2e/denied", b"/a%00", b"/%zz", b"/a\\..\\denied"):
            with self.subTest(path):
                before = len(self.server.bytes_received())
                answer = self.send(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
                self.assertIn("HTTP/1.1 400 ", answer)
                self.assertEqual(self.server.bytes_received()[before:], b"")

    def test_ambiguous_requests_are_answered_400_and_not_forwarded(self):
        for number, (shape, request) in enumerate(SHAPES.items()):
            with self.subTest(shape):
                mark = f"shape-{number}".encode()
                before = len(self.server.bytes_received())
                answer = self.send(request.replace(b"{}", mark))
                received = self.server.bytes_received()[before:]
                self.assertIn("HTTP/1.1 400 ", answer)
                self.assertNotIn("GET /SMUGGLED", answer)
                self.assertNotIn(b"SMUGGLED", received)
                # A head that was fine may be gone upstream before its body turned out bad: never as a whole message.
                self.assertNotIn(b"0\r\n\r\n", received)


if __name__ == "__main__":
    main()
