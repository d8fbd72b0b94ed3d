"""The tiny base that comes with the project: a stand-in that lets every path run.

Nothing comes in; its directory goes out, once its weights are what was shipped. `tiny_base.py` made
it from the simulated lender's general text. It knows how such text runs and no more: what it
writes is for no customer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from finmodel.errors import Damaged
from finmodel.hashes import sha256_of

TINY: Final = "tiny"
FOLDER: Final = Path(__file__).parent.with_name(TINY)
WEIGHTS: Final = "model.safetensors"
SHA256: Final = "a7361f9c0f0bc8037f070759358e77cfff249c33159f579e7ea61109ad2801af"
LICENCE: Final = "Apache-2.0; a stand-in, for tests alone"


def shipped(folder: Path = FOLDER) -> Path:
    """Its directory; Damaged where the weights are not those that were shipped."""
    remedy = "bring the file back from the repository, or make it anew and say its hash"
    require_shipped(folder / WEIGHTS, SHA256, "the tiny base", remedy)
    return folder


def require_shipped(weights: Path, sha256: str, what: str, remedy: str) -> None:
    """Damaged where weights are not those that were shipped."""
    found = sha256_of(weights) if weights.is_file() else "missing"
    if found != sha256:
        told = f"{what}'s weights are {found[:12]}, not {sha256[:12]}"
        raise Damaged(told, where=str(weights), remedy=remedy)
