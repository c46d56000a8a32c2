"""Nothing leads to SQL without saying whose rows are meant, but what is listed here with its reason."""

import ast
from inspect import Parameter, Signature, signature

import pytest

from cloud.accounts.sharing.model import Audited
from cloud.devices.battery.repository import Report
from cloud.devices.model import Device, Placed
from cloud.ports.database import UnitOfWork
from cloud.ports.dlq import Entry
from tests.unit.cloud.scoping import classes_with_sql, methods, says_whose, ways

# Why a method needs no household. Whoever adds one here says why no stranger's rows can come out of it.
EXCEPTIONS = {
    "who somebody is: asked for by an address, a user's id or a secret, before any household is known": """
        AccountRepository.add_user AccountRepository.user_by_email AccountRepository.credentials
        AccountRepository.change_user AccountRepository.is_verified AccountRepository.identity_is_known
        AccountRepository.add_identity AccountRepository.member_of AccountRepository.memberships_of
        AccountRepository.member_of_family AccountRepository.member_of_identity AccountRepository.add_login_link
        AccountRepository.use_login_link AccountRepository.add_session AccountRepository.end_session
        CallerRepository.of_logins CallerRepository.of_sessions CallerRepository.of_identities
        CallerRepository.of_keys CallerRepository.revoked SharingRepository.invitation_of
        SharingRepository.is_invited
        TokenRepository.add_family TokenRepository.add_refresh TokenRepository.family_of TokenRepository.use_refresh
        TokenRepository.end_family TokenRepository.end_all_of TokenRepository.add_account_token
        TokenRepository.use_account_token TokenRepository.revoke TokenRepository.is_revoked""",
    "what a user made, in whatever household, which ends with a new password": """
        ApiKeyRepository.active_keys_of SharingRepository.invitations_by""",
    "callers' allowances, by a name that belongs to no household": """
        BucketRepository.forget_full BucketRepository.full_at BucketRepository.set_full_at""",
    "an act of somebody who may be in no household, or of an operator": """
        AuditRepository.add""",
    "a device that is nobody's yet, by its name at the broker or by the secret that claims it": """
        OwnershipRepository.add_unclaimed OwnershipRepository.change_code OwnershipRepository.are_unclaimed
        OwnershipRepository.take_unclaimed""",
    "who speaks at the broker: its certificate says which thing, the row says whose": """
        DeviceRepository.by_thing DeviceRepository.by_things""",
    "whose upload it is: the secret of its grant says that": """
        ImageRepository.for_upload""",
    "devices by pairs of a household and a number": """
        DeviceRegister.numbered DeviceRegister.ids""",
    "mailboxes of devices that are known, of many households at once": """
        GatewayRepository.mailboxes_with_one""",
    "what was given to the object with its device before, is written": """
        GroupRepository.flush GroupRepository.flush_numbered GroupGaps.flush""",
    "an operator's command, or a figure of the whole server": """
        AccountRepository.everybody OwnershipRepository.all_waiting DeviceRepository.silent_count
        JobsTableQueue.backlogs JobsTableDlq.entries JobsTableDlq.entry UpdateRepository.set_chip""",
    "firmware, which is every household's": """
        UpdateRepository.all_boards UpdateRepository.add_image UpdateRepository.image
        UpdateRepository.remove_images""",
    "what the server does by itself for every household: at start, sweeping, forgetting": """
        DeviceRepository.all_devices IdempotencyRepository.forget_before BatteryRepository.forget_before
        FeedRepository.leave_gap FeedRepository.forget_old AlarmRepository.late_devices AlarmRepository.low_devices
        AlarmRepository.raised""",
    "the queue itself, which hands each job to its stage with its household": """
        JobsTableQueue.lease JobsTableQueue.recover JobsTableQueue.forget_done JobsTableQueue.next_due
        JobsTableQueue.generation JobsTableQueue.wait JobsTableQueue.wake JobsTableQueue.stories""",
    "entries of the DLQ, also of strangers' messages, which are no household's": """
        JobsTableQueue.park JobsTableDlq.put_back JobsTableDlq.take_out JobsTableDlq.park_again""",
    "whole tables, in the backup": """
        rows.stored_tables rows.dump rows.load""",
    "what changed, each with its household": """
        repository.store_noted""",
    "no statement of its own: its caller names table and rows": """
        database.unit_of_work GivenRows.read GivenRows.run insert_many.insert_many insert_many.insert_telling
        update_many.update_many""",
}
EXCEPTED = {name for listed in EXCEPTIONS.values() for name in listed.split()}
WHAT_TO_DO = (
    "expected every public way to SQL to take a household (household_id, or a Device, Image, Episode ... that has one) "
    "and to ask for its rows alone, got some without: add the parameter, or list the way in EXCEPTIONS with the reason"
)


@pytest.fixture(scope="module")
def found():
    """Every public way to SQL, by its name."""
    return {way.name: way for way in ways()}


def test_every_way_to_sql_says_whose_rows_are_meant(found):
    assert sorted(name for name, way in found.items() if not says_whose(way.function) | (name in EXCEPTED)) == [], (
        WHAT_TO_DO
    )


def test_no_exception_outlives_its_reason(found):
    assert sorted(name for name in EXCEPTED if name not in found or says_whose(found[name].function)) == []


def test_every_repository_is_looked_at_and_what_else_runs_sql(found):
    expected = {"ImageRepository.get", "GroupRepository.episode", "GroupGaps.flush", "JobsTableDlq.entry", "rows.dump"}
    assert expected <= set(found)
    assert len(found) > 220


SOURCE = """
class Forgetful:
    def __init__(self, unit_of_work):
        self._connection = unit_of_work.connection

class Heir(Forgetful): ...

class Lender:
    def lend(self):
        with self._database.write() as unit_of_work:
            return unit_of_work.connection.execute("")

class Hub:
    def __init__(self, hub):
        self._connection = hub.connect()
"""


def test_a_class_is_found_by_its_connection_whatever_its_file_is_called():
    assert classes_with_sql([ast.parse(SOURCE)]) == {"Forgetful", "Heir", "Lender"}


def way(default=Parameter.empty, **hints):
    """Return a method with such parameters."""

    def method(): ...

    method.__annotations__ = hints
    parameters = [Parameter(name, Parameter.KEYWORD_ONLY, default=default) for name in hints]
    method.__dict__.update(__signature__=Signature(parameters))
    return method


@pytest.mark.parametrize(
    "method",
    [
        way(image_id=str),
        way(image_id=str, household_id=str | None),
        way(household_id=str, default=""),
        way(household_id=list[str] | None),
        way(of=Device | str),
        way(entry=Entry),
        way(entry=Audited),
        way(unit_of_work=UnitOfWork),
        way(),
    ],
    ids=lambda method: str(signature(method)),
)
def test_a_household_that_may_be_missing_is_none(method):
    assert not says_whose(method)


@pytest.mark.parametrize(
    "method",
    [
        way(household_id=str, image_id=str),
        way(household_ids=list[str]),
        way(of=Placed),
        way(of=list[tuple[Device, int]]),
        way(of=Report),
    ],
    ids=lambda method: str(signature(method)),
)
def test_a_household_is_taken_as_such_or_with_what_belongs_to_it(method):
    assert says_whose(method)


class Sharing:
    """Ways of every sort, as their names say."""

    def __init__(self): ...

    def plain(self): ...

    @staticmethod
    def alone(): ...

    @classmethod
    def made(cls): ...

    @property
    def held(self): ...


def test_ways_of_every_sort_are_found_but_for_private_ones():
    assert [found.name for found in methods(Sharing)] == [
        f"Sharing.{name}" for name in vars(Sharing) if not name.startswith("_")
    ]
    assert Sharing.held.fget in [found.function for found in methods(Sharing)]
