"""A supervisor finds, judges and takes away what the guards found; an agent does none of it."""

import io
import json
from hashlib import sha256

import openpyxl
import pytest
from typer.testing import CliRunner

from finmodel.audit import scan
from finmodel.errors import Refused
from finmodel.lender.talk.phrasings import HOME
from finmodel.records import Person
from serving.assisting.quality import judge
from serving.assisting.quality_asked import RulingRequest
from serving.cli import app
from tests.serving.assist_world import assist_world, brought, message

PROMISED = "张伟您好，我的电话是13800138000，您这笔保证通过。"
PUSHED = "再不还就上门找你家人。"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with assist_world(tmp_path_factory.mktemp("quality")) as made:
        said = [
            message(1, "我叫张伟，能批吗"),
            message(2, PROMISED, "agent"),
            message(3, "好的"),
        ]
        others = {
            "c2": ("wang", "collection", PUSHED),
            "c3": ("li", "repayment", "保证通过审批。"),
            "c4": ("qian", "repayment", "张伟您好。没人能保证一定通过。本期应还1,234.56元。"),
        }
        with made.client("vendor") as vendor:

            def bring(name, agent, scenario, *messages):
                given = brought(*messages, agent=agent, customer=name, scenario=scenario)
                answer = vendor.post(f"/conversations/{name}/messages", json=given)
                assert answer.status_code == 200, answer.text

            bring("c1", "li", "repayment", *said)
            for name, (agent, scenario, text) in others.items():
                bring(name, agent, scenario, message(1, "我叫张伟"), message(2, text, "agent"))
        yield made


@pytest.fixture
def zhao(world):
    with world.client("zhao") as made:
        yield made


def found(client, **sought):
    answer = client.post("/findings", json=sought)
    assert answer.status_code == 200, answer.text
    return answer.json()


def acts(world, kind):
    return [one.body for one in scan(world.desk.settings.audit) if one.kind == kind]


def test_the_gravest_come_first_masked_and_with_what_may_be_chosen(zhao):
    told = found(zhao)
    assert [one["severity"] for one in told["findings"]] == sorted(
        [one["severity"] for one in told["findings"]], key=("block", "replace", "warn").index
    )
    assert (told["agents"], told["scenarios"]) == (
        ["li", "qian", "wang"], ["collection", "repayment"],
    )  # fmt: skip
    assert {one["rule"]: one["zh"] for one in told["rules"]}["promise"] == "审批或收益承诺"
    assert (told["examined"], told["hit"], told["more"]) == (4, 4, False)
    words = str(told)
    assert not any(one in words for one in ("张伟", "13800138000", "'c1'"))
    (one,) = [
        one for one in found(zhao, rule="promise", agent="li")["findings"]
        if "手机号" in "".join(one["words"])
    ]  # fmt: skip
    assert one["words"][1].startswith("保证通过")
    assert {one["agent"] for one in found(zhao, scenario="collection")["findings"]} == {"wang"}
    assert (len(found(zhao, most=1)["findings"]), found(zhao, most=1)["more"]) == (1, True)


def test_one_is_seen_among_what_was_said_and_judged_and_logged(zhao, world):
    (one,) = [
        one for one in found(zhao, rule="promise")["findings"] if "手机号" in "".join(one["words"])
    ]
    told = zhao.get(f"/findings/{one['id']}").json()
    assert [turn["here"] for turn in told["turns"]] == [False, True, False]
    assert told["turns"][0]["text"] == "我叫[姓名1]，能批吗"
    assert told["rewrite"] == "审批结果以系统综合评估为准。"
    given = {"ruling": "confirmed", "note": " 张伟可以作证 "}
    for new in (True, False):
        answer = zhao.post(f"/findings/{one['id']}/ruling", json=given)
        assert answer.json()["new"] is new
    assert acts(world, "finding_judged") == [
        {"by": "zhao", "finding": one["id"], "rule": "promise", "agent": "li",
         "ruling": "confirmed", "before": "open"}
    ]  # fmt: skip
    assert one["id"] not in {left["id"] for left in found(zhao)["findings"]}
    assert zhao.get(f"/findings/{one['id']}").json()["note"] == "张伟可以作证"
    assert [seen["by"] for seen in found(zhao, state="confirmed")["findings"]] == ["zhao"]


def test_what_is_taken_away_is_masked_and_logged(zhao, world):
    answer = zhao.post("/findings/export", json={"rule": "promise"})
    text = answer.content.decode("utf-8-sig")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert ("保证通过" in text, "张伟" in text, "1380" in text) == (True, False, False)
    answer = zhao.post("/findings/export", json={"form": "xlsx", "agent": "wang"})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert {row[2].value for row in sheet.iter_rows(min_row=2)} == {"wang"}
    counts = [len(text.split("\r\n")) - 2, sheet.max_row - 1]
    assert acts(world, "findings_exported") == [
        {"by": "zhao", "findings": count} for count in counts
    ]


@pytest.mark.parametrize("person", ["li", "vendor", "sun"])
def test_nobody_else_sees_judges_or_takes_away(world, zhao, person):
    name = found(zhao)["findings"][0]["id"]
    with world.client(person) as other:
        for answer in (
            other.post("/findings", json={}),
            other.get(f"/findings/{name}"),
            other.post(f"/findings/{name}/ruling", json={"ruling": "confirmed"}),
            other.post("/findings/export", json={}),
        ):
            assert answer.status_code == 403


def test_a_false_alarm_is_a_case_of_the_guards_until_it_is_none(zhao, world):
    shipped = sha256((HOME / "attacks.yaml").read_bytes())
    by_rule = {one["rule"]: one for one in found(zhao, agent="qian")["findings"]}
    wrong = {"ruling": "false_alarm", "note": "是在否认"}

    def ruled(rule, given=wrong):
        answer = zhao.post(f"/findings/{by_rule[rule]['id']}/ruling", json=given)
        return answer.json()["state"], answer.json()["case"]

    def cases():
        return zhao.get("/guards/cases").json()["cases"]

    assert ruled("promise") == ("false_alarm", True)
    assert ruled("promise") == ("false_alarm", True)
    assert ruled("number") == ("false_alarm", False)  # it hangs on the customer's facts
    (case,) = cases()
    assert (case["id"], case["rule"], case["text"], case["before"], case["by"]) == (
        by_rule["promise"]["id"], "promise", "没人能保证一定通过。", "", "zhao",
    )  # fmt: skip
    assert case["told"] is True
    told = shell(world, "check-cases", code=4)
    assert (told["cases"], told["still_told"], told["passed"]) == (1, 1, 0)
    assert [one["text"] for one in shell(world, "cases")] == ["没人能保证一定通过。"]
    with world.client("vendor") as engineer, world.client("li") as agent:
        assert engineer.get("/guards/cases").json()["cases"] == [case]
        assert agent.get("/guards/cases").status_code == 403
    assert ruled("promise", {"ruling": "confirmed"}) == ("confirmed", False)
    assert cases() == []
    assert shell(world, "check-cases")["cases"] == 0
    assert sha256((HOME / "attacks.yaml").read_bytes()).digest() == shipped.digest()


def shell(world, command, code=0):
    home = {"FINMODEL_HOME": str(world.desk.settings.home)}
    done = CliRunner().invoke(app, ["guards", command, "--json"], env=home)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_what_cannot_be_judged_is_a_sentence(world, zhao):
    assert zhao.get("/findings/nothing").status_code == 404
    assert zhao.post("/findings/nothing/ruling", json={"ruling": "confirmed"}).status_code == 404
    name = found(zhao)["findings"][0]["id"]
    answer = zhao.post(f"/findings/{name}/ruling", json={"ruling": "maybe"})
    assert answer.status_code == 422
    (own,) = found(zhao, agent="wang", scenario="collection", most=1)["findings"]
    wang = Person("wang", frozenset({"agent", "supervisor"}))
    with pytest.raises(Refused, match="wang wrote this message"):
        judge(own["id"], RulingRequest(ruling="false_alarm"), wang, world.desk)
    world.desk.conversations._vault.erase("c3", tidy=False)
    ((erased,),) = world.desk.findings._file.rows("SELECT id FROM finding WHERE conversation='c3'")
    assert erased not in {one["id"] for one in found(zhao, state="")["findings"]}
    before = len(acts(world, "finding_judged"))
    answer = zhao.post(f"/findings/{erased}/ruling", json={"ruling": "false_alarm"})
    assert (answer.status_code, "key was erased" in answer.text) == (404, True)
    assert len(acts(world, "finding_judged")) == before
