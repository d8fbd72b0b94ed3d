"""What each online store keeps and breaks: ours keep all of it, and the page says what was seen."""

import re
from pathlib import Path

import pytest

from benchmarks._redis_server import RedisServer
from benchmarks._store_conformance import OURS, PROMISES, STORES, measured, table

PAGE = Path(__file__).parents[2] / "docs" / "stores.md"


@pytest.mark.servers
@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize("kind", STORES)
def test_a_store_does_what_the_page_says_and_ours_keep_every_promise(
    redis_server: RedisServer, kind: str, promise: str
) -> None:
    found = measured(redis_server, kind, promise)
    assert not (found and kind in OURS)
    line = re.search(rf"^\| {re.escape(promise)} \| (.*) \|$", PAGE.read_text(), re.M)
    assert line is not None
    said = line[1].split(" | ")[STORES.index(kind)]
    assert said == (f"**breaks**: {found}" if found else "keeps")


def test_the_page_has_the_whole_table_and_nothing_else() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    bare = table(lambda kind, promise: "").splitlines()
    assert [row.split(" | ")[0] for row in rows] == [row.split(" | ")[0] for row in bare]
    assert rows[0] == bare[0]
