"""The policy in force: the version that was approved, made ready for one model, and its switch.

Signed files come in; a plan that decides goes out, or what stands between policy and model. Knows
no request.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from finmodel.errors import Damaged, NotReady
from finmodel.manifest import Manifest
from finmodel.settings import Settings
from risk.policy.file import misfits
from risk.policy.plan import Plan, plan_of
from risk.policy.switches import standing
from risk.policy.versions import (
    STEPS,
    About,
    PolicyVersion,
    Switch,
    active_path,
    load_version,
    policy_folder,
    read_active,
    switch_path,
)
from serving.following import Followed

POLICY = "drawdown"
"""The policy that decides here, once a version of it was approved."""


@dataclass(frozen=True, slots=True, eq=False)
class InForce:
    """The policy that decides, ready for one model's features, and which of its steps are off."""

    about: About
    plan: Plan
    switch: Switch | None = None

    @property
    def off(self) -> tuple[str, ...]:
        """Steps that are switched off."""
        return self.switch.off if self.switch else ()


def in_force(
    version: PolicyVersion, manifest: Manifest, views: Collection[str], switch: Switch | None
) -> InForce:
    """A policy made ready for a model; Damaged, with what stands between them, if it is unfit."""
    if found := misfits(version.policy, manifest, views):
        raise Damaged(
            f"it does not fit {manifest.name} version {manifest.version}: {'; '.join(found)}",
            where=f"policy {version.about.name} version {version.about.version}",
            remedy="approve a policy that fits, or promote a model that it fits",
        )
    return InForce(version.about, plan_of(version.policy, manifest.features), switch)


def follow_policy(
    policies: Path, name: str, keys: Path, audit: Path
) -> tuple[Followed[PolicyVersion], Followed[Switch]]:
    """The version that decides, and the switch over its steps, as the audit log proves it."""

    def take_policy() -> tuple[int, PolicyVersion]:
        pointer = read_active(policies, name, keys)
        if pointer is None:
            raise NotReady("the pointer went away", where=f"policy {name}")
        return pointer.sequence, load_version(policies, name, pointer.version, keys)

    def take_switch() -> tuple[int, Switch] | None:
        switch = standing(policies, name, keys, audit)
        return None if switch is None else (switch.sequence, switch)

    return (
        Followed("policy", active_path(policies, name), take_policy),
        Followed("policy's switch", switch_path(policies, name), take_switch, without_file=True),
    )


def policy_now(settings: Settings, manifest: Manifest, views: Collection[str]) -> InForce | None:
    """The policy that decides now by this card's points; None where none was approved for it.

    Damaged where it cannot be read, or does not fit the card.
    """
    here, keys = settings.policies, settings.signing
    pointer = read_active(here, POLICY, keys)
    if pointer is None:
        require_none_approved(here, POLICY)
        return None
    version = load_version(here, POLICY, pointer.version, keys)
    if version.policy.model != manifest.name:
        return None
    switch = standing(here, POLICY, keys, settings.audit)
    return in_force(version, manifest, views, switch)


def policy_stamp(settings: Settings) -> tuple[int, ...]:
    """By what another policy in force, or a switch of it, is told."""
    told: list[int] = []
    for path in (active_path(settings.policies, POLICY), switch_path(settings.policies, POLICY)):
        try:
            stat = path.stat()
            told += [stat.st_ino, stat.st_mtime_ns, stat.st_size]
        except FileNotFoundError:
            told += [0, 0, 0]
    return tuple(told)


def require_none_approved(policies: Path, name: str) -> None:
    """Damaged where a policy was approved once, and which one decides cannot be read.

    Deciding by the manifest's own policy instead would be a silent change of policy.
    """
    folder = policy_folder(policies, name)
    if folder.is_dir() and any(path.name.isdigit() for path in folder.iterdir()):
        raise Damaged(
            "which version decides cannot be read",
            where=f"policy {name}",
            remedy="approve it again: finmodel policy approve NAME --version N",
        )


def switched(name: str, followed: Followed[Switch]) -> Switch | None:
    """The switch; where it was never read and cannot be, everything is off and people decide."""
    if followed.value is None and followed.trouble:
        return Switch(name, 0, STEPS, f"the switch cannot be read: {followed.trouble}", "", "", "")
    return followed.value


@lru_cache(maxsize=8)
def past_policy(policies: Path, name: str, version: int, keys: Path) -> PolicyVersion:
    """A policy as it was approved, for replaying what it decided."""
    return load_version(policies, name, version, keys)
