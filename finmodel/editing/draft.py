"""A draft of a script or a product fact, what it changes, and whether it may be said at all.

A record of either kind comes in with what stands in its place; its digest, the differences field by
field, or the rule that it breaks go out. Where drafts are kept is not known here. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from typing import Final, Literal, TypeAlias, TypedDict

import msgspec
from msgspec import Struct

from finmodel.assistant.guards.inbound_rules import calls
from finmodel.assistant.guards.outbound import broken
from finmodel.assistant.guards.outbound_rules import rules
from finmodel.assistant.intents import load_intents
from finmodel.assistant.matching.sources import Source, refuse
from finmodel.assistant.scripts import Script, require_sayable
from finmodel.errors import BadInput

Record: TypeAlias = Script | Source
"""What two people bring in: a script, or a product fact. No id is one of each."""
Change: TypeAlias = Literal["added", "changed", "ended"]
_STANDS: Final = ("text", "valid_from", "valid_to", "reviewer")
_FIELDS: Final[dict[type[Record], tuple[str, ...]]] = {
    Script: ("intent", "needs", "account", *_STANDS),
    Source: ("topic", "needs", "product", *_STANDS),
}
"""What makes two versions of a record different."""


class Kind(TypedDict):
    """A record by its kind, as files keep it: one of the two."""

    script: Script | None
    fact: Source | None


def by_kind(record: Record) -> Kind:
    """A record under the name of its kind."""
    if isinstance(record, Script):
        return {"script": record, "fact": None}
    return {"script": None, "fact": record}


def the_one(script: Script | None, fact: Source | None) -> Record:
    """The record that is kept; ValueError where none is, or two are."""
    if script is not None and fact is None:
        return script
    if fact is not None and script is None:
        return fact
    raise ValueError("it is one script or one product fact")


class Draft(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A record that waits for a second person; what counts of it stands in the audit log."""

    script: Script | None = None
    fact: Source | None = None
    author: str
    demo: bool
    at: str
    """ISO 8601, UTC."""
    before: str
    """Digest of the record that it takes the place of; empty for a new one."""
    audit_entry: str

    def __post_init__(self) -> None:
        """A ValueError, which msgspec tells as its own, where it is no draft of one record."""
        the_one(self.script, self.fact)

    @property
    def record(self) -> Record:
        """What waits."""
        return the_one(self.script, self.fact)

    @property
    def over(self) -> int:
        """The version that it takes the place of; 0 for a new one."""
        return self.record.version - 1


def called(record: Record) -> str:
    """A record as sentences name it."""
    kind = "script" if isinstance(record, Script) else "product fact"
    return f"{kind} {record.id}"


def digest_of(record: Record | None) -> str:
    """SHA-256 over all that a record says of itself; empty of none."""
    if record is None:
        return ""
    told = msgspec.to_builtins(record)
    return sha256(msgspec.json.encode(told, order="sorted")).hexdigest()


def differences(before: Record | None, after: Record) -> Iterator[tuple[str, str, str]]:
    """Each field that differs, as it was and as it is."""
    for name in _FIELDS[type(after)]:
        was, now = (_shown(one, name) for one in (before, after))
        if was != now:
            yield name, was, now


def change_of(before: Record | None, after: Record) -> Change:
    """What becomes of a record; one of which nothing but the last day comes sooner is ended."""
    if before is None:
        return "added"
    fields = {name for name, _, _ in differences(before, after)}
    last = after.valid_to
    sooner = last is not None and (before.valid_to is None or last < before.valid_to)
    return "ended" if sooner and fields <= {"valid_from", "valid_to"} else "changed"


def same(one: Record, other: Record) -> bool:
    """Whether two of a kind say the same, to the same people, for as long."""
    return next(differences(one, other), None) is None


def require_own(draft: Draft | None, author: str, where: str = "") -> None:
    """BadInput where a draft waits that is somebody else's."""
    if draft and draft.author != author:
        what = f"a draft of {draft.author} waits for {draft.record.id}"
        remedy = "have it published, or discard it: finmodel scripts discard"
        raise BadInput(what, where=where, remedy=remedy)


def require_good(record: Record, where: str, today: date) -> None:
    """BadInput where it breaks a rule of scripts or of replies, or leaves the guards without.

    Its figures are slots, so that no value is needed.
    """
    if isinstance(record, Source):
        _require_readable(record, where, today)
        _require_unbroken(record.text, where)
        return
    require_sayable(record, where, today)
    _require_unbroken(record.text, where)
    require_kept(record, where)


def require_kept(script: Script, where: str) -> None:
    """BadInput where a message that calls for this script would find it no more."""
    by_it = [name for name, one in calls().items() if one.script == script.id]
    if by_it and (script.needs != "none" or script.account or script.valid_to is not None):
        what = f"the guards answer by it what is {calls()[by_it[0]].zh} ({by_it[0]})"
        remedy = "let it stand for everybody, without a last day; change its text alone"
        raise BadInput(what, where=where, remedy=remedy)


def _require_readable(fact: Source, where: str, today: date) -> None:
    """BadInput where a product fact breaks a rule, has expired, or has the id of a script."""
    refuse(fact, where, today)
    stem = fact.id.rpartition("-")[0]
    if stem in load_intents():
        what, remedy = f"{stem} is an intent: its ids are scripts'", "name what it is about"
        raise BadInput(what, where=where, remedy=remedy)


def _require_unbroken(text: str, where: str) -> None:
    """BadInput where a text breaks a rule of replies."""
    if hits := broken(text):
        first = hits[0]
        said = text[first.start : first.end]
        what = f"{said!r} breaks the rule {first.rule} ({rules()[first.rule].zh})"
        if first.by == "classifier":
            what += ", as the classifier reads it"
        remedy = f"say it otherwise, such as: {first.rewrite}" if first.rewrite else "say it anew"
        raise BadInput(what, where=where, remedy=remedy)


def _shown(record: Record | None, name: str) -> str:
    if record is None:
        return ""
    value = getattr(record, name)
    if isinstance(value, tuple):
        return ", ".join(sorted(value))
    return "" if value is None else str(value)
