"""Every port that slow stages may use, assembled once by ``cloud.bootstrap``."""

from dataclasses import dataclass

from cloud.ports.database import Database
from cloud.ports.device_hub import DeviceGate
from cloud.ports.group_work import GroupWork
from cloud.ports.identity_provider import IdentityProvider, TokenIssuer
from cloud.ports.image_store import ImageLimits, ImageStore
from cloud.ports.mailer import Mailer
from cloud.ports.metrics import Metrics
from cloud.ports.ocr_engine import OcrEngine
from cloud.ports.writer import Writer
from cloud.settings import Registration


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside, as the stages see it, and the few settings that they need."""

    database: Database
    writer: Writer
    group_work: GroupWork
    image_store: ImageStore
    ocr_engine: OcrEngine
    device_gate: DeviceGate
    mailer: Mailer
    token_issuer: TokenIssuer
    outside_issuers: tuple[IdentityProvider, ...]
    public_url: str
    mail_from: str
    time_zone: str
    limits: ImageLimits
    metrics: Metrics
    settle_ms: int
    registration: Registration
    most_devices: int
    most_images: int
