"""The lender's own scripts and product facts as they were published, over those that are shipped.

    scripts/approved/<version>/{scripts.json, about.json, SIGNATURE.json}
    scripts/approved/active.json      which version is said: a signed pointer, as a champion's

One version holds both, so that a script and a product fact which must agree change at once. A
folder and a key come in; what was verified goes out, or Damaged. A record of ours takes the place
of a shipped one of its id. Who may publish is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from finmodel.assistant.matching.sources import Source, load_sources, refuse
from finmodel.assistant.scripts import Script, Scripts, load_scripts, require_sayable
from finmodel.audit import latest
from finmodel.audit_format import parse_id
from finmodel.editing.draft import Record, the_one
from finmodel.errors import BadInput, Damaged, NotFound
from finmodel.pointers import Pointer, export_folder, find_pointer, pointer_path
from finmodel.settings import Settings
from finmodel.signed_folders import write_signed
from finmodel.signing import verify_folder

Of = TypeVar("Of", Script, Source)

NAME: Final = "approved"
ACTIVE: Final = "active"
"""The alias under which a version is said."""
PUBLISHED, EXPIRED = "scripts_published", "scripts_expired"
"""Kinds of audit entries that move it."""
_SCRIPTS, _ABOUT = "scripts.json", "about.json"
_LARGEST: Final = 64 << 20
_REMEDY: Final = "find out who changed it, and restore the folder from a backup"


class Approved(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One script or product fact of the lender's, and whose it is."""

    script: Script | None = None
    fact: Source | None = None
    author: str
    published_by: str
    at: str
    """ISO 8601, UTC."""

    def __post_init__(self) -> None:
        """A ValueError, which msgspec tells as its own, where it is not one record."""
        the_one(self.script, self.fact)

    @property
    def record(self) -> Record:
        """What may be said."""
        return the_one(self.script, self.fact)


class About(Struct, frozen=True, forbid_unknown_fields=True):
    """Which version this is."""

    version: int
    by: str
    at: str
    sha256: str
    """Of the scripts' file."""


@dataclass(frozen=True, slots=True)
class Ours:
    """The lender's scripts and product facts by id, and the pointer that names them."""

    every: Mapping[str, Approved]
    pointer: Pointer | None = None
    """None where nothing was ever published."""

    @property
    def scripts(self) -> dict[str, Script]:
        """Its scripts."""
        return {name: one.script for name, one in self.every.items() if one.script}

    @property
    def facts(self) -> dict[str, Source]:
        """Its product facts."""
        return {name: one.fact for name, one in self.every.items() if one.fact}

    @property
    def version(self) -> int:
        """Which version; 0 where nothing was ever published."""
        return self.pointer.version if self.pointer else 0

    @property
    def sequence(self) -> int:
        """The number of the move that named it."""
        return self.pointer.sequence if self.pointer else 0


def active_path(settings: Settings) -> Path:
    """The file of the pointer to the version that is said."""
    return pointer_path(settings.scripts, NAME, ACTIVE)


def load_ours(settings: Settings) -> Ours:
    """What was published last; Damaged where it was changed, or is not what the log names last."""
    kept = find_pointer(settings.scripts, NAME, settings.signing, ACTIVE)
    pointer = last_move(settings, kept)
    if kept is not None:
        _require_last(kept, pointer, active_path(settings))
    if pointer is None:
        return Ours({})
    _, found = read_version(settings, pointer.version)
    return Ours(found, pointer)


def read_version(settings: Settings, number: int) -> tuple[About, dict[str, Approved]]:
    """What a version holds, by id; Damaged where it was changed since it was signed."""
    folder = export_folder(settings.scripts, NAME, number)
    try:
        allowed = frozenset({_SCRIPTS, _ABOUT})
        files = verify_folder(folder, settings.signing, allowed, largest=_LARGEST)
        about = msgspec.json.decode(files[_ABOUT], type=About)
        found = msgspec.json.decode(files[_SCRIPTS], type=tuple[Approved, ...])
    except (KeyError, NotFound, msgspec.MsgspecError) as error:
        raise Damaged("it holds no scripts", where=str(folder), remedy=_REMEDY) from error
    if (about.version, about.sha256) != (number, sha256(files[_SCRIPTS]).hexdigest()):
        raise Damaged("it is another version's", where=str(folder), remedy=_REMEDY)
    return about, {one.record.id: one for one in found}


def write_ours(settings: Settings, every: Iterable[Approved], by: str) -> int:
    """Sign a further version; its number. Nothing names it yet."""
    number = 1 + max(_versions(settings), default=0)
    ordered = sorted(every, key=lambda one: one.record.id)
    told = msgspec.json.format(msgspec.json.encode(ordered), indent=1)
    about = About(number, by, settings.clock.now().isoformat(), sha256(told).hexdigest())
    files = {_SCRIPTS: told, _ABOUT: msgspec.json.format(msgspec.json.encode(about))}
    write_signed(export_folder(settings.scripts, NAME, number), files, settings.signing)
    return number


def published(ours: Ours) -> dict[str, Record]:
    """Every record by id: the lender's, and the shipped ones that it did not change."""
    return {**scripts_of(ours), **facts_of(ours)}


def scripts_of(ours: Ours) -> dict[str, Script]:
    """The scripts among them."""
    return dict(load_scripts()) | ours.scripts


def facts_of(ours: Ours) -> dict[str, Source]:
    """The product facts among them."""
    return {one.id: one for one in load_sources()} | ours.facts


def sayable(ours: Ours) -> tuple[Scripts, list[str]]:
    """What may be said of them, and why some may not: rules may be others since they were written.

    The shipped script whose place one of them took is not said either.
    """
    kept, left = _standing(scripts_of(ours), ours, require_sayable)
    return Scripts(kept), left


def readable(ours: Ours) -> tuple[list[Source], list[str]]:
    """The same, of product facts."""
    return _standing(facts_of(ours), ours, refuse)


def _standing(
    every: Mapping[str, Of], ours: Ours, require: Callable[[Of, str], None]
) -> tuple[list[Of], list[str]]:
    kept, left = [], []
    for name, one in every.items():
        try:
            if name in ours.every:
                require(one, name)
        except BadInput as error:
            left.append(str(error))
        else:
            kept.append(one)
    return kept, left


def _versions(settings: Settings) -> list[int]:
    folder = export_folder(settings.scripts, NAME, 0).parent
    names = [one.name for one in folder.iterdir()] if folder.is_dir() else []
    return [int(name) for name in names if name.isdecimal()]


def last_move(settings: Settings, kept: Pointer | None = None) -> Pointer | None:
    """The pointer as the audit log's last move has it; None where nothing was ever published.

    The log counts where the file is lost, too, and the folder: to say the shipped scripts again
    would be a silent change. None older than the one that is kept is sought.
    """
    since = 1 if kept is None else parse_id(kept.audit_entry)[0]
    with suppress(NotFound):  # nothing was ever logged here
        for entry in latest(settings.audit, (PUBLISHED, EXPIRED), since):
            return msgspec.convert(entry.body | {"audit_entry": entry.id}, Pointer)
    return None


def _require_last(kept: Pointer, last: Pointer | None, path: Path) -> None:
    """Damaged where an older pointer came back, or the log was taken back behind it."""
    if kept == last:
        return
    number = last.sequence if last else 0
    remedy = "restore the audit log from a backup, and find out who changed it"
    if kept.sequence < number:
        remedy = "find out who put it there, then take it away: the log's last publication counts"
    what = f"it names publication {kept.sequence}, and the audit log's last is {number}"
    raise Damaged(what, where=str(path), remedy=remedy)
