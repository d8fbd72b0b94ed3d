"""What broken records say of one customer: dead letters that name the id, counted or emptied.

A folder and a customer come in, how many letters goes out. A forgotten letter keeps its place and
its reason and loses its bytes, where it stands: who reads or writes the file goes on.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from feature_store.dead_letters import DeadLetter, letter_of, line_of
from finmodel.durable import disk_error
from finmodel.retention import Found

STORE = "dead letters"


def held_in_dead(folder: Path, customer: int) -> Found:
    """Dead letters that name a customer, whatever else is wrong with them."""
    return Found(STORE, sum(1 for path in _files(folder) for _ in _lines(path, customer)))


def forget_in_dead(folder: Path, customer: int) -> int:
    """Empty those letters; how many."""
    return sum(_emptied(path, customer) for path in _files(folder))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def _emptied(path: Path, customer: int) -> int:
    gone = 0
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            for start, length, letter in list(_lines(path, customer)):
                bare = line_of(DeadLetter(*_place_of(letter), None)).rstrip(b"\n")
                # As long as before, so that no other letter moves.
                os.pwrite(file.fileno(), bare.ljust(length - 1) + b"\n", start)
                gone += 1
            os.fsync(file.fileno())
    except OSError as error:
        raise disk_error(error, path) from error
    return gone


def _place_of(letter: DeadLetter) -> tuple[str, int, int, str]:
    return letter.topic, letter.partition, letter.offset, letter.reason


def _lines(path: Path, customer: int) -> Iterator[tuple[int, int, DeadLetter]]:
    """Where each letter that names the customer starts, how long it is, and the letter."""
    named = re.compile(rb"(?<![0-9])%d(?![0-9])" % customer)
    start = 0
    with path.open("rb") as file:
        for line in file:
            letter = letter_of(path.stem, line) if line.endswith(b"\n") else None
            if letter is not None and (_says(named, letter.value) or _says(named, letter.key)):
                yield start, len(line), letter
            start += len(line)


def _says(named: re.Pattern[bytes], data: bytes | None) -> bool:
    return data is not None and named.search(data) is not None
