"""One pass over all decisions: everything that monitoring needs of them, and no more.

Imported decisions and the log's, a model, a segment and periods come in; (n,) columns of the
decisions and counts of their features come out. Memory grows by some 40 bytes a decision, whatever
the features. It looks at no outcome and judges nothing; whoever must be sure of the log verifies it
first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from finmodel.audit_side import Piece
from finmodel.decision_log import APPLICATION, FACTS, SEGMENTS, fact_of
from finmodel.decision_series import Series
from finmodel.drift import Bins
from finmodel.drift_kernels import Counter
from finmodel.errors import BadInput
from finmodel.progress import Progress
from finmodel.records import Float32s, Float64s, Int64s, ViewState
from risk.policy.answers import ANSWERS

RECHECKED: Final = 65_536
"""About so many decisions of the seeded sample have their score computed again."""
NOWHERE: Final = 0
"""The stand-in of an application that was logged before stand-ins were."""

Each = Callable[[Int64s, Int64s, Int64s], None]
"""Takes decisions' stand-ins of applications, when each was decided, and its place in the log."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which decisions."""

    model: str
    version: int
    edges_us: tuple[int, ...]
    """(p + 1,) where periods begin and the last ends, microseconds since 1970."""
    segment: Mapping[str, str] = field(default_factory=dict)
    """Facts that a decision must have, such as its product."""

    def wants(self, body: Mapping[str, Any]) -> bool:
        """Whether decisions with these facts are asked for."""
        if (body.get("model"), body.get("version")) != (self.model, self.version):
            return False
        return all(str(fact_of(body, name)) == value for name, value in self.segment.items())


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """(n,) columns of decisions: imported ones, then those of the log, in their order."""

    time_us: Int64s
    period: npt.NDArray[np.int32]
    points: Float64s
    probability: Float64s
    answer: npt.NDArray[np.uint8]
    """Place in `ANSWERS`."""
    application: Int64s
    """The application's stand-in; NOWHERE where none was logged."""
    place: Int64s
    """Segment × 2³² + offset: where the entry lies; below zero where it was imported."""

    def __len__(self) -> int:
        return len(self.time_us)


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """Of the seeded sample: one decision in 16, drawn by its place in the log."""

    n: int
    contributions: Float64s
    """(f + 1,) mean contribution to the raw score; NaN where n is 0."""
    ages_s: Float32s
    """(n, v) age of each view."""
    vectors: Float32s
    """(k, f) rows whose score is computed again."""
    raw: Float64s
    """(k,) the raw score that was served."""
    place: Int64s
    """(k,) where the decision lies, as `Decisions.place`."""


@dataclass(frozen=True, slots=True, eq=False)
class Scanned:
    """What the log holds of the decisions that were asked for."""

    decisions: Decisions
    counter: Counter
    views: tuple[str, ...]
    states: Int64s
    """(v, 4) how often each view was in each `ViewState`."""
    sample: Sampled
    unscored: int
    """Decisions without a score, where a rule answered in the model's place: left out."""
    by_card: int
    """Decisions that the fallback scorecard scored in the model's place: left out."""
    segments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values that each fact of `SEGMENTS` has in the model's decisions, of whatever segment."""
    imported: int = 0
    """So many of the decisions were made elsewhere before, and brought."""
    brought: frozenset[str] = frozenset()
    """Features that were brought with any of them."""


def book_of(series: Series) -> Iterator[tuple[Int64s, Int64s, Int64s]]:
    """Stand-in, time and place of every decision, piece by piece; a `cohorts.Book`."""
    for piece in series.every((APPLICATION,)):
        if APPLICATION in piece.columns:
            yield piece.columns[APPLICATION], piece.columns["time_us"], _places(piece)


def scan_decisions(
    series: Series,
    asked: Asked,
    bins: Mapping[str, Bins],
    progress: Progress | None = None,
    each: Each | None = None,
) -> Scanned:
    """Read the decisions that are asked for, on all cores; `bins` by feature, as in the vector.

    `each` is told of every decision, asked for or not, from several threads.
    """
    numbers = series.numbers
    # More threads than cores: while some wait for the disk, the others count.
    workers = min(2 * (os.cpu_count() or 1), len(numbers))
    rechecked = -(-RECHECKED // sum(number > 0 for number in numbers)) if numbers[-1] > 0 else 0
    parts = [_Part(asked, bins, rechecked) for _ in range(workers)]
    done: list[int] = []

    def work(part: _Part, mine: Sequence[int]) -> None:
        for number in mine:
            for piece in series.pieces(number):
                part.take(piece)
                if each is not None and APPLICATION in piece.columns:
                    each(piece.columns[APPLICATION], piece.columns["time_us"], _places(piece))
            done.append(number)
            if progress is not None:
                progress("segments of the audit log read", len(done), len(numbers))

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, parts, [numbers[start::workers] for start in range(workers)]))
    return _together(parts, len(bins))


class _Part:
    """What one thread found."""

    def __init__(self, asked: Asked, bins: Mapping[str, Bins], rechecked: int) -> None:
        self.asked, self.rechecked, self.bins = asked, rechecked, bins
        self.edges = np.array(asked.edges_us, np.int64)
        self.counter = Counter(list(bins.values()), len(asked.edges_us) - 1)
        self.features = len(bins)
        self.found: list[Decisions] = []
        self.views: tuple[str, ...] = ()
        self.states = np.zeros((0, len(ViewState)), np.int64)
        self.contributions = np.zeros(len(bins) + 1)
        self.drawn = 0
        self.ages: list[Float32s] = []
        self.vectors: list[Float32s] = []
        self.raw: list[Float64s] = []
        self.place: list[Int64s] = []
        self.unscored = self.by_card = 0
        self.segments: dict[str, set[str]] = {name: set() for name in SEGMENTS}
        self.imported, self.brought = 0, set[str]()

    def take(self, piece: Piece) -> None:
        """Count the decisions of a piece that are asked for."""
        self._note_segments(piece)
        wanted, answers, views = _of_codes(piece, self.asked)
        if not wanted.any():
            return
        columns = piece.columns
        period = (np.searchsorted(self.edges, columns["time_us"], "right") - 1).astype(np.int32)
        period[~wanted | (period >= len(self.edges) - 1)] = -1
        unscored = np.isnan(columns["points"])
        self.unscored += int((unscored & (period >= 0)).sum())
        period[unscored] = -1
        if piece.features is not None:
            return self._take_imported(piece, piece.features, period, answers)
        self._require_whole(columns["vector"])
        # Points without a raw score are the card's: no figure of the model is made of them.
        by_card = np.isnan(columns["raw"])
        self.by_card += int((by_card & (period >= 0)).sum())
        period[by_card] = -1
        self.counter.add(columns["vector"], period)
        kept = np.flatnonzero(period >= 0)
        self.found.append(_decisions(piece, period, answers, kept))
        self._count_states(views, columns["states"][kept])
        self._sample(piece, period)

    def _take_imported(
        self,
        piece: Piece,
        names: tuple[str, ...],
        period: npt.NDArray[np.int32],
        answers: npt.NDArray[np.uint8],
    ) -> None:
        """Of what was brought: the decisions, and those features that the model has.

        Nothing says how old they were, and no score is there in bits that could come out again.
        """
        kept = np.flatnonzero(period >= 0)
        if not len(kept):
            return
        self.found.append(_decisions(piece, period, answers, kept))
        self.imported += len(kept)
        all_names = list(self.bins)
        mine = [place for place, name in enumerate(names) if name in self.bins]
        if mine:
            brought = [names[place] for place in mine]
            some = Counter([self.bins[name] for name in brought], len(self.edges) - 1)
            some.add(np.ascontiguousarray(piece.columns["vector"][:, mine]), period)
            self.counter.merge_some(some, [all_names.index(name) for name in brought])
            self.brought.update(brought)

    def _require_whole(self, vector: Float32s) -> None:
        if vector.shape[1:] != (self.features,):
            raise BadInput(
                f"decisions have {vector.shape[1:]} features, its reference has {self.features}",
                where=f"{self.asked.model} version {self.asked.version}",
                remedy="monitor it with the reference of this version",
            )

    def _note_segments(self, piece: Piece) -> None:
        for body in piece.bodies.values():
            if body.get("model") == self.asked.model:
                for name, values in self.segments.items():
                    if (value := fact_of(body, name)) not in (None, ""):
                        values.add(str(value))

    def _count_states(self, views: tuple[str, ...], states: npt.NDArray[np.uint8]) -> None:
        if not self.views:
            self.views = views
            self.states = np.zeros((len(views), len(ViewState)), np.int64)
        for state in ViewState:
            self.states[:, state] += (states == state).sum(axis=0)

    def _sample(self, piece: Piece, period: npt.NDArray[np.int32]) -> None:
        drawn = period[piece.sample] >= 0
        rows = piece.sample[drawn]
        self.ages.append(piece.columns["ages_s"][rows].astype(np.float32))
        self.vectors.append(piece.columns["vector"][rows[: self.rechecked]])
        self.raw.append(piece.columns["raw"][rows[: self.rechecked]])
        self.place.append(_places(piece)[rows[: self.rechecked]])
        if "contributions" in piece.sampled:
            self.contributions += piece.sampled["contributions"][drawn].sum(axis=0)
            self.drawn += len(rows)


def _of_codes(
    piece: Piece, asked: Asked
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.uint8], tuple[str, ...]]:
    """(n,) whether a decision is asked for, (n,) its answer, and the views of those asked for."""
    codes = np.array(sorted(piece.bodies), np.int64)
    bodies = [piece.bodies[code] for code in codes.tolist()]
    wanted = np.array([asked.wants(body) for body in bodies], bool)
    answers = np.array([ANSWERS.index(body["decision"]) for body in bodies], np.uint8)
    views = next((tuple(b["views"]) for b, w in zip(bodies, wanted, strict=True) if w), ())
    place = np.searchsorted(codes, piece.columns[FACTS])
    return wanted[place], answers[place], views


def _decisions(
    piece: Piece,
    period: npt.NDArray[np.int32],
    answers: npt.NDArray[np.uint8],
    kept: Int64s,
) -> Decisions:
    columns = piece.columns
    nowhere = np.full(len(piece), NOWHERE, np.int64)
    return Decisions(
        time_us=columns["time_us"][kept],
        period=period[kept],
        points=columns["points"][kept],
        probability=columns["probability"][kept],
        answer=answers[kept],
        application=columns.get(APPLICATION, nowhere)[kept],
        place=_places(piece)[kept],
    )


def _places(piece: Piece) -> Int64s:
    """(n,) as `Decisions.place`."""
    return piece.at + (piece.segment << 32)


def _together(parts: Sequence[_Part], features: int) -> Scanned:
    first, *others = parts
    for other in others:
        first.counter.merge(other.counter)
    views = next((part.views for part in parts if part.views), ())
    states = np.zeros((len(views), len(ViewState)), np.int64)
    for part in parts:
        states += part.states if part.views else 0
    drawn = sum(part.drawn for part in parts)
    total = np.sum([part.contributions for part in parts], axis=0)
    sample = Sampled(
        n=drawn,
        contributions=total / drawn if drawn else np.full(features + 1, np.nan),
        ages_s=_stacked([a for part in parts for a in part.ages], (0, len(views)), np.float32),
        vectors=_stacked([v for part in parts for v in part.vectors], (0, features), np.float32),
        raw=_stacked([r for part in parts for r in part.raw], (0,), np.float64),
        place=_stacked([p for part in parts for p in part.place], (0,), np.int64),
    )
    found = sorted((one for part in parts for one in part.found if len(one)), key=_begins)
    segments = {
        name: tuple(sorted(set[str]().union(*(part.segments[name] for part in parts))))
        for name in SEGMENTS
    }
    return Scanned(
        decisions=_joined(found),
        counter=first.counter,
        views=views,
        states=states,
        sample=sample,
        unscored=sum(part.unscored for part in parts),
        by_card=sum(part.by_card for part in parts),
        segments=segments,
        imported=sum(part.imported for part in parts),
        brought=frozenset().union(*(part.brought for part in parts)),
    )


def _begins(found: Decisions) -> int:
    return int(found.place[0])


def _joined(found: Sequence[Decisions]) -> Decisions:
    kinds = {"time_us": "i8", "period": "i4", "answer": "u1", "application": "i8", "place": "i8"}
    return Decisions(
        **{
            name: _stacked([getattr(one, name) for one in found], (0,), kinds.get(name, "f8"))
            for name in Decisions.__dataclass_fields__
        }
    )


def _stacked(rows: Sequence[npt.NDArray[Any]], empty: tuple[int, ...], dtype: Any) -> Any:
    return np.concatenate(rows) if rows else np.empty(empty, dtype)
