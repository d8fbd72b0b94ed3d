"""`finmodel stream`: a log of events, followed until somebody stops it.

Comes in: settings, where the log is, and which worker of which group this is. Goes out: what each
pass counted, told where there was something. What is counted, and that it counts once, is the
feature store's business.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from feature_store.archive_key import found_archive, make_archive
from feature_store.dead_letters import DeadLetters, FileDeadLetters, PassedOver
from feature_store.event_log import EventLog, FileEventLog
from feature_store.packed_store import writer_of
from feature_store.recovery import Recovery, Sources
from feature_store.store import materialize_again, open_store, window_plans
from feature_store.stream import Counted, Stream
from feature_store.stream_worker import Alone, Membership, Pass, work
from finmodel.errors import BadInput
from finmodel.events import TOPICS
from finmodel.settings import Settings
from serving.archiving import Archiver
from serving.brokers import spoken_to
from serving.stream_metrics import StreamMetrics
from serving.stream_state import ONCE, UNNAMED, keep_state, told_when_stopped

if TYPE_CHECKING:
    from feature_store.kafka_settings import KafkaSettings
    from feature_store.topic_maps import TopicMap
    from feature_store.window_plan import WindowPlan

GROUP = "finmodel-stream"

Tell = Callable[[list[Counted]], None]


@dataclass(frozen=True, slots=True)
class Source:
    """Where events come from, and as whom they are counted."""

    brokers: str = ""
    """Kafka's; the file event log if empty."""
    config: Path | None = None
    """Security options for Kafka."""
    topics: Path | None = None
    """How a lender's own topics become ours."""
    group: str = GROUP
    instance: str = ""
    """A worker's own name, under which it takes up its partitions after a restart."""


def run_stream(
    settings: Settings, source: Source, tell: Tell, *, once: bool = False, metrics_port: int = 0
) -> None:
    """Count what the log holds, again and again; with `once`, up to its end.

    SIGTERM ends it after the transaction that is under way.
    """
    store, name = open_store(settings), source.instance or f"{UNNAMED}{os.getpid()}"
    plans, writer = window_plans(store), writer_of(store.config)
    metrics = _metrics(plans, metrics_port)
    with _opened(settings, source) as (log, member, dead), _until_sigterm() as stopped:

        def open_stream() -> Stream:
            there = set(log.topics())
            some = [plan for plan in plans if plan.topic in there]
            return Stream(log, writer, some, dead=dead)

        def note(one: Pass) -> None:
            metrics.note(one)
            if metrics.look(log):
                keep_state(settings.streams, name, metrics.lags, metrics.freshness_s)
            busy = [view for view in one.counted if view.events or view.unread or view.lost]
            if busy:
                tell(busy)

        fill = partial(materialize_again, settings)
        if once:
            recovery = Recovery(log, writer, plans, Sources(found_archive(settings), fill))
            tell(_once(settings, open_stream, recovery, member))
            return
        archive = make_archive(settings)
        recovery = Recovery(log, writer, plans, Sources(archive, fill))
        # What is there now stays: the collector need not walk Feast at each pass.
        gc.collect()
        gc.freeze()
        own = ExitStack()
        with Archiver(archive, open_log(settings, source, own, PassedOver())[0], own) as archiver:

            def note_all(one: Pass) -> None:
                archiver.note(one.owned)
                note(one)

            with told_when_stopped(settings.streams, name):
                work(open_stream, log, member, recovery=recovery, stop=stopped, tell=note_all)


def _metrics(plans: Sequence[WindowPlan], port: int) -> StreamMetrics:
    """Counters of every view's topics, told from now on: the log may not be reached for long."""
    metrics = StreamMetrics((plan.view, plan.topic) for plan in plans)
    if port:
        metrics.serve(port)
    return metrics


def _once(
    settings: Settings, open_stream: Callable[[], Stream], recovery: Recovery, member: Membership
) -> list[Counted]:
    """Count up to the log's end."""
    while not recovery.begin(None, member.synced):
        pass  # it has told what it did
    counted = open_stream().catch_up()
    keep_state(settings.streams, ONCE, {one.topic: 0 for one in counted}, {})
    recovery.end_if_whole()
    return counted


@contextmanager
def _opened(
    settings: Settings, source: Source
) -> Iterator[tuple[EventLog, Membership, DeadLetters]]:
    with ExitStack() as stack:
        log, letters = open_log(settings, source, stack)
        yield log, _member(source, stack), letters


def open_log(
    settings: Settings, source: Source, stack: ExitStack, dead: DeadLetters | None = None
) -> tuple[EventLog, DeadLetters]:
    """The log that a source names, by our topics' names, and where goes what makes no event:
    `dead`, or the place that belongs to such a log."""
    if not source.brokers:
        if source.topics or source.config:
            raise BadInput(
                "it is for Kafka", where="--topics, --kafka-config", remedy="name the brokers"
            )
        files = stack.enter_context(FileEventLog(settings.events))
        return files, dead or FileDeadLetters(settings.dead_letters)
    options, maps = kafka_of(source)
    from feature_store.dead_topics import KafkaDeadLetters
    from feature_store.kafka_log import KafkaEventLog
    from feature_store.translated_log import TranslatedLog

    letters = dead or stack.enter_context(KafkaDeadLetters(options))
    log = stack.enter_context(KafkaEventLog(options))
    return (TranslatedLog(log, maps, letters) if maps else log), letters


def _member(source: Source, stack: ExitStack) -> Membership:
    """This worker among those that share the log's partitions."""
    if not source.brokers:
        return Alone()
    options, maps = kafka_of(source)
    from feature_store.kafka_group import KafkaGroup

    names = {topic: topic for topic in TOPICS} | {one.topic: one.source for one in maps}
    return stack.enter_context(KafkaGroup(options, source.group, source.instance, names))


def kafka_of(source: Source) -> tuple[KafkaSettings, tuple[TopicMap, ...]]:
    """What a source's files say; NotReady where kafka-python is missing."""
    options = spoken_to(source.brokers, source.config)
    from feature_store.topic_file import load_topic_maps

    return options, load_topic_maps(source.topics) if source.topics else ()


@contextmanager
def _until_sigterm() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM has come; what is under way is finished first."""
    come: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        come.append(number)

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield lambda: bool(come)
    finally:
        signal.signal(signal.SIGTERM, before)
