"""Which versions exist, what the gate said of them, and which one is served.

Versions are MLflow's; the verdict counts as the audit log has it; what is served is the signed
pointer's. Each step of a move can be repeated, and a move that was cut short is completed by asking
for it again (docs/adr/0007-registry-and-promotion.md). Knows no recipe and no data.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import msgspec

from finmodel import tracking
from finmodel.acts import act_tag, audited, require_reason
from finmodel.audit import find
from finmodel.durable import held_alone
from finmodel.errors import BadInput, Damaged, NotFound, NotReady, Refused
from finmodel.export import CARD, UPLIFT, load_export, write_export
from finmodel.gate import failures
from finmodel.kept_beside import kept_beside
from finmodel.manifest import Manifest, Verdict
from finmodel.moves import Move, move_pointer
from finmodel.pointers import (
    Pointer,
    export_folder,
    find_pointer,
    last_pointer,
    pointer_path,
    read_champion,
)
from finmodel.records import TRAINERS, Person
from finmodel.retired import require_not_retired, retired_versions
from finmodel.settings import Settings
from finmodel.signing import ensure_key
from finmodel.two_eyes import of_the_demo, require_two_eyes
from finmodel.waivers import why_promoted

Alias = Literal["champion", "challenger"]
ALIASES: tuple[Alias, ...] = ("champion", "challenger")
STATUS, GATE_ENTRY, TRAINED_BY = "validation_status", "gate_entry", "trained_by"
"""Tags of a version. They guide people; what counts stands in the audit log."""


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One registered version, as a person lists it."""

    name: str
    version: int
    status: str
    """passed, failed, or 'not gated'."""
    served_as: str
    mlflow_aliases: str
    trained_by: str
    auc: str
    ks: str


@dataclass(frozen=True, slots=True)
class AliasDrift:
    """An alias that was moved in MLflow alone: what is served did not change."""

    name: str
    alias: str
    served: int | None
    mlflow: int | None


MOVES = ("promotion", "rollback", "withdrawal")
"""Kinds of audit entries that move a model's pointer."""


def record_verdict(settings: Settings, draft: Manifest, verdict: Verdict, by: Person) -> str:
    """Keep what the gate said of a version: first in the audit log, then in MLflow; the entry's id.

    `draft` is the manifest that a promotion will export, without who approved it.
    """
    text = msgspec.json.encode(draft)
    body = {
        "name": draft.name,
        "version": draft.version,
        "passed": verdict.passed,
        "verdict": msgspec.to_builtins(verdict),
        "model": draft.digests.model,
        "manifest": sha256(text).hexdigest(),
        "trained_by": draft.trained_by,
        "by": by.name,
        "demo": draft.demo,
    }
    entry = audited(settings, "gate", body)
    tracking.keep(settings, draft.run_id, manifest_file(draft.version), text.decode())
    status = "passed" if verdict.passed else "failed"
    tags = {STATUS: status, GATE_ENTRY: entry, TRAINED_BY: draft.trained_by}
    figures = {
        check.name: f"{check.value:.4f}" for check in verdict.checks[:2] if check.value is not None
    }
    tracking.tag(settings, draft.name, draft.version, tags | figures | act_tag("gate", entry))
    return entry


def promote(
    settings: Settings,
    name: str,
    version: int | None,
    *,
    to: str,
    approver: Person,
    demo: bool = False,
) -> Pointer:
    """Serve a version that passed its gate, approved by a validator who did not train it.

    Without a version it is the newest that passed. One that was judged on no out-of-time part needs
    a waiver (`waivers.waive`). The champion does not challenge itself. What the demo's people do
    needs `demo`, and is recorded as such wherever it is recorded.
    """
    alias = _alias(to)
    require_may(approver, demo)
    wanted = newest_passed(settings, name) if version is None else version
    require_not_retired(settings.exports, name, wanted, settings.signing)
    draft, text = _gated(settings, name, wanted)
    require_two_eyes(draft, approver, demo=demo)
    ensure_key(settings.signing)
    with one_at_a_time(settings, name):
        require_not_retired(settings.exports, name, wanted, settings.signing)  # since we asked
        _require_another(settings, name, alias, wanted)
        move = Move("promotion", MOVES, approver, demo, why_promoted(settings, draft))
        _export(settings, draft, text, approver, demo)
        return move_alias(settings, settings.exports, (name, alias), wanted, move)


def rollback(
    settings: Settings, name: str, person: Person, reason: str, *, demo: bool = False
) -> Pointer:
    """Serve the champion before this one again, past those that were retired since."""
    require_may(person, demo)
    require_reason(reason, f"rollback {name}")
    with one_at_a_time(settings, name):
        now = read_champion(settings.exports, name, settings.signing)
        back = before(settings, now)
        require_not_retired(settings.exports, name, back, settings.signing)
        model = load_export(export_folder(settings.exports, name, back), settings.signing)
        if model.manifest.demo and not demo:
            raise of_the_demo(name, back)
        move = Move("rollback", MOVES, person, demo, reason)
        return move_alias(settings, settings.exports, (name, "champion"), back, move)


def versions(settings: Settings, name: str | None = None) -> list[VersionRow]:
    """Registered versions, newest first within each name."""
    return rows_from(settings, tracking.versions(settings, name))


def rows_from(settings: Settings, rows: Sequence[tracking.VersionTags]) -> list[VersionRow]:
    """The same, of versions as they are known to be registered."""
    served = {
        (pointer.name, pointer.version, pointer.alias)
        for model in {row.name for row in rows}
        for alias in ALIASES
        if (pointer := pointer_of(settings, model, alias)) is not None
    }
    return [
        VersionRow(
            name=row.name,
            version=row.version,
            status=row.tags.get(STATUS, "not gated"),
            served_as=", ".join(a for a in ALIASES if (row.name, row.version, a) in served),
            mlflow_aliases=", ".join(row.aliases),
            trained_by=row.tags.get(TRAINED_BY, ""),
            auc=row.tags.get("auc", ""),
            ks=row.tags.get("ks", ""),
        )
        for row in rows
    ]


def alias_drift(settings: Settings) -> list[AliasDrift]:
    """Aliases that MLflow points elsewhere than the signed pointers do. Changes nothing."""
    names = {row.name for row in tracking.versions(settings)}
    said: dict[str, dict[str, int | None]] = {
        name: {alias: tracking.alias(settings, name, alias) for alias in ALIASES} for name in names
    }
    return drift_from(settings, said)


def drift_from(
    settings: Settings, said: Mapping[str, Mapping[str, int | None]]
) -> list[AliasDrift]:
    """The same, of what MLflow is known to say: the version of each name's aliases."""
    drifts = []
    for name in sorted(said):
        for alias in ALIASES:
            pointer = pointer_of(settings, name, alias)
            served = None if pointer is None else pointer.version
            if (there := said[name].get(alias)) != served:
                drifts.append(AliasDrift(name, alias, served, there))
    return drifts


def _require_another(settings: Settings, name: str, alias: Alias, version: int) -> None:
    """Refused where the champion would challenge itself: nothing would be compared with it."""
    champion = pointer_of(settings, name, "champion")
    if alias == "challenger" and champion is not None and champion.version == version:
        raise Refused(
            "it is the champion, and nobody challenges itself",
            where=f"{name} version {version}",
            remedy="name another: --version N; or train one",
        )


def _gated(settings: Settings, name: str, version: int) -> tuple[Manifest, str]:
    """The manifest and the model that passed, both as the audit log knows them by their digests."""
    candidate = tracking.fetch(settings, name, version)
    where = candidate.where
    entry = candidate.tags.get(GATE_ENTRY, "")
    if not entry:
        raise Refused(
            "it was never gated", where=where, remedy="name its recipe: --recipe RECIPE.yaml"
        )
    body = gate_body(settings, entry, name, version)
    verdict = msgspec.convert(body["verdict"], Verdict)
    if not body["passed"]:
        raise Refused(
            f"its gate did not pass: {failures(verdict)}", where=where, remedy="train a better one"
        )
    text = tracking.kept(settings, candidate.run_id, manifest_file(version))
    for what, data, digest in (
        ("model", candidate.text.encode(), body["model"]),
        ("manifest", text, body["manifest"]),
    ):
        if sha256(data).hexdigest() != digest:
            raise Damaged(
                f"its {what} in MLflow is not the one that was gated",
                where=where,
                remedy="find out who changed it, then gate it again",
            )
    draft = msgspec.json.decode(text, type=Manifest)
    return msgspec.structs.replace(draft, verdict=verdict), candidate.text


def gate_body(settings: Settings, entry: str, name: str, version: int) -> dict[str, Any]:
    """What the audit log keeps of a version's gate; Damaged where the entry is another's."""
    found = find(settings.audit, entry)
    body: dict[str, Any] = dict(found.body)
    if found.kind != "gate" or (body.get("name"), body.get("version")) != (name, version):
        raise Damaged(
            f"its tag names audit entry {entry}, which is no gate of this version",
            where=f"{name} version {version}",
            remedy="find out who set the tag, then gate it again",
        )
    return body


def _export(settings: Settings, draft: Manifest, text: str, approver: Person, demo: bool) -> None:
    folder = export_folder(settings.exports, draft.name, draft.version)
    there = _exported(settings, folder)
    if there is not None:
        if there.digests != draft.digests:
            raise Refused(
                "this version is exported already, with another policy or calibration",
                where=str(folder),
                remedy="register it again, as a new version",
            )
        return
    manifest = msgspec.structs.replace(
        draft,
        approved_by=approver.name,
        demo=draft.demo or demo,
        created_at=settings.clock.now().isoformat(),
    )
    beside = kept_beside(settings, draft)
    card, uplift = (beside.get(name, b"") for name in (CARD, UPLIFT))
    write_export(settings.exports, manifest, text, settings.signing, card, uplift)
    load_export(folder, settings.signing)


def _exported(settings: Settings, folder: Path) -> Manifest | None:
    """What is exported there; a damaged export is put aside, audited, and counts as none."""
    if not folder.exists():
        return None
    try:
        return load_export(folder, settings.signing).manifest
    except Damaged as error:
        aside = folder.with_name(f".{folder.name}.damaged-{secrets.token_hex(4)}")
        audited(settings, "export_damaged", {"why": str(error), "kept_as": aside.name})
        folder.rename(aside)
        return None


def move_alias(
    settings: Settings, folder: Path, place: tuple[str, Alias], version: int, move: Move
) -> Pointer:
    """Audit, then pointer, then MLflow's alias: what is served is never without its entry."""
    name, alias = place
    now = last_pointer(folder, name, settings.signing, alias)
    if now is None or now.version != version:
        now = move_pointer(settings, folder, place, version, move, now)
    try:
        tracking.set_alias(settings, name, alias, version)
        _tag_move(settings, now)
    except NotReady as error:
        raise NotReady(
            f"version {version} is served, but MLflow's alias could not follow",
            where=f"{name}@{alias}",
            remedy=f"run `finmodel promote {name} --version {version}` when MLflow answers",
        ) from error
    return now


def before(settings: Settings, now: Pointer) -> int:
    """The newest champion before this one that was not retired; the newest where all were."""
    earlier = [version for version in now.previous if version != now.version]
    if not earlier:
        raise Refused("there is no champion before this one", where=now.name, remedy="promote one")
    retired = retired_versions(settings.exports, now.name, settings.signing)
    return next((one for one in reversed(earlier) if one not in retired), earlier[-1])


def _tag_move(settings: Settings, pointer: Pointer) -> None:
    """Name the move's entry on the version that came and on the one that went."""
    entry = find(settings.audit, pointer.audit_entry)
    told = act_tag(entry.kind, entry.id)
    tracking.tag(settings, pointer.name, pointer.version, told)
    if entry.body["from"] is not None:
        with suppress(NotFound):  # deleted in MLflow since
            tracking.tag(settings, pointer.name, entry.body["from"], told)


def newest_passed(settings: Settings, name: str) -> int:
    """The newest version whose gate passed."""
    rows = tracking.versions(settings, name)
    for row in rows:
        if row.tags.get(STATUS) == "passed":
            return row.version
    if not rows:
        raise NotFound("no such model is registered", where=name, remedy="see `finmodel models`")
    raise Refused("no version of it passed its gate", where=name, remedy="train a better one")


def require_trainer(person: Person, name: str) -> None:
    """Refused where this person may not train a model of this name."""
    if not person.roles & TRAINERS:
        raise Refused(
            f"{person.name} may not train", where=name, remedy="ask an engineer or analyst"
        )


def require_may(person: Person, demo: bool) -> None:
    """Refused where this person may not move what is served."""
    if "validator" not in person.roles:
        raise Refused(f"{person.name} is no validator", where="promotion", remedy="ask a validator")
    if person.demo and not demo:
        raise Refused(
            f"{person.name} was made by the demo",
            where="promotion",
            remedy="use the key of a real validator",
        )


def _alias(name: str) -> Alias:
    for alias in ALIASES:
        if alias == name:
            return alias
    raise BadInput(f"{name!r} is no alias", where="promotion", remedy="champion or challenger")


def pointer_of(settings: Settings, name: str, alias: str) -> Pointer | None:
    """What an alias serves, a model or an adapter; None where it names nobody."""
    found = find_pointer(settings.exports, name, settings.signing, alias)
    return found or find_pointer(settings.adapters, name, settings.signing, alias)


def served_by(settings: Settings, name: str, version: int) -> tuple[Pointer, ...]:
    """The pointers by which a version is served now."""
    pointers = (pointer_of(settings, name, alias) for alias in ALIASES)
    return tuple(one for one in pointers if one is not None and one.version == version)


def manifest_file(version: int) -> str:
    """The name that a version's manifest is kept under beside its run."""
    return f"manifest-{version}.json"


@contextmanager
def one_at_a_time(settings: Settings, name: str) -> Iterator[None]:
    """Hold one model alone."""
    folder = pointer_path(settings.exports, name, "champion").parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    busy = NotReady("another promotion is under way", where=name, remedy="try again")
    with held_alone(folder / ".lock", busy):
        yield
