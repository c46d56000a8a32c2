"""Letting many callers send many requests, and looking at what is answered and at what has changed."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

from cloud.tables import metadata
from tests.unit.cloud.api.people import forget_allowances, fresh
from tests.unit.cloud.messages import rows

UNTOUCHED = sorted(set(metadata.tables) - {"buckets"})


def stored(app, condition="1 = 1", tables=UNTOUCHED):
    """Return every row of these tables, but for how often somebody has asked."""
    return {name: sorted(map(repr, rows(app, f"SELECT * FROM {name} WHERE {condition}"))) for name in tables}  # noqa: S608


def of_household(stage):
    """Return every row of the stage's household."""
    tables = [name for name in UNTOUCHED if "household_id" in metadata.tables[name].columns]
    return stored(stage.app, f"household_id = '{stage.ids['household_id']}'", tables)


def changed(by, before, after):
    """Return the tables whose rows are others than before, and by whom they were changed."""
    return [(name, by) for name in before if before[name] != after[name]]


@dataclass(frozen=True, slots=True)
class Trial:
    """How requests are sent: ``ask`` sends one, ``row_of`` tells what it asks for, ``is_whole`` looks at the answer."""

    stage: Any
    ask: Callable
    row_of: Callable
    is_whole: Callable

    def run(self, group, callers, routes, tell, *, outside):
        """Let every caller try every route: first those that are refused, of whom nothing may stay.

        Who is ``outside`` is let in by some, sees nothing of the household there and changes nothing of it.
        """
        cells = [(one, route, one.expected(route[0], self.row_of(route))) for one, route in product(callers, routes)]
        refused, let_in = [one for one in cells if one[2] >= 400], [one for one in cells if one[2] < 400]
        forget_allowances(self.stage)
        before = stored(self.stage.app)
        wrong = self.answered(refused, ())
        wrong += changed("by who was refused", before, stored(self.stage.app))
        before = of_household(self.stage)
        wrong += self.answered(let_in, self.hidden() if outside else ())
        wrong += changed("by who is outside", before, of_household(self.stage)) if outside else []
        tell(self.stage, group, len(callers), len(routes), len(cells), wrong)
        assert wrong == []

    def answered(self, cells, hidden):
        """Send the requests; return what was answered otherwise than expected, or tells what is hidden."""
        wrong = []
        for caller, route, expected in cells:
            things = fresh(self.stage, self.row_of(route).fresh, caller.who) if expected < 400 else {}
            answer = self.ask(self.stage, route, caller.headers, **things)
            told = [one for one in hidden if one in answer.text]
            if answer.status_code != expected or not self.is_whole(route, answer) or told:
                wrong.append((caller.name, *route, expected, answer.status_code, answer.text[:200], told))
        return wrong

    def hidden(self):
        """Return what tells a stranger that they see something of the household."""
        return [str(one) for one in self.stage.ids.values() if len(str(one)) > 8]
