"""Learns to tell attacks from normal talk, and writes the weights that both guards ship.

Training families of attacks.yaml, those of guard_lessons, training phrasings, approved scripts
and general text come in; two npz files go out, the same for the same words on the same machine.
Families and scripts that are held out are never learnt. The threshold is the score that so few
texts of normal talk reach as `_FALSE` says, each scored by a model that did not learn its family,
and above what the model says of any held-out script.

python -m finmodel.lender.talk.guard_weights      write finmodel/assistant/guards' files again
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from finmodel.assistant.byte_weights import softmax
from finmodel.assistant.guards import classifier, outbound
from finmodel.assistant.guards.classifier import (
    INBOUND,
    NOTHING,
    OUTBOUND,
    ROWS,
    Classifier,
    features,
    write_classifier,
)
from finmodel.assistant.guards.normal import normalise
from finmodel.assistant.scripts import load_scripts
from finmodel.lender.talk.attacks import Side, attacks, harmless, lookalikes, taught
from finmodel.lender.talk.disguises import disguised
from finmodel.lender.talk.further import further_families
from finmodel.lender.talk.general import general_text
from finmodel.lender.talk.held_out import held_out
from finmodel.lender.talk.people import PERSONAL, detail
from finmodel.lender.talk.phrasings import Family, families, grammar
from finmodel.lender.talk.softmax_fit import fit_softmax, sparse

SEED: Final = 8
EACH: Final = {"inbound": 96, "outbound": 144}
EPOCHS: Final = 4
SHORTEST: Final = {"inbound": classifier.SHORTEST, "outbound": outbound.SHORTEST}
FOLDS: Final = 3
_FALSE: Final = {"inbound": 0.03, "outbound": 0.005}
"""What share of normal talk may be told: of messages, of which half are written to look like what
is told, to an agent who answers anyway; or of replies."""
_GENERAL: Final = {"inbound": 240_000, "outbound": 120_000}
"""Bytes of general text."""
_LESS: Final = 12
"""A further family is said so many times less often than a category's attacks."""
_SAID: Final = {"inbound": 12, "outbound": 6}
"""How often each family of normal talk is said."""
_SCRIPTS: Final = 3
"""How often each script is said, whole and by sentences."""
_GREETINGS: Final = (
    *("您好", "您好！", "你好", "好的", "好的，请稍等", "嗯嗯", "在吗", "谢谢", "谢谢您", "不客气"),
    *("请问", "没有了", "再见", "可以", "是的", "对"),
)
SAME: Final = {
    "stop_calls": "collection_abuse",
    "complaint_service": "complaint",
    "complaint_progress": "complaint",
    "complaint_collection": "collection_abuse",
    "complaint_privacy": "privacy_complaint",
    "complaint_fee": "debt_dispute",
    "dispute_debt": "debt_dispute",
    "duplicate_payment": "debt_dispute",
    "regulator_complaint": "regulator",
    "hardship": "hardship",
    "repayment_plan": "hardship",
    "third_party": "other_person",
    "not_me": "not_my_loan",
    "agent_company": "agent_company",
    "self_harm": "self_harm",
    "human_service": "human",
    "fraud_suspicion": "fraud_victim",
}
"""Intents of phrasings that call for the same as a category of attacks."""
UNCLEAR: Final = frozenset(
    {
        *("refund_request", "legal_worry", "account_cancel", "small_talk"),
        *("marketing_optout", "clarify", "change_due_date"),
    }
)
"""Intents whose phrasings are of no one category: nothing is learnt of them."""


class Text(Struct, frozen=True):
    """A normalised text, what it is, and the family that it came from."""

    text: str
    category: str
    family: str


def texts(side: Side, each: int, seed: int) -> list[Text]:
    """Attacks of the training families, and normal talk."""
    return [*_attacks(side, each, seed), *_normal(side, seed)]


def _attacks(side: Side, each: int, seed: int) -> Iterator[Text]:
    for one in attacks(side, "train", each, seed):
        if one.category != "number":  # a figure is held against facts
            yield Text(normalise("".join(one.turns)).text, one.category, one.family)
    for one in taught(side, each // _LESS, seed):
        yield Text(normalise("".join(one.turns)).text, one.category, one.family)


def _normal(side: Side, seed: int) -> Iterator[Text]:
    chance = Random(f"normal {side} {seed}")
    for text in _GREETINGS:
        yield Text(text, NOTHING, f"greeting {text}")
    for text in lookalikes(side, 4 * _SAID[side], seed):
        yield Text(normalise(text).text, NOTHING, f"lookalike {text[:4]}")
    for text, family in harmless(side, _SAID[side], seed):
        yield Text(normalise(text).text, NOTHING, family)
    if side == "inbound":
        yield from _asked(chance)
    else:
        yield from (one for one in _scripts(chance) if one.family not in held_out())
    for number, text in enumerate(general_text(_GENERAL[side], seed)):
        for sentence in (*text.split("。"), text[:4]):
            yield Text(normalise(sentence[:80]).text, NOTHING, f"general {number % 50}")


def _scripts(chance: Random) -> Iterator[Text]:
    for script in load_scripts().values():
        for text in _SCRIPTS * (script.text, *script.text.rstrip("。").split("。")):
            yield from _loosely(text, NOTHING, script.id, chance)


def _asked(chance: Random) -> Iterator[Text]:
    every = [*_trained(), *further_families().items()]
    for intent, some in every:
        if intent not in UNCLEAR:
            for family in some:
                for _ in range(_SAID["inbound"]):
                    text = grammar().say(family.template, chance, lambda name: _value(name, chance))
                    yield from _loosely(text, SAME.get(intent, NOTHING), family.id, chance)


def _trained() -> Iterator[tuple[str, Sequence[Family]]]:
    return ((intent, some) for (intent, part), some in families().items() if part == "train")


def _loosely(text: str, category: str, family: str, chance: Random) -> Iterator[Text]:
    """As written, and now and then as people hide or mistype it: a disguise alone is no attack."""
    way = "homophone" if chance.random() < 0.3 else "polite" if chance.random() < 0.3 else "plain"
    yield Text(normalise("".join(disguised(text, way, chance))).text, category, family)


def _value(name: str, chance: Random) -> str:
    return detail(name, chance) if name in PERSONAL else f"{100 + int(chance.random() * 9_000)}元"


def fit(given: Sequence[Text], seed: int) -> Classifier:
    """Softmax regression over all texts."""
    return _fitted(_table(given), _categories(given), _wanted(given), seed)


def scores(model: Classifier, given: Sequence[Text]) -> NDArray[np.float32]:
    """How likely each text is something."""
    return _scored(model, _table(given))


def chosen(given: Sequence[Text], side: Side, seed: int) -> tuple[float, dict[str, float]]:
    """The threshold, and what share of families that were not learnt it tells.

    It is that of texts which are judged: of so many characters.
    """
    folds = np.array([zlib.crc32(one.family.encode()) % FOLDS for one in given])
    table, wanted, names = _table(given), _wanted(given), _categories(given)
    score = np.zeros(len(given), np.float32)
    for fold in range(FOLDS):
        model = _fitted(table[folds != fold], names, wanted[folds != fold], seed)
        score[folds == fold] = _scored(model, table[folds == fold])
    judged = np.array([len(one.text) >= SHORTEST[side] for one in given])
    threshold = float(np.quantile(score[(wanted == 0) & judged], 1.0 - _FALSE[side]))
    told = {
        "threshold": threshold,
        "recall_of_unseen_families": float(np.mean(score[wanted > 0] > threshold)),
    }
    return threshold, told


def _fitted(
    table: csr_matrix, names: tuple[str, ...], wanted: NDArray[np.int64], seed: int
) -> Classifier:
    weights, bias = fit_softmax(table, wanted, len(names), EPOCHS, seed)
    return Classifier(names, weights, bias, threshold=1.0)


def _scored(model: Classifier, table: csr_matrix) -> NDArray[np.float32]:
    found: NDArray[np.float32] = 1.0 - softmax(table @ model.weights + model.bias)[:, 0]
    return found


def _categories(given: Sequence[Text]) -> tuple[str, ...]:
    return (NOTHING, *sorted({one.category for one in given} - {NOTHING}))


def _wanted(given: Sequence[Text]) -> NDArray[np.int64]:
    names = {name: at for at, name in enumerate(_categories(given))}
    return np.array([names[one.category] for one in given])


def _of_unseen_scripts(model: Classifier) -> float:
    """The most that a model says of a script that it did not learn, whole or by sentences."""
    said = (one for one in load_scripts().values() if one.id in held_out())
    plain = (text for one in said for text in (one.text, *one.text.rstrip("。").split("。")))
    given = [Text(normalise(text).text, NOTHING, "") for text in plain]
    return float(scores(model, given).max())


def _table(given: Sequence[Text]) -> csr_matrix:
    rows = [features(one.text) for one in given]
    values = [np.full(len(one), max(len(one), 1) ** -0.5, np.float32) for one in rows]
    return sparse(rows, values, ROWS)


def main() -> None:
    """Learn, choose, write, and say on standard output what unseen families gave."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--into", type=Path, default=INBOUND.parent)
    told = words.parse_args()
    sides: tuple[tuple[Side, Path], ...] = (("inbound", INBOUND), ("outbound", OUTBOUND))
    for side, path in sides:
        given = texts(side, EACH[side], SEED)
        threshold, figures = chosen(given, side, SEED)
        model = fit(given, SEED)
        if side == "outbound":
            figures["unseen_scripts"] = _of_unseen_scripts(model)
            threshold = max(threshold, 1.01 * figures["unseen_scripts"])
        write_classifier(told.into / path.name, dataclasses.replace(model, threshold=threshold))
        json.dump({"side": side, **figures, "texts": len(given)}, sys.stdout)
        sys.stdout.write("\n")


if __name__ == "__main__":
    main()
