"""`finmodel stream`: a log of events, followed until somebody stops it.

Comes in: settings, where the log is, and which worker of which group this is. Goes out: what each
pass counted, told where there was something. What is counted, and that it counts once, is the
feature store's business.
"""

from __future__ import annotations

import gc
import signal
import warnings
from collections.abc import Callable, Iterator
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
from finmodel.errors import BadInput, NotReady
from finmodel.events import TOPICS
from finmodel.settings import Settings
from serving.archiving import Archiver
from serving.stream_metrics import StreamMetrics

if TYPE_CHECKING:
    from feature_store.kafka_settings import KafkaSettings
    from feature_store.topic_maps import TopicMap

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
    store = open_store(settings)
    plans, writer, metrics = window_plans(store), writer_of(store.config), StreamMetrics()
    if metrics_port:
        metrics.serve(metrics_port)
    with _opened(settings, source) as (log, member, dead), _until_sigterm() as stopped:

        def open_stream() -> Stream:
            there = set(log.topics())
            some = [plan for plan in plans if plan.topic in there]
            return Stream(log, writer, some, dead=dead)

        def note(one: Pass) -> None:
            metrics.note(one)
            metrics.look(log)
            busy = [view for view in one.counted if view.events or view.unread or view.lost]
            if busy:
                tell(busy)

        fill = partial(materialize_again, settings)
        if once:
            sources = Sources(found_archive(settings), fill)
            tell(_once(open_stream, Recovery(log, writer, plans, sources), member))
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

            work(open_stream, log, member, recovery=recovery, stop=stopped, tell=note_all)


def _once(
    open_stream: Callable[[], Stream], recovery: Recovery, member: Membership
) -> list[Counted]:
    """Count up to the log's end."""
    while not recovery.begin(None, member.synced):
        pass  # it has told what it did
    counted = open_stream().catch_up()
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
    options, maps = _kafka_of(source)
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
    options, maps = _kafka_of(source)
    from feature_store.kafka_group import KafkaGroup

    names = {topic: topic for topic in TOPICS} | {one.topic: one.source for one in maps}
    return stack.enter_context(KafkaGroup(options, source.group, source.instance, names))


def _kafka_of(source: Source) -> tuple[KafkaSettings, tuple[TopicMap, ...]]:
    """What a source's files say; NotReady where kafka-python is missing."""
    # What kafka-python's loading of its schemas says to its own developers.
    warnings.filterwarnings("ignore", "(open|read)_text is deprecated", DeprecationWarning)
    try:
        import feature_store.kafka_client  # noqa: F401
        from feature_store.kafka_settings import load_settings
        from feature_store.topic_file import load_topic_maps
    except ModuleNotFoundError as error:
        raise NotReady(
            "kafka-python is not installed", where="--kafka", remedy="install finmodel[stream]"
        ) from error
    options = load_settings(source.brokers, source.config)
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
