"""The disk of the emulated machine: Debian with the package installed, and the services of the test."""
import pathlib
import shutil
import subprocess

from emulated.kernel import run

GUEST = pathlib.Path(__file__).resolve().parent / "guest"
SIZE = "1G"  # sparse
# They would only take time from the machine, which is slow.
MASKED = ["getty.target", "serial-getty@ttyS0.service", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
          "e2scrub_all.timer", "fstrim.timer", "e2scrub_reap.service", "systemd-timesyncd.service", "systemd-firstboot.service"]


def install_package(root, package):
    """As in a container image that is being built: nothing runs there, so the package only enables its unit."""
    shutil.copy(package, root / "callgate.deb")
    done = subprocess.run(["chroot", str(root), "dpkg", "--force-unsafe-io", "-i", "/callgate.deb"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(done.stdout.rstrip(), flush=True)
    done.check_returncode()


def add_guest(root):
    """The test's own units, enabled, and its programs."""
    units = root / "etc/systemd/system"
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    programs = root / "usr/local/lib/package-test"
    programs.mkdir(parents=True)
    for path in GUEST.iterdir():
        if path.suffix == ".service":
            shutil.copy(path, units / path.name)
            (wants / path.name).symlink_to(f"/etc/systemd/system/{path.name}")
        elif path.is_file():
            shutil.copy(path, programs / path.name)
    for name in MASKED:
        (units / name).symlink_to("/dev/null")
    (root / "etc/hostname").write_text("package-test\n", encoding="utf-8")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n", encoding="utf-8")


def make_disk(archive, package, work):
    """The path of an ext4 image."""
    root = work / "disk"
    root.mkdir()
    run(["tar", "--extract", "--file", str(archive), "--directory", str(root), "--numeric-owner", "--exclude=./dev/*"])
    install_package(root, package)
    add_guest(root)
    image = work / "disk.ext4"
    run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", str(root), str(image), SIZE])
    shutil.rmtree(root)
    return image
