"""The shipped adapter as the champion of a demo's home: registered, gated, approved, signed.

A home comes in; where it has no champion of that name it has one afterwards, by the same road as an
adapter that was tuned there: what it was judged by is weighed by its recipe's gates, and the demo's
people alone vouch for it. Its base need not be here yet.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from finmodel.records import Person
from finmodel.settings import Settings
from serving.local_engine import gguf_form

MAKER: Final = Person("the project", frozenset({"engineer"}), demo=True)
APPROVER: Final = Person("demo validator", frozenset({"validator"}), demo=True)


def lay_shipped(here: Settings) -> None:
    """Make the shipped adapter the champion of its name, unless there is one.

    Killed at any moment it is begun again by the next call. Damaged where it is not what was
    shipped; Refused where it does not pass its gates.
    """
    from fine_tune.shipped_adapter import NAME
    from finmodel import adapters

    if (here.adapters / NAME / "champion.json").is_file():
        return
    version = _registered(here, NAME)
    adapters.promote(here, NAME, version, APPROVER, demo=True, forms=_for_llama_cpp)


def _registered(here: Settings, name: str) -> int:
    """A version of it in MLflow, with the verdict of its gates in the audit log."""
    from fine_tune.judging.gates import judge
    from fine_tune.recipe import load
    from fine_tune.shipped_adapter import RECIPE, unpack
    from finmodel import adapters, tracking
    from finmodel.signed_adapters import About, weights_digest

    with TemporaryDirectory() as aside:
        card = unpack(Path(aside))
        told = {"kind": adapters.KIND, "base": card.base, "commit": card.commit}
        with tracking.run(here, name, told) as tracked:
            tracked.log({"base": card.base_name}, card.figures)
            source = tracked.log_folder(Path(aside), adapters.KIND)
        weights = weights_digest(Path(aside))
    verdict = judge(load(RECIPE), card.figures)
    version = tracking.register(here, name, source, tracked.id, told)
    about = About(
        name=name,
        version=version,
        base=card.base,
        weights=weights,
        verdict=verdict,
        trained_by=MAKER.name,
        run_id=tracked.id,
        demo=True,
    )
    adapters.record_verdict(here, about, MAKER)
    return version


def _for_llama_cpp(adapter: Path) -> dict[str, bytes]:
    from serving.bases import hush_peft

    hush_peft()
    from fine_tune.shipped_adapter import KIND
    from fine_tune.training.export import write_gguf_over

    return gguf_form(partial(write_gguf_over, adapter, KIND, {}))
