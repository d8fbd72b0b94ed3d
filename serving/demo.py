"""The demo lender: from the shipped table to a served decision, each step once.

Comes in: settings. Goes out: a running service and one `curl` to paste. Each finished step leaves a
stamp under home, so that a second run starts in seconds; a step cut short is done again from its
beginning. Knows only the order of the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
from rich.console import Console

from finmodel.durable import held_alone, replace_file
from finmodel.errors import NotReady, Refused
from finmodel.records import Person
from finmodel.settings import Settings
from serving import demo_marketing
from serving.launch import Run, require_free_port, serve, serve_all
from serving.screen import Progress
from serving.shipped_table import bring_online, build_views, lay_history

CLOCK = "2005-10-01T00:00:00+08:00"
"""Where the demo's clock stands: the data are of 2005, and from today all would be stale."""
RECIPE = Path(__file__).resolve().parent.parent / "risk" / "behaviour_risk.yaml"
POLICY = RECIPE.with_name("policy.yaml")
MODEL = "behaviour_risk"
ENGINEER = "demo-engineer"
VALIDATOR = "demo-validator"
PEOPLE = {
    ENGINEER: frozenset({"engineer", "underwriter"}),
    VALIDATOR: frozenset({"validator", "auditor"}),
}

WAIVER = "the shipped table has one observation date; the demo serves nobody real"
EXAMPLES = (2, 3, 12, 14, 22, 50)
"""Customers that the console offers to try."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step, the files whose change makes it due again, and what it does."""

    name: str
    inputs: tuple[Path, ...]
    work: Callable[[Settings, Progress], None]


def run_demo(
    settings: Settings,
    *,
    serve_it: bool = True,
    history: bool = False,
    drift: bool = False,
    assistant: bool = False,
) -> None:
    """Do the steps that are due, then serve; with simulated months before now, if wanted.

    A drift comes after a history. Where a demo is served from this home already, it sees both.
    The assistant is served beside, from a home and on a port of its own.
    """
    beside = _assistants_home(settings) if serve_it and assistant else None
    if beside is not None:
        require_free_port(beside)
    settings = replace(settings, standing_clock=settings.standing_clock or CLOCK)
    if serve_it:
        require_free_port(settings)
    with _alone_in(settings), Progress() as progress:
        steps = (*STEPS, *((REPLAY,) if history or drift else ()), *((DRIFT,) if drift else ()))
        for step in due(settings, steps):
            step.work(settings, progress)
            stamp_of(settings, step).write_text(digest(settings, step))
    if serve_it:
        _serve(settings, beside)


def _assistants_home(settings: Settings) -> Settings:
    from serving.assisting.demo import home_of

    return home_of(replace(settings, port=settings.port + 1, standing_clock=""))


def _serve(settings: Settings, beside: Settings | None) -> None:
    own = Run(settings, lambda trouble: _announce(settings, trouble))
    if beside is None:
        return serve_all((own,))
    from serving.assisting.demo import served_beside

    first, helpers = served_beside(beside, shelf=settings.bases)
    serve_all((first, own), helpers)


def run_marketing_demo(settings: Settings, *, serve_it: bool = True) -> None:
    """The same for the simulated lender's customers: six models, two campaigns."""
    settings = demo_marketing.home_of(settings)
    if serve_it:
        require_free_port(settings)
    with _alone_in(settings), Progress() as progress:
        for step in due(settings, MARKET):
            step.work(settings, progress)
            stamp_of(settings, step).write_text(digest(settings, step))
    if serve_it:
        serve(settings, lambda trouble: _announce_offers(settings, trouble))


@contextmanager
def _alone_in(settings: Settings) -> Iterator[None]:
    """The demo's own home, for this demo alone; Refused where somebody works there."""
    folder = settings.home / "demo"
    made = [settings.events, settings.exports, settings.audit, settings.people]
    theirs = (
        [path.name for path in made if path.exists()] if not folder.exists() else _real(settings)
    )
    if theirs:
        raise Refused(
            f"this home is not the demo's: it holds {', '.join(theirs)}",
            where=str(settings.home),
            remedy="give the demo another, such as FINMODEL_HOME=.demo",
        )
    settings.make_home()
    folder.mkdir(exist_ok=True)
    busy = NotReady(
        "another demo is being set up here",
        where=str(settings.home),
        remedy="wait until it answers, or give this one another FINMODEL_HOME",
    )
    with held_alone(folder / ".lock", busy):
        yield


def _real(settings: Settings) -> list[str]:
    """People who are not the demo's, where a step is due that would replace what they made."""
    from serving.access import People

    names = [one.name for one in People(settings.people).everyone() if not one.demo]
    return names if due(settings) else []


def due(settings: Settings, steps: Sequence[Step] | None = None) -> list[Step]:
    """The first of the steps whose stamp does not hold, and all after it."""
    steps = STEPS if steps is None else steps
    for number, step in enumerate(steps):
        stamp = stamp_of(settings, step)
        if not stamp.exists() or stamp.read_text() != digest(settings, step):
            return list(steps[number:])
    return []


def stamp_of(settings: Settings, step: Step) -> Path:
    """The file that says that a step is done."""
    return settings.demo / f"{step.name}.done"


def digest(settings: Settings, step: Step) -> str:
    """What a step was done from: its files and the clock."""
    seen = sha256(settings.standing_clock.encode())
    for path in step.inputs:
        seen.update(path.read_bytes())
    return seen.hexdigest()


def _people(settings: Settings, _progress: Progress) -> None:
    from serving.access import People

    keys = People(settings.people).add_demo(PEOPLE)
    replace_file(_keys(settings), msgspec.json.encode(keys))
    (settings.home / "examples.json").write_bytes(msgspec.json.encode(EXAMPLES))


def _model(settings: Settings, progress: Progress) -> None:
    from finmodel import registry
    from finmodel.waivers import waive
    from risk.document.keeping import keep_document
    from risk.recipe import load_recipe
    from risk.train import train

    engineer = Person(ENGINEER, PEOPLE[ENGINEER], demo=True)
    validator = Person(VALIDATOR, PEOPLE[VALIDATOR], demo=True)
    # Once, whatever the recipe says: who tries the demo waits for each fold.
    trained = train(load_recipe(RECIPE), settings, engineer, progress, repeats=1)
    waive(settings, trained.name, trained.version, validator, WAIVER)
    registry.promote(
        settings, trained.name, trained.version, to="champion", approver=validator, demo=True
    )
    keep_document(settings, trained.name, trained.version)


def _trainer(recipe: Path) -> Callable[[Settings, Progress], None]:
    engineer = Person(ENGINEER, PEOPLE[ENGINEER], demo=True)
    validator = Person(VALIDATOR, PEOPLE[VALIDATOR], demo=True)
    return lambda settings, progress: demo_marketing.model(
        settings, recipe, (engineer, validator), progress
    )


def _planner(
    work: Callable[[Settings, Person, Progress], None],
) -> Callable[[Settings, Progress], None]:
    person = Person(ENGINEER, PEOPLE[ENGINEER], demo=True)
    return lambda settings, progress: work(settings, person, progress)


def _policy(settings: Settings, _progress: Progress) -> None:
    from risk.policy.proposals import propose
    from risk.policy.registry import approve

    author = Person(ENGINEER, PEOPLE[ENGINEER], demo=True)
    approver = Person(VALIDATOR, PEOPLE[VALIDATOR], demo=True)
    proposal = propose(settings, POLICY, author)
    approve(settings, proposal.name, proposal.version, approver, demo=True)


def _replay(settings: Settings, progress: Progress) -> None:
    from serving.demo_history import replay

    replay(settings, _customers(), progress)


def _drift(settings: Settings, progress: Progress) -> None:
    from risk.monitor.alerts import raise_alerts
    from serving.demo_history import WEEKS, drift
    from serving.monitoring.reading import Wanted, watch_model

    drift(settings, _customers(), progress)
    # As the morning's `finmodel monitor --alert` does.
    start = settings.clock.now() - timedelta(weeks=WEEKS)
    seen = watch_model(settings, Wanted(MODEL, start=start), progress)
    raise_alerts(settings, seen, VALIDATOR, Person(VALIDATOR, PEOPLE[VALIDATOR], demo=True))


def _customers() -> list[int]:
    from finmodel.lender.credit_default import load

    return [int(one) for one in load()["ID"]]


_SOURCE = Path(__file__).resolve().parent.parent
_DEFINITIONS = (
    _SOURCE / "feature_store" / "repo" / "definitions.py",
    _SOURCE / "feature_store" / "history.py",
)
STEPS = (
    Step("history", (_SOURCE / "finmodel" / "lender" / "credit_default.py",), lay_history),
    Step("views", _DEFINITIONS, build_views),
    Step("features", _DEFINITIONS, bring_online),
    Step("people", (), _people),
    Step("model", (RECIPE,), _model),
    Step("policy", (POLICY,), _policy),
)
_CAMPAIGNS = (demo_marketing.CAMPAIGN, Path(demo_marketing.__file__))
MARKET = (
    Step("people", (), _people),
    *(Step(one.stem, (one,), _trainer(one)) for one in demo_marketing.RECIPES),
    Step("behaviours", _DEFINITIONS[:1], demo_marketing.behaviours),
    Step("campaign", _CAMPAIGNS, _planner(demo_marketing.first_campaign)),
    Step("report", _CAMPAIGNS, _planner(demo_marketing.what_came_of_it)),
    Step("running", _CAMPAIGNS, _planner(demo_marketing.second_campaign)),
)
_SIMULATION = _SOURCE / "serving" / "demo_history.py"
REPLAY, DRIFT = Step("replay", (_SIMULATION,), _replay), Step("drift", (_SIMULATION,), _drift)
"""Done only where they are asked for."""


def _keys(settings: Settings) -> Path:
    return settings.demo / "keys.json"


def _announce(settings: Settings, trouble: str) -> None:
    keys = msgspec.json.decode(_keys(settings).read_bytes(), type=dict[str, str])
    address = f"http://{settings.host}:{settings.port}"
    body = (
        '{"application_id": "A-1", "customer_id": 2, "amount_minor": 500000, '
        '"term_months": 12, "product": "cash_loan", "channel": "app"}'
    )
    screen = Console(highlight=False, soft_wrap=True)
    if trouble:
        screen.print(f"[bold red]no model is in service[/]: {trouble}")
    clock = settings.standing_clock
    screen.print(f"\n[bold]The demo lender answers[/] (its clock stands at {clock})")
    screen.print(f"  console   {address}")
    screen.print(f"  watch     {address}/monitoring   (with the auditor's key)")
    screen.print(f"  key       {keys[ENGINEER]}   (engineer and underwriter)")
    screen.print(f"  auditor   {keys[VALIDATOR]}   (validator and auditor)")
    screen.print("  a decision:\n")
    screen.print(
        f"curl -s {address}/decide -H 'Authorization: Bearer {keys[ENGINEER]}' "
        f"-H 'Content-Type: application/json' -d '{body}'\n",
        markup=False,
    )
    screen.print("Ctrl-C ends it.")


def _announce_offers(settings: Settings, trouble: str) -> None:
    keys = msgspec.json.decode(_keys(settings).read_bytes(), type=dict[str, str])
    address = f"http://{settings.host}:{settings.port}"
    ids = ", ".join(str(one) for one in range(1, 21))
    body = f'{{"campaign": "drawdown_june", "customer_ids": [{ids}]}}'
    screen = Console(highlight=False, soft_wrap=True)
    if trouble:
        screen.print(f"[bold red]no model is in service[/]: {trouble}")
    clock = settings.standing_clock
    screen.print(f"\n[bold]The simulated lender answers[/] (its clock stands at {clock})")
    screen.print(f"  campaigns {address}/marketing   (with either key)")
    screen.print(f"  key       {keys[ENGINEER]}   (engineer and underwriter)")
    screen.print(f"  auditor   {keys[VALIDATOR]}   (validator and auditor)")
    screen.print("  offers at once, as finmodel campaign plan left room for:\n")
    screen.print(
        f"curl -s {address}/offers -H 'Authorization: Bearer {keys[ENGINEER]}' "
        f"-H 'Content-Type: application/json' -d '{body}'\n",
        markup=False,
    )
    screen.print("  its campaigns from another shell:\n")
    screen.print(
        f"FINMODEL_HOME={settings.home} FINMODEL_STANDING_CLOCK={clock} "
        f"FINMODEL_KEY={keys[ENGINEER]} .venv/bin/finmodel campaign list\n",
        markup=False,
    )
    screen.print("Ctrl-C ends it.")
