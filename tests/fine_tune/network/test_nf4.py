"""A base in four bits: what bitsandbytes makes of its weights, and what a LoRA on it learns."""

import msgspec
import pytest
import torch
from bitsandbytes.backends.default.ops import _dequantize_4bit_compute
from bitsandbytes.functional import dequantize_blockwise
from bitsandbytes.nn import Linear4bit
from peft import PeftModel

from fine_tune.lessons.pack import pack_of
from fine_tune.lessons.samples import samples_of
from fine_tune.lessons.steps import plan_of
from fine_tune.network import nf4
from fine_tune.network.model import Batch, load_base, pack_loss, with_adapter
from fine_tune.network.nf4 import unpacked
from fine_tune.recipe import Adapter, Optimiser, Recipe
from fine_tune.training.train import train
from tests.fine_tune.small_model import FAMILY, encode, lesson, small_model

RECIPE = Recipe(
    name="small", base="none", length=512, packs=2, epochs=3, quantised="nf4",
    checkpointed_layers=1, adapter=Adapter(rank=4, alpha=64),
    optimiser=Optimiser(learning_rate=2e-2, clip=0.5),
)  # fmt: skip


def samples(count=12):
    return [s for n in range(count) for s in samples_of(lesson(n), FAMILY, encode, 512)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    small_model().save_pretrained(folder)
    return folder


def reference(weight):
    """bitsandbytes' general dequantisation; its CPU kernel errs where no block divides a row."""
    state = weight.quant_state
    scale = state.absmax
    if state.nested:
        scale = dequantize_blockwise(scale, state.state2) + state.offset
    return _dequantize_4bit_compute(
        weight.data.reshape(-1), scale, state.code, state.blocksize, state.shape, torch.float32
    )


def linears(model):
    return [one for one in model.modules() if isinstance(one, Linear4bit)]


def test_weights_are_those_of_bitsandbytes_and_the_head_is_left_whole(folder):
    model = load_base(folder, torch.float32, "nf4")
    given = load_base(folder, torch.float32)
    assert len(linears(model)) == 14
    for one in linears(model):
        assert torch.equal(unpacked(one.weight), reference(one.weight))
        assert one.weight.quant_state.nested
        assert one.weight.quant_state.quant_type == "nf4"
    assert torch.equal(model.lm_head.weight, given.lm_head.weight)
    first, whole = linears(model)[0], given.model.layers[0].self_attn.q_proj.weight
    assert (unpacked(first.weight) - whole).norm() < 0.12 * whole.norm()


@pytest.mark.parametrize(("tall", "wide"), [(70, 96), (7, 64), (300, 40), (5, 33)])
@pytest.mark.parametrize("nested", [False, True])
def test_a_product_by_panels_is_the_product_on_both_ways(tall, wide, nested, monkeypatch):
    monkeypatch.setattr(nf4, "PANEL", 64 * wide)  # several panels, the last one not full
    torch.manual_seed(tall)
    module = Linear4bit(
        wide, tall, bias=True, compute_dtype=torch.float32, quant_type="nf4",
        compress_statistics=nested,
    )  # fmt: skip
    bias = module.bias.detach().clone()
    module = module.to("cpu")
    whole = reference(module.weight).double()
    nf4.take_panels(torch.nn.Sequential(module))
    given = torch.randn(2, 11, wide, requires_grad=True)
    back = torch.randn(2, 11, tall)
    found = module(given)
    found.backward(back)
    torch.testing.assert_close(
        found.double(), given.double() @ whole.T + bias, rtol=1e-5, atol=1e-5
    )
    torch.testing.assert_close(given.grad.double(), back.double() @ whole, rtol=1e-5, atol=1e-5)


def test_a_lora_on_it_learns_and_is_read_back_the_same(folder, tmp_path):
    plan = plan_of(samples(), RECIPE)
    model = with_adapter(load_base(folder, torch.float32, "nf4"), RECIPE.adapter, RECIPE.seed)
    before = [unpacked(one.weight) for one in linears(model)]
    done = train(model, plan, RECIPE, tmp_path / "run", "run", lambda step: None)
    assert done.losses[-1] < 0.95 * done.losses[0]
    for one, was in zip(linears(model), before, strict=True):
        assert torch.equal(unpacked(one.weight), was)
    model.save_pretrained(tmp_path / "adapter")
    again = PeftModel.from_pretrained(load_base(folder, torch.float32, "nf4"), tmp_path / "adapter")
    batch = Batch.of(plan.packs(0)[0], torch.device("cpu"))
    with torch.no_grad():
        assert torch.equal(pack_loss(again.eval(), batch), pack_loss(model.eval(), batch))


def test_a_base_that_was_kept_in_four_bits_with_a_narrow_head_gives_the_same_losses(
    folder, tmp_path
):
    whole = load_base(folder, torch.float32)
    whole.lm_head.weight.data = whole.lm_head.weight.data.bfloat16().float()  # tied: embedding too
    whole.save_pretrained(tmp_path / "whole")
    first = load_base(tmp_path / "whole", torch.float32, "nf4")
    kept = load_base(tmp_path / "whole", torch.float32, "nf4")
    kept.model.embed_tokens.weight.data = kept.model.embed_tokens.weight.data.bfloat16()
    kept.save_pretrained(tmp_path / "kept")
    again = load_base(tmp_path / "kept", torch.float32)
    batch = Batch.of(pack_of(samples(2)), torch.device("cpu"))
    found = []
    for base in (first, again):
        model = with_adapter(base, msgspec.structs.replace(RECIPE.adapter, rank=2), 1).train()
        loss = pack_loss(model, batch)
        loss.backward()
        gradients = [p.grad for p in model.parameters() if p.requires_grad]
        found.append((loss.detach(), torch.cat([one.flatten() for one in gradients])))
    assert again.lm_head.weight.dtype == torch.bfloat16
    torch.testing.assert_close(found[1][0], found[0][0])
    torch.testing.assert_close(found[1][1], found[0][1], rtol=1e-4, atol=1e-4)
