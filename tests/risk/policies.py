"""A small policy as text, with changes, and a champion that it fits, for tests that need them."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import lightgbm as lgb
import msgspec
import numpy as np
import yaml

from finmodel.export import schema_of, write_export
from finmodel.manifest import Calibration, Digests, Manifest, Policy, Scaling, digests_of
from finmodel.pointers import Pointer, set_champion
from finmodel.settings import Settings
from finmodel.signing import ensure_key
from risk.policy.file import PolicyFile, parse_policy

POLICY: dict[str, Any] = {
    "name": "drawdown",
    "model": "behaviour_risk",
    "decision_point": "支用",
    "views": {"stale": "refer", "missing": "decline", "optional": ["rare"]},
    "rules": [
        {
            "code": "H1",
            "zh": "金额过高",
            "en": "Too much",
            "when": [{"request": "amount_minor", "above": 900_000}],
            "then": "decline",
        },
        {
            "code": "H2",
            "zh": "渠道需复核",
            "en": "This channel is looked at",
            "when": [
                {"request": "channel", "among": ["agent"]},
                {"feature": "b", "at_least": 0.1, "below": 1.5},
            ],
            "then": "refer",
            "products": ["cash_loan"],
        },
        {
            "code": "H3",
            "zh": "无征信",
            "en": "No bureau score",
            "when": [{"request": "bureau_score", "missing": True, "below": 300}],
            "then": "refer",
            "products": ["instalment"],
        },
    ],
    "products": {
        "cash_loan": {
            "over_limit": "refer",
            "bands": [
                {
                    "code": "A",
                    "at_least": 620,
                    "then": "approve",
                    "limit_minor": 500_000,
                    "annual_rate_bps": 1080,
                },
                {
                    "code": "B",
                    "at_least": 600,
                    "below": 620,
                    "then": "approve",
                    "limit_minor": 200_000,
                    "annual_rate_bps": 1440,
                },
                {"code": "C", "at_least": 580, "below": 600, "then": "refer"},
                {"code": "D", "below": 580, "then": "decline"},
            ],
        },
        "instalment": {
            "over_limit": "cap",
            "bands": [
                {
                    "code": "A",
                    "at_least": 610,
                    "then": "approve",
                    "limit_minor": 300_000,
                    "annual_rate_bps": 1200,
                },
                {"code": "B", "below": 610, "then": "decline"},
            ],
        },
    },
    "random_approve": {
        "share_bps": 2_500,
        "seed": "s",
        "at_least": 540,
        "limit_minor": 100_000,
        "annual_rate_bps": 2400,
    },
    "fallback": ["scorecard", "rules", "refer"],
}


def text_of(**changes: Any) -> str:
    """The policy as YAML, some of its keys changed; None takes a key out."""
    told = {key: value for key, value in (POLICY | changes).items() if value is not None}
    return yaml.safe_dump(told, allow_unicode=True, sort_keys=False)


def policy_of(**changes: Any) -> PolicyFile:
    """The same, read."""
    return parse_policy(text_of(**changes), Path("policy.yaml"))


def crown(settings: Settings, card: bytes = b"", **changes: Any) -> None:
    """Make a small model champion: features a and b, one view that customers may lack."""
    view = {"name": "rare", "features": [{"name": "a"}, {"name": "b"}]}
    manifest = Manifest(
        name="behaviour_risk",
        version=1,
        card="B",
        decision_point="支用",
        features=("a", "b"),
        calibration=Calibration("platt", 1.0, 0.0),
        scaling=Scaling(),
        policy=Policy(approve_points=620.0, refer_points=580.0),
        reasons=(),
        digests=Digests("", "", "", ""),
        plan={"views": [view]},
        card_sha256=sha256(card).hexdigest() if card else "",
    )
    told = msgspec.structs.replace(manifest, **changes)
    digests = digests_of(
        schema_of(told),
        sha256(_model().encode()).hexdigest(),
        told.calibration,
        (told.policy, told.scaling, told.reasons),
    )
    ensure_key(settings.signing)
    whole = msgspec.structs.replace(told, digests=digests)
    write_export(settings.exports, whole, _model(), settings.signing, card)
    pointer = Pointer(told.name, "champion", told.version, 1, (), "v", "", False, "a test", "")
    set_champion(settings.exports, pointer, settings.signing)


@cache
def _model() -> str:
    rows = np.random.default_rng(1).normal(size=(60, 2))
    data = lgb.Dataset(rows, rows[:, 0] > 0, feature_name=["a", "b"])
    return str(lgb.train({"objective": "binary", "verbose": -1}, data, 2).model_to_string())
