"""A lender's CSV or Parquet file, read as it stands: whole, or in pieces.

A path comes in, data frames go out, with ids and categoricals as text. A file that does not parse
is refused with its line. Knows no recipe.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from finmodel.errors import BadInput, NotFound

PIECE = 100_000
"""Rows read at a time: about 100 MB for a hundred columns."""


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
    elif path.name.endswith((".csv", ".csv.gz")):
        _require_single_columns(path, separator, encoding)
        yield from _csv_pieces(path, wanted, separator, encoding)
    else:
        raise BadInput(
            f"the ending {path.suffix!r} is not known",
            where=str(path),
            remedy="give a .csv, .csv.gz or .parquet file",
        )


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
    path: Path, text: tuple[str, ...], separator: str, encoding: str
) -> Iterator[pd.DataFrame]:
    try:
        with warnings.catch_warnings():
            # A row longer than the header would otherwise lose its last fields without a word.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield from pd.read_csv(
                path,
                sep=separator,
                encoding=encoding,
                dtype=dict.fromkeys(text, str),
                index_col=False,
                low_memory=False,
                chunksize=PIECE,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise BadInput(
            f"a row does not fit the header ({str(error).strip()[:120]})",
            where=str(path),
            remedy="quote fields that hold the separator, or name another under `separator`",
        ) from error
    except (UnicodeDecodeError, LookupError) as error:
        raise BadInput(
            f"it is not {encoding} text",
            where=str(path),
            remedy="name its encoding in the recipe, such as gbk",
        ) from error


def _require_single_columns(path: Path, separator: str, encoding: str) -> None:
    try:
        header = pd.read_csv(
            path, sep=separator, encoding=encoding, header=None, nrows=1, dtype=str
        )
    except pd.errors.EmptyDataError as error:
        raise BadInput("it is empty", where=str(path), remedy="give a header and rows") from error
    except (UnicodeDecodeError, LookupError) as error:
        raise BadInput(
            f"it is not {encoding} text",
            where=str(path),
            remedy="name its encoding in the recipe, such as gbk",
        ) from error
    names = [str(name) for name in header.iloc[0]]
    _refuse_twins(names, path)


def _parquet_pieces(path: Path, text: tuple[str, ...]) -> Iterator[pd.DataFrame]:
    try:
        with pq.ParquetFile(path) as file:
            _refuse_twins(list(file.schema_arrow.names), path)
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


def _refuse_twins(names: list[str], path: Path) -> None:
    for name in names:
        if names.count(name) > 1:
            raise BadInput(
                f"two columns are called {name!r}", where=str(path), remedy="rename one of them"
            )
