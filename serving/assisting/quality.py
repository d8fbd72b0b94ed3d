"""质检: what the guards found in agents' messages, for a supervisor to judge.

A question and a person come in; findings with their words masked go out, a verdict is kept and
stands in the audit log. Findings of customers who were erased are passed over: nobody reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from finmodel.acts import audited
from finmodel.assistant.guards.cases import Case, Words, fewest, still_told
from finmodel.assistant.guards.outbound_rules import rules
from finmodel.assistant.guards.unverified import INSTEAD
from finmodel.conversations import Conversation
from finmodel.errors import NotFound, Refused
from finmodel.finding_book import Finding, Sought
from finmodel.guard_cases import GuardCases
from finmodel.privacy.marked import Marked, marked
from finmodel.privacy.masks import Masks
from finmodel.records import Person
from serving.assisting.desk import AssistDesk
from serving.assisting.examining import said_before
from serving.assisting.finding_sheet import Row
from serving.assisting.quality_asked import (
    MOST,
    Cases,
    CaseSeen,
    ExportRequest,
    Findings,
    FindingSeen,
    FindingsRequest,
    InContext,
    Ruled,
    RuleName,
    RulingRequest,
    Turn,
)

MOST_EXPORTED: Final = 2_000
"""Findings of one file: what is more is exported by rule, agent or scenario."""
_NEAR: Final = 60
"""Characters on both sides of a stretch in the list."""
_BEFORE, _AFTER = 6, 3
"""Messages around the one that was found in."""
_AT_ONCE: Final = 100
_OTHERS: Final = {
    "number": ("无依据的数字", "A figure that no fact vouches for"),
    "unverified": ("未核验即告知账户情况", "Tells how somebody stands who is not verified"),
    "contact_hours": ("夜间主动联系", "Written to first at night"),
    "contact_stopped": ("客户已停止营销仍主动联系", "Written to first after they said stop"),
    "contact_frequency": ("主动联系超限", "Written to first too often"),
}
"""Rules that are no patterns."""


def queue(given: FindingsRequest, desk: AssistDesk) -> Findings:
    """Findings in the order in which they are judged."""
    found = list(islice(_readable(_sought(given), desk), given.most + 1))
    known, share = desk.findings.known(), desk.findings.share(*desk.last_month())
    return Findings(
        findings=tuple(_seen(one, _near(words)) for one, words, _ in found[: given.most]),
        more=len(found) > given.most,
        rules=tuple(map(name_of, known["rule"])),
        agents=tuple(known["agent"]),
        scenarios=tuple(known["scenario"]),
        examined=share.examined,
        hit=share.hit,
    )


def context(name: str, desk: AssistDesk) -> InContext:
    """One finding among what was said around it; NotFound as `judge` says."""
    one = desk.findings.one(name)
    talk = desk.conversations.read(one.conversation)
    masks = _masks_of(talk)
    place = _place_of(one, talk)
    near = range(max(place - _BEFORE, 0), min(place + _AFTER + 1, len(talk.messages)))
    turns = [(talk.messages[n], n == place) for n in near]
    own = rules().get(one.rule)
    return InContext(
        finding=_seen(one, _words(one, talk, masks)),
        name=name_of(one.rule),
        rewrite=own.rewrite if own else INSTEAD if one.rule == "unverified" else "",
        note=desk.findings.note(name),
        turns=tuple(Turn(m.who, m.at, masks.mask(m.text), here) for m, here in turns),
    )


def judge(name: str, given: RulingRequest, person: Person, desk: AssistDesk) -> Ruled:
    """Keep a verdict, in place of the one before.

    NotFound where there is no such finding or its customer was erased, Refused where it is the
    supervisor's own message.
    """
    one = desk.findings.one(name)
    if one.agent == person.name:
        raise Refused(
            f"{person.name} wrote this message",
            where=f"finding {name}",
            remedy="ask another supervisor: two pairs of eyes",
        )
    note = given.note.strip()
    new = one.state != given.ruling or desk.findings.note(name) != note
    if new:
        desk.conversations.key_of(one.conversation)  # of the erased nothing is judged, nor logged
        about = {"by": person.name, "finding": name, "rule": one.rule, "agent": one.agent}
        ruling = {"ruling": given.ruling, "before": one.state}
        audited(desk.settings, "finding_judged", about | ruling)
        desk.findings.judge(name, given.ruling, person.name, note, desk.clock.now())
    # Also where it was said before: whoever was cut short between the two says it again.
    case = _settled(desk.findings.one(name), desk)
    return Ruled(state=given.ruling, new=new, case=case)


def cases(desk: AssistDesk) -> Cases:
    """This lender's false alarms, and which of them today's guards still tell."""
    every = GuardCases(desk.settings.guard_cases).every()[::-1]
    return Cases(
        cases=tuple(
            CaseSeen(
                id=one.id,
                rule=one.rule,
                text=one.text,
                before=one.before,
                by=one.by,
                at=one.at,
                told=still_told(one),
            )
            for one in every[:MOST]
        ),
        more=len(every) > MOST,
        rules=tuple(map(name_of, sorted({one.rule for one in every}))),
    )


def _settled(one: Finding, desk: AssistDesk) -> bool:
    """Let the guards' cases hold a finding where it is a false alarm; whether they do.

    One that is there stays, though the guards may have learnt to let it pass.
    """
    file = GuardCases(desk.settings.guard_cases)
    if one.state != "false_alarm" or one.judged_at is None:
        file.remove(one.id)
        return False
    if any(known.id == one.id for known in file.every()):
        return True
    if (told := _fewest(one, desk)) is None:
        return False
    text, before = told
    case = Case(
        id=one.id,
        rule=one.rule,
        expected="none",
        text=text,
        before=before,
        by=one.by,
        at=one.judged_at,
    )
    file.put(case)
    if desk.findings.one(one.id).state != "false_alarm":  # somebody judged otherwise meanwhile
        return not file.remove(one.id)
    return True


def _fewest(one: Finding, desk: AssistDesk) -> tuple[str, str] | None:
    talk = desk.conversations.read(one.conversation)
    place = _place_of(one, talk)
    before = said_before(talk.messages[:place])
    words = Words(talk.messages[place].text, one.start, one.end, before)
    return fewest(words, one.rule, _masks_of(talk))


def rows(given: ExportRequest, person: Person, desk: AssistDesk) -> list[Row]:
    """Findings as rows of a sheet, masked; who took how many stands in the audit log.

    Refused where there are more than one file holds.
    """
    found = list(islice(_readable(_sought(given), desk), MOST_EXPORTED + 1))
    if len(found) > MOST_EXPORTED:
        raise Refused(
            f"there are more than {MOST_EXPORTED:,} findings",
            where="the export",
            remedy="choose a rule, an agent, a scenario or a verdict",
        )
    made = [_row(one, words, masks, desk) for one, words, masks in found]
    audited(desk.settings, "findings_exported", {"by": person.name, "findings": len(made)})
    return made


def name_of(rule: str) -> RuleName:
    """What a rule is called; its own name where it is none of today's."""
    if rule in rules():
        return RuleName(rule, rules()[rule].zh, rules()[rule].en)
    return RuleName(rule, *_OTHERS.get(rule, (rule, rule)))


def _sought(given: FindingsRequest | ExportRequest) -> Sought:
    return Sought(state=given.state, rule=given.rule, agent=given.agent, scenario=given.scenario)


def _readable(sought: Sought, desk: AssistDesk) -> Iterator[tuple[Finding, Marked, Masks]]:
    """Findings with their words, masked as their whole conversation is."""
    talks: dict[str, tuple[Conversation, Masks] | None] = {}
    past = 0
    while found := desk.findings.find(sought, _AT_ONCE, past):
        past += len(found)
        for one in found:
            if one.conversation not in talks:
                talks[one.conversation] = _read(one.conversation, desk)
            if (known := talks[one.conversation]) is not None:
                yield one, _words(one, *known), known[1]


def _read(conversation: str, desk: AssistDesk) -> tuple[Conversation, Masks] | None:
    try:
        talk = desk.conversations.read(conversation)
    except NotFound:  # its customer was erased
        return None
    return talk, _masks_of(talk)


def _masks_of(talk: Conversation) -> Masks:
    """Whoever is named anywhere in it is masked everywhere."""
    return Masks.of(said.text for said in talk.messages)


def _words(one: Finding, talk: Conversation, masks: Masks) -> Marked:
    return marked(talk.messages[_place_of(one, talk)].text, one.start, one.end, masks)


def _place_of(one: Finding, talk: Conversation) -> int:
    return next(n for n, said in enumerate(talk.messages) if said.id == one.message)


def _near(words: Marked) -> Marked:
    before, span, after = words
    if len(before) > _NEAR:
        before = f"…{before[-_NEAR:]}"
    if len(after) > _NEAR:
        after = f"{after[:_NEAR]}…"
    return Marked(before, span, after)


def _seen(one: Finding, words: Marked) -> FindingSeen:
    return FindingSeen(
        id=one.id,
        rule=one.rule,
        severity=one.severity,
        finder=one.finder,
        origin=one.origin,
        agent=one.agent,
        scenario=one.scenario,
        at=one.at,
        state=one.state,
        by=one.by,
        judged_at=one.judged_at,
        words=words,
    )


def _row(one: Finding, words: Marked, masks: Masks, desk: AssistDesk) -> Row:
    return Row(
        finding=one,
        rule=name_of(one.rule).zh,
        span=words.span,
        text="".join(words),
        note=masks.mask(desk.findings.note(one.id)),
    )
