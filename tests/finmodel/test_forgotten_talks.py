"""A forgotten customer's words are gone; what is counted of agents stays, of nobody."""

from contextlib import closing
from datetime import timedelta

import pytest

from finmodel.contact_book import ContactBook
from finmodel.conversation_book import ConversationBook
from finmodel.errors import NotFound
from finmodel.finding_book import FindingBook, Sought
from finmodel.forgotten_talks import ForgottenTalks
from finmodel.vault import Vault
from tests.finmodel.test_finding_book import START, bring, said


@pytest.fixture
def home(tmp_path):
    with (
        closing(Vault(tmp_path / "vault" / "keys.db")) as vault,
        closing(ConversationBook(tmp_path / "talks" / "book.db", vault)) as talks,
    ):
        yield talks, FindingBook(talks, vault), vault, tmp_path / "talks"


def test_counts_stay_and_nobody_can_tell_of_whom(home):
    talks, findings, vault, folder = home
    for name in ("c-first", "c-other"):
        bring((talks, findings, vault), said(1), said(2), name=name)
    contacts = ContactBook(talks, vault)
    contacts.count(lambda *_: "repayment")
    span = START, START + timedelta(days=1)
    before = findings.share(*span), len(contacts.made(*span)), len(findings.find(Sought(), 9))
    with closing(ForgottenTalks(folder / "book.db", vault)) as forgotten:
        assert forgotten.held("of c-first") == 1
        last = forgotten.last("of c-first")
        assert last is not None
        assert START < last < START + timedelta(hours=1)
        assert (forgotten.forget("of c-first"), forgotten.forget("of c-first")) == (1, 0)
        assert (forgotten.held("of c-first"), forgotten.held("of c-other")) == (0, 1)
    assert (
        findings.share(*span),
        len(contacts.made(*span)),
        len(findings.find(Sought(), 9)),
    ) == before
    with pytest.raises(NotFound):
        talks.read("c-first")
    assert [one.id for one in talks.of("li")] == ["c-other"]
    assert all(b"c-first" not in one.read_bytes() for one in folder.iterdir())
    assert bring((talks, findings, vault), said(3), name="c-first").new == 1


def test_a_file_that_knows_no_counts_is_forgotten_in_too(tmp_path):
    with (
        closing(Vault(tmp_path / "keys.db")) as vault,
        closing(ForgottenTalks(tmp_path / "book.db", vault)) as forgotten,
    ):
        assert (forgotten.held("u1"), forgotten.last("u1"), forgotten.forget("u1")) == (0, None, 0)
