"""The manifest that a model will be exported with, before anyone has approved it.

A recipe, a frame and what was learnt go in. Knows no registry and no file.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np

from finmodel import boosting
from finmodel.errors import BadInput
from finmodel.manifest import Manifest, ReasonGroup, digests_of
from finmodel.records import Int64s
from risk.frames.frame import TrainingFrame
from risk.learning import Learned
from risk.reasons import group_contributions, reason_table
from risk.recipe import Recipe

ROWS_FOR_REFERENCES = 2000
"""Enough for a mean; contributions cost far more than scores."""


def reason_groups(recipe: Recipe, names: tuple[str, ...]) -> tuple[ReasonGroup, ...]:
    """The recipe's groups with their patterns resolved; each feature stands in exactly one."""
    found: dict[str, list[str]] = {}
    for group in recipe.reasons:
        for pattern in group.features:
            matching = [name for name in names if fnmatchcase(name, pattern)]
            if not matching:
                raise _bad(recipe, f"{pattern!r} of {group.code} is no feature", "take it out")
            for name in matching:
                found.setdefault(name, []).append(group.code)
    for name in names:
        codes = sorted(set(found.get(name, ())))
        if not codes:
            raise _bad(recipe, f"feature {name!r} has no reason code", "add it to a group")
        if len(codes) > 1:
            raise _bad(recipe, f"feature {name!r} is in {' and '.join(codes)}", "keep one")
    return tuple(
        msgspec.structs.replace(
            group, features=tuple(name for name in names if group.code in found[name])
        )
        for group in recipe.reasons
    )


def draft_manifest(
    recipe: Recipe,
    frame: TrainingFrame,
    learned: Learned,
    rows: Int64s,
    origin: dict[str, Any],
) -> Manifest:
    """The draft; `rows` are those that taught, `origin` says version, run, trainer and verdict."""
    groups = _with_references(recipe, frame, learned, rows)
    policy, scaling = recipe.policy, recipe.scaling
    # The service's plan already is the JSON whose digest the feature store computes.
    schema = frame.plan if frame.table is None else frame.table
    model = sha256(learned.text.encode()).hexdigest()
    return Manifest(
        name=recipe.name,
        card=recipe.card,
        decision_point=recipe.decision_point,
        features=frame.names,
        calibration=learned.calibration,
        scaling=scaling,
        policy=policy,
        reasons=groups,
        digests=digests_of(schema, model, learned.calibration, (policy, scaling, groups)),
        service=frame.service,
        plan=frame.plan,
        table=frame.table,
        monotone=dict(recipe.monotone),
        data_hash=frame.data_hash,
        label=recipe.label_column,
        lightgbm_version=boosting.version(),
        **origin,
    )


def _with_references(
    recipe: Recipe, frame: TrainingFrame, learned: Learned, rows: Int64s
) -> tuple[ReasonGroup, ...]:
    groups = reason_groups(recipe, frame.names)
    random = np.random.default_rng(recipe.split.seed)
    sample = np.sort(random.permutation(rows)[:ROWS_FOR_REFERENCES])
    table = reason_table(frame.names, groups, learned.calibration, recipe.scaling)
    contributions = learned.scorer.contributions(frame.matrix[sample])
    means = group_contributions(contributions, table).mean(axis=0)
    return tuple(
        msgspec.structs.replace(group, reference=float(mean))
        for group, mean in zip(groups, means, strict=True)
    )


def _bad(recipe: Recipe, what: str, remedy: str) -> BadInput:
    return BadInput(what, where=f"{recipe.file}: reasons", remedy=remedy)
