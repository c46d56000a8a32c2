"""Settings of the server, read from ``PILLARBOX_*`` variables, a ``.env`` file, or the command line."""

import re
from enum import StrEnum
from pathlib import Path
from zoneinfo import available_timezones

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cloud.log_lines import LogFormat
from firmware.wire.messages import MAX_IMAGE_BYTES

LOOPBACK = ("127.0.0.1", "::1", "localhost")
# As a browser writes it (RFC 6454 section 6.2): no path, not even a slash, and nothing that stands for many.
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")


class Registration(StrEnum):
    """Who may make an account."""

    OPEN = "open"
    INVITED = "invited"
    CLOSED = "closed"


class Settings(BaseSettings):
    """What a household or an operator can set; the defaults run on one machine with no account anywhere."""

    model_config = SettingsConfigDict(env_prefix="PILLARBOX_", env_file=".env", extra="ignore", frozen=True)

    data: Path = Field(default=Path("pillarbox-data"), description="folder of the database, images, keys and outbox")
    host: str = Field(default="127.0.0.1", description="address that HTTP and MQTT listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="HTTP port; 0 takes a free one")
    mqtt_port: int = Field(default=8883, ge=0, le=65535, description="MQTT port (TLS); 0 takes a free one")
    public_url: str = Field(
        default="", description="address that people and gateways reach; default http://localhost:PORT"
    )
    behind_proxy: bool = Field(default=False, description="HTTP on another host stays plain: a proxy adds TLS")
    settle_s: int = Field(
        default=120, ge=0, description="seconds after the close until a delivery is told without its images"
    )
    grant_s: int = Field(default=600, ge=1, description="seconds that an upload URL is valid")
    max_image_bytes: int = Field(default=MAX_IMAGE_BYTES, ge=1, description="largest image taken")
    max_image_pixels: int = Field(default=64_000_000, ge=1, description="most pixels of an image taken")
    workers: int = Field(default=2, ge=1, description="jobs worked on at the same time")
    ocr_threads: int = Field(default=0, ge=0, description="threads of the OCR process; 0 is one per core")
    mosquitto: Path | None = Field(default=None, description="the mosquitto program; default: looked up")
    mail_from: str = Field(
        default="Pillarbox <pillarbox@localhost>",
        description="sender of notification e-mails",
        validation_alias=AliasChoices("PILLARBOX_MAIL_FROM", "SES_SOURCE_EMAIL"),
    )
    smtp_url: SecretStr = Field(
        default=SecretStr(""),
        description=(
            "smtps://user:password@host:465, or smtp://…:587 for STARTTLS, of the server that sends e-mails; "
            "default: they are files in outbox/"
        ),
    )
    smtp_ca: Path | None = Field(
        default=None,
        description="PEM file of the authority that its certificate is checked against; default: the system's",
    )
    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="mysql://user:password@host:port/schema of MySQL 8 or MariaDB; default: SQLite in the data folder",
    )
    mysql_host: str = Field(
        default="", validation_alias="MYSQL_HOST", description="the same in parts: host; without it SQLite is used"
    )
    mysql_port: int = Field(default=3306, ge=1, le=65535, validation_alias="MYSQL_PORT", description="its port")
    mysql_user: str = Field(default="pillarbox", validation_alias="MYSQL_USER", description="its user")
    mysql_password: SecretStr = Field(
        default=SecretStr(""), validation_alias="MYSQL_PASSWORD", description="its password"
    )
    mysql_database: str = Field(default="pillarbox", validation_alias="MYSQL_DATABASE", description="its schema")
    mysql_ssl_ca: Path | None = Field(
        default=None,
        validation_alias=AliasChoices("MYSQL_SSL_CA", "PILLARBOX_MYSQL_SSL_CA"),
        description="PEM file of the authority that the MySQL server's certificate is checked against",
    )
    oidc_issuer: str = Field(
        default="",
        description="address of an outside issuer of tokens (Clerk, any OIDC) whose users may use the API",
        validation_alias=AliasChoices("oidc_issuer", "PILLARBOX_OIDC_ISSUER", "CLERK_ISSUER"),
    )
    oidc_audience: str = Field(
        default="", description="what its tokens must name as aud (Clerk: as azp); several separated by commas"
    )
    oidc_jwks_url: str = Field(
        default="",
        description="where its keys are; default: found by OpenID Connect Discovery",
        validation_alias=AliasChoices("oidc_jwks_url", "PILLARBOX_OIDC_JWKS_URL", "CLERK_JWKS_URL"),
    )
    allowed_origins: str = Field(
        default="",
        description="web apps of other addresses whose scripts may use the API with a token: https://app.example, …",
    )
    log_format: LogFormat = Field(
        default=LogFormat.JSON, description="lines of the log: json for programs, text for people"
    )
    registration: Registration = Field(
        default=Registration.OPEN,
        description="who may register: open, anybody; invited, addresses with an open invitation; closed, nobody",
    )
    metrics_token: SecretStr = Field(
        default=SecretStr(""),
        description="what /metrics asks for as bearer token; default: it answers this machine only",
    )
    household_devices: int = Field(
        default=1000, ge=1, description="devices that a household may have; one more is refused until one is deleted"
    )
    household_images: int = Field(
        default=1000, ge=1, description="images a day that a household may upload over HTTP; a gateway's do not count"
    )
    api_per_minute: int = Field(
        default=3000, ge=1, description="requests a minute that an API key, or a person, may send to the API for ever"
    )
    api_burst: int = Field(default=1000, ge=1, description="requests that who was silent for a while may send at once")
    client_wait_s: int = Field(
        default=20, ge=1, description="seconds that an HTTP client may be waited for; 500 bytes earn it another one"
    )
    connections: int = Field(
        default=1000, ge=1, description="HTTP connections; one more takes the place of who was waited for longest"
    )
    stop_s: int = Field(default=20, ge=1, description="seconds that a server that is told to stop may take for it")
    time_zone: str = Field(default="", description="IANA name for dates shown to people; default: the machine's")

    @field_validator("host")
    @classmethod
    def _ipv4(cls, host: str) -> str:
        if ":" in host:
            raise ValueError("expected an IPv4 address or a name to listen on, such as 0.0.0.0")
        return host

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name and name not in available_timezones():
            raise ValueError("expected an IANA time zone such as Europe/Berlin")
        return name

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, listed: str) -> str:
        wrong = [one for one in origins_in(listed) if not ORIGIN.fullmatch(one)]
        if wrong:
            raise ValueError(f"expected origins such as https://app.example, separated by commas, got {wrong[0]!r}")
        return listed

    @property
    def origins(self) -> list[str]:
        """Return the origins of other web apps, one by one."""
        return origins_in(self.allowed_origins)

    @property
    def https(self) -> bool:
        """Return whether HTTP is served with TLS by the household's own authority: always beyond this machine."""
        return self.host not in LOOPBACK and not self.behind_proxy


def origins_in(listed: str) -> list[str]:
    """Return the origins that a list with commas names."""
    return [one.strip() for one in listed.split(",") if one.strip()]
