"""Invitations, API keys and what was done, as their rows are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret; ``hint`` is how it begins."""

    id: str
    household_id: str
    user_id: str
    name: str
    hint: str
    scopes: str
    created_at: int
    last_used_at: int | None
    revoked_at: int | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation into a household; ``ended_at`` once it is accepted or taken back."""

    id: str
    household_id: str
    email: str
    role: str
    invited_by: str
    created_at: int
    expires_at: int
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class Audited:
    """One thing that somebody did: ``action`` to ``subject``, from ``address``.

    A user did it, or an operator by the command line; without a household it concerns all of them.
    """

    id: str
    household_id: str | None
    user_id: str | None
    action: str
    subject: str
    address: str
    created_at: int
    operator: str | None = None
