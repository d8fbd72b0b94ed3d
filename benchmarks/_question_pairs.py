"""Ant's pairs of real questions: how well a similarity tells those that mean the same.

Character overlap, BM25 and the cosine of embeddings need no teaching. Ours is a logistic regression
over what two questions share and what parts them, and another over the parts of their vectors,
stacked with plain measures. It learns of train.txt alone, and its threshold is chosen there;
dev.txt is read once, to be judged.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from finmodel.assistant.matching import index
from finmodel.assistant.matching.terms import terms
from finmodel.metrics import auc

Floats = NDArray[np.float64]
Scores = tuple[Floats, Floats]
"""Of train's pairs and of dev's."""
Sides = tuple[Floats, Floats]
"""Vectors of each pair's first question, and of its second."""
Embed = Callable[[Sequence[str]], NDArray[np.float16]]
Table = dict[str, dict[str, float]]
EMBEDDED: Final = 8_000
"""Of train.txt so many pairs, its first, are embedded: the rest would take half an hour."""
ROWS: Final = 1 << 18
ASKING: Final = (
    "怎么",
    "为什么",
    "什么时候",
    "多少",
    "能不能",
    "可以",
    "是不是",
    "哪",
    "吗",
    "多久",
)
DENYING: Final = ("不", "没", "无法", "别")


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of questions as terms, and whether they mean the same."""

    texts: tuple[tuple[str, str], ...]
    held: tuple[tuple[Counter[str], Counter[str]], ...]
    same: NDArray[np.int64]

    def first(self, count: int) -> Pairs:
        """The first so many."""
        return Pairs(self.texts[:count], self.held[:count], self.same[:count])


def load(path: Path) -> Pairs:
    """The pairs of a file: two questions and 0 or 1 a line, parted by tabs."""
    lines = [line.split("\t") for line in path.read_text("utf-8").splitlines() if line.strip()]
    texts = tuple((one[0], one[1]) for one in lines)
    held = tuple((Counter(terms(a)), Counter(terms(b))) for a, b in texts)
    return Pairs(texts, held, np.array([int(one[2]) for one in lines]))


def rarities(pairs: Pairs) -> Callable[[str], float]:
    """The inverse document frequency of a term among a file's questions."""
    holding: Counter[str] = Counter()
    for pair in pairs.held:
        for one in pair:
            holding.update(set(one))
    among = 2 * len(pairs.held)
    return lambda term: index.rarity(among, holding[term])


def overlap(pairs: Pairs) -> Floats:
    """Shared characters over all, of each pair."""
    return np.array([_shared(set(a), set(b)) for a, b in pairs.texts])


def bm25(pairs: Pairs, rarity: Callable[[str], float]) -> Floats:
    """Each question asked of the other, over what it gives of itself; the mean of both."""
    mean = float(np.mean([one.total() for pair in pairs.held for one in pair]))

    def score(asked: Counter[str], held: Counter[str]) -> float:
        length = held.total() / mean
        return sum(
            rarity(term) * index.saturated(held[term], length) for term in asked if term in held
        )

    return np.array(
        [
            (score(a, b) / (score(a, a) or 1.0) + score(b, a) / (score(b, b) or 1.0)) / 2
            for a, b in pairs.held
        ]
    )


def plain_measures(pairs: Pairs, rarity: Callable[[str], float]) -> Floats:
    """Measures of each pair that need no teaching: columns of one table."""
    known = np.stack([overlap(pairs), bm25(pairs, rarity)], 1)
    every = zip(pairs.texts, pairs.held, strict=True)
    return np.hstack([known, np.array([_measures(*pair, rarity) for pair in every])])


def sides(pairs: Pairs, embed: Embed) -> Sides:
    """The vectors of each pair's two questions (pairs × layers × width), each of length one."""
    texts = sorted({text for pair in pairs.texts for text in pair})
    at = {text: row for row, text in enumerate(texts)}
    found = _of_length_one(embed(texts).astype(np.float64))
    first, second = ([at[pair[side]] for pair in pairs.texts] for side in (0, 1))
    return found[first], found[second]


def cosine(of: Sides) -> Floats:
    """Of the last layer's vectors."""
    return np.asarray((of[0][:, -1] * of[1][:, -1]).sum(-1))


def learnt(train: Pairs, dev: Pairs, near: tuple[Sides, Sides] | None = None) -> Scores:
    """Ours on the questions that it was stacked on, each by folds without it, and on the others.

    `near` are the vectors of train's first pairs, on which alone it then is stacked, and of dev.
    """
    rarity = rarities(train)
    seen = train.first(len(near[0][0])) if near else train
    line = LogisticRegression(C=0.3, max_iter=300)
    by_words = _taught(line, _words(train, rarity), train.same, _words(dev, rarity))
    columns = [
        (plain_measures(seen, rarity), plain_measures(dev, rarity)),
        (by_words[0][: len(seen.same)], by_words[1]),
    ]
    if near:
        middle = np.mean(near[0], axis=(0, 1))
        apart = [_apart(of, middle) for of in near]
        columns.append((cosine(near[0]), cosine(near[1])))
        columns.append(_taught(_line(3e-4), apart[0], seen.same, apart[1]))
    known, others = (np.column_stack(one) for one in zip(*columns, strict=True))
    return _taught(_line(0.1), known, seen.same, others)


def judged(
    train: Floats, train_same: NDArray[np.int64], dev: Floats, same: NDArray[np.int64]
) -> dict[str, float]:
    """AUC and accuracy on dev, the threshold from train."""
    edge = _best_edge(train, train_same)
    return {
        "auc": auc(same, dev),
        "accuracy": float(np.mean((dev >= edge) == (same == 1))),
    }


def compared(train: Pairs, dev: Pairs, embed: Embed | None = None) -> Table:
    """AUC and accuracy of each way, and of saying always no; by embeddings where there are any."""
    rarity = rarities(train)
    seen = train.first(EMBEDDED)
    near = (sides(seen, embed), sides(dev, embed)) if embed else None
    ways = {
        "character_overlap": (overlap(train), overlap(dev)),
        "bm25": (bm25(train, rarity), bm25(dev, rarity)),
        "ours": learnt(train, dev, near),
    }
    if near:
        ways["e5"] = (cosine(near[0]), cosine(near[1]))
    found = {
        name: judged(known, train.same[: len(known)], new, dev.same)
        for name, (known, new) in ways.items()
    }
    return found | {"always_no": {"auc": 0.5, "accuracy": float(np.mean(dev.same == 0))}}


def _best_edge(scores: Floats, same: NDArray[np.int64]) -> float:
    """The score from which on "same" is said, with the fewest wrong."""
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(np.where(same[order] == 1, 1, -1))
    best = int(np.argmax(right))
    return float(scores[order[best]]) if right[best] > 0 else math.inf


def _line(strength: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200))


def _taught(model: Any, table: Any, same: NDArray[np.int64], others: Any) -> Scores:
    """Log-odds of the pairs that a model learns of, each by folds without it, and of others."""
    folds = StratifiedKFold(5, shuffle=True, random_state=8)
    known = cross_val_predict(model, table, same, cv=folds, method="decision_function")
    return known, model.fit(table, same).decision_function(others)


def _apart(of: Sides, middle: Floats) -> Floats:
    """How far two vectors are apart and how alike they are, each of their parts (pairs × parts)."""
    first, second = (_of_length_one(one - middle) for one in of)
    return np.hstack(
        [both.reshape(len(first), -1) for both in (abs(first - second), first * second)]
    )


def _of_length_one(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _words(pairs: Pairs, rarity: Callable[[str], float]) -> csr_matrix:
    """What both hold, and what only one does, as rows of rarities: hashed apart."""

    def table(chosen: Callable[[set[str], set[str]], set[str]], name: str) -> csr_matrix:
        rows: list[int] = []
        values: list[float] = []
        starts = [0]
        for a, b in pairs.held:
            for term in sorted(chosen(set(a), set(b))):
                rows.append(crc32(f"{name}{term}".encode()) % ROWS)
                values.append(rarity(term) / 10)
            starts.append(len(rows))
        return csr_matrix((values, rows, starts), shape=(len(pairs.held), ROWS))

    return hstack(
        [table(set.intersection, "both "), table(set.symmetric_difference, "one ")]
    ).tocsr()


def _measures(
    texts: tuple[str, str], held: tuple[Counter[str], Counter[str]], rarity: Callable[[str], float]
) -> Sequence[float]:
    (a, b), (first, second) = texts, held
    both = set(first) & set(second)
    every = set(first) | set(second)
    weight = sum(map(rarity, every)) or 1.0
    by_size = [
        _shared(*({term for term in one if len(term) == size} for one in held)) for size in (2, 3)
    ]
    words = [{term for term in one if term.startswith("=")} for one in held]
    return (
        sum(map(rarity, both)) / weight,
        max((rarity(term) for term in every - both), default=0.0),
        *by_size,
        _shared(*words),
        len(words[0] ^ words[1]),
        SequenceMatcher(None, a, b, autojunk=False).ratio(),
        min(len(a), len(b)),
        abs(len(a) - len(b)),
        sum((word in a) != (word in b) for word in ASKING),
        sum((word in a) != (word in b) for word in DENYING),
        float(a[:2] == b[:2]),
        float(a[-2:] == b[-2:]),
    )


def _shared(first: set[str], second: set[str]) -> float:
    every = first | second
    return len(first & second) / len(every) if every else 1.0
