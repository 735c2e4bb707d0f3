# SPDX-License-Identifier: Apache-2.0
"""A throw-away OpenID provider: it gives tokens to clients that know their secret, and its keys to whom wants to check them.

    with OidcProvider({"app": "app-secret"}) as provider, KafkaServer(oidc=provider) as kafka:
        client = kafka.oidc_client()
"""

import base64
import http.server
import json
import pathlib
import subprocess
import tempfile
import threading
import time
import urllib.parse

AUDIENCE = "kafka"


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class OidcProvider:
    """`clients`: identifiers and secrets; `lifetime_seconds` of a token; `tokens_given` counts. `refuse` may be set to True."""

    def __init__(self, clients, lifetime_seconds=300):
        self.clients = clients
        self.lifetime_seconds = lifetime_seconds
        self.tokens_given = 0
        self.refuse = False
        self._folder = tempfile.TemporaryDirectory(prefix="mroidc")
        self._key = pathlib.Path(self._folder.name) / "key.pem"
        self._openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self._key)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.token_url = f"{self.url}/token"
        self.keys_url = f"{self.url}/keys"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    def token(self, client):
        """A signed token for a client."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": client, "iat": now, "exp": now + self.lifetime_seconds}
        parts = [base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT", "kid": "1"}, claims)]
        signature = self._openssl("dgst", "-sha256", "-sign", self._key, text=".".join(parts).encode())
        self.tokens_given += 1
        return ".".join([*parts, base64url(signature)])

    def keys(self):
        """The public key as a JSON Web Key Set."""
        modulus = self._openssl("rsa", "-in", self._key, "-noout", "-modulus").decode().strip().partition("=")[2]
        return {"keys": [{"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": base64url(bytes.fromhex(modulus)),
                          "e": base64url(b"\x01\x00\x01")}]}

    def _handler(provider):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer(200, provider.keys()) if self.path == "/keys" else self._answer(404, {})

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                kind, _, credentials = self.headers.get("Authorization", "").partition(" ")
                text = base64.b64decode(credentials).decode() if kind == "Basic" else ""
                client, _, secret = map(urllib.parse.unquote, text.partition(":"))
                if provider.refuse or not client or provider.clients.get(client) != secret:
                    self._answer(401, {"error": "invalid_client"})
                else:
                    self._answer(200, {"access_token": provider.token(client), "token_type": "Bearer",
                                       "expires_in": provider.lifetime_seconds})

            def _answer(self, code, body):
                text = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        return Handler

    @staticmethod
    def _openssl(*words, text=None):
        return subprocess.run(["openssl", *map(str, words)], input=text, capture_output=True, check=True).stdout
