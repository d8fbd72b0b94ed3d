"""General text of the simulated lender, to teach a tiny model Chinese: any size, seeded.

A size and a seed come in, short texts go out: everyday topics, notices, products, records of loans
in words, the desk's log, plans of instalments. No approved script and no phrasing of the validation
or test split stands in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from msgspec import Struct

from finmodel.assistant.intents import SCENARIOS, load_intents
from finmodel.assistant.loans import Loan
from finmodel.assistant.money import chinese_date, yuan
from finmodel.assistant.products import load_products
from finmodel.errors import BadInput
from finmodel.lender.talk.customers import Customer, customer
from finmodel.lender.talk.loose import roughly
from finmodel.lender.talk.people import PERSONAL, detail, name
from finmodel.lender.talk.phrasings import families, grammar
from finmodel.lender.talk.templates import Grammar, Values, pick, weighted
from finmodel.recipe_text import parse_yaml

HOME: Final = Path(__file__).with_name("general_words")
START: Final = date(2023, 1, 1)
DAYS: Final = 1_400
_KINDS: Final = {"topic": 70, "record": 9, "desk": 14, "plan": 7}


class Topic(Struct, frozen=True, forbid_unknown_fields=True):
    """Sentences that stand together."""

    first: tuple[str, ...]
    body: tuple[str, ...]
    last: tuple[str, ...]


def general_text(size: int, seed: int = 0) -> Iterator[str]:
    """Texts of some sentences each, until they hold `size` bytes of UTF-8 or a little more.

    The first texts are the same however many are asked for. Raises `BadInput` for a negative size.
    """
    if size < 0:
        raise BadInput(f"{size} bytes", where="general text", remedy="ask for 0 or more")
    written = number = 0
    while written < size:
        text = _text(Random(f"general {seed} {number}"), seed, number)
        written += len(text.encode()) + 1
        number += 1
        yield text


def _text(chance: Random, seed: int, number: int) -> str:
    kind = weighted(_KINDS, chance)
    if kind == "topic":
        return _topic(chance)
    if kind == "desk":
        return _desk(chance)
    who = customer(seed + 1_000_003, number, START, DAYS)
    if who.loan is None:
        return _topic(chance)
    return _record(who, who.loan, chance) if kind == "record" else _plan(who.loan, chance)


def _topic(chance: Random) -> str:
    topic = _topics()[pick(sorted(_topics()), chance)]
    values = _values(chance)
    body = list(topic.body)
    chosen = [topic.first[int(chance.random() * len(topic.first))]]
    for _ in range(2 + int(chance.random() * min(7, len(body) - 2))):
        chosen.append(body.pop(int(chance.random() * len(body))))
    if chance.random() < 0.5:
        chosen.append(pick(topic.last, chance))
    said = [_lists().say(one, chance, values) for one in chosen]
    if said[0][-1] not in "。？！：":
        said[0] += "\n"
    return ("\n" if chance.random() < 0.15 else "").join(said).replace("\n\n", "\n").strip()


def _desk(chance: Random) -> str:
    """What customers asked, as the desk logs it; in words of the training split alone."""
    intents = load_intents()
    values = _values(chance)
    lines = []
    for _ in range(1 + int(chance.random() * 4)):
        intent = intents[pick(sorted(intents), chance)]
        family = pick(families()[intent.name, "train"], chance)
        asked = grammar().say(family.template, chance, lambda slot: _said(slot, values, chance))
        label = f"{SCENARIOS[intent.scenario]}/{intent.zh}"
        line = pick(_DESK, chance).replace("ASKED", asked).replace("LABEL", label)
        lines.append(_lists().say(line, chance, values))
    return "\n".join(lines)


def _record(who: Customer, loan: Loan, chance: Random) -> str:
    """A loan's life in sentences, and what its ledger says of it."""
    values = _values(chance)
    facts = who.facts(who.day)
    said = [
        f"{chinese_date(loan.drawn_on)}，{values('who')}借款{yuan(loan.principal)}，产品为"
        f"{loan.terms.name}，分{loan.instalments}期，首个还款日{chinese_date(loan.first_due)}。"
    ]
    paid = [one for one in loan.payments if one.on <= who.day]
    for one in paid[-int(1 + chance.random() * 4) :]:
        said.append(f"{chinese_date(one.on)}{pick(_PAID, chance)}{yuan(one.amount)}。")
    known = list(facts.values())
    lines = []
    for _ in range(3 + int(chance.random() * 8)):
        fact = known.pop(int(chance.random() * len(known)))
        lines.append(f"{fact.slot.chinese}{pick(_IS, chance)}{fact.shown}")
    until = f"截至{chinese_date(who.day)}，" if chance.random() < 0.7 else ""
    return "".join(said) + until + pick(("，", "；", "\n"), chance).join(lines) + "。"


def _plan(loan: Loan, chance: Random) -> str:
    """Some instalments of a plan, a line or a sentence each."""
    rows = loan.plan()
    begin = int(chance.random() * len(rows))
    style = pick(_ROWS, chance)
    lines = [
        style.format(
            number=row.number,
            due=chinese_date(row.due),
            principal=yuan(row.principal),
            interest=yuan(row.interest),
            total=yuan(row.total),
        )
        for row in rows[begin : begin + 2 + int(chance.random() * 6)]
    ]
    return f"{loan.terms.name}还款计划\n" + "\n".join(lines)


def _values(chance: Random) -> Values:
    """What stands for names and numbers in one text."""
    kept: dict[str, str] = {}
    fixed: dict[str, Callable[[Random], str]] = {
        "who": name,
        "friend": name,
        "city": lambda chance: _lists().say("<city>", chance, str),
        "job": lambda chance: _lists().say("<job>", chance, str),
        "product": lambda chance: pick([one.name for one in load_products().values()], chance),
    }

    def value(slot: str) -> str:
        if slot in fixed:
            if slot not in kept:
                kept[slot] = fixed[slot](chance)
            return kept[slot]
        return _number(slot, chance)

    return value


def _number(slot: str, chance: Random) -> str:
    if slot == "count":
        return str(1 + int(chance.random() ** 3 * 400))
    if slot == "percent":
        return f"{chance.random() * 100:.{pick((0, 1, 2), chance)}f}%"
    if slot == "clock":
        return f"{int(chance.random() * 24)}:{int(chance.random() * 60):02d}"
    if slot == "date":
        day = START + timedelta(int(chance.random() * DAYS))
        return pick((chinese_date(day), f"{day.month}月{day.day}日"), chance)
    return _money(chance)


def _money(chance: Random) -> str:
    fen = int(10 ** (2.5 + chance.random() * 5))
    styles = [yuan(fen), f"{fen // 100}元", f"{fen // 100}块钱"]
    if fen >= 1_000_000:
        styles.append(f"{fen // 100_000 / 10:g}万元")
    elif fen >= 10_000:
        styles.append(f"{roughly(fen // 100)}元")
    return pick(styles, chance)


def _said(slot: str, values: Values, chance: Random) -> str:
    if slot in PERSONAL:
        return values("friend") if slot == "name" else detail(slot, chance)
    return _number("date" if slot.endswith("date") else "money", chance)


@cache
def _lists() -> Grammar:
    given, _ = parse_yaml(HOME / "lists.yaml")
    return Grammar({name: str(words).split() for name, words in given.items()})


@cache
def _topics() -> dict[str, Topic]:
    given, _ = parse_yaml(HOME / "topics.yaml")
    return {name: msgspec.convert(one, Topic) for name, one in given.items()}


_DESK: Final = (
    "{date}{clock}，{who}来电：“ASKED”。类别：LABEL。记录人{friend}。",
    "[在线|电话|企业微信]渠道，客户问“ASKED”，[归入|登记为]LABEL，[已答复|已转<dept>|待回访]。",
    "工单{count}：ASKED（LABEL），[处理人|跟进人]{friend}，[状态为|目前][处理中|已办结|待补充]。",
    "ASKED——{city}的一位{job}这样问，[属于|算作]LABEL。",
    "[问题|来意]：ASKED\n[分类|意图]：LABEL",
)
_PAID: Final = ("还款", "归还", "入账", "收到还款", "自动扣款成功，金额", "主动还款")
_IS: Final = ("：", "为", "是", "")
_ROWS: Final = (
    "第{number}期，{due}，本金{principal}，利息{interest}，合计{total}",
    "{due}应还{total}，其中本金{principal}、利息{interest}（第{number}期）。",
    "{number} | {due} | {principal} | {interest} | {total}",
    "第{number}期还款日{due}，应还{total}。",
)
