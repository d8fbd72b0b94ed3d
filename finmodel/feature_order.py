"""A LightGBM model's text with its features in another order: matched by name, never by place.

A text and the wanted names come in, the text over those names goes out; names that it does not
have are added and asked by no tree. Knows no LightGBM and no file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from finmodel.boosting import header_of

_LOST = ("monotone_constraints", "tree_sizes")
"""Lines of the head that the order changes; LightGBM scores without them."""
_SPLITS = re.compile(r"^split_feature=(.*)$", re.M)
_IMPORTANCES = re.compile(r"^feature_importances:\n.*?\n(?=parameters:|\Z)", re.M | re.S)


def names_in(text: str) -> tuple[str, ...]:
    """The features that a text names, in its order.

    >>> names_in("tree\\nfeature_names=b a\\n\\nTree=0")
    ('b', 'a')
    """
    return tuple(header_of(text).get("feature_names", "").split())


def by_name(text: str, wanted: Sequence[str]) -> str:
    """The text over the wanted names, which must hold all of its own (else KeyError).

    >>> text = "tree\\nmax_feature_idx=1\\nfeature_names=b a\\n\\nTree=0\\nsplit_feature=0 1\\n"
    >>> print(by_name(text, ("a", "b", "c")))
    tree
    max_feature_idx=2
    feature_names=a b c
    <BLANKLINE>
    Tree=0
    split_feature=1 0
    <BLANKLINE>
    """
    place = {name: number for number, name in enumerate(wanted)}
    to = [place[name] for name in names_in(text)]

    def moved(line: re.Match[str]) -> str:
        return f"split_feature={' '.join(str(to[int(one)]) for one in line[1].split())}"

    head, _, trees = text.partition("\n\n")
    kept = [line for line in head.split("\n") if line.split("=", 1)[0] not in _LOST]
    infos = dict(
        zip(names_in(text), header_of(text).get("feature_infos", "").split(), strict=False)
    )
    own = {
        "feature_infos": " ".join(infos.get(name, "none") for name in wanted),
        "max_feature_idx": str(len(wanted) - 1),
        "feature_names": " ".join(wanted),
    }
    lines = [
        f"{key}={own[key]}" if (key := line.split("=", 1)[0]) in own else line for line in kept
    ]
    trees = _SPLITS.sub(moved, _IMPORTANCES.sub("feature_importances:\n\n", trees))
    return "\n".join(lines) + "\n\n" + trees
