"""What is served against what the log says: sampled customers' windowed features, both ways.

A store's values, the log that they were counted from and the views' plans come in; what differs
goes out, of customers under pseudonyms. Each customer is counted anew from the events that the
store had counted, and both sides' features are compared as of that customer's own clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from feature_store.consistency_report import Consistency, Hide, ViewCheck, summed
from feature_store.consistency_sample import Sample
from feature_store.event_log import EventLog
from feature_store.log_replay import Reach, Recounted, read_to, replay
from feature_store.section_features import SectionFeatures, sections_of
from feature_store.stored_sample import Stored
from feature_store.window_plan import WindowPlan, schema_of
from finmodel.errors import Damaged
from finmodel.progress import Progress, teller

_Served = dict[int, bytes]
"""By customer, a view's section in the store."""


def check(
    log: EventLog,
    stored: Stored,
    plans: Sequence[WindowPlan],
    sample: Sample,
    hide: Hide,
    progress: Progress | None = None,
) -> Consistency:
    """Compare what a store holds of a sample with what the log's events up to there make.

    `stored` was read with `sample`, before this call: the log may grow meanwhile, and workers may
    count. Damaged where a value does not hold together, and where the log ends before what was
    counted of it.
    """
    ready, notes = _reaches(log, stored, plans)
    found: list[tuple[Reach, _Served, Recounted]] = []
    for topic, views in ready.items():
        reaches = [reach for reach, _ in views]
        tell = teller(f"check {topic}", read_to(log, topic, reaches), progress)
        mine = replay(log, topic, reaches, sample, tell)
        found += [(*view, one) for view, one in zip(views, mine, strict=True)]
    # Now that everybody was met, nobody leaves the sample any more.
    done = [ViewCheck(name, note=note) for name, note in notes.items()]
    everybody: set[int] = set()
    for reach, served, recounted in found:
        both = _both(served, recounted, sample)
        everybody |= both.keys()
        done.append(_compared(reach, recounted, both, hide))
    return summed(len(everybody), sorted(done, key=lambda one: one.view))


def _reaches(
    log: EventLog, stored: Stored, plans: Sequence[WindowPlan]
) -> tuple[dict[str, list[tuple[Reach, _Served]]], dict[str, str]]:
    """By topic, which views can be compared; by name, why of others nothing can."""
    there = set(log.topics())
    ready: dict[str, list[tuple[Reach, _Served]]] = defaultdict(list)
    notes = {}
    for plan in plans:
        head = stored.catalog.number_of(plan.view, schema_of(plan))
        if head is None:
            notes[plan.view] = "never counted as it is defined now: run `finmodel stream`"
            continue
        found = {at[2:]: n for at, n in stored.positions.items() if at[:2] == head and n > 0}
        if plan.topic not in there and not found:
            notes[plan.view] = "the log holds no event of it"
        elif any(number != log.topic_number(plan.topic) for number, _ in found):
            notes[plan.view] = "counted from an earlier topic of this name too, which is gone"
        else:
            upto = {partition: n for (_, partition), n in found.items()}
            _check_ends(plan, upto, log.end_offsets(plan.topic))
            served = sections_of(stored.customers, stored.values, plan, head)
            ready[plan.topic].append((_reach(plan, head, upto, served), served))
    return ready, notes


def _check_ends(plan: WindowPlan, upto: Mapping[int, int], ends: Sequence[int]) -> None:
    """Damaged where a view was counted beyond the log's end."""
    for partition, offset in sorted(upto.items()):
        end = ends[partition] if partition < len(ends) else 0
        if offset > end:
            raise Damaged(
                f"it was counted to offset {offset} of partition {partition}, and the log ends at"
                f" {end}",
                where=f"view {plan.view}",
                remedy="the log was cut, or is another: find the right one, or rebuild the store",
            )


def _reach(plan: WindowPlan, head: tuple[int, int], upto: dict[int, int], served: _Served) -> Reach:
    heads = [np.frombuffer(section, "<i8", 4) for section in served.values()]
    words = np.array(heads, np.int64).reshape(-1, 4)
    customers = np.fromiter(served, np.int64, len(served))
    return Reach(plan, head, upto, customers, words[:, 2], words[:, 3])


_Both = dict[int, tuple[bytes, bytes]]
"""By customer, the section in the store and the one out of the log; empty where there is none."""


def _both(served: _Served, mine: Recounted, sample: Sample) -> _Both:
    """Whom the sample holds, now that everybody was met."""
    ids = np.array(sorted(served.keys() | mine.sections.keys()), np.int64)
    return {
        customer: (served.get(customer, b""), mine.sections.get(customer, b""))
        for customer in ids[sample.holds(ids)].tolist()
    }


def _compared(reach: Reach, mine: Recounted, both: _Both, hide: Hide) -> ViewCheck:
    plan, features = reach.plan, SectionFeatures(reach.plan, reach.head)
    names = [one.name for one in plan.aggregates]
    told = ViewCheck(plan.view, customers=len(both), note=_gone(mine))
    for customer, (served, recounted) in both.items():
        if not served:
            told.add_one_sided("missing", customer, hide)
        elif recounted:
            pair = features.compared(served, recounted, mine.since_us)
            told.add_pair(names, pair, customer, hide)
        elif mine.gone:
            told.left_out += len(names)
        else:
            told.add_one_sided("extra", customer, hide)
    return told


def _gone(mine: Recounted) -> str:
    if not mine.gone:
        return ""
    begins = ", ".join(f"at offset {at} of partition {n}" for n, at in sorted(mine.gone.items()))
    return f"the log begins {begins}: windows that reach further back are not compared"
