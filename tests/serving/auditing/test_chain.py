"""The chain checked in a process of its own, as the service has it checked."""

import time

from finmodel.acts import audited
from finmodel.audit import scan
from finmodel.settings import Settings
from serving.auditing.chain import ChainCheck, checked


def ended(check):
    until = time.monotonic() + 60
    while check.state.checking and time.monotonic() < until:
        time.sleep(0.05)
    return check.state


def test_a_chain_that_holds_and_one_that_breaks_are_told_and_recorded(tmp_path):
    settings, told = Settings(home=tmp_path, data=tmp_path), []
    for number in range(5):
        audited(settings, "gate", {"by": "Li", "n": number})
    check = ChainCheck(settings, lambda kind, body: told.append((kind, body)))
    assert check.state.at is None
    begun = check.begin("Wang")
    assert (begun.checking, begun.by) == (True, "Wang")
    assert check.begin("Zhao").by == "Wang"  # one at a time
    held = ended(check).held
    assert (held.entries, held.segments, held.counts) == (5, 1, {"gate": 5})
    assert held.first <= held.last
    facts = {"by": "Wang", "holds": True, "entries": 5, "head": held.head}
    assert told == [("chain_verified", facts)]

    (segment,) = settings.audit.glob("audit-*.log")
    data = bytearray(segment.read_bytes())
    data[-40] ^= 1
    segment.write_bytes(bytes(data))
    assert checked(settings).broken.startswith(f"{segment.name} at byte ")
    check.begin("Zhao")
    state = ended(check)
    assert state.held is None
    assert state.broken.startswith(f"{segment.name} at byte ")
    assert told[-1] == ("chain_verified", {"by": "Zhao", "holds": False, "broken": state.broken})
    check.close()


def test_no_log_is_said_and_a_closed_check_begins_no_more(tmp_path):
    settings = Settings(home=tmp_path, data=tmp_path)
    assert "there is no audit log" in checked(settings).broken
    check = ChainCheck(settings, lambda kind, body: None)
    check.close()
    assert not check.begin("Li").checking
    assert list(tmp_path.iterdir()) == []
    assert not settings.audit.exists()
    audited(settings, "gate", {})
    assert len(list(scan(settings.audit))) == 1
