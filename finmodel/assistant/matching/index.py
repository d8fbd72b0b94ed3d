"""BM25 over Chinese documents in memory, current from the moment that a document changes.

Documents and a question come in, the documents that share its terms go out, the best first. Every
version of a document is a document of its own, so that two that contradict each other are both
found. What a document is about is not known here. One thread changes it at a time. Pure.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import date
from typing import Final, TypeAlias

from msgspec import Struct

from finmodel.assistant.matching.terms import terms

Key: TypeAlias = tuple[str, int]
"""A document's id and version."""
_SATURATION: Final = 1.2
_BY_LENGTH: Final = 0.75
"""k1 and b of Robertson and Zaragoza, The Probabilistic Relevance Framework (2009), §3."""


def rarity(among: int, holding: int) -> float:
    """The inverse document frequency of what so many of all documents hold, never below 0."""
    return math.log1p((among - holding + 0.5) / (holding + 0.5))


def saturated(times: int, length: float) -> float:
    """What standing so often is worth in a document of so many times the mean length."""
    longer = 1.0 - _BY_LENGTH + _BY_LENGTH * length
    return times * (_SATURATION + 1.0) / (times + _SATURATION * longer)


class Document(Struct, frozen=True, kw_only=True):
    """What can be found: a text, and for how long it stands."""

    id: str
    version: int
    text: str
    valid_from: date
    valid_to: date | None = None

    def valid_on(self, day: date) -> bool:
        """Whether it stands on a day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


class Hit(Struct, frozen=True):
    """A document that was found."""

    document: Document
    score: float
    """BM25: comparable among the documents of one question alone."""
    share: float
    """0 to 1: the score over what a document of the question's own words would have."""


class Index:
    """Documents by their terms.

    >>> index = Index()
    >>> since = date(2026, 1, 1)
    >>> index.put(Document(id="fee", version=1, text="提前结清收手续费", valid_from=since))
    >>> index.put(Document(id="fee", version=2, text="提前结清免手续费", valid_from=since))
    >>> [(hit.document.id, hit.document.version) for hit in index.find("提前还清免费吗", since)]
    [('fee', 2), ('fee', 1)]
    """

    def __init__(self) -> None:
        self._documents: dict[Key, Document] = {}
        self._counts: dict[Key, Counter[str]] = {}
        self._lengths: dict[Key, int] = {}
        self._holders: dict[str, dict[Key, int]] = {}
        self._length = 0
        self._worths: dict[str, list[tuple[Key, float]]] = {}
        """What a term gives to each document that holds it; emptied with every change."""

    def __len__(self) -> int:
        return len(self._documents)

    def __contains__(self, key: Key) -> bool:
        return key in self._documents

    def put(self, document: Document) -> None:
        """Add a document, or put it in the place of the one with its id and version."""
        key = document.id, document.version
        self.remove(*key)
        counts = Counter(terms(document.text))
        self._documents[key] = document
        self._counts[key] = counts
        self._lengths[key] = counts.total()
        self._worths.clear()
        self._length += counts.total()
        for term, times in counts.items():
            self._holders.setdefault(term, {})[key] = times

    def remove(self, name: str, version: int) -> None:
        """Take a document out; one that is not there is no error."""
        key = name, version
        if self._documents.pop(key, None) is None:
            return
        self._worths.clear()
        self._length -= self._lengths.pop(key)
        for term in self._counts.pop(key):
            holders = self._holders[term]
            del holders[key]
            if not holders:
                del self._holders[term]

    def find(self, question: str, as_of: date, count: int = 5) -> list[Hit]:
        """The best documents that stand on a day; equal ones in the order of id and version.

        Of a term that stands several times in the question each counts.
        """
        asked = Counter(terms(question))
        scores = self._scores(asked)
        if not scores:
            return []
        most = self._most(asked)
        standing = [key for key in scores if self._documents[key].valid_on(as_of)]
        best = sorted(standing, key=lambda key: (-scores[key], key[0], -key[1]))[:count]
        return [
            Hit(self._documents[key], scores[key], min(scores[key] / most, 1.0)) for key in best
        ]

    def _scores(self, asked: Counter[str]) -> dict[Key, float]:
        scores: dict[Key, float] = {}
        for term, weight in asked.items():
            for key, worth in self._worth(term):
                scores[key] = scores.get(key, 0.0) + weight * worth
        return scores

    def _worth(self, term: str) -> list[tuple[Key, float]]:
        if (known := self._worths.get(term)) is not None:
            return known
        if (holders := self._holders.get(term)) is None:
            return []
        rare = self._rarity(term)
        found = [(key, rare * self._saturated(key, times)) for key, times in holders.items()]
        self._worths[term] = found
        return found

    def _saturated(self, key: Key, times: int) -> float:
        mean = self._length / len(self._documents)
        return saturated(times, self._lengths[key] / mean)

    def _rarity(self, term: str) -> float:
        return rarity(len(self._documents), len(self._holders.get(term, ())))

    def _most(self, asked: Counter[str]) -> float:
        """What a document of middling length with each of the terms once would score."""
        return sum(weight * self._rarity(term) for term, weight in asked.items())
