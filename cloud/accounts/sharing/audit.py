"""Writing the audit log."""

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
