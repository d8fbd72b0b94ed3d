"""What a run reads: lessons, and the samples that its model is trained, held and judged by.

A recipe, a base and material come in; all that needs conversations or a tokenizer before the first
step goes out, made or as an earlier life kept it. Knows no torch model and no MLflow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from fine_tune.bases.base import Base
from fine_tune.judging.assay import HeldOut, held_out_of
from fine_tune.judging.evaluate import lesson_samples
from fine_tune.lessons.balance import balanced
from fine_tune.lessons.canaries import Canary, canaries
from fine_tune.lessons.pairs import pair_samples
from fine_tune.lessons.prepare import Mask, Prepared, prepare
from fine_tune.lessons.samples import Sample, Speaker
from fine_tune.lessons.texts import rehearsals
from fine_tune.recipe import Recipe
from fine_tune.training.pair_run import learns_pairs, pairs_to_learn
from finmodel.conversations import Conversation
from finmodel.errors import BadInput
from finmodel.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Material:
    """What a run learns from and is judged by."""

    conversations: Sequence[Conversation]
    mask: Mask
    general: Sequence[str]
    """Texts of no conversation, by which forgetting is measured."""
    rehearsed: Sequence[str] = ()
    """Other such texts, which a run rehearses where its recipe says so."""
    unseen: frozenset[str] = frozenset()
    """Scripts that stand in no training conversation."""
    verdicts: Iterable[Verdict] = ()
    """What agents made of suggestions in these conversations."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """Material of nobody, made only where it is needed: what comes of it may be kept."""

    make: Callable[[], Material]
    of: Sequence[int | str] = ()
    """What it is a function of beside the recipe and the code."""


Source: TypeAlias = Material | Simulated


@dataclass(frozen=True, slots=True)
class Ready:
    """All that a run reads."""

    prepared: Prepared
    learnt: tuple[Sample, ...]
    rehearsed: tuple[Sample, ...]
    held_out: HeldOut


def made_ready(recipe: Recipe, base: Base, material: Material) -> Ready:
    """Prepare and encode; BadInput where nothing is held out, or as `prepare` says."""
    prepared = prepare(material.conversations, material.mask, material.verdicts, share=recipe.share)
    _require_held_out(prepared)
    planted = canaries(recipe.canaries, recipe.seed)
    return Ready(
        prepared=prepared,
        learnt=tuple(samples_to_learn(prepared, planted, recipe, base)),
        rehearsed=tuple(rehearsals(material.rehearsed, base.encode, recipe.rehearsal)),
        held_out=held_out_of(
            base,
            recipe.length,
            prepared,
            material.general,
            material.unseen,
            material.conversations,
        ),
    )


def samples_to_learn(
    prepared: Prepared, planted: Sequence[Canary], recipe: Recipe, base: Base
) -> list[Sample]:
    """What trains: the lessons, or the pairs, of conversations and of canaries."""
    secrets = [one.lesson for one in planted]
    if learns_pairs(recipe):
        speaker = Speaker(base.family, base.encode)
        told = pair_samples(secrets, speaker, recipe.length)
        return [*pairs_to_learn(prepared, recipe, base), *told]
    lessons = (*balanced(prepared.lessons["train"], recipe.balance), *secrets)
    return lesson_samples(lessons, base, recipe.length, shared=recipe.shared)


def _require_held_out(prepared: Prepared) -> None:
    """Asked before hours of learning: without it no gate could be passed."""
    if not prepared.lessons["test"]:
        raise BadInput(
            "no conversation is held out, so nothing could be judged",
            where="conversations",
            remedy="bring those of more customers, or give some of them `split: test`",
        )
