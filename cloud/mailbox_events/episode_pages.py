"""Pages of a device's episodes."""

from sqlalchemy import func, select

from cloud.accounts.id_pages import IdPage
from cloud.api.paging import Page
from cloud.mailbox_events.model import Episode
from cloud.mailbox_events.repository import read_episode
from cloud.ports.database import UnitOfWork
from cloud.tables import episodes


class EpisodePages:
    """The lists of episodes of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection

    def listed(self, household_id: str, board_id: str, times: Page, rows: IdPage) -> list[Episode]:
        """Return a page of the device's episodes that began within these times, those made before an id, newest first.

        It walks the household's by their ids: no index needs to be kept for this.
        """
        began = func.coalesce(episodes.c.opened_at, episodes.c.closed_at, 0)
        query = select(episodes).where(
            episodes.c.household_id == household_id,
            episodes.c.board_id == board_id,
            episodes.c.id < rows.after,
            began >= times.since,
            began < times.until,
        )
        found = self._connection.execute(query.order_by(episodes.c.id.desc()).limit(rows.limit))
        return [read_episode(row) for row in found]
