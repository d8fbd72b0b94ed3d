"""`finmodel export`: a registered adapter as files, for other engines.

Words from a shell in, a file or a directory out, whole or not at all, and an entry in the audit
log: what an adapter learnt of customers leaves the home with it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from finmodel import tracking
from finmodel.durable import made_aside, require_writable
from finmodel.errors import BadInput
from serving.bases import hush_peft
from serving.evaluation_targets import adapters_base
from serving.operators import Json, settings
from serving.screen import emit

if TYPE_CHECKING:  # it imports tokenizers, which takes a second
    from fine_tune.bases.base import Base
    from finmodel.settings import Settings

FORMS: Final = ("peft", "gguf", "merged")
_WITHOUT: Final = (
    "merging holds the whole base in float32: merge on a machine with more memory, or export the "
    "adapter alone, as peft or gguf"
)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    name: str
    version: int
    form: str
    path: str
    base: str
    """Digest of the base that it belongs to."""


def export(
    adapter: Annotated[str, typer.Argument(help="The adapter's name, such as service_scripts.")],
    to: Annotated[Path, typer.Option(help="What to write: a directory, or FILE.gguf.")],
    form: Annotated[
        str, typer.Option("--as", help="peft, gguf (for llama.cpp) or merged (base and adapter).")
    ] = "peft",
    version: Annotated[int | None, typer.Option(help="Which version; the newest if none.")] = None,
    base: Annotated[
        str, typer.Option(help="The base's directory or name, if it is not on the shelf.")
    ] = "",
    json: Json = False,
) -> None:
    """Write a registered adapter as PEFT has it, as a GGUF for llama.cpp, or inside its base.

    Whoever may read the home may export: no key is asked for, and the audit log says what was.
    """
    if form not in FORMS:
        raise BadInput(
            f"{form!r} is no form", where="--as", remedy=f"write one of: {', '.join(FORMS)}"
        )
    if to.exists():
        raise BadInput("it is there already", where=str(to), remedy="name another, or remove it")
    require_writable(to)
    hush_peft()
    emit(_export(settings(), adapter, version, form, (to, base)), json)


def _export(
    here: Settings, name: str, version: int | None, form: str, where: tuple[Path, str]
) -> Exported:
    from finmodel.adapters import KIND as ADAPTER

    to, told = where
    found = tracking.version_of(here, name, version)
    if found.tags.get("kind") != ADAPTER:
        raise BadInput(
            "it is no adapter",
            where=f"{name} version {found.version}",
            remedy="name one that finmodel tune made: finmodel models",
        )
    digest = found.tags["base"]
    base = None if form == "peft" else adapters_base(here, told, digest)
    with tracking.brought(here, found.run_id, ADAPTER) as folder:
        _record(here, (name, found.version), form, folder)
        _write(form, folder, base, to)
    return Exported(name, found.version, form, str(to), digest)


def _write(form: str, adapter: Path, base: Base | None, to: Path) -> None:
    from fine_tune.planning.out_of_memory import memory_told
    from fine_tune.training.export import write_gguf, write_merged

    if base is None:
        with made_aside(to) as aside:
            shutil.copytree(adapter, aside)
    elif form == "gguf":
        write_gguf(adapter, base, to)
    else:
        with memory_told("merging", str(base.folder), lambda: _WITHOUT):
            write_merged(adapter, base, to)


def _record(here: Settings, which: tuple[str, int], form: str, adapter: Path) -> None:
    """Into the audit log, before a byte is written: weights never leave without a word there."""
    from finmodel.acts import audited
    from finmodel.signed_adapters import weights_digest
    from serving.access import People

    who = People(here.people).find(here.key) if here.key else None
    name, version = which
    facts = {"name": name, "version": version, "form": form, "by": who.name if who else ""}
    audited(here, "adapter_export", facts | {"weights": weights_digest(adapter)})
