"""A household with something of everything, and forged tokens of its owner."""

import hmac
import json
import secrets
import time
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from starlette.testclient import TestClient

from cloud import bootstrap
from cloud.devices.ownership.model import CODE_BYTES, claim_code
from cloud.devices.ownership.service import provision_unclaimed
from cloud.web.app import create_app
from tests.contract.identity_provider.test_identity_provider_oidc import unsigned
from tests.unit.cloud.api.conftest import post_event, post_image, post_notification

PASSWORD = "correct horse"  # noqa: S105 - of people who do not exist


@dataclass(frozen=True, slots=True)
class Stage:
    """One application with a household in it, its owner's client, and what its things are called."""

    app: bootstrap.Application
    client: TestClient
    token: str
    ids: dict[str, object]

    def register(self, name):
        """Return the token and the user of somebody with a household of their own."""
        body = {"name": name, "email": f"{name}@example.org", "password": PASSWORD}
        answer = self.client.post("/auth/register", json=body).json()
        return answer["token"], answer["user"]["id"]


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def set_up(app):
    """Return the stage of an application on which nothing has happened yet."""
    client = TestClient(create_app(app, lambda _: None), base_url="http://localhost:8000")
    stage = Stage(app, client, "", {})
    token, user_id = stage.register("owner")
    client.headers.update(bearer(token))
    device = client.post("/devices", json={"name": "Drive"}).json()["id"]
    invitation = {"email": "guest@example.org", "role": "viewer"}
    household_id = client.get("/households").json()[0]["id"]
    with app.database.write() as unit_of_work:
        code = claim_code(secrets.token_bytes(CODE_BYTES))
        thing, _ = provision_unclaimed(unit_of_work, app.authority, "board", code, household_id)
    ids = {
        "thing": thing,
        "household_id": household_id,
        "user_id": user_id,
        "device_id": device,
        "event_id": post_event(client, device).json()["id"],
        "image_id": post_image(client, device).json()["id"],
        "notification_id": post_notification(client, device).json()["id"],
        "clerk_id": client.get(f"/devices/{device}").json()["clerk_id"],
        "invitation_id": client.post("/households/invitations", json=invitation).json()["id"],
        "key_id": client.post("/api-keys", json={"name": "heating"}).json()["id"],
        "code": "AAAA-AAAA-AAAA-AAAA",
        "token": "x" * 43,
        "elsewhere": household_id,
    }
    del client.headers["Authorization"]
    return Stage(app, client, token, ids)


def forgeries(stage):
    """Return tokens that say they are the owner's."""
    claims = jwt.decode(stage.token, options={"verify_signature": False})
    (file,) = (stage.app.settings.data / "keys" / "tokens").glob("*.pem")
    own, other = load_pem_private_key(file.read_bytes(), None), ec.generate_private_key(ec.SECP256R1())
    public = own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    kid = {"kid": jwt.get_unverified_header(stage.token)["kid"]}
    head, body, signature = stage.token.split(".")

    def hs256(secret):
        header = kid | {"alg": "HS256", "typ": "JWT"}
        return unsigned(header, claims, lambda content: hmac.new(secret, content, "sha256").digest())

    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(other.public_key()))
    return {
        "an expired token": jwt.encode(claims | {"exp": int(time.time()) - 60}, own, "ES256", kid),
        "a token for another audience": jwt.encode(claims | {"aud": "another"}, own, "ES256", kid),
        "a token of another issuer": jwt.encode(claims | {"iss": "https://other.example"}, other, "ES256", kid),
        "a token signed with another key": jwt.encode(claims, other, "ES256", kid),
        "a token of an unknown key": jwt.encode(claims, other, "ES256", {"kid": "0" * 16}),
        "alg none": unsigned(kid | {"alg": "none"}, claims),
        "alg none with the old signature": unsigned(kid | {"alg": "none"}, claims) + signature,
        "HS256 with the public key": hs256(public),
        "HS256 with nothing": hs256(b""),
        "a changed body under the signature": f"{head}.{body[:-4]}AAAA.{signature}",
        "no signature": f"{head}.{body}.",
        "a token that brings its key": jwt.encode(claims, other, "ES256", kid | {"jwk": jwk}),
        "a key id that is a path": jwt.encode(claims, other, "ES256", {"kid": "../../" + kid["kid"]}),
        "no token": "null",
    }
