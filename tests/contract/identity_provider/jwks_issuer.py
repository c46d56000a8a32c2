"""A real issuer of tokens on loopback: keys of both kinds, a JWK set and its discovery document over HTTP."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "https://mailbox.example"


class JwksIssuer:
    """Signs with any of its keys; counts how often its keys are asked for."""

    def __init__(self):
        self.keys = {}
        self.fetches = 0
        self.is_broken = False
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = issuer.answer(self.path)
                self.send_response(503 if issuer.is_broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self, path):
        if path == "/.well-known/openid-configuration":
            return json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        self.fetches += 1
        return json.dumps({"keys": [_jwk(kid, key) for kid, key in self.keys.items()]}).encode()

    def add(self, kid, kind="ES256"):
        """Publish a new key."""
        rsa_key = kind == "RS256"
        self.keys[kid] = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())

    def public_pem(self, kid):
        return self.keys[kid].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, kid, key=None, **changed):
        """Return a token; a claim changed to None is left out."""
        key = key or self.keys[kid]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(self.claims(**changed), key, algorithm, {"kid": kid})

    def claims(self, **changed):
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "user_2abc", "iat": now, "exp": now + 60} | changed
        return {name: value for name, value in claims.items() if value is not None}

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _jwk(kid, key):
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    name = "RS256" if algorithm is RSAAlgorithm else "ES256"
    return json.loads(algorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig", "alg": name}


@contextmanager
def running_issuer():
    """Run an issuer with a key of each of the kinds that are used most."""
    issuer = JwksIssuer()
    issuer.add("rsa", "RS256")
    issuer.add("ec", "ES256")
    yield issuer
    issuer.close()
