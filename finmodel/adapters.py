"""Adapters in the registry: gated in the audit log, approved by a second person, exported signed.

What `finmodel tune` registered comes in; a signed folder and a signed pointer to it go out, which
`signed_adapters` reads. An adapter belongs to one base and is refused over any other. Knows no
torch: further forms of its weights are made by whoever promotes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from finmodel import tracking
from finmodel.acts import act_tag, audited, require_reason
from finmodel.assistant.engines.engine import require_same_base
from finmodel.errors import Damaged, Refused
from finmodel.gate import failures
from finmodel.moves import Move
from finmodel.pointers import Pointer, export_folder, read_champion
from finmodel.records import Person
from finmodel.registry import (
    GATE_ENTRY,
    MOVES,
    STATUS,
    TRAINED_BY,
    before,
    gate_body,
    move_alias,
    newest_passed,
    one_at_a_time,
    require_may,
)
from finmodel.retired import require_not_retired
from finmodel.settings import Settings
from finmodel.signed_adapters import ABOUT, WEIGHTS, About, load_adapter, weights_digest
from finmodel.signed_folders import write_signed
from finmodel.signing import ensure_key
from finmodel.two_eyes import of_the_demo, require_two_eyes

KIND: Final = "adapter"
"""The tag `kind` of a version that is one, and the name of its folder beside its run."""
Forms = Callable[[Path], Mapping[str, bytes]]
"""What is signed beside an adapter's files, made of the folder that holds them."""
_REMEDY: Final = "find out who changed it, then tune again"


def _as_it_is(_folder: Path) -> Mapping[str, bytes]:
    return {}


def is_adapter(settings: Settings, name: str, version: int | None = None) -> bool:
    """Whether a registered version, the newest if none is named, is an adapter."""
    for row in tracking.versions(settings, name):
        if version in (None, row.version):
            return row.tags.get("kind") == KIND
    return False


def record_verdict(settings: Settings, about: About, by: Person) -> str:
    """Keep what the gates said of a version: first in the audit log, then in MLflow; the entry."""
    body = msgspec.to_builtins(about) | {"passed": about.verdict.passed, "by": by.name}
    entry = audited(settings, "gate", body)
    status = "passed" if about.verdict.passed else "failed"
    tags = {STATUS: status, GATE_ENTRY: entry, TRAINED_BY: about.trained_by}
    tracking.tag(settings, about.name, about.version, tags | act_tag("gate", entry))
    return entry


def promote(
    settings: Settings,
    name: str,
    version: int | None,
    approver: Person,
    *,
    demo: bool = False,
    forms: Forms = _as_it_is,
) -> Pointer:
    """Serve a version that passed its gates, approved by a validator who did not train it.

    Without a version it is the newest that passed. `forms` makes what an engine reads in place of
    PEFT's files: it is signed with them.
    """
    require_may(approver, demo)
    wanted = newest_passed(settings, name) if version is None else version
    require_not_retired(settings.exports, name, wanted, settings.signing)
    about = _gated(settings, name, wanted)
    require_two_eyes(about, approver, demo=demo)
    ensure_key(settings.signing)
    with one_at_a_time(settings, name):
        require_not_retired(settings.exports, name, wanted, settings.signing)  # since we asked
        _export(settings, _approved(settings, about, approver, demo), forms)
        move = Move("promotion", MOVES, approver, demo, "it passed its gates")
        return move_alias(settings, settings.adapters, (name, "champion"), wanted, move)


def rollback(
    settings: Settings, name: str, person: Person, reason: str, *, demo: bool = False
) -> Pointer:
    """Serve the champion before this one again, past those that were retired since."""
    require_may(person, demo)
    require_reason(reason, f"rollback {name}")
    with one_at_a_time(settings, name):
        now = read_champion(settings.adapters, name, settings.signing)
        back = before(settings, now)
        require_not_retired(settings.exports, name, back, settings.signing)
        about = load_adapter(settings, name, back).about
        if about.demo and not demo:
            raise of_the_demo(name, back)
        move = Move("rollback", MOVES, person, demo, reason)
        return move_alias(settings, settings.adapters, (name, "champion"), back, move)


def _gated(settings: Settings, name: str, version: int) -> About:
    """What the audit log says of a version; Refused where it passed no gate."""
    where = f"{name} version {version}"
    tags = tracking.tags(settings, name, version)
    entry = tags.get(GATE_ENTRY, "")
    if not entry:
        raise Refused("it was never gated", where=where, remedy="tune it again: finmodel tune")
    about = msgspec.convert(gate_body(settings, entry, name, version), About)
    if not about.verdict.passed:
        raise Refused(
            f"its gates did not pass: {failures(about.verdict)}",
            where=where,
            remedy="tune a better one",
        )
    require_same_base(where, tags.get("base", ""), about.base)
    return about


def _approved(settings: Settings, about: About, approver: Person, demo: bool) -> About:
    return msgspec.structs.replace(
        about,
        approved_by=approver.name,
        demo=about.demo or demo,
        created_at=settings.clock.now().isoformat(),
    )


def _export(settings: Settings, about: About, forms: Forms) -> None:
    folder = export_folder(settings.adapters, about.name, about.version)
    if folder.is_dir():
        load_adapter(settings, about.name, about.version)
        return
    with tracking.brought(settings, about.run_id, KIND) as kept:
        if weights_digest(kept) != about.weights:
            raise Damaged(
                "its weights in MLflow are not those that were gated",
                where=f"{about.name} version {about.version}",
                remedy=_REMEDY,
            )
        files = {name: (kept / name).read_bytes() for name in WEIGHTS} | dict(forms(kept))
    write_signed(folder, files | {ABOUT: msgspec.json.encode(about)}, settings.signing)
