"""Traces, verdicts and prompts in MLflow: written twice they are there once, read by its client."""

import pytest
from mlflow import MlflowClient

from finmodel.mlflow_traces import (
    Judgement,
    Step,
    Traced,
    register_prompt,
    write_judgements,
    write_traces,
)
from tests.finmodel.mlflow_home import settings_at

ID = "0123456789abcdef0123456789abcdef"
BEGUN = 1_780_000_000_000
TRACED = Traced(
    id=ID,
    begun_ms=BEGUN,
    steps=(
        Step("suggest", "CHAIN", 0.0, 40.0, {"identity": "verified"}),
        Step("scripts", "RETRIEVER", 0.0, 12.5, {"considered": ["repay-1 v3 0.910"]}),
    ),
    tags={"scenario": "repayment", "writer": "scripts/3"},
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return settings_at(tmp_path_factory.mktemp("traces") / "home")


@pytest.fixture(scope="module")
def client(settings):
    return MlflowClient(settings.mlflow_uri, settings.mlflow_uri)


def test_a_trace_and_its_verdict_are_there_once_under_our_id(settings, client):
    judged = Judgement(ID, "edited", "li", {"saved": "0.8", "violations": "0"})
    for _ in range(2):
        write_traces(settings, "assistant", [TRACED])
        write_judgements(settings, [judged])
    place = client.get_experiment_by_name("assistant").experiment_id
    (found,) = client.search_traces(locations=[place])
    assert (found.info.trace_id, found.info.client_request_id) == (f"tr-{ID}", ID)
    assert (found.info.request_time, found.info.execution_duration) == (BEGUN, 40)
    assert found.info.tags["writer"] == "scripts/3"
    whole, scripts = sorted(found.data.spans, key=lambda one: one.end_time_ns, reverse=True)
    assert (whole.name, whole.parent_id, scripts.parent_id) == ("suggest", None, whole.span_id)
    assert scripts.attributes["considered"] == ["repay-1 v3 0.910"]
    assert scripts.end_time_ns - scripts.start_time_ns == 12_500_000
    (verdict,) = found.info.assessments
    assert (verdict.name, verdict.feedback.value, verdict.source.source_id) == (
        "verdict", "edited", "li",
    )  # fmt: skip
    assert verdict.metadata["saved"] == "0.8"


def test_a_text_is_one_version_however_often_it_is_registered(settings, client):
    given = [("一", "a"), ("一", "a"), ("二", "b"), ("一", "a")]
    made = [register_prompt(settings, "prompt", text, digest) for text, digest in given]
    assert made == [1, 1, 2, 1]
    assert client.get_prompt_version("prompt", "2").template == "二"
