"""A verdict as an event for the log: counts in the open, masked words sealed.

A verdict, what was shown and its conversation come in; bytes go out that wait in the outbox with
it. The words that were sent are masked as the whole conversation is, then sealed under the
customer's key. Where the log lies is not known here.
"""

from __future__ import annotations

from finmodel.assistant.suggesting.answers import Suggestion, Trace
from finmodel.behaviours import SuggestionJudged
from finmodel.conversations import Conversation
from finmodel.events import encode
from finmodel.judged_events import JudgedWords, log_number, sealed_words
from finmodel.privacy.masks import Masks
from finmodel.suggestion_book import Judged
from serving.assisting.desk import AssistDesk


def event_of(
    judged: Judged,
    offered: Suggestion,
    place: int,
    trace: Trace,
    one: Conversation,
    desk: AssistDesk,
) -> bytes:
    """The verdict on what was offered; NotFound where the customer was erased."""
    verdict, choice = judged.verdict, judged.verdict.verdict
    masks = Masks.of([*(said.text for said in one.messages), verdict.preferred, verdict.reason])
    words = JudgedWords(
        text=masks.mask(verdict.preferred),
        reason=masks.mask(verdict.reason),
        intent=_intent(trace, desk),
        script=offered.script,
    )
    apart = 1.0 if verdict.distance is None else verdict.distance  # nothing was sent
    return encode(
        SuggestionJudged(
            event_id=f"verdict-{verdict.id}",
            customer_id=log_number(one.customer, desk.verdict_log.vault),
            occurred_at=verdict.at,
            known_at=verdict.at,
            conversation_id=one.id,
            suggestion_id=verdict.id,
            rank=0 if choice == "rejected" else place,
            verdict=choice,
            written_by="engine" if offered.kind == "generated" else "script",
            adapter=verdict.adapter,
            scenario=one.scenario,
            distance_bp=round(apart * 10_000),
            characters=judged.characters,
            characters_saved=round(judged.saved * judged.characters),
            sealed=sealed_words(words, desk.conversations.key_of(one.id)),
        )
    )


def _intent(trace: Trace, desk: AssistDesk) -> str:
    """What the customer's words were read as: the intent of the likeliest script."""
    first = trace.scripts[0].id if trace.scripts else ""
    return desk.scripts[first].intent if first in desk.scripts else ""
