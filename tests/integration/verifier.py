"""The verifier that is not ours: Go's golang.org/x/mod/sumdb, from Debian's package, which knows nothing of callgate."""
import os
import pathlib
import subprocess

SOURCE = pathlib.Path(__file__).parent / "tlog_verifier"


def build(directory):
    """Compiles it into a directory; the program's path. Needs no network and no modules."""
    program = pathlib.Path(directory) / "verifier"
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
                   "GOCACHE": str(pathlib.Path(directory) / "cache")}
    subprocess.run(["go", "build", "-o", program, "."], cwd=SOURCE, env=environment, check=True, timeout=300)
    return program
