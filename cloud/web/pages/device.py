"""The page of one device: its name, its settings with what the board made of them, another household, the end."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ValidationError
from sqlalchemy import Row

from cloud.accounts.identity import address_of
from cloud.accounts.model import MANAGE, OWNER, SCOPES_OF_ROLE, WRITE, Member
from cloud.accounts.repository import AccountRepository
from cloud.accounts.sharing.audit import Actor
from cloud.devices import registration
from cloud.devices.battery.service import battery_of
from cloud.devices.ownership import service as ownership
from cloud.devices.ownership.model import CODE_BYTES, Place, claim_code
from cloud.devices.profile import Behaviour, Registered
from cloud.devices.repository import DeviceRepository
from cloud.devices.schemas import DeviceChange
from cloud.devices.wishes import EMPTY_MV, PERCENT_MV
from cloud.errors import NotFoundError, RefusedError
from cloud.notifications.repository import AlarmRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.device_hub import Downlink
from cloud.ports.outlets import Outlets
from cloud.web.errors import status_of
from cloud.web.pages.device_wishes import told
from cloud.web.pages.devices import device_number, health_of
from cloud.web.pages.forms import Field, FormPage, act, problem_of, show_form
from cloud.web.pages.headers import PageRoute
from cloud.web.pages.login import require_own
from cloud.web.pages.site import PageError, Site, View, not_found

CLAIM = FormPage(
    "Add a device",
    "Add it",
    (Field("code", "Claim code", "text", "off", 40), Field("mailbox", "Name of the mailbox", "text", "off", 200)),
    "The code came with the device, on paper. It is good for one household, once.",
    links=(("/devices", "All devices"),),
)
# What the owners are told of a board's mailbox, in the order of the form, each with what it says.
SWITCHES = {
    "mail_delivered_notify": "Mail was delivered",
    "mailbox_opened_notify": "The mailbox was opened and no image came, or was left open",
    "mail_removed_notify": "The mailbox was emptied",
    "battery_low_notify": "The battery is low",
    "push_notifications": "List all of this as notifications too, for programs that follow live",
    "email_notifications": "Send an e-mail also when the mailbox was emptied",
}
MINUTE_S = 60

Text = Annotated[str, Form()]
Work = Callable[[UnitOfWork, Actor], list[Downlink]]


class SettingsForm(BaseModel):
    """What the form of settings sends; what is empty is the board's own choice."""

    name: str = ""
    is_active: str = ""
    check_interval: str = ""
    battery_threshold: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """A member at the page of one device."""

    request: Request
    member: Member
    number: int

    @property
    def path(self) -> str:
        """Return the address of the page."""
        return f"/devices/{self.number}"


@dataclass(frozen=True, slots=True)
class DevicePages:
    """Shows and changes one device of the member's household."""

    site: Site
    outlets: Outlets

    def visit(self, number: str, request: Request) -> Visit:
        """Return who asks for which device; raises PageError for strangers and for what is no number."""
        member = self.site.member(request)
        return Visit(request, member, device_number(number))

    def show(self, visit: Visit, problem: str = "", status: int = 200) -> Response:
        """Return the page of a device."""
        member, allowed = visit.member, SCOPES_OF_ROLE[visit.member.role]
        with self.site.ports.database.read() as unit_of_work:
            one = find(unit_of_work, visit)
            rows = DeviceRepository(unit_of_work)
            row = shown_row(rows, one)
            mailbox = rows.mailbox_names(member.household_id, [one.device.mailbox_id])[one.device.mailbox_id]
            mine = AccountRepository(unit_of_work).memberships_of(member.user.id)
            raised = AlarmRepository(unit_of_work).of_devices(member.household_id, [one.device.id])
            battery = battery_of(unit_of_work, one.device)
            now = unit_of_work.now
        values: dict[str, object] = {
            "one": one,
            "health": health_of(row, mailbox, one, raised.get(one.device.id, ()), now),
            "battery": battery,
            "entered": entered(one),
            "wishes": told(one),
            "switches": [(name, label, getattr(one.behaviour, name)) for name, label in SWITCHES.items()],
            "problem": problem,
            "at": visit.path,
            "may_write": WRITE in allowed,
            "may_manage": MANAGE in allowed,
            "others": [home for home in mine if home.role == OWNER and home.household_id != member.household_id],
        }
        view = View("device.html", one.device.name, values, status=status, live=not problem)
        return self.site.answer(visit.request, view, member)

    def change(self, visit: Visit, scope: str, work: Work, then: str) -> Response:
        """Do what a form asks for; a refusal shows the page again with the reason."""
        self.check(visit, scope)
        try:
            with self.site.ports.database.write() as unit_of_work:
                find(unit_of_work, visit)
                downlinks = work(unit_of_work, Actor(visit.member, address_of(visit.request)))
        except RefusedError as error:
            return self.show(visit, problem_of(error), status_of(error))
        for downlink in downlinks:
            self.outlets.publish(downlink)
        return RedirectResponse(then, 303)

    def check(self, visit: Visit, scope: str) -> None:
        """Raise PageError for another website's form, and for a role that is not enough."""
        require_own(visit.request)
        if scope not in SCOPES_OF_ROLE[visit.member.role]:
            raise PageError(403, "Not for your role", "Ask an owner of your household to do this.")


def build_router(site: Site, outlets: Outlets) -> APIRouter:
    """Return the routes of claiming and of one device; ``outlets`` take what follows from a change."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    pages = DevicePages(site, outlets)
    _add_claiming(router, pages)
    _add_changing(router, pages)
    _add_switching(router, pages)
    _add_leaving(router, pages)
    return router


def find(unit_of_work: UnitOfWork, visit: Visit) -> Registered:
    """Return the device; raises PageError 404."""
    try:
        return registration.find(unit_of_work, visit.member.household_id, visit.number)
    except NotFoundError:
        raise not_found("device") from None


def shown_row(rows: DeviceRepository, one: Registered) -> Row[Any]:
    """Return every column of a device's row; raises PageError 404."""
    row = rows.row(one.device.household_id, one.device.id)
    if row is None:
        raise not_found("device")
    return row


def entered(one: Registered) -> dict[str, str]:
    """Return the numbers that the form shows: what is wished for, nothing where the board chooses."""
    interval, threshold = one.wishes.get("heartbeat_s"), one.wishes.get("battery_low_mv")
    return {
        "check_interval": "" if interval is None else str(interval // MINUTE_S),
        "battery_threshold": "" if threshold is None else str((threshold - EMPTY_MV) // PERCENT_MV),
    }


def asked(form: SettingsForm, one: Registered) -> dict[str, Any]:
    """Return what the form changes; raises RefusedError for what no device takes."""
    values: dict[str, Any] = {"name": form.name}
    taken_back: dict[str, None] = {}
    if one.device.kind == registration.BOARD:
        if bool(form.is_active) != one.is_active:
            values["is_active"] = bool(form.is_active)
        names = {"check_interval": "heartbeat_s", "battery_threshold": "battery_low_mv"}
        for name, setting in names.items():
            given, before = getattr(form, name).strip(), entered(one)[name]
            if given != before:
                values[name] = given or getattr(Behaviour(), name)
                taken_back |= {} if given else {setting: None}
    try:
        return DeviceChange.model_validate(values).model_dump(exclude_unset=True) | {"board": taken_back}
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        raise RefusedError(faults.replace("_", " ")) from error


def switched(on: Sequence[str], one: Registered) -> dict[str, bool]:
    """Return which switches the form changes, where those that it names are on."""
    return {name: name in on for name in SWITCHES if (name in on) != getattr(one.behaviour, name)}


def _add_claiming(router: APIRouter, pages: DevicePages) -> None:
    site = pages.site

    @router.get("/devices/add")
    def show_claim(request: Request, _: Annotated[Member, Depends(site.member)]) -> Response:
        """Show the form that claims a device."""
        return show_form(site, request, CLAIM)

    @router.post("/devices/add")
    def claim(
        request: Request, member: Annotated[Member, Depends(site.member)], code: Text = "", mailbox: Text = ""
    ) -> Response:
        """Make the device of a code the household's own."""
        by = Actor(member, address_of(request))
        pages.check(Visit(request, member, 0), MANAGE)

        def take() -> Response:
            if not mailbox.strip() or len(mailbox) > CLAIM.fields[1].longest:
                raise RefusedError("mailbox: expected a name of 1 to 200 characters")
            ownership.count_try(site.ports.database, by)
            with site.ports.database.write() as unit_of_work:
                most = site.ports.most_devices
                number, downlinks = ownership.claim(unit_of_work, by, code, mailbox.strip(), most)
            for downlink in downlinks:
                pages.outlets.publish(downlink)
            return RedirectResponse(f"/devices/{number}", 303)

        return act(site, request, CLAIM.filled(code=code, mailbox=mailbox), take)

    @router.post("/devices/unclaimed/{thing}/code")
    def issue(thing: str, request: Request, member: Annotated[Member, Depends(site.member)]) -> Response:
        """Make another claim code and show it, this once."""
        pages.check(Visit(request, member, 0), MANAGE)
        code = claim_code(secrets.token_bytes(CODE_BYTES))
        with site.ports.database.write() as unit_of_work:
            try:
                ownership.issue_code(unit_of_work, thing, code, Actor(member, address_of(request)))
            except NotFoundError:
                raise not_found("device") from None
        view = View("claim_code.html", "A new claim code", {"thing": thing, "code": code})
        return site.answer(request, view, member)


def _add_changing(router: APIRouter, pages: DevicePages) -> None:
    @router.get("/devices/{number}")
    def show(number: str, request: Request) -> Response:
        """Show a device."""
        return pages.show(pages.visit(number, request))

    @router.post("/devices/{number}/settings")
    def set_up(number: str, request: Request, form: Annotated[SettingsForm, Form()]) -> Response:
        """Change name and settings."""
        visit = pages.visit(number, request)

        def work(unit_of_work: UnitOfWork, by: Actor) -> list[Downlink]:
            return registration.change(unit_of_work, by, visit.number, asked(form, find(unit_of_work, visit)))

        return pages.change(visit, WRITE, work, visit.path)


def _add_switching(router: APIRouter, pages: DevicePages) -> None:
    @router.post("/devices/{number}/told")
    def switch(number: str, request: Request, on: Annotated[list[str], Form()] = []) -> Response:  # noqa: B006 - read
        """Change what the owners are told."""
        visit = pages.visit(number, request)

        def work(unit_of_work: UnitOfWork, by: Actor) -> list[Downlink]:
            return registration.change(unit_of_work, by, visit.number, switched(on, find(unit_of_work, visit)))

        return pages.change(visit, WRITE, work, visit.path)


def _add_leaving(router: APIRouter, pages: DevicePages) -> None:
    @router.post("/devices/{number}/household")
    def hand_over(number: str, request: Request, household_id: Text = "") -> Response:
        """Give the device to another household of the member's."""
        visit = pages.visit(number, request)

        def work(unit_of_work: UnitOfWork, by: Actor) -> list[Downlink]:
            most = pages.site.ports.most_devices
            given = ownership.hand_over(unit_of_work, by, visit.number, Place(household_id), most)
            pages.outlets.put(unit_of_work, given.events)
            return given.downlinks

        return pages.change(visit, MANAGE, work, "/devices")

    @router.get("/devices/{number}/delete")
    def ask_delete(number: str, request: Request) -> Response:
        """Ask whether the device shall really go."""
        visit = pages.visit(number, request)
        with pages.site.ports.database.read() as unit_of_work:
            name = find(unit_of_work, visit).device.name
        text = "It is shut out at once and for good. The letters that it brought stay."
        question = FormPage(f"Delete {name}?", "Delete it", text=text, links=((visit.path, "Keep it"),))
        return show_form(pages.site, visit.request, question)

    @router.post("/devices/{number}/delete")
    def delete(number: str, request: Request) -> Response:
        """Delete the device."""
        visit = pages.visit(number, request)

        def work(unit_of_work: UnitOfWork, by: Actor) -> list[Downlink]:
            pages.outlets.put(unit_of_work, registration.remove(unit_of_work, by, visit.number))
            return []

        return pages.change(visit, MANAGE, work, "/devices")
