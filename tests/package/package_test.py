#!/usr/bin/env python3
"""Installs the Debian package into a Debian 12, and has that boot, upgrade, reboot and purge in an emulated machine.

usage: package_test.py --cache DIRECTORY --kernel-cache DIRECTORY

Builds the package with scripts/package. What happens in the machine is in guest/checks.py. Exit status: 0 if all of it
holds; 1 otherwise, also where the machine cannot be made.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "harness"))

from debian_root import debian_root  # noqa: E402
from emulated.kernel import Unavailable, unpacked_kernel  # noqa: E402
from emulated.machine import add_modules, boot, pack  # noqa: E402
from image import make_disk  # noqa: E402

KERNEL = "6.1"  # Debian 12's own
MODULES = ["virtio_pci", "virtio_blk", "ipv6", "inet_diag", "tcp_diag", "sch_ingress", "cls_bpf"]
STATUS_LINE = re.compile(r"package-test-status=(\d+)")
BOOT_LIMIT = 240  # seconds; about a minute is usual

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in $(/bin/busybox cat /modules.order); do /bin/busybox insmod "$module" || echo "cannot load $module"; done
while ! [ -b /dev/vda ]; do /bin/busybox usleep 20000; done
/bin/busybox mount -t ext4 /dev/vda /root || echo "cannot mount the disk"
/bin/busybox umount /proc /sys
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /usr/lib/systemd/systemd
"""


def say(text):
    print(f"== {time.strftime('%H:%M:%S')} {text}", flush=True)


def build_package():
    built = subprocess.run([str(SOURCE / "scripts/package")], stdout=subprocess.PIPE, text=True, check=True)
    return SOURCE / built.stdout.splitlines()[-1]


def lint(package):
    """Errors and warnings of Debian's own checker."""
    done = subprocess.run(["lintian", "--fail-on", "error,warning", str(package)], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    print(done.stdout.rstrip(), flush=True)
    return done.returncode == 0


def run_machine(kernel, initramfs, disk):
    """Whether the checks of one boot held. The machine ends with a reboot of its own."""
    status = None
    options = ["-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"]
    for line in boot(kernel, initramfs, BOOT_LIMIT, options, "rw systemd.show_status=0 systemd.gpt_auto=0"):
        print(line, flush=True)
        found = STATUS_LINE.search(line)
        if found:
            status = int(found.group(1))
    if status is None:
        say(f"the machine ended, or was stopped after {BOOT_LIMIT} s, before its checks did")
    return status == 0


def test(options, work):
    say("building the package")
    package = build_package()
    clean = lint(package)
    kernel = unpacked_kernel(KERNEL, options.kernel_cache)
    disk = make_disk(debian_root(package, options.cache), package, work)
    root = work / "initramfs"
    (root / "bin").mkdir(parents=True)
    add_modules(root, kernel, MODULES)
    pack(root, INIT, work / "initramfs.gz")
    for name in ("first", "second"):
        say(f"the {name} boot")
        if not run_machine(kernel, work / "initramfs.gz", disk):
            return False
    return clean


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    parser.add_argument("--kernel-cache", type=pathlib.Path, required=True)
    options = parser.parse_args()
    try:
        for needed in ("qemu-system-x86_64", "busybox", "mmdebstrap", "mke2fs", "lintian", "dpkg-shlibdeps"):
            if not shutil.which(needed):
                raise Unavailable(f"the command {needed} is missing; run: sudo scripts/setup test")
        options.kernel_cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="callgate-package-") as work:
            held = test(options, pathlib.Path(work))
    except Unavailable as reason:
        print(f"the package cannot be tested: {reason}", flush=True)
        return 1
    say("everything holds" if held else "FAILED")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
