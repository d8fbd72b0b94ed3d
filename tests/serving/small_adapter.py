"""A home whose shelf has a small base, and adapters of it that were promoted and signed."""

from pathlib import Path

import msgspec

from fine_tune.bases.shelf import shelve
from finmodel.hashed_file import hashed
from finmodel.manifest import Check, Verdict
from finmodel.pointers import Pointer, export_folder, set_champion
from finmodel.settings import Settings
from finmodel.signed_adapters import ABOUT, GGUF, WEIGHTS, About, weights_digest
from finmodel.signed_folders import write_signed
from finmodel.signing import ensure_key
from tests.finmodel.assistant.engines.small_engines import Small, small

NOW = "2026-06-03T10:00:00+08:00"


def shelved(folder: Path) -> tuple[Settings, Small]:
    """Settings of a home with the base on its shelf, and the base."""
    made = small(folder, context=1_024)
    settings = Settings(home=folder / "home", data=folder)
    settings.make_home()
    shelve(settings.bases, "small", made.base.folder, hashed(made.gguf))
    return settings, made


def promoted(settings: Settings, made: Small, name: str, version: int = 1, *, gguf=True) -> Path:
    """A signed version that is champion; its folder."""
    ensure_key(settings.signing)
    files = {one: (made.peft.path / one).read_bytes() for one in WEIGHTS}
    passed = Verdict(True, (Check("general rise", 0.01, "≤ 0.05", True),), "held-out")
    weights = weights_digest(made.peft.path)
    about = About(name, version, made.base.digest, weights, passed, "eva", "run", approved_by="val")
    files |= {ABOUT: msgspec.json.encode(about)}
    files |= {GGUF: made.laid.path.read_bytes()} if gguf else {}
    folder = export_folder(settings.adapters, name, version)
    write_signed(folder, files, settings.signing)
    move = Pointer(name, "champion", version, version, (), "val", NOW, False, "it passed", "e")
    set_champion(settings.adapters, move, settings.signing)
    return folder
