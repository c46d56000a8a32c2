"""All SQL about the gateways of mailboxes."""

from collections.abc import Iterable

from sqlalchemy import select

from cloud.devices.model import Device
from cloud.devices.repository import NOT_DELETED, read_device
from cloud.ports.database import UnitOfWork
from cloud.ports.given_rows import ID, GivenRows, by
from cloud.tables import devices

_WITH_GATEWAY = GivenRows(
    lambda _, given, joined: (
        f"SELECT devices.mailbox_id FROM {given} "  # noqa: S608 - our own names
        f"{joined} devices ON devices.mailbox_id = given.mailbox_id "
        "WHERE devices.kind = 'gateway' AND devices.deleted_at IS NULL"
    ),
    mailbox_id=ID,
)


class GatewayRepository:
    """Gateways of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection

    def mailboxes_with_one(self, mailbox_ids: Iterable[str]) -> set[str]:
        """Return those of the mailboxes, of whatever household, that have a gateway."""
        return {row[0] for row in _WITH_GATEWAY.read(self._connection, [(one,) for one in sorted(set(mailbox_ids))])}

    def of_mailbox(self, household_id: str, mailbox_id: str) -> list[Device]:
        """Return the gateways of a mailbox, newest first: that one photographs, the others were replaced by it."""
        query = select(devices).where(
            devices.c.household_id == household_id,
            devices.c.mailbox_id == mailbox_id,
            devices.c.kind == "gateway",
            NOT_DELETED,
        )
        return [read_device(row) for row in self._connection.execute(query.order_by(devices.c.id.desc()))]

    def hold(self, household_id: str, mailbox_id: str) -> list[Device]:
        """Return the same and hold their rows: of two who choose what one photographs the second sees the first's.

        Held by their ids, for on the way by the mailbox there are boards, which others hold.
        """
        ids = sorted(gateway.id for gateway in self.of_mailbox(household_id, mailbox_id))
        if not ids:
            return []
        query = select(devices).where(devices.c.household_id == household_id, devices.c.id.in_(ids), NOT_DELETED)
        query = query.with_hint(devices, by("mysql", "PRIMARY"), "mysql").with_for_update()
        return [read_device(row) for row in self._connection.execute(query.order_by(devices.c.id.desc()))]
