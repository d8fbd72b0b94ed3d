"""What is told of suggestions: sources, rules and times, and nothing of anybody's."""

from base64 import b64decode
from contextlib import closing
from datetime import UTC, datetime

import msgspec
import pytest
from mlflow import MlflowClient
from mlflow.entities import AssessmentSource, Feedback
from mlflow.tracing.client import TracingClient

from finmodel.assistant.suggesting.context import prompt_version
from finmodel.assistant.suggesting.shelf import shipped_shelf
from finmodel.assistant.suggesting.suggest import suggest
from finmodel.conversation_book import ConversationBook, Opened
from finmodel.conversations import Conversation, Message
from finmodel.errors import Damaged, NotFound, Refused
from finmodel.restriction_book import Restriction, RestrictionBook
from finmodel.suggestion_book import Counts, Judged, Shown, SuggestionBook, Untold
from finmodel.vault import Vault
from finmodel.verdicts import Verdict
from serving.assisting.telling import judgement_of, said, tell, trace_of
from tests.finmodel.assistant.suggesting.talks import asking, writer
from tests.finmodel.mlflow_home import settings_at

AT = datetime(2026, 6, 3, 2, tzinfo=UTC)
SENT = "欧阳静，已为您登记，打13812345678办理。"
SAID = "我上个月失业了，那个你们这边能不能顺便说说还款日"


@pytest.fixture(scope="module")
def untold():
    told = suggest(asking(SAID), shipped_shelf(), writer("还款日是{due_date}，应还{amount_due}。"))
    counts = Counts("edited", AT, 20, 0.8, 4.0, 0)
    body = msgspec.json.encode(told)
    return Untold("ab" * 16, AT, "repayment", "over_a_year", "scripts/3", "li", False, body, counts)


def test_a_suggestion_is_told_with_its_sources_rules_and_times(untold):
    found = trace_of(untold)
    steps = {one.name: one for one in found.steps}
    assert list(steps) == ["suggest", "scripts", "write", "guards"]
    assert steps["suggest"].told["suggested"][-1] == "generated"
    assert all(" v" in one for one in steps["scripts"].told["considered"])
    assert steps["write"].told["writer"] == "scripts/3"
    assert steps["write"].told["prompt"].endswith(prompt_version())
    assert all(step.begins_ms <= step.ends_ms for step in found.steps)
    assert found.tags["prompt"] == prompt_version()
    assert judgement_of(untold).told["saved"] == "0.8"


def test_nothing_of_the_customer_is_told(untold):
    told = msgspec.json.encode((trace_of(untold), judgement_of(untold))).decode()
    for secret in ("失业", "还款日", "8,052", "805260", "2026-06-15", "c1", "overdue", "current"):
        assert secret not in told


def test_mlflow_is_told_once_of_each_suggestion_and_later_of_its_verdict(tmp_path, untold):
    here = settings_at(tmp_path / "home")
    shown = Shown(
        conversation="c1", customer="u1", agent="li", scenario="repayment", at=AT, count=3, ms=1.0,
        body=untold.body, writer="scripts/3",
    )  # fmt: skip
    verdict = Verdict(
        id="v1", conversation="c1", after="m1", at=AT, verdict="accepted", suggestion="好"
    )
    with closing(Vault(here.vault)) as vault, closing(SuggestionBook(here.suggestions, vault)) as b:
        name = b.show(shown, vault.pseudonym("u1"))
        b.show(msgspec.structs.replace(shown, customer="u2"), vault.pseudonym("u2"))
        vault.erase("u2")
        first, again = tell(here), tell(here)
        b.judge(name, "u1", Judged(verdict=verdict, characters=1, saved=1.0))
        later = tell(here)
    assert (first.traces, first.verdicts, first.erased, first.prompt_version) == (1, 0, 1, 1)
    assert (again.traces, again.verdicts, again.erased, again.prompt_version) == (0, 0, 0, 1)
    assert (later.traces, later.verdicts) == (0, 1)
    (trace,) = MlflowClient(here.mlflow_uri).search_traces(
        locations=[MlflowClient(here.mlflow_uri).get_experiment_by_name("assistant").experiment_id]
    )
    assert trace.info.trace_id == f"tr-{name}"
    assert [one.feedback.value for one in trace.info.assessments] == ["accepted"]
    assert "失业" not in trace.to_json()


@pytest.fixture
def judged_home(tmp_path, untold):
    """A home whose four customers' edited replies MLflow was told of; their suggestions' ids."""
    here, names = settings_at(tmp_path / "home"), {}
    with (
        closing(Vault(here.vault)) as vault,
        closing(SuggestionBook(here.suggestions, vault)) as book,
        closing(ConversationBook(here.conversations, vault)) as talks,
    ):
        for customer, consents in (("u1", True), ("u2", False), ("u3", True), ("u4", True)):
            talk = Conversation(
                id=f"c-{customer}", customer=customer, scenario="repayment", channel="chat",
                consent_to_training=consents, started=AT,
                messages=(Message(id="m1", who="customer", at=AT, text="我叫欧阳静，怎么还"),),
            )  # fmt: skip
            talks.take(Opened.of(talk, "li"), talk.messages)
            shown = Shown(
                conversation=talk.id, customer=customer, agent="li", scenario="repayment", at=AT,
                count=1, ms=1.0, body=untold.body,
            )  # fmt: skip
            names[customer] = book.show(shown, talks.ref_of(talk.id))
            verdict = Verdict(
                id=names[customer], conversation=talk.id, after="m1", at=AT, verdict="edited",
                suggestion="请还款。", sent=SENT,
            )  # fmt: skip
            book.judge(names[customer], customer, Judged(verdict=verdict, characters=9, saved=0.1))
        tell(here)
    return here, names


def traces_of(here):
    client = MlflowClient(here.mlflow_uri)
    place = client.get_experiment_by_name("assistant").experiment_id
    return {one.info.trace_id: one for one in client.search_traces(locations=[place])}


def test_what_was_sent_stands_at_the_verdict_for_whom_has_the_vault(judged_home):
    here, names = judged_home
    told = said(here, names["u1"])
    assert told.sent == "[姓名1]，已为您登记，打[手机号1]办理。"
    blobs = []
    for trace in traces_of(here).values():
        (judged,) = trace.info.assessments
        blobs.append(b64decode(judged.metadata["sealed"]))
        shown = blobs[-1] + trace.to_json().encode()
        assert not any(word.encode() in shown for word in ("欧阳静", "13812345678", "登记"))
    with closing(Vault(here.vault)) as vault:
        refs = [vault.known(customer) for customer in names]
    assert len({blob[:9] for blob in blobs}) == 4, "nobody sees which are one customer's"
    assert not any(ref in blob for ref in refs for blob in blobs)


def test_nobody_reads_what_was_sent_to_who_did_not_consent_or_asked_to_be_erased(judged_home):
    here, names = judged_home
    with closing(Vault(here.vault)) as vault:
        with closing(RestrictionBook(here, vault)) as restricted:
            restricted.restrict(Restriction("u3", AT))
        vault.erase("u4")
    for customer in ("u2", "u3"):
        with pytest.raises(Refused, match="lets nobody learn of it"):
            said(here, names[customer])
    with pytest.raises(NotFound, match="erased"):
        said(here, names["u4"])
    with pytest.raises(NotFound, match="tr-" + "cd" * 16):
        said(here, "cd" * 16)


def test_of_who_asked_to_be_erased_no_words_are_told_any_more(judged_home, untold):
    here, _ = judged_home
    with (
        closing(Vault(here.vault)) as vault,
        closing(SuggestionBook(here.suggestions, vault)) as book,
        closing(RestrictionBook(here, vault)) as restricted,
    ):
        restricted.restrict(Restriction("u1", AT))
        shown = Shown(
            conversation="c-u1", customer="u1", agent="li", scenario="repayment", at=AT, count=1,
            ms=1.0, body=untold.body,
        )  # fmt: skip
        later = book.show(shown, vault.known("u1"))
        verdict = Verdict(
            id=later, conversation="c-u1", after="m1", at=AT, verdict="edited",
            suggestion="请还款。", sent=SENT,
        )  # fmt: skip
        book.judge(later, "u1", Judged(verdict=verdict, characters=9, saved=0.1))
        assert tell(here).verdicts == 1
    (judged,) = traces_of(here)[f"tr-{later}"].info.assessments
    assert "sealed" not in judged.metadata
    with pytest.raises(NotFound, match="no verdict with words"):
        said(here, later)


@pytest.mark.parametrize("how", ["another's", "no base64", "a bit", "not ASCII"])
def test_words_that_were_changed_in_mlflow_are_told_apart(judged_home, how):
    here, names = judged_home
    client = TracingClient(here.mlflow_uri)
    mine, other = (traces_of(here)[f"tr-{names[one]}"].info for one in ("u1", "u4"))
    sealed = mine.assessments[0].metadata["sealed"]
    changed = {
        "another's": other.assessments[0].metadata["sealed"],
        "no base64": "!" + sealed,
        "a bit": ("B" if sealed[40] == "A" else "A").join((sealed[:40], sealed[41:])),
        "not ASCII": "é" + sealed,
    }[how]
    client.delete_assessment(mine.trace_id, mine.assessments[0].assessment_id)
    source = AssessmentSource(source_type="HUMAN", source_id="li")
    told = Feedback("verdict", value="edited", source=source, metadata={"sealed": changed})
    client.log_assessment(mine.trace_id, told)
    with pytest.raises(Damaged, match="altered there"):
        said(here, names["u1"])


def test_a_trace_that_was_deleted_in_mlflow_holds_up_no_other(tmp_path, untold):
    here = settings_at(tmp_path / "home")
    shown = Shown(
        conversation="c1", customer="u1", agent="li", scenario="repayment", at=AT, count=3, ms=1.0,
        body=untold.body,
    )  # fmt: skip
    verdict = Verdict(
        id="v1", conversation="c1", after="m1", at=AT, verdict="accepted", suggestion="好"
    )
    client = MlflowClient(here.mlflow_uri)
    with closing(Vault(here.vault)) as vault, closing(SuggestionBook(here.suggestions, vault)) as b:
        names = [b.show(shown, vault.pseudonym("u1")) for _ in range(3)]
        tell(here)
        place = client.get_experiment_by_name("assistant").experiment_id
        client.delete_traces(place, trace_ids=[f"tr-{min(names)}"])
        for name in names:
            b.judge(name, "u1", Judged(verdict=verdict, characters=1, saved=1.0))
        later, again = tell(here), tell(here)
    assert (later.traces, later.verdicts, later.deleted) == (0, 2, 1)
    assert (again.traces, again.verdicts, again.deleted) == (0, 0, 0)
    left = client.search_traces(locations=[place])
    assert {one.info.trace_id: len(one.info.assessments) for one in left} == {
        f"tr-{name}": 1 for name in names if name != min(names)
    }


def test_what_is_not_judged_yet_has_no_verdict(untold):
    assert judgement_of(msgspec.structs.replace(untold, counts=None)) is None
