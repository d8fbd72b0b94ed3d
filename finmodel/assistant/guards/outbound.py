"""The outbound guard: what a reply may not say, sentence by sentence, and what to say instead.

A reply, this customer's facts and what was said just before come in; `Broken`s with rule, span,
severity and a safe rewrite go out. Who wrote the reply, and at what hour, is not known here. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TypeAlias

from msgspec import Struct

from finmodel.assistant.facts import Facts
from finmodel.assistant.grounding import ground
from finmodel.assistant.guards.normal import Seen, normalise
from finmodel.assistant.guards.outbound_rules import Severity, rules
from finmodel.assistant.sentences import sentences as spans_of
from finmodel.privacy.find import find
from finmodel.privacy.masks import Masks

Spans: TypeAlias = list[tuple[int, int]]


class Broken(Struct, frozen=True):
    """One rule that a reply breaks: `text[start:end]`, in the sentence `text[begin:close]`."""

    rule: str
    start: int
    end: int
    severity: Severity
    begin: int
    close: int
    rewrite: str | None
    """What may stand in the sentence's place; none where it has to be said anew."""


def broken(
    text: str, facts: Facts | None = None, *, today: date | None = None, before: str = ""
) -> tuple[Broken, ...]:
    """All that a reply may not say, in the order of the text.

    `before` is what the same agent said just before: a sentence may begin there. Figures are held
    against `facts`; without facts they are not judged.

    >>> [(one.rule, one.start, one.end, one.rewrite) for one in broken("您好！这笔保 证 通 过。")]
    [('promise', 5, 12, '审批结果以系统综合评估为准。')]
    >>> [one.rule for one in broken("能通过的。", before="您这笔贷款保证")]
    ['promise']
    """
    sentences = spans_of(text)
    found = [*_by_rules(text, before, sentences), *_personal(text, sentences)]
    if facts is not None:
        found += _ungrounded(text, sentences, facts, today)
    return tuple(sorted(found, key=lambda one: (one.start, one.end, one.rule)))


def _by_rules(text: str, before: str, sentences: Spans) -> Iterator[Broken]:
    """What patterns find; only what ends in the reply itself is told."""
    seen = normalise(before + text)
    for name, rule in rules().items():
        for hit in rule.hits(seen.text):
            start, end = _within(seen, hit, len(before))
            if end > 0:
                begin, close = _around(sentences, end - 1)
                rewrite = rule.rewrite or None
                yield Broken(name, start, end, rule.severity, begin, close, rewrite)


def _within(seen: Seen, hit: tuple[int, int], skipped: int) -> tuple[int, int]:
    start, end = seen.span(*hit) if hit[0] < hit[1] else (0, 0)
    return max(start - skipped, 0), end - skipped


def _personal(text: str, sentences: Spans) -> Iterator[Broken]:
    for one in find(text):
        begin, close = _around(sentences, one.start)
        masked = Masks().mask(text[begin:close])
        yield Broken("personal", one.start, one.end, "block", begin, close, masked)


def _ungrounded(text: str, sentences: Spans, facts: Facts, today: date | None) -> Iterator[Broken]:
    for one in ground(text, facts, today=today).told:
        start, end = one.figure.start, one.figure.end
        begin, close = _around(sentences, start)
        yield Broken("number", start, end, "block", begin, close, None)


def _around(sentences: Spans, at: int) -> tuple[int, int]:
    return next((one for one in sentences if one[0] <= at < one[1]), sentences[-1])
