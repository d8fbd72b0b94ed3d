"""Verdicts in a file, and a sentence for each line that is none."""

from datetime import datetime

import pytest

from finmodel.errors import BadInput, NotFound
from finmodel.verdict_files import read_verdicts, write_verdicts
from finmodel.verdicts import Verdict

AT = datetime.fromisoformat("2026-06-03T09:00:00+08:00")
WHOLE = (
    '{"id": "v", "conversation": "c", "after": "1", "at": "2026-06-03T09:00:00+08:00",'
    ' "verdict": "edited", "suggestion": "请还款", "sent": "请在{due_date}前还款"}'
)


def test_what_was_written_is_read(tmp_path):
    told = [
        Verdict(
            id=f"v{number}", conversation="c", after="1", at=AT, verdict="edited",
            suggestion="请还款", sent="请在{due_date}前还款", distance=0.5, agent="Lin",
            reason="", adapter="scripts/3",
        )
        for number in range(3)
    ]  # fmt: skip
    path = tmp_path / "v.jsonl"
    assert write_verdicts(path, told) == 3
    assert list(read_verdicts(path)) == told
    path.write_text(f"\ufeff{WHOLE}\n\n")
    (one,) = read_verdicts(path)
    assert (one.verdict, one.preferred, one.at) == ("edited", "请在{due_date}前还款", AT)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 2: it is no JSON.*write one verdict a line"),
        (WHOLE.replace("edited", "liked"), "verdict: .*write accepted, edited or rejected"),
        (WHOLE.replace("+08:00", ""), "at: the time has no zone"),
        (WHOLE.replace('"sent"', '"text"'), "unknown key 'text'; did you mean 'sent'"),
        (WHOLE[:-1] + ', "distance": 1.5}', "distance: expected `float` <= 1.0"),
        (WHOLE[:-1] + ', "distance": NaN}', "it is no JSON"),
        (WHOLE.replace("请在{due_date}前还款", "请还款 "), "'v': what was sent is the suggestion"),
        (WHOLE.replace("edited", "rejected").replace("请在{due_date}前还款", "请还款"),
         "what was sent is the suggestion itself; call it accepted"),
        (WHOLE.replace("请在{due_date}前还款", ""), "it is edited, but nothing was sent"),
        (WHOLE.replace("edited", "accepted"), "it is accepted, but another text was sent"),
        (WHOLE.replace('"请还款"', '" "'), "its suggestion is empty"),
        ("\xff", "line 2: it is not UTF-8 text; save it as UTF-8"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_verdict_is_told(tmp_path, line, says):
    path = tmp_path / "v.jsonl"
    path.write_bytes(b"\n" + line.encode("latin-1" if line == "\xff" else "utf-8"))
    with pytest.raises(BadInput, match=says):
        list(read_verdicts(path))


def test_a_verdict_twice_and_no_file_are_told(tmp_path):
    path = tmp_path / "v.jsonl"
    path.write_text(f"{WHOLE}\n{WHOLE}\n")
    with pytest.raises(BadInput, match=r"line 2: verdict 'v' stands in .* line 1 too"):
        list(read_verdicts(path))
    with pytest.raises(NotFound, match="no such file; name a file of verdicts"):
        list(read_verdicts(tmp_path / "none.jsonl"))
