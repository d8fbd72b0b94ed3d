"""A policy for the small world: its bands part the world's points, its rules read its features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from finmodel.records import Person
from finmodel.settings import Settings
from risk.policy.proposals import propose
from risk.policy.registry import approve

AUTHOR = Person("the analyst", frozenset({"analyst"}))
APPROVER = Person("the validator", frozenset({"validator"}))
TERMS = {"limit_minor": 1_000_000, "annual_rate_bps": 1200}
WORLDS_POLICY: dict[str, Any] = {
    "name": "drawdown",
    "model": "behaviour_risk",
    "decision_point": "支用",
    "rules": [
        {
            "code": "H1",
            "zh": "余额过高",
            "en": "The balance is too high",
            "when": [{"feature": "balance_0", "above": 1.5}],
            "then": "decline",
        },
        {
            "code": "H2",
            "zh": "征信分过低",
            "en": "The bureau's score is low",
            "when": [{"request": "bureau_score", "below": 400}],
            "then": "refer",
        },
    ],
    "products": {
        "cash_loan": {
            "bands": [
                {"code": "A", "at_least": 540, "then": "approve", **TERMS},
                {"code": "B", "at_least": 515, "below": 540, "then": "refer"},
                {"code": "C", "below": 515, "then": "decline"},
            ]
        }
    },
    "random_approve": {
        "share_bps": 3_000,
        "seed": "small world",
        "at_least": 440,
        "limit_minor": 600_000,
        "annual_rate_bps": 2400,
    },
    "challenger": {"seed": "small world", "share_bps": 4_000, "shadow": True},
    "fallback": ["scorecard", "rules", "refer"],
}


def write_policy(folder: Path, **changes: Any) -> Path:
    """The policy as a file, some keys changed; None takes a key out."""
    told = {k: v for k, v in (WORLDS_POLICY | changes).items() if v is not None}
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(told, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def decide_by(settings: Settings, **changes: Any) -> int:
    """Let a policy decide, written by one person and approved by another; its version."""
    propose(settings, write_policy(settings.home, **changes), AUTHOR)
    return approve(settings, "drawdown", None, APPROVER).version
