"""What is served and what is registered: champions, the policy, scripts, aliases of MLflow.

Settings come in, findings go out. A champion is opened exactly as the service opens it; nothing is
promoted, put aside or moved.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from finmodel.errors import FinmodelError
from finmodel.settings import Settings
from serving.doctor.finding import Finding, warned, well, wrong


def champions(settings: Settings) -> list[Finding]:
    """Whether each model that an alias serves is whole, signed by this key and not retired."""
    from finmodel.export import load_champion
    from finmodel.retired import require_not_retired

    def version(name: str, alias: str) -> int:
        manifest = load_champion(settings.exports, name, settings.signing, alias).manifest
        require_not_retired(settings.exports, name, manifest.version, settings.signing)
        return manifest.version

    found = _each(settings, settings.exports, ("model", version))
    if (settings.model, "champion") not in _pointed(settings.exports):
        says = "no version of it is champion: applications are decided by a policy alone, or not"
        promote = f"finmodel promote {settings.model}"
        found.append(warned(f"model {settings.model}", says, promote))
    return found


def adapters(settings: Settings) -> list[Finding]:
    """The same for adapters, which lie over a base."""
    from finmodel.signed_adapters import served_adapter

    def version(name: str, _alias: str) -> int:
        return served_adapter(settings, name).about.version

    return _each(settings, settings.adapters, ("adapter", version))


def policy(settings: Settings) -> list[Finding]:
    """Whether the policy that decides can be read, fits the champion, and is switched on."""
    from finmodel.export import load_champion
    from risk.policy.versions import read_active
    from serving.in_force import POLICY, policy_now, require_none_approved

    at, show = f"policy {POLICY}", f"finmodel policy show {POLICY}"
    if read_active(settings.policies, POLICY, settings.signing) is None:
        require_none_approved(settings.policies, POLICY)
        return [well(at, "none was ever approved: the model's own cut-offs decide")]
    if (settings.model, "champion") not in _pointed(settings.exports):
        return [well(at, "it waits for a champion")]
    manifest = load_champion(settings.exports, settings.model, settings.signing).manifest
    views = [str(view["name"]) for view in manifest.plan.get("views", ())]
    force = policy_now(settings, manifest, views)
    if force is None:
        return [warned(at, f"it is for another model than {settings.model}", show)]
    if force.off:
        says = f"switched off: {', '.join(force.off)}; people decide in its place"
        return [warned(at, says, show)]
    return [well(at, f"version {force.about.version} decides, and fits the champion")]


def scripts(settings: Settings) -> list[Finding]:
    """Whether the lender's scripts and facts are as they were published, and may still be said."""
    from finmodel.editing.published import load_ours, readable, sayable

    ours = load_ours(settings)
    if not ours.version:
        return [well("scripts", "as shipped: none of our own was ever published")]
    left_out = sayable(ours)[1] + readable(ours)[1]
    at = f"scripts {settings.scripts}"
    found = [warned(at, f"not said any more: {why}", "finmodel scripts list") for why in left_out]
    whole = f"version {ours.version} is whole, and signed by this key"
    return [*found, well(at, f"{whole}: {len(ours.every)} of our own")]


def guard(settings: Settings) -> list[Finding]:
    """Whether what this home made of the inbound guard is signed, and for these weights."""
    from serving.inbound_guard import inbound_guard

    inbound_guard(settings)
    kept = settings.guard_calibration
    if not kept.exists():
        return [well("guards", "as shipped: finmodel guards calibrate was never run here")]
    return [well(f"guards {kept}", "the inbound guard is calibrated, for this release")]


def aliases(settings: Settings) -> list[Finding]:
    """Whether MLflow answers, and its aliases name what is served."""
    from finmodel.mlflow_file import aliases_in, database_of
    from finmodel.registry import alias_drift, drift_from

    path = database_of(settings)
    if path is None and not settings.home.is_dir():
        return [well("MLflow", "not asked: whoever asks it makes a home")]
    if path is None:
        at, drifts = "MLflow", alias_drift(settings)
    elif path.exists():
        at, drifts = f"MLflow {path}", drift_from(settings, aliases_in(path))
    elif _pointed(settings.exports):
        says = "it is gone: what is served goes on, runs and versions are lost"
        return [wrong(f"MLflow {path}", says, f"cp BACKUP/mlflow.db {path}")]
    else:
        return [well(f"MLflow {path}", "nothing was ever registered")]
    found = [
        warned(
            at,
            f"{one.name}@{one.alias} was moved outside the gate: MLflow says "
            f"{one.mlflow or 'none'}, served is {one.served or 'none'}",
            f"finmodel promote {one.name} --version {one.served or 'N'} --to {one.alias}",
        )
        for one in drifts
    ]
    return found or [well(at, "its aliases name what is served")]


def _each(
    settings: Settings, folder: Path, kind: tuple[str, Callable[[str, str], int]]
) -> list[Finding]:
    """Every alias that names somebody, with the version that opens; one that does not ends none."""
    from finmodel.pointers import find_pointer

    called, version = kind
    found = []
    for name, alias in _pointed(folder):
        at = f"{called} {name}@{alias}"
        try:
            if find_pointer(folder, name, settings.signing, alias) is not None:
                said = f"version {version(name, alias)} is whole, and signed by this key"
                found.append(well(at, said))
        except FinmodelError as error:
            again = f"finmodel promote {name} --version N --to {alias}"
            found.append(wrong(at, str(error), again))
    return found


def _pointed(folder: Path) -> list[tuple[str, str]]:
    """Names and aliases that were ever pointed to somebody."""
    paths = [*folder.glob("*/champion.json"), *folder.glob("*/challenger.json")]
    return sorted((path.parent.name, path.stem) for path in paths)
