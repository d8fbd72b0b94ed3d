"""Chinese surnames, the signs of given names, and words that only look like names.

Nothing comes in but the shipped lists; sets go out. What makes a name of them stands in `names.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from finmodel.recipe_text import parse_yaml, read_text

_HERE: Final = Path(__file__).parent
_LISTS: Final = parse_yaml(_HERE / "names.yaml")[0]


def _signs(key: str) -> frozenset[str]:
    return frozenset("".join(str(_LISTS[key]).split()))


def _everyday() -> set[str]:
    """Each line is a first sign, and what follows it in each word."""
    rows = [row.split() for row in read_text(_HERE / "everyday_words.txt").splitlines()]
    return {first + rest for first, *rests in rows if first != "#" for rest in rests}


SURNAMES: Final = _signs("surnames")
DOUBTFUL: Final = _signs("doubtful_surnames")
COMPOUND: Final = tuple(str(_LISTS["compound_surnames"]).split())
GIVEN: Final = _signs("given")
NOT_GIVEN: Final = _signs("not_given")
NO_NAMES: Final = frozenset(str(_LISTS["no_names"]).split()) | _everyday()
