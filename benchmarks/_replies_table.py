"""The README's replies before and after tuning, out of the committed result: none is typed by hand.

python benchmarks/_replies_table.py      write it into README.md, after new results
"""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "scripts.json"
HEAD = "| the customer's last words | approved | the base wrote | tuned |\n|---|---|---|---|\n"
TABLE = re.compile(r"\| the customer's last words \|.*?\n(?=\n)", re.S)


def table() -> str:
    """The first held-out replies, a row each."""
    rows = json.loads(RESULT.read_text())["replies"]
    keys = ("customer", "approved", "before", "after")
    return HEAD + "".join(
        "| " + " | ".join(cell(row[key]) for key in keys) + " |\n" for row in rows
    )


def cell(text: str) -> str:
    """A text in one cell of Markdown, as it is but for line breaks.

    >>> cell("一|二\\n三")
    '一\\\\|二 三'
    """
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    page = ROOT / "README.md"
    page.write_text(TABLE.sub(lambda _: table(), page.read_text(), count=1))
