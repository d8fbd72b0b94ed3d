"""What reads customers' messages: the shipped classifier, or that as this home calibrated it.

Settings come in, a classifier goes out; a calibration is kept and read here, signed. Who made it
and out of what is not known here.
"""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from finmodel.assistant.guards.calibration import Calibration, calibrated
from finmodel.assistant.guards.classifier import INBOUND, Classifier, load_classifier
from finmodel.errors import FinmodelError
from finmodel.hashes import sha256_of
from finmodel.sealed import Seal, read_sealed, write_sealed
from finmodel.settings import Settings
from finmodel.signing import ensure_key

log = logging.getLogger("bentoml.finmodel")
_SEAL: Final = Seal(
    "calibration",
    "guards",
    "calibration",
    "run finmodel guards calibrate again, or with --as-shipped",
)


def inbound_guard(here: Settings) -> Classifier:
    """The inbound classifier of a home; Damaged where its calibration cannot be taken."""
    model = load_classifier(INBOUND)
    plain = read_sealed(here.guard_calibration, _SEAL, here.signing)
    if plain is None:
        return model
    try:
        given = msgspec.json.decode(plain, type=Calibration)
    except msgspec.MsgspecError as error:
        raise _SEAL.damaged(here.guard_calibration, "it is no calibration") from error
    return calibrated(model, sha256_of(INBOUND), given)


def inbound_guard_or_shipped(here: Settings) -> Classifier:
    """The same for a service: one that does not hold is told in its log, and the shipped stays."""
    try:
        return inbound_guard(here)
    except (FinmodelError, OSError) as error:
        log.error("the inbound guard is as shipped: %s", error)
        return load_classifier(INBOUND)


def keep_calibration(here: Settings, found: Calibration) -> None:
    """Sign it, in place of the one before."""
    ensure_key(here.signing)
    write_sealed(here.guard_calibration, _SEAL, msgspec.json.encode(found), here.signing)
