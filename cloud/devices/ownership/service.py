"""Use cases of ownership: provisioning for nobody yet, claiming by code, handing over to another household."""

from dataclasses import replace

from cloud.accounts.limits import CLAIM_BY_USER, CLAIM_FROM_ADDRESS, Bucket, give_back, network_of, take
from cloud.accounts.model import MANAGE, Member, check_scope
from cloud.accounts.repository import AccountRepository
from cloud.accounts.sharing.audit import Actor
from cloud.devices import registration
from cloud.devices.model import unheard_device
from cloud.devices.ownership.model import HandedOver, Place, Unclaimed, code_hash
from cloud.devices.ownership.repository import OwnershipRepository
from cloud.devices.repository import DeviceRegister, DeviceRepository
from cloud.devices.service import check_room, ensure_mailbox, new_device, render_desired
from cloud.errors import ConflictError, NotFoundError
from cloud.ports.certificate_authority import CertificateAuthority, Credentials
from cloud.ports.database import Database, UnitOfWork
from cloud.ports.device_hub import Downlink


def provision_unclaimed(
    unit_of_work: UnitOfWork,
    authority: CertificateAuthority,
    kind: str,
    code: str,
    issuer: str | None = None,
    chip: str | None = None,
) -> tuple[str, Credentials]:
    """Make a device that is whose household shows ``code`` first; returns its name at the broker.

    The household ``issuer`` may give out another code for it.
    """
    made = new_device(unit_of_work, "", "", kind)
    credentials = authority.issue_device(made.thing)
    unclaimed = Unclaimed(made.id, made.thing, kind, credentials.serial, chip)
    OwnershipRepository(unit_of_work).add_unclaimed(unclaimed, code_hash(code), issuer)
    return made.thing, credentials


def issue_code(unit_of_work: UnitOfWork, thing: str, code: str, by: Actor | None = None) -> None:
    """Let a device that is nobody's be claimed by another code, the old one no more; raises NotFoundError.

    Without ``by`` it is who runs the server, who may do so for every device.
    """
    issuer = by.member.household_id if by else None
    if not OwnershipRepository(unit_of_work).change_code(thing, code_hash(code), issuer):
        raise NotFoundError(f"thing: expected a device that nobody has claimed, found none called {thing}")
    if by:
        by.note(unit_of_work, "claim code issued", thing)


def count_try(database: Database, by: Actor) -> None:
    """Count a try to claim, committed whatever becomes of it; raises RateLimitedError."""
    take(database, _buckets(by))


def claim(unit_of_work: UnitOfWork, by: Actor, code: str, mailbox: str, most: int) -> tuple[int, list[Downlink]]:
    """Make the device of a code the household's own; returns its number, and what to tell it.

    Raises ConflictError where the household has ``most`` devices, whatever the code; NotFoundError for a code that was
    never given out and for one that was used: nobody learns which.
    """
    check_room(unit_of_work, by.member.household_id, most)
    unclaimed = OwnershipRepository(unit_of_work).take_unclaimed(code_hash(code))
    if unclaimed is None:
        raise NotFoundError("code: expected the code of a device that nobody has claimed, found none")
    household_id = by.member.household_id
    mailbox_id = ensure_mailbox(unit_of_work, household_id, mailbox)
    device = unheard_device(unclaimed.id, household_id, mailbox_id, unclaimed.thing, unclaimed.kind)
    DeviceRepository(unit_of_work).add(device, unclaimed.certificate_serial, unclaimed.chip)
    register = DeviceRegister(unit_of_work)
    register.change(device, **registration.owner(unit_of_work, by.member))
    give_back(unit_of_work, _buckets(by))
    by.note(unit_of_work, "device claimed", device.thing)
    return register.number(device), render_desired(unit_of_work, device)


def hand_over(unit_of_work: UnitOfWork, by: Actor, number: int, to: Place, most: int) -> HandedOver:
    """Give a device to another household of the same owner.

    What it brought stays where it came. Raises NotFoundError for a household that is not the owner's at all, and
    ConflictError for one that has ``most`` devices.
    """
    household_id = to.household_id
    one = registration.find(unit_of_work, by.member.household_id, number)
    there = _membership(unit_of_work, by.member, household_id)
    check_room(unit_of_work, household_id, most)
    mailbox_id = ensure_mailbox(unit_of_work, household_id, to.mailbox or one.device.name)
    given = one.device._replace(household_id=household_id, mailbox_id=mailbox_id)
    OwnershipRepository(unit_of_work).give(one, given, **registration.owner(unit_of_work, there))
    by.note(unit_of_work, "device given away", f"{given.thing} to {there.household_name}")
    replace(by, member=there).note(unit_of_work, "device received", f"{given.thing} from {by.member.household_name}")
    number_there = DeviceRegister(unit_of_work).number(given)
    return HandedOver(number_there, render_desired(unit_of_work, given), registration.left(one.device))


def _membership(unit_of_work: UnitOfWork, member: Member, household_id: str) -> Member:
    """Return the member as they are in the other household, where they must be owner too."""
    if household_id == member.household_id:
        raise ConflictError("household_id: expected another household, the device is in this one already")
    there = AccountRepository(unit_of_work).member_of(member.user.id, household_id)
    if there is None:
        raise NotFoundError("household_id: expected another household of yours, found none")
    check_scope(there, MANAGE)
    return there


def _buckets(by: Actor) -> list[Bucket]:
    return [Bucket(CLAIM_BY_USER, by.member.user.id), Bucket(CLAIM_FROM_ADDRESS, network_of(by.address))]
