"""Why a record makes no event: a closed set of words, and the name of one of our fields.

Nothing of the record itself can stand in a reason, which is shown, counted and kept: a customer's
data are in the record. This module knows no format.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LARGEST_VALUE = 1_000_000
"""Bytes of a record that is read; no event comes near it."""


class Reason(StrEnum):
    """What is wrong with a record; docs/topics.md has a sentence for each."""

    TOO_LARGE = "too_large"
    EMPTY = "empty"
    BROKEN_BYTES = "broken_bytes"
    NO_RECORD = "no_record"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNKNOWN_OPERATION = "unknown_operation"
    DELETE = "delete"
    TOMBSTONE = "tombstone"
    OTHER_TOPIC = "other_topic"
    UNKNOWN_VERSION = "unknown_version"
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    NO_WHOLE_NUMBER = "no_whole_number"
    NO_NUMBER = "no_number"
    TOO_PRECISE = "too_precise"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_VALUE = "unknown_value"
    NO_TIME = "no_time"
    NO_ZONE = "no_zone"
    HOUR_SKIPPED = "hour_skipped"
    HOUR_REPEATED = "hour_repeated"
    NO_RECORD_TIME = "no_record_time"
    KNOWN_TOO_EARLY = "known_too_early"
    KNOWN_AHEAD = "known_ahead"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that goes to the dead letters.

    >>> str(Rejected(Reason.TOO_PRECISE, "amount_minor"))
    'too_precise: amount_minor'
    """

    reason: Reason
    field: str = ""
    """The field of ours that could not be filled; empty where the record as a whole is wrong."""

    def __str__(self) -> str:
        return f"{self.reason}: {self.field}" if self.field else str(self.reason)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that says nothing of what happened, and is counted only."""

    reason: Reason


class Unfit(Exception):
    """A value that cannot become what it must; caught where its field is known."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason
