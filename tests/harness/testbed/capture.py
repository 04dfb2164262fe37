"""A packet capture on the node, searched for bytes that must not be there - or must."""
import os
import signal
import subprocess

from .processes import Failure, end, wait_until


class Capture:
    """Records everything that passes the node's devices (loopback excluded), whole packets, until stop()."""

    def __init__(self, namespace, path, device="any"):
        self.path = path
        self.log = path + ".log"
        with open(self.log, "w", encoding="utf-8") as log:
            # Immediate: what the kernel still held back would be lost when the capture stops.
            self.process = namespace.start("tcpdump", "-i", device, "-s", "0", "-U", "--immediate-mode", "-B", "262144",
                                           "-Z", "root", "-w", path, stdout=log, stderr=log)
        wait_until(self._listening, "tcpdump to listen")

    def _listening(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            text = log.read()
        if self.process.poll() is not None:
            raise Failure(f"tcpdump ended: {text}")
        return "listening on" in text

    def stop(self):
        """Ends the capture; Failure if it lost packets, since then its silence proves nothing."""
        end(self.process, how=signal.SIGINT)
        with open(self.log, encoding="utf-8", errors="replace") as log:
            text = log.read()
        if "0 packets dropped by kernel" not in text:
            raise Failure(f"the capture is not complete: {text}")

    def contains(self, needle):
        """True if `needle` (bytes or text) is anywhere in the capture. Keep it shorter than a packet."""
        needle = needle.encode() if isinstance(needle, str) else needle
        overlap = len(needle) - 1
        tail = b""
        with open(self.path, "rb") as file:
            while chunk := file.read(1 << 20):
                if needle in tail + chunk:
                    return True
                tail = chunk[-overlap:] if overlap else b""
        return False

    def size(self):
        return os.path.getsize(self.path)

    def close(self):
        if self.process.poll() is None:
            end(self.process, how=signal.SIGKILL)
