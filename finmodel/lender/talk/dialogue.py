"""One conversation, turn by turn: what a customer asks in their way, and the approved reply.

A customer, a day and chance come in, a conversation goes out. Slips of the finger touch only the
customer's words; a reply is its script with this customer's numbers, and keeps the script's slots.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import Final

from finmodel.assistant.facts import Facts
from finmodel.assistant.intents import intent_named
from finmodel.assistant.scripts import State
from finmodel.clock import CHINA
from finmodel.conversations import Account, Conversation, Identity, Message, Who
from finmodel.errors import NotFound
from finmodel.lender.talk.choice import first_intent, next_intent, script_for, told_to_verified
from finmodel.lender.talk.customers import SERVICE, Customer
from finmodel.lender.talk.further import further_families
from finmodel.lender.talk.loose import as_written
from finmodel.lender.talk.people import PERSONAL, detail
from finmodel.lender.talk.phrasings import Family, Mood, detail_families, families, grammar, words
from finmodel.lender.talk.templates import pick, weighted
from finmodel.lender.talk.typing_errors import mistyped, split_up

_PUBLIC: Final = Facts.of_plain(SERVICE)
_CHANNELS: Final = ("app", "app", "app", "app", "wecom", "wecom", "phone", "web")
_TURNS: Final = (1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4)
_SMALL: Final = frozenset({"greeting", "thanks_goodbye", "small_talk", "clarify"})
"""What is said beside the matter."""
_LASTS: Final = frozenset({"self_harm"})
"""After which nothing else is talked about."""


class Dialogue:
    """A conversation in the making."""

    def __init__(
        self,
        who: Customer,
        day: date,
        account: Account,
        chance: Random,
        *,
        further: bool = False,
    ) -> None:
        self.who, self.day, self.account, self.chance = who, day, account, chance
        self.channel = pick(_CHANNELS, chance)
        self.identity: Identity = "none"
        if account != "visitor":
            self.identity = _identity(chance.random(), self.channel)
        self.mood = _mood(chance)
        self.messages: list[Message] = []
        self.personal: list[tuple[str, str]] = []
        self.stranger = False
        """Somebody other than the customer is writing."""
        self.started = _start(day, chance)
        self._now = self.started
        self.further = further and who.split == "train"
        """Whether the further families are said as well."""
        self.known: Facts | None = None
        """The facts, once they were needed."""

    @property
    def facts(self) -> Facts:
        """What may be said of the customer on this day."""
        if self.known is None:
            self.known = self.who.facts(self.day)
        return self.known

    def run(self) -> None:
        """From the first word to the last."""
        draw = self.chance.random
        if draw() < 0.22:
            self.turn("greeting", first=True)
        asked = [first_intent(self.account, self.chance)]
        for number in range(pick(_TURNS, self.chance)):
            if number:
                following = next_intent(self.account, asked, self.chance)
                if following is None:
                    break
                asked.append(following)
            self.turn(asked[-1], first=number == 0)
            if asked[-1] in _LASTS:
                return
            self.wander()
        if draw() < 0.55:
            self.turn("thanks_goodbye", first=True)
        elif draw() < 0.2:
            self.add("system", words().outcomes["left"])

    def turn(self, intent: str, *, first: bool) -> None:
        """A question and its answer; where that wants the verified, verification and the answer."""
        if intent == "third_party" or (intent == "not_me" and self.identity != "verified"):
            self.stranger = True
        self.ask(intent, first=first)
        self.answer(intent)
        if self._wants_verifying(intent) and self.chance.random() < 0.7:
            self.ask("verify_identity", first=False)
            self.answer("verify_identity")
            self.say(pick(detail_families()[self.who.split], self.chance), "", "")
            self.identity = "verified"
            self.add("system", words().outcomes["verified"])
            self.answer(intent)

    def wander(self) -> None:
        """Sometimes the customer did not understand, or talks of something else."""
        draw = self.chance.random()
        if draw < 0.08:
            self.turn("small_talk", first=True)
        elif draw < 0.15:
            self.turn("clarify", first=True)

    def ask(self, intent: str, *, first: bool) -> None:
        """The customer's question, in a phrasing of their split."""
        draw = self.chance.random()
        if draw < 0.05:
            self.aside(words().aside)
        elif draw < 0.08:
            self.aside(words().loose)
        bare = intent in _SMALL or self.chance.random() < 0.35
        front = "" if bare else pick(self.mood.front if first else words().next, self.chance)
        behind = "" if bare else pick(self.mood.behind, self.chance)
        self.say(self._family(intent, first), front, behind)

    def say(self, family: Family, front: str, behind: str) -> None:
        """Words of a family, with what stands around them, as fingers write them."""
        chance = self.chance
        kept: list[str] = []
        text = grammar().say(family.template, chance, lambda name: self._value(name, kept))
        text = f"{front}{text}{behind}".strip("，")
        if chance.random() < 0.25:
            text = mistyped(text, chance, tuple(kept))
        parts = split_up(text, chance) if not kept and chance.random() < 0.1 else [text]
        for part in parts:
            self.add("customer", part, intent=family.intent, family=family.id)

    def aside(self, templates: tuple[str, ...]) -> None:
        """Something that needs no answer."""
        kept: list[str] = []
        template = pick(templates, self.chance)
        text = grammar().say(template, self.chance, lambda name: self._value(name, kept))
        self.add("customer", text)

    def answer(self, intent: str) -> None:
        """The approved reply, with this customer's numbers where they may be told."""
        facts = self.facts if self.identity == "verified" and not self.stranger else _PUBLIC
        training = self.who.split == "train"
        script = script_for(intent, self.state, self.day, facts, training, self.chance)
        if script is None:
            where = f"{intent}: {self.identity}, {self.account}"
            raise NotFound("no script answers it", where=where, remedy="add one for everybody")
        text = facts.fill(script.text).text
        self.add("agent", text, intent=intent, script=script.id, slotted=script.text)

    @property
    def state(self) -> State:
        """What is known of whoever is writing."""
        return State() if self.stranger else State(self.identity, self.account)

    def add(self, who: Who, text: str, **more: str) -> None:
        """One message, some seconds after the one before it."""
        self._now += timedelta(seconds=4 + int(90 * self.chance.random() ** 2))
        identity = self.state.identity
        number = str(len(self.messages) + 1)
        self.messages.append(
            Message(id=number, who=who, at=self._now, text=text, identity=identity, **more)
        )

    def finished(self, number: int, seed: int) -> Conversation:
        """The whole of it."""
        main = next(one.intent for one in self.messages if one.intent not in ("", "greeting"))
        told = any(one.identity == "verified" for one in self.messages)
        return Conversation(
            id=f"t{seed}-{number}",
            customer=self.who.id,
            started=self.started,
            channel=self.channel,
            scenario=intent_named(main).scenario,
            consent_to_training=self.who.consent,
            messages=tuple(self.messages),
            agent=f"a{1 + number * 7919 % 40}",
            account=None if self.stranger else self.account,
            facts=(self.facts if told else _PUBLIC).plain(),
            split=self.who.split,
        )

    def _wants_verifying(self, intent: str) -> bool:
        known = self.identity == "verified" or self.stranger or self.account == "visitor"
        return not known and intent not in _SMALL and told_to_verified(intent, self.account)

    def _family(self, intent: str, first: bool) -> Family:
        known = families()[intent, self.who.split]
        if self.further:
            known += further_families()[intent]
        found = [one for one in known if not (first and one.follows) and self._can_say(one)]
        return pick(found, self.chance)

    def _can_say(self, family: Family) -> bool:
        if not family.needs or family.needs <= PERSONAL:
            return True
        return not self.stranger and all(name in self.facts for name in family.needs - PERSONAL)

    def _value(self, name: str, kept: list[str]) -> str:
        """A fact as people write it, or a made-up detail; both are spared by slips."""
        personal = name in PERSONAL
        text = detail(name, self.chance) if personal else as_written(self.facts[name], self.chance)
        kept.append(text)
        if personal:
            self.personal.append((str(len(self.messages) + 1), text))
        return text


def _identity(draw: float, channel: str) -> Identity:
    verified = 0.45 if channel == "app" else 0.2
    if draw < verified:
        return "verified"
    return "basic" if draw < verified + 0.12 else "none"


def _mood(chance: Random) -> Mood:
    moods = words().moods
    return moods[weighted({name: one.weight for name, one in moods.items()}, chance)]


def _start(day: date, chance: Random) -> datetime:
    """By day mostly; one in twenty at any hour."""
    hours = 24 * chance.random() if chance.random() < 0.05 else 8 + 14 * chance.random()
    midnight = datetime(day.year, day.month, day.day, tzinfo=CHINA)
    return midnight + timedelta(seconds=int(hours * 3_600))
