"""Suggestions as MLflow's traces, and what engines are told as versions in its prompt registry.

Steps with their times and attributes, verdicts and texts come in, under ids of ours; written again
they are the same trace, verdict and version. Verdicts are read back. No MLflow object leaves; what
a step is about is not known here.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from finmodel.errors import NotFound
from finmodel.mlflow_server import client_of, experiment_of, translated
from finmodel.settings import Settings

_VERDICT: Final = "verdict"
_DIGEST: Final = "finmodel.digest"


class Step(Struct, frozen=True):
    """One thing that was done: from so many milliseconds after the beginning to so many."""

    name: str
    kind: str
    """MLflow's type of a span: CHAIN, RETRIEVER, LLM, GUARDRAIL."""
    begins_ms: float
    ends_ms: float
    told: Mapping[str, Any]


class Traced(Struct, frozen=True):
    """One suggestion: the whole of it first, then its parts."""

    id: str
    """32 hexadecimal digits: the trace is called `tr-` and this."""
    begun_ms: int
    """Milliseconds since 1970."""
    steps: tuple[Step, ...]
    tags: Mapping[str, str]


class Judgement(Struct, frozen=True):
    """What a person made of a suggestion."""

    id: str
    choice: str
    by: str
    told: Mapping[str, str]


def write_traces(settings: Settings, experiment: str, every: Sequence[Traced]) -> None:
    """Write traces; one that is there already is written over, not twice."""
    tracing, place = _tracing(settings), experiment_of(settings, experiment)
    with translated(settings, f"traces of {experiment}"):
        for one in every:
            tracing.log_spans(place, [_span(one, step) for step in one.steps])
            tracing.start_trace(_info(one, place))


def write_judgements(settings: Settings, every: Sequence[Judgement]) -> int:
    """Write verdicts as feedback of a person, each on its trace; how many have one.

    One that a trace has already is left as it is. A trace that somebody deleted stays deleted.
    """
    tracing = _tracing(settings)
    return sum(_write_judgement(settings, tracing, one) for one in every)


def _write_judgement(settings: Settings, tracing: Any, one: Judgement) -> bool:
    from mlflow.entities import AssessmentSource, Feedback

    try:
        with translated(settings, "verdicts"):
            there = tracing.get_trace_info(_name(one.id)).assessments
            if any(known.name == _VERDICT for known in there):
                return True
            source = AssessmentSource(source_type="HUMAN", source_id=one.by)
            tracing.log_assessment(
                _name(one.id),
                Feedback(_VERDICT, value=one.choice, source=source, metadata=dict(one.told)),
            )
    except NotFound:
        return False
    return True


def judgements_on(settings: Settings, suggestion: str) -> list[Judgement]:
    """Verdicts on a suggestion's trace, people's own in MLflow too; NotFound without a trace."""
    tracing, where = _tracing(settings), f"MLflow's trace {_name(suggestion)}"
    try:
        with translated(settings, where):
            there = tracing.get_trace_info(_name(suggestion)).assessments
    except NotFound as error:
        remedy = "finmodel assist trace tells it of what is new; look at the id"
        raise NotFound("MLflow has none of it", where=where, remedy=remedy) from error
    return [_read(suggestion, one) for one in there if one.name == _VERDICT and one.feedback]


def _read(suggestion: str, one: Any) -> Judgement:
    told = {key: str(value) for key, value in (one.metadata or {}).items()}
    return Judgement(suggestion, str(one.feedback.value), str(one.source.source_id), told)


def register_prompt(settings: Settings, name: str, text: str, digest: str) -> int:
    """The version of a prompt's text in the registry, made where no version has this digest."""
    client = client_of(settings)
    for number in itertools.count(1):
        try:
            with translated(settings, f"prompt {name}"):
                known = client.get_prompt_version(name, str(number))
        except NotFound:
            known = None
        if known is None:
            break
        if known.tags.get(_DIGEST) == digest:
            return number
    with translated(settings, f"prompt {name}"):
        made = client.register_prompt(name, text, commit_message=digest, tags={_DIGEST: digest})
    return int(made.version)


def _tracing(settings: Settings) -> Any:
    client_of(settings)  # points the library at this home's MLflow
    from mlflow.tracing.client import TracingClient

    return TracingClient(settings.mlflow_uri)


def _info(one: Traced, place: str) -> Any:
    from mlflow.entities import TraceInfo, TraceLocation, TraceState

    whole = one.steps[0]
    return TraceInfo(
        trace_id=_name(one.id),
        trace_location=TraceLocation.from_experiment_id(place),
        request_time=one.begun_ms,
        state=TraceState.OK,
        client_request_id=one.id,
        execution_duration=round(whole.ends_ms),
        tags={"mlflow.traceName": whole.name, **one.tags},
    )


def _span(one: Traced, step: Step) -> Any:
    from mlflow.entities import Span

    whole = one.steps[0]
    begun = one.begun_ms * 1_000_000
    told = {"mlflow.traceRequestId": _name(one.id), "mlflow.spanType": step.kind, **step.told}
    return Span.from_dict(
        {
            "trace_id": b64encode(bytes.fromhex(one.id)).decode(),
            "span_id": _span_id(one, step),
            "parent_span_id": "" if step is whole else _span_id(one, whole),
            "name": step.name,
            "start_time_unix_nano": begun + round(step.begins_ms * 1e6),
            "end_time_unix_nano": begun + round(step.ends_ms * 1e6),
            "status": {"code": "STATUS_CODE_OK", "message": ""},
            "attributes": {key: json.dumps(value) for key, value in told.items()},
            "events": [],
        }
    )


def _span_id(one: Traced, step: Step) -> str:
    """The same for the same step of the same trace: written again it is no other."""
    return b64encode(hashlib.sha256(f"{one.id} {step.name}".encode()).digest()[:8]).decode()


def _name(shown: str) -> str:
    return f"tr-{shown}"
