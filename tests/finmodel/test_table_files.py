"""A CSV as it stands: rows that do not fit its header are refused by their line."""

import gzip

import pandas as pd
import pytest

from finmodel import table_files
from finmodel.errors import BadInput


def read(path, text=("id",)):
    return table_files.read_table(path, text, ",", "utf-8-sig")


@pytest.mark.parametrize("piece", [1, 2, 100])
@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ('1,"x\ny",2\n\n2,z\n', "line 5 has 2 fields, and the header 3"),
        ("1,x,2\n2,y,3\n3", "line 4 has 1 fields, and the header 3"),
        ("1,x,2\n2,y,3,4\n3,z,5\n", "line 3 has 4 fields, and the header 3"),
        ("1,x,2\n2,y,3,,\n3,z,5,,5\n", "line 4 has 5 fields, and the header 3"),
        ("1,x,\n2,y\n", "line 3 has 2 fields, and the header 3"),
    ],
)
def test_a_row_that_does_not_fit_the_header_is_refused_by_its_line(
    tmp_path, monkeypatch, rows, says, piece
):
    monkeypatch.setattr(table_files, "PIECE", piece)
    (tmp_path / "a.csv").write_text(f"id,word,n\n{rows}")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(f"id,word,n\n{rows}".encode()))
    for name in ("a.csv", "a.csv.gz"):
        with pytest.raises(BadInput, match=rf"{name}: a row does not fit the header \({says}\)"):
            read(tmp_path / name)


def test_a_last_field_may_be_empty_and_so_may_one_beyond_the_header(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('\ufeffid,word,n\n01,"x\ny",2,\n\n  \n02,NA,\n')
    told = read(path, ("id", "word"))
    assert told["id"].tolist() == ["01", "02"]
    assert told["word"].tolist() == ["x\ny", "NA"]
    assert told["n"].tolist()[0] == 2
    assert pd.isna(told["n"].tolist()[1])


def test_a_column_without_a_name_is_called_after_its_place(tmp_path):
    (tmp_path / "a.csv").write_text("id,word,\n1,x,\n")
    assert list(read(tmp_path / "a.csv")) == ["id", "word", "Unnamed: 2"]
