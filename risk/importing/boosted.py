"""A LightGBM file over a recipe's features: matched by name, or refused with the names.

A model's text and a training frame come in, the text in the frame's order goes out, and what a
person should know of it. Knows no registry.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from finmodel.boosting import settled
from finmodel.errors import BadInput, Damaged
from finmodel.feature_order import by_name, names_in
from finmodel.scorer import Scorer
from finmodel.trees import Forest, parse
from risk.adopt import model_lacks
from risk.frames.frame import TrainingFrame

MOST = 5
"""So many names stand in a sentence."""


def is_booster(text: str) -> bool:
    """Whether a text begins as LightGBM writes its models.

    >>> is_booster("tree\\nversion=v4\\n"), is_booster("variable,bin,points\\n")
    (True, False)
    """
    return text.startswith(("tree\n", "tree\r\n"))


def over_the_recipe(text: str, frame: TrainingFrame, where: str) -> tuple[str, tuple[str, ...]]:
    """The model over the frame's features in their order, and notes; BadInput if it does not fit.

    Features of the frame that it does not have are asked by none of its trees.
    """
    forest = _forest(text, where)
    lacks = model_lacks(text)
    if lacks:
        raise BadInput(f"it lacks: {'; '.join(lacks)}", where=where, remedy="train it so")
    names = names_in(text)
    _require_known(names, frame, where)
    _require_no_codes(forest, frame, where)
    turned = settled(by_name(text, frame.names))
    notes = []
    if names != tuple(name for name in frame.names if name in names):
        notes.append("its features stand in another order than the recipe's: matched by name")
    left = len(frame.names) - len(names)
    if left:
        notes.append(f"{left} features of the recipe are read and not asked")
    return turned, tuple(notes)


def narrowed(frame: TrainingFrame, text: str) -> TrainingFrame:
    """The frame with the model's own features alone, in the model's order."""
    names = names_in(text)
    places = [frame.names.index(name) for name in names]
    return replace(
        frame,
        names=names,
        matrix=np.ascontiguousarray(frame.matrix[:, places]),
        categoricals=tuple(name for name in frame.categoricals if name in names),
        as_written=None,
    )


def _forest(text: str, where: str) -> Forest:
    try:
        Scorer.from_text(text)
        return parse(text)
    except (BadInput, Damaged) as error:
        remedy = "give what Booster.save_model wrote"
        raise BadInput(f"{error.where}: {error.what}", where=where, remedy=remedy) from error


def _require_known(names: tuple[str, ...], frame: TrainingFrame, where: str) -> None:
    unknown = [name for name in names if name not in frame.names]
    if unknown:
        more = f" and {len(unknown) - MOST} more" if len(unknown) > MOST else ""
        raise BadInput(
            f"it reads {', '.join(unknown[:MOST])}{more}, which"
            f" {frame.service or frame.where} does not have",
            where=f"{where}: feature_names",
            remedy="names are matched, never places: save it with the recipe's own names",
        )


def _require_no_codes(forest: Forest, frame: TrainingFrame, where: str) -> None:
    """A category is a code to a tree, and the file does not say which code was which."""
    asked = {forest.feature_names[place] for place in np.unique(forest.feature)}
    coded = sorted(asked & set(frame.categoricals))
    if coded:
        raise BadInput(
            f"it asks {', '.join(coded)}, and which category had which code is not in the file",
            where=where,
            remedy="train it again without categoricals, or on numbers of your own",
        )
