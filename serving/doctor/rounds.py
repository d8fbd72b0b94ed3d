"""The round of all checks: each in a process of its own, begun together, told in order.

Settings come in, a report goes out. Knows what there is to look at, and not how it is judged.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from finmodel.addresses import without_secret
from finmodel.settings import Settings
from serving import oidc
from serving.doctor import answering, keeping, log, models, store, verdicts, workers
from serving.doctor.apart import SECONDS, Check, begin, ended
from serving.doctor.finding import Finding, Report, report_of

WHOLE_S: Final = 3_600
"""A log of years may take so long to read."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to look at."""

    settings: Settings
    ports: tuple[int, ...] = ()
    """Of further services of ours, beside the one that the settings name."""
    whole: bool = False
    """Whether the whole audit log is read."""


def report(asked: Asked) -> Report:
    """Look at everything; nothing is changed, and nothing that is broken ends it."""
    settings = asked.settings
    answers = [answering.ask(settings.host, port) for port in (settings.port, *asked.ports)]
    begun = [begin(check) for check in checks(asked, answers[0])]
    served = [_service(settings, answer) for answer in answers]
    return report_of([*served, *(found for one in begun for found in ended(one))])


def checks(asked: Asked, answer: answering.Answer) -> Iterator[Check]:
    """What there is to look at, and what to type where it cannot be looked at."""
    here = asked.settings
    acts = _acts(here, answer)
    seconds = WHOLE_S if asked.whole else SECONDS

    def of(look: Callable[[Settings], Sequence[Finding]]) -> Callable[[], Sequence[Finding]]:
        return partial(look, here)

    yield Check(f"home {here.home}", of(keeping.home), f"ls -ld {here.home}")
    yield Check(f"disk of {here.home}", of(keeping.disk), f"df -h {here.home}")
    yield Check("clock", partial(log.clock, here, acts), "date -u")
    yield Check(f"signing key {here.signing}", of(keeping.signing_key), f"ls -l {here.signing}")
    yield Check(f"people {here.people}", of(keeping.people), "finmodel people list")
    if here.provider.issuer:
        curl = shlex.join(("curl", "-sS", oidc.described_at(here.provider)))
        yield Check(f"identity provider {here.provider.host}", of(answering.provider), curl)
    yield Check(f"vault {here.vault}", of(keeping.vault), f"ls -l {here.vault.parent}")
    yield from _served(here)
    kept = "online store" if here.online_store else f"map {here.online}"
    yield Check(kept, of(store.online), "finmodel features materialize")
    fresh = partial(store.fresh, here, None if acts.unknown else acts.now)
    yield Check(store.AT, fresh, "finmodel features materialize")
    yield Check(workers.AT, of(workers.workers), f"ls -l {here.streams}")
    yield Check(verdicts.AT, of(verdicts.verdicts), f"ls -l {here.suggestions}")
    audit = partial(log.audit, here, asked.whole)
    yield Check(f"audit log {here.audit}", audit, "finmodel audit verify", seconds)
    imported = partial(log.imported, here, asked.whole)
    yield Check(f"imported {here.imported}", imported, "finmodel decisions list", seconds)
    yield Check("left over", of(keeping.left_over), "finmodel base list")


def _served(here: Settings) -> Iterator[Check]:
    """What answers are made of."""
    looks: tuple[tuple[str, Callable[[Settings], Sequence[Finding]], str], ...] = (
        ("models", models.champions, "finmodel models"),
        ("adapters", models.adapters, "finmodel models"),
        ("policy", models.policy, "finmodel policy show drawdown"),
        ("scripts", models.scripts, "finmodel scripts list"),
        ("guards", models.guard, "finmodel guards try 您好"),
        (f"MLflow {without_secret(here.mlflow_uri)}", models.aliases, "finmodel models"),
    )
    for at, look, remedy in looks:
        yield Check(at, partial(look, here), remedy)


def _acts(settings: Settings, answer: answering.Answer) -> log.Acts:
    """The time that acts are dated with: the service's where its clock alone stands, else ours."""
    told, now = answer.told, settings.clock.now()
    if told is None:
        unknown = settings.demo.is_dir() and not settings.standing_clock
        return log.Acts(now, unknown=unknown)
    theirs = told.clock_stands and not settings.standing_clock
    return log.Acts(told.clock if theirs else now, told.clock)


def _service(settings: Settings, answer: answering.Answer) -> Finding:
    told = answer.told
    file = "assist.log" if told is not None and told.engine_state is not None else "service.log"
    return answering.judged(answer, log=str(settings.home / file), model=settings.model)
