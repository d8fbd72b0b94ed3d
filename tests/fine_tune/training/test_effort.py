"""A run's account: what a kill threw away is time that was lost."""

import pytest
import torch

from fine_tune.bases.shape import Flops
from fine_tune.lessons.samples import samples_of
from fine_tune.lessons.steps import plan_of
from fine_tune.lessons.texts import rehearsals
from fine_tune.network.layers import recompute
from fine_tune.network.model import with_adapter
from fine_tune.recipe import Adapter, Recipe
from fine_tune.training import effort
from fine_tune.training.effort import Effort, Machine, Work, effort_of
from fine_tune.training.train import Step
from tests.fine_tune.small_model import FAMILY, encode, lesson, small_model

CPU = Machine(torch.device("cpu"), rate=1e9, units=2, price_per_hour=3.0)
WORK = Work(steps=10, flops=Flops(1e6, 2e6, 1e6, 4e6), again=0.5)


def step(number, seconds=2.0):
    return Step(number, loss=1.0, departed=0.0, norm=1.0, tokens=400, learnt=100, seconds=seconds)


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(effort.time, "perf_counter", lambda: now[0])
    return now


def test_a_step_is_told_by_its_pace(tmp_path, clock):
    found = Effort(WORK, CPU, tmp_path, 100.0).after(step(4))
    assert found["tokens_per_s"] == 200
    assert found["utilisation"] == pytest.approx(200 * 3e6 / 1e9)
    assert found["hardware_utilisation"] == pytest.approx(200 * 3.5e6 / 1e9)
    assert found["seconds_left"] == 12
    assert found["memory_gib"] > 0.1


def test_a_killed_life_counts_and_its_lost_steps_are_not_effective(tmp_path, clock):
    first = Effort(WORK, CPU, tmp_path, 100.0)
    clock[0] = 1900.0
    first.after(step(5))  # and killed, before it was kept
    clock[0] = 50.0
    second = Effort(WORK, CPU, tmp_path, 50.0)
    clock[0] = 1850.0
    second.after(step(10))
    figures = second.figures(1800.0)
    assert figures["effective_share"] == pytest.approx(0.5)
    assert figures["core_hours"] == pytest.approx(2.0)
    assert figures["cost"] == pytest.approx(3.0)
    assert second.spent() == {name: figures[name] for name in ("core_hours", "cost")}


def test_an_account_is_opened_for_a_model_as_it_is(tmp_path):
    recipe = Recipe(name="a", base="b", length=512, price_per_hour=2.0, adapter=Adapter(rank=4))
    plan = plan_of(
        [s for n in range(4) for s in samples_of(lesson(n), FAMILY, encode, 512)], recipe
    )
    model = with_adapter(small_model(), recipe.adapter, 1)
    recompute(model, 1)
    opened = effort_of(model, plan, recipe, tmp_path, 0.0)
    told = opened.after(step(1))
    assert told["hardware_utilisation"] > told["utilisation"] > 0
    assert opened.figures(1.0)["core_hours"] > 0


def test_what_is_rehearsed_is_work_too(tmp_path, monkeypatch):
    monkeypatch.setattr(effort, "product_rate", lambda *_: 1e12)
    recipe = Recipe(name="a", base="b", length=512, adapter=Adapter(rank=4))
    samples = [s for n in range(4) for s in samples_of(lesson(n), FAMILY, encode, 512)]
    model = with_adapter(small_model(), recipe.adapter, 1)

    def utilisation(rehearsed):
        plan = plan_of(samples, recipe, rehearsed)
        found = effort_of(model, plan, recipe, tmp_path / str(len(rehearsed)), 0.0)
        return found.after(step(1))["utilisation"], plan

    (none, plan), (some, _) = utilisation(()), utilisation(rehearsals(["a" * 65], encode, 32))
    # A token of it is gone through forward once more than one that is learnt: half as much again.
    share = 32 * len(plan) / plan.tokens
    assert some / none == pytest.approx(1 + 1.5 * share, rel=0.1)
