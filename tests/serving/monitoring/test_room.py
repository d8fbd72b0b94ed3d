"""Where monitoring is computed: asked once, told how far, and not stuck where its process ends."""

import sys
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from finmodel.acts import opened_log
from finmodel.errors import NotReady
from finmodel.settings import Settings
from serving.monitoring import room as monitor_room
from serving.monitoring.asked import Question
from serving.monitoring.room import MonitorRoom

SCRIPT = """#!{python}
import sys
for line in sys.stdin:
    print('{{"doing":{{"what":"reading","done":1,"of":2}}}}', flush=True)
    {act}
"""


def worker(folder: Path, monkeypatch, act: str) -> None:
    """A process in the worker's place, which does something else after a question."""
    path = folder / "worker"
    path.write_text(SCRIPT.format(python=sys.executable, act=act))
    path.chmod(0o700)
    monkeypatch.setattr(monitor_room.sys, "executable", str(path))


def until(holds) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_question_is_computed_once_and_its_end_is_noticed(tmp_path, monkeypatch):
    worker(
        tmp_path, monkeypatch, "import time; time.sleep(0.5); print('{\"ended\":true}', flush=True)"
    )
    question = Question(model="card")
    with closing(MonitorRoom(Settings(home=tmp_path, data=tmp_path))) as room:
        assert room.doing(question) is None
        assert room.ask(question).what == "waiting"
        until(lambda: (now := room.doing(question)) is not None and now.what == "reading")
        assert room.ask(Question(model="card")).what == "reading", "it is the same question"
        until(lambda: room.doing(question) is None)
        assert room.failed(question) is None


def test_a_process_that_dies_is_a_sentence_and_the_next_question_has_a_new_one(
    tmp_path, monkeypatch
):
    worker(tmp_path, monkeypatch, "sys.exit(9)")
    question = Question(model="card")
    with closing(MonitorRoom(Settings(home=tmp_path, data=tmp_path))) as room:
        for _ in range(2):
            room.ask(question)
            until(lambda: room.doing(question) is None)
            assert "ended by itself" in room.failed(question).what


def test_what_is_refused_is_told_in_the_workers_words(tmp_path, monkeypatch):
    told = msgspec.json.encode(
        {"ended": True, "problem": {"code": "BadInput", "what": "no", "where": "x", "remedy": "y"}}
    ).decode()
    worker(tmp_path, monkeypatch, f"print({told!r}, flush=True)")
    question = Question(model="card")
    with closing(MonitorRoom(Settings(home=tmp_path, data=tmp_path))) as room:
        room.ask(question)
        until(lambda: room.doing(question) is None)
        assert room.failed(question).what == "no"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"start": "0001-01-01T00:00:00+08:00"}, "0001-01-01T00:00:00+08:00 is before 1970"),
        ({"end": "0001-01-01T00:00:00+08:00"}, "is before 1970"),
        ({"end": "1970-01-02T00:00:00+08:00"}, "is before 1970"),
        ({"end": "9999-12-31T23:59:59-08:00"}, "is after the year 9000"),
    ],
)
def test_a_window_out_of_all_time_is_refused_by_the_worker_that_computes(tmp_path, words, says):
    question = msgspec.convert({"model": "card", **words}, Question)
    settings = Settings(home=tmp_path, data=tmp_path)
    with opened_log(settings, settings.audit) as log:
        log.append("begun", {})
    with closing(MonitorRoom(settings)) as room:
        room.ask(question)
        until(lambda: room.doing(question) is None)
        failed = room.failed(question)
        assert (failed.code, failed.where) == ("BadInput", "the window")
        assert says in failed.what


def test_too_many_questions_wait_for_nobody_and_closing_leaves_them(tmp_path, monkeypatch):
    worker(tmp_path, monkeypatch, "import time; time.sleep(60)")
    asked = [Question(model="card", weeks=weeks) for weeks in range(1, 30)]
    with closing(MonitorRoom(Settings(home=tmp_path, data=tmp_path))) as room:
        room.ask(asked[0])
        until(lambda: room.doing(asked[0]).what == "reading")
        for question in asked[1 : monitor_room.MOST_WAITING + 1]:
            room.ask(question)
        with pytest.raises(NotReady, match="questions are waiting"):
            room.ask(asked[-1])
    until(lambda: room.doing(asked[0]) is None)
    assert room.failed(asked[1]) is None, "the second was not begun"
