"""Ant's pairs of real questions: how well a similarity tells those that mean the same.

Character overlap and BM25 need no teaching; ours is a logistic regression over what two questions
share and what parts them, stacked with plain measures. It learns of train.txt alone, and its
threshold is chosen there; dev.txt is read once, to be judged.
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
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from finmodel.assistant.matching import index
from finmodel.assistant.matching.terms import terms
from finmodel.metrics import auc

Floats = NDArray[np.float64]
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


def learnt(train: Pairs, dev: Pairs) -> tuple[Floats, Floats]:
    """Ours on the questions that it learnt of, each by folds without it, and on the others."""
    rarity = rarities(train)
    words_train, words_dev = _words(train, rarity), _words(dev, rarity)
    line = LogisticRegression(C=0.3, max_iter=300)
    folds = StratifiedKFold(5, shuffle=True, random_state=8)
    ask: dict[str, Any] = {"cv": folds, "method": "predict_proba"}
    out_of_fold = cross_val_predict(line, words_train, train.same, **ask)[:, 1]
    of_dev = line.fit(words_train, train.same).predict_proba(words_dev)[:, 1]
    plain = plain_measures(train, rarity)
    table = np.column_stack([plain, out_of_fold])
    others = np.column_stack([plain_measures(dev, rarity), of_dev])
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=250, max_leaf_nodes=15, min_samples_leaf=60, random_state=8
    )
    known = cross_val_predict(trees, table, train.same, **ask)[:, 1]
    return known, trees.fit(table, train.same).predict_proba(others)[:, 1]


def judged(
    train: Floats, train_same: NDArray[np.int64], dev: Floats, same: NDArray[np.int64]
) -> dict[str, float]:
    """AUC and accuracy on dev, the threshold from train."""
    edge = _best_edge(train, train_same)
    return {
        "auc": auc(same, dev),
        "accuracy": float(np.mean((dev >= edge) == (same == 1))),
    }


def compared(train: Pairs, dev: Pairs) -> dict[str, dict[str, float]]:
    """AUC and accuracy of each way, and of saying always no."""
    rarity = rarities(train)
    ways = {
        "character_overlap": (overlap(train), overlap(dev)),
        "bm25": (bm25(train, rarity), bm25(dev, rarity)),
        "ours": learnt(train, dev),
    }
    found = {name: judged(known, train.same, new, dev.same) for name, (known, new) in ways.items()}
    return found | {"always_no": {"auc": 0.5, "accuracy": float(np.mean(dev.same == 0))}}


def _best_edge(scores: Floats, same: NDArray[np.int64]) -> float:
    """The score from which on "same" is said, with the fewest wrong."""
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(np.where(same[order] == 1, 1, -1))
    best = int(np.argmax(right))
    return float(scores[order[best]]) if right[best] > 0 else math.inf


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
