"""Last verdicts are found with their decisions' places, of one version alone."""

from contextlib import closing

from finmodel.settings import Settings
from risk.monitor.overrides import Judged
from risk.underwriting.book import CaseBook
from serving.monitoring.verdicts import verdicts_of
from tests.risk.underwriting.test_book import acts
from tests.risk.underwriting.test_case import case


def test_verdicts_of_a_version_have_their_decisions_places(tmp_path):
    settings = Settings(home=tmp_path, data=tmp_path)
    assert verdicts_of(settings, "behaviour_risk", 1) == ()
    with closing(CaseBook(settings.underwriting)) as book:
        acts(case(decision="a000002-00000708-41046fb593d3", says="approve"), book)
        with book.writing():
            book.enter(case(decision="a000003-00000708-41046fb593d3").about)
    told = verdicts_of(settings, "behaviour_risk", 1)
    assert told == (Judged((2 << 32) + 0x708, "decline", "approve", "MD1"),)
    assert told[0].side == "high_side"
    assert verdicts_of(settings, "behaviour_risk", 2) == ()
