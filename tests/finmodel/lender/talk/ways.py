"""All that a family of phrasings may say."""

import re
from itertools import product

from finmodel.lender.talk.phrasings import words


def ways(template: str) -> set[str]:
    """All that a family may say, without its marks."""
    parts = re.split(r"(\[[^\]]*\]|<\w+>)", template)
    choices = [
        one[1:-1].split("|")
        if one[:1] == "["
        else words().lists[one[1:-1]]
        if one[:1] == "<"
        else [one]
        for one in parts
    ]
    return {re.sub("[，。？！?, ]", "", "".join(way)) for way in product(*choices)}
