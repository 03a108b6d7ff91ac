"""Tokens as a sign-in service issues them, tokens as attackers make them, and the service itself."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PUBLISHED = {
    "RS256": (rsa.generate_private_key(65537, 2048), RSAAlgorithm),
    "ES256": (ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate(), OKPAlgorithm),
}
"""The private keys of the service, by what they sign with."""


def claims(**changed: Any) -> dict[str, Any]:
    """Return the claims of alice's token, with some of them changed, or left out where they are None."""
    now = int(time.time())
    return {name: value for name, value in ({"sub": "alice", "exp": now + 600} | changed).items() if value is not None}


def signed(algorithm: str = "RS256", *, key_id: str | None = None, **changed: Any) -> str:
    """Return a token that the service has signed."""
    return jwt.encode(claims(**changed), PUBLISHED[algorithm][0], algorithm, headers={"kid": key_id or algorithm})


def public_pem(algorithm: str = "RS256") -> bytes:
    """Return the public key as a file that everybody may read: the secret of an attacker who hopes for confusion."""
    return PUBLISHED[algorithm][0].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def forged(header: dict[str, Any], payload: dict[str, Any], secret: bytes | None = None) -> str:
    """Return a token with any header; signed with HMAC and *secret*, or not at all. PyJWT itself would refuse to."""
    message = ".".join(_base64(json.dumps(part).encode()) for part in (header, payload))
    signature = b"" if secret is None else hmac.digest(secret, message.encode(), hashlib.sha256)
    return f"{message}.{_base64(signature)}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def published(*algorithms: str) -> dict[str, Any]:
    """Return what the service publishes of its keys."""
    keys = []
    for algorithm in algorithms:
        private, kind = PUBLISHED[algorithm]
        keys.append(kind.to_jwk(private.public_key(), as_dict=True) | {"kid": algorithm, "alg": algorithm})
    return {"keys": keys}


class SignInService:
    """A sign-in service on this machine.

    Attributes:
        keys: What it publishes; None: it refuses.
        requests: How often it was asked.
    """

    def __init__(self, keys: dict[str, Any], port: int) -> None:
        self.keys: dict[str, Any] | None = keys
        self.requests = 0
        self.url = f"http://127.0.0.1:{port}/keys"


@contextmanager
def sign_in_service() -> Iterator[SignInService]:
    """Run a sign-in service that publishes all its keys."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service.requests += 1
            self.send_response(200 if service.keys else 500)
            self.end_headers()
            self.wfile.write(json.dumps(service.keys).encode())

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service = SignInService(published(*PUBLISHED), server.server_port)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
