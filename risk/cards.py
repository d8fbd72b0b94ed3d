"""Which card may read which feature, and which attributes no card may.

Names and tags in, silence or a refusal out. An A card that read the applicant's repayments with
this lender would learn from those who were let in, and find nothing to read on a new applicant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from finmodel.errors import Refused
from risk.recipe import Recipe

OWN_REPAYMENTS = "own_repayments"
"""Tag of a feature view: `true` where it is made of the customer's own repayments, else `false`."""


def made_of_own_repayments(tags: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Views, by their tags, that are made of the customer's own repayments or do not say.

    >>> made_of_own_repayments({"bureau": {"own_repayments": "false"}, "late": {}})
    ['late']
    """
    return sorted(view for view, found in tags.items() if found.get(OWN_REPAYMENTS) != "false")


def refuse_own_repayments(recipe: Recipe, made_of_them: Iterable[str]) -> None:
    """Refuse an A card that reads views or columns made of the applicant's own repayments."""
    found = sorted(made_of_them)
    if recipe.card == "A" and found:
        raise Refused(
            f"an A card may not read the applicant's own repayments ({', '.join(found)})",
            where=f"{recipe.file}: card",
            remedy=f"make it a B card, or tag views made of other things {OWN_REPAYMENTS}: false",
        )


def refuse_audit_only(recipe: Recipe, features: Iterable[str]) -> None:
    """Refuse audit-only attributes among the features, whatever their case."""
    banned = {name.casefold() for name in recipe.audit_only}
    found = sorted(name for name in features if name.casefold() in banned)
    if found:
        raise Refused(
            f"audit_only attributes are features ({', '.join(found)})",
            where=f"{recipe.file}: audit_only",
            remedy="leave them out of the service or the table's features",
        )
