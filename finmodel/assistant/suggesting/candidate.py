"""What an engine wrote, sentence by sentence, through the rules: said, said safely, or not at all.

A sentence with slots comes in, with what may be told; it goes out filled, or as a guard's safe
rewrite, or the whole candidate is given up with the rule that it broke. A figure stands only as a
slot, and only under the name of the fact that fills it. Which engine wrote it is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NoReturn

from finmodel.assistant.grounding import ground
from finmodel.assistant.guards import denied
from finmodel.assistant.guards.outbound import broken
from finmodel.assistant.guards.outbound_rules import rules
from finmodel.assistant.guards.unverified import INSTEAD, tells_standing
from finmodel.assistant.script_rules import LONGEST, broken_rules
from finmodel.assistant.slot_nouns import misnamed
from finmodel.assistant.suggesting.answers import Met, Origin, Sentence
from finmodel.assistant.suggesting.approved import numbers_of
from finmodel.assistant.suggesting.asking import Told
from finmodel.assistant.suggesting.foreign import foreign
from finmodel.assistant.suggesting.origins import Text, equal, near
from finmodel.assistant.suggesting.unslotted import unslotted_figure
from finmodel.errors import NotReady
from finmodel.privacy.kinds import PLACEHOLDER

_IDEOGRAPH: Final = re.compile("[\u4e00-\u9fff]")
_GARBAGE: Final = re.compile(
    r"[\ufffd\x00-\x08\x0b-\x1f]|<[a-zA-Z/!]|https?:|(.)\1{5}|(.{2,12})\2{3}"
)
"""Broken characters, markup, addresses, and what an engine repeats when it is stuck."""
JUDGE: Final = "judge"
_NEVER: Final = ("slot", "brace", "number", "identity")
"""Rules of scripts for which there is no safe way of saying it."""


class GivenUp(Exception):
    """The candidate cannot be said; `rule` says why."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(rule)


@dataclass(slots=True)
class Candidate:
    """A reply as it comes."""

    told: Told
    day: date
    engine: str
    texts: Sequence[Text] = ()
    judge: Callable[[str], str | None] | None = None
    """The rule that a sentence breaks, in the opinion of a model; `NotReady` where it has none."""
    before: str = field(default="", repr=False)
    """What the same agent said just before."""
    said: list[Sentence] = field(default_factory=list)
    met: list[Met] = field(default_factory=list)
    heard: list[str] = field(default_factory=list, repr=False)
    """As it came: what was rewritten may have been the beginning of what comes next."""
    written: int = 0
    """Sentences that came in."""

    def add(self, sentence: str) -> Sentence | None:
        """The sentence as it may be said; None where it says nothing new. Raises `GivenUp`."""
        slotted = sentence.strip()
        if not slotted:
            return None
        self.written += 1
        if any(one.slotted.strip() == slotted for one in self.said):
            return None
        found = self._judged(slotted)
        if found is None or any(one.slotted == found.slotted for one in self.said):
            return None
        if sum(len(one.slotted) for one in self.said) + len(found.slotted) > LONGEST:
            self._give_up("length")
        self.said.append(found)
        return found

    def finish(self) -> None:
        """Raises `GivenUp` where nothing of it is left but safe rewrites."""
        if not self.said:
            self._give_up("empty")
        if all(one.origin.home == "guard" for one in self.said):
            self._give_up("nothing but rewrites")

    def _judged(self, slotted: str) -> Sentence | None:
        if not _IDEOGRAPH.search(slotted) or _GARBAGE.search(slotted):
            self._give_up("garbage")
        if PLACEHOLDER.search(slotted):
            self._give_up("personal")
        wrong = broken_rules(slotted, self.told.state.identity)
        if never := self._never(slotted, wrong):
            self._give_up(never)
        if "rate" in wrong:
            return self._instead("rate", rules()["rate"].rewrite)
        if self.told.state.identity != "verified" and self._tells_standing(slotted):
            return self._instead("unverified", INSTEAD)
        if denied.denies_more(slotted, (one.text for one in self.texts)):
            return self._instead("denied_charge", denied.INSTEAD)
        return self._guarded(slotted) or self._second(slotted) or self._filled(slotted)

    def _never(self, slotted: str, wrong: Container[str]) -> str:
        """The rule by which there is no safe way of saying it; empty where there is one."""
        if never := next((name for name in _NEVER if name in wrong), ""):
            return never
        if self.told.facts.missing(slotted):
            return "no value"
        if equal(slotted, self.texts) is None and unslotted_figure(slotted):
            return "number"
        return "garbage" if foreign(slotted, (one.text for one in self.texts)) else ""

    def _tells_standing(self, slotted: str) -> bool:
        """What is said to nobody in particular may stand as it was approved."""
        return equal(slotted, self.texts) is None and tells_standing(slotted)

    def _guarded(self, slotted: str) -> Sentence | None:
        """What is said in the place of a sentence that breaks a rule; None where it may stand."""
        before = self.before + "".join(self.heard)
        self.heard.append(slotted)
        for one in broken(slotted, before=before):
            if one.severity == "warn":
                self.met.append(Met(one.rule, self.written, "warned"))
            elif one.rewrite is None or one.rule == "personal":
                self._give_up(one.rule)
            else:
                return self._instead(one.rule, one.rewrite)
        return None

    def _second(self, slotted: str) -> Sentence | None:
        """What is said in the place of a sentence that a second judge objects to.

        What approved texts say is not put to it.
        """
        if self.judge is None or near(slotted, self.texts) is not None:
            return None
        try:
            rule = self.judge(slotted)
        except NotReady as error:
            raise GivenUp("no judge") from error
        if rule is None:
            return None
        rewrite = rules()[rule].rewrite
        return self._instead(rule, rewrite, JUDGE) if rewrite else self._give_up(rule, JUDGE)

    def _filled(self, slotted: str) -> Sentence:
        facts = self.told.facts
        before = "".join(self.heard[:-1])
        if equal(slotted, self.texts) is None and misnamed(slotted, before) is not None:
            self._give_up("number")
        filled = facts.fill(slotted)
        if ground(filled.text, facts, today=self.day).told:
            self._give_up("number")
        return Sentence(filled.text, slotted, self._origin(slotted), numbers_of(filled))

    def _instead(self, rule: str, rewrite: str, by: str = "") -> Sentence:
        self.met.append(Met(rule, self.written, "rewritten", by))
        return Sentence(rewrite, rewrite, Origin("guard", rule))

    def _give_up(self, rule: str, by: str = "") -> NoReturn:
        self.met.append(Met(rule, self.written, "dropped", by))
        raise GivenUp(rule)

    def _origin(self, slotted: str) -> Origin:
        """The approved text that says the same, else the engine."""
        found = near(slotted, self.texts)
        return Origin("engine", self.engine) if found is None else found.origin
