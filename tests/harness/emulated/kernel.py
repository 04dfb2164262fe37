"""Debian's cloud kernels: their packages, unpacked into a cache and not installed, and the modules in them."""
import lzma
import os
import re
import shutil
import subprocess


class Unavailable(Exception):
    """The machine cannot be built here; says what is missing."""


def run(command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, **options).stdout


def kernel_package(series):
    """The newest package of a series of kernels, and its version."""
    pattern = re.compile(rf"linux-image-{re.escape(series)}[.][^ ]*-cloud-amd64-unsigned")
    try:
        names = run(["apt-cache", "pkgnames", f"linux-image-{series}."]).split()
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"apt-cache does not answer: {error}") from error
    found = [name for name in names if pattern.fullmatch(name)]
    if not found:
        raise Unavailable(f"apt knows no cloud kernel {series}; run apt-get update, with Debian's security archive")
    package = max(found, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])
    version = re.search(r"Candidate: (\S+)", run(["apt-cache", "policy", package]))
    return package, version.group(1)


def unpacked_kernel(series, cache):
    """The directory with /boot and /lib/modules of the kernel's package."""
    package, version = kernel_package(series)
    directory = cache / f"{package}_{version}".replace(":", "_")
    if (directory / "complete").exists():
        return directory
    shutil.rmtree(directory, ignore_errors=True)
    download = directory / "download"
    # apt-get drops privileges for downloads where it can; the directory must then be open to it.
    download.mkdir(parents=True, exist_ok=True)
    os.chmod(download, 0o777)
    print(f"downloading {package} {version}", flush=True)
    try:
        run(["apt-get", "download", f"{package}={version}"], cwd=download)
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{package} cannot be downloaded: {error.stderr.strip()}") from error
    (archive,) = download.glob("*.deb")
    run(["dpkg-deb", "--extract", str(archive), str(directory)])
    shutil.rmtree(download)
    (directory / "complete").touch()
    return directory


def module_bytes(module):
    """A module as it is loaded: newer kernels' packages hold them compressed."""
    content = module.read_bytes()
    return lzma.decompress(content) if module.suffix == ".xz" else content


def depends_of(module):
    """Names of the modules that a module needs, from its own description."""
    found = re.search(rb"\0depends=([^\0]*)\0", module_bytes(module))
    return [name for name in found.group(1).decode().split(",") if name] if found else []


def modules_in_order(kernel, names):
    """Paths of the named modules and their dependencies below the kernel's directory, each after what it needs."""
    (modules,) = (kernel / "lib/modules").iterdir()
    files = {path.name.split(".ko")[0].replace("-", "_"): path for path in modules.rglob("*.ko*")}
    built_in = (modules / "modules.builtin").read_text(encoding="utf-8")
    order = []

    def add(name):
        path = files.get(name)
        if path is None:
            if f"/{name}.ko" not in built_in and f"/{name.replace('_', '-')}.ko" not in built_in:
                print(f"this kernel has no module {name}", flush=True)
            return
        for needed in depends_of(path):
            if needed and files.get(needed) not in order:
                add(needed.replace("-", "_"))
        if path not in order:
            order.append(path)

    for name in names:
        add(name)
    return order
