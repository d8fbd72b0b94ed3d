"""The adapter that comes with the project: service scripts, as the real 1.5B base learnt them.

A folder comes in (weights in five bits and a card of where they are from); PEFT's two files go out,
once the weights are what was shipped. `finmodel tune fine_tune/lora_1b.yaml` made it of simulated
conversations alone; the card holds what that packed adapter was judged by, not what was packed.

python -m fine_tune.shipped_adapter ADAPTER BASE NAME COMMIT < figures.json
    pack PEFT's files of a base (its digest and its name) anew, with what they were judged by
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from gguf import GGMLQuantizationType, quants
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from fine_tune.bases.shipped import require_shipped
from finmodel.durable import write_file
from finmodel.hashes import sha256_of
from finmodel.signed_adapters import WEIGHTS as PEFT

NAME: Final = "service_scripts_1b"
FOLDER: Final = Path(__file__).with_name("service_scripts")
RECIPE: Final = Path(__file__).with_name("lora_1b.yaml")
KIND: Final = "qwen2"
_WEIGHTS: Final = "adapter.safetensors"
_CARD: Final = "card.json"
_FORM: Final = GGMLQuantizationType.Q5_0
_B: Final = ".lora_B.weight"


class Card(msgspec.Struct, frozen=True):
    """What a packed adapter says of itself."""

    base: str
    """Digest of the base that it belongs to, as `finmodel base get` brings it."""
    base_name: str
    commit: str
    """Of the code that it was tuned with."""
    sha256: str
    """Of the packed weights."""
    rank: int
    alpha: float
    rslora: bool
    targets: tuple[str, ...]
    figures: dict[str, float]
    """What the packed adapter was judged by, under the names of a run."""


def read_card(folder: Path = FOLDER) -> Card:
    """Its card; Damaged where the weights beside it are others than it says."""
    card = msgspec.json.decode((folder / _CARD).read_bytes(), type=Card)
    remedy = "bring the file back from the repository"
    require_shipped(folder / _WEIGHTS, card.sha256, "the shipped adapter", remedy)
    return card


def unpack(target: Path, folder: Path = FOLDER) -> Card:
    """Write PEFT's files into a directory that is there."""
    card = read_card(folder)
    save_file(dict(_opened(folder)), target / PEFT[0], metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": card.base_name,
        "inference_mode": True,
        "r": card.rank,
        "lora_alpha": card.alpha,
        "use_rslora": card.rslora,
        "target_modules": list(card.targets),
        "bias": "none",
    }
    write_file(target / PEFT[1], msgspec.json.format(msgspec.json.encode(config)))
    return card


def _opened(folder: Path) -> Iterator[tuple[str, NDArray[np.float16]]]:
    for name, blocks in load_file(folder / _WEIGHTS).items():
        values = quants.dequantize(blocks, _FORM)
        yield name, np.ascontiguousarray(values.T if name.endswith(_B) else values, np.float16)


def pack(adapter: Path, target: Path) -> str:
    """Write an adapter's weights in five bits; their SHA-256.

    A block is 32 weights of one row: of B, whose rows are as short as the rank, its transpose.
    """
    packed = {
        name: quants.quantize(
            np.ascontiguousarray(values.T if name.endswith(_B) else values, np.float32), _FORM
        )
        for name, values in load_file(adapter / PEFT[0]).items()
    }
    save_file(packed, target / _WEIGHTS)
    return sha256_of(target / _WEIGHTS)


def main() -> None:
    """Pack, and write the card."""
    adapter, base, base_name, commit = sys.argv[1:5]
    sha256 = pack(Path(adapter), FOLDER)
    told = json.loads((Path(adapter) / PEFT[1]).read_text())
    card = Card(
        base, base_name, commit, sha256, told["r"], told["lora_alpha"], told["use_rslora"],
        tuple(sorted(told["target_modules"])), json.load(sys.stdin),
    )  # fmt: skip
    write_file(FOLDER / _CARD, msgspec.json.format(msgspec.json.encode(card)))


if __name__ == "__main__":
    main()
