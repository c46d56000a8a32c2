"""Writing the audit log."""

from collections.abc import Iterable
from dataclasses import dataclass

from cloud.accounts.model import Member
from cloud.accounts.sharing.model import Audited
from cloud.accounts.sharing.repository import AuditRepository
from cloud.ports.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and the address that the request came from."""

    member: Member
    address: str

    def note(self, unit_of_work: UnitOfWork, action: str, subject: str) -> None:
        """Note what the actor does, in the transaction that does it."""
        note(unit_of_work, self.member, action, subject, self.address)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the server and does something at its command line, by their name at the operating system."""

    name: str

    def note(
        self, unit_of_work: UnitOfWork, action: str, subject: str, households: Iterable[str | None] = (None,)
    ) -> None:
        """Note what the operator does, in the transaction that does it; without a household all are told of it."""
        for household_id in households:
            entry = Audited(
                id=unit_of_work.new_id(),
                household_id=household_id,
                user_id=None,
                action=action,
                subject=subject[:254],
                address="",
                created_at=unit_of_work.now,
                operator=self.name[:64],
            )
            AuditRepository(unit_of_work).add(entry)


def note(unit_of_work: UnitOfWork, member: Member, action: str, subject: str, address: str) -> None:
    """Note what a member did, in the transaction that does it; ``address`` is where the request came from."""
    entry = Audited(
        id=unit_of_work.new_id(),
        household_id=member.household_id,
        user_id=member.user.id,
        action=action,
        subject=subject[:254],
        address=address[:45],
        created_at=unit_of_work.now,
    )
    AuditRepository(unit_of_work).add(entry)
