"""The `finmodel` command: words from a shell in, one call into the platform, an answer out.

With `--json`, figures go to standard output and everything else to standard error. A fault that the
user can mend is one sentence and exit code 2; nothing here decides anything about a customer.
Imports stand inside the commands: `finmodel --help` must not wait for MLflow.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from finmodel.errors import FinmodelError
from serving import analysts, label_tables, operators
from serving.assisting.commands import assist
from serving.bases import base
from serving.bench import ITS_OWN_WORDS, bench
from serving.campaign_commands import campaign
from serving.doctor.command import doctor
from serving.evaluating import evaluate
from serving.exporting import export
from serving.forgetting.commands import customer
from serving.guarding import guards
from serving.importing import model
from serving.operators import Json
from serving.policies import policy
from serving.road.commands import Brokers, KafkaConfig, letters
from serving.screen import INTERRUPTED, Progress, emit
from serving.scripting import scripts
from serving.searching import search
from serving.suggesting import suggest
from serving.tuning import tune

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A consumer lender's model platform: events to features to decisions.",
)
app.add_typer(operators.people, name="people")
app.add_typer(operators.audit, name="audit")
app.add_typer(customer, name="customer")
app.add_typer(operators.features, name="features")
app.add_typer(label_tables.labels, name="labels")
app.add_typer(analysts.decisions, name="decisions")
app.add_typer(analysts.outcomes, name="outcomes")
app.add_typer(analysts.alerts, name="alerts")
app.add_typer(policy, name="policy")
app.add_typer(campaign, name="campaign")
app.add_typer(base, name="base")
app.add_typer(assist, name="assist")
app.add_typer(guards, name="guards")
app.add_typer(scripts, name="scripts")
app.add_typer(model, name="model")
app.add_typer(letters, name="letters")
for one in (analysts.monitor, analysts.document, search, tune, evaluate, export, doctor, suggest):
    app.command()(one)
app.command(context_settings=ITS_OWN_WORDS)(bench)


Recipe = Annotated[Path, typer.Argument(help="The recipe, a YAML file.")]
TopicMaps = Annotated[
    Path | None, typer.Option(help="topics.yaml: how your own topics become ours.")
]


@app.command()
def demo(
    serve: Annotated[bool, typer.Option(help="Serve when everything is ready.")] = True,
    history: Annotated[bool, typer.Option("--history", help="Simulate a past year.")] = False,
    drift: Annotated[bool, typer.Option("--drift", help="Then simulate a drift.")] = False,
    marketing: Annotated[
        bool,
        typer.Option("--marketing", help="The simulated lender's campaigns instead, minutes long."),
    ] = False,
    assistant: Annotated[
        bool, typer.Option("--assistant", help="Serve the assistant too, on the next port.")
    ] = False,
) -> None:
    """Set up the demo lender on real data, then serve it. A second run starts in seconds."""
    from finmodel.settings import Settings
    from serving.demo import run_demo, run_marketing_demo

    if marketing:
        return run_marketing_demo(Settings.from_env(), serve_it=serve)
    more = {"history": history, "drift": drift, "assistant": assistant}
    run_demo(Settings.from_env(), serve_it=serve, **more)


@app.command()
def serve() -> None:
    """Serve the promoted models on the loopback address. Ctrl-C ends it."""
    from finmodel.settings import Settings
    from serving.launch import serve as launch

    here = Settings.from_env()

    def announce(trouble: str) -> None:
        typer.echo(f"serving on http://{here.host}:{here.port}; Ctrl-C ends it")
        if trouble:
            typer.echo(f"no model is in service yet: {trouble}", err=True)

    launch(here, announce)


@app.command()
def train(
    recipe: Recipe,
    cv: Annotated[
        bool, typer.Option("--cv", help="Only cross-validate; register nothing.")
    ] = False,
    repeats: Annotated[
        int | None,
        typer.Option(help="How often folds are gone through, if not as the recipe says.", min=1),
    ] = None,
    json: Json = False,
) -> None:
    """Train a recipe, gate the result, and register it in MLflow."""
    from serving.training import Folding, train_recipe

    with Progress() as progress:
        emit(train_recipe(operators.settings(), recipe, Folding(cv, repeats), progress), json)


@app.command()
def promote(
    name: Annotated[str, typer.Argument(help="The model or adapter, such as behaviour_risk.")],
    version: Annotated[
        int | None, typer.Option(help="Which version; the newest that passed, if none is named.")
    ] = None,
    to: Annotated[str, typer.Option(help="champion, or a model's challenger.")] = "champion",
    recipe: Annotated[
        Path | None, typer.Option(help="For a model from a notebook: the recipe to gate it by.")
    ] = None,
    waive_out_of_time: Annotated[
        str, typer.Option(help="Why it may be promoted though no out-of-time part judged it.")
    ] = "",
    json: Json = False,
) -> None:
    """Move an alias of a model or an adapter to a version that passed its gate.

    A validator's, who did not train it: FINMODEL_KEY must hold the validator's key.
    """
    from serving.promotion import promote as move
    from serving.promotion import waive

    settings = operators.settings()
    with Progress() as progress:
        if waive_out_of_time:
            waive(settings, name, version, waive_out_of_time)
        emit(move(settings, name, version, to, recipe, progress), json)


@app.command()
def rollback(
    name: Annotated[str, typer.Argument(help="The registered model or adapter.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit log.")],
    json: Json = False,
) -> None:
    """Serve the previous champion of a model or an adapter again.

    A validator's: FINMODEL_KEY must hold the validator's key.
    """
    from serving.promotion import rollback as back

    emit(back(operators.settings(), name, reason), json)


@app.command()
def withdraw(
    name: Annotated[str, typer.Argument(help="The registered model.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit log.")],
    json: Json = False,
) -> None:
    """Take a model's challenger out: the champion decides alone, until another challenges it.

    A validator's: FINMODEL_KEY must hold the validator's key.
    """
    from serving.promotion import withdraw as out

    emit(out(operators.settings(), name, reason), json)


@app.command()
def retire(
    name: Annotated[str, typer.Argument(help="The registered model or adapter.")],
    version: Annotated[int, typer.Argument(help="The version to end.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit log.")],
    json: Json = False,
) -> None:
    """End a version of a model or an adapter for good; what it decided can still be replayed.

    A validator's: FINMODEL_KEY must hold the validator's key.
    """
    from serving.promotion import retire as end

    emit(end(operators.settings(), name, version, reason), json)


@app.command()
def models(json: Json = False) -> None:
    """List versions, aliases and gates, and aliases that were moved outside the gate."""
    from serving.promotion import overview

    emit(overview(operators.settings()), json)


@app.command()
def score(
    recipe: Recipe,
    input: Annotated[Path, typer.Option(help="CSV or Parquet with the recipe's columns.")],
    output: Annotated[Path, typer.Option(help="Where to write scores: .csv or .parquet.")],
    json: Json = False,
) -> None:
    """Score a file with the recipe's registered champion."""
    from finmodel.acts import audited
    from risk.recipe import load_recipe
    from risk.score import score_file

    here = operators.settings()
    with Progress() as progress:
        scored = score_file(load_recipe(recipe), here, input, output, progress)
    about = {"name": scored.name, "version": scored.version, "rows": scored.rows}
    audited(here, "file_scored", about | {"unknown": scored.unknown})
    emit(scored, json)


@app.command()
def report(
    model: Annotated[str, typer.Argument(help="The registered model, such as behaviour_risk.")],
    version: Annotated[int | None, typer.Option(help="Which version; the newest if none.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The workbook, FILE.xlsx; a page FILE.html lies beside it.")
    ] = None,
    json: Json = False,
) -> None:
    """Write a model's report: an Excel workbook, and the same as one HTML page."""
    from serving.reporting import write_report

    emit(write_report(operators.settings(), model, version, output), json)


@app.command()
def scorecard(
    model: Annotated[str, typer.Argument(help="The registered model, such as behaviour_risk.")],
    output: Annotated[Path, typer.Option(help="Where to write: .json, .sql or .pmml.")],
    version: Annotated[int | None, typer.Option(help="Which version; the newest if none.")] = None,
    json: Json = False,
) -> None:
    """Export a model's scorecard for another system: as JSON, SQL or PMML."""
    from serving.reporting import write_card

    emit(write_card(operators.settings(), model, version, output), json)


@app.command()
def stream(
    kafka: Brokers = "",
    kafka_config: KafkaConfig = None,
    topics: TopicMaps = None,
    group: Annotated[
        str, typer.Option(help="Workers of one group share the partitions.")
    ] = "finmodel-stream",
    instance: Annotated[
        str, typer.Option(help="This worker's own name: it keeps its partitions over a restart.")
    ] = "",
    metrics_port: Annotated[
        int, typer.Option(help="Answer GET /metrics on the loopback address.", min=0, max=65_535)
    ] = 0,
    once: Annotated[bool, typer.Option("--once", help="Stop at the log's end.")] = False,
    json: Json = False,
) -> None:
    """Count events into windowed features, from where it was left. Start as many as you like."""
    from serving.streaming import Source, run_stream

    source = Source(kafka, kafka_config, topics, group, instance)
    run_stream(
        operators.settings(),
        source,
        lambda rows: emit(rows, json),
        once=once,
        metrics_port=metrics_port,
    )


@app.command()
def archive(
    kafka: Brokers = "",
    kafka_config: KafkaConfig = None,
    topics: TopicMaps = None,
    json: Json = False,
) -> None:
    """Keep the log's events as Parquet, each once, of customers under pseudonyms."""
    from serving.backfill import archive_events
    from serving.streaming import Source

    with Progress() as progress:
        archived = archive_events(
            operators.settings(), Source(kafka, kafka_config, topics), progress
        )
    emit(archived, json)


@app.command()
def backfill(
    service: Annotated[str, typer.Argument(help="A feature service, as customer_behaviour_v1.")],
    spine: Annotated[Path, typer.Option(help="CSV or Parquet: customer_id, event_timestamp.")],
    output: Annotated[Path, typer.Option(help="Where to write features: .csv or .parquet.")],
    engine: Annotated[str, typer.Option(help="Where events are selected: duckdb or spark.")] = (
        "duckdb"
    ),
    json: Json = False,
) -> None:
    """Compute a service's features as they were known at each row's time."""
    from serving.backfill import backfill as fill

    with Progress() as progress:
        emit(fill(operators.settings(), service, spine, output, engine, progress), json)


@app.command()
def consistency(
    kafka: Brokers = "",
    kafka_config: KafkaConfig = None,
    topics: TopicMaps = None,
    sample: Annotated[
        float, typer.Option(help="The share of the customers that is checked, up to 1.")
    ] = 0.01,
    json: Json = False,
) -> None:
    """Prove that windowed features online are what the log says: exit code 4 if they are not."""
    from serving.consistency import check_consistency, show, tell_apart
    from serving.streaming import Source

    with Progress() as progress:
        source = Source(kafka, kafka_config, topics)
        found = check_consistency(operators.settings(), source, sample, progress)
    show(found, json)
    tell_apart(found)


def main() -> None:
    """Run the command; turn a fault into its sentence and its exit code."""
    # What libraries say to their own developers is not for the person at the shell.
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.filterwarnings("ignore", message=r".*(noload|Arrow output on a DB-API)")
    os.umask(0o077)  # customers' data are for their keeper alone
    interrupted = _noting_ctrl_c()
    try:
        app()
    except FinmodelError as error:
        said = escape(str(error))  # a path may hold what looks like a style
        Console(stderr=True).print(f"[bold red]{error.code}[/]", said, soft_wrap=True)
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _say_stopped()
        raise
    except Exception:
        if not interrupted.is_set():
            raise
        # A library made its own error of the interrupt, as DuckDB does within a query.
        _say_stopped()
        sys.exit(INTERRUPTED)


def _noting_ctrl_c() -> threading.Event:
    """Set once Ctrl-C was pressed; what is interrupted sees the usual KeyboardInterrupt."""
    pressed = threading.Event()

    def press(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, press)
    return pressed


def _say_stopped() -> None:
    Console(stderr=True).print("stopped; nothing is half-written")
