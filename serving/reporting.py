"""Files for people who live in Excel: a model's report, and its scorecard for other systems.

A model's name and version come in, whole files go out, written aside and renamed. What they say was
kept when the model was trained; nothing is computed again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec

from finmodel import tracking
from finmodel.durable import replace_file, require_writable
from finmodel.errors import BadInput
from finmodel.settings import Settings
from marketing.report import FILE as MARKETING
from marketing.report import MarketingReport
from risk.report.kept import load_report
from risk.report.page import page
from risk.report.record import Report
from risk.report.workbook import workbook
from risk.scorecard.side_by_side import exports, load_card
from serving.marketing_report import sheets_of

CARD_ENDINGS = (".json", ".sql", ".pmml")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written of which version."""

    name: str
    version: int
    files: tuple[str, ...]


def write_report(
    settings: Settings, name: str, version: int | None, output: Path | None
) -> Written:
    """The workbook, and the page beside it under the same name; the newest version if none."""
    if output is not None:
        require_output(output, (".xlsx",))
    number, report = _report(settings, name, version)
    book = output or Path(f"{name}_v{number}.xlsx")
    beside = book.with_suffix(".html")
    title = f"{name} v{number}"
    replace_file(book, workbook(report, title), 0o600)
    replace_file(beside, page(report, title).encode(), 0o600)
    return Written(name, number, (str(book), str(beside)))


def _report(settings: Settings, name: str, version: int | None) -> tuple[int, Report]:
    """What was kept with the version, of a card or of a marketing model."""
    found = tracking.version_of(settings, name, version)
    if MARKETING not in tracking.files(settings, found.run_id):
        return load_report(settings, name, version)
    try:
        kept = tracking.kept(settings, found.run_id, MARKETING)
        told = msgspec.json.decode(kept, type=MarketingReport)
    except msgspec.MsgspecError as error:
        where = f"{name} version {found.version}"
        what = f"its report cannot be read ({error})"
        raise BadInput(what, where=where, remedy="train it again") from error
    return found.version, sheets_of(name, told)


def write_card(settings: Settings, name: str, version: int | None, output: Path) -> Written:
    """The scorecard as JSON, SQL or PMML, by the ending of the file's name."""
    require_output(output, CARD_ENDINGS)
    number, card = load_card(settings, name, version)
    (text,) = (text for file, text in exports(card).items() if Path(file).suffix == output.suffix)
    replace_file(output, text.encode(), 0o600)
    return Written(name, number, (str(output),))


def require_output(output: Path, endings: Collection[str]) -> None:
    """BadInput where no file of these endings can be written there."""
    if output.suffix not in endings:
        raise BadInput(
            f"the ending {output.suffix!r} is not known",
            where=str(output),
            remedy=f"name a file that ends in {' or '.join(endings)}",
        )
    require_writable(output)
