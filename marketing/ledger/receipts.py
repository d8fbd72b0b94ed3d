"""What became of contacts, as whoever sends them tells it: each receipt counts once, by its id.

Rows of receipts come in; those that hold are kept, the others told with their reason. An opt-out
stops the customer for good, a complaint until it is closed, whoever of a known customer the row
names and whatever else of it cannot be read; a contact that failed, and was not made after all,
counts for no cap. The same file twice changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, TypeAlias, get_args

from finmodel.errors import BadInput
from marketing.campaign.lanes import Lane
from marketing.ledger.contacts import parts_of
from marketing.ledger.customers import OPEN_COMPLAINT, OPTED_OUT
from marketing.ledger.failed import judge_one
from marketing.ledger.file import Ledger
from marketing.ledger.stops import sent_after_stop

Kind = Literal["sent", "delivered", "failed", "answered", "opted_out", "complained"]
KINDS: tuple[str, ...] = get_args(Kind)
OF_THE_CUSTOMER = frozenset({"opted_out", "complained"})
"""May be told with no contact: a customer may ask at any time."""
Key: TypeAlias = tuple[int, int | None, int | None]
"""Customer, and the opening and plan of a contact: neither, of the customer alone."""
_FLAG = {"opted_out": OPTED_OUT, "complained": OPEN_COMPLAINT}
_STOPS = OPTED_OUT | OPEN_COMPLAINT


@dataclass(frozen=True, slots=True)
class Receipt:
    """One row of a file; texts as they stood in it."""

    event_id: str
    contact_id: str
    customer_id: str
    """Where there is no contact; an opt-out or a complaint stops whom either names."""
    kind: str
    at_us: int | None
    """None where it is no time, or has no zone."""
    loose_us: int | None = None
    """A day, or a time with no zone, by Beijing's clocks: enough to stop somebody, no more."""


@dataclass(slots=True)
class Recorded:
    """What was done with a file."""

    rows: int
    new: int = 0
    known: int = 0
    """Rows that were kept before, the very same."""
    opted_out: int = 0
    """Customers who were not yet."""
    sent_outside_window: int = 0
    """Contacts that were sent before or after their window: quiet hours may be broken."""
    sent_after_stop: int = 0
    """Contacts that were sent to who had opted out, or complained, before."""
    refused: dict[int, str] = field(default_factory=dict)
    """Rows that are not used, and why."""
    noted: dict[int, str] = field(default_factory=dict)
    """Opt-outs and complaints that hold, and what of them could not be taken as it stands."""
    lost: list[int] = field(default_factory=list)
    """Opt-outs and complaints among the refused: they stop nobody."""
    sent: list[tuple[int, int]] = field(default_factory=list)
    """Customers and times of what is told as sent, and was not known."""
    stopped: set[int] = field(default_factory=set)
    """Customers who are stopped and were not."""


def record(ledger: Ledger, told: Sequence[Receipt], now_us: int) -> Recorded:
    """Keep receipts, in one transaction."""
    done = Recorded(len(told))
    with ledger.writing() as db:
        for row, one in enumerate(told):
            try:
                if one.kind in OF_THE_CUSTOMER:
                    if note := _stop(db, one, now_us, done):
                        done.noted[row] = note
                else:
                    _take(db, one, now_us, done)
            except BadInput as refusal:
                done.refused[row] = refusal.what
        done.sent_after_stop = sent_after_stop(db, done.sent, done.stopped)
    done.lost = [row for row in done.refused if told[row].kind in OF_THE_CUSTOMER]
    return done


def counts_of(ledger: Ledger, plan: int) -> dict[tuple[str, str, str], int]:
    """Contacts of a plan by offer, channel and kind of receipt, each contact once a kind.

    Not the offers that were made at once under it: they are no contacts of its list.
    """
    told = (
        "SELECT offer, channel, kind, count(*) FROM (SELECT DISTINCT offer, channel, kind, "
        "customer, opens_us FROM receipts JOIN contacts USING (customer, opens_us, plan) "
        "WHERE plan = ? AND cost_minor IS NOT NULL) GROUP BY 1, 2, 3"
    )
    with ledger.reading() as db:
        return {(o, c, k): count for o, c, k, count in db.execute(told, (plan,))}


def _take(db: sqlite3.Connection, one: Receipt, now_us: int, done: Recorded) -> None:
    """Keep one; BadInput where it does not hold."""
    at_us = _checked(one, now_us)
    if not one.contact_id:
        raise BadInput("it names no contact_id")
    customer, opens_us, plan = _contact(db, one.contact_id)
    row = one.event_id, plan, customer, opens_us, one.kind, at_us
    before = db.execute("SELECT * FROM receipts WHERE event_id = ?", row[:1]).fetchone()
    if before is not None:
        if before != row:
            raise BadInput("another receipt with this event_id is known, and says otherwise")
        done.known += 1
        return
    db.execute("INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?)", row)
    done.new += 1
    _act(db, one.kind, (customer, opens_us, plan), at_us, done)


def _checked(one: Receipt, now_us: int) -> int:
    if not 0 < len(one.event_id) <= 128:
        raise BadInput("it has no event_id of up to 128 characters")
    if one.kind not in KINDS:
        raise BadInput(f"{one.kind!r} is no kind of receipt: {', '.join(KINDS)}")
    if one.at_us is None:
        raise BadInput("its time is not ISO 8601 with a zone")
    if one.at_us > now_us:
        raise BadInput("it is later than now")
    return one.at_us


def _stop(db: sqlite3.Connection, one: Receipt, now_us: int, done: Recorded) -> str:
    """Stop everybody a row names, once; what of the row was not as it should be, empty if nothing.

    BadInput where it names nobody.
    """
    keys, notes = _named(db, one)
    at_us, said = _when(one, now_us)
    usable = [one.event_id] if 0 < len(one.event_id) <= 128 else []
    new = False
    for place, key in enumerate(keys):
        ids = [*(usable if place == 0 else []), _made_id(one, key[0])]
        event_id = _kept(db, ids, (key[2], *key[:2], one.kind, at_us), bool(said))
        if event_id:
            new = True
            _act(db, one.kind, key, at_us, done)
        if place == 0 and event_id not in ("", one.event_id):
            notes.append("its event_id is none or another receipt's: it is kept under another")
    done.new += new
    done.known += not new
    return "; ".join([*notes, *([said] if said else [])])


def _named(db: sqlite3.Connection, one: Receipt) -> tuple[list[Key], list[str]]:
    """Whom a row names, each customer once, and what of it names nobody."""
    keys: list[Key] = []
    notes = []
    if one.contact_id:
        try:
            keys.append(_contact(db, one.contact_id))
        except BadInput as refusal:
            notes.append(refusal.what)
            parts = [*one.contact_id.split("-"), "", ""]  # of a plan that this ledger lost
            keys += [(int(parts[1]), None, None)] if _is_customer(db, parts[1]) else []
    if _is_customer(db, one.customer_id):
        keys.append((int(one.customer_id), None, None))
    elif one.customer_id:
        notes.append(f"customer {one.customer_id!r} is not in the ledger")
    if not keys:
        raise BadInput("; ".join(notes) or "it names neither contact_id nor customer_id")
    if len({key[0] for key in keys}) == 2:
        first, second = (key[0] for key in keys)
        notes.append(f"its contact is customer {first}'s, and it names {second}: both are stopped")
        return keys, notes
    return keys[:1], notes


def _when(one: Receipt, now_us: int) -> tuple[int, str]:
    """When somebody said stop, and what had to be assumed for it."""
    at_us = one.loose_us if one.at_us is None else one.at_us
    if at_us is None:
        return now_us, "its time is none: taken as of now"
    if at_us > now_us:
        return now_us, "it is later than now: taken as of now"
    return at_us, "" if one.at_us is not None else "its time has no zone: taken as Beijing's"


def _kept(
    db: sqlite3.Connection,
    ids: Sequence[str],
    said: tuple[int | None, int, int | None, str, int],
    any_time: bool,
) -> str:
    """Keep it under the first id that no other receipt has; that id, empty where it is known."""
    told = "SELECT plan, customer, opens_us, kind, at_us FROM receipts WHERE event_id = ?"
    for event_id in ids:
        before = db.execute(told, (event_id,)).fetchone()
        if before is None:
            db.execute("INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?)", (event_id, *said))
            return event_id
        if before[:4] == said[:4] and (any_time or before[4] == said[4]):
            break
    return ""


def _made_id(one: Receipt, customer: int) -> str:
    """An id for what has none of its own: the same for the same row."""
    row = one.event_id, one.contact_id, one.customer_id, one.kind, one.at_us, one.loose_us
    return f"{one.kind}-{customer}-{sha256(repr(row).encode()).hexdigest()[:24]}"


def _is_customer(db: sqlite3.Connection, told: str) -> bool:
    if not (told.isascii() and told.isdigit() and len(told) < 19):
        return False
    known = db.execute("SELECT 1 FROM customers WHERE id = ?", (int(told),))
    return known.fetchone() is not None


def _contact(db: sqlite3.Connection, told: str) -> Key:
    """The contact that an id names; BadInput where none such was planned."""
    plan, customer, opens_us = parts_of(told)
    key = customer, opens_us, plan
    lane = "SELECT lane FROM contacts WHERE customer = ? AND opens_us = ? AND plan = ?"
    found = None if max(key) >= 2**63 else db.execute(lane, key).fetchone()
    if found is None or found[0] == Lane.HOLDOUT:  # a ghost was told to nobody
        raise BadInput(f"no contact {told} was ever planned")
    return key


def _act(
    db: sqlite3.Connection,
    kind: str,
    key: Key,
    at_us: int,
    done: Recorded,
) -> None:
    if kind in _FLAG:
        told = "SELECT flags FROM customers WHERE id = ?"
        was, flag = db.execute(told, key[:1]).fetchone()[0], _FLAG[kind]
        db.execute("UPDATE customers SET flags = ? WHERE id = ?", (was | flag, key[0]))
        done.opted_out += kind == "opted_out" and not was & flag
        done.stopped |= set() if was & _STOPS else {key[0]}
        return
    judge_one(db, key, kind)
    if kind == "sent":
        told = "SELECT closes_us FROM contacts WHERE customer = ? AND opens_us = ? AND plan = ?"
        closes_us = db.execute(told, key).fetchone()[0]
        done.sent.append((key[0], at_us))
        done.sent_outside_window += not (key[1] or 0) <= at_us <= closes_us
