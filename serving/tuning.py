"""`finmodel tune`: a recipe, a base and conversations from a shell in, an adapter in MLflow out.

Conversations are read and masked here, once; what is learnt of them is the business of fine_tune.
torch takes seconds to import: a mistake in the recipe need not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fine_tune.bases.shipped import FOLDER
from finmodel.conversations import Conversation
from finmodel.errors import BadInput
from finmodel.hashes import sha256_of
from finmodel.privacy.masks import masked
from finmodel.verdicts import Verdict
from serving.bases import base_folder, hush_peft, tell_stand_in
from serving.operators import Json, settings
from serving.screen import Progress, emit
from serving.tuning_plan import TOKENS, Asked, emit_plan, show_plan

if TYPE_CHECKING:
    from fine_tune.ready import Material, Source
    from fine_tune.recipe import Recipe
    from fine_tune.tune import Tuned
    from finmodel.records import Person
    from finmodel.settings import Settings

GENERAL: Final = 30_000
"""Bytes of general text by which forgetting is measured."""
GENERAL_SEED: Final = 7
REHEARSED: Final = 100_000
"""Bytes of other general text, which a run rehearses."""
REHEARSED_SEED: Final = 8


def tune(  # noqa: PLR0913 -- an option is a parameter
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.")],
    base: Annotated[
        str, typer.Option(help="A base's directory or name, if not the recipe's own.")
    ] = "",
    conversations: Annotated[
        Path | None,
        typer.Option(help="Conversations, .jsonl or .csv; simulated ones if not given."),
    ] = None,
    verdicts: Annotated[
        Path | None,
        typer.Option(help="Agents' verdicts on suggestions in these conversations, .jsonl."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only tell what the run needs; no weights are read.")
    ] = False,
    device: Annotated[
        str, typer.Option(help="What --plan is for: a card such as h100-80g, or this cpu.")
    ] = "cpu",
    utilisation: Annotated[
        float | None,
        typer.Option(help="The part of the device's rate that --plan counts on; its own if none."),
    ] = None,
    tokens: Annotated[
        int, typer.Option(help="How many tokens --plan tells the hours of.")
    ] = TOKENS,
    json: Json = False,
) -> None:
    """Tune an adapter on service conversations, judge it, and register it; stopped, it goes on.

    An engineer's or an analyst's: FINMODEL_KEY must hold the key of one; --plan needs none.
    Judged is what the test split makes of it, which is never learnt: conversations with
    `split: test`, and every tenth customer's among the latest fifth.
    """
    from fine_tune.recipe import load

    loaded = load(recipe)
    if plan:
        asked = Asked(device, utilisation, tokens)
        emit_plan(show_plan(loaded, base or loaded.base, recipe, asked, settings().bases), json)
        return
    _require_both(loaded, conversations, verdicts)
    from finmodel.records import TRAINERS
    from serving.access import signed_in

    here = settings()
    who = signed_in(here, TRAINERS)
    hush_peft()
    from fine_tune.bases.base import open_base
    from fine_tune.ready import Simulated
    from fine_tune.tune import tune as run

    opened = open_base(base_folder(base or loaded.base, recipe, here.bases))
    if opened.folder == FOLDER:
        tell_stand_in()
    if conversations is None:
        require_simulated(loaded.simulated)
        of = (GENERAL, GENERAL_SEED, REHEARSED, REHEARSED_SEED, sha256_of(Path(__file__)))
        source: Source = Simulated(lambda: _simulated(loaded), of)
    else:
        source = _real(here, loaded, conversations, verdicts)
    with Progress() as progress:
        done = run(
            here, loaded, opened, source, progress, lambda one: _record(here, loaded, one, who)
        )
    if done is None:
        return  # of several processes, the first tells
    emit(done, json)
    typer.echo(_next(done, who), err=True)


def _simulated(recipe: Recipe) -> Material:
    """Conversations of the simulated lender; with agents' verdicts where the recipe learns them."""
    from finmodel.lender.talk.verdicts import judge

    told = tuple(conversations_of(None, recipe.simulated, recipe.seed, recipe.further))
    said = judge(told, recipe.seed) if recipe.preference is not None else ()
    return _material(told, said, recipe)


def _real(here: Settings, recipe: Recipe, conversations: Path, verdicts: Path | None) -> Material:
    """Those of a file, without those of who asked to be erased."""
    from finmodel.verdict_files import read_verdicts

    given = conversations_of(conversations, 0, 0)
    told, gone = _without_restricted(here, given)
    said = read_verdicts(verdicts) if verdicts is not None else ()
    return _material(told, (one for one in said if one.conversation not in gone), recipe)


def _material(told: tuple[Conversation, ...], said: Iterable[Verdict], recipe: Recipe) -> Material:
    from fine_tune.ready import Material
    from finmodel.lender.talk.general import general_text
    from finmodel.lender.talk.held_out import held_out

    return Material(
        conversations=told,
        verdicts=tuple(said),
        mask=masked,
        general=tuple(general_text(GENERAL, GENERAL_SEED)),
        rehearsed=tuple(general_text(REHEARSED, REHEARSED_SEED)) if recipe.rehearsal else (),
        unseen=held_out(),
    )


def _record(here: Settings, recipe: Recipe, done: Tuned, who: Person) -> None:
    """In the audit log, with the verdict of the gates, where a promotion will look for it."""
    from fine_tune.judging.gates import judge
    from finmodel.acts import audited
    from finmodel.adapters import record_verdict
    from finmodel.signed_adapters import About

    facts = {"name": done.name, "version": done.version, "base": done.base, "by": who.name}
    audited(here, "adapter_tuned", facts | {"passed": done.passed})
    about = About(
        name=done.name,
        version=done.version,
        base=done.base,
        weights=done.weights,
        verdict=judge(recipe, done.figures),
        trained_by=who.name,
        run_id=done.run,
        demo=who.demo,
    )
    record_verdict(here, about, who)


def _next(done: Tuned, who: Person) -> str:
    """What to do with it now."""
    if not done.passed:
        return (
            f"{done.name} version {done.version} stays a candidate: {'; '.join(done.reasons)}\n"
            f"compare it: finmodel evaluate {done.name}/{done.version}"
        )
    return (
        f"compare it: finmodel evaluate {done.name}/{done.version}\n"
        f"then a validator who is not {who.name}: "
        f"finmodel promote {done.name} --version {done.version}"
    )


def _require_both(recipe: Recipe, conversations: Path | None, verdicts: Path | None) -> None:
    """BadInput where verdicts and conversations do not come together."""
    if verdicts is not None and conversations is None:
        raise BadInput(
            "verdicts are of conversations, and none are named",
            where="--conversations",
            remedy="name the file of the conversations that they are of",
        )
    if recipe.preference is not None and conversations is not None and verdicts is None:
        raise BadInput(
            "this recipe learns from verdicts, and none are named",
            where="--verdicts",
            remedy="name a .jsonl file of them, or leave `preference` out of the recipe",
        )


def _without_restricted(
    here: Settings, given: Iterable[Conversation]
) -> tuple[tuple[Conversation, ...], set[str]]:
    """Without those of customers who asked to be erased, and the ids of these; says how many."""
    from finmodel.restriction_book import restricted_customers

    left_out, every = restricted_customers(here), tuple(given)
    gone = {one.id for one in every if one.customer in left_out}
    if gone:
        typer.echo(f"{len(gone)} conversations left out: erasure was asked for", err=True)
    return tuple(one for one in every if one.id not in gone), gone


def require_simulated(simulated: int) -> None:
    """BadInput where a recipe simulates no conversation and none are named."""
    if simulated < 1:
        raise BadInput(
            "no conversations are named",
            where="--conversations",
            remedy="name a file, or give the recipe `simulated: 1200`",
        )


def conversations_of(
    path: Path | None, simulated: int, seed: int, further: bool = False
) -> Iterable[Conversation]:
    """Those of a file, or so many simulated ones; BadInput where neither is named."""
    if path is None:
        from finmodel.lender.talk.conversations import write

        require_simulated(simulated)
        return [one.conversation for one in write(simulated, seed, further=further)]
    from finmodel.conversation_files import GUIDE, read_conversations

    found = list(read_conversations(path))
    if not found:
        raise BadInput("it holds no conversation", where=str(path), remedy=f"{GUIDE} shows one")
    return found
