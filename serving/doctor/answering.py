"""What a service of ours answers on its port, asked as a probe would ask, and what that means.

An address comes in, an answer or its absence goes out, and a finding about it. No key is sent: what
anybody may see is enough.
"""

from __future__ import annotations

import asyncio
import http.client
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from finmodel.settings import Settings
from serving import oidc
from serving.doctor.finding import Finding, warned, well, wrong

PATIENCE_S: Final = 3.0
_MOST: Final = 1 << 20
_LOADING: Final = "the model is being loaded"
_ALONE: Final = "scripts alone: "
_BY_CHOICE: Final = "scripts alone: no FINMODEL_WRITER is set"


class Told(msgspec.Struct, frozen=True):
    """Of `GET /status`, what the doctor reads; the assistant's service tells its engine."""

    ready: bool
    clock: datetime
    clock_stands: bool = False
    trouble: str = ""
    engine_state: str | None = None
    other_state: str = ""
    scripts: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a port answered."""

    address: str
    status: int = 0
    """Of HTTP; 0 where nothing answered."""
    told: Told | None = None
    why: str = ""
    """Why nothing answered."""


def provider(settings: Settings) -> list[Finding]:
    """Whether the identity provider says what it is; NotReady where it does not."""
    asyncio.run(oidc.answers(settings.provider))
    at = f"identity provider {settings.provider.host}"
    return [well(at, "it answers, and is the one that is named")]


def ask(host: str, port: int) -> Answer:
    """Ask for the status; whatever comes of it is an answer."""
    address = f"{host}:{port}"
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/status")
        answer = connection.getresponse()
        told = msgspec.json.decode(answer.read(_MOST), type=Told)
        return Answer(address, answer.status, told)
    except TimeoutError:
        return Answer(address, why=f"it does not answer within {PATIENCE_S:g} s")
    except OSError as error:
        return Answer(address, why=f"nothing listens there ({error.strerror or error})")
    except http.client.HTTPException:
        return Answer(address, why="what listens there speaks no HTTP")
    except msgspec.MsgspecError:
        return Answer(address, answer.status)
    finally:
        connection.close()


def judged(answer: Answer, *, log: str, model: str) -> Finding:
    """What an answer means; `log` is the file that the service writes to, `model` what it serves.

    >>> judged(Answer("127.0.0.1:3000", 500), log="service.log", model="b").says
    'it answers 500 to /status: a fault of the service, which its log names'
    """
    at, told, look = f"service {answer.address}", answer.told, f"tail -n 50 {log}"
    if not answer.status:
        return wrong(at, answer.why, "finmodel serve" if "nothing" in answer.why else look)
    if answer.status >= 500:
        return wrong(
            at,
            f"it answers {answer.status} to /status: a fault of the service, which its log names",
            look,
        )
    if told is None or answer.status != 200:
        port = answer.address.rpartition(":")[2]
        return wrong(at, "what listens there is no service of ours", f"ss -ltnp 'sport = :{port}'")
    if told.engine_state is not None:
        return _assistant(at, told, look)
    if told.trouble == _LOADING:
        return warned(at, f"it answers, but {told.trouble}", "finmodel doctor")
    if told.trouble:
        return wrong(at, f"it answers, but: {told.trouble}", f"finmodel promote {model}")
    return well(at, "it answers, with a model in service")


def _assistant(at: str, told: Told, look: str) -> Finding:
    """A writer that was asked for and does not write, or scripts that were refused, are told."""
    states = told.engine_state or "", told.other_state
    amiss = [one for one in states if one.startswith(_ALONE) and one != _BY_CHOICE]
    amiss += [told.scripts] if " is refused" in told.scripts else []
    if amiss:
        return warned(at, f"the assistant answers, but: {'; '.join(amiss)}", look)
    return well(at, f"the assistant answers: {told.engine_state}")
