"""A household has so many devices at most, by whatever way they come, and whoever comes at the same instant."""

import threading
from contextlib import suppress

import pytest
from typer.testing import CliRunner

from cloud import bootstrap
from cloud.accounts.service import ensure_household
from cloud.accounts.sharing.audit import Actor
from cloud.devices import registration
from cloud.devices.ownership.model import CODE_BYTES, claim_code
from cloud.devices.registration import NewOne
from cloud.errors import ConflictError
from cloud.web.app import create_app
from tests.conftest import make_home
from tests.databases import MARIADB
from tests.unit.cloud.api.conftest import client_of, logged_in
from tests.unit.cloud.api.test_device_endpoints import number_of
from tests.unit.cloud.api.test_ownership_endpoints import claim, join, move
from tests.unit.cloud.fakes import with_ports
from tests.unit.cloud.messages import rows
from tests.unit.cloud.test_ownership import CODE, unclaimed
from tests.waiting import PATIENCE_S, until
from tools.cli import app as program

MOST = 2
FULL = "expected a household with fewer than 2 devices, this one is full: delete a device that is not used"


@pytest.fixture
def web(app):
    return create_app(with_ports(app, most_devices=MOST), lambda _: None)


def refused(answer):
    """Return whether somebody was told that the household is full, and what to do."""
    found = answer.json()
    return (answer.status_code, found["error"]) == (409, "ConflictError") and found["message"].startswith(FULL)


def test_one_device_more_is_refused_until_one_is_deleted(app, owner, stranger):
    first, _ = (owner.post("/devices", json={"name": "Drive"}).json()["id"] for _ in range(MOST))
    key = {"Idempotency-Key": "the third"}
    assert refused(owner.post("/devices", json={"name": "Drive"}, headers=key))
    assert refused(owner.post("/devices", json={"name": "Another mailbox"}))
    assert rows(app, "SELECT name FROM mailboxes") == [("Drive",)]
    assert stranger.post("/devices", json={"name": "Theirs"}).status_code == 200
    owner.delete(f"/devices/{first}")
    assert owner.post("/devices", json={"name": "Drive"}, headers=key).status_code == 200
    assert refused(owner.post("/devices", json={"name": "Drive"}))


def test_a_full_household_claims_nothing_and_its_code_stays_good(app, owner):
    unclaimed(app)
    first, _ = (owner.post("/devices", json={"name": "Drive"}).json()["id"] for _ in range(MOST))
    assert refused(claim(owner))
    assert refused(claim(owner, claim_code(b"\x07" * CODE_BYTES)))
    owner.delete(f"/devices/{first}")
    assert claim(owner).status_code == 200
    assert rows(app, "SELECT count(*) FROM unclaimed_devices") == [(0,)]


def test_nothing_is_moved_into_a_full_household(app, web, home):
    other = make_home(app, "other@example.org", "Mountain hut")
    ((user_id,),) = rows(app, f"SELECT user_id FROM memberships WHERE household_id = '{home.household_id}'")  # noqa: S608
    mover, there = logged_in(app, web, user_id), {"x-household": other.household_id}
    join(app, user_id, other.household_id)
    board = number_of(app, home.board)
    assert refused(move(mover, board, other.household_id))
    assert mover.get(f"/devices/{board}").status_code == 200
    mover.delete(f"/devices/{number_of(app, other.board)}", headers=there)
    assert move(mover, board, other.household_id).status_code == 200
    assert len(mover.get("/devices", headers=there).json()) == MOST


def test_who_claims_by_the_page_is_told_the_same(app, web, owner):
    unclaimed(app)
    browser = client_of(web)
    browser.cookies.update(owner.cookies)
    for _ in range(MOST):
        owner.post("/devices", json={"name": "Drive"})
    form, own = {"code": CODE, "mailbox": "Gate"}, {"sec-fetch-site": "same-origin", "accept": "text/html"}
    answer = browser.post("/devices/add", data=form, headers=own)
    assert (answer.status_code, "this one is full" in answer.text) == (409, True)


@pytest.mark.usefixtures("chosen", "home")
def test_the_command_line_keeps_to_it_too(app, tmp_path, monkeypatch):
    monkeypatch.setenv("PILLARBOX_HOUSEHOLD_DEVICES", str(MOST))
    bundle = tmp_path / "bundle"
    options = ["--bundle", bundle, "--email", "owner@example.org", "--data", app.settings.data]
    answer = CliRunner().invoke(program, list(map(str, ["provision", "board", *options])))
    assert (answer.exit_code, "this one is full" in " ".join(answer.output.split())) == (1, True)
    assert not bundle.exists()
    assert rows(app, "SELECT count(*) FROM devices") == [(MOST,)]


@pytest.fixture
def servers(settings):
    """The databases of two servers on the same tables."""
    both = [bootstrap.open_database(settings) for _ in range(2)]
    yield both
    for database in both:
        database.close()


def waiting(app):
    """Return whether a transaction waits for what another holds."""
    return rows(app, "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")[0][1] != "0"


@pytest.mark.parametrize("there", [0, 1])
def test_two_that_register_at_the_same_instant_take_one_place(app, dialect, servers, there):
    with app.database.write() as unit_of_work:
        member = ensure_household(unit_of_work, "owner@example.org", "Owner")
    outcomes = []

    def register(database, meanwhile=lambda: None):
        with suppress(ConflictError), database.write() as unit_of_work:
            number = registration.register(unit_of_work, Actor(member, ""), NewOne("Drive", "board", {}), there + 1)
            meanwhile()
            outcomes.append(number)

    for number in range(there):
        register(servers[0])
        assert len(outcomes) == number + 1
    second = threading.Thread(target=register, args=(servers[1],))

    def let_the_second_come():
        second.start()
        if dialect.name == MARIADB:
            until(lambda: waiting(app) or not second.is_alive(), "the second to wait for the first")

    register(servers[0], let_the_second_come)
    second.join(PATIENCE_S)
    assert not second.is_alive()
    assert len(outcomes) == there + 1
    assert rows(app, "SELECT count(*) FROM devices") == [(there + 1,)]
