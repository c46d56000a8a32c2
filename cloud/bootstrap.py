"""The only place that picks adapters and puts the server together."""

import fcntl
import os
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from cloud import pipeline
from cloud.adapters.local.certificate_authority import FolderCertificateAuthority
from cloud.adapters.local.database import SqliteDatabase
from cloud.adapters.local.device_hub_offline import OfflineDeviceGate
from cloud.adapters.local.dlq import JobsTableDlq
from cloud.adapters.local.event_queue import JobsTableQueue
from cloud.adapters.local.files import make_folder, remove_unfinished, write_durably
from cloud.adapters.local.group_work import ThreadGroupWork
from cloud.adapters.local.identity_provider import KeyFolderTokenIssuer
from cloud.adapters.local.identity_provider_oidc import OidcIdentityProvider
from cloud.adapters.local.image_store import FolderImageStore, load_key
from cloud.adapters.local.installation import check_folder
from cloud.adapters.local.mailer_folder import FolderMailer
from cloud.adapters.local.mailer_smtp_server import mail_server, sender, tls_context
from cloud.adapters.local.metrics import PrometheusMetrics
from cloud.adapters.local.ocr_engine import RapidOcrEngine
from cloud.adapters.local.writer import GroupCommitWriter
from cloud.errors import ConfigurationError
from cloud.ports.database import Database
from cloud.ports.device_hub import DeviceGate
from cloud.ports.dlq import Dlq
from cloud.ports.group_work import Means
from cloud.ports.identity_provider import IdentityProvider
from cloud.ports.image_store import ImageLimits
from cloud.ports.mailer import Mailer
from cloud.ports.metrics import Metrics
from cloud.ports.ports import Ports
from cloud.settings import LOOPBACK, Settings

if TYPE_CHECKING:
    from cloud.adapters.aws.certificate_authority import IotCertificateAuthority

IMAGES, OUTBOX, KEYS, PKI = "images", "outbox", "keys", "pki"
SQLITE_FILE = "pillarbox.db"
# Signs the firmware that boards accept over the air.
UPDATE_KEY = "update.pem"
LOCK = "server.lock"
MYSQL = ("mysql", "mariadb")
WRITTEN_BY_SERVER = (IMAGES, OUTBOX)


@dataclass(frozen=True, slots=True)
class Application:
    """Everything that the server, its workers and its Lambdas use."""

    settings: Settings
    ports: Ports
    database: Database
    queue: JobsTableQueue
    dlq: Dlq
    metrics: Metrics
    authority: FolderCertificateAuthority


_configured: list[tuple[Settings, DeviceGate | None]] = []


def configure(settings: Settings, device_gate: DeviceGate | None = None) -> None:
    """Use these settings, and this gate of devices, in this process; call before the first ``application()``."""
    _configured[:] = [(settings, device_gate)]
    application.cache_clear()


@lru_cache(maxsize=1)
def application() -> Application:
    """Return this process's application, put together at first use."""
    return build(*_configured[0]) if _configured else build(Settings())


def build(settings: Settings, device_gate: DeviceGate | None = None) -> Application:
    """Return an application with the adapters of one machine; its database is migrated.

    Raises ConfigurationError where the database belongs to another data folder.
    """
    data = settings.data.resolve()
    # What settings can be wrong about comes before the database, which else stays open.
    mailer, outside_issuers = open_mailer(settings), _outside_issuers(settings)
    database = _own_database(settings, data)
    public_url = settings.public_url or own_url(settings)
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels, settings.grant_s * 1000)
    metrics, queue = PrometheusMetrics(), JobsTableQueue(database)
    ports = Ports(
        database=database,
        writer=GroupCommitWriter(database),
        group_work=ThreadGroupWork(means(settings, database, queue)),
        image_store=FolderImageStore(data / IMAGES, load_key(data / KEYS / "upload.key"), public_url),
        ocr_engine=RapidOcrEngine(threads=settings.ocr_threads),
        device_gate=device_gate or OfflineDeviceGate(),
        mailer=mailer,
        token_issuer=KeyFolderTokenIssuer(data / KEYS / "tokens", public_url),
        outside_issuers=outside_issuers,
        public_url=public_url,
        mail_from=settings.mail_from,
        time_zone=settings.time_zone,
        limits=limits,
        metrics=metrics,
        settle_ms=settings.settle_s * 1000,
        registration=settings.registration,
        most_devices=settings.household_devices,
        most_images=settings.household_images,
    )
    return Application(settings, ports, database, queue, JobsTableDlq(queue), metrics, authority(settings))


def means(settings: Settings, database: Database, queue: JobsTableQueue) -> Means:
    """Return what the database work of groups of requests uses."""
    return Means(database, partial(pipeline.put_all, queue), settings.settle_s * 1000)


def open_database(settings: Settings) -> Database:
    """Return the database of the settings: SQLite in the data folder unless a MySQL or MariaDB server is named.

    Raises ConfigurationError for an address that names neither.
    """
    url = _mysql_url(settings)
    if url is None:
        return SqliteDatabase(settings.data.resolve() / SQLITE_FILE)
    from cloud.adapters.local.database_mysql import MysqlAddress, MysqlDatabase  # noqa: PLC0415 - costs memory

    return MysqlDatabase(MysqlAddress(url, settings.mysql_ssl_ca))


def open_mailer(settings: Settings) -> Mailer:
    """Return what e-mails leave by: a folder of the data folder unless a mail server is named.

    Raises ConfigurationError for settings of a mail server that cannot be meant.
    """
    url = settings.smtp_url.get_secret_value()
    if not url:
        return FolderMailer(settings.data.resolve() / OUTBOX)
    from cloud.adapters.local.mailer_smtp import SmtpMailer  # noqa: PLC0415 - costs memory

    server = mail_server(url)
    return SmtpMailer(server, sender(settings.mail_from, server), tls_context(settings.smtp_ca))


def mails_leave_by(settings: Settings) -> str:
    """Return where e-mails go: host and port of the mail server, or the folder in which they are files."""
    url = settings.smtp_url.get_secret_value()
    return mail_server(url).place if url else str(settings.data.resolve() / OUTBOX)


def _own_database(settings: Settings, data: Path) -> Database:
    """Return the database of this folder, migrated; one file in it belongs to it, a link may be that of another."""
    database, is_inside = open_database(settings), (data / SQLITE_FILE).resolve() == data / SQLITE_FILE
    try:
        database.migrate()
        check_folder(database, data, data / KEYS, is_inside=is_inside and _mysql_url(settings) is None)
    except ConfigurationError:
        database.close()
        raise
    return database


def has_database(settings: Settings) -> bool:
    """Return whether there is a database to open, without making the file of a new one."""
    return _mysql_url(settings) is not None or (settings.data / SQLITE_FILE).exists()


def databases_beside(app: Application) -> tuple[Database, ...]:
    """Return databases of ingest's own, which write while the application's does; none on SQLite, it has one writer.

    Two keep MySQL and the interpreter busy at the same time. What they commit is told as if the application's had.
    """
    if not app.database.has_server:
        return ()
    beside = (open_database(app.settings), open_database(app.settings))
    for database in beside:
        database.commits.listen(app.database.commits.tell)
    return beside


def own_url(settings: Settings) -> str:
    """Return the address of this server as others reach it without any proxy."""
    host = settings.host if settings.host not in (*LOOPBACK, "0.0.0.0") else "localhost"  # noqa: S104 - compared
    return f"{'https' if settings.https else 'http'}://{host}:{settings.port}"


def authority(settings: Settings) -> FolderCertificateAuthority:
    """Return the household's own certificate authority."""
    return FolderCertificateAuthority(settings.data.resolve() / PKI)


def build_iot_authority(region: str | None, policy: str) -> "IotCertificateAuthority":
    """Return IoT Core of the AWS account that the environment names; raises ConfigurationError."""
    try:
        from cloud.adapters.aws.certificate_authority import connect  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError(
            f"expected boto3 for AWS, found none ({error}): in Pillarbox's folder .venv/bin/pip install -e '.[aws]'"
        ) from error
    return connect(region, policy)


def lock(data: Path) -> IO[bytes]:
    """Return a lock on the data folder, held until closed; what a killed server left half-written there is deleted.

    Raises ConfigurationError when another server has the lock, or nobody may write there.
    """
    try:
        make_folder(data)
        file = (data / LOCK).open("ab")
    except OSError as error:
        raise ConfigurationError(f"expected a folder to write to at {data}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise ConfigurationError(
            f"expected {data} to be free, but another Pillarbox server uses it; stop that one or choose another --data"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    file.flush()
    for name in WRITTEN_BY_SERVER:
        remove_unfinished(data / name)
    return file


def tell_address(lock_file: IO[bytes], url: str, mqtt_port: int) -> None:
    """Write into the lock where its server is reached, for commands that print links or tell devices of its broker."""
    lock_file.write(f"{url}\n{mqtt_port}\n".encode())
    lock_file.flush()


def address_of(app: Application) -> str:
    """Return where the server of this data folder is reached, or was the last time; before that, as it is set."""
    told = _told_address(app.settings)
    return told[0] if told else app.ports.public_url


def mqtt_port_of(settings: Settings) -> int:
    """Return where the broker of this data folder listens: as it is set, else as its server does or did the last time.

    Raises ConfigurationError where it takes a free one and nobody knows yet which.
    """
    told = _told_address(settings)[1:]
    if told and not (settings.mqtt_port and "mqtt_port" in settings.model_fields_set):
        return int(told[0])
    if settings.mqtt_port == 0:
        raise ConfigurationError(
            "expected to know the broker's port, but PILLARBOX_MQTT_PORT is 0 and no server has run here; start it, or "
            "say --mqtt-port"
        )
    return settings.mqtt_port


def certificate_files(settings: Settings, name: str) -> tuple[Path, Path, Path]:
    """Return authority, certificate and key files of the broker (``server``) or its client (``_server``), made once.

    The broker's are made anew for another host: a certificate names those it is valid for.
    """
    folder = settings.data.resolve() / PKI
    hosts = _hosts(settings) if name == "server" else ()
    stem = "-".join((name, *hosts))
    files = (folder / "ca.pem", folder / f"{stem}.pem", folder / f"{stem}.key.pem")
    if not all(file.exists() for file in files):
        issuer = authority(settings)
        issued = issuer.issue_server(hosts) if name == "server" else issuer.issue_device(name)
        write_durably(files[2], issued.key)
        write_durably(files[1], issued.certificate)
    return files


def _told_address(settings: Settings) -> list[str]:
    """Return what a server wrote into its lock: its address and its broker's port, nothing where none ran."""
    file = settings.data / LOCK
    return file.read_text(encoding="utf-8").splitlines()[1:] if file.exists() else []


def _mysql_url(settings: Settings) -> URL | None:
    given = settings.database_url.get_secret_value()
    if not given:
        return _mysql_url_of_parts(settings) if settings.mysql_host else None
    try:
        url = make_url(given)
    except ArgumentError:
        raise ConfigurationError("expected PILLARBOX_DATABASE_URL as mysql://user:password@host/schema") from None
    if url.get_backend_name() not in MYSQL or not url.database:
        raise ConfigurationError(
            f"expected PILLARBOX_DATABASE_URL as mysql://user:password@host/schema, got {url.render_as_string()}"
        )
    return url


def _mysql_url_of_parts(settings: Settings) -> URL:
    return URL.create(
        "mysql",
        settings.mysql_user,
        settings.mysql_password.get_secret_value(),
        settings.mysql_host,
        settings.mysql_port,
        settings.mysql_database,
    )


def _outside_issuers(settings: Settings) -> tuple[IdentityProvider, ...]:
    if not settings.oidc_issuer:
        return ()
    audiences = [one.strip() for one in settings.oidc_audience.split(",") if one.strip()]
    return (OidcIdentityProvider(settings.oidc_issuer, audiences, settings.oidc_jwks_url),)


def _hosts(settings: Settings) -> tuple[str, ...]:
    """Return the names by which this server is reached from other machines."""
    named = (settings.host, urlsplit(settings.public_url).hostname)
    return tuple(dict.fromkeys(host for host in named if host and host not in LOOPBACK))
