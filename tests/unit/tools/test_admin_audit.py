"""What an operator does by ``pillarbox admin`` is in the audit log of the households that it concerns."""

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from cloud.accounts.service import log_in_by_link, make_login_link
from cloud.accounts.sharing.repository import AuditRepository
from cloud.ports.event_queue import Parked
from cloud.web.app import create_app
from cloud.web.pages.site import SESSION_COOKIE
from firmware.wire import topics
from tests.conftest import make_home
from tests.databases import SQLITE, Dialect
from tests.unit.cloud.messages import rows
from tools.cli import app as program
from tools.commands.auditing import this_operator

OWNER = "owner@example.org"
pytestmark = pytest.mark.parametrize("dialect", [Dialect(SQLITE)], ids=[SQLITE])


@pytest.fixture
def admin(app, home):
    assert home

    def run(*words):
        ran = CliRunner().invoke(program, ["admin", *words, "--data", str(app.settings.data)])
        assert ran.exit_code == 0, ran.output
        return ran.output

    return run


def log_of(app, household_id):
    """Return what was done, oldest first; all of it by this operator, whom tables of before call an address."""
    with app.database.read() as unit_of_work:
        found = AuditRepository(unit_of_work).entries(household_id, 100)
    assert {(one.operator or one.address, one.user_id) for one in found} <= {(this_operator().name, None)}
    return [(one.action, one.subject) for one in reversed(found)]


def test_what_is_done_with_people_is_told_to_their_households(admin, app, home):
    beside = make_home(app, "second@example.org")
    admin("user", "create", "new@example.org")
    for words in (("disable",), ("enable",), ("reset",)):
        admin("user", *words, OWNER)
    admin("user", "role", OWNER, "owner")
    admin("link", OWNER)
    assert log_of(app, home.household_id) == [
        ("user disabled", OWNER),
        ("user enabled", OWNER),
        ("password link made", OWNER),
        ("role changed", f"{OWNER} is owner"),
        ("login link made", OWNER),
    ]
    assert log_of(app, beside.household_id) == []
    ((new,),) = rows(app, "SELECT household_id FROM audit_log WHERE action = 'user made'")
    assert log_of(app, new) == [("user made", "new@example.org")]


def test_what_is_done_with_keys_is_told(admin, app, home):
    admin("key", "create", OWNER, "--name", "heating", "--scope", "read")
    ((key_id,),) = rows(app, "SELECT id FROM api_keys")
    admin("key", "revoke", OWNER, key_id)
    admin("key", "rotate", "--revoke")
    told = [("API key made", f"heating (read) of {OWNER}"), ("API key revoked", key_id)]
    assert log_of(app, home.household_id) == [*told, ("signing key rotated", "with an end to older tokens")]


def test_what_is_done_with_the_dlq_is_told_to_whose_entries_they_are(admin, app, home):
    beside = make_home(app, "second@example.org")
    with app.database.write() as unit_of_work:
        for content in (b"no JSON", b"[", b"{"):
            app.queue.park(
                unit_of_work, Parked(topics.EVENTS, "malformed", home.household_id, home.board.thing, content)
            )
    dropped = rows(app, "SELECT id FROM jobs WHERE state = 'parked'")[0][0]
    admin("dlq", "drop", dropped, "--yes")
    CliRunner().invoke(program, ["admin", "replay", "--all", "--data", str(app.settings.data)])
    assert log_of(app, home.household_id) == [("DLQ entry dropped", dropped), ("DLQ entries tried again", "2")]
    assert log_of(app, beside.household_id) == []


def test_what_is_done_with_boards_is_told_to_their_households(admin, app, home):
    beside = make_home(app, "second@example.org")
    thing = home.board.thing
    admin("device", "chip", thing, "esp32c3")
    admin("update", "release", "--version", "9.0.0", "--device", thing)
    admin("update", "withdraw", "--device", thing)
    assert log_of(app, home.household_id) == [
        ("chip named", f"{thing} has an esp32c3"),
        ("firmware offered", f"{thing}: 9.0.0"),
        ("firmware withdrawn", thing),
    ]
    assert log_of(app, beside.household_id) == []


def test_what_is_done_to_the_server_is_told_to_everybody(admin, app, home, tmp_path):
    admin("migrate", "--to", "0013", "--yes")
    admin("migrate")
    admin("backup", str(tmp_path / "backup.tar"))
    back, forth, backed_up = log_of(app, home.household_id)
    assert back[0] == forth[0] == "tables migrated"
    assert back[1] == "back to revision 0013"
    assert forth[1].startswith("to revision ")
    assert backed_up[0] == "server backed up"
    admin("restore", str(tmp_path / "backup.tar"), "--overwrite")
    assert [action for action, _ in log_of(app, home.household_id)] == ["tables migrated"] * 2 + ["server restored"]


def test_the_owner_reads_over_http_who_it_was(admin, app, home):
    assert home
    admin("user", "reset", OWNER)
    with app.database.write() as unit_of_work:
        make_login_link(unit_of_work, OWNER, "link")
        log_in_by_link(unit_of_work, "link", "session")
    client = TestClient(create_app(app, lambda _: None), base_url="http://localhost:8000")
    client.cookies.set(SESSION_COOKIE, "session")
    (told,) = client.get("/audit-log").json()
    assert (told["operator"], told["user_id"], told["address"]) == (this_operator().name, None, "")
