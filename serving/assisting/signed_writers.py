"""Whoever writes in a service: a server by its URL, a base on the shelf, or what was promoted.

Words come in, a `Writer` goes out for as long as it is needed. An adapter is read from its signed
folder alone: MLflow is not asked, and its bytes are checked before an engine sees them.

    service_scripts                         the champion of that name
    service_scripts/3                       a version of it that was promoted
    service_scripts,collection=debt_talk    and another one for conversations of a scenario
    qwen2.5-coder-1.5b@champion             what was promoted for a base, else the base alone
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, get_args

from finmodel.assistant.engines.endpoint import Endpoint
from finmodel.assistant.engines.engine import Laid, require_same_base
from finmodel.assistant.suggesting.shelf import MANY, Writer
from finmodel.conversations import Scenario
from finmodel.errors import BadInput, NotFound
from finmodel.settings import Settings
from finmodel.signed_adapters import GGUF, SignedAdapter, champions_of, served_adapter
from serving.local_engine import fresh_for, gguf_to_serve, open_engine, places_for

if TYPE_CHECKING:
    from fine_tune.bases.base import Base

CHAMPION: Final = "@champion"
"""Behind a base: the adapter that was promoted for it, the first by name, if there is one."""
_ADAPTER: Final = re.compile(r"^(?P<name>\w[\w.-]*)(?:/(?P<version>\d+))?$")


@contextmanager
def open_signed_writer(here: Settings, words: str) -> Iterator[Writer]:
    """The writer that is named; NotFound where none is, Damaged where a file of it was changed."""
    from fine_tune.bases.base import open_base
    from fine_tune.bases.shelf import named

    first, *others = words.split(",")
    if "://" in words:
        yield Writer(Endpoint(words, key=here.endpoint_key), places=MANY)
        return
    folder = named(here.bases, first.removesuffix(CHAMPION))
    adapters = {} if folder is not None else {"": _adapter(here, first)}
    adapters |= dict(_of_scenario(here, one) for one in others)
    base = _base_of(here, adapters) if folder is None else open_base(folder)
    if first.endswith(CHAMPION) and (promoted := champions_of(here, base.digest)):
        adapters |= {"": served_adapter(here, promoted[0])}
    with _opened(here, base, adapters) as writer:
        yield writer


@contextmanager
def _opened(here: Settings, base: Base, adapters: Mapping[str, SignedAdapter]) -> Iterator[Writer]:
    with ExitStack() as stack:
        aside = Path(stack.enter_context(TemporaryDirectory()))
        gguf = gguf_to_serve(here, base, aside)
        laid = {one.label: _laid(one, base, gguf, aside) for one in adapters.values()}
        places = places_for(base, gguf)
        fresh = fresh_for(base, gguf)
        engine = stack.enter_context(closing(open_engine(base, gguf, laid, places + 2)))
        labels = {scenario: one.label for scenario, one in adapters.items()}
        yield Writer(engine, labels.pop("", ""), labels, places=places, fresh=fresh)


def _laid(one: SignedAdapter, base: Base, gguf: Path | None, aside: Path) -> Laid:
    """A copy of the checked bytes, in the form that the engine reads."""
    require_same_base(one.label, one.about.base, base.digest)
    if gguf is not None and GGUF not in one.files:
        raise BadInput(
            "it was promoted without the form that llama.cpp reads",
            where=one.label,
            remedy="promote a version of it again: finmodel promote writes both",
        )
    folder = aside / one.about.name / str(one.about.version)
    folder.mkdir(parents=True, exist_ok=True)
    one.write_to(folder)
    return Laid(folder / GGUF if gguf is not None else folder, one.about.base)


def _adapter(here: Settings, word: str) -> SignedAdapter:
    told = _ADAPTER.match(word)
    if told is None or not (here.adapters / told["name"]).is_dir():
        raise NotFound(
            f"{word!r} is no base on the shelf, and no adapter that was promoted",
            where="FINMODEL_WRITER",
            remedy="see finmodel base list and finmodel models; promote it: finmodel promote",
        )
    return served_adapter(here, told["name"], int(told["version"]) if told["version"] else None)


def _of_scenario(here: Settings, word: str) -> tuple[str, SignedAdapter]:
    scenario, _, name = word.partition("=")
    if scenario not in get_args(Scenario):
        raise BadInput(
            f"{scenario!r} is no scenario",
            where="FINMODEL_WRITER",
            remedy=f"behind a comma write SCENARIO=NAME; one of {', '.join(get_args(Scenario))}",
        )
    return scenario, _adapter(here, name)


def _base_of(here: Settings, adapters: Mapping[str, SignedAdapter]) -> Base:
    """The base on the shelf that the first adapter belongs to, with the bytes that it had."""
    from fine_tune.bases.base import open_base
    from fine_tune.bases.shelf import with_digest

    first = next(iter(adapters.values()))
    found = with_digest(here.bases, first.about.base)
    if found is None:
        raise NotFound(
            f"its base ({first.about.base[:12]}…) is not on the shelf",
            where=first.label,
            remedy="bring it: finmodel base get, or finmodel base add DIR",
        )
    base = open_base(Path(found.folder))
    require_same_base(first.label, first.about.base, base.digest)  # its files may be others since
    return base
