"""What the second person looked at: words by a digest, which is named again to publish them.

Drafts that wait come in, with ids and digests as they were shown; the drafts that are meant go out,
or Refused where one is another since. Who looks and who publishes is not known here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import Final

from finmodel.editing.draft import Draft, called, digest_of
from finmodel.editing.draft_file import named
from finmodel.errors import BadInput, Refused

_SHOWN: Final = 12
_DIFF: Final = "finmodel scripts diff"


def seen_of(draft: Draft) -> str:
    """A draft's words, short enough to be typed.

    The audit entry of their import is in it: whoever writes words cannot try until two drafts
    have the same.
    """
    told = f"{draft.audit_entry} {digest_of(draft.record)}"
    return sha256(told.encode()).hexdigest()[:_SHOWN]


def seen_of_all(drafts: Iterable[Draft]) -> str:
    """The same, over several drafts."""
    told = sorted(f"{one.record.id}@{seen_of(one)}" for one in drafts)
    return sha256(" ".join(told).encode()).hexdigest()[:_SHOWN]


def as_seen(drafts: Mapping[str, Draft], names: Collection[str], every: str) -> list[Draft]:
    """The drafts named as `id@digest`; without names, all that wait, with their digest `every`."""
    if not names:
        found = named(drafts, ())
        _require_all(found, every)
        return found
    told = dict(one.partition("@")[::2] for one in names)
    found = named(drafts, told)
    for one in found:
        _require(one, told[one.record.id])
    return found


def _require(draft: Draft, digest: str) -> None:
    name = draft.record.id
    where, look = called(draft.record), f"look at it with {_DIFF} {name}"
    if not digest:
        remedy = f"{look}, then type {name}@DIGEST as it is shown there"
        raise BadInput("it is not said which words of it were seen", where=where, remedy=remedy)
    if digest != seen_of(draft):
        what = f"it is not what was seen: {draft.author} imported it at {draft.at}"
        raise Refused(what, where=where, remedy=f"{look} again")


def _require_all(drafts: Collection[Draft], digest: str) -> None:
    look = f"look at all with {_DIFF}"
    if not digest:
        remedy = f"{look}, then type --all --seen DIGEST as it is shown at the end"
        raise BadInput("it is not said which drafts were seen", where="scripts", remedy=remedy)
    if digest != seen_of_all(drafts):
        last = max(drafts, key=lambda one: one.at)
        newest = f"the newest is {last.record.id}, imported by {last.author} at {last.at}"
        what = f"the {len(drafts):,} that wait are not those that were seen: {newest}"
        raise Refused(what, where="scripts", remedy=f"{look} again")
