"""``pillarbox admin key rotate``, on the keys of a server that goes on running."""

import pytest
from typer.testing import CliRunner

from cloud.errors import UnauthorizedError
from tools.cli import app as program


def rotate(data, *options):
    return CliRunner().invoke(program, ["admin", "key", "rotate", *options, "--data", str(data)])


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def test_a_rotated_key_signs_at_once_and_old_tokens_live_out_their_time(app, data):
    issuer = app.ports.token_issuer
    old = issuer.issue("user", "family").token
    answer = rotate(data)
    assert answer.exit_code == 0, answer.output
    newest = issuer.public_keys()["keys"][-1]["kid"]
    assert newest in answer.output
    assert issuer.verify(old).subject == "user"


def test_a_revoked_key_ends_its_tokens(app, data):
    old = app.ports.token_issuer.issue("user", "family").token
    assert "have ended" in rotate(data, "--revoke").output
    with pytest.raises(UnauthorizedError):
        app.ports.token_issuer.verify(old)


def test_what_cannot_be_done_with_a_key_is_refused(data):
    answer = CliRunner().invoke(program, ["admin", "key", "eat", "--data", str(data)])
    assert answer.exit_code == 2
