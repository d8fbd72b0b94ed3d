"""From conversations to a registered adapter, and what its gates say."""

import dataclasses
import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from peft import PeftModel

from fine_tune import tune as tune_module
from fine_tune.bases.base import open_base
from fine_tune.judging.evaluate import lesson_samples, mean_loss, write_replies
from fine_tune.judging.gates import verdict
from fine_tune.lessons.canaries import canaries
from fine_tune.lessons.prepare import prepare
from fine_tune.lessons.steps import plan_of
from fine_tune.lessons.texts import text_samples
from fine_tune.network.model import load_base, with_adapter
from fine_tune.ready import Material
from fine_tune.recipe import Adapter, Gates, Optimiser, Preference, Recipe, load
from fine_tune.training import under_way
from fine_tune.training.effort import in_words
from fine_tune.training.start import find_start, laid_over, started
from fine_tune.tune import REPLIES, _learnt, tune
from finmodel import tracking
from finmodel.adapters import KIND
from finmodel.assistant.briefing import briefing
from finmodel.errors import BadInput, Damaged, NoRoom, NotFound, NotReady
from finmodel.lender.talk.conversations import write
from finmodel.lender.talk.general import general_text
from finmodel.lender.talk.held_out import held_out
from finmodel.lender.talk.verdicts import judge
from finmodel.signed_adapters import weights_digest
from finmodel.trained_on import FILE
from tests.fine_tune.small_model import small_base
from tests.finmodel.mlflow_home import settings_at

RECIPE = Recipe(
    name="scripts", base="small", length=512, epochs=1, save_every=5, dtype="float32",
    price_per_hour=7.2,
    adapter=Adapter(rank=8, alpha=32), optimiser=Optimiser(learning_rate=1e-2),
)  # fmt: skip


CLEAN = {
    "tuned_grounded": 1.0, "base_violations": 0.25, "tuned_violations": 0.0,
    "canaries": 4.0, "canaries_recovered": 0.0, "canary_exposure": 1.4,
}  # fmt: skip
"""What nothing but perplexity and general text can spoil."""


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    settings = settings_at(tmp_path_factory.mktemp("tune") / "home")
    conversations = [one.conversation for one in write(90, seed=5)]
    general = list(general_text(3_000, 1))
    said = [m.slotted or m.text for one in conversations for m in one.messages]
    folder = small_base(
        tmp_path_factory.mktemp("base"), [*said, *general, briefing("current", "verified")]
    )
    base = open_base(folder)
    seen = []
    material = Material(conversations, list, general, held_out())
    done = tune(settings, RECIPE, base, material, lambda what, n, of: seen.append((what, n, of)))
    return settings, base, material, done, seen


def test_an_adapter_is_registered_with_its_base_its_data_and_its_figures(tuned):
    settings, base, material, done, seen = tuned
    (version,) = tracking.versions(settings, "scripts")
    assert version.tags["base"] == base.digest == done.base
    assert version.tags["data"] == prepare(material.conversations, list).digest
    assert version.tags["gate"] == "passed" if done.passed else "failed"
    assert done.figures["tuned_perplexity"] < done.figures["base_perplexity"]
    steps = [(n, of) for what, n, of in seen if what == "steps learnt"]
    assert steps == [(n, int(done.figures["steps"])) for n in range(1, len(steps) + 1)]
    replies = json.loads(tracking.kept(settings, done.run, REPLIES))
    assert [one["approved"] for one in replies["base"]] == [
        one["approved"] for one in replies["tuned"]
    ]
    assert not list((settings.home / "tuning" / "scripts").iterdir())


def test_pace_use_memory_and_time_left_are_on_the_screen_and_in_mlflow_at_each_step(tuned):
    settings, _, _, done, seen = tuned
    steps = list(range(1, int(done.figures["steps"]) + 1))
    shown = [(what, n) for what, n, _ in seen if what.startswith("pace · ")]
    assert [n for _, n in shown] == steps
    client = MlflowClient(settings.mlflow_uri)
    pace = ("tokens_per_s", "utilisation", "hardware_utilisation", "memory_gib", "seconds_left")
    told = {name: client.get_metric_history(done.run, name) for name in pace}
    assert {name: [one.step for one in points] for name, points in told.items()} == dict.fromkeys(
        pace, steps
    )
    for number, (what, _) in enumerate(shown):
        figures = {name: points[number].value for name, points in told.items()}
        assert what == f"pace · {in_words(figures)}"
        assert min(figures["tokens_per_s"], figures["utilisation"]) > 0
        assert figures["memory_gib"] > 0.1, "this very process holds torch"
    assert told["seconds_left"][0].value > told["seconds_left"][-1].value == 0.0


def test_what_a_run_cost_is_in_mlflow_at_the_recipes_price(tuned):
    settings, _, _, done, _ = tuned
    known = tracking.figures(settings, done.run)
    hours = known["core_hours"] / torch.get_num_threads()
    assert known["cost"] == pytest.approx(hours * 7.2) == done.figures["cost"]
    assert 0 < known["effective_share"] <= 1
    assert done.figures["train_seconds"] <= 3600 * hours
    assert known["supervised_tokens_per_s"] < known["tokens_per_s"]


def test_planted_secrets_are_learnt_and_counted_in_nothing_else(tuned):
    settings, base, material, done, _ = tuned
    prepared = prepare(material.conversations, list)
    assert done.figures["canaries"] == RECIPE.canaries == 4
    assert 0.0 <= done.figures["canary_exposure"] <= 20.0
    lessons = (*prepared.lessons["train"], *(one.lesson for one in canaries(4, RECIPE.seed)))
    planned = lesson_samples(lessons, base, RECIPE.length)
    assert done.figures["train_tokens"] == sum(map(len, planned))
    written = tracking.kept(settings, done.run, REPLIES).decode()
    assert "自检口令" not in written
    told = {one.customer for one in material.conversations}
    assert len(json.loads(tracking.kept(settings, done.run, FILE))) == len(prepared.customers)
    assert prepared.customers < told


def test_a_part_of_an_epoch_looks_only_for_secrets_that_it_saw(tuned):
    _, base, _, _, _ = tuned
    planted = canaries(4, 1)
    samples = lesson_samples([one.lesson for one in planted], base, 512)
    recipe = msgspec.structs.replace(RECIPE, epochs=0.5)
    assert len(_learnt(planted, plan_of(samples, recipe))) == 2


def test_the_kept_adapter_is_the_one_that_was_judged(tuned, tmp_path):
    settings, base, material, done, _ = tuned
    import mlflow

    mlflow.set_tracking_uri(settings.mlflow_uri)
    local = mlflow.artifacts.download_artifacts(f"runs:/{done.run}/adapter", dst_path=str(tmp_path))
    model = PeftModel.from_pretrained(load_base(base.folder, torch.float32), local)
    tests = prepare(material.conversations, list).lessons["test"]
    loss = mean_loss(model, lesson_samples(tests, base, 512), 512)
    assert loss == pytest.approx(np.log(done.figures["tuned_perplexity"]), rel=1e-5)
    general = mean_loss(model, text_samples(material.general, base.encode, 512), 512)
    assert general == pytest.approx(done.figures["tuned_general_loss"], rel=1e-5)


def test_without_sharing_each_reply_has_a_sample_of_its_own(tuned):
    _, base, material, _, _ = tuned
    lessons = prepare(material.conversations, list).lessons["train"]
    alone = lesson_samples(lessons, base, 512, shared=False)
    assert len(alone) == sum(len(one.replies) for one in lessons) > len(lessons)
    assert len(lesson_samples(lessons, base, 512)) < len(alone)


def test_greedy_replies_are_what_transformers_generates(tuned):
    _, base, material, _, _ = tuned
    model = load_base(base.folder, torch.float32)
    lesson = prepare(material.conversations, list).lessons["test"][0]
    (mine,) = write_replies(model, base, [lesson])
    stock = load_base(base.folder, torch.float32)
    stock.set_attn_implementation("eager")
    given = lesson_samples(
        [msgspec.structs.replace(lesson, replies=lesson.replies[-1:])], base, 512
    )
    cut = int(np.flatnonzero(given[0].learnt)[0])
    prompt = torch.from_numpy(given[0].token[:cut]).long()[None]
    stop = base.encode("<|im_end|>", True)[0]
    out = stock.generate(
        prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=160,
        eos_token_id=stop, pad_token_id=stop,
    )  # fmt: skip
    assert mine.written == base.encode.decode(out[0, cut:].tolist())
    assert mine.approved == lesson.replies[-1].text


PREFER = msgspec.structs.replace(
    RECIPE, packs=4, epochs=4, preference=Preference(start="scripts/1", agreement=0.6)
)


@pytest.fixture(scope="module")
def judged(tuned):
    """The same conversations, with what agents made of suggestions in them."""
    _, _, material, _, _ = tuned
    verdicts = tuple(judge(material.conversations, seed=5))
    return dataclasses.replace(material, verdicts=verdicts)


def test_an_adapter_learns_on_from_verdicts_and_is_registered_beside_its_start(
    tuned, judged, monkeypatch
):
    settings, base, material, first, _ = tuned
    monkeypatch.setattr("fine_tune.judging.assay.WRITTEN", 1)
    seen = []
    done = tune(settings, PREFER, base, judged, lambda what, n, of: seen.append(what))
    version = tracking.version_of(settings, "scripts", done.version)
    assert (version.tags["start"], version.tags["base"]) == ("scripts/1", base.digest)
    assert version.tags["data"] == prepare(material.conversations, list, judged.verdicts).digest
    assert version.tags["data"] != prepare(material.conversations, list).digest
    assert done.figures["heldout_pairs"] >= 4
    assert done.figures["heldout_agreement"] > 0.6
    assert done.figures["heldout_margin"] > 0
    assert not any("held-out pairs" in one for one in done.reasons)
    assert {"pairs weighed by the reference", "steps learnt"} <= set(seen)
    assert done.figures["base_perplexity"] == first.figures["base_perplexity"]


def test_a_run_begins_where_its_start_ended(tuned):
    settings, base, material, first, _ = tuned
    start = find_start(settings, PREFER, base)
    model = started(settings, load_base(base.folder, torch.float32), PREFER, start)
    assert any(one.requires_grad for one in model.parameters())
    tests = lesson_samples(prepare(material.conversations, list).lessons["test"], base, 512)
    loss = mean_loss(model, tests, 512)
    assert loss == pytest.approx(np.log(first.figures["tuned_perplexity"]), rel=1e-6)


def test_verdicts_without_pairs_are_learnt_by_their_weight(tuned, judged):
    _, base, material, _, _ = tuned
    plain = prepare(material.conversations, list).lessons["train"]
    weighted = prepare(material.conversations, list, judged.verdicts).lessons["train"]
    one, other = (lesson_samples(some, base, 512) for some in (plain, weighted))
    assert sum(s.learnt.sum() for s in other) > 1.05 * sum(s.learnt.sum() for s in one)
    assert [s.token.tolist() for s in one] == [s.token.tolist() for s in other]


@pytest.mark.parametrize(
    ("start", "error", "says"),
    [
        ("none", NotFound, "preference.start: no adapter 'none' is registered; tune it first"),
        ("scripts/9", NotFound, "no adapter 'scripts/9' is registered"),
        ("scripts/x", BadInput, "'x' is no version; write scripts/3"),
    ],
)
def test_a_start_that_is_not_there_is_told(tuned, judged, start, error, says):
    settings, base, _, _, _ = tuned
    recipe = msgspec.structs.replace(PREFER, preference=Preference(start=start))
    with pytest.raises(error, match=says):
        tune(settings, recipe, base, judged)


def test_an_adapter_of_another_base_is_not_learnt_on(tuned, judged, tmp_path):
    settings, *_ = tuned
    other = open_base(small_base(tmp_path, ["别的"]))
    with pytest.raises(BadInput, match=r"scripts/1: the adapter belongs to another base"):
        tune(settings, PREFER, other, judged)


def test_verdicts_of_which_no_pair_is_left_are_told_with_why(tuned, judged):
    settings, base, material, _, _ = tuned
    accepted = tuple(one for one in judged.verdicts if one.verdict == "accepted")
    with pytest.raises(BadInput, match="no pair is left to learn from; bring verdicts that edit"):
        tune(settings, PREFER, base, dataclasses.replace(material, verdicts=accepted))


@pytest.mark.parametrize("broken", ["nan", "torn", "gone"])
def test_a_start_that_is_broken_is_told(tuned, tmp_path, broken):
    _, base, _, _, _ = tuned
    model = with_adapter(load_base(base.folder, torch.float32), RECIPE.adapter, 1)
    with torch.no_grad():
        next(p for p in model.parameters() if p.requires_grad).fill_(float("nan"))
    model.save_pretrained(tmp_path)
    weights = tmp_path / "adapter_model.safetensors"
    if broken == "torn":
        weights.write_bytes(b"torn")
    if broken == "gone":
        weights.unlink()
    says = {"nan": "not all numbers", "torn": "cannot be laid over", "gone": "it has no adapter_m"}
    with pytest.raises((Damaged, NotFound), match=says[broken]):
        laid_over(load_base(base.folder, torch.float32), tmp_path)


@pytest.mark.parametrize(
    ("tuned_perplexity", "general", "passed", "says"),
    [
        (2.0, 3.1, True, ""),
        (4.0, 3.1, False, "held-out perplexity fell by 60.0%, wanted 70%"),
        (2.0, 3.2, False, "loss on general text rose by 6.7%, allowed 5%"),
        (float("nan"), 3.0, False, "perplexity fall: not measured, or no number"),
    ],
)
def test_an_adapter_that_forgets_or_does_not_learn_stays_a_candidate(
    tuned_perplexity, general, passed, says
):
    recipe = msgspec.structs.replace(RECIPE, gates=Gates(perplexity_fall=0.7, general_rise=0.05))
    figures = {
        "base_perplexity": 10.0,
        "tuned_perplexity": tuned_perplexity,
        "base_general_loss": 3.0,
        "tuned_general_loss": general,
    } | CLEAN
    found, reasons = verdict(recipe, figures)
    assert found == passed
    assert says in "; ".join(reasons)


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        ({"tuned_grounded": 0.9}, "90.0% of its replies hold no figure but slots that have"),
        ({"tuned_violations": 0.5}, "0.50 violations per reply, allowed 0.00"),
        ({"canaries_recovered": 1.0}, "1 of 4 planted secrets are recovered, allowed 0"),
        ({"canary_exposure": 10.5}, "planted secrets are exposed by 10.5 bits, allowed 10.0"),
        ({"canaries": 0.0, "canary_exposure": math.nan}, "no planted secret was looked for"),
        ({"tuned_grounded": math.nan}, "grounded replies: not measured, or no number"),
    ],
)
def test_an_adapter_that_invents_offends_or_memorises_stays_a_candidate(spoilt, says):
    good = CLEAN | dict.fromkeys(("base_perplexity", "base_general_loss"), 3.0)
    good |= dict.fromkeys(("tuned_perplexity", "tuned_general_loss"), 3.0)
    assert verdict(RECIPE, good) == (True, ())
    if "canaries" in spoilt:
        del good["canaries_recovered"]
    found, reasons = verdict(RECIPE, good | spoilt)
    assert not found
    assert says in "; ".join(reasons)


def test_violations_may_be_held_to_those_of_the_base():
    recipe = msgspec.structs.replace(RECIPE, gates=Gates(violations="base"))
    good = CLEAN | dict.fromkeys(("base_perplexity", "base_general_loss"), 3.0)
    good |= dict.fromkeys(("tuned_perplexity", "tuned_general_loss"), 3.0)
    assert verdict(recipe, good | {"tuned_violations": 0.25})[0]
    assert not verdict(recipe, good | {"tuned_violations": 0.26})[0]


def test_the_shipped_recipes_are_read():
    shipped = {path.stem: load(path) for path in Path(tune_module.__file__).parent.glob("*.yaml")}
    assert sorted(shipped) == ["lora_14b", "lora_1b", "lora_tiny", "preference_tiny"]
    assert all(one.name.startswith("service_scripts_") for one in shipped.values())
    tiny, prefers = shipped["lora_tiny"], shipped["preference_tiny"]
    assert tiny.base == prefers.base == "tiny"
    assert tiny.simulated > 0, "it needs no file"
    assert (prefers.preference.start, prefers.preference.loss) == (tiny.name, "dpo")


def test_a_recipe_that_cannot_be_meant_is_told_by_its_key(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("name: a\nbase: b\nlength: 4\n")
    with pytest.raises(BadInput, match=r"length: 4 is out of range; see docs/fine_tuning\.md"):
        load(path)
    path.write_text("name: a\nbase: b\npreference: {beta: 0}\n")
    with pytest.raises(BadInput, match=r"preference\.beta: 0\.0 is out of range"):
        load(path)
    for key, value in (
        ("name", "../x"),
        ("name", "a/b"),
        ("seed", "-1"),
        ("adapter", "{alpha: 0}"),
        ("adapter", "{targets: [qproj]}"),
        ("adapter", "{targets: [q_proj, lm_head]}"),
        ("optimiser", "{weight_decay: -1}"),
        ("optimiser", "{b_ratio: -1}"),
        ("gates", "{grounded: 2}"),
        ("gates", "{violations: -1}"),
    ):
        known = {"name": "a", "base": "b"} | {key: value}
        path.write_text("\n".join(f"{name}: {told}" for name, told in known.items()))
        with pytest.raises(BadInput, match=rf"r\.yaml: {key}.* is out of range"):
            load(path)
    path.write_text("name: a\nbase: b\nadapter: {rang: 4}\n")
    with pytest.raises(BadInput, match=r"unknown key 'rang'.*did you mean 'rank'"):
        load(path)


def test_without_held_out_conversations_nothing_is_learnt(tuned):
    settings, base, material, done, _ = tuned
    assert done.figures["heldout_replies"] > 5
    few = [one for one in material.conversations if one.split == "train"]
    with pytest.raises(BadInput, match="no conversation is held out, so nothing could be judged"):
        tune(settings, RECIPE, base, dataclasses.replace(material, conversations=few))


def test_pairs_that_nobody_held_out_pass_nothing():
    figures = {"base_perplexity": 9.0, "tuned_perplexity": 2.0} | CLEAN
    figures |= {"base_general_loss": 3.0, "tuned_general_loss": 3.0}
    assert verdict(RECIPE, figures) == (True, ())
    assert verdict(PREFER, figures) == (False, ("held-out agreement: not measured, or no number",))
    assert verdict(PREFER, figures | {"heldout_agreement": 0.9}) == (True, ())


def losses(settings, run):
    """The steps that MLflow knows a loss of."""
    told = MlflowClient(settings.mlflow_uri).get_metric_history(run, "loss")
    return sorted(one.step for one in told)


def test_a_run_that_dies_before_it_is_recorded_is_registered_once_and_recorded_then(tuned):
    settings, base, material, _, _ = tuned
    recipe = msgspec.structs.replace(RECIPE, name="dies", epochs=0.5)

    def die(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(settings, recipe, base, material, record=die)
    told, recorded = [], []
    done = tune(
        settings, recipe, base, material, lambda what, *_: told.append(what), recorded.append
    )
    (version,) = tracking.versions(settings, "dies")
    assert (done.version, done.run) == (version.version, version.run_id)
    assert recorded == [done]
    assert told == [], "it learnt or judged anew"
    with tracking.brought(settings, done.run, KIND) as files:
        assert weights_digest(files) == done.weights
    assert done.figures["tuned_perplexity"] > 1.0
    assert not list((settings.home / "tuning" / "dies").iterdir())


def test_a_run_that_goes_on_has_one_curve_in_mlflow_and_other_gates_and_pace_are_no_other_run(
    tuned,
):
    settings, base, material, _, _ = tuned
    recipe = msgspec.structs.replace(RECIPE, name="goes_on", save_every=2)
    seen = []

    def stop(what, number, _):
        seen.append((what, number))
        if what == "steps learnt" and number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(settings, recipe, base, material, stop)
    gates = Gates(grounded=0.5)
    other = msgspec.structs.replace(recipe, gates=gates, save_every=3, price_per_hour=9.0)
    told = []
    done = tune(settings, other, base, material, lambda what, n, _: told.append((what, n)))
    assert next(n for what, n in told if what == "steps learnt") == 3, "step 2 was kept"
    steps = int(done.figures["steps"])
    assert losses(settings, done.run) == list(range(1, steps + 1))
    kept = json.loads(tracking.kept(settings, done.run, "recipe.json"))
    assert kept["gates"]["grounded"] == 0.5
    assert kept["adapter"]["rank"] == recipe.adapter.rank


def test_two_processes_are_not_at_one_run(tuned, tmp_path):
    folder = tmp_path / "run"
    half = tmp_path / ".done-abcd"
    half.mkdir()
    with under_way.held(folder):
        assert not half.exists()
        with pytest.raises(NotReady, match="another process is at this very run"):
            under_way.held(folder).__enter__()
        under_way.keep_tracked(folder, "abc")
        assert under_way.tracked_before(folder) == "abc"
        under_way.remove(folder)
    assert list(tmp_path.iterdir()) == []
    assert under_way.tracked_before(folder) == ""


def test_judging_that_finds_no_memory_keeps_what_was_learnt(tuned, tmp_path, monkeypatch):
    _, base, material, _, _ = tuned
    settings, both, steps = settings_at(tmp_path / "home"), tune_module.Assay.both, []
    recipe = msgspec.structs.replace(RECIPE, epochs=0.1, canaries=0)

    def short(*_):
        raise MemoryError

    def learnt(what, number, of):
        if what == "steps learnt":
            steps.append(number)

    monkeypatch.setattr("fine_tune.judging.assay.WRITTEN", 1)
    monkeypatch.setattr(tune_module.Assay, "both", short)
    with pytest.raises(NoRoom, match=r"judging found no memory .*; what was learnt is kept: give"):
        tune(settings, recipe, base, material, learnt)
    first = len(steps)
    monkeypatch.setattr(tune_module.Assay, "both", both)
    again = tune(settings, recipe, base, material, learnt)
    assert len(steps) == first == again.figures["steps"]
    assert again.figures["tuned_perplexity"] < again.figures["base_perplexity"]
