"""Bodies of the HTTP requests and answers of accounts."""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from cloud.accounts.model import LONGEST_EMAIL, LONGEST_NAME, normal_email, reachable_email
from cloud.accounts.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD
from cloud.errors import RefusedError


def address(email: str) -> str:
    """Return an address as it is; raises ValueError, for pydantic, for what is none."""
    return _checked(normal_email, email)


def _reachable(email: str) -> str:
    return _checked(reachable_email, email)


def _checked(check: Callable[[str], object], value: str) -> str:
    try:
        check(value)
    except RefusedError as error:
        raise ValueError(str(error)) from None
    return value


_Text = Annotated[str, Field(min_length=1, max_length=LONGEST_EMAIL)]
Address = Annotated[_Text, AfterValidator(address)]
ReachableAddress = Annotated[_Text, AfterValidator(_reachable)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)]


class LoginBody(BaseModel):
    """Who logs in; a password of any length may be tried."""

    email: str = Field(min_length=1, max_length=LONGEST_EMAIL)
    password: str = Field(min_length=1, max_length=LONGEST_PASSWORD)


class RegisterBody(BaseModel):
    """Who registers."""

    name: Name
    email: ReachableAddress
    password: str = Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)


class RefreshBody(BaseModel):
    """The refresh token of the last answer."""

    refresh_token: str = Field(min_length=1, max_length=200)


class AddressBody(BaseModel):
    """Whose password to reset."""

    email: Address


class ResetBody(BaseModel):
    """The token of the mail and the new password."""

    token: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)


class NewEmailBody(BaseModel):
    """The new address, and the password that proves who asks, where the account has one."""

    email: ReachableAddress
    password: str = Field("", max_length=LONGEST_PASSWORD)


class ConfirmBody(BaseModel):
    """The token of the mail."""

    token: str = Field(min_length=1, max_length=200)


class UserAnswer(BaseModel):
    """A user."""

    id: str
    name: str
    email: str = Field(
        description="under no-address.invalid where an outside issuer told none: POST /auth/email sets one"
    )


class LoginAnswer(BaseModel):
    """The tokens of a login: ``token`` for the header Authorization, ``refresh_token`` for the next ones."""

    token: str
    refresh_token: str
    expires_in: int = Field(description="seconds that ``token`` is valid")
    user: UserAnswer


class MessageAnswer(BaseModel):
    """A sentence for people."""

    message: str
