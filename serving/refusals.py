"""Refusals that only HTTP knows, as twigs of the platform's tree of errors, and their one form.

    Refused    NoKey 401
    BadInput   WrongMethod 405 · TooLarge 413 · WrongType 415
    NotReady   TooSlow 504

Nothing of what the caller sent is repeated but the names of fields.
"""

from __future__ import annotations

import msgspec

from finmodel.errors import BadInput, FinmodelError, NotReady, Refused


class NoKey(Refused):
    """No key, or a key that is nobody's."""

    http_status = 401


class WrongMethod(BadInput):
    """The address exists and does not take this method."""

    http_status = 405


class TooLarge(BadInput):
    """The body is larger than its limit."""

    http_status = 413


class WrongType(BadInput):
    """The body is of a type that is not read here."""

    http_status = 415


class TooSlow(NotReady):
    """The time limit passed before there was an answer."""

    http_status = 504


class Problem(msgspec.Struct, frozen=True):
    """What is wrong, where, and what to do."""

    code: str
    """The kind of refusal: BadInput, NotFound, NoKey, Refused, NotReady, …"""
    what: str
    where: str
    remedy: str


class Refusal(msgspec.Struct, frozen=True):
    """Every answer that is not a success has this form."""

    error: Problem


def written(error: FinmodelError) -> bytes:
    """A refusal as JSON.

    >>> written(NoKey("no key", where="Authorization", remedy="send one"))
    b'{"error":{"code":"NoKey","what":"no key","where":"Authorization","remedy":"send one"}}'
    """
    problem = Problem(error.code, error.what, error.where, error.remedy)
    return msgspec.json.encode(Refusal(problem))
