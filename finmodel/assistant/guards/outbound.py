"""The outbound guard: what a reply may not say, sentence by sentence, and what to say instead.

A reply, this customer's facts and what was said just before come in; `Broken`s with rule, span,
severity and a safe rewrite go out. Who wrote the reply, and at what hour, is not known here. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, TypeAlias

from msgspec import Struct

from finmodel.assistant.facts import Facts
from finmodel.assistant.grounding import ground
from finmodel.assistant.guards.classifier import OUTBOUND, Finder, load_classifier
from finmodel.assistant.guards.outbound_rules import Severity, rules
from finmodel.assistant.guards.patterns import Reading
from finmodel.assistant.sentences import around
from finmodel.assistant.sentences import sentences as spans_of
from finmodel.privacy.find import find
from finmodel.privacy.masks import Masks

Spans: TypeAlias = list[tuple[int, int]]

SHORTEST: Final = 8
"""A shorter sentence, which may be half of one, is not judged by the classifier."""


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
    by: Finder = "rule"
    """What found it: the classifier only in a sentence in which nothing else did."""


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
    sentences, reading = spans_of(text), Reading(text, before)
    found = [*_by_rules(reading, sentences), *_personal(text, reading, sentences)]
    if facts is not None:
        found += _ungrounded(before + text, reading, sentences, facts, today)
    found += _classified(text, before, sentences, found)
    return tuple(sorted(found, key=lambda one: (one.start, one.end, one.rule)))


def _classified(
    text: str, before: str, sentences: Spans, found: Sequence[Broken]
) -> Iterator[Broken]:
    """The likeliest rule of each sentence that breaks none yet, where it is likely enough."""
    model = load_classifier(OUTBOUND)
    told = {(one.begin, one.close) for one in found}
    for begin, close in sentences:
        if (begin, close) in told or len(text[begin:close].strip()) < SHORTEST:
            continue
        name = model.tells(text[begin:close], "" if begin else before)
        if name is not None:
            rule = rules()[name]
            rewrite = rule.rewrite or None
            yield Broken(name, begin, close, rule.severity, begin, close, rewrite, by="classifier")


def _by_rules(reading: Reading, sentences: Spans) -> Iterator[Broken]:
    """What patterns find; only what ends in the reply itself is told."""
    for name, rule in rules().items():
        for hit in rule.hits(reading):
            if (there := reading.within(hit)) is not None:
                begin, close = around(sentences, there[1] - 1)
                rewrite = rule.rewrite or None
                yield Broken(name, *there, rule.severity, begin, close, rewrite)


def _personal(text: str, reading: Reading, sentences: Spans) -> Iterator[Broken]:
    masked: dict[tuple[int, int], str] = {}
    for one in find(reading.seen.text):
        if (there := reading.within((one.start, one.end))) is not None:
            begin, close = within = around(sentences, there[0])
            if within not in masked:
                masked[within] = Masks().mask(text[begin:close])
            rewrite = masked[within] if masked[within] != text[begin:close] else None
            yield Broken("personal", *there, "block", begin, close, rewrite)


def _ungrounded(
    told: str, reading: Reading, sentences: Spans, facts: Facts, today: date | None
) -> Iterator[Broken]:
    """Figures that no fact vouches for; disguised ones are read without their disguise."""
    seen = reading.seen.text
    for one in ground(told if len(told) == len(seen) else seen, facts, today=today).told:
        there = reading.within((one.figure.start, one.figure.end))
        if there is not None:
            begin, close = around(sentences, there[0])
            yield Broken("number", *there, "block", begin, close, None)
