"""Answers about batteries."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from cloud.api.answers import IsoTime, iso
from cloud.devices.battery.model import Drawn, Outlook, Reading
from cloud.devices.wishes import percent_of


class DrawnAnswer(BaseModel):
    """What a wake drew from the battery, in millicoulombs; null where the board did not say."""

    charge_mc: float | None = Field(description="all of it")
    awake_mc: float | None = Field(description="while the radio was off")
    wifi_mc: float | None = Field(description="joining the Wi-Fi")
    tls_mc: float | None = Field(description="connecting, TLS and MQTT")
    publish_mc: float | None = Field(description="from then on until the radio went off")


class ReadingAnswer(DrawnAnswer):
    """What a board said at one time."""

    at: IsoTime
    wake: str | None = Field(description="the wake that said it: {install}-{boot}-{number}; none is there twice")
    total_mc: float | None = Field(description="what all wakes drew since the power came, by the board's own meter")
    batt_mv: int | None
    battery_level: int | None = Field(description="per cent")


class HealthAnswer(BaseModel):
    """The battery of a board: how it was, what a wake draws as a rule, and when it will be empty."""

    empty_at: str | None = Field(description="when it will be empty, ISO 8601 in UTC; null where too little is known")
    earliest: str | None = Field(description="the lower end of a 90 % interval, ISO 8601 in UTC")
    latest: str | None = Field(description="its upper end, ISO 8601 in UTC")
    reason: str | None = Field(description="why there is no expectation: too few days, or no fall yet")
    typical: DrawnAnswer
    daily_mc: float | None = Field(description="what all wakes draw a day; null until that is known of a day")
    history: list[ReadingAnswer] = Field(description="oldest first")


def health_answer(
    outlook: Outlook, typical: Drawn, daily_mc: float | None, readings: Sequence[Reading]
) -> HealthAnswer:
    """Return the answer; times are ISO 8601 in UTC."""
    times = (outlook.empty_at, outlook.earliest, outlook.latest)
    empty_at, earliest, latest = (None if at is None else iso(at) for at in times)
    return HealthAnswer(
        empty_at=empty_at,
        earliest=earliest,
        latest=latest,
        reason=outlook.reason,
        typical=DrawnAnswer.model_validate(typical, from_attributes=True),
        daily_mc=daily_mc,
        history=[_reading_answer(one) for one in readings],
    )


def _reading_answer(one: Reading) -> ReadingAnswer:
    drawn = DrawnAnswer.model_validate(one.drawn, from_attributes=True).model_dump()
    level = None if one.batt_mv is None else percent_of(one.batt_mv)
    return ReadingAnswer(
        at=iso(one.at), wake=one.wake, total_mc=one.total_mc, batt_mv=one.batt_mv, battery_level=level, **drawn
    )
