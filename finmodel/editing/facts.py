"""Product facts in YAML files, taken in: what changes one becomes a draft, or nothing of them does.

A file or a folder and a person come in, as in `finmodel/assistant/matching/product_facts`; what
became of each fact goes out. Each change says the next version, so that nobody writes over what
they did not see. What is published is not touched: drafts wait for a second person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

import msgspec
import yaml

from finmodel.assistant.matching.sources import Source, read_sources
from finmodel.clock import china_day
from finmodel.editing.draft import Draft, require_good, require_own, same
from finmodel.editing.draft_file import keep, one_at_a_time, require_editor, waiting
from finmodel.editing.published import facts_of, load_ours, published
from finmodel.errors import BadInput
from finmodel.records import Person
from finmodel.settings import Settings

_LOOK: Final = "look at it (finmodel scripts export FILE.yaml)"
_WIDE: Final = 4_000
"""Characters of a line of YAML: a text stands in one."""


@dataclass(slots=True)
class Brought:
    """What became of product facts."""

    added: list[Source] = field(default_factory=list)
    changed: list[Source] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    """Those that say what is published."""
    waiting: list[str] = field(default_factory=list)
    """Those that say what was drafted before."""

    @property
    def made(self) -> list[Source]:
        """The facts to be drafted."""
        return [*self.added, *self.changed]

    @property
    def count(self) -> int:
        """How many there were."""
        return len(self.made) + len(self.unchanged) + len(self.waiting)


def import_facts(
    settings: Settings, place: Path, person: Person, *, dry_run: bool = False
) -> Brought:
    """Keep as drafts what a YAML file, or a folder's, changes; asked to only try, keep nothing.

    BadInput that names file, id and remedy where one may not stand: then none of them is kept.
    """
    require_editor(person, "import")
    facts = list(read_sources(place))
    with one_at_a_time(settings):
        ours = load_ours(settings)
        there = published(ours)
        drafts, today = waiting(settings, there), china_day(settings.clock.now())
        found = _sorted(facts, facts_of(ours), drafts, person.name, today)
        if not dry_run:
            keep(settings, found.made, person, there, place.name)
    return found


def facts_text(facts: Iterable[Source]) -> bytes:
    """Product facts as a YAML file that reads as these again."""
    rows = [_row(one) for one in facts]
    told = yaml.safe_dump({"sources": rows}, allow_unicode=True, sort_keys=False, width=_WIDE)
    return str(told).encode()


def _row(fact: Source) -> dict[str, object]:
    """Its keys, without those that say what is so anyway; days as YAML writes them."""
    usual = {one.name: one.default for one in msgspec.structs.fields(Source)}
    told = msgspec.structs.asdict(fact)
    return {key: value for key, value in told.items() if value != usual[key]}


def _sorted(
    facts: Iterable[tuple[str, Source]],
    there: Mapping[str, Source],
    drafts: Mapping[str, Draft],
    author: str,
    today: date,
) -> Brought:
    found, seen = Brought(), set[str]()
    for where, fact in facts:
        if fact.id in seen:
            raise BadInput("its id stands twice", where=where, remedy="keep one of them")
        seen.add(fact.id)
        before, draft = there.get(fact.id), drafts.get(fact.id)
        if before and same(before, fact):
            found.unchanged.append(fact.id)
        elif draft and draft.fact == fact:
            found.waiting.append(fact.id)
        else:
            _require_next(fact, before, where)
            require_own(draft, author, where)
            require_good(fact, where, today)
            (found.changed if before else found.added).append(fact)
    return found


def _require_next(fact: Source, before: Source | None, where: str) -> None:
    """BadInput where a fact does not say the version after the one that is published."""
    last = before.version if before else 0
    if fact.version == last + 1:
        return
    if before is None:
        what, remedy = f"it says version {fact.version}, and none is published", "write 1"
    else:
        what = f"it says version {fact.version}, and version {last} is published with other words"
        remedy = f"{_LOOK}, and write version {last + 1}"
    raise BadInput(what, where=where, remedy=remedy)
