"""The end of a challenge: the alias `challenger` names nobody, until another version takes it.

A model, a validator and a reason come in; an audit entry and a signed pointer to no version go out,
which a running service follows. The champion has no such end: who decides is replaced, never gone.
"""

from __future__ import annotations

from finmodel import tracking
from finmodel.acts import act_tag, require_reason
from finmodel.errors import NotReady, Refused
from finmodel.moves import Move, move_pointer
from finmodel.pointers import WITHDRAWN, Pointer, last_pointer
from finmodel.records import Person
from finmodel.registry import MOVES, one_at_a_time, require_may
from finmodel.settings import Settings

ALIAS = "challenger"


def withdraw(
    settings: Settings, name: str, person: Person, reason: str, *, demo: bool = False
) -> tuple[int, Pointer]:
    """Take the challenger out; its version, and the pointer that names nobody now.

    Refused where there is none. Asked again after MLflow did not answer, it ends what was begun.
    """
    require_may(person, demo)
    require_reason(reason, f"withdraw {name}")
    with one_at_a_time(settings, name):
        now = last_pointer(settings.exports, name, settings.signing, ALIAS)
        if now is None or (now.withdrawn and tracking.alias(settings, name, ALIAS) is None):
            raise Refused("it has no challenger", where=name, remedy="see `finmodel models`")
        if not now.withdrawn:
            move = Move("withdrawal", MOVES, person, demo, reason)
            place = (name, ALIAS)
            now = move_pointer(settings, settings.exports, place, WITHDRAWN, move, now)
    version = now.previous[-1]
    try:
        tracking.drop_alias(settings, name, ALIAS)
        tracking.tag(settings, name, version, act_tag("withdrawal", now.audit_entry))
    except NotReady as error:
        raise NotReady(
            f"version {version} is withdrawn, but MLflow's alias could not follow",
            where=f"{name}@{ALIAS}",
            remedy=f"run `finmodel withdraw {name}` again when MLflow answers",
        ) from error
    return version, now
