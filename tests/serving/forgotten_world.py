"""A home in which one customer stands in every place, with values that can be searched for."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from feature_store import history, store
from feature_store.archive import archive_log
from feature_store.archive_key import make_archive, open_archive
from feature_store.dead_letters import DeadLetter, FileDeadLetters
from feature_store.event_log import FileEventLog, append_all
from finmodel.acts import opened_log
from finmodel.assistant.guards.cases import Case
from finmodel.behaviours import LoanDrawn, LoggedIn, SuggestionJudged
from finmodel.clock import parse_time
from finmodel.conversation_book import ConversationBook, Opened
from finmodel.conversations import Message
from finmodel.decision_log import FACTS, facts_code
from finmodel.events import encode
from finmodel.finding_book import Examined, FindingBook, Found, Sought
from finmodel.guard_cases import GuardCases
from finmodel.judged_events import JudgedWords, sealed_words
from finmodel.lender import credit_default
from finmodel.records import Person
from finmodel.settings import Settings
from finmodel.signed_folders import write_signed
from finmodel.signing import ensure_key
from finmodel.suggestion_book import Judged, Shown, SuggestionBook
from finmodel.tickets import FollowUp
from finmodel.vault import Vault
from finmodel.verdicts import Verdict
from finmodel.wrap_up_book import WrapUp, WrapUpBook
from marketing.ledger.contacts import Contacts, new_plan, next_plan
from marketing.ledger.file import open_ledger
from marketing.ledger.receipts import Receipt, record
from serving.campaigns.acts import take_customers
from serving.campaigns.plan import CONTACTS, OPTIONS, PLAN, RECIPE, plan_folder
from serving.dossier import Facts
from serving.not_used import Asked
from serving.outcomes import load_outcomes
from serving.past_decisions import load_decisions
from serving.streaming import Source, run_stream
from serving.underwriting.room import CaseRoom
from tests.serving.campaign_world import customers_csv

AUDITOR = Person("zhou", frozenset({"auditor"}))
UNDERWRITER = Person("li", frozenset({"underwriter"}))
WHO = 7_353_917_246_813_579
"""The customer who is forgotten."""
OTHER = 8_464_028_357_924_680
WORDS = {
    WHO: {
        "name": "欧阳锦鲤", "phone": "13712349876", "card": "11010519491231002X",
        "phrase": "我的紫色河马昨天把还款日忘在冰箱里了",
    },
    OTHER: {
        "name": "司徒青瓷", "phone": "13898765432", "card": "440524188001010014",
        "phrase": "请把账单寄到月亮背面的第三个邮筒",
    },
}  # fmt: skip
"""What only the customer says and has."""
MINOR = 81_234_567_891
AT = datetime(2005, 9, 20, 3, tzinfo=UTC)
WITHIN, AFTER = "2010-05-01T09:00:00+08:00", "2016-02-01T09:00:00+08:00"
AT_US = 1_127_185_200_000_000
BROUGHT = "K-5309"
"""A customer of whom nothing is known but a decision of before."""
_MAPPING = """
zone: Asia/Shanghai
decisions:
  application_id: application
  customer_id: customer
  decided_at: decided
  model: behaviour_risk
  version: 1
  points: points
  decision: {column: answer, values: {ok: approve, ko: decline}}
  amount: {column: amount, unit: fen}
outcomes: {application_id: application, observed_at: seen, bad: bad, dpd: dpd}
"""


def make_world(home: Path, folder: Path) -> Settings:
    """Both customers in every place, as of 2005."""
    here = Settings(home=home, data=home, online_map_gb=0.1, standing_clock=AT.isoformat())
    here.make_home()
    _features(here)
    for who in (WHO, OTHER):
        _words(here, who)
        _dead(here, who)
    _marketing(here, folder)
    _before(here, folder)
    return here


def at(here: Settings, clock: str) -> Settings:
    return replace(here, standing_clock=clock)


def amount_of(who: int) -> int:
    """What a customer drew, and applied for."""
    return MINOR + who % 1000


def canaries(here: Settings, who: int = WHO) -> dict[str, bytes]:
    """What must not be found of a customer, in the forms in which places write it."""
    hidden = int(open_archive(here).pseudonyms(np.array([who]))[0])
    texts = {"id": str(who), **WORDS[who]}
    found = {key: text.encode() for key, text in texts.items()}
    found |= {
        f"{key}, escaped": text.encode("ascii", "backslashreplace") for key, text in texts.items()
    }
    with closing(Vault(here.vault)) as vault:
        stand_ins = vault.stand_ins([str(who), f"A-{who}"])
    amount = str(amount_of(who))
    groups = [who >> 7 * n & 127 for n in reversed(range(8))]
    return found | {
        "id, packed": who.to_bytes(8, "little"),
        "id, in SQLite": who.to_bytes(8, "big"),
        "id, of SQLite's rows": bytes([*(group | 128 for group in groups[:-1]), groups[-1]]),
        "pseudonym": hidden.to_bytes(8, "little", signed=True),
        "stand-in": stand_ins[0].to_bytes(8, "little", signed=True),
        "stand-in of the application": stand_ins[1].to_bytes(8, "little", signed=True),
        "amount": amount.encode(),
        "amount, packed": int(amount).to_bytes(8, "little"),
        "amount, big-endian": int(amount).to_bytes(5, "big"),
    }


def found_in(home: Path, wanted: dict[str, bytes]) -> set[tuple[str, str]]:
    """Which of them stand where: in bytes as they lie, and in Parquet's columns unpacked."""
    found = set()
    for path in filter(Path.is_file, home.rglob("*")):
        data = path.read_bytes()
        if path.suffix == ".parquet":
            columns = (column.combine_chunks() for column in pq.read_table(path).columns)
            parts = (part for column in columns for part in column.buffers() if part is not None)
            data += b"".join(part.to_pybytes() for part in parts)
        place = path.relative_to(home).parts[0]
        found |= {(place, key) for key, value in wanted.items() if value in data}
    return found


def _before(here: Settings, folder: Path) -> None:
    """Decisions of years before, of both and of somebody else, and what became of them."""
    whose = [str(WHO), str(OTHER), BROUGHT]
    table = pd.DataFrame(
        {
            "application": [f"A-{one}" for one in whose],
            "customer": whose,
            "decided": "2003-05-01 10:00:00",
            "points": [601.5, 540.25, 588.0],
            "answer": ["ok", "ko", "ok"],
            "amount": [*(MINOR + who % 1000 for who in (WHO, OTHER)), 100],
            "seen": "2004-05-01 10:00:00",
            "bad": [0, 1, 0],
            "dpd": [3, 91, 0],
        }
    )
    mapping, file = folder / "before.yaml", folder / "before.csv"
    mapping.write_text(_MAPPING)
    table.to_csv(file, index=False)
    load_decisions(here, file, AUDITOR, Asked(mapping))
    load_outcomes(here, file, AUDITOR, asked=Asked(mapping))


def _features(here: Settings) -> None:
    table = credit_default.load().sample(40, random_state=5).reset_index(drop=True)
    table.loc[:1, "ID"] = [WHO, OTHER]
    drawn = [
        LoanDrawn(
            event_id=f"draw-{who}", customer_id=who, occurred_at=AT, known_at=AT,
            product="cash_loan", loan_number=1, currency="CNY", amount_minor=amount_of(who),
            term_months=12, apr_bp=1800,
        )
        for who in (WHO, OTHER)
    ]  # fmt: skip
    logins = [
        LoggedIn(
            event_id=f"in-{who}-{n}", customer_id=who, occurred_at=AT, known_at=AT, channel="app",
            status="success",
        )
        for who in (WHO, OTHER)
        for n in range(3)
    ]  # fmt: skip
    with FileEventLog(here.events, write=True) as log:
        append_all(log, [*credit_default.history(table), *drawn, *logins])
    history.build(here, FileEventLog(here.events))
    history.write_profile(here, credit_default.audit_attributes(table))
    store.apply(here)
    store.materialize(here, parse_time("2005-10-01T00:00:00+08:00"))
    archive_log(FileEventLog(here.events), make_archive(here), at_least=1)
    run_stream(here, Source(), lambda _: None, once=True)


def _words(here: Settings, who: int) -> None:
    name, own = f"c-{who}", WORDS[who]
    said = f"我叫{own['name']}，电话{own['phone']}，{own['phrase']}"
    message = Message(id="m1", who="customer", at=AT, text=said)
    answer = Message(id="m2", who="agent", at=AT + timedelta(seconds=9), text=own["name"])
    opened = Opened(
        id=name, customer=str(who), started=AT, channel="app", scenario="repayment", agent="li",
        consent_to_training=True,
    )  # fmt: skip
    verdict = Verdict(
        id="v1", conversation=name, after="m1", at=AT, verdict="edited", suggestion="您好",
        sent=own["phrase"],
    )  # fmt: skip
    with (
        closing(Vault(here.vault)) as vault,
        closing(ConversationBook(here.conversations, vault)) as talks,
        closing(SuggestionBook(here.suggestions, vault)) as shown,
        closing(WrapUpBook(here.wrap_ups, vault)) as written,
    ):
        findings = FindingBook(talks, vault)
        promise = Examined("li", "repayment", "typed", [Found("promise", "replace", 0, 2)])
        talks.take(opened, [message, answer], lambda one: findings.keep(name, one, promise))
        found = next(one for one in findings.find(Sought(), 9) if one.conversation == name)
        findings.judge(found.id, "false_alarm", "zhao", own["name"], AT)
        GuardCases(here.guard_cases).put(
            Case(
                id=found.id, rule="promise", expected="none", text=own["phrase"], by="zhao", at=AT
            )
        )  # fmt: skip
        told = Shown(
            conversation=name, customer=str(who), agent="li", scenario="repayment", at=AT, count=1,
            ms=1.0, body=own["phrase"].encode(), asked=own["name"].encode(),
        )  # fmt: skip
        one = shown.show(told, vault.pseudonym(str(who)))
        event = _judged(who, JudgedWords(text=own["phrase"]), vault)
        judged = Judged(verdict=verdict, characters=9, saved=0.5, event=encode(event))
        shown.judge(one, str(who), judged)
        after = WrapUp(
            conversation=name, customer=str(who), agent="li", at=AT,
            category="repayment", body=own["phrase"].encode(),
        )  # fmt: skip
        follow_up = FollowUp(kind="complaint", note=own["name"])
        written.keep(after, [follow_up], vault.pseudonym(str(who)), lambda changes: None)
    _looked_at(here, who)


def _judged(who: int, words: JudgedWords, vault: Vault) -> SuggestionJudged:
    """A verdict that waits for its place in the event log."""
    return SuggestionJudged(
        event_id="verdict-v1", customer_id=who, occurred_at=AT, known_at=AT, rank=1,
        conversation_id=f"c-{who}", suggestion_id="v1", verdict="edited", written_by="script",
        adapter="", scenario="repayment", distance_bp=9, characters=9, characters_saved=4,
        sealed=sealed_words(words, vault.keys_of([str(who)])[str(who)]),
    )  # fmt: skip


def _looked_at(here: Settings, who: int) -> None:
    """A decision that was referred, and what a person said of it."""
    facts = Facts(
        model="behaviour_risk", version=1, digests={}, service="s", views=(), decision="refer",
        rule="points", reasons=(), actor="li", actor_roles=("underwriter",), demo=False,
    )  # fmt: skip
    body, numbers = msgspec.to_builtins(facts), np.zeros(1)
    columns = {
        FACTS: facts_code(body), "vector": np.zeros(1, np.float32), "ages_s": numbers,
        "states": np.zeros(1, np.uint8), "offsets": np.zeros(1, np.int64),
        "contributions": numbers, "raw": 0.0, "probability": 0.5, "points": 520.0,
    }  # fmt: skip
    sealed = WORDS[who] | {"customer_id": who, "amount_minor": amount_of(who)}
    with opened_log(here, here.audit) as log, closing(Vault(here.vault)) as vault:
        one = log.append("decision", body, columns=columns, personal=sealed, subject=str(who))
        with closing(CaseRoom(here, log, vault, here.clock)) as room:
            room.claim(one, UNDERWRITER)
            room.judge(one, UNDERWRITER, ("decline", "MD2"), WORDS[who]["phrase"])


def _dead(here: Settings, who: int) -> None:
    value = msgspec.json.encode({"customer_id": who, "note": WORDS[who]["phone"]})
    FileDeadLetters(here.dead_letters).put(
        [DeadLetter("app.login.v1", 0, who % 97, "missing: status", value, str(who).encode())]
    )


def _marketing(here: Settings, folder: Path) -> None:
    take_customers(here, customers_csv(folder / "customers.csv", (WHO, OTHER, 5)), AUDITOR)
    with closing(open_ledger(here)) as ledger:
        now, both = next_plan(ledger, "spring"), np.array([WHO, OTHER])
        contacts = Contacts(
            both, np.full(2, AT_US), np.full(2, AT_US * 2), ["o1"] * 2, ["app"] * 2, np.ones(2),
            np.ones(2, np.int8), np.ones(2),
        )  # fmt: skip
        with new_plan(ledger, now) as writing:
            writing.write("v1", (AT_US, "lin"), contacts, "a1")
        rows = [
            Receipt(f"r-{who}", f"1-{who}-{AT_US // 10**6}", "", "sent", AT_US)
            for who in (WHO, OTHER)
        ]
        record(ledger, rows, AT_US)
    ensure_key(here.signing)
    lines = [f"1-{who}-{AT_US // 10**6},{who},o1,app\n" for who in (WHO, OTHER)]
    sink = io.BytesIO()
    pq.write_table(pa.table({"customer_id": both, "gain": np.array([1.5, 2.5])}), sink)
    files = {
        RECIPE: b"name: spring\n",
        CONTACTS: ("contact_id,customer_id,offer,channel\n" + "".join(lines)).encode(),
        OPTIONS: sink.getvalue(),
        PLAN: b"{}",
    }
    write_signed(plan_folder(here, "spring", 1), files, here.signing)
