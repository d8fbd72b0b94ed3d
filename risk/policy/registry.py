"""Who approves, rolls back and switches off a policy, and in which order it is written.

A person and a policy come in; what decides is moved, each step in the audit log before it counts.
An approver is never the author. A step that was cut short is completed by asking for it again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from finmodel.acts import audited, require_reason
from finmodel.errors import BadInput, Damaged, NotFound, NotReady, Refused
from finmodel.moves import Move, move_pointer
from finmodel.pointers import Pointer, find_pointer
from finmodel.records import Person
from finmodel.settings import Settings
from finmodel.signing import ensure_key
from risk.policy.file import PolicyFile, parse_policy
from risk.policy.proposals import (
    Proposal,
    one_at_a_time,
    proposals_of,
    require_fit,
    require_role,
    waiting,
    wanted,
)
from risk.policy.switches import SWITCHED, known
from risk.policy.versions import (
    ACTIVE,
    STEPS,
    About,
    Stop,
    Switch,
    load_version,
    policy_folder,
    read_active,
    set_switch,
    write_version,
)

APPROVERS = frozenset({"validator"})
STOPPERS = frozenset({"validator", "engineer", "analyst"})
"""Who may switch a step off: one person alone, for it may be night."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What decides, what waits, and what is off."""

    name: str
    active: int | None
    approved_by: str
    since: str
    sha256: str
    before: tuple[int, ...]
    waiting: tuple[str, ...]
    damaged: tuple[str, ...]
    """Files of proposals that cannot be read: propose those again, under a new number."""
    off: tuple[str, ...]
    off_because: str
    """Why the switch was moved last, or why it is held."""
    stopped: tuple[str, ...]
    """Each step that is off, who switched it off, and why."""


_KINDS = ("policy_approved", "policy_rollback")


def approve(
    settings: Settings, name: str, version: int | None, approver: Person, *, demo: bool = False
) -> Pointer:
    """Let a proposed policy decide; the newest that waits, if none is named."""
    _require_may(approver, demo)
    with one_at_a_time(settings, name):
        proposal = wanted(settings, name, version)
        if proposal.author == approver.name:
            raise Refused(
                f"{approver.name} wrote it",
                where=f"policy {name} version {proposal.version}",
                remedy="ask another validator: two pairs of eyes",
            )
        if proposal.demo and not demo:
            raise _of_the_demo(name, proposal.version)
        policy = parse_policy(proposal.text, Path(f"policy {name} version {proposal.version}"))
        _require_decides(settings, policy, f"policy {name} version {proposal.version}")
        ensure_key(settings.signing)
        _sign(settings, proposal, approver, demo)
        move = Move("policy_approved", _KINDS, approver, proposal.demo or demo, "approved")
        return _point(settings, name, proposal.version, move)


def rollback(
    settings: Settings, name: str, person: Person, reason: str, *, demo: bool = False
) -> Pointer:
    """Let the policy before this one decide again."""
    _require_may(person, demo)
    require_reason(reason, f"rollback of policy {name}")
    with one_at_a_time(settings, name):
        now = _active(settings, name)
        if now is None or not now.previous:
            raise Refused(
                "there is no policy before this one", where=name, remedy="propose and approve one"
            )
        back = load_version(settings.policies, name, now.previous[-1], settings.signing)
        if back.about.demo and not demo:
            raise _of_the_demo(name, back.about.version)
        _require_decides(settings, back.policy, f"policy {name} version {back.about.version}")
        move = Move("policy_rollback", _KINDS, person, demo, reason)
        return _point(settings, name, back.about.version, move)


def turn_off(
    settings: Settings, name: str, steps: Collection[str], person: Person, reason: str
) -> Switch:
    """Switch steps off, all if none is named, beside those that are off. One person may."""
    require_role(person, STOPPERS, "switch off steps of")
    unknown = sorted(set(steps) - set(STEPS))
    if unknown:
        raise BadInput(
            f"{unknown[0]!r} is no step that can be switched off",
            where=f"switch of policy {name}",
            remedy=f"choose from {', '.join(STEPS)}",
        )
    with one_at_a_time(settings, name):
        if _active(settings, name) is None:
            raise NotFound("no policy decides", where=f"policy {name}", remedy="approve one first")
        before, at = _switch(settings, name), settings.clock.now().isoformat()
        asked = [step for step in STEPS if step in (steps or STEPS)]
        stops = {(stop.step, stop.by): stop for stop in before.stops}
        for step in asked:
            stops.setdefault((step, person.name), Stop(step, person.name, reason, at))
        by = person, reason, tuple(stops.values())
        return _turn(settings, before, {*before.off, *asked}, by)


def turn_on(settings: Settings, name: str, person: Person, reason: str) -> Switch:
    """Switch every step on again: by a validator, and nobody who switched off any of them."""
    require_role(person, APPROVERS, "switch on steps of")
    with one_at_a_time(settings, name):
        before = _switch(settings, name)
        if not before.off:
            raise Refused("nothing is switched off", where=f"policy {name}", remedy="let it be")
        if person.name in {stop.by for stop in before.stops}:
            raise Refused(
                f"{person.name} switched it off",
                where=f"policy {name}",
                remedy="ask another validator to switch it on: two pairs of eyes",
            )
        return _turn(settings, before, (), (person, reason, ()))


def show(settings: Settings, name: str) -> Shown:
    """What decides, what waits, and what is off."""
    pointer, unapproved = _active(settings, name), waiting(settings, name)
    damaged = proposals_of(settings, name).damaged
    if pointer is None and not unapproved and not damaged:
        raise NotFound("no such policy", where=name, remedy="propose one: finmodel policy propose")
    turned = _switch(settings, name)
    about = None
    if pointer is not None:
        about = load_version(settings.policies, name, pointer.version, settings.signing).about
    return Shown(
        name=name,
        active=pointer.version if pointer else None,
        approved_by=about.approved_by if about else "",
        since=pointer.at if pointer else "",
        sha256=about.sha256 if about else "",
        before=pointer.previous if pointer else (),
        waiting=tuple(f"version {one.version} by {one.author}" for one in unapproved),
        damaged=damaged,
        off=turned.off,
        off_because=turned.reason if turned.off else "",
        stopped=tuple(f"{stop.step} by {stop.by}: {stop.reason}" for stop in turned.stops),
    )


def _sign(settings: Settings, proposal: Proposal, approver: Person, demo: bool) -> None:
    if (policy_folder(settings.policies, proposal.name) / str(proposal.version)).exists():
        kept = load_version(settings.policies, proposal.name, proposal.version, settings.signing)
        if kept.about.sha256 != proposal.sha256:
            raise Refused(
                "another text was approved under this number",
                where=f"policy {proposal.name} version {proposal.version}",
                remedy="propose it again: it gets a number of its own",
            )
        return  # an approval that was cut short, or a version that decides again
    about = About(
        name=proposal.name,
        version=proposal.version,
        sha256=proposal.sha256,
        author=proposal.author,
        approved_by=approver.name,
        at=settings.clock.now().isoformat(),
        demo=proposal.demo or demo,
    )
    write_version(settings.policies, about, proposal.text, settings.signing)


def _require_decides(settings: Settings, policy: PolicyFile, where: str) -> None:
    """Refused where the policy could not decide at once, or would decide for another model."""
    if find_pointer(settings.exports, policy.model, settings.signing) is None:
        raise Refused(
            f"{policy.model} has no champion that it could decide for",
            where=where,
            remedy=f"promote a version first: finmodel promote {policy.model}",
        )
    require_fit(settings, policy, where)
    model = _decided_for(settings, policy.name)
    if model not in (None, policy.model):
        raise Refused(
            f"policy {policy.name} decides for {model}, and this one is for {policy.model}",
            where=where,
            remedy="propose it under another name",
        )


def _decided_for(settings: Settings, name: str) -> str | None:
    """The model that the active policy decides for; None where none decides."""
    now = _active(settings, name)
    if now is None:
        return None
    try:
        return load_version(settings.policies, name, now.version, settings.signing).policy.model
    except (Damaged, NotReady):
        return None  # it decides nothing any more, and another must be able to take its place


def _point(settings: Settings, name: str, version: int, move: Move) -> Pointer:
    now = _active(settings, name)
    if now is not None and now.version == version:
        return now
    return move_pointer(settings, settings.policies, (name, ACTIVE), version, move, now)


def _active(settings: Settings, name: str) -> Pointer | None:
    policy_folder(settings.policies, name)
    return read_active(settings.policies, name, settings.signing)


def _require_may(person: Person, demo: bool) -> None:
    require_role(person, APPROVERS, "approve")
    if person.demo and not demo:
        raise Refused(
            f"{person.name} was made by the demo",
            where="policy",
            remedy="use the key of a real validator",
        )


def _switch(settings: Settings, name: str) -> Switch:
    found = known(settings.policies, name, settings.signing, settings.audit)
    return found or Switch(name, 0, (), "", "", "", "")


def _turn(
    settings: Settings,
    before: Switch,
    off: Collection[str],
    by: tuple[Person, str, tuple[Stop, ...]],
) -> Switch:
    person, reason, stops = by
    require_reason(reason, f"switch of policy {before.name}")
    ensure_key(settings.signing)
    made = Switch(
        name=before.name,
        sequence=before.sequence + 1,
        off=tuple(step for step in STEPS if step in off),
        reason=reason,
        by=person.name,
        at=settings.clock.now().isoformat(),
        audit_entry="",
        stopped=stops,
    )
    body = msgspec.to_builtins(made) | {"was_off": before.off}
    del body["audit_entry"]
    made = msgspec.structs.replace(made, audit_entry=audited(settings, SWITCHED, body))
    set_switch(settings.policies, made, settings.signing)
    return made


def _of_the_demo(name: str, version: int) -> Refused:
    return Refused(
        "it was written or approved by the demo's people",
        where=f"policy {name} version {version}",
        remedy="propose it again as yourself, and have it approved",
    )
