"""http.client, urllib, requests and asyncio against one server; prints what they got."""
import asyncio
import hashlib
import http.client
import sys
import urllib.request

import requests

host, port, upload = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "yes"
base = f"http://{host}:{port}"


def line(name, status, body):
    print(name, status, len(body), hashlib.sha256(body).hexdigest())


connection = http.client.HTTPConnection(host, port, timeout=30)
for path in ("/file.bin", "/missing", "/file.bin?q=%41"):
    connection.request("GET", path, headers={"Accept": "*/*"})
    answer = connection.getresponse()
    line("http.client", answer.status, answer.read())
with urllib.request.urlopen(base + "/file.bin", timeout=30) as answer:
    line("urllib", answer.status, answer.read())
session = requests.Session()
for path in ("/file.bin", "/missing"):
    answer = session.get(base + path, timeout=30)
    line("requests", answer.status_code, answer.content)
if upload:
    answer = session.post(base + "/form", data={"a": "1"}, timeout=30)
    line("requests post", answer.status_code, answer.content)
    answer = session.put(base + "/put", data=iter([b"one", b"two", b"x" * 100_000]), timeout=30)
    line("requests chunked", answer.status_code, answer.content)
    answer = session.get(base + "/chunked", timeout=30)
    line("requests chunked answer", answer.status_code, answer.content)


async def raw():
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET /file.bin HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    line("asyncio", head.split()[1].decode(), body)
    writer.close()


asyncio.run(raw())
