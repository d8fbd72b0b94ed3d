"""kafka-python's group membership with two holes closed, for every consumer of the process.

As of 3.0.12 a join whose answer comes between two polls is thrown away and asked again, and until
then no heartbeat is sent: a worker that counts for longer than its session falls out of the group,
and two such workers may never meet. And a static member whose name another process took is not
told: it would believe in its partitions for ever. Knows no group and no topic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.coordinator.consumer import ConsumerCoordinator
from kafka.errors import FencedInstanceIdError
from kafka.structs import MemberState


def membership_of(consumer: KafkaConsumer) -> Any:
    """What keeps a consumer in its group; its `poll` does all of that, and fetches nothing."""
    return consumer._coordinator


def partitions_seen(consumer: KafkaConsumer) -> int:
    """The most partitions of a topic that it subscribes to, as far as is known without asking."""
    topics = consumer.subscription() or ()
    known = consumer._cluster.partitions_for_topic
    return max((len(known(topic) or ()) for topic in topics), default=0)


def committed(consumer: KafkaConsumer, places: Sequence[TopicPartition]) -> dict[Any, int]:
    """What the group noted of some partitions, in one question; it leaves out what it did not."""
    found = consumer._coordinator.fetch_committed_offsets(list(places))
    return {place: noted.offset for place, noted in found.items()}


def _live_between_polls(coordinator: Any) -> None:
    """Have heartbeats go on as soon as the group has answered, whoever looks at the answer."""
    exchange = coordinator._do_join_and_sync_async

    async def exchange_and_live(self: Any) -> bytes:
        assignment: bytes = await exchange(self)
        with self._lock:
            self.state = MemberState.STABLE
            self.rejoin_needed = False  # until a heartbeat says so again
            self._enable_heartbeat()
        return assignment

    coordinator._do_join_and_sync_async = exchange_and_live


def _keep_answers(coordinator: Any) -> None:
    """Have a join take the answer that came since the last poll, while its generation lasts."""
    join, need_rejoin = coordinator.join_group_async, coordinator.need_rejoin

    async def take_or_join(self: Any, timeout_ms: float | None = None) -> bool:
        now = self._generation
        if now.is_lost():
            self.rejoining = False  # so that what was held is given up before the next join
        elif _answered(self) and self.state is MemberState.STABLE:
            task, self._join_task, self.rejoining = self._join_task, None, False
            await self._on_join_complete_async(
                now.generation_id, now.member_id, now.protocol, task.value
            )
            return True
        joined: bool = await join(self, timeout_ms)
        return joined

    coordinator.join_group_async = take_or_join
    coordinator.need_rejoin = lambda self: _answered(self) or need_rejoin(self)


def _answered(coordinator: Any) -> bool:
    """Whether an answer waits to be taken."""
    task = coordinator._join_task
    return task is not None and bool(task.succeeded())


def _tell_the_fenced(coordinator: Any) -> None:
    """Have the next poll raise that the name was taken: noted where a failed commit notes it."""
    handle = coordinator._handle_heartbeat_response

    def handle_and_note(self: Any, response: Any, send_time: float) -> None:
        try:
            handle(self, response, send_time)
        except FencedInstanceIdError:
            self._async_commit_fenced = True
            raise

    coordinator._handle_heartbeat_response = handle_and_note


_live_between_polls(ConsumerCoordinator)
_keep_answers(ConsumerCoordinator)
_tell_the_fenced(ConsumerCoordinator)
