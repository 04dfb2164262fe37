"""Begins a call, and ends it when /run/held-call-go is there: prints the status line of the answer."""
import os
import pathlib
import socket
import time

with socket.create_connection(("192.0.2.10", 80), timeout=60) as connection:
    connection.sendall(b"GET / HTTP/1.0\r\n")
    pathlib.Path("/run/held-call-begun").touch()
    while not os.path.exists("/run/held-call-go"):
        time.sleep(0.05)
    connection.sendall(b"\r\n")
    print(connection.recv(4096).split(b"\r\n")[0].decode())
