"""Policies that wait for a second person: checked, put forward, found again as they were proposed.

A file and its author come in; a proposal that the audit log vouches for goes out. Knows nothing of
what decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from finmodel.acts import audited
from finmodel.audit import find
from finmodel.durable import held_alone, replace_file
from finmodel.errors import Damaged, NotFound, NotReady, Refused
from finmodel.export import ExportedModel, load_export
from finmodel.manifest import Manifest
from finmodel.pointers import export_folder, find_pointer
from finmodel.records import Person
from finmodel.settings import Settings
from risk.policy.file import PolicyFile, load_policy, misfits
from risk.policy.sense import require_sense
from risk.policy.versions import policy_folder

AUTHORS = frozenset({"analyst", "engineer"})
_PROPOSALS, _KIND = "proposals", "policy_proposed"
_VOUCHED = ("name", "version", "sha256", "author", "demo")


class Proposal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A policy that waits for a second person; what counts of it stands in the audit log."""

    name: str
    version: int
    sha256: str
    author: str
    demo: bool
    at: str
    audit_entry: str
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What is told of a policy that holds."""

    name: str
    model: str
    rules: int
    products: tuple[str, ...]
    sha256: str
    fits: str
    """The champion that it was held against."""
    warnings: tuple[str, ...] = ()
    """What holds, and may not be meant."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """What was put forward under a name."""

    read: tuple[Proposal, ...]
    """By their versions."""
    damaged: tuple[str, ...]
    """Names of files that cannot be read."""


def check(settings: Settings, path: Path) -> Checked:
    """Whether a policy is whole and fits the champion; BadInput or Refused where not."""
    policy, text = load_policy(path)
    require_sense(policy, str(path))
    return Checked(
        name=policy.name,
        model=policy.model,
        rules=len(policy.rules),
        products=tuple(policy.products),
        sha256=sha256(text.encode()).hexdigest(),
        fits=require_fit(settings, policy, str(path)),
        warnings=_warnings(settings, policy),
    )


def propose(settings: Settings, path: Path, author: Person) -> Proposal:
    """Put a policy forward as the next version of its name."""
    require_role(author, AUTHORS, "propose")
    policy, text = load_policy(path)
    require_sense(policy, str(path))
    require_fit(settings, policy, str(path))
    with one_at_a_time(settings, policy.name):
        proposal = Proposal(
            name=policy.name,
            version=1 + max(_numbers(settings, policy.name), default=0),
            sha256=sha256(text.encode()).hexdigest(),
            author=author.name,
            demo=author.demo,
            at=settings.clock.now().isoformat(),
            audit_entry="",
            text=text,
        )
        told = msgspec.to_builtins(proposal)
        entry = audited(settings, _KIND, {key: told[key] for key in _VOUCHED})
        proposal = msgspec.structs.replace(proposal, audit_entry=entry)
        folder = policy_folder(settings.policies, policy.name) / _PROPOSALS
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / f"{proposal.version}.json", msgspec.json.encode(proposal))
    return proposal


def waiting(settings: Settings, name: str) -> list[Proposal]:
    """Proposals that nobody approved yet."""
    folder = policy_folder(settings.policies, name)
    read = proposals_of(settings, name).read
    return [one for one in read if not (folder / str(one.version)).exists()]


def wanted(settings: Settings, name: str, version: int | None) -> Proposal:
    """A proposal, the newest that waits if no version is named; Damaged where it was altered."""
    of_name = proposals_of(settings, name)
    known = waiting(settings, name) if version is None else of_name.read
    found = [one for one in known if version in (None, one.version)]
    if f"{version}.json" in of_name.damaged:
        raise Damaged(
            "its proposal cannot be read",
            where=f"policy {name} version {version}",
            remedy="propose it again: it gets the next number",
        )
    if not found:
        what = "none waits for approval" if version is None else f"version {version} is not known"
        raise NotFound(what, where=f"policy {name}", remedy="see `finmodel policy show`")
    proposal = found[-1]
    entry, told = find(settings.audit, proposal.audit_entry), msgspec.to_builtins(proposal)
    vouched = entry.kind == _KIND and all(entry.body[key] == told[key] for key in _VOUCHED)
    if not vouched or sha256(proposal.text.encode()).hexdigest() != proposal.sha256:
        raise Damaged(
            "it is not what was proposed",
            where=f"policy {name} version {proposal.version}",
            remedy="find out who changed it, then propose it again",
        )
    return proposal


def require_fit(settings: Settings, policy: PolicyFile, where: str) -> str:
    """The champion that the policy fits; Refused, with all that stands between them, otherwise."""
    champion = _champion(settings, policy)
    if champion is None:
        return f"not checked: {policy.model} has no champion"
    remedy = "mend the policy, or promote a model that it fits"
    return require_fit_to(champion.manifest, policy, where, remedy)


def require_fit_to(manifest: Manifest, policy: PolicyFile, where: str, remedy: str) -> str:
    """The version that the policy fits; Refused, with all that stands between, otherwise."""
    version = f"{manifest.name} version {manifest.version}"
    if found := misfits(policy, manifest, views_of(manifest)):
        what = f"it does not fit {version}: {'; '.join(found)}"
        raise Refused(what, where=where, remedy=remedy)
    return version


def require_role(person: Person, roles: Collection[str], what: str) -> None:
    """Refused where the person has none of these roles."""
    if not person.roles & set(roles):
        raise Refused(
            f"{person.name} may not {what} a policy",
            where="policy",
            remedy=f"ask somebody who is {' or '.join(sorted(roles))}",
        )


@contextmanager
def one_at_a_time(settings: Settings, name: str) -> Iterator[None]:
    """Hold one policy alone."""
    folder = policy_folder(settings.policies, name)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    busy = NotReady("another change of this policy is under way", where=name, remedy="try again")
    with held_alone(folder / ".lock", busy):
        yield


def views_of(manifest: Manifest) -> list[str]:
    """The feature views that a model reads."""
    return [str(view["name"]) for view in manifest.plan.get("views", ())]


def proposals_of(settings: Settings, name: str) -> Proposals:
    """Everything that was put forward; a file that cannot be read stands in nobody's way."""
    read, damaged = [], []
    for file in _files(settings, name):
        try:
            read.append(msgspec.json.decode(file.read_bytes(), type=Proposal))
        except msgspec.MsgspecError:
            damaged.append(file.name)
    return Proposals(tuple(sorted(read, key=lambda one: one.version)), tuple(damaged))


def _numbers(settings: Settings, name: str) -> list[int]:
    """Every number that is taken: by a proposal, readable or not, or by what was approved."""
    folder = policy_folder(settings.policies, name)
    names = [file.stem for file in _files(settings, name)]
    names += [path.name for path in folder.iterdir()]
    told = [one.version for one in proposals_of(settings, name).read]
    return told + [int(one) for one in names if one.isdigit()]


def _files(settings: Settings, name: str) -> list[Path]:
    folder = policy_folder(settings.policies, name) / _PROPOSALS
    return sorted(folder.glob("*.json"), key=lambda file: file.name)


def _champion(settings: Settings, policy: PolicyFile) -> ExportedModel | None:
    pointer = find_pointer(settings.exports, policy.model, settings.signing)
    if pointer is None:
        return None
    folder = export_folder(settings.exports, policy.model, pointer.version)
    return load_export(folder, settings.signing)


def _warnings(settings: Settings, policy: PolicyFile) -> tuple[str, ...]:
    champion = _champion(settings, policy)
    if champion is None or champion.card or "scorecard" not in policy.fallback:
        return ()
    told = f"{policy.model} version {champion.manifest.version} has no scorecard"
    return (f"fallback: {told}, so that step is passed over",)
