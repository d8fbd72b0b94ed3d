"""A base that is kept in four bits is planned as it is held: its codes, scales and narrow ends."""

import pytest
import torch

from fine_tune.bases.shape import Shape
from fine_tune.network.model import load_base
from fine_tune.network.random_base import keep_random_base
from fine_tune.planning.four_bits import ENDS, unpacked_beside
from fine_tune.planning.plan import config_of, in_four_bits, weights_of
from fine_tune.planning.trace import Row, trace
from fine_tune.recipe import Adapter, Recipe
from tests.fine_tune.small_model import small_model

RECIPE = Recipe(name="a", base="b", length=64, adapter=Adapter(rank=4))
SMALL = Shape.of(small_model().config.to_dict())


def shape(tied):
    return {
        "model_type": "qwen3", "num_hidden_layers": 3, "hidden_size": 128, "intermediate_size": 384,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "vocab_size": 600,
        "tie_word_embeddings": tied,
    }  # fmt: skip


def held(model):
    """Bytes of a base's tensors, those that say what its codes mean among them."""
    total = 0
    for one in model.parameters():
        state = getattr(one, "quant_state", None)
        scales = (state.absmax, state.state2.absmax) if state else ()
        total += one.nbytes + sum(part.nbytes for part in scales)
    return total


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_weights_of_a_kept_base_are_those_that_it_holds(tmp_path, tied, dtype):
    keep_random_base(shape(tied), tmp_path, 1)
    config = config_of("b", tmp_path)
    assert config[ENDS] == "bfloat16"
    assert in_four_bits(config, RECIPE) == "nf4"
    real = held(load_base(tmp_path, dtype))
    assert weights_of(config, RECIPE, dtype)[0] == pytest.approx(real, rel=0.01)


def test_a_narrow_head_is_cast_beside_its_logits():
    row = Row((40,), (False,), 20)
    config = shape(False)
    whole, narrow = (
        trace(config | more, RECIPE.adapter, torch.float32, row, (2, 0))
        for more in ({}, {ENDS: "bfloat16"})
    )
    piece = 600 * 128 * 4  # of at most 8,192 words
    assert narrow.peak["loss"] - whole.peak["loss"] == pytest.approx(piece, rel=0.01)


@pytest.mark.parametrize(("dtype", "copied"), [(torch.float32, 0), (torch.bfloat16, 4)])
def test_a_product_in_four_bits_copies_what_is_not_float32(dtype, copied):
    few, many = (unpacked_beside(SMALL, n, dtype, on_cpu=True) for n in (100, 300))
    widest = max(wide + tall for wide, tall in SMALL.linears().values())
    assert many - few == 200 * widest * copied
    assert few > 8 << 20  # the panel
    largest = max(wide * tall for wide, tall in SMALL.linears().values())
    assert unpacked_beside(SMALL, 100, dtype, on_cpu=False) == largest * dtype.itemsize
