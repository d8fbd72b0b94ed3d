"""Names that no marketing model may read, however they are written, and names that only look so."""

from __future__ import annotations

import runpy

import pytest
import yaml

from feature_store.store import REPO
from marketing.forbidden import rule_against
from tests.marketing.small_lender import SHIPPED

PERSONS = """
    age age2 AGE ages age_band agegroup customerAge customerage customer_age_7d
    loan_applicant_age birth_date date_of_birth birthDate dateofbirth dob sex SEX_m is_female
    isMale gender genderCode usergender marital maritalStatus marriage married divorced
    ethnic_group race religious disabled disability nationality native_place hukou pregnant_flag
    health_score ｓｅｘ 年龄 客户年龄 年龄段 生日 出生日期 性别
    客户性别 性别代码 婚姻状态 民族代码 宗教 户籍 户籍地 籍贯 残疾人
"""
AFTERWARDS = """
    duration Duration_sec call_duration callDuration last_call_duration durations
    通话时长
"""
FREE = """
    average_balance stage page_count usage mileage storage coverage language manager_id womens
    mens trace_count grace_days page_dwell_sum account_age_days accountAge loan_age
"""


@pytest.mark.parametrize("name", PERSONS.split())
def test_an_attribute_of_a_person_is_refused_however_it_is_written(name):
    assert rule_against(name).startswith("protected_attribute: nobody is chosen by ")


@pytest.mark.parametrize("name", AFTERWARDS.split())
def test_a_calls_length_is_refused_wherever_it_stands(name):
    assert rule_against(name).startswith("known_afterwards: a call's length")


@pytest.mark.parametrize("name", FREE.split())
def test_what_only_looks_like_one_is_free(name):
    assert rule_against(name) == ""


def test_every_feature_of_what_is_shipped_is_free(tmp_path, monkeypatch):
    monkeypatch.setenv("FINMODEL_HOME", str(tmp_path))
    service = runpy.run_path(str(REPO / "definitions.py"))["customer_behaviour_v1"]
    names = [one.name for view in service.feature_view_projections for one in view.features]
    for shipped in ("bank_marketing", "hillstrom"):
        recipe = yaml.safe_load((SHIPPED / f"{shipped}.yaml").read_text(encoding="utf-8"))
        names += recipe["source"]["table"]["features"]
    assert len(names) > 40
    assert [one for one in names if rule_against(one)] == []
