"""HTTP/1.1 as real clients speak it: what they get through callgate is what the target sent."""
import json
import unittest

from case import BedCase, main

KEEP_ALIVE = """
import http.client, json
c = http.client.HTTPConnection("target.internal", 8080, timeout=30)
answers = []
for i in range(20):
    c.request("POST", "/echo", body=f"body {i}")
    r = c.getresponse()
    answers.append([r.status, r.read().decode()])
print(json.dumps(answers))
"""

RAW = """
import socket, sys
s = socket.create_connection(("target.internal", 8080), timeout=30)
s.sendall(sys.argv[1].encode("latin-1").decode("unicode_escape").encode("latin-1"))
s.shutdown(socket.SHUT_WR) if len(sys.argv) > 2 else None
data = b""
while True:
    piece = s.recv(65536)
    if not piece:
        break
    data += piece
print(data.decode("latin-1"), end="")
"""

PEERS = """
import socket
s = socket.create_connection(("target.internal", 8080), timeout=30)
print(s.getpeername()[0], s.getpeername()[1], s.getsockname()[0])
"""


class Http(BedCase):
    def raw(self, text, half_close=False):
        arguments = [text.replace("\r", "\\r").replace("\n", "\\n")] + (["close"] if half_close else [])
        return self.python(RAW, *arguments).stdout

    def test_get(self):
        answer = self.curl("/hello?q=1")
        self.assertEqual(answer.stdout, "GET /hello?q=1\n", answer.stderr)

    def test_keep_alive_keeps_the_order(self):
        answer = self.python(KEEP_ALIVE)
        self.assertEqual(json.loads(answer.stdout), [[200, f"body {i}"] for i in range(20)], answer.stderr)

    def test_pipelined_requests_are_answered_in_order(self):
        request = "GET /{} HTTP/1.1\r\nHost: target.internal:8080\r\n{}\r\n"
        text = "".join(request.format(i, "") for i in range(5)) + request.format(5, "Connection: close\r\n")
        answer = self.raw(text)
        self.assertEqual([line for line in answer.splitlines() if line.startswith("GET ")], [f"GET /{i}" for i in range(6)])

    def test_large_bodies_pass_whole_in_both_directions(self):
        script = """
import hashlib, http.client
body = bytes(range(256)) * 40000
c = http.client.HTTPConnection("target.internal", 8080, timeout=60)
c.request("POST", "/echo", body=body)
r = c.getresponse()
print(r.status, hashlib.sha256(body).hexdigest() == hashlib.sha256(r.read()).hexdigest())
"""
        self.assertEqual(self.python(script).stdout, "200 True\n")

    def test_chunked_upload_of_unknown_length(self):
        script = """
import http.client
c = http.client.HTTPConnection("target.internal", 8080, timeout=30)
c.request("POST", "/echo", body=(b"piece %d;" % i for i in range(100)), encode_chunked=True,
          headers={"Transfer-Encoding": "chunked"})
r = c.getresponse()
print(r.status, len(r.read()))
"""
        self.assertEqual(self.python(script).stdout, f"200 {sum(len(f'piece {i};') for i in range(100))}\n")

    def test_expect_100_continue(self):
        answer = self.enrolled(["sh", "-c", "head -c 2000000 /dev/zero | curl -sS --max-time 30 -H 'Expect: 100-continue' "
                                "--data-binary @- -o /dev/null -w '%{http_code} %{size_download}' "
                                "http://target.internal:8080/echo"])
        self.assertEqual(answer.stdout, "200 2000000", answer.stderr)

    def test_head_has_no_body(self):
        answer = self.curl("/head", "-I")
        self.assertIn("Content-Length: 1234", answer.stdout, answer.stderr)
        self.assertEqual(answer.returncode, 0)

    def test_trailers_pass_in_both_directions(self):
        self.assertIn("X-Sum: 11", self.raw("GET /trailers HTTP/1.1\r\nHost: target.internal\r\nConnection: close\r\n\r\n"))
        answer = self.raw("POST /request-trailers HTTP/1.1\r\nHost: target.internal\r\nTransfer-Encoding: chunked\r\n"
                          "Connection: close\r\n\r\n3\r\nabc\r\n0\r\nX-Checksum: 7\r\n\r\n")
        self.assertIn("X-Checksum: 7", answer)

    def test_interim_responses_pass(self):
        answer = self.raw("GET /interim HTTP/1.1\r\nHost: target.internal\r\nConnection: close\r\n\r\n")
        self.assertLess(answer.find("103 Early Hints"), answer.find("200 OK"))
        self.assertIn("103 Early Hints", answer)

    def test_an_http_1_0_client_gets_no_chunks(self):
        answer = self.raw("GET /trailers HTTP/1.0\r\nHost: target.internal\r\n\r\n")
        self.assertTrue(answer.endswith("\n\nhello world"), answer)

    def test_a_body_that_ends_with_the_connection(self):
        self.assertEqual(self.curl("/until-close").stdout, "until the end")

    def test_a_truncated_answer_is_no_complete_answer(self):
        answer = self.curl("/truncated")
        self.assertNotEqual(answer.returncode, 0, answer.stdout)

    def test_an_early_answer_reaches_a_client_that_is_still_sending(self):
        answer = self.enrolled(["sh", "-c", "head -c 3000000 /dev/zero | curl -sS --max-time 30 -H 'Expect:' --data-binary @- "
                                "-w '%{http_code}' http://target.internal:8080/early"])
        self.assertIn("413", answer.stdout, answer.stderr)

    def test_a_streamed_answer(self):
        self.assertEqual(self.curl("/stream").stdout, "".join(f"piece {i}" for i in range(5)))

    def test_an_upgrade_that_the_target_does_not_make_goes_on_as_http(self):
        answer = self.curl("/chat", "-i", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H",
                           "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        self.assertRegex(answer.stdout, r"^HTTP/1\.1 200 ")
        self.assertIn("GET /chat", answer.stdout)

    def test_tunnels_are_refused_with_a_clear_answer(self):
        before = self.server.bytes_received()
        answer = self.curl("/", "-p", "-x", "http://target.internal:8080", "-v", check=False)
        self.assertIn("CONNECT tunnel failed, response 403", answer.stderr)
        self.assertNotIn(b"CONNECT", self.server.bytes_received()[len(before):])

    def test_hop_by_hop_fields_stay_on_their_hop(self):
        answer = self.curl("/fields", "-H", "Connection: X-Secret-Hop", "-H", "X-Secret-Hop: 1", "-H", "X-End: 2").stdout
        self.assertIn("x-end: 2", answer)
        self.assertNotIn("secret-hop", answer)

    def test_an_authority_that_names_another_port_is_misdirected(self):
        answer = self.curl("/hello", "-i", "-H", "Host: target.internal:9999")
        self.assertIn("421 Misdirected Request", answer.stdout)

    def test_a_target_that_no_policy_names_is_denied(self):
        answer = self.curl("/hello", "-i", "-H", "Host: elsewhere.internal")
        self.assertIn("403 Forbidden", answer.stdout)
        self.assertIn("no_target_matches", answer.stdout)

    def test_the_caller_sees_the_peer_it_asked_for(self):
        self.assertEqual(self.python(PEERS).stdout, f"{self.target.address} 8080 {self.client.address}\n")

    def test_over_ipv6(self):
        answer = self.curl("/six", hosts={"target.internal": self.target.address6})
        self.assertEqual(answer.stdout, "GET /six\n", answer.stderr)

    def test_what_is_not_http_is_refused_and_recorded(self):
        script = """
import socket
s = socket.create_connection(("target.internal", 8080), timeout=30)
try:
    s.sendall(b"\\x00\\x01\\x02 no protocol that anybody knows \\xff\\xfe")
    print(s.recv(100))
except OSError as error:
    print(type(error).__name__)
"""
        before = self.server.bytes_received()
        answer, flow = self.recorded(lambda: self.python(script))
        self.assertIn(answer.stdout.strip(), ("b''", "ConnectionResetError"))
        self.assertEqual(self.server.bytes_received(), before)
        self.assertEqual(flow["error_code"], "protocol_not_http1")


if __name__ == "__main__":
    main()
