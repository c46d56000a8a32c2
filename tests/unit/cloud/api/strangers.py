"""A household with something of everything, and those who have no business with it."""

import hmac
import secrets
import time
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from starlette.testclient import TestClient

from cloud import bootstrap
from cloud.accounts.repository import AccountRepository
from cloud.devices.ownership.model import CODE_BYTES, claim_code
from cloud.devices.ownership.service import provision_unclaimed
from cloud.web.app import create_app
from cloud.web.pages.site import SESSION_COOKIE
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

    def with_role(self, name, role):
        """Return the headers of somebody new who has this role in the household."""
        token, user_id = self.register(name)
        with self.app.database.write() as unit_of_work:
            AccountRepository(unit_of_work).add_member(self.ids["household_id"], user_id, role)
        return bearer(token) | {"x-household": self.ids["household_id"]}

    def key(self, *scopes):
        """Return the headers of a program with a key of the owner's, and the key's id."""
        body = {"name": "k", "scopes": list(scopes)}
        made = self.client.post("/api-keys", json=body, headers=bearer(self.token)).json()
        return {"x-api-key": made["key"]}, made["id"]


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
    }
    del client.headers["Authorization"]
    return Stage(app, client, token, ids)


def without_entry(stage):
    """Return the headers of strangers whom no route may let in, by what is wrong with them."""
    logged_out, _ = stage.register("gone")
    stage.client.post("/auth/logout", headers=bearer(logged_out))
    revoked, key_id = stage.key("read", "write")
    stage.client.delete(f"/api-keys/{key_id}", headers=bearer(stage.token))
    return {
        "no credentials": {},
        "a session that was made up": {"Cookie": f"{SESSION_COOKIE}={secrets.token_urlsafe()}"},
        "an API key that was made up": {"x-api-key": secrets.token_urlsafe()},
        "a revoked API key": revoked,
        "a login that has ended": bearer(logged_out),
    } | {name: bearer(token) for name, token in forgeries(stage).items()}


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
        "no token": "null",
    }
