"""Records that made no event, kept with the reason, so that nothing is lost and nothing waits.

Letters come in from whoever reads a topic and are on the disk when `put` returns: a line of JSON
each, in a file for each topic. A letter put again is kept once, a line that a crash cut short is
cut off. They hold what customers sent, so only the file's owner may read them. Knows no Kafka.
"""

from __future__ import annotations

import fcntl
import os
import re
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import msgspec

from finmodel.durable import disk_error, sync_folder
from finmodel.errors import BadInput, Damaged, NotFound

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,244}")
"""As Kafka names topics, less what `.jsonl` takes of a file's name."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that made no event: where it stands, why, and its bytes as they came."""

    topic: str
    partition: int
    offset: int
    reason: str
    """A word of `rejections.Reason`, and behind a colon the field."""
    value: bytes | None
    key: bytes | None = None
    timestamp_ms: int | None = None
    """Kafka's own time of the record; None where the log keeps none."""

    def __repr__(self) -> str:
        """Its place and reason: what it holds is for no log."""
        return f"DeadLetter({self.topic}[{self.partition}]@{self.offset}: {self.reason})"


class DeadLetters(Protocol):
    """Where dead letters go."""

    def put(self, letters: Iterable[DeadLetter]) -> int:
        """Keep letters, durably; how many there were that it did not have."""


class PassedOver:
    """`DeadLetters` of who reads a log beside its counting: whoever counts it keeps them."""

    def put(self, letters: Iterable[DeadLetter]) -> int:
        """Keep none."""
        return 0


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    partition: int
    offset: int
    reason: str
    key: str | None = None
    key_base64: str | None = None
    value: str | None = None
    value_base64: str | None = None
    timestamp_ms: int | None = None


class FileDeadLetters:
    """`DeadLetters` in a folder: `<topic>.jsonl`. Any number of processes may write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, set[bytes]] = {}
        self._read_to: dict[str, int] = {}

    def put(self, letters: Iterable[DeadLetter]) -> int:
        """Keep letters; how many there were that the files did not have."""
        topics: dict[str, list[DeadLetter]] = {}
        for letter in letters:
            topics.setdefault(letter.topic, []).append(letter)
        return sum(self._put(topic, some) for topic, some in topics.items())

    def _put(self, topic: str, letters: list[DeadLetter]) -> int:
        path = _path(self._folder, topic)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                return self._append(topic, file, letters)
            finally:
                os.close(file)
        except OSError as error:
            raise disk_error(error, path) from error

    def _append(self, topic: str, file: int, letters: list[DeadLetter]) -> int:
        seen = self._seen.setdefault(topic, set())
        start = self._catch_up(topic, file)
        fresh: dict[bytes, DeadLetter] = {}
        for letter in letters:
            mark = _mark(letter)
            if mark not in seen:
                fresh.setdefault(mark, letter)
        if not fresh:
            return 0
        body = b"".join(line_of(letter) for letter in fresh.values())
        _write(file, body)
        os.fsync(file)
        if start == 0:
            sync_folder(self._folder)
        seen.update(fresh)
        self._read_to[topic] = start + len(body)
        return len(fresh)

    def _catch_up(self, topic: str, file: int) -> int:
        """Learn what others have written, and cut off what a crash left; where the file ends."""
        start = self._read_to.get(topic, 0)
        if os.fstat(file).st_size < start:  # somebody has put the file away
            start = 0
            self._seen[topic].clear()
        with os.fdopen(os.dup(file), "rb") as reader:
            reader.seek(start)
            for line in reader:
                if not line.endswith(b"\n"):
                    os.ftruncate(file, start)
                    break
                start += len(line)
                letter = letter_of(topic, line)
                if letter is not None:  # a broken one is told to who reads them
                    self._seen[topic].add(_mark(letter))
        self._read_to[topic] = start
        return start


def read_dead(folder: Path) -> Iterator[DeadLetter]:
    """All letters in a folder, topic by topic; Damaged with file and line where one is broken."""
    for path in sorted(folder.glob("*.jsonl")):
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    if line.endswith(b"\n"):  # or it is being written
                        yield _whole(path, number, line)
        except OSError as error:
            raise disk_error(error, path) from error


def count_dead(letters: Iterable[DeadLetter]) -> Counter[tuple[str, str]]:
    """How many letters there are, by topic and by the word of their reason.

    >>> count_dead([DeadLetter("t", 0, 7, "missing: dpd", b"{}")])
    Counter({('t', 'missing'): 1})
    """
    return Counter((letter.topic, letter.reason.partition(":")[0]) for letter in letters)


def letter_id(letter: DeadLetter) -> str:
    """What names a letter, the same wherever it is kept: of its topic, its place and its bytes.

    >>> letter_id(DeadLetter("t", 0, 7, "missing: dpd", b"{}"))
    'd-badc36e971205a3f8445'
    """
    digest = blake2b(letter.topic.encode() + b"\0" + _mark(letter), digest_size=10)
    return f"d-{digest.hexdigest()}"


def find_dead(letters: Iterable[DeadLetter], name: str) -> DeadLetter:
    """The letter of this id; NotFound where none has it."""
    for letter in letters:
        if letter_id(letter) == name:
            return letter
    raise NotFound(
        "there is no dead letter of this id",
        where=f"dead letter {name[:40]!r}",
        remedy="see which there are: finmodel letters list",
    )


def _path(folder: Path, topic: str) -> Path:
    if not _TOPIC.fullmatch(topic):
        raise BadInput(
            "it is no topic's name", where=repr(topic[:80]), remedy="name it as Kafka would"
        )
    return folder / f"{topic}.jsonl"


def _whole(path: Path, number: int, line: bytes) -> DeadLetter:
    letter = letter_of(path.stem, line)
    if letter is None:
        raise Damaged(
            "the line does not hold", where=f"{path}:{number}", remedy="take that line out"
        )
    return letter


def _write(file: int, body: bytes) -> None:
    rest = memoryview(body)
    while rest:
        rest = rest[os.write(file, rest) :]


def _mark(letter: DeadLetter) -> bytes:
    """What tells a letter from others; its bytes too, for a topic made anew counts from 0."""
    place = f"{letter.partition}@{letter.offset}:{letter.value is None}:".encode()
    return blake2b(place + (letter.value or b""), digest_size=12).digest()


def line_of(letter: DeadLetter) -> bytes:
    """A letter as it stands in its file."""
    key, key_base64 = _shown(letter.key)
    value, value_base64 = _shown(letter.value)
    line = _Line(
        partition=letter.partition,
        offset=letter.offset,
        reason=letter.reason,
        key=key,
        key_base64=key_base64,
        value=value,
        value_base64=value_base64,
        timestamp_ms=letter.timestamp_ms,
    )
    return msgspec.json.encode(line) + b"\n"


def letter_of(topic: str, line: bytes) -> DeadLetter | None:
    """The letter of a line; None where it is broken."""
    try:
        told = msgspec.json.decode(line, type=_Line)
        value = _bytes(told.value, told.value_base64)
        key = _bytes(told.key, told.key_base64)
    except (msgspec.DecodeError, ValueError):  # also text and base64 that are none
        return None
    place = topic, told.partition, told.offset
    return DeadLetter(*place, told.reason, value, key, told.timestamp_ms)


def _shown(data: bytes | None) -> tuple[str | None, str | None]:
    """Bytes as the text that they are, or in base64."""
    if data is None:
        return None, None
    try:
        return data.decode(), None
    except UnicodeDecodeError:
        return None, b64encode(data).decode()


def _bytes(text: str | None, base64: str | None) -> bytes | None:
    if base64 is not None:
        return b64decode(base64, validate=True)
    return None if text is None else text.encode()
