"""Certificates of a private authority, and ones that must not be accepted, made with the openssl command."""
import os

from .processes import run


class Certificates:
    """`root` is the PEM file of the authority. issue() returns (certificate file, key file)."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.root, self.root_key = self._authority("root", "Testbed Root")
        self.other_root, self.other_key = self._authority("other-root", "Somebody Else's Root")

    def issue(self, name, *, names=(), addresses=(), expired=False, untrusted=False):
        """A server certificate for DNS `names` and IP `addresses`."""
        certificate, key, request = (self._path(f"{name}.{end}") for end in ("crt", "key", "csr"))
        alternatives = [f"DNS:{n}" for n in names] + [f"IP:{a}" for a in addresses]
        extensions = self._path(f"{name}.ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"subjectAltName={','.join(alternatives)}\nbasicConstraints=critical,CA:FALSE\n"
                       "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n")
        run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
             f"/CN={name}", "-keyout", key, "-out", request])
        root, root_key = (self.other_root, self.other_key) if untrusted else (self.root, self.root_key)
        # A negative lifetime ends the certificate the day before it was made.
        run(["openssl", "x509", "-req", "-in", request, "-CA", root, "-CAkey", root_key, "-CAcreateserial",
             "-days", "-1" if expired else "30", "-extfile", extensions, "-out", certificate])
        return certificate, key

    def _authority(self, name, title):
        certificate, key = self._path(f"{name}.crt"), self._path(f"{name}.key")
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
             "-subj", f"/CN={title}", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
             "keyUsage=critical,keyCertSign,cRLSign", "-keyout", key, "-out", certificate])
        return certificate, key

    def _path(self, name):
        return os.path.join(self.directory, name)
