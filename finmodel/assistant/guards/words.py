"""Lists of words that rules share: words.yaml, which an editor keeps.

The shipped file comes in, words by the name of their list go out. Pure.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from finmodel.errors import BadInput
from finmodel.recipe_text import parse_yaml

SHIPPED: Final = Path(__file__).with_suffix(".yaml")


@cache
def words(path: Path = SHIPPED) -> dict[str, tuple[str, ...]]:
    """Every list of a file by its name; raises `BadInput` for one that is no text.

    >>> "父母" in words()["kin"]
    True
    """
    given, _ = parse_yaml(path)
    for name, text in given.items():
        if not isinstance(text, str):
            remedy = "write words with a space between each two"
            raise BadInput("it is no list of words", where=f"{path.name}: {name}", remedy=remedy)
    return {name: tuple(text.split()) for name, text in given.items()}
