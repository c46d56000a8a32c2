"""People who use the API of one application, and the mails that reach them."""

import re
from email import message_from_bytes
from email.policy import default

from starlette.testclient import TestClient

from cloud.web.app import create_app
from tests.unit.cloud.fakes import FakeMailer, drain, with_ports

PASSWORD = "correct horse"  # noqa: S105 - of people who do not exist
LINK = re.compile(r"http://localhost:8000/account/(\w+)/([\w-]+)")


def client_of(app, **options):
    return TestClient(create_app(app, lambda _: None), base_url="http://localhost:8000", **options)


def register(client, name):
    """Return the answer to the registration of ``name``@example.org."""
    body = {"name": name.title(), "email": f"{name}@example.org", "password": PASSWORD}
    answer = client.post("/auth/register", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def log_in(client, email="alice@example.org", secret=PASSWORD):
    return client.post("/auth/login", json={"email": email, "password": secret})


def bearer(one, household=None):
    """Return the headers of somebody's requests."""
    headers = {"Authorization": f"Bearer {one['token']}"}
    return headers | {"x-household": household} if household else headers


def mails_of(app):
    """Send what is queued, and return it as mail programs read it."""
    mailer = FakeMailer()
    drain(with_ports(app, mailer=mailer))
    return [message_from_bytes(mail.content, policy=default) for mail in mailer.sent]


def token_in(mail, path):
    """Return the token in the mail's only link, which the HTML has too."""
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    ((found, token),) = LINK.findall(text)
    assert found == path
    assert f"/account/{path}/{token}" in html
    return token


def confirm(client, mail):
    """Open the link of the mail that asks for it, and confirm the address."""
    return client.post("/auth/email/confirm", json={"token": token_in(mail, "email")})
