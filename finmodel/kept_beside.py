"""What was trained beside a model, as its run keeps it: the bytes that were gated, no others."""

from __future__ import annotations

from hashlib import sha256

from finmodel import tracking
from finmodel.errors import Damaged
from finmodel.export import BESIDE, beside_of
from finmodel.manifest import Manifest
from finmodel.settings import Settings


def kept_beside(settings: Settings, draft: Manifest) -> dict[str, bytes]:
    """The files that the draft names, by name; Damaged where one is another than was gated."""
    return {
        name: _kept(settings, draft, name, said) for name, said in beside_of(draft).items() if said
    }


def _kept(settings: Settings, draft: Manifest, name: str, said: str) -> bytes:
    part = tracking.kept(settings, draft.run_id, name)
    if sha256(part).hexdigest() != said:
        raise Damaged(
            f"its {BESIDE[name]} in MLflow is not the one that was gated",
            where=f"{draft.name} version {draft.version}",
            remedy="find out who changed it, then train it again",
        )
    return part
