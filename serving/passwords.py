"""Passwords: which ones are taken, how they are kept, and whether one that is given is it.

Comes in: a password as it was typed. Goes out: Argon2id's hash of it, or a yes or no that takes as
long where there is nothing to compare with. Knows neither people nor files.
"""

from __future__ import annotations

import os
import unicodedata
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from finmodel.errors import BadInput

LEAST: Final = 15
"""NIST SP 800-63B-4, 3.1.1.2: where a password alone lets somebody in, at least 15 characters."""
LONGEST: Final = 128
FEWEST_KINDS: Final = 5
MEMORY_KIB: Final = 19_456
"""OWASP's Password Storage Cheat Sheet: Argon2id, 19 MiB, 2 iterations, 1 lane."""
ITERATIONS: Final = 2
_RUNS: Final = (
    "1234567890",
    "9876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
)


def hashed(password: str) -> str:
    """The password as it is kept: salted, in PHC's form with the cost that it was made at."""
    made = Argon2id(
        salt=os.urandom(16), length=32, iterations=ITERATIONS, lanes=1, memory_cost=MEMORY_KIB
    )
    return made.derive_phc_encoded(_bytes(password))


def matches(password: str, kept: str) -> bool:
    """Whether this is the password that is kept; where none is kept, no, after as long a look."""
    try:
        Argon2id.verify_phc_encoded(_bytes(password), kept or _nobodys())
    except InvalidKey:
        return False
    return bool(kept)


def require_strong(password: str, name: str) -> None:
    """BadInput for a password that is too short, too long, or guessed among the first.

    >>> require_strong("four words, one of them odd", "Li")
    >>> require_strong("short", "Li")
    Traceback (most recent call last):
    finmodel.errors.BadInput: the password: it has 5 characters, and a password that alone lets \
somebody in has at least 15; take four words that do not belong together
    """
    plain = unicodedata.normalize("NFKC", password)
    folded = "".join(plain.casefold().split())
    own = "".join(name.casefold().split())
    wrong = ""
    if len(plain) < LEAST:
        wrong = (
            f"it has {len(plain)} characters, and a password that alone lets somebody in "
            f"has at least {LEAST}"
        )
    elif len(plain) > LONGEST:
        wrong = f"it has more than {LONGEST} characters"
    elif len(set(folded)) < FEWEST_KINDS or any(folded in run * LONGEST for run in _RUNS):
        wrong = "it repeats a few characters, or runs along the keyboard, and is guessed first"
    elif len(own) > 2 and len(folded.replace(own, "")) < LEAST - 5:
        wrong = "most of it is the person's own name, and is guessed first"
    if wrong:
        raise BadInput(
            wrong, where="the password", remedy="take four words that do not belong together"
        )


def _bytes(password: str) -> bytes:
    # A keyboard for Chinese writes full-width letters: they are the same letters.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace")


@lru_cache(maxsize=1)
def _nobodys() -> str:
    """A hash that no password has: what an unknown name's password is compared with."""
    return hashed(os.urandom(32).hex())
