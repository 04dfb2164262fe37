"""Initial file systems, and machines that start from them."""
import gzip
import pathlib
import re
import shutil
import subprocess
import threading

from emulated.kernel import module_bytes, modules_in_order, run


def libraries_of(program):
    """Every file that the dynamic linker would map, with the linker itself."""
    return sorted(set(re.findall(r"(/\S+) \(0x", run(["ldd", str(program)]))))


def copy_into(root, source, destination=None):
    target = root / (destination or str(source)).lstrip("/")
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def copy_program(root, program, destination=None):
    copy_into(root, program, destination)
    for library in libraries_of(program):
        copy_into(root, library)


def busybox():
    return next(path for path in ("/bin/busybox", "/usr/bin/busybox") if pathlib.Path(path).exists())


def add_modules(root, kernel, names):
    """Puts modules and what they need into an initial file system; /modules.order there has them, each after what it needs."""
    order = []
    (root / "modules").mkdir(exist_ok=True)
    for path in modules_in_order(kernel, names):
        name = path.name.split(".ko")[0] + ".ko"
        (root / "modules" / name).write_bytes(module_bytes(path))
        order.append(f"/modules/{name}")
    (root / "modules.order").write_text("\n".join(order) + "\n", encoding="utf-8")


def pack(root, init, image):
    """Makes an initial file system of a directory, and removes that. `init` is the text of its first program."""
    copy_into(root, busybox(), "/bin/busybox")
    first = root / "init"
    first.write_text(init, encoding="utf-8")
    first.chmod(0o755)
    listing = subprocess.run(["find", "."], cwd=root, check=True, capture_output=True).stdout
    archive = subprocess.run([busybox(), "cpio", "-o", "-H", "newc"], cwd=root, input=listing, check=True,
                             capture_output=True).stdout
    image.write_bytes(gzip.compress(archive, compresslevel=1))
    shutil.rmtree(root)


def boot(kernel, image, limit, options=(), append=""):
    """Yields the lines of the machine's console until it is off, or stops it after `limit` seconds."""
    (vmlinuz,) = (kernel / "boot").glob("vmlinuz-*")
    command = [
        "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024",
        "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio", "-kernel", str(vmlinuz), "-initrd", str(image),
        *options, "-append", f"console=ttyS0 quiet panic=-1 mitigations=off {append}",
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace") as machine:
        timer = threading.Timer(limit, machine.kill)
        timer.start()
        try:
            for line in machine.stdout:
                yield line.rstrip()
        finally:
            timer.cancel()
            machine.kill()
