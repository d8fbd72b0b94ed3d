"""What of a logged decision is read by the million: names of columns, and facts as codes.

The one place that writer (serving) and readers (monitoring, outcomes) share. Knows no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

from finmodel.audit_side import SideLayout

KIND: Final = "decision"
FACTS: Final = "facts"
"""The column that stands for the facts below, the same number for the same facts."""
APPLICATION: Final = "application"
"""The column that stands for the application's id, see `Vault.stand_ins`."""
SHARED_FACTS: Final = (
    "model",
    "version",
    "service",
    "views",
    "decision",
    "rule",
    "product",
    "channel",
    "lane",
)
"""Facts of the body that few values are common to many decisions of."""
SEGMENTS: Final = ("product", "channel", "decision", "rule", "lane")
"""Those of them that part decisions into segments worth looking at alone."""
LAYOUT: Final = SideLayout(
    kind=KIND,
    whole=(FACTS, APPLICATION, "raw", "probability", "points", "vector", "ages_s", "states"),
    sampled=("contributions",),
    code=FACTS,
)


def fact_of(body: Mapping[str, Any], name: str) -> Any:
    """A fact of a decision's body, or of the policy's part in it; None where there is none.

    >>> fact_of({"decision": "approve", "policy": {"lane": "random"}}, "lane")
    'random'
    """
    if name in body:
        return body[name]
    policy = body.get("policy")
    return policy.get(name) if isinstance(policy, Mapping) else None


def facts_code(body: Mapping[str, Any]) -> int:
    """The number that stands for a decision's shared facts.

    >>> one = {"model": "m", "version": 1, "decision": "approve", "reasons": [1]}
    >>> facts_code(one) == facts_code(one | {"reasons": []})
    True
    >>> facts_code(one) == facts_code(one | {"version": 2})
    False
    """
    shared = [fact_of(body, name) for name in SHARED_FACTS]
    digest = blake2b(msgspec.msgpack.encode(shared), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)
