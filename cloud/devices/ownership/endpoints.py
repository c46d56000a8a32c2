"""HTTP of claiming a device, of claim codes, and of handing a device over."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from cloud.accounts.id_pages import IdPage, asked_id_page, tell_next_id
from cloud.accounts.identity import Identity, address_of
from cloud.accounts.model import MANAGE, Member
from cloud.accounts.sharing.audit import Actor
from cloud.api.answers import Made, NumberPath, refusals
from cloud.devices.ownership import service
from cloud.devices.ownership.model import CODE_BYTES, Place, claim_code
from cloud.devices.ownership.repository import OwnershipRepository
from cloud.devices.ownership.schemas import ClaimBody, HandOverBody, IssuedCode, WaitingAnswer, waiting_answer
from cloud.ports.database import Database, UnitOfWork
from cloud.ports.device_hub import Downlink
from cloud.ports.outlets import Outlets
from cloud.ports.ports import Ports
from cloud.queries import KnownNamesRoute
from cloud.repeats import idempotency
from cloud.repeats.idempotency import KeyHeader

Thing = Annotated[str, Path(max_length=64, description="the device's name at the broker")]


def build_router(ports: Ports, outlets: Outlets, identity: Identity) -> APIRouter:
    """Return the routes of ownership; ``outlets`` take what follows."""
    router = APIRouter(tags=["devices"], route_class=KnownNamesRoute)
    _add_claim(router, ports, outlets, identity)
    _add_move(router, ports, outlets, identity)
    _add_codes(router, ports.database, identity)
    return router


def _add_claim(router: APIRouter, ports: Ports, outlets: Outlets, identity: Identity) -> None:
    @router.post("/devices/claim", responses=refusals(404, 409))
    def claim_device(
        body: ClaimBody,
        caller: Annotated[Member, Depends(identity.require(MANAGE))],
        request: Request,
        idempotency_key: KeyHeader = None,
    ) -> Made:
        """Claim a device: it becomes the household's, by the code that provisioning printed."""
        by, downlinks = Actor(caller, address_of(request)), list[Downlink]()
        asked = idempotency.asked(caller.household_id, idempotency_key, request, body.model_dump_json())
        if not idempotency.is_repeat(ports.database, asked):
            service.count_try(ports.database, by)

        def act(unit_of_work: UnitOfWork) -> dict[str, object]:
            number, links = service.claim(unit_of_work, by, body.code, body.mailbox, ports.most_devices)
            downlinks.extend(links)
            return {"id": number}

        with ports.database.write() as unit_of_work:
            answer = idempotency.once(unit_of_work, asked, lambda: act(unit_of_work))
        for downlink in downlinks:
            outlets.publish(downlink)
        return Made.model_validate(answer)


def _add_move(router: APIRouter, ports: Ports, outlets: Outlets, identity: Identity) -> None:
    @router.post("/devices/{device_id}/move", responses=refusals(404, 409))
    def move_device(
        device_id: NumberPath,
        body: HandOverBody,
        caller: Annotated[Member, Depends(identity.require(MANAGE, person=True))],
        request: Request,
        idempotency_key: KeyHeader = None,
    ) -> Made:
        """Hand a device over to another household of yours, where it has another id; what it brought stays here."""
        by, downlinks = Actor(caller, address_of(request)), list[Downlink]()
        asked = idempotency.asked(caller.household_id, idempotency_key, request, body.model_dump_json())

        def act(unit_of_work: UnitOfWork) -> dict[str, object]:
            to = Place(body.household_id, body.mailbox)
            given = service.hand_over(unit_of_work, by, device_id, to, ports.most_devices)
            outlets.put(unit_of_work, given.events)
            downlinks.extend(given.downlinks)
            return {"id": given.number}

        with ports.database.write() as unit_of_work:
            answer = idempotency.once(unit_of_work, asked, lambda: act(unit_of_work))
        for downlink in downlinks:
            outlets.publish(downlink)
        return Made.model_validate(answer)


def _add_codes(router: APIRouter, database: Database, identity: Identity) -> None:
    @router.get("/claim-codes", summary="List the devices that wait to be claimed", responses=refusals())
    def list_unclaimed(
        caller: Annotated[Member, Depends(identity.require(MANAGE, person=True))],
        page: Annotated[IdPage, Depends(asked_id_page)],
        request: Request,
        response: Response,
    ) -> list[WaitingAnswer]:
        """List the devices that nobody has claimed yet and whose codes this household gives out, oldest first."""
        with database.read() as unit_of_work:
            found = OwnershipRepository(unit_of_work).waiting(caller.household_id, page)
        tell_next_id(request, response, page, [one.id for one in found])
        return [waiting_answer(one) for one in found]

    @router.post("/claim-codes/{thing}", responses=refusals(404))
    def issue_claim_code(
        thing: Thing, caller: Annotated[Member, Depends(identity.require(MANAGE, person=True))], request: Request
    ) -> IssuedCode:
        """Make a new claim code for a lost one: the device still waits to be claimed, its old code ends."""
        code = claim_code(secrets.token_bytes(CODE_BYTES))
        with database.write() as unit_of_work:
            service.issue_code(unit_of_work, thing, code, Actor(caller, address_of(request)))
        return IssuedCode(thing=thing, code=code)
