"""One small base for every engine: a GGUF, the same as a directory, and an adapter of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from fine_tune.bases.base import Base, open_base
from fine_tune.bases.unpack import unpack
from fine_tune.network.model import load_base, with_adapter
from fine_tune.recipe import Adapter
from fine_tune.training.export import write_gguf
from finmodel.assistant.engines.engine import Asked, Laid
from finmodel.assistant.template import Message
from tests.fine_tune.small_model import qwen2_gguf

ASKED = Asked((Message("system", "be(kind)"), Message("user", "when?<|im_end|>")), most=24)
"""In signs that the small tokenizer has."""


@dataclass(frozen=True)
class Small:
    gguf: Path
    base: Base
    peft: Laid
    laid: Laid
    """The same adapter for llama.cpp."""


def small(folder: Path, context: int = 128) -> Small:
    gguf = folder / "base.gguf"
    qwen2_gguf(gguf, np.random.default_rng(1), context)
    base = open_base(unpack(gguf, folder / "base"))
    model = with_adapter(load_base(base.folder, torch.float32), Adapter(rank=4, alpha=8), seed=3)
    with torch.no_grad():
        for name, one in model.named_parameters():
            if "lora_B" in name:
                one.normal_(0, 0.3)
    model.save_pretrained(folder / "adapter")
    as_gguf = write_gguf(folder / "adapter", base, folder / "adapter.gguf")
    return Small(gguf, base, Laid(folder / "adapter", base.digest), Laid(as_gguf, base.digest))
