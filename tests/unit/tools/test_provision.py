"""``pillarbox provision``: a device for a household, or for nobody yet."""

import json
import re
import stat

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from cloud.bootstrap import LOCK, lock, tell_address
from cloud.devices.ownership.model import code_hash
from cloud.errors import ConfigurationError
from simulator.board.firmware_files import chip_of
from tests.databases import SQLITE, Dialect
from tests.unit.cloud.messages import rows
from tools.boards.flashing import check_bundle
from tools.bundle import unsealed
from tools.cli import app as program
from tools.commands.auditing import this_operator


@pytest.fixture
def dialect():
    """Commands find the server's database by its settings; here that is the one in the data folder."""
    return Dialect(SQLITE)


@pytest.fixture
def provision(app, tmp_path):
    def run(*options, typed=None, env=None):
        arguments = ["provision", "board", "--bundle", tmp_path / "bundle", "--data", app.settings.data, *options]
        return CliRunner().invoke(program, list(map(str, arguments)), input=typed, env=env)

    return run


def test_a_device_for_nobody_yet_prints_its_claim_code_once_and_keeps_it_nowhere(app, provision, tmp_path):
    answer = provision("--unclaimed", "--mqtt-port", 1234)
    assert answer.exit_code == 0, answer.output
    (code,) = re.findall(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}", answer.output)
    ((thing, kept),) = rows(app, "SELECT thing, claim_hash FROM unclaimed_devices")
    assert kept == code_hash(code)
    configuration = json.loads((tmp_path / "bundle" / "device.json").read_text())
    assert (configuration["thing"], configuration["port"], configuration["kind"]) == (thing, 1234, "board")
    for file in (tmp_path / "bundle").iterdir():
        assert code.encode() not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def port_in(bundle):
    return json.loads((bundle / "device.json").read_text())["port"]


@pytest.mark.parametrize(("set_to", "ran_at", "port"), [("", 0, 8883), ("9001", 0, 9001), ("0", 9002, 9002)])
def test_a_device_is_pointed_to_the_port_that_the_server_listens_on(app, provision, tmp_path, set_to, ran_at, port):
    env = {"PILLARBOX_MQTT_PORT": set_to} if set_to else {}
    if ran_at:
        with lock(app.settings.data) as lock_file:
            tell_address(lock_file, "http://localhost:8000", ran_at)
    assert f"would point it at 127.0.0.1:{port}\n" in provision("--unclaimed", "--dry-run", env=env).output
    assert provision("--unclaimed", env=env).exit_code == 0
    assert port_in(tmp_path / "bundle") == port


def test_what_a_server_was_told_at_its_start_counts_where_nothing_is_set(app, provision, tmp_path):
    with lock(app.settings.data) as lock_file:
        tell_address(lock_file, "http://localhost:8000", 9003)
    assert provision("--unclaimed").exit_code == 0
    assert port_in(tmp_path / "bundle") == 9003


@pytest.mark.parametrize("left", ["", "1\n", "1\nhttp://localhost:8000\n"])
def test_a_port_that_nobody_knows_yet_is_asked_for(app, provision, tmp_path, left):
    env = {"PILLARBOX_MQTT_PORT": "0"}
    (app.settings.data / LOCK).write_text(left)
    refused = provision("--unclaimed", env=env)
    assert refused.exit_code == 1
    assert "start it, or say --mqtt-port" in refused.output
    assert not (tmp_path / "bundle").exists()
    assert provision("--unclaimed", "--mqtt-port", 9004, env=env).exit_code == 0


def test_a_device_for_an_owner_is_theirs(app, home, provision):
    assert provision("--email", "owner@example.org").exit_code == 0
    assert rows(app, "SELECT DISTINCT household_id FROM devices") == [(home.household_id,)]
    assert len(rows(app, "SELECT thing FROM devices")) == 3  # those that the household has, and this one


@pytest.mark.parametrize("whose", [("--email",), ("--unclaimed", "--by")])
def test_the_household_reads_that_an_operator_made_the_device(app, home, provision, tmp_path, whose):
    assert provision(*whose, "owner@example.org").exit_code == 0
    thing = json.loads((tmp_path / "bundle" / "device.json").read_text())["thing"]
    noted = rows(app, "SELECT household_id, operator, action, subject FROM audit_log")
    assert noted == [(home.household_id, this_operator().name, "device provisioned", thing)]


def test_a_device_of_nobody_is_in_no_households_audit_log(app, home, provision):
    assert home
    assert provision("--unclaimed").exit_code == 0
    assert rows(app, "SELECT action FROM audit_log") == []


def test_a_typo_in_the_owners_address_makes_no_account(app, home, provision, tmp_path):
    answer = provision("--email", "onwer@example.org", "--passphrase")
    assert answer.exit_code == 1
    assert "got onwer@example.org; pillarbox admin user create makes one" in answer.output
    assert not (tmp_path / "bundle").exists()
    assert rows(app, "SELECT email FROM users") == [("owner@example.org",)]
    assert {one for (one,) in rows(app, "SELECT thing FROM devices")} == {home.board.thing, home.gateway.thing}


@pytest.mark.parametrize("options", [(), ("--unclaimed", "--email", "you@example.org")])
def test_a_device_is_somebodys_or_nobodys(provision, tmp_path, options):
    answer = provision(*options)
    assert answer.exit_code == 1
    assert "expected either --email of the owner or --unclaimed" in answer.output
    assert not (tmp_path / "bundle").exists()


def test_a_board_s_chip_is_in_its_bundle_and_must_be_one_of_those_known(provision, tmp_path):
    refused = provision("--unclaimed", "--chip", "esp8266")
    assert refused.exit_code == 1
    assert "expected a chip of esp32, esp32s3, esp32c3, pico_w, got esp8266" in refused.output
    assert provision("--unclaimed", "--chip", "pico_w").exit_code == 0
    assert chip_of(tmp_path / "bundle") == "pico_w"


def test_who_gives_out_a_code_is_known_already(app, home, provision):
    assert provision("--unclaimed", "--by", "owner@example.org").exit_code == 0
    assert rows(app, "SELECT issuer_id FROM unclaimed_devices") == [(home.household_id,)]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--email", "you@example.org", "--by", "you@example.org"), "expected --by with --unclaimed only"),
        (("--unclaimed", "--by", "you@example.org"), "expected a known user, got you@example.org"),
    ],
)
def test_codes_are_given_out_by_whom_there_is_for_devices_that_have_one(app, provision, tmp_path, options, reason):
    answer = provision(*options)
    assert (answer.exit_code, reason in answer.output) == (1, True), answer.output
    assert not (tmp_path / "bundle").exists()
    assert rows(app, "SELECT count(*) FROM unclaimed_devices") == [(0,)]


def test_an_operator_lists_what_waits_and_makes_another_code(app, home, provision):
    provision("--unclaimed", "--by", "owner@example.org")
    (before,) = rows(app, "SELECT thing, claim_hash FROM unclaimed_devices")

    def admin(*words):
        return CliRunner().invoke(program, ["admin", "device", *words, "--data", str(app.settings.data)])

    (told,) = [json.loads(line) for line in admin("unclaimed", "--json").stdout.splitlines()]
    assert (told["thing"], told["kind"], told["issuer"]) == (before[0], "board", home.household_id)
    assert admin("unclaimed").stdout.splitlines()[1].startswith(f"{before[0]}  board")
    code = admin("code", before[0]).stdout.strip()
    assert rows(app, "SELECT claim_hash FROM unclaimed_devices") == [(code_hash(code),)]
    assert code_hash(code) != before[1]
    wrong = admin("code", "board-of-nowhere")
    assert (wrong.exit_code, "found none called board-of-nowhere" in wrong.stderr) == (1, True)


def test_no_identity_is_overwritten(provision):
    assert provision("--unclaimed").exit_code == 0
    again = provision("--unclaimed")
    assert (again.exit_code, "not to exist" in again.output) == (1, True)


def test_a_sealed_bundle_holds_no_key_that_can_be_read_without_its_passphrase(provision, tmp_path, monkeypatch):
    monkeypatch.setenv("PILLARBOX_BUNDLE_PASSPHRASE", "correct horse")
    assert provision("--unclaimed", "--passphrase").exit_code == 0
    bundle = tmp_path / "bundle"
    assert not (bundle / "key.der").exists()
    assert b"ENCRYPTED" in (bundle / "key.pem").read_bytes()
    with unsealed(bundle, lambda: "correct horse") as identity:
        assert check_bundle(identity).startswith("board-")
        assert stat.S_IMODE((identity / "key.der").stat().st_mode) == 0o600
    assert not identity.exists()
    with pytest.raises(ConfigurationError, match="got another one"), unsealed(bundle, lambda: "wrong"):
        pass


def test_a_passphrase_is_asked_for_twice_and_may_not_be_short(provision, tmp_path):
    answer = provision("--unclaimed", "--passphrase", typed="short\nshort\n")
    assert (answer.exit_code, "at least 8 characters" in answer.output) == (1, True)
    assert not (tmp_path / "bundle").exists()
    assert provision("--unclaimed", "--passphrase", typed="long enough\nlong enough\n").exit_code == 0


@pytest.mark.parametrize("option", [["--passphrase"], ["--wifi", "Home"], ["--chip", "pico_w"]])
def test_a_gateway_is_given_nothing_that_only_a_board_has(app, tmp_path, option):
    arguments = ["provision", "gateway", "--unclaimed", *option, "--bundle", tmp_path / "bundle", "--data"]
    answer = CliRunner().invoke(program, [*map(str, arguments), str(app.settings.data)])
    assert (answer.exit_code, f"expected {option[0]} for a board only" in answer.output) == (1, True)
    assert not (tmp_path / "bundle").exists()


def test_a_dry_run_makes_nothing(app, provision, tmp_path):
    answer = provision("--unclaimed", "--dry-run")
    assert answer.exit_code == 0, answer.output
    assert "would make a board" in answer.output
    assert "the household's own authority" in answer.output
    assert not (tmp_path / "bundle").exists()
    assert rows(app, "SELECT count(*) FROM unclaimed_devices") == [(0,)]


def test_a_board_takes_its_identity_as_der_and_listens_to_a_keyboard(provision, tmp_path):
    assert provision("--unclaimed").exit_code == 0
    bundle = tmp_path / "bundle"
    key = serialization.load_der_private_key((bundle / "key.der").read_bytes(), password=None)
    assert isinstance(key.curve, ec.SECP256R1)
    assert json.loads((bundle / "device.json").read_text())["maintenance_ms"] == 5000
    assert check_bundle(bundle).startswith("board-")


def test_a_board_knows_its_wifi_and_the_password_is_never_shown(provision, tmp_path):
    answer = provision("--unclaimed", "--wifi", "home", typed="open sesame\n")
    assert (answer.exit_code, "open sesame" in answer.output) == (0, False)
    wifi = json.loads((tmp_path / "bundle" / "device.json").read_text())["wifi"]
    assert wifi == {"ssid": "home", "password": "open sesame"}
