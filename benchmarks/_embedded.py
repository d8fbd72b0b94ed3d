"""Texts as vectors of a base that pip carries, and kept: what was embedded once is read again.

Settings come in, a function from texts to vectors goes out; None, said aloud, where the base is not
here and cannot be brought. What the vectors are for is not known here.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks._e5_small import ANYWHERE, BASE, LAYERS, E5Small, Vectors
from fine_tune.bases.fetch import fetch
from finmodel.durable import replace_file
from finmodel.errors import FinmodelError
from finmodel.settings import Settings

Embed = Callable[[Sequence[str]], Vectors]


def embedder(here: Settings, tell: Callable[[str], None]) -> Embed | None:
    """Vectors of texts (texts × layers × width); `tell` hears what is missing, and how long."""
    folder = here.bases / BASE.name
    if not (here.fetch_base or (folder / BASE.file).is_file()):
        tell(f"without embeddings: {BASE.name} is not here, and FINMODEL_FETCH_BASE=0")
        return None
    try:
        path = fetch(BASE, folder, options=ANYWHERE)
    except FinmodelError as error:
        tell(f"without embeddings: {error}")
        return None

    def embed(texts: Sequence[str]) -> Vectors:
        told = "\n".join((BASE.sha256, str(LAYERS), *texts))
        kept = folder / "vectors" / f"{hashlib.sha256(told.encode()).hexdigest()}.npy"
        if not kept.is_file():
            tell(f"{len(texts):,} texts are embedded once, and kept in {kept.parent}")
            held = io.BytesIO()
            np.save(held, E5Small(path).vectors(texts, tell))
            kept.parent.mkdir(exist_ok=True)
            replace_file(kept, held.getvalue())
        found: Vectors = np.load(kept, allow_pickle=False)
        return found

    return embed
