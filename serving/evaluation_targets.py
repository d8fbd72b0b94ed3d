"""What `finmodel evaluate` compares: a base, an adapter's version or a server, by a person's words.

Words come in, targets go out, each with the base that it stands on, or a sentence that says what is
known. Opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from finmodel import adapters, registry, tracking
from finmodel.assistant.engines.engine import require_same_base
from finmodel.errors import BadInput, NotFound
from finmodel.settings import Settings
from serving.bases import base_folder

if TYPE_CHECKING:  # it imports tokenizers, which takes a second
    from fine_tune.bases.base import Base

_ADAPTER: Final = re.compile(r"^(?P<name>\w[\w.-]*)(?:/(?P<version>\d+)|@(?P<alias>\w+))?$")


@dataclass(frozen=True, slots=True)
class Target:
    """One column."""

    label: str
    kind: str
    """base, adapter or endpoint."""
    base: Base | None = None
    gguf: Path | None = None
    """The same base for llama.cpp, where the shelf has it."""
    run: str = ""
    """The run that keeps the adapter's files."""
    url: str = ""
    champion: bool = False


def targets_of(here: Settings, words: Sequence[str], told: str) -> list[Target]:
    """A target for each word; behind an adapter its champion, unless that is asked for anyhow.

    `told` is a base's name or directory: for adapters whose base is not on the shelf, and for the
    tokens of endpoints.
    """
    found: dict[str, Target] = {}
    for word in words:
        for one in _targets(here, word, told):
            found.setdefault(one.label, one)
    return list(found.values())


def _targets(here: Settings, word: str, told: str) -> list[Target]:
    from fine_tune.bases.base import open_base
    from fine_tune.bases.shelf import gguf_with, named

    if "://" in word:
        base = open_base(base_folder(told, Path(), here.bases)) if told else None
        return [Target(word, "endpoint", base, url=word)]
    if (folder := named(here.bases, word)) is not None:
        base = open_base(folder)
        return [Target(word, "base", base, gguf_with(here.bases, base.digest))]
    told_as = _ADAPTER.match(word)
    if told_as is None or not tracking.versions(here, told_as["name"]):
        raise NotFound(
            f"{word!r} is no base on the shelf, no directory and no adapter",
            where="evaluate",
            remedy="see finmodel base list and finmodel models, or give an endpoint's URL",
        )
    return _adapters(here, told_as, told)


def _adapters(here: Settings, told_as: re.Match[str], told: str) -> list[Target]:
    name = told_as["name"]
    champion = registry.pointer_of(here, name, "champion")
    if told_as["alias"]:
        pointer = registry.pointer_of(here, name, told_as["alias"])
        if pointer is None:
            raise NotFound(
                f"no {told_as['alias']} was promoted", where=name, remedy="see finmodel models"
            )
        wanted = [pointer.version]
    else:
        version = int(told_as["version"]) if told_as["version"] else None
        wanted = [tracking.version_of(here, name, version).version]
    if champion is not None and champion.version not in wanted:
        wanted.append(champion.version)
    return [
        _adapter(here, name, version, told, champion is not None and champion.version == version)
        for version in wanted
    ]


def _adapter(here: Settings, name: str, version: int, told: str, champion: bool) -> Target:
    from fine_tune.bases.shelf import gguf_with

    found = tracking.version_of(here, name, version)
    label = f"{name}/{version}"
    if found.tags.get("kind") != adapters.KIND:
        raise BadInput("it is no adapter", where=label, remedy="name one that finmodel tune made")
    base = adapters_base(here, told, found.tags["base"])
    gguf = gguf_with(here.bases, base.digest)
    return Target(label, "adapter", base, gguf, found.run_id, champion=champion)


def adapters_base(here: Settings, told: str, digest: str) -> Base:
    """The very base that an adapter was tuned on: the one that is told, or of the shelf."""
    from fine_tune.bases.base import open_base
    from fine_tune.bases.shelf import with_digest

    if told:
        base = open_base(base_folder(told, Path(), here.bases))
        require_same_base(told, digest, base.digest)
        return base
    if (one := with_digest(here.bases, digest)) is not None:
        base = open_base(Path(one.folder))
        require_same_base(one.name, digest, base.digest)  # its files may have changed since
        return base
    raise NotFound(
        f"its base ({digest[:12]}…) is not on the shelf",
        where="--base",
        remedy="name its directory, or: finmodel base add DIR",
    )
