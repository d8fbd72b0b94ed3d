"""A base's shape, and the floating-point operations that a token of it costs.

A configuration in Hugging Face's words comes in, counts go out; the weights need not be there. The
counts are those of matrix products (two operations each), which is where the time goes: after
Hoffmann et al. 2022, appendix F, with a LoRA in place of the weights' gradients. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fine_tune.recipe import Adapter

_QWEN: Final = {"rms_norm_eps": 1e-6, "rope_theta": 1e6, "max_position_embeddings": 32768}
KNOWN: Final[Mapping[str, Mapping[str, Any]]] = {
    "qwen3-14b": _QWEN
    | {
        "model_type": "qwen3",
        "num_hidden_layers": 40,
        "hidden_size": 5120,
        "intermediate_size": 17408,
        "num_attention_heads": 40,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 151936,
        "tie_word_embeddings": False,
    },
    "qwen2.5-14b": _QWEN
    | {
        "model_type": "qwen2",
        "num_hidden_layers": 48,
        "hidden_size": 5120,
        "intermediate_size": 13824,
        "num_attention_heads": 40,
        "num_key_value_heads": 8,
        "vocab_size": 152064,
        "tie_word_embeddings": False,
    },
    "llama-2-13b": {
        "model_type": "llama",
        "num_hidden_layers": 40,
        "hidden_size": 5120,
        "intermediate_size": 13824,
        "num_attention_heads": 40,
        "num_key_value_heads": 40,
        "vocab_size": 32000,
        "tie_word_embeddings": False,
        "max_position_embeddings": 4096,
    },
    "qwen2.5-coder-1.5b": _QWEN
    | {
        "model_type": "qwen2",
        "num_hidden_layers": 28,
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
        "tie_word_embeddings": True,
    },
}
"""Shapes that can be planned with by name; nothing of them has to be here."""


_HEAD: Final = {"qwen3": 128}
"""The width of a head where a family has one of its own."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a decoder decides how much there is to multiply."""

    layers: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    head: int
    """Width of one head."""
    vocabulary: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Shape:
        """The shape in a configuration; KeyError where it is no decoder's."""
        heads = config["num_attention_heads"]
        return cls(
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            inner=config["intermediate_size"],
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head=config.get("head_dim")
            or _HEAD.get(config["model_type"], config["hidden_size"] // heads),
            vocabulary=config["vocab_size"],
        )

    def linears(self) -> dict[str, tuple[int, int]]:
        """Of each linear of a layer, how wide is what goes in and what comes out."""
        d, q, kv = self.hidden, self.heads * self.head, self.kv_heads * self.head
        return {
            "q_proj": (d, q),
            "k_proj": (d, kv),
            "v_proj": (d, kv),
            "o_proj": (q, d),
            "gate_proj": (d, self.inner),
            "up_proj": (d, self.inner),
            "down_proj": (self.inner, d),
        }

    def matrices(self) -> int:
        """Weights in all products: layers and head, without the embedding that is looked up."""
        layer = sum(wide * tall for wide, tall in self.linears().values())
        return self.layers * layer + self.vocabulary * self.hidden


@dataclass(frozen=True, slots=True)
class Flops:
    """Operations a token."""

    forward: float
    backward: float
    again: float
    """For computing every layer once more."""
    useful: float
    """4N: each weight once forward and once back (Chowdhery et al. 2022 for frozen weights)."""
    rehearsal: float = 0.0
    """For general text beside it: once without the adapter, and a pass with it."""

    def done(self, share: float) -> float:
        """In a step of which this share of the layers is computed again."""
        return self.forward + self.backward + self.rehearsal + share * self.again

    def with_rehearsal(self, text: Flops, share: float) -> Flops:
        """The same where so many tokens of a text are rehearsed for each that is learnt.

        >>> Flops(1.0, 2.0, 1.0, 3.0).with_rehearsal(Flops(1.0, 2.0, 1.0, 3.0), 0.5)
        Flops(forward=1.0, backward=2.0, again=1.5, useful=3.0, rehearsal=2.0)
        """
        return replace(
            self,
            again=self.again + share * text.again,
            rehearsal=share * (2 * text.forward + text.backward),
        )


def flops_a_token(
    shape: Shape, adapter: Adapter, samples: Sequence[int], learnt: int | None = None
) -> Flops:
    """What a token of a row of samples costs; `learnt` of the row's tokens reach the head.

    >>> one = Shape(1, hidden=8, inner=16, heads=2, kv_heads=1, head=4, vocabulary=10)
    >>> flops_a_token(one, Adapter(rank=1, targets=("q_proj",)), [4])
    Flops(forward=1408.0, backward=1536.0, again=1248.0, useful=2624.0, rehearsal=0.0)
    """
    tokens = sum(samples)
    linears = shape.linears()
    layer = 2.0 * sum(wide * tall for wide, tall in linears.values())
    low = 2.0 * adapter.rank * sum(sum(linears[name]) for name in adapter.targets)
    # A token looks at half of its sample on average; scores and values are two products.
    sight = 4.0 * shape.heads * shape.head * sum(size**2 for size in samples) / (2 * tokens)
    head = 2.0 * shape.vocabulary * shape.hidden * (tokens if learnt is None else learnt) / tokens
    again = shape.layers * (layer + low + sight)
    # Back: of a frozen product the input's gradient alone, of the adapter's the weights' too;
    # attention computes its scores anew and has four products; the head's gradient is as its loss.
    back = shape.layers * (layer + 2 * low + 2.5 * sight) + head
    return Flops(again + head, back, again, 4.0 * shape.matrices())
