"""The scorecard that was trained beside a model, as its run keeps it: the bytes that were gated."""

from __future__ import annotations

from hashlib import sha256

from finmodel import tracking
from finmodel.errors import Damaged
from finmodel.export import CARD
from finmodel.manifest import Manifest
from finmodel.settings import Settings


def kept_card(settings: Settings, draft: Manifest) -> bytes:
    """The card's JSON, empty where none was trained; Damaged where it is another one."""
    if not draft.card_sha256:
        return b""
    card = tracking.kept(settings, draft.run_id, CARD)
    if sha256(card).hexdigest() != draft.card_sha256:
        raise Damaged(
            "its scorecard in MLflow is not the one that was gated",
            where=f"{draft.name} version {draft.version}",
            remedy="find out who changed it, then train it again",
        )
    return card
