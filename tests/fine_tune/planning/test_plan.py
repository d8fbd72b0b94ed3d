"""What is planned is what happens: bytes alive and operations done in steps of small models."""

import json

import msgspec
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode, mm_flop

from fine_tune.bases.shape import KNOWN, Shape, flops_a_token
from fine_tune.lessons.pack import pack_of
from fine_tune.lessons.samples import samples_of
from fine_tune.network.layers import recompute
from fine_tune.network.model import Batch, pack_divergence, pack_loss, with_adapter
from fine_tune.planning.advice import advice
from fine_tune.planning.alive import Alive
from fine_tune.planning.devices import CARDS, card
from fine_tune.planning.memory import Held, fewest_again, parts
from fine_tune.planning.plan import (
    config_of,
    device_of,
    memory_of,
    need_of,
    plan_run,
    row_of,
    settings_of,
)
from fine_tune.planning.trace import Row, trace, traces
from fine_tune.recipe import Adapter, Recipe
from finmodel.errors import BadInput, Damaged, NotFound
from tests.fine_tune.small_model import FAMILY, encode, lesson, small_model

ADAPTER = Adapter(rank=8)
SMALL = small_model().config.to_dict()


@pytest.fixture(scope="module")
def pack():
    return pack_of([s for n in range(3) for s in samples_of(lesson(n), FAMILY, encode, 512)])


def row(pack):
    return Row(
        tuple(map(len, pack.samples)),
        tuple(bool(one.branch.any()) for one in pack.samples),
        int((pack.column("learnt") > 0).sum()),
    )


@pytest.mark.parametrize("step", [pack_loss, pack_divergence])
@pytest.mark.parametrize(("layers", "again"), [(1, 0), (2, 1), (3, 3)])
def test_a_step_without_numbers_takes_the_bytes_of_a_real_one(pack, layers, again, step):
    model = with_adapter(small_model(layers=layers), ADAPTER, 1).train()
    recompute(model, again)
    real = Alive()
    for one in (*model.parameters(), *model.buffers()):
        real.know(one)
    batch = Batch.of(pack, torch.device("cpu"))
    with real:
        step(model, batch).backward()
    found = trace(SMALL, ADAPTER, torch.float32, row(pack), (layers, again), step)
    # A batch is made before the real account begins: token numbers, places and masks.
    outside = 5 * 8 * len(pack) + sum(len(one) ** 2 for one in pack.samples)
    assert 0 <= max(found.peak.values()) - real.peak[""] <= outside


@pytest.fixture(scope="module")
def few(pack):
    return traces(SMALL, ADAPTER, torch.float32, row(pack))


@pytest.mark.parametrize("again", [0, 1, 6, 7])
def test_what_is_said_of_many_layers_follows_from_few(pack, few, again):
    layers = 7
    gradients = sum(
        p.nbytes
        for p in with_adapter(small_model(layers=layers), ADAPTER, 1).parameters()
        if p.requires_grad
    )
    held = Held(weights=1000, adapter=gradients, layers=layers, more_packs=False)
    found = parts(held, few, again, runtime=0, slack=0.0)
    gone = trace(SMALL, ADAPTER, torch.float32, row(pack), (layers, again))
    whole = max(gone.peak.values())
    said = found.peak - held.weights - held.adapter - found.optimiser
    assert whole <= said <= 1.01 * whole
    assert min(found.activations, found.logits, found.gradients) >= 0


def test_fewest_layers_are_computed_again_that_fit(few):
    held = Held(weights=0, adapter=10_000, layers=7, more_packs=True)

    def peak(again):
        return parts(held, few, again, 0, 0.0).peak

    again = fewest_again(7, peak, peak(4))
    assert again <= 4
    assert peak(again) <= peak(4) < peak(again - 1)
    assert fewest_again(7, peak, 1) is None


def flops(layers, pack, back):
    model = with_adapter(small_model(layers=layers), ADAPTER, 1)
    for name, one in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(one)
    batch = Batch.of(pack, torch.device("cpu"))
    # torch's counter knows the product that is added to what is there, and not the one in place.
    in_place = {torch.ops.aten.addmm_: lambda _, left, right, **__: mm_flop(left, right)}
    with FlopCounterMode(display=False, custom_mapping=in_place) as counter:
        loss = pack_loss(model, batch)
        if back:
            loss.backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("back", [False, True])
def test_a_layers_operations_are_those_that_torch_counts(pack, back):
    """Beside attention, which torch's counter does not know on a CPU."""
    counted = flops(3, pack, back) - flops(2, pack, back)
    tokens, learnt = len(pack), row(pack).learnt

    def said(layers, samples):
        shape = Shape.of(SMALL | {"num_hidden_layers": layers})
        one = flops_a_token(shape, ADAPTER, samples, learnt)
        return (one.forward + (one.backward if back else 0)) * tokens

    # Attention grows with the square of a sample: two halves have half of it.
    halves = (
        said(3, [tokens])
        - said(3, [tokens / 2] * 2)
        - (said(2, [tokens]) - said(2, [tokens / 2] * 2))
    )
    assert said(3, [tokens]) - said(2, [tokens]) - 2 * halves == pytest.approx(counted, rel=1e-9)


def test_the_14b_fits_a_large_card_and_a_small_one_in_four_bits_alone():
    config = config_of("qwen3-14b", None)
    # Published: 14.8 billion parameters, 13.2 without the embeddings (Qwen3's model card).
    embedding = config["vocab_size"] * config["hidden_size"]
    assert Shape.of(config).matrices() + embedding == pytest.approx(14.8e9, rel=0.003)
    assert Shape.of(config).matrices() - embedding == pytest.approx(13.2e9, rel=0.003)
    recipe = Recipe(name="a", base="qwen3-14b", length=2048)
    large = plan_run(config, recipe, card("h100-80g"), "qwen3-14b", tokens=10**7, utilisation=0.5)
    assert large.fits
    assert large.dtype == "bfloat16"
    assert sum(large.memory_gib.values()) == pytest.approx(large.peak_gib)
    assert large.memory_gib["weights"] == pytest.approx(14.768e9 * 2 / 2**30, rel=1e-3)
    again = large.checkpointed_layers / large.layers
    cost = large.flops_a_token
    done = cost["forward"] + cost["backward"] + again * cost["again"]
    assert large.tokens_per_s == pytest.approx(0.5 * 989.4e12 / done)
    assert large.hours == pytest.approx(1e7 / large.tokens_per_s / 3600)
    small = settings_of(config, recipe, card("4090-24g"), 10**7, 0.5)
    fit = {(one.length, one.quantised): one.checkpointed_layers for one in small}
    assert fit[2048, ""] is None
    assert 0 < fit[2048, "nf4"] <= 40
    assert advice(small, 2048).startswith("quantised: nf4 with checkpointed_layers: ")
    assert "smaller base" in advice([one for one in small if not one.quantised], 2048)


def test_a_recipe_in_four_bits_needs_less_and_one_with_more_packs_more():
    device, recipe = device_of("cpu"), Recipe(name="a", base="b", length=256, dtype="float32")
    config = KNOWN["qwen2.5-coder-1.5b"]

    def peak(**changed):
        mine = msgspec.structs.replace(recipe, **changed)
        need = need_of(config, mine, device, row_of(mine.length, device))
        return parts(need.held, need.traces, 28, device.runtime, device.slack).peak

    assert peak(quantised="nf4") < peak() - 4 * 2**30
    assert peak(packs=2) > peak()


def kept(config):
    bits = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    return dict(config) | {"quantization_config": bits}


def test_a_base_that_is_kept_in_four_bits_is_planned_and_advised_so():
    whole, recipe = KNOWN["qwen3-14b"], Recipe(name="a", base="b", length=512)
    told = [(kept(whole), recipe), (whole, msgspec.structs.replace(recipe, quantised="nf4"))]
    mine, asked = (plan_run(*one, card("4090-24g"), "b", tokens=1, utilisation=0.5) for one in told)
    assert mine.fits
    assert mine.memory_gib == asked.memory_gib
    assert (
        mine.memory_gib["weights"]
        < 11
        < 26
        < plan_run(whole, recipe, card("4090-24g"), "b", tokens=1, utilisation=0.5).memory_gib[
            "weights"
        ]
    )
    assert [(one.length, one.quantised) for one in mine.settings] == [
        (256, "nf4"), (512, "nf4"), (1024, "nf4")
    ]  # fmt: skip
    assert "quantised" not in advice(mine.settings, 512, "nf4")


def test_rehearsed_text_counts_in_a_runs_hours_and_its_memory():
    device, recipe = card("h100-80g"), Recipe(name="a", base="b", length=256, packs=2)
    config = KNOWN["qwen2.5-coder-1.5b"]

    def planned(rehearsal):
        mine = msgspec.structs.replace(recipe, rehearsal=rehearsal)
        return plan_run(config, mine, device, "b", tokens=10**6, utilisation=0.5)

    none, few, all_of_it = map(planned, (0, 64, 256))
    cost = none.flops_a_token
    # A step of 512 tokens has 64 more: once forward, then a pass as of any other.
    more = 64 / 512 * (2 * cost["forward"] + cost["backward"])
    assert few.hours - none.hours == pytest.approx(more * 10**6 / (0.5 * 989.4e12) / 3600, rel=0.02)
    assert few.flops_a_token["rehearsal"] == pytest.approx(more, rel=0.02)
    assert few.peak_gib == none.peak_gib
    # Logits of both sides, and what comes of them, beside gradients that are there.
    assert all_of_it.peak_gib > none.peak_gib


def test_the_most_of_learning_and_rehearsing_is_told(pack):
    """One row alone learns here: a step's gradients are there once it rehearses."""
    recipe = Recipe(name="a", base="b", length=64, rehearsal=64, adapter=ADAPTER, dtype="float32")
    device = device_of("cpu")
    need = need_of(SMALL, recipe, device, Row((8,), (False,), 2))
    found = memory_of(need, device, 0)
    assert found.peak > parts(need.held, need.traces, 0, device.runtime, device.slack).peak
    assert found.gradients == need.held.adapter


def test_what_cannot_be_planned_is_told(tmp_path):
    with pytest.raises(NotFound, match=r"no card is called 'h100'.*h100-80g"):
        device_of("h100")
    with pytest.raises(BadInput, match=r"it has no config\.json"):
        config_of("x", tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(Damaged, match="it describes no decoder"):
        config_of("x", tmp_path)
    assert {one.name for one in CARDS.values()} == set(CARDS)
