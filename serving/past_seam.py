"""Whether the monitoring page will show a lender's past as one series with what is decided here.

The facts of a load, a champion and the service's clock come in; sentences for a person go out.
Nothing is refused: a past of another card than the champion's is as good as any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from finmodel.errors import FinmodelError
from finmodel.pointers import read_champion
from finmodel.settings import Settings


def other_versions(settings: Settings, facts: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """A sentence for each model of which no decision is the champion's: the page shows that one."""
    found: dict[str, set[int]] = {}
    for one in facts:
        found.setdefault(one["model"], set()).add(one["version"])
    said = []
    for model, versions in sorted(found.items()):
        with suppress(FinmodelError):  # no champion: the page shows the newest that was imported
            champion = read_champion(settings.exports, model, settings.signing).version
            if champion not in versions:
                told = ", ".join(f"v{one}" for one in sorted(versions))
                said.append(
                    f"no decision of {model} is of its champion, v{champion}, which the page shows:"
                    f" they are of {told}; if the champion's card made them, write {champion} as"
                    " their version in the mapping (docs/moving_in.md)"
                )
    return tuple(said)


def as_served(settings: Settings) -> Settings:
    """The settings with the clock of the service that runs here, where it alone stands."""
    from serving.doctor.answering import ask

    told = ask(settings.host, settings.port).told
    if settings.standing_clock or told is None or not told.clock_stands:
        return settings
    return replace(settings, standing_clock=told.clock.isoformat())


def beyond(served: Settings, last: str) -> tuple[str, ...]:
    """A sentence where the last decision lies in the future of the service's clock."""
    if not last or not served.standing_clock or datetime.fromisoformat(last) <= served.clock.now():
        return ()
    return (
        f"the service's clock stands at {served.standing_clock}, and the page opens on the year"
        " before it: later decisions are there where dates are chosen, or under `finmodel serve`,"
        " whose clock is today's",
    )
