"""The model document kept with its version in MLflow, made again after each step of its life.

A name and a version come in; `document-<version>.html` and `.md` lie beside the version's run, and
what monitoring last said, if it was asked. It is not asked here: that takes half a minute.
"""

from __future__ import annotations

import msgspec

from finmodel import tracking
from finmodel.errors import NotReady
from finmodel.settings import Settings
from risk.document.facts import Facts, fetch_facts, light_file
from risk.document.stages import document_of, title_of
from risk.document.text import html, markdown
from risk.report.record import Report


def document_file(version: int, ending: str) -> str:
    """The name that a version's document is kept under.

    >>> document_file(3, ".md")
    'document-3.md'
    """
    return f"document-{version}{ending}"


def keep_document(settings: Settings, name: str, version: int) -> None:
    """Make the document of a version anew and keep it; NotReady says that the step itself stands.

    A version without a run has nowhere to keep it, and none is kept.
    """
    try:
        facts = fetch_facts(settings, name, version)
        keep_made(settings, facts, document_of(facts))
    except NotReady as error:
        raise NotReady(
            f"the step is done, but its model document could not be kept ({error.what})",
            where=f"{name} version {version}",
            remedy=f"run `finmodel document {name} --version {version}` later",
        ) from error


def keep_made(settings: Settings, facts: Facts, document: Report) -> bool:
    """Keep a document that was made; whether there was a run to keep it beside."""
    if not facts.run_id:
        return False
    title = title_of(facts)
    if facts.light is not None:
        told = msgspec.json.encode(facts.light).decode()
        tracking.keep(settings, facts.run_id, light_file(facts.version), told)
    for ending, text in ((".html", html(document, title)), (".md", markdown(document, title))):
        tracking.keep(settings, facts.run_id, document_file(facts.version, ending), text)
    return True
