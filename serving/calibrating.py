"""`finmodel guards calibrate`: the inbound guard, fitted to what this lender's customers ask daily.

A file of ordinary messages comes in, a signed calibration in the home goes out, with its entry in
the audit log; who asks for the guard gets it so. No message is kept, none reaches a log.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from finmodel.errors import BadInput
from finmodel.progress import Progress as Told
from finmodel.progress import teller
from finmodel.settings import Settings
from serving.operators import Json, settings
from serving.screen import Progress, emit

if TYPE_CHECKING:
    from finmodel.assistant.guards.calibration import Calibration

KIND: Final = "guards_calibrated"
CALIBRATORS: Final = frozenset({"engineer", "editor"})
_MOST: Final = 200_000
"""So many messages are read."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What was done."""

    messages: int
    left_out: int
    """Those in which a rule finds anything: they are not ordinary."""
    told_before: float
    """The share of the others that the shipped classifier tells."""
    told: float
    threshold_before: float
    threshold: float
    offsets: dict[str, float]
    kept_in: str
    said: str


def calibrate_command(
    file: Annotated[
        str, typer.Argument(help="Ordinary messages of customers, one a line; - is standard input.")
    ] = "",
    told: Annotated[
        float, typer.Option(min=0.001, max=0.1, help="The share of them that may be told.")
    ] = 0.01,
    as_shipped: Annotated[
        bool, typer.Option("--as-shipped", help="Take the calibration away again.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say it, and keep nothing.")] = False,
    json: Json = False,
) -> None:
    """Fit the inbound guard to what your customers ask every day (docs/guards.md).

    Each category is to alarm equally rarely among them: what is rare and grave is told earlier,
    what is asked daily later. An engineer or editor does it; services take it as they start.
    """
    from serving.access import signed_in

    here = settings()
    if bool(file) == as_shipped:
        what = "both a file and --as-shipped" if file else "no file"
        raise BadInput(what, where="guards calibrate", remedy="give a file, or --as-shipped")
    by = "" if dry_run else signed_in(here, CALIBRATORS).name
    if as_shipped:
        emit(_taken_away(here, by, dry_run), json)
        return
    with Progress() as progress:
        emit(calibrate(here, _read(file), told, by, progress), json)


def calibrate(
    here: Settings,
    texts: Sequence[str],
    told: float,
    by: str,
    progress: Told,
) -> Calibrated:
    """Calibrate by these messages; nothing is kept where nobody did it."""
    from finmodel.assistant.guards.calibration import calibrate as by_messages
    from finmodel.assistant.guards.calibration import is_ordinary
    from finmodel.assistant.guards.classifier import INBOUND, load_classifier
    from finmodel.hashes import sha256_of

    ordinary, tell = [], teller("messages read", len(texts), progress)
    for text in texts:
        if is_ordinary(text):
            ordinary.append(text)
        tell()
    model = load_classifier(INBOUND)
    found = by_messages(model, sha256_of(INBOUND), ordinary, told)
    if by:
        _keep(here, found, by)
    return Calibrated(
        messages=found.messages,
        left_out=len(texts) - len(ordinary),
        told_before=found.told_before,
        told=found.told,
        threshold_before=model.threshold,
        threshold=found.threshold,
        offsets={name: move for name, move in found.offsets.items() if move},
        kept_in=str(here.guard_calibration) if by else "",
        said=_said(by, found.told, told),
    )


def _said(by: str, told: float, asked: float) -> str:
    kept = "services take it as they start" if by else "nothing was kept"
    if told > 1.5 * asked:
        return f"{kept}; more than {asked:g} is told: the threshold is never above the shipped one"
    return kept


def _keep(here: Settings, found: Calibration, by: str) -> None:
    from finmodel.acts import audited
    from finmodel.durable import make_folder, require_writable
    from serving.inbound_guard import keep_calibration

    make_folder(here.guard_calibration.parent)
    require_writable(here.guard_calibration)
    body = {"by": by, "messages": found.messages, "told": found.told, "threshold": found.threshold}
    audited(here, KIND, body | {"offsets": found.offsets})
    keep_calibration(here, found)


def _taken_away(here: Settings, by: str, dry_run: bool) -> dict[str, str]:
    from finmodel.acts import audited

    if not here.guard_calibration.exists():
        return {"said": "the guard is as shipped already"}
    if dry_run:
        return {"said": "the calibration would be taken away"}
    audited(here, KIND, {"by": by, "messages": 0})
    here.guard_calibration.unlink(missing_ok=True)
    return {"said": "the guard is as shipped; services take it as they start"}


def _read(file: str) -> list[str]:
    """Messages of a file, one a line, without empty ones."""
    path = Path(file)
    if file != "-" and (path.is_dir() or not path.exists()):
        raise BadInput("no such file", where=file, remedy="give messages, one a line")
    data = sys.stdin.buffer.read() if file == "-" else path.read_bytes()
    try:
        lines = [line.strip() for line in data.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise BadInput("it is not UTF-8", where=file, remedy="save it as UTF-8") from error
    found = [line for line in lines if line]
    if len(found) > _MOST:
        raise BadInput(
            f"{len(found):,} messages, {_MOST:,} are read", where=file, remedy="give fewer"
        )
    return found
