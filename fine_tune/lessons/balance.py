"""What a reply weighs by how often its script is sent: goodbyes must not drown what is rare.

Lessons come in and go out with other weights, of the same mean. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from fine_tune.lessons.samples import Lesson, Reply


def balanced(lessons: Sequence[Lesson], power: float) -> list[Lesson]:
    """Each reply by (how often its script is sent) ^ -power, on average 1; 0 leaves all alike.

    A reply of no script keeps its weight: how often it is sent is not known.

    >>> said = [Reply(0, "再见", script=name) for name in ("bye", "bye", "bye", "bye", "rate")]
    >>> (lesson,) = balanced([Lesson("1", (), tuple(said))], 0.5)
    >>> [round(one.weight, 3) for one in lesson.replies]
    [0.833, 0.833, 0.833, 0.833, 1.667]
    """
    often = Counter(one.script for lesson in lessons for one in lesson.replies if one.script)
    parts = {script: count**-power for script, count in often.items()}
    total = sum(count * parts[script] for script, count in often.items())
    scale = often.total() / total if total else 1.0

    def weighed(one: Reply) -> Reply:
        part = scale * parts[one.script] if one.script else 1.0
        return msgspec.structs.replace(one, weight=one.weight * part)

    return [
        msgspec.structs.replace(lesson, replies=tuple(map(weighed, lesson.replies)))
        for lesson in lessons
    ]
