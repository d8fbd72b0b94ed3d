"""Who moves which alias, from the command line: the person signed in, a version, and the registry.

The rules (a passed gate, a second person) stand in the registry; here they meet a key and a recipe.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fine_tune.bases.shipped import TINY
from finmodel import adapters, registry, retirement, tracking, waivers, withdrawal
from finmodel.errors import BadInput, Refused
from finmodel.records import Person
from finmodel.settings import Settings
from risk.document.keeping import keep_document
from risk.recipe import Recipe, load_recipe
from serving.access import signed_in
from serving.assisting.signed_writers import CHAMPION
from serving.bases import tell_stand_in
from serving.local_engine import forms_of
from serving.screen import Progress

if TYPE_CHECKING:  # it imports tokenizers, which takes a second
    from fine_tune.bases.base import Base


def promote(
    settings: Settings,
    name: str,
    version: int | None,
    to: str,
    recipe: Path | None,
    progress: Progress,
) -> Any:
    """Move an alias to a version, approved by the validator whose key is set."""
    approver = signed_in(settings, {"validator"})
    if adapters.is_adapter(settings, name, version):
        return _promote_adapter(settings, name, version, to, approver)
    if recipe is not None:
        _gate_by(load_recipe(recipe), settings, name, version, approver, progress)
    pointer = registry.promote(settings, name, version, to=to, approver=approver)
    keep_document(settings, name, pointer.version)
    return pointer


def _promote_adapter(
    settings: Settings, name: str, version: int | None, to: str, approver: Person
) -> Any:
    """Serve an adapter whose base is here, with the bytes it had; another could lie under none."""
    from fine_tune.bases.shelf import all_bases

    if to != "champion":
        raise BadInput("an adapter has no challenger", where=name, remedy="promote it: champion")
    wanted = registry.newest_passed(settings, name) if version is None else version
    base = tracking.version_of(settings, name, wanted).tags.get("base", "")
    stand_in, *others = all_bases(settings.bases)
    there = {one.digest: one for one in (*others, stand_in)}
    if base == stand_in.digest:
        _require_tried(settings, name, wanted)
    if base not in there:
        known = ", ".join(f"{there[one].name} ({one[:12]}…)" for one in sorted(there))
        raise Refused(
            f"it is an adapter for another base ({base[:12]}…) than those here ({known or 'none'})",
            where=f"{name} version {wanted}",
            remedy="bring its base: finmodel base add DIR",
        )
    opened = _unchanged(Path(there[base].folder), base, f"{name} version {wanted}")
    return adapters.promote(settings, name, wanted, approver, forms=partial(forms_of, opened))


def _require_tried(settings: Settings, name: str, version: int) -> None:
    """Refused where an adapter of the shipped stand-in would be served by no service that tries it.

    The gates of its recipe are as wide as so small a model needs: they keep nothing from customers.
    """
    served = settings.writer.split(",")[0].removesuffix(CHAMPION).split("/")[0]
    if served not in (TINY, name):
        raise Refused(
            "it is an adapter for the shipped stand-in, and what that writes is for no customer",
            where=f"{name} version {version}",
            remedy="promote one of a real base; to try the way alone, set FINMODEL_WRITER="
            f"{TINY}{CHAMPION} here and for the service",
        )
    tell_stand_in()


def _unchanged(folder: Path, digest: str, where: str) -> Base:
    """A base; Refused where its files are no longer those that the shelf says they are."""
    from fine_tune.bases.base import open_base

    base = open_base(folder)
    if base.digest != digest:
        raise Refused(
            f"the files of its base in {folder} are not those of when it was brought",
            where=where,
            remedy="put them back, or bring its base again: finmodel base add DIR",
        )
    return base


def waive(settings: Settings, name: str, version: int | None, reason: str) -> None:
    """Let a version be promoted without an out-of-time part, in the name of the validator."""
    approver = signed_in(settings, {"validator"})
    if adapters.is_adapter(settings, name, version):
        raise BadInput(
            "an adapter has no out-of-time part", where=name, remedy="leave the waiver out"
        )
    wanted = registry.newest_passed(settings, name) if version is None else version
    waivers.waive(settings, name, wanted, approver, reason)
    keep_document(settings, name, wanted)


def retire(settings: Settings, name: str, version: int, reason: str) -> Any:
    """End a version, in the name of the validator whose key is set."""
    person = signed_in(settings, {"validator"})
    retired = retirement.retire(settings, name, version, person, reason)
    if not adapters.is_adapter(settings, name, version):
        keep_document(settings, name, version)
    return retired


def withdraw(settings: Settings, name: str, reason: str) -> Any:
    """End a challenge, in the name of the validator whose key is set."""
    person = signed_in(settings, {"validator"})
    version, pointer = withdrawal.withdraw(settings, name, person, reason)
    keep_document(settings, name, version)
    return pointer


def _gate_by(
    recipe: Recipe,
    settings: Settings,
    name: str,
    version: int | None,
    approver: Person,
    progress: Progress,
) -> None:
    """Judge a version that came from a notebook by a recipe, before it is asked for."""
    if version is None:
        raise BadInput(
            "no version is named",
            where=f"promote {name}",
            remedy="name the one to gate: --version N",
        )
    if recipe.name != name:
        raise BadInput(
            f"the recipe is {recipe.name!r}",
            where=f"promote {name}",
            remedy="give this model's own",
        )
    from risk.adopt import adopt  # brings Feast, which takes seconds

    adopt(recipe, settings, version, approver, progress)


def rollback(settings: Settings, name: str, reason: str) -> Any:
    """Serve the previous champion again, in the name of the validator whose key is set."""
    person = signed_in(settings, {"validator"})
    if adapters.is_adapter(settings, name):
        return adapters.rollback(settings, name, person, reason)
    pointer = registry.rollback(settings, name, person, reason)
    keep_document(settings, name, pointer.version)
    return pointer


def overview(settings: Settings) -> Any:
    """Versions with alias, gate and drift."""
    return registry.versions(settings)
