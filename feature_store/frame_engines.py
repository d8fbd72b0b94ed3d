"""Where the SQL of windowed frames runs: in DuckDB on this machine, or on Spark.

An engine's name comes in; a function that answers a question comes out, open for as long as its
context. DuckDB sorts on the disk what does not fit its share of memory. Spark is the session that
is there already, or a local one that listens on the loopback alone.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import duckdb
import msgspec
import pyarrow as pa

from feature_store.window_frames import ORDER, Engine, Question, answer_schema, answers
from feature_store.window_plan import WindowPlan
from finmodel.errors import BadInput, NotReady

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ENGINES = ("duckdb", "spark")
MEMORY = "2GB"
"""DuckDB's share; more goes to the disk."""
THREADS = os.cpu_count() or 1
"""DuckDB's; each wants some tens of megabytes of the share."""
BATCH = 100_000
"""Rows that DuckDB hands over at once."""


@contextmanager
def opened(engine: str, archive: Path) -> Iterator[Engine]:
    """A way to answer questions; BadInput for an unknown name, NotReady where Spark is not there.

    What it puts aside lies in a folder of the archive, which is gone afterwards.
    """
    if engine not in ENGINES:
        raise BadInput(
            f"there is no engine {engine!r}", where="engine", remedy=f"name {' or '.join(ENGINES)}"
        )
    aside = archive / f".aside-{uuid4().hex}"
    aside.mkdir(mode=0o700, parents=True)
    try:
        if engine == "duckdb":
            yield partial(_by_duckdb, aside)
        else:
            with _session(aside) as session:
                yield partial(_by_spark, session)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _by_duckdb(aside: Path, question: Question) -> Iterator[pa.RecordBatch]:
    config: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(aside),
        "memory_limit": MEMORY,
        "threads": THREADS,
        "preserve_insertion_order": False,
    }
    try:
        with duckdb.connect(":memory:", config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            if question.files:
                connection.read_parquet(list(question.files)).create_view("events")
            else:
                connection.register("events", question.schema.empty_table())
            connection.register("spine", question.spine)
            ordered = connection.sql(f"{question.select} ORDER BY {ORDER}")
            yield from answers(question.plan, ordered.to_arrow_reader(BATCH))
    except (duckdb.OperationalError, OSError) as error:  # OSError: told by Arrow, while it streams
        raise NotReady(
            f"cannot read events, or put them aside: {str(error).partition(chr(10))[0]}",
            where=str(aside.parent),
            remedy="see that there is room on the disk, then try again",
        ) from error


def _by_spark(session: SparkSession, question: Question) -> Iterable[pa.RecordBatch]:
    plan = msgspec.json.decode(question.plan, type=WindowPlan)
    events = (
        session.read.parquet(*question.files)
        if question.files
        else session.createDataFrame(question.schema.empty_table())
    )
    events.createOrReplaceTempView("events")
    session.createDataFrame(question.spine).createOrReplaceTempView("spine")
    selected = f"SELECT * FROM ({question.select}) DISTRIBUTE BY customer SORT BY {ORDER}"
    columns = ", ".join(
        f"{field.name} {'bigint' if field.type == pa.int64() else 'float'}"
        for field in answer_schema(plan)
    )
    found = session.sql(selected).mapInArrow(partial(answers, question.plan), columns)
    batches: list[pa.RecordBatch] = found.toArrow().to_batches()
    return batches


@contextmanager
def _session(aside: Path) -> Iterator[SparkSession]:
    """The session that is there, or a small local one that is stopped afterwards."""
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise NotReady(
            "pyspark is not installed", where="engine spark", remedy="pip install pyspark"
        ) from error
    there = SparkSession.getActiveSession()
    if there is not None:
        yield _in_utc(there)
        return
    builder = SparkSession.builder.appName("finmodel")
    for name, value in _local(aside).items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except PySparkException as error:
        raise NotReady(
            "Spark did not start", where="engine spark", remedy="install Java 17 or later"
        ) from error
    session.sparkContext.pythonExec = sys.executable  # Spark's own choice is the system's Python
    try:
        yield _in_utc(session)
    finally:
        session.stop()


def _in_utc(session: SparkSession) -> SparkSession:
    """A session beside it, with tables of its own, in which a time without a zone is in UTC."""
    ours = session.newSession()
    ours.conf.set("spark.sql.session.timeZone", "UTC")
    return ours


def _local(aside: Path) -> dict[str, str]:
    return {
        "spark.master": "local[2]",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.local.dir": str(aside / "local"),
        "spark.sql.warehouse.dir": str(aside / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.shuffle.partitions": "2",
    }
