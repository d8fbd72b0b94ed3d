"""The first approved scripts that may be said to this customer today, and how sure that is.

A situation, who the customer is and a day come in; up to three scripts of three intents go out,
each with its score, and the verification script beside them where the answer wants the verified.
Whether a script's numbers are known is told by the names of the slots that have a value. Pure.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import date
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from finmodel.assistant.intents import intent_named
from finmodel.assistant.matching.index import Document, Index
from finmodel.assistant.matching.intent_model import IntentModel, load_model
from finmodel.assistant.matching.situation import VERIFY, Situation
from finmodel.assistant.matching.terms import terms
from finmodel.assistant.scripts import Script, Scripts, State
from finmodel.assistant.slots import SLOTS, replaced

COUNT: Final = 3
_OPEN: Final = 0.8
"""How likely it is that whoever was just verified waits for the answer that wanted it."""
_READ: Final = 40
"""Scripts that BM25 gives a share of the score."""


class Offer(Struct, frozen=True):
    """A script that may be said."""

    script: Script
    score: float
    """0 to 1: how likely its intent is what is wanted."""

    @property
    def source(self) -> tuple[str, int]:
        """The script's id and version."""
        return self.script.id, self.script.version


class Ranked(Struct, frozen=True):
    """What may be said, the likeliest first."""

    offers: tuple[Offer, ...] = ()
    confident: bool = False
    """The first one is right often enough to be offered without anything generated."""
    verification: Script | None = None
    """What asks for verification, where more could be told once that is done."""
    asked_to_verify: int = 0
    """The place of verification among all intents, the likeliest first: from 0 on."""


class Ranker:
    """Scripts, indexed, beside a model of intents."""

    def __init__(self, scripts: Scripts, model: IntentModel | None = None) -> None:
        self._scripts = scripts
        self._model = model or load_model()
        self._index = Index()
        for one in scripts.values():
            self._index.put(document_of(one))

    def rank(
        self,
        situation: Situation,
        state: State,
        as_of: date,
        slots: Container[str] | None = None,
    ) -> Ranked:
        """Up to three scripts; none where the customer wrote nothing that can be read.

        `slots` are the names that have a value for this customer; None does not ask.
        """
        wanted = self.wanted(situation, state, as_of)
        offers: list[Offer] = []
        for name, score in wanted.items():
            script = self._closest(name, state, as_of, slots)
            if script is not None:
                offers.append(Offer(script, score))
            if len(offers) == COUNT:
                break
        sure = bool(offers) and offers[0].score >= self._model.confident
        place = list(wanted).index(VERIFY) if VERIFY in wanted else len(wanted)
        return Ranked(tuple(offers), sure, self._verification(offers, state, as_of), place)

    def wanted(self, situation: Situation, state: State, as_of: date) -> dict[str, float]:
        """Every intent with its score, the likeliest first; empty where nothing can be read."""
        waits = situation.just_verified and situation.open
        if not waits and not terms(situation.asked):
            return {}
        model = self._model
        scores = model.blend * self.by_words(situation.asked, as_of)
        scores += (1.0 - model.blend) * model.probabilities(situation)
        if waits and situation.open in model.intents:
            scores *= 1.0 - _OPEN
            scores[model.intents.index(situation.open)] += _OPEN
        order = np.argsort(-scores, kind="stable")
        return {model.intents[at]: float(scores[at]) for at in order}

    def by_words(self, asked: str, as_of: date) -> NDArray[np.float64]:
        """Each intent's part of the BM25 of its best script; zeros where no term is shared."""
        intents = {name: at for at, name in enumerate(self._model.intents)}
        found = np.zeros(len(intents))
        for hit in self._index.find(asked, as_of, _READ):
            place = intents.get(self._scripts[hit.document.id].intent)
            if place is not None:
                found[place] = max(found[place], hit.score**2)
        total = float(found.sum())
        return found / total if total else found

    def _closest(
        self, intent: str, state: State, as_of: date, slots: Container[str] | None
    ) -> Script | None:
        for one in self._scripts.fitting(intent, state, as_of):
            if slots is None or all(slot in slots for slot in one.slots):
                return one
        return None

    def _verification(self, offers: list[Offer], state: State, as_of: date) -> Script | None:
        """The script that asks for it, unless the customer is known or it stands there already."""
        if not offers or state.identity == "verified":
            return None
        if any(one.script.intent == VERIFY for one in offers):
            return None
        more = any(
            one.needs == "verified" for one in self._scripts.of_intent(offers[0].script.intent)
        )
        return next(iter(self._scripts.fitting(VERIFY, state, as_of)), None) if more else None


def document_of(script: Script) -> Document:
    """A script as it is found: its intent's name, and its text with slots by their names."""
    text = replaced(script.text, lambda name: SLOTS[name].chinese)
    return Document(
        id=script.id,
        version=script.version,
        text=f"{intent_named(script.intent).zh}。{text}",
        valid_from=script.valid_from,
        valid_to=script.valid_to,
    )
