"""The adapter that a run begins with: a fresh one, or a registered one that is learnt on.

A recipe and a base come in; a model with its adapter goes out, or a sentence where the adapter that
is named belongs to another base. What is learnt on it is not known here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from peft import PeftModel
from safetensors import SafetensorError
from transformers import PreTrainedModel

from fine_tune.bases.base import Base
from fine_tune.network.low_rank import fuse
from fine_tune.network.model import with_adapter
from fine_tune.recipe import Recipe
from fine_tune.training.export import WEIGHTS, read_config
from finmodel import tracking
from finmodel.assistant.engines.engine import require_same_base
from finmodel.errors import BadInput, Damaged, NotFound
from finmodel.settings import Settings

KIND: Final = "adapter"
"""What a registered version is tagged with, and its folder's name."""


def find_start(settings: Settings, recipe: Recipe, base: Base) -> tracking.VersionTags | None:
    """The version that a recipe's run begins with, or None for a fresh adapter.

    NotFound where there is no such, BadInput where it is no adapter or another base's.
    """
    named = recipe.preference.start if recipe.preference else ""
    if not named:
        return None
    name, _, version = named.partition("/")
    if version and not version.isdecimal():
        raise BadInput(
            f"{version!r} is no version", where="preference.start", remedy=f"write {name}/3"
        )
    try:
        found = tracking.version_of(settings, name, int(version) if version else None)
    except NotFound as error:
        raise NotFound(
            f"no adapter {named!r} is registered",
            where="preference.start",
            remedy="tune it first, or name none to begin with a fresh one",
        ) from error
    where = told(found)
    if found.tags.get("kind") != KIND:
        raise BadInput("it is no adapter", where=where, remedy="name one of finmodel tune")
    belongs = found.tags.get("base", "")
    require_same_base(where, belongs, base.digest)
    return found


def told(start: tracking.VersionTags | None) -> str:
    """A version as NAME/VERSION; nothing for a fresh adapter."""
    return f"{start.name}/{start.version}" if start else ""


def started(
    settings: Settings, whole: PreTrainedModel, recipe: Recipe, start: tracking.VersionTags | None
) -> PeftModel:
    """The base frozen, with the adapter that a run begins with; a kept one has its own shape."""
    if start is None:
        return with_adapter(whole, recipe.adapter, recipe.seed)
    with tracking.brought(settings, start.run_id, KIND) as folder:
        return laid_over(whole, folder)


def laid_over(whole: PreTrainedModel, folder: Path) -> PeftModel:
    """The base frozen, with a kept adapter that goes on learning."""
    read_config(folder)
    if not (folder / WEIGHTS).is_file():  # peft would look for a pickle
        raise NotFound(f"it has no {WEIGHTS}", where=str(folder), remedy="tune it again")
    try:
        model = PeftModel.from_pretrained(whole, folder, is_trainable=True)
    except (SafetensorError, RuntimeError) as error:
        raise Damaged("its weights cannot be laid over the base", where=str(folder)) from error
    broken = any(not torch.isfinite(one).all() for one in model.parameters() if one.requires_grad)
    if broken:
        raise Damaged(
            "its weights are not all numbers", where=str(folder), remedy="begin with another"
        )
    return fuse(model)
