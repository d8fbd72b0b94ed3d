"""The simulated lender's conversations: right numbers, splits apart, slips in customers' words."""

import re
from collections import Counter, defaultdict
from datetime import date
from functools import cache
from itertools import islice

import msgspec
import pytest

from finmodel.assistant.facts import Facts
from finmodel.assistant.grounding import ground
from finmodel.assistant.intents import SCENARIOS, load_intents
from finmodel.assistant.scripts import load_scripts
from finmodel.conversation_files import read_conversations, write_conversations
from finmodel.conversations import fault_of
from finmodel.errors import BadInput
from finmodel.lender.talk.conversations import write
from finmodel.lender.talk.held_out import held_out
from finmodel.lender.talk.phrasings import words
from tests.finmodel.lender.talk.own_ledger import OwnLedger


@cache
def written(count: int = 1_200, seed: int = 7):
    return list(write(count, seed))


def replies():
    return [
        (one, message)
        for one in written()
        for message in one.conversation.messages
        if message.who == "agent"
    ]


def shown(slotted: str, text: str) -> dict[str, str]:
    """What stands in a reply's text where its script has slots."""
    parts = re.split(r"\{(\w+)\}", slotted)
    names, pattern = parts[1::2], ""
    for place, part in enumerate(parts):
        pattern += "(.+?)" if place % 2 else re.escape(part)
    found = re.fullmatch(pattern, text)
    assert found, (slotted, text)
    values: dict[str, str] = {}
    for name, value in zip(names, found.groups(), strict=True):
        assert values.setdefault(name, value) == value
    return values


def as_shown(value) -> str:
    if isinstance(value, date):
        return f"{value.year}年{value.month}月{value.day}日"
    return str(value)


@cache
def own_ledger(customer: str, day: date) -> OwnLedger:
    loan = next(one.customer.loan for one in written() if one.customer.id == customer)
    return OwnLedger(loan).to(day)


@cache
def own_values(customer: str, day: date) -> dict:
    line = next(one.customer.line for one in written() if one.customer.id == customer)
    return own_ledger(customer, day).values(line)


MONEY = re.compile(r"^\d{1,3}(,\d{3})*\.\d\d元$")


def agrees(text: str, value) -> bool:
    if MONEY.match(text):
        return round(float(text[:-1].replace(",", "")) * 100) == value
    if text.endswith("%"):
        decimals = len(text.partition(".")[2]) - 1
        return abs(float(text[:-1]) - value) <= 0.5 * 10**-decimals + 1e-9
    return text == as_shown(value)


def test_every_number_in_a_reply_is_right_for_that_customer_on_that_day():
    seen = Counter()
    for one, message in replies():
        values = shown(message.slotted, message.text)
        who = one.customer
        if who.loan is None:
            line = who.line
            known = {"hotline": "400-000-0000", "service_hours": "8:00-22:00"}
            if line:
                known |= {"application_date": line.application_date, "product_name": who.product}
        elif values:
            known = own_values(who.id, one.as_of)
        for name, text in values.items():
            assert agrees(text, known[name]), (name, text, known[name], message, who.loan)
            seen[name] += 1
    assert len(seen) >= 30
    assert sum(seen.values()) >= 1_500
    shown_somewhere = {slot for one in load_scripts().values() for slot in one.slots}
    assert shown_somewhere - set(seen) == set()


def test_the_number_guard_finds_every_figure_of_every_reply_in_the_conversations_facts():
    checked = 0
    for one, message in replies():
        facts = Facts.of_plain(one.conversation.facts)
        findings = ground(message.text, facts, today=one.as_of)
        assert findings.told == (), message
        checked += len(findings.findings)
    assert checked >= 2_000


def test_a_sum_that_a_reply_takes_apart_adds_up():
    checked = 0
    for _, message in replies():
        if message.script == "early_settlement-2":
            values = shown(message.slotted, message.text)
            fen = {name: round(float(v[:-1].replace(",", "")) * 100) for name, v in values.items()}
            total = fen.pop("settlement_total")
            assert sum(fen.values()) == total
            checked += 1
    assert checked >= 5


def test_how_a_customer_stands_is_what_the_ledger_says():
    counts = Counter()
    for one in written():
        account = one.conversation.account
        if one.customer.loan is not None and account is not None:
            assert own_ledger(one.customer.id, one.as_of).account() == account
        counts[account] += 1
    assert set(counts) == {"visitor", "applied", "declined", "current", "overdue", "settled", None}
    assert min(counts.values()) >= 10


def test_a_reply_is_its_script_word_for_word():
    scripts = load_scripts()
    told = replies()
    assert len(told) >= 4_000
    for one, message in told:
        script = scripts[message.script]
        assert message.slotted == script.text
        assert script.valid_on(one.as_of)
        shown(message.slotted, message.text)


def test_who_is_not_verified_is_told_nothing_of_a_customer():
    checked = 0
    for _, message in replies():
        if message.identity == "verified":
            continue
        checked += 1
        assert load_scripts()[message.script].needs != "verified"
        assert set(shown(message.slotted, message.text)) <= {"hotline", "service_hours"}
    assert checked >= 1_000


def test_facts_go_with_the_verified_alone():
    for one in written():
        chat = one.conversation
        verified = any(message.identity == "verified" for message in chat.messages)
        public = {"hotline", "service_hours"}
        assert (set(chat.facts) > public) == (verified and chat.account != "visitor")


def test_no_two_splits_share_a_family_or_a_customer():
    families, customers = defaultdict(set), defaultdict(set)
    for one in written():
        chat = one.conversation
        customers[chat.split].add(chat.customer)
        families[chat.split] |= {m.family for m in chat.messages if m.family}
    assert set(families) == {"train", "validation", "test"}
    for a, b in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert families[a] & families[b] == set()
        assert customers[a] & customers[b] == set()
    assert len(families["train"]) >= 450
    assert min(len(found) for found in families.values()) >= 100


def test_a_fifth_of_the_scripts_is_in_no_training_conversation():
    used = defaultdict(set)
    for one, message in replies():
        used[one.conversation.split].add(message.script)
    apart = held_out()
    assert len(apart) == len(load_scripts()) // 5
    assert used["train"] & apart == set()
    assert len(used["test"] & apart) >= 10
    seen = used["train"] | used["validation"] | used["test"]
    assert len(seen) >= 0.9 * len(load_scripts())


def test_the_same_seed_gives_the_same_bytes_however_many():
    encoder = msgspec.json.Encoder()
    first = [encoder.encode(one.conversation) for one in write(60, 3)]
    again = [encoder.encode(one.conversation) for one in islice(write(90, 3), 60)]
    other = [encoder.encode(one.conversation) for one in write(60, 4)]
    assert first == again
    assert set(first) & set(other) == set()
    assert list(write(0, 3)) == []


def test_conversations_are_whole_and_survive_a_file(tmp_path):
    chats = [one.conversation for one in written()[:300]]
    assert [fault_of(one) for one in chats] == [None] * len(chats)
    for name in ("talk.jsonl", "talk.csv"):
        write_conversations(tmp_path / name, chats)
        assert list(read_conversations(tmp_path / name)) == chats


def test_all_that_a_customer_may_want_is_asked():
    asked = Counter(
        message.intent
        for one in written()
        for message in one.conversation.messages
        if message.who == "customer" and message.intent
    )
    assert set(asked) == set(load_intents())
    assert {one.conversation.scenario for one in written()} == set(SCENARIOS)
    small = {"", "greeting", "thanks_goodbye", "small_talk", "clarify", "verify_identity"}
    sizes = Counter(len({m.intent for m in one.conversation.messages} - small) for one in written())
    assert {1, 2, 3, 4} <= set(sizes)


def test_customers_mistype_and_agents_do_not():
    customers = [
        message.text
        for one in written()
        for message in one.conversation.messages
        if message.who == "customer"
    ]
    wrong = [one for many in words().typing.homophones.values() for one in many if len(one) > 1]
    right = "".join(one.text for one in load_scripts().values())
    slips = [slip for slip in wrong if slip not in right]
    assert sum(any(slip in text for text in customers) for slip in slips) >= 25
    assert [m.text for _, m in replies() if any(slip in m.text for slip in slips)] == []
    assert len(set(customers)) >= 0.6 * len(customers)


def test_personal_details_have_the_shape_of_real_ones_and_stand_where_they_are_said_to():
    shapes = Counter()
    for one in written():
        texts = {message.id: message for message in one.conversation.messages}
        for name, detail in one.personal:
            assert texts[name].who == "customer"
            assert detail in texts[name].text
            if re.fullmatch(r"\d{17}[\dX]", detail):
                total = sum(
                    (10 if c == "X" else int(c)) * 2 ** (17 - n) for n, c in enumerate(detail)
                )
                assert total % 11 == 1
                shapes["id"] += 1
            elif re.fullmatch(r"1\d{10}", detail):
                shapes["phone"] += 1
            elif re.fullmatch(r"62\d{14,17}", detail):
                twice = [int(c) * 2 for c in detail[-2::-2]]
                total = sum(map(int, detail[-1::-2])) + sum(n - 9 if n > 9 else n for n in twice)
                assert total % 10 == 0
                shapes["card"] += 1
            else:
                shapes["other"] += 1
    assert min(shapes[one] for one in ("id", "phone", "card", "other")) >= 10


def test_some_customers_did_not_consent():
    share = Counter(one.conversation.consent_to_training for one in written())
    assert 0.10 < share[False] / len(written()) < 0.20
    by_customer = defaultdict(set)
    for one in written():
        by_customer[one.conversation.customer].add(one.conversation.consent_to_training)
    assert all(len(said) == 1 for said in by_customer.values())


@pytest.mark.parametrize(
    "asked", [{"count": -1}, {"count": 1, "days": 0}, {"count": 1, "start": date(2020, 1, 1)}]
)
def test_what_cannot_be_written_is_told(asked):
    with pytest.raises(BadInput, match=r"talk: .*; ask for 0 or more, from 2026-03-02 on"):
        list(write(**asked))
