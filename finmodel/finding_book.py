"""What the guards found in what agents sent, and what a supervisor made of it.

An agent's message is written down as examined in the transaction that keeps it, with what was
found in it; findings to be judged go out, the gravest first. Words stay in the message, sealed;
who, when, which rule and where lie beside them in the open. What a rule says is not known here.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

import msgspec

from finmodel.conversation_book import ConversationBook, text_of_time
from finmodel.conversations import Message, Scenario
from finmodel.errors import NotFound
from finmodel.vault import Vault

Origin: TypeAlias = Literal["typed", "suggested", "edited", "brought"]
"""Written by the agent, a suggestion as it was or changed; of what another system brought nobody
knows."""
Ruling: TypeAlias = Literal["confirmed", "false_alarm"]
State: TypeAlias = Literal["open", "confirmed", "false_alarm"]
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS examined(
    conversation TEXT NOT NULL, message TEXT NOT NULL, at TEXT NOT NULL, agent TEXT NOT NULL,
    scenario TEXT NOT NULL, origin TEXT NOT NULL,
    PRIMARY KEY(conversation, message)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS examined_at ON examined(at);
CREATE TABLE IF NOT EXISTS finding(
    id TEXT PRIMARY KEY, conversation TEXT NOT NULL, message TEXT NOT NULL, rule TEXT NOT NULL,
    severity TEXT NOT NULL, finder TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL
    ) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS finding_of ON finding(conversation, message);
CREATE TABLE IF NOT EXISTS ruling(
    finding TEXT PRIMARY KEY, at TEXT NOT NULL, person TEXT NOT NULL, ruling TEXT NOT NULL,
    sealed BLOB NOT NULL) WITHOUT ROWID;
"""
_FINDINGS: Final = """
SELECT finding.id, conversation, message, agent, scenario, examined.at, origin, rule, severity,
       finder, start, stop, coalesce(ruling, 'open'), coalesce(person, ''), ruling.at, sealed
FROM finding JOIN examined USING (conversation, message)
             LEFT JOIN ruling ON ruling.finding = finding.id
"""
_GRAVEST_FIRST: Final = """
ORDER BY CASE severity WHEN 'block' THEN 0 WHEN 'replace' THEN 1 ELSE 2 END, examined.at,
         conversation, message, start, rule
"""


class Found(NamedTuple):
    """What was found at `text[start:end]` of a message; both 0 where it is none of its words."""

    rule: str
    severity: str
    start: int
    end: int
    finder: str = "rule"
    """`rule` or `classifier`."""


class Examined(NamedTuple):
    """An agent's message that the guards have read."""

    agent: str
    scenario: Scenario
    origin: Origin
    found: Sequence[Found]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was found, without its words."""

    id: str
    conversation: str
    message: str
    agent: str
    scenario: Scenario
    at: datetime
    """When the message was written."""
    origin: Origin
    rule: str
    severity: str
    finder: str
    start: int
    end: int
    state: State = "open"
    by: str = ""
    """Who judged it."""
    judged_at: datetime | None = None


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """Which findings are asked for; what is empty is not asked for."""

    state: State | Literal[""] = "open"
    rule: str = ""
    agent: str = ""
    scenario: Scenario | Literal[""] = ""


class Share(NamedTuple):
    """Of so many messages of agents that were examined, so many in which something was found."""

    examined: int
    hit: int


class FindingBook:
    """The findings of one home, in the file of its conversations."""

    def __init__(self, talks: ConversationBook, vault: Vault) -> None:
        """Open the book that lies beside these conversations, or make it."""
        self._talks, self._vault, self._file = talks, vault, talks.file
        self._file.also(_TABLES)

    def keep(self, conversation: str, message: Message, examined: Examined) -> None:
        """Keep what was found in a message; within the transaction that keeps the message."""
        self._file.change(
            "INSERT INTO examined VALUES (?,?,?,?,?,?)",
            conversation, message.id, text_of_time(message.at), examined.agent, examined.scenario,
            examined.origin,
        )  # fmt: skip
        for one in dict.fromkeys(examined.found):
            self._file.change(
                "INSERT INTO finding VALUES (?,?,?,?,?,?,?,?)",
                uuid.uuid4().hex, conversation, message.id, one.rule, one.severity, one.finder,
                one.start, one.end,
            )  # fmt: skip

    def find(self, sought: Sought, most: int, past: int = 0) -> list[Finding]:
        """At most so many findings, the gravest first, then the oldest."""
        where, given = _where(sought)
        rows = self._file.rows(
            f"{_FINDINGS} {where} {_GRAVEST_FIRST} LIMIT ? OFFSET ?", *given, most, past
        )
        return [_finding(row) for row in rows]

    def one(self, name: str) -> Finding:
        """A finding; NotFound where there is none of this id."""
        return _finding(self._row(name))

    def note(self, name: str) -> str:
        """What was noted with its verdict; empty where it was not judged.

        NotFound where there is none of this id, or where the customer's key was erased.
        """
        return self._note(self._row(name))

    def judge(self, name: str, ruling: Ruling, person: str, note: str, at: datetime) -> bool:
        """Keep a verdict in place of the one before; whether it says anything new.

        NotFound as `note` says.
        """
        with self._file.writing():
            before = _finding(row := self._row(name))
            key = self._talks.key_of(before.conversation)
            if before.state == ruling and self._note(row) == note:
                return False
            self._file.change(
                "INSERT OR REPLACE INTO ruling VALUES (?,?,?,?,?)",
                name, text_of_time(at), person, ruling, key.seal(note.encode()),
            )  # fmt: skip
        return True

    def known(self) -> dict[str, list[str]]:
        """The rules, agents and scenarios of which there are findings."""
        rows = self._file.rows(
            "SELECT DISTINCT rule, agent, scenario"
            " FROM finding JOIN examined USING (conversation, message)"
        )
        names = ("rule", "agent", "scenario")
        return {name: sorted({row[at] for row in rows}) for at, name in enumerate(names)}

    def share(self, since: datetime, until: datetime) -> Share:
        """How many messages of a span of time were examined, and how many of them were hit."""
        span = text_of_time(since), text_of_time(until)
        row = self._file.row(
            "SELECT (SELECT count(*) FROM examined WHERE at >= ? AND at < ?),"
            " (SELECT count(*) FROM (SELECT DISTINCT conversation, message FROM finding)"
            "  JOIN examined USING (conversation, message) WHERE at >= ? AND at < ?)",
            *span, *span,
        )  # fmt: skip
        return Share(*row)

    def _note(self, row: Any) -> str:
        conversation, sealed = row[1], row[-1]
        if sealed is None:
            return ""
        return self._vault.open(self._talks.ref_of(conversation), sealed).decode()

    def _row(self, name: str) -> Any:
        row = self._file.row(f"{_FINDINGS} WHERE finding.id = ?", name)
        if row is None:
            raise NotFound(
                "there is no finding of this id",
                where=f"finding {name}",
                remedy="see which there are: POST /findings",
            )
        return row


def _where(sought: Sought) -> tuple[str, list[str]]:
    """A clause, and what is put in its places."""
    columns = {"rule": "rule", "agent": "agent", "scenario": "scenario"}
    columns |= {"state": "coalesce(ruling, 'open')"}
    asked = {column: getattr(sought, name) for name, column in columns.items()}
    clauses = [f"{column} = ?" for column, value in asked.items() if value]
    given = [value for value in asked.values() if value]
    return (f"WHERE {' AND '.join(clauses)}" if clauses else ""), given


def _finding(row: Any) -> Finding:
    name, conversation, message, agent, scenario, at, origin, *rest = row
    rule, severity, finder, start, end, state, by, judged, _ = rest
    return Finding(
        id=name,
        conversation=conversation,
        message=message,
        agent=agent,
        scenario=cast(Scenario, scenario),
        at=datetime.fromisoformat(at),
        origin=cast(Origin, origin),
        rule=rule,
        severity=severity,
        finder=finder,
        start=start,
        end=end,
        state=cast(State, state),
        by=by,
        judged_at=datetime.fromisoformat(judged) if judged else None,
    )
