"""`finmodel guards try`: what was found, where, and what follows; never a traceback."""

import io
import json

import pytest
from typer.testing import CliRunner

from finmodel.assistant.scripts import load_scripts
from finmodel.errors import BadInput
from serving.cli import app
from serving.guarding import LONGEST, lines, read_in, read_out

run = CliRunner()


def tried(*words, given=None):
    done = run.invoke(app, ["guards", "try", *words], input=given)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_reply_is_told_with_place_rule_and_rewrite():
    (one,) = json.loads(tried("您好。这笔借款bao证通过！", "--json"))["found"]
    assert (one["name"], one["severity"], one["by"]) == ("promise", "replace", "rule")
    assert (one["span"], one["start"], one["end"]) == ("bao证通过", 7, 13)
    assert read_out(one["rewrite"]).found == []


def test_a_message_is_told_with_its_routing_and_an_approved_script():
    told = json.loads(tried("我要投诉你们", "--direction", "in", "--json"))
    (one,) = told["found"]
    assert (told["routing"], one["name"]) == ("escalate", "complaint")
    assert one["script"] in load_scripts()


def test_a_person_reads_sentences():
    assert "It may not go out" in tried("再不还就上门")
    assert "say instead: 请您尽快安排还款" in tried("再不还就上门")
    assert "Nothing was found" in tried("好的，请稍等。")
    assert "escalate: a person answers" in tried("不想活了", "--direction", "in")


def test_standard_input_is_read():
    assert "complaint" in tried("-", "--direction", "in", given="我要投诉你们\n")
    assert "no words in it" in tried("-", given=b"")
    assert "Nothing was found" in tried("-", given=b"\xff\xfe\x00 ok")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "😀🎉",
        "<b onclick='x'>hi</b>",
        "\x1b[31m保证通过",
        "Ünïcödé",
        "\udcff您好",
        "مرحبا",
    ],
)
def test_odd_texts_are_told_in_lines_that_steer_no_terminal(text):
    for made in (read_in(text.encode("utf-8", "replace").decode()), read_out(text)):
        said = "\n".join(lines(made))
        assert said
        assert "\x1b" not in said


def test_a_long_text_is_read_and_one_without_end_is_refused(monkeypatch):
    assert read_in("请问" * 50_000).found == []
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x" * (LONGEST + 1))))
    with pytest.raises(BadInput, match="more than"):
        app(["guards", "try", "-"], standalone_mode=False)
