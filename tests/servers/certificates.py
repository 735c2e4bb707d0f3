# SPDX-License-Identifier: Apache-2.0
"""Certificates for a test server: an authority, the server's, one for a client named `client`, and a foreign authority."""

import pathlib
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Certificates:
    """Files below `folder`: paths as strings in ca, server_cert, server_key, client_cert, client_key, other_ca."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.ca = self._authority("ca")
        self.other_ca = self._authority("other_ca")  # signed nothing: a client that trusts only it must refuse
        self.server_cert, self.server_key = self._issue("server", "localhost", "DNS:localhost,IP:127.0.0.1")
        self.client_cert, self.client_key = self.client("client")

    def client(self, user):
        """A client's certificate, for the role `user`: (certificate, key)."""
        return self._issue(f"client_{user}", user, "DNS:client")

    def _authority(self, name):
        certificate = self.folder / f"{name}.crt"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", f"/CN=millrace test {name}", "-keyout", self.folder / f"{name}.key", "-out", certificate)
        return str(certificate)

    def _issue(self, name, common_name, alternative_names):
        key, request, certificate = (self.folder / f"{name}.{ending}" for ending in ("key", "csr", "crt"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={common_name}",
                "-addext", f"subjectAltName={alternative_names}", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
                "-days", "2", "-copy_extensions", "copy", "-out", certificate)
        key.chmod(0o600)
        return str(certificate), str(key)
