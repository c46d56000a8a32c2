"""HTTP of episodes: what the openings of a mailbox turned out to be."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from cloud.accounts.id_pages import DEFAULT_LENGTH, IdCursor, IdPage, Limit, tell_next_id
from cloud.accounts.identity import Identity
from cloud.accounts.model import READ, Member
from cloud.api.answers import NumberQuery, TaggedRoute, refusals
from cloud.api.paging import Page, asked_page
from cloud.devices.registration import find
from cloud.mailbox_events.episode_pages import EpisodePages
from cloud.mailbox_events.schemas import EpisodeAnswer, episode_answer
from cloud.ports.database import Database
from cloud.queries import Since, Until


async def _asked_times(since: Since = None, until: Until = None) -> Page:
    return await asked_page(since=since, until=until)


async def _asked_rows(limit: Limit = DEFAULT_LENGTH, cursor: IdCursor = None) -> IdPage:
    return IdPage(limit, cursor or "~")


def build_router(database: Database, identity: Identity) -> APIRouter:
    """Return the route of episodes."""
    router = APIRouter(tags=["mailbox events"], route_class=TaggedRoute)

    @router.get("/mailbox/episodes", responses=refusals(404))
    def list_episodes(
        device_id: NumberQuery,
        caller: Annotated[Member, Depends(identity.require(READ))],
        times: Annotated[Page, Depends(_asked_times)],
        rows: Annotated[IdPage, Depends(_asked_rows)],
        request: Request,
        response: Response,
    ) -> list[EpisodeAnswer]:
        """List what a device's openings were, what was heard of last first; the live feed calls them deliveries."""
        with database.read() as unit_of_work:
            device = find(unit_of_work, caller.household_id, device_id).device
            found = EpisodePages(unit_of_work).listed(caller.household_id, device.id, times, rows)
        tell_next_id(request, response, rows, [one.id for one in found])
        return [episode_answer(one, device_id) for one in found]

    return router
