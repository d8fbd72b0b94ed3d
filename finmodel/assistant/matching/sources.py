"""Product facts as short documents: read, checked by the rules of scripts, and found by words.

YAML files come in; `Source`s go out, and the index that finds them. A source holds no figure: a
number is a slot here as in a script. What is said to a customer out of them is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from finmodel.assistant.matching.index import Document, Hit, Index
from finmodel.assistant.products import product_named
from finmodel.assistant.script_rules import broken_rule
from finmodel.assistant.scripts import State
from finmodel.conversations import IDENTITIES, Identity
from finmodel.errors import BadInput, NotFound
from finmodel.recipe_text import listed

SHIPPED: Final = Path(__file__).with_name("product_facts")
GUIDE: Final = "docs/matching.md"


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reviewed text about a product or a process."""

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*-[0-9]+$", max_length=60)]
    version: Annotated[int, Meta(ge=1)]
    topic: Annotated[str, Meta(min_length=1, max_length=30)]
    text: str
    reviewer: Annotated[str, Meta(min_length=1, max_length=60)]
    valid_from: date
    valid_to: date | None = None
    """Its last day in China; none where it stands until it is taken out."""
    needs: Identity = "none"
    product: str = ""
    """A key of products.yaml; empty where it is about all."""

    @property
    def document(self) -> Document:
        """As it is found: by its topic and its text."""
        return Document(
            id=self.id,
            version=self.version,
            text=f"{self.topic}。{self.text}",
            valid_from=self.valid_from,
            valid_to=self.valid_to,
        )


class Found(Struct, frozen=True):
    """A source that shares words with a question."""

    source: Source
    share: float
    """0 to 1, as `Hit.share`."""


class Sources:
    """Sources by id and version, found from the moment that they are put in.

    >>> sources = Sources(load_sources())
    >>> sources.find("随借随还提前还要手续费吗", State(), date(2026, 6, 3))[0].source.id
    'credit_line_settlement-1'
    """

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        self._sources: dict[tuple[str, int], Source] = {}
        self._index = Index()
        for one in sources:
            self.put(one)

    def __len__(self) -> int:
        return len(self._sources)

    def put(self, source: Source) -> None:
        """Publish a source, or put it in the place of its version; BadInput for a broken rule."""
        refuse(source, source.id)
        self._sources[source.id, source.version] = source
        self._index.put(source.document)

    def remove(self, name: str, version: int) -> None:
        """Take a version out; one that is not there is no error."""
        self._sources.pop((name, version), None)
        self._index.remove(name, version)

    def find(self, question: str, state: State, as_of: date, count: int = 3) -> list[Found]:
        """What stands on a day and may be told to somebody of this state, the best first."""
        known = IDENTITIES.index(state.identity)
        hits = self._index.find(question, as_of, len(self))
        found = (Found(self._source(hit), hit.share) for hit in hits)
        return [one for one in found if IDENTITIES.index(one.source.needs) <= known][:count]

    def _source(self, hit: Hit) -> Source:
        return self._sources[hit.document.id, hit.document.version]


@cache
def load_sources(folder: Path = SHIPPED) -> tuple[Source, ...]:
    """Every source of a folder's YAML files, in their order.

    As `read_sources`, kept for good: for what is shipped.
    """
    return tuple(source for _, source in read_sources(folder))


def read_sources(place: Path) -> Iterator[tuple[str, Source]]:
    """Every source of a YAML file, or of a folder's, in their order, with where it stands.

    Raises `BadInput` that names file, id and remedy for one that may not stand.
    """
    files = [place] if place.is_file() else sorted([*place.glob("*.yaml"), *place.glob("*.yml")])
    if not files:
        raise NotFound("no sources", where=str(place), remedy="name a folder of YAML files")
    found: set[tuple[str, int]] = set()
    for file in files:
        for source in listed(file, "sources", Source, GUIDE):
            where = f"{file.name}: {source.id}"
            if (source.id, source.version) in found:
                raise _wrong(where, "its version stands twice", "give it the next version")
            refuse(source, where)
            found.add((source.id, source.version))
            yield where, source


def refuse(source: Source, where: str, as_of: date | None = None) -> None:
    """Raise `BadInput` for what breaks a rule of scripts, or names a product that is none.

    With a day, also where it expired before it.
    """
    if source.valid_to is not None and source.valid_to < source.valid_from:
        raise _wrong(where, "it expires before it begins", "mend `valid_from` or `valid_to`")
    if source.product:
        try:
            product_named(source.product)
        except NotFound as error:
            raise _wrong(where, error.what, error.remedy) from error
    if broken := broken_rule(source.text, source.needs):
        raise _wrong(where, broken.what, broken.remedy)
    if as_of is not None and source.valid_to is not None and source.valid_to < as_of:
        what = f"it expired on {source.valid_to}"
        raise _wrong(where, what, "have it reviewed and set `valid_to` anew, or take it out")


def _wrong(where: str, what: str, remedy: str) -> BadInput:
    return BadInput(what, where=where, remedy=remedy)
