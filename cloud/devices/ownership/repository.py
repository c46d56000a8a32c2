"""All SQL about devices that are nobody's yet, and about giving a device to a household."""

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import select, update

from cloud.accounts.id_pages import IdPage
from cloud.devices.model import Device, next_rev
from cloud.devices.ownership.model import Unclaimed, Waiting
from cloud.devices.profile import Registered
from cloud.http_tables import device_settings
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.database import UnitOfWork
from cloud.tables import devices, unclaimed_devices


class OwnershipRepository:
    """Unclaimed devices, and the owners of the others, of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._now = unit_of_work.now
        self._note_change = unit_of_work.note_change

    def add_unclaimed(self, device: Unclaimed, code_hash: str, issuer: str | None = None) -> None:
        """Insert a device that is nobody's, with the household that gives out its code."""
        values = asdict(device) | {"claim_hash": code_hash, "created_at": self._now}
        self._connection.execute(
            unclaimed_devices.insert().values(values | {"issuer_id": issuer, "issued_at": self._now})
        )

    def change_code(self, thing: str, code_hash: str, issuer: str | None) -> bool:
        """Give a device that is nobody's another code; False when there is none, or none of the issuer's."""
        mine = unclaimed_devices.c.thing == thing
        if issuer is not None:
            mine &= unclaimed_devices.c.issuer_id == issuer
        changed = update(unclaimed_devices).where(mine).values(claim_hash=code_hash, issued_at=self._now)
        return self._connection.execute(changed).rowcount == 1

    def all_waiting(self) -> list[Waiting]:
        """Return every device that is nobody's, oldest first."""
        return [Waiting(*row) for row in self._connection.execute(_WAITING)]

    def waiting(self, household_id: str, id_page: IdPage) -> list[Waiting]:
        """Return a page of the devices whose codes the household gives out, oldest first."""
        mine = (unclaimed_devices.c.issuer_id == household_id) & (unclaimed_devices.c.id > id_page.after)
        return [Waiting(*row) for row in self._connection.execute(_WAITING.where(mine).limit(id_page.limit))]

    def are_unclaimed(self, things: Iterable[str]) -> set[str]:
        """Return those of the names at the broker that belong to devices that are nobody's."""
        names = sorted(set(things))
        if not names:
            return set()
        query = select(unclaimed_devices.c.thing).where(unclaimed_devices.c.thing.in_(names))
        return set(self._connection.execute(query).scalars())

    def take_unclaimed(self, code_hash: str) -> Unclaimed | None:
        """Take the device of a code out of those that are nobody's; None when there is none, or somebody was first."""
        chosen = unclaimed_devices.c.claim_hash == code_hash
        row = self._connection.execute(select(unclaimed_devices).where(chosen)).first()
        if row is None or self._connection.execute(unclaimed_devices.delete().where(chosen)).rowcount == 0:
            return None
        return Unclaimed(row.id, row.thing, row.kind, row.certificate_serial, row.chip)

    def give(self, one: Registered, to: Device, **owner: object) -> None:
        """Give a device to the household and the mailbox of ``to``, under a new number; rows about its past stay."""
        device = one.device
        mine = (devices.c.household_id == device.household_id) & (devices.c.id == device.id)
        rev = next_rev(device.desired_rev, self._now)
        values = {"household_id": to.household_id, "mailbox_id": to.mailbox_id, "capture": None, "desired_rev": rev}
        self._connection.execute(update(devices).where(mine).values(values))
        numbered = device_settings.c.household_id == device.household_id
        self._connection.execute(device_settings.delete().where(numbered, device_settings.c.device_id == device.id))
        kept = asdict(one.behaviour) | {"is_active": one.is_active, "location": one.location}
        of = {"household_id": to.household_id, "device_id": device.id, "updated_at": self._now}
        self._connection.execute(device_settings.insert().values(kept | of | owner))
        for household_id in (device.household_id, to.household_id):
            self._note_change(Change(household_id, ChangeKind.DEVICE, device.id))


_WAITING = select(
    *(unclaimed_devices.c[name] for name in ("id", "thing", "kind", "created_at", "issued_at", "issuer_id"))
).order_by(unclaimed_devices.c.id)
