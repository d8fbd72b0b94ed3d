"""`finmodel letters`: dead letters listed, looked at, and one of them replayed after a fix.

Words from a shell in, one call each, an answer out. Letters hold what customers sent: an engineer's
key is asked for, and nothing personal is shown.
"""

from __future__ import annotations

from dataclasses import replace as with_changes
from pathlib import Path
from typing import Annotated

import typer

from finmodel.event_broker import EventBroker
from finmodel.records import Person
from finmodel.settings import Settings
from serving.operators import Json, settings
from serving.screen import emit

letters = typer.Typer(no_args_is_help=True, help="Dead letters: list, show, replay.")

LetterId = Annotated[str, typer.Argument(help="The letter's id, as `letters list` tells it.")]
Topics = Annotated[
    Path | None,
    typer.Option(help="topics.yaml to read by; FINMODEL_TOPICS, or the one under home, if none."),
]
Brokers = Annotated[
    str,
    typer.Option(
        help="Brokers, such as 127.0.0.1:9092; FINMODEL_KAFKA, or the file event log, if none."
    ),
]
KafkaConfig = Annotated[
    Path | None, typer.Option(help="A file of security options for Kafka, `key: value`.")
]


@letters.command("list")
def letters_list(
    topics: Topics = None, kafka: Brokers = "", kafka_config: KafkaConfig = None, json: Json = False
) -> None:
    """List the newest letters: where they stood, why they are none, what they would be today."""
    from serving.road.letters import letters_of
    from serving.road.shelves import opened_shelf

    here, _ = _here(topics, kafka, kafka_config)
    with opened_shelf(here) as shelf:
        found = letters_of(here, shelf)
    if json:
        return emit(found, as_json=True)
    if found.problem:
        typer.echo(found.problem, err=True)
    emit(
        [
            {
                "id": one.id,
                "from": f"{one.topic}[{one.partition}]@{one.offset}",
                "reason": one.reason,
                "today": one.now or "an event",
                "replayed": f"{one.replay.by} {one.replay.at}" if one.replay else "",
            }
            for one in found.newest
        ],
        as_json=False,
    )


@letters.command("show")
def letters_show(
    letter: LetterId,
    topics: Topics = None,
    kafka: Brokers = "",
    kafka_config: KafkaConfig = None,
    json: Json = False,
) -> None:
    """Show one letter's shape, with whatever could be a person's told by its length alone."""
    from serving.road.letters import letter_of
    from serving.road.shelves import opened_shelf

    here, _ = _here(topics, kafka, kafka_config)
    with opened_shelf(here) as shelf:
        emit(letter_of(here, letter, shelf), json)


@letters.command("replay")
def letters_replay(
    letter: LetterId,
    topics: Topics = None,
    kafka: Brokers = "",
    kafka_config: KafkaConfig = None,
    json: Json = False,
) -> None:
    """Read a letter again and put its event into the log, once; the stream counts it from there."""
    from functools import partial

    from finmodel.acts import audited
    from serving.road.letters import replay
    from serving.road.shelves import opened_shelf

    here, person = _here(topics, kafka, kafka_config)
    with opened_shelf(here) as shelf:
        emit(replay(here, letter, person, partial(audited, here), shelf), json)


def _here(topics: Path | None, brokers: str, config: Path | None) -> tuple[Settings, Person]:
    """The settings with what was said in place of them, and the engineer whose key is set."""
    from serving.access import signed_in
    from serving.road.letters import ENGINEERS

    here = settings()
    person = signed_in(here, ENGINEERS)
    if brokers or config:
        here = with_changes(here, kafka=EventBroker(brokers or here.kafka.address, config))
    return (with_changes(here, topics=str(topics)) if topics else here), person
