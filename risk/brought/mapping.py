"""A lender's names for what we call otherwise: a YAML file, ours on the left, theirs on the right.

A path comes in, a typed mapping goes out; what does not fit is refused with its place. It reads no
row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from finmodel.errors import BadInput
from finmodel.manifest import Scaling
from finmodel.recipe_text import convert, parse_yaml

GUIDE = "docs/lender.example.yaml"
"""Shows every key."""


Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=64)]
"""Of a model, as the monitoring page asks for it."""
Version = Annotated[int, msgspec.Meta(ge=1, le=10**9)]


class Moment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column of times that are not ISO 8601."""

    column: str
    format: str
    """As strptime has it, such as %Y/%m/%d %H:%M."""


class Answers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the lender answered, in its words."""

    column: str
    values: dict[str, Literal["approve", "refer", "decline"]]


class Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column whose words stand for models."""

    column: str
    values: dict[str, Name]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column whose words stand for ours."""

    column: str
    values: dict[str, str]


class Versions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column whose words stand for versions."""

    column: str
    values: dict[str, Version]


class Points(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column of points of which more may be worse."""

    column: str
    higher: Literal["safer", "riskier"] = "safer"


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column of money: 元, or 分."""

    column: str
    unit: Literal["yuan", "fen"]


class Goods(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column that says good or bad in the lender's words."""

    column: str
    values: dict[str, Literal[0, 1]]
    """1 is bad."""


class Dpd(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Days past due, from which of them on the lender calls an account bad, and its buckets."""

    column: str
    values: dict[str, int] | None = None
    """Days that the lender's words stand for, such as M1: 15."""
    bad_from: int | None = None


class DecisionColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a file of decisions has what."""

    application_id: str
    decided_at: str | Moment
    decision: Answers
    model: Name | Names
    """The model's name, the same for all; or a column, whose words stand for names."""
    version: Version | Versions
    """Likewise."""
    customer_id: str | None = None
    points: str | Points | None = None
    probability: str | None = None
    scaling: Scaling = Scaling()
    """By which points are made of probabilities, where no points are brought."""
    product: str | Words | None = None
    channel: str | Words | None = None
    reasons: str | None = None
    amount: Amount | None = None
    features: dict[str, str] = {}
    """The model's names of features, and the columns that have them."""

    def __post_init__(self) -> None:
        if self.points is None and self.probability is None:
            raise ValueError("neither points nor probability is named")


class OutcomeColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a file of outcomes has what."""

    application_id: str
    observed_at: str | Moment | None = None
    months_on_book: str | None = None
    """Months after that of the decision, at whose end it was seen; where no time is brought."""
    bad: str | Goods | None = None
    dpd: str | Dpd | None = None
    fpd: str | None = None

    def __post_init__(self) -> None:
        if (self.observed_at is None) == (self.months_on_book is None):
            raise ValueError("name observed_at or months_on_book, one of both")
        if self.bad is None and self.dpd is None:
            raise ValueError("neither bad nor dpd is named")


OUR_OUTCOMES = OutcomeColumns(
    application_id="application_id", observed_at="observed_at", bad="bad", dpd="dpd", fpd="fpd"
)
"""A file that calls everything as we do; of bad, dpd and fpd it may lack some."""


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    zone: str | None = None
    """Of times that say none, such as Asia/Shanghai."""
    encoding: str = "utf-8-sig"
    separator: str = ","
    decisions: DecisionColumns | None = None
    outcomes: OutcomeColumns | None = None


def load_mapping(path: Path) -> tuple[Mapping, str]:
    """The mapping in a YAML file, and its text; BadInput where it is none."""
    given, text = parse_yaml(path)
    mapping = convert(given, Mapping, path, guide=GUIDE)
    if mapping.zone is not None:
        try:
            ZoneInfo(mapping.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise BadInput(
                f"no zone is called {mapping.zone!r}",
                where=f"{path}: zone",
                remedy="name one, such as Asia/Shanghai",
            ) from error
    return mapping, text


def column_of(told: str | msgspec.Struct) -> str:
    """The lender's column, named alone or with more about it.

    >>> column_of("评分"), column_of(Amount(column="金额", unit="fen"))
    ('评分', '金额')
    """
    return told if isinstance(told, str) else str(told.column)  # type: ignore[attr-defined]
