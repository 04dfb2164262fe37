"""A Debian 12 to install the package into, made with what apt knows on this host, and kept in a cache."""
import hashlib
import os
import re
import subprocess

from emulated.kernel import Unavailable, run

RELEASE = "bookworm"
# Beside the minimal Debian and what the package depends on: what the test uses in the machine.
PACKAGES = ["systemd", "systemd-sysv", "iproute2", "python3"]
# Nobody reads or translates anything there.
LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/i18n/*"]


def sources():
    """This host's sources of the release, as lines of a sources.list."""
    form = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    listed = run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"]).splitlines()
    found = [line.split("|") for line in listed]
    lines = sorted({f"deb {uri} {release} {component}" for origin, uri, release, component in found
                    if origin == "Debian" and re.fullmatch(RELEASE + r"(-updates|-security)?", release)})
    if not lines:
        raise Unavailable(f"apt has no lists of Debian's {RELEASE}; run apt-get update")
    return lines


def proxies():
    """This host's proxies, as options for another apt."""
    lines = run(["apt-config", "dump", "Acquire::http::Proxy"]) + run(["apt-config", "dump", "Acquire::https::Proxy"])
    return [f"--aptopt={line}" for line in lines.splitlines() if line]


def dependencies(package):
    """Names of what a .deb depends on; the first of alternatives."""
    depends = run(["dpkg-deb", "--field", str(package), "Depends"])
    return [re.match(r"[a-z0-9.+-]+", entry.strip()).group(0) for entry in depends.split(",")]


def debian_root(package, cache):
    """The path of a tar archive: a Debian with all that the package depends on, and without the package."""
    wanted = sorted(set(PACKAGES + dependencies(package)))
    origin = sources()
    name = hashlib.sha256("\n".join(wanted + origin + LEFT_OUT).encode()).hexdigest()[:16]
    archive = cache / f"{RELEASE}-{name}.tar"
    if archive.exists():
        return archive
    print(f"making a Debian {RELEASE} with {len(wanted)} packages", flush=True)
    cache.mkdir(parents=True, exist_ok=True)
    for outdated in cache.glob(f"{RELEASE}-????????????????.tar"):
        outdated.unlink()
    unfinished = archive.with_suffix(f".{os.getpid()}.tar")
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(wanted)}", "--dpkgopt=force-unsafe-io",
               *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT), *proxies(), RELEASE, str(unfinished), "-"]
    try:
        run(command, input="\n".join(origin) + "\n", timeout=600)
        unfinished.rename(archive)
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"mmdebstrap failed: {error.stderr.strip()[-2000:]}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return archive
