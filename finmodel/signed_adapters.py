"""Adapters as serving finds them: signed folders, verified before anything of them is opened.

    adapters/<name>/<version>/{adapter_model.safetensors, adapter_config.json, adapter.json,
                               adapter.gguf where llama.cpp can read it, SIGNATURE.json}
    adapters/<name>/champion.json     which version is served, signed, replaced by one rename

A name comes in, verified bytes go out with what they say of themselves. Knows no MLflow and no
torch: what was registered and what lies here are compared elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from finmodel.durable import write_file
from finmodel.errors import BadInput, FinmodelError
from finmodel.hashes import digest_of
from finmodel.manifest import Verdict
from finmodel.pointers import export_folder, read_champion
from finmodel.retired import require_not_retired
from finmodel.settings import Settings
from finmodel.signing import verify_folder

WEIGHTS: Final = ("adapter_model.safetensors", "adapter_config.json")
"""As PEFT keeps it."""
GGUF: Final = "adapter.gguf"
"""The same for llama.cpp, made when it was promoted."""
ABOUT: Final = "adapter.json"
_log = logging.getLogger(__name__)
_ALLOWED: Final = frozenset((*WEIGHTS, GGUF, ABOUT))


class About(msgspec.Struct, frozen=True):
    """What a signed adapter says of itself."""

    name: str
    version: int
    base: str
    """Digest of the base that it belongs to."""
    weights: str
    """Digest of its files."""
    verdict: Verdict
    trained_by: str
    run_id: str
    demo: bool = False
    approved_by: str = ""
    created_at: str = ""
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class SignedAdapter:
    """A promoted version, verified."""

    about: About
    files: Mapping[str, bytes] = field(repr=False)
    """The bytes that were checked, by name."""

    @property
    def label(self) -> str:
        """As traces and tables call it."""
        return f"{self.about.name}/{self.about.version}"

    def write_to(self, folder: Path) -> Path:
        """Lay the checked bytes into a folder of one's own: no engine reads what may change."""
        for name, data in self.files.items():
            write_file(folder / name, data, sync=False)
        return folder


def weights_digest(folder: Path) -> str:
    """SHA-256 over an adapter's files as PEFT keeps them."""
    return digest_of(folder / name for name in WEIGHTS)


def load_adapter(settings: Settings, name: str, version: int) -> SignedAdapter:
    """A promoted version; Damaged where it was changed, BadInput where it never was promoted."""
    folder = export_folder(settings.adapters, name, version)
    if not folder.is_dir():
        raise BadInput(
            "it was never promoted", where=f"{name} version {version}", remedy="promote it"
        )
    files = verify_folder(folder, settings.signing, _ALLOWED)
    return SignedAdapter(msgspec.json.decode(files[ABOUT], type=About), files)


def served_adapter(settings: Settings, name: str, version: int | None = None) -> SignedAdapter:
    """The champion of a name, or a version of it that was promoted and not retired since."""
    if version is None:
        version = read_champion(settings.adapters, name, settings.signing).version
    require_not_retired(settings.exports, name, version, settings.signing)
    return load_adapter(settings, name, version)


def champions_of(settings: Settings, base: str) -> list[str]:
    """Names whose champion belongs to this base, by its digest.

    One that was changed, withdrawn or retired is left out, and named in the log: others are served.
    """
    pointed = sorted(path.parent.name for path in settings.adapters.glob("*/champion.json"))
    return [one for one in pointed if _base_of(settings, one) == base]


def _base_of(settings: Settings, name: str) -> str | None:
    """The base of a name's champion; None where it may not be served."""
    try:
        return served_adapter(settings, name).about.base
    except FinmodelError as error:
        _log.warning("the champion of %s is not served: %s", name, error.code)
        return None
