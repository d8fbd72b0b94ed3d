"""The manifest that a marketing model will be exported with, before anyone has approved it.

A recipe, a frame and what was learnt go in. Knows no registry and no file.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from finmodel import boosting
from finmodel.manifest import Manifest, Scaling, digests_of
from marketing.effects.uplift import UpliftModel
from marketing.frame import Frame
from marketing.learning import Effects, Response
from marketing.recipe import MarketingRecipe


def draft_manifest(
    recipe: MarketingRecipe, frame: Frame, response: Response, uplift: str, origin: dict[str, Any]
) -> Manifest:
    """The draft of a model of no card; `origin` says version, run, trainer and verdict."""
    scaling = Scaling()  # nobody reads points of it; the manifest's digest covers one
    schema = frame.plan if frame.table is None else frame.table
    model = sha256(response.text.encode()).hexdigest()
    return Manifest(
        name=recipe.name,
        card=None,
        decision_point=None,
        features=frame.names,
        calibration=response.calibration,
        scaling=scaling,
        policy=None,
        reasons=(),
        digests=digests_of(schema, model, response.calibration, (None, scaling, ())),
        service=frame.service,
        plan=frame.plan,
        table=frame.table,
        data_hash=frame.data_hash,
        label=recipe.label.words.en,
        lightgbm_version=boosting.version(),
        uplift_sha256=sha256(uplift.encode()).hexdigest() if uplift else "",
        observational=recipe.observational,
        **origin,
    )


def uplift_text(effects: Effects | None) -> str:
    """What each treatment changes, as JSON that `marketing.models` reads; empty without any."""
    if effects is None:
        return ""
    models: dict[str, UpliftModel] = {name: one.model for name, one in effects.models.items()}
    return msgspec.json.encode(models).decode()
