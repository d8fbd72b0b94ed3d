"""Approved policies as they lie on the disk, and the switch that turns steps of a decision off.

    policies/<name>/<version>/{policy.yaml, about.json, SIGNATURE.json}
    policies/<name>/active.json       which version decides: a signed pointer, as a champion's
    policies/<name>/switch.json       which steps are off, and why; signed

A folder and a key come in; what was verified goes out, or Damaged. Knows neither who may move what
nor any model.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from finmodel.errors import BadInput, Damaged, NotReady
from finmodel.pointers import Pointer, find_pointer, pointer_path
from finmodel.sealed import Seal, read_sealed, write_sealed
from finmodel.signed_folders import write_signed
from finmodel.signing import verify_folder
from risk.policy.file import PolicyFile, Step, parse_policy

ACTIVE = "active"
"""The alias under which a policy decides."""
TEXT, ABOUT = "policy.yaml", "about.json"
STEPS: tuple[Step, ...] = ("model", "scorecard", "rules")
"""What can be switched off; a person is always left."""
_SEAL = Seal(
    "switch", "policy switch", "switch", "switch it again: finmodel policy kill, or revive"
)
_APPROVE = "approve the policy again, as a new version"
_LARGEST = 1 << 20


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which policy this is, and whose."""

    name: str
    version: int
    sha256: str
    """Of the text."""
    author: str
    approved_by: str
    at: str
    """ISO 8601, UTC."""
    demo: bool


class Stop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step that one person switched off."""

    step: Step
    by: str
    reason: str
    at: str


class Switch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which steps of a policy's decisions are off."""

    name: str
    sequence: int
    off: tuple[Step, ...]
    reason: str
    by: str
    """Who moved it last, and why."""
    at: str
    audit_entry: str
    stopped: tuple[Stop, ...] = ()
    """Everybody who switched off a step that is off, the first of each step first."""

    @property
    def stops(self) -> tuple[Stop, ...]:
        """Who switched off what; of a switch without names, the last to move it all of it."""
        return self.stopped or tuple(Stop(step, self.by, self.reason, self.at) for step in self.off)

    @property
    def reasons(self) -> dict[str, str]:
        """Why each step that is off was switched off first."""
        first = {stop.step: stop.reason for stop in reversed(self.stops)}
        return {step: first.get(step, self.reason) for step in self.off}


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A verified policy."""

    about: About
    policy: PolicyFile


def policy_folder(policies: Path, name: str) -> Path:
    """Everything of one policy."""
    if not name.isidentifier():
        raise BadInput("it is not a policy's name", where=repr(name), remedy="use a-z, 0-9 and _")
    return policies / name


def write_version(policies: Path, about: About, text: str, keys: Path) -> Path:
    """The signed folder of a version."""
    told = msgspec.json.format(msgspec.json.encode(about), indent=2)
    folder = policy_folder(policies, about.name) / str(about.version)
    return write_signed(folder, {TEXT: text.encode(), ABOUT: told}, keys)


def load_version(policies: Path, name: str, version: int, keys: Path) -> PolicyVersion:
    """A version that was approved; NotReady where there is none, Damaged where it was altered."""
    folder = policy_folder(policies, name) / str(version)
    if not folder.is_dir():
        raise NotReady(
            "no such version was approved",
            where=f"policy {name} version {version}",
            remedy="look at `finmodel policy show`",
        )
    files = verify_folder(folder, keys, frozenset({TEXT, ABOUT}), largest=_LARGEST)
    try:
        about = msgspec.json.decode(files[ABOUT], type=About)
        text = files[TEXT].decode()
        policy = parse_policy(text, folder / TEXT)
    except (KeyError, msgspec.MsgspecError, UnicodeDecodeError, BadInput) as error:
        raise _damaged(folder, f"it is not a policy ({error})") from error
    if (about.name, about.version, policy.name) != (name, version, name):
        raise _damaged(folder, f"it is version {about.version} of {about.name}")
    if sha256(text.encode()).hexdigest() != about.sha256:
        raise _damaged(folder / ABOUT, "it is about another text")
    return PolicyVersion(about, policy)


def active_path(policies: Path, name: str) -> Path:
    """The file of the pointer to the version that decides."""
    return pointer_path(policies, name, ACTIVE)


def read_active(policies: Path, name: str, keys: Path) -> Pointer | None:
    """Which version decides; None where none was ever approved."""
    return find_pointer(policies, name, keys, ACTIVE)


def switch_path(policies: Path, name: str) -> Path:
    """The file of the switch."""
    return policy_folder(policies, name) / "switch.json"


def set_switch(policies: Path, switch: Switch, keys: Path) -> None:
    """Replace the switch, with one rename."""
    path = switch_path(policies, switch.name)
    write_sealed(path, _SEAL, msgspec.json.encode(switch), keys)


def read_switch(policies: Path, name: str, keys: Path) -> Switch | None:
    """Which steps are off; None where it was never touched."""
    path = switch_path(policies, name)
    plain = read_sealed(path, _SEAL, keys)
    if plain is None:
        return None
    switch = msgspec.json.decode(plain, type=Switch)
    if switch.name != name:
        raise _SEAL.damaged(path, f"it is the switch of {switch.name}")
    return switch


def _damaged(place: Path, what: str) -> Damaged:
    return Damaged(what, where=str(place), remedy=_APPROVE)
