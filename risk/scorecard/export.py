"""A scorecard for systems that are not ours: an SQL expression, and PMML 4.4.

A card comes in, text goes out, equal to the card on every row. Cuts are float32 on both sides, so
that a number stored in double precision falls into the same bin; a category that is a number is
the same as 1, 1.0 and '1'. Knows no database and no file.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

import numpy as np

from risk.scaling import points_per_log_odds
from risk.scorecard.bins import Bins, CategoryBins, NumericBins, number_text
from risk.scorecard.card import Scorecard, Variable

PMML = "http://www.dmg.org/PMML-4_4"
_BLANKS: Final = "' \u00a0\u3000' || CHR(9) || CHR(10) || CHR(11) || CHR(12) || CHR(13)"
_WHOLE: Final = "'^(-*[0-9]+)[.]0+$', '\\1'"
_LONG: Final = re.compile(r"-?[0-9]{16,300}")
_FLOATS: Final = "'double', 'double precision', 'float', 'real'"
"""What DuckDB and PostgreSQL call them."""
_EXTREMES: Final = (
    (">= 3.4028235677973366e38", np.inf),
    ("<= -3.4028235677973366e38", -np.inf),
    ("BETWEEN -7.006492321624085e-46 AND 7.006492321624085e-46", 0.0),
)
"""Numbers that REAL rounds to none of its own, and what the card takes them for: a database stops
at a cast of them instead."""


def sql_expression(card: Scorecard) -> str:
    """The points as one expression over the card's columns, exact: a sum of decimals.

    Standard SQL as DuckDB and PostgreSQL run it; there REAL is single precision.
    """
    parts = [f"    {_decimal(card.base_points, card)}"]
    parts += [f"  + {_case(variable, card)}" for variable in card.variables]
    return "CAST((\n" + "\n".join(parts) + "\n) AS DOUBLE PRECISION)"


def sql_query(card: Scorecard, table: str) -> str:
    """Every row of a table with `points` and `pd`, its probability of default."""
    scaling, factor = card.scaling, points_per_log_odds(card.scaling)
    odds = f"{scaling.base_odds!r} * exp((points - {scaling.base_points!r}) / {factor!r})"
    return (
        f"-- {card.name}: points = {scaling.base_points:g} at good:bad {scaling.base_odds:g},"
        f" {scaling.pdo:g} more each time the odds double; WOE = {card.woe_sign}\n"
        f"SELECT *, 1 / (1 + {odds}) AS pd\n"
        f"FROM (\nSELECT *, {sql_expression(card)} AS points\nFROM {quoted(table)}\n) AS scored"
    )


def quoted(name: str) -> str:
    """A name in SQL.

    >>> quoted('say "b" twice')
    '"say ""b"" twice"'
    """
    return '"' + name.replace('"', '""') + '"'


def pmml(card: Scorecard) -> str:
    """The card as a PMML 4.4 Scorecard; its output is called `points`."""
    ET.register_namespace("", PMML)
    root = ET.Element(f"{{{PMML}}}PMML", version="4.4")
    header = _below(root, "Header", description=f"{card.name}; WOE = {card.woe_sign}")
    _below(header, "Application", name="finmodel")
    fields = _below(root, "DataDictionary")
    for variable in card.variables:
        optype, kind = _types(variable.bins)
        _below(fields, "DataField", name=variable.name, optype=optype, dataType=kind)
    model = _below(
        root,
        "Scorecard",
        modelName=card.name,
        functionName="regression",
        initialScore=_decimal(card.base_points, card),
        useReasonCodes="false",
    )
    mining = _below(model, "MiningSchema")
    for variable in card.variables:
        _below(mining, "MiningField", name=variable.name, invalidValueTreatment="asIs")
    output = _below(model, "Output")
    _below(
        output,
        "OutputField",
        name="points",
        feature="predictedValue",
        optype="continuous",
        dataType="double",
    )
    characteristics = _below(model, "Characteristics")
    for variable in card.variables:
        _characteristic(characteristics, variable, card)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")


def _case(variable: Variable, card: Scorecard) -> str:
    column = quoted(variable.name)
    conditions = _sql_conditions(variable.bins, column)
    points = [_decimal(value, card) for value in variable.points]
    told = [f"\n      WHEN {condition} THEN {points[place]}" for place, condition in conditions]
    return f"CASE{''.join(told)}\n      ELSE {points[_otherwise(variable.bins)]} END"


def _sql_conditions(bins: Bins, column: str) -> list[tuple[int, str]]:
    """The place of a bin and when a value falls into it, tried in this order."""
    if isinstance(bins, CategoryBins):
        return _of_categories(bins, column)
    wide, number = f"CAST({column} AS DOUBLE PRECISION)", f"CAST({column} AS REAL)"
    missing = f"{column} IS NULL OR {wide} = CAST('NaN' AS DOUBLE PRECISION)"
    places = bins.place(np.array([value for _, value in _EXTREMES], dtype=np.float32))
    extremes = [
        (int(place), f"{wide} {told}") for place, (told, _) in zip(places, _EXTREMES, strict=True)
    ]
    special = [
        (bins.ranges + order, f"{number} = {_real(value)}")
        for order, value in enumerate(bins.special)
    ]
    ranges = [(place, f"{number} < {_real(cut)}") for place, cut in enumerate(bins.cuts)]
    return [(bins.missing, missing), *extremes, *special, *ranges]


def _of_categories(bins: CategoryBins, column: str) -> list[tuple[int, str]]:
    """Categories as the card reads them: without blanks around, a whole number without its .0."""
    written = f"CAST({column} AS VARCHAR)"
    text = f"REGEXP_REPLACE(TRIM(BOTH {_BLANKS} FROM {written}), {_WHOLE})"
    no_number = (
        f"{written} IN ('nan', 'NaN') AND CAST(PG_TYPEOF({column}) AS VARCHAR) IN ({_FLOATS})"
    )
    named = {name for group in bins.groups for name in group}
    groups = [
        (place, f"{text} IN ({', '.join(_text(one) for one in _spelt(group, named))})")
        for place, group in enumerate(bins.groups)
    ]
    return [(bins.missing, f"{column} IS NULL OR ({no_number})"), *groups]


def _spelt(group: tuple[str, ...], named: set[str]) -> list[str]:
    """Its categories, and what a database writes of the same value, where it writes another text.

    >>> _spelt(("0", "10000000000000000", "True"), set())
    ['0', '10000000000000000', 'True', '-0', '1e+16', 'true']
    """
    others = [_otherwise_written(name) for name in group]
    return [*group, *(other for other in others if other and other not in named)]


def _otherwise_written(name: str) -> str | None:
    if name in ("True", "False"):
        return name.lower()
    if name == "0":
        return "-0"
    # From 16 digits on a float is written with an exponent, and the card knows its digits.
    if not _LONG.fullmatch(name) or str(int(float(name))) != name:
        return None
    return np.format_float_scientific(float(name), unique=True, trim="-", exp_digits=2)


def _otherwise(bins: Bins) -> int:
    """The bin of what no condition holds for: above the last cut, or never seen."""
    return bins.ranges - 1 if isinstance(bins, NumericBins) else len(bins) - 1


def _real(value: float) -> str:
    return f"CAST({number_text(value)} AS REAL)"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _decimal(value: float, card: Scorecard) -> str:
    return f"{value:.{card.decimals}f}"


def _characteristic(parent: ET.Element, variable: Variable, card: Scorecard) -> None:
    one = _below(parent, "Characteristic", name=variable.name)
    for place, predicate in _pmml_predicates(variable.bins, variable.name):
        value = _decimal(variable.points[place], card)
        attribute = _below(one, "Attribute", partialScore=value)
        attribute.append(predicate)


def _pmml_predicates(bins: Bins, name: str) -> list[tuple[int, ET.Element]]:
    """The place of a bin and its predicate; the first that is true counts."""
    found = [(bins.missing, _simple(name, "isMissing"))]
    if isinstance(bins, CategoryBins):
        for place, group in enumerate(bins.groups):
            known = ET.Element(f"{{{PMML}}}SimpleSetPredicate", field=name, booleanOperator="isIn")
            array = _below(known, "Array", type="string", n=str(len(group)))
            array.text = " ".join(_pmml_text(category) for category in group)
            found.append((place, known))
    else:
        for order, value in enumerate(bins.special):
            found.append((bins.ranges + order, _simple(name, "equal", number_text(value))))
        for place, cut in enumerate(bins.cuts):
            found.append((place, _simple(name, "lessThan", number_text(cut))))
    return [*found, (_otherwise(bins), ET.Element(f"{{{PMML}}}True"))]


def _simple(field: str, operator: str, value: str | None = None) -> ET.Element:
    given = {"field": field, "operator": operator}
    if value is not None:
        given["value"] = value
    return ET.Element(f"{{{PMML}}}SimplePredicate", given)


def _pmml_text(category: str) -> str:
    """A category within an array: quoted, its own quotes escaped."""
    return '"' + category.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _types(bins: Bins) -> tuple[str, str]:
    if isinstance(bins, NumericBins):
        return "continuous", "float"
    return "categorical", "string"


def _below(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, f"{{{PMML}}}{tag}", attributes)
