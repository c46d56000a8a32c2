"""Bodies of the HTTP requests and answers of accounts."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from cloud.accounts.model import LONGEST_EMAIL, LONGEST_NAME
from cloud.accounts.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)]


class LoginBody(BaseModel):
    """Who logs in; a password of any length may be tried."""

    email: str = Field(min_length=1, max_length=LONGEST_EMAIL)
    password: str = Field(min_length=1, max_length=LONGEST_PASSWORD)


class RegisterBody(BaseModel):
    """Who registers."""

    name: Name
    email: str = Field(min_length=1, max_length=LONGEST_EMAIL)
    password: str = Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)


class RefreshBody(BaseModel):
    """The refresh token of the last answer."""

    refresh_token: str = Field(min_length=1, max_length=200)


class AddressBody(BaseModel):
    """Whose password to reset."""

    email: str = Field(min_length=1, max_length=LONGEST_EMAIL)


class ResetBody(BaseModel):
    """The token of the mail and the new password."""

    token: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)


class NewEmailBody(BaseModel):
    """The new address, and the password that proves who asks, where the account has one."""

    email: str = Field(min_length=1, max_length=LONGEST_EMAIL)
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
