"""A lender's CSV or Parquet file, read as it stands: whole, or in pieces.

A path comes in, data frames go out, with ids and categoricals as text. A file that does not parse
is refused with its line. Knows no recipe.
"""

from __future__ import annotations

import csv
import gzip
import lzma
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from finmodel.errors import BadInput, NotFound

NOTHING = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None"]
"""What stands for 'missing' in a column of numbers."""
SEPARATORS = (",", ";", "\t", "|")
WORKBOOKS = (".xlsx", ".xls", ".xlsm")
PIECE = 100_000
"""Rows read at a time: about 100 MB for a hundred columns."""
_NAME_SEPARATOR = (
    "name another separator: `separator` in a recipe or a mapping, --separator of a command that "
    "has it"
)

_QUOTE = f"quote fields that hold the separator, or {_NAME_SEPARATOR}"


def read_table(path: Path, text: Iterable[str], separator: str, encoding: str) -> pd.DataFrame:
    """The whole file; columns named in `text` come as text (ids keep their leading zeros)."""
    pieces = list(read_pieces(path, text, separator, encoding))
    if not pieces or not sum(map(len, pieces)):
        raise BadInput("it has no rows", where=str(path), remedy="give at least one")
    return pd.concat(pieces, ignore_index=True) if len(pieces) > 1 else pieces[0]


def read_pieces(
    path: Path, text: Iterable[str], separator: str, encoding: str
) -> Iterator[pd.DataFrame]:
    """The file in pieces of `PIECE` rows, each indexed by the row's place in the file."""
    wanted = tuple(text)
    if not path.is_file():
        raise NotFound("no such file", where=str(path), remedy="name a CSV or Parquet file")
    if path.suffix == ".parquet":
        yield from _parquet_pieces(path, wanted)
    elif is_csv(path):
        with _refusing(path, encoding):
            nothing = _nothing_in(_header(path, separator, encoding), wanted)
            yield from _csv_pieces(path, (separator, encoding), wanted, nothing)
    elif path.suffix.lower() in WORKBOOKS:
        raise BadInput(
            f"the ending {path.suffix!r} is an Excel workbook's, which is not read",
            where=str(path),
            remedy="save its sheet as CSV: 另存为 Save As, CSV UTF-8 (.csv)",
        )
    else:
        raise BadInput(
            f"the ending {path.suffix!r} is not known",
            where=str(path),
            remedy="give a .csv, .csv.gz, .csv.xz or .parquet file",
        )


def is_csv(path: Path) -> bool:
    """Whether it is read as text, by its ending."""
    return path.name.endswith((".csv", ".csv.gz", ".csv.xz"))


def lines_of(path: Path, separator: str, encoding: str) -> list[int]:
    """Of each row of a CSV the line that it begins on, as a person counts them: the header is on 1.

    Blank lines count, though they are no rows, and so do those within a quoted field.
    """
    with _refusing(path, encoding):
        return [line for line, _ in _rows(path, separator, encoding)][1:]


def _rows(path: Path, separator: str, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """The line that each row of a CSV begins on, and its fields; the header first."""
    with _opened(path, encoding) as file:
        line, rows = 1, csv.reader(file, delimiter=separator)
        for row in rows:
            # As pandas skips them: nothing but blanks, while "" in quotes is a row.
            if row and (len(row) > 1 or not row[0] or row[0].strip(" \t")):
                yield line, row
            line = rows.line_num + 1


def _opened(path: Path, encoding: str) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def as_text(column: pd.Series) -> pd.Series:
    """Values as text, one for each value whatever the file's type: 1, 1.0 and '1' are all '1'.

    >>> as_text(pd.Series([1.0, None, 2.5])).tolist()
    ['1', None, '2.5']
    >>> as_text(pd.Series(["01", " a ", "3.0"])).tolist()
    ['01', 'a', '3']
    """
    return column.astype(object).map(_text_of, na_action=None)


def _text_of(value: object) -> str | None:
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    text = str(value).strip()
    whole, dot, rest = text.partition(".")
    is_whole_number = dot and rest and not rest.strip("0") and whole.lstrip("-").isdigit()
    return whole if is_whole_number else text


def _csv_pieces(
    path: Path, written: tuple[str, str], text: tuple[str, ...], nothing: dict[str, list[str]]
) -> Iterator[pd.DataFrame]:
    separator, encoding = written
    _require_fit(path, separator, encoding)
    with warnings.catch_warnings():
        # Of a row that ends with a separator pandas says that it is cut: nothing is lost.
        warnings.simplefilter("ignore", pd.errors.ParserWarning)
        yield from pd.read_csv(
            path,
            sep=separator,
            encoding=encoding,
            dtype=dict.fromkeys(text, str),
            keep_default_na=False,
            na_values=nothing,
            index_col=False,
            low_memory=False,
            chunksize=PIECE,
        )


def _require_fit(path: Path, separator: str, encoding: str) -> None:
    """BadInput for the first row with fewer fields than the header, or more that say something.

    pandas fills up a row that is short and cuts one that is long, without a word.
    """
    if _is_even(path, separator, encoding):
        return
    header = 0
    for line, row in _rows(path, separator, encoding):
        header = header or len(row)
        if len(row) < header or any(row[header:]):
            what = f"line {line} has {len(row)} fields, and the header {header}"
            raise BadInput(
                f"a row does not fit the header ({what})",
                where=str(path),
                remedy=f"write the whole file again, {_QUOTE}",
            )


def _is_even(path: Path, separator: str, encoding: str) -> bool:
    """Whether all rows have as many fields, seen in a third of the time where none is quoted."""
    with _opened(path, encoding) as file:
        count = next(file, "").count(separator)
        file.seek(0)
        if all(line.count(separator) == count and '"' not in line for line in file):
            return True
        file.seek(0)
        return len(set(map(len, csv.reader(file, delimiter=separator))) - {0}) == 1


@contextmanager
def _refusing(path: Path, encoding: str) -> Iterator[None]:
    """What pandas says of a file that is no table, as a sentence."""
    where = str(path)
    try:
        yield
    except pd.errors.EmptyDataError as error:
        raise BadInput("it is empty", where=where, remedy="give a header and rows") from error
    except (pd.errors.ParserError, csv.Error) as error:
        raise BadInput(
            f"a row does not fit the header ({str(error).strip()[:120]})",
            where=where,
            remedy=_QUOTE,
        ) from error
    except LookupError as error:
        raise BadInput(
            f"no encoding is called {encoding!r}", where=where, remedy="name one, such as gbk"
        ) from error
    except UnicodeError as error:
        utf8 = encoding.lower().replace("_", "-").startswith(("utf-8", "utf8"))
        other = "gbk (Chinese Excel)" if utf8 else "utf-8-sig (CSV UTF-8)"
        raise BadInput(
            f"it is not {encoding} text",
            where=where,
            remedy=f"{'save it as CSV UTF-8, or ' if utf8 else ''}name its encoding, such as "
            f"{other}: `encoding` in a recipe or a mapping, --encoding of a command that has it",
        ) from error
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise BadInput("it is not a gzip file", where=where, remedy="write it again") from error
    except lzma.LZMAError as error:
        raise BadInput("it is not an xz file", where=where, remedy="write it again") from error


def _header(path: Path, separator: str, encoding: str) -> list[str]:
    header = pd.read_csv(
        path,
        sep=separator,
        encoding=encoding,
        header=None,
        nrows=1,
        dtype=str,
        keep_default_na=False,
    )
    names = [str(name) for name in header.iloc[0]]
    _refuse_twins(names, path)
    _refuse_other_separator(names, separator, path)
    return names


def _refuse_other_separator(names: list[str], separator: str, path: Path) -> None:
    """A header of one name that holds another separator is one that was not cut."""
    others = [one for one in SEPARATORS if one != separator and one in names[0]]
    if len(names) == 1 and others:
        raise BadInput(
            f"its columns are separated by {others[0]!r}, not by {separator!r}",
            where=str(path),
            remedy=_NAME_SEPARATOR,
        )


def _nothing_in(names: Iterable[str], text: tuple[str, ...]) -> dict[str, list[str]]:
    """What stands for 'missing' in each column: a text column may well hold the word NA."""
    return {name: [""] if name in text else NOTHING for name in names}


def _parquet_pieces(path: Path, text: tuple[str, ...]) -> Iterator[pd.DataFrame]:
    try:
        with pq.ParquetFile(path) as file:
            _refuse_twins(list(file.schema_arrow.names), path)
            _refuse_nested(file.schema_arrow, path)
            start = 0
            for batch in file.iter_batches(PIECE):
                piece = batch.to_pandas()
                piece.index = pd.RangeIndex(start, start + len(piece))
                start += len(piece)
                for name in text:
                    if name in piece:
                        piece[name] = as_text(piece[name])
                yield piece
    except pa.ArrowInvalid as error:
        raise BadInput(
            "it is not a Parquet file", where=str(path), remedy="write it again"
        ) from error


def _refuse_nested(schema: pa.Schema, path: Path) -> None:
    for field in schema:
        if pa.types.is_nested(field.type):
            raise BadInput(
                f"it holds {field.type}, and a feature is one number or text",
                where=f"{path}: column {field.name!r}",
                remedy="take it out, or write each part as a column",
            )


def _refuse_twins(names: list[str], path: Path) -> None:
    for name in names:
        if names.count(name) > 1:
            raise BadInput(
                f"two columns are called {name!r}", where=str(path), remedy="rename one of them"
            )
