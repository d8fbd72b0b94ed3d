"""Sessions and wrong passwords over a clock that the test moves."""

import dataclasses
from contextlib import closing

import pytest

from finmodel.settings import Settings
from serving.access import People
from serving.refusals import NoKey
from serving.sessions import Sessions

PASSWORD = "lantern orbit mustard quay"


class World:
    def __init__(self, home):
        self.settings = Settings(home=home, data=home, session_idle_minutes=30, session_hours=12)
        self.people = People(self.settings.people)
        self.people.add("Li", {"agent", "auditor"})
        self.time = 1e9
        self.sessions = self.opened()

    def opened(self):
        return Sessions(self.settings, lambda: self.time)

    def begin(self):
        return self.sessions.begin("Li", self.people.standing("Li")[1])


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.sessions.close()


def test_a_session_finds_its_person_in_every_process_and_only_its_hash_is_kept(world):
    token = world.begin()
    with closing(world.opened()) as restarted:
        assert restarted.find(token, acts=False).name == "Li"
    held = b"".join(one.read_bytes() for one in world.settings.sessions.parent.iterdir())
    assert token.encode() not in held
    assert world.settings.sessions.stat().st_mode & 0o077 == 0
    for other in ("", token[:-1], token + "x", "键"):
        with pytest.raises(NoKey, match="is not known here"):
            world.sessions.find(other, acts=True)


def test_only_what_a_person_does_keeps_a_session_and_not_for_ever(world):
    looked, acted = world.begin(), world.begin()
    for _ in range(12 * 60 // 20):
        world.time += 20 * 60
        world.sessions.find(acted, acts=True)
    with pytest.raises(NoKey, match="it was not used for 30 minutes"):
        world.sessions.find(looked, acts=True)
    world.time += 60
    with pytest.raises(NoKey, match="it is older than 12 hours"):
        world.sessions.find(acted, acts=True)
    world.begin()  # what ended long ago is removed
    with pytest.raises(NoKey, match="is not known here"):
        world.sessions.find(acted, acts=True)


def test_a_page_that_asks_by_itself_keeps_no_session(world):
    token = world.begin()
    for _ in range(30):
        world.time += 60
        world.sessions.find(token, acts=False)
    world.time += 1
    with pytest.raises(NoKey, match="not used for 30 minutes"):
        world.sessions.find(token, acts=False)


def test_a_role_removed_counts_at_once_and_the_session_goes_on(world):
    token = world.begin()
    world.people.set_roles("Li", {"agent"})
    assert world.sessions.find(token, acts=True).roles == {"agent"}


@pytest.mark.parametrize("what", ["revoked", "added again", "another password"])
def test_a_session_ends_with_the_key_or_password_that_it_began_by(world, what):
    token = world.begin()
    if what == "another password":
        world.people.set_password("Li", PASSWORD)
    else:
        world.people.revoke("Li")
    if what == "added again":
        world.people.add("Li", {"auditor"})
    with pytest.raises(NoKey, match="is another one, or was revoked"):
        world.sessions.find(token, acts=True)


def test_who_left_is_not_found(world):
    token, other = world.begin(), world.begin()
    assert world.sessions.end(token) == "Li"
    assert world.sessions.end(token) == ""
    with pytest.raises(NoKey):
        world.sessions.find(token, acts=True)
    assert world.sessions.find(other, acts=True).name == "Li"


def test_wrong_passwords_cost_waiting_and_a_right_one_or_an_hour_forgets_them(world):
    assert [world.sessions.wrong("Li") for _ in range(7)] == [0, 0, 0, 0, 30, 60, 120]
    world.time += 100
    with closing(world.opened()) as other:
        assert other.wait("Li") == 20
        assert other.wait("Wang") == 0
    world.time += 20
    assert world.sessions.wait("Li") == 0
    world.sessions.right("Li")
    assert world.sessions.wrong("Li") == 0
    for _ in range(8):
        world.sessions.wrong("nobody's name")
    assert world.sessions.wait("nobody's name") == 240
    world.time += 3_601
    assert world.sessions.wrong("nobody's name") == 0


def test_the_limits_are_the_settings(world):
    token = world.begin()
    short = dataclasses.replace(world.settings, session_idle_minutes=1)
    world.time += 61
    with (
        closing(Sessions(short, lambda: world.time)) as strict,
        pytest.raises(NoKey, match="1 min"),
    ):
        strict.find(token, acts=True)
    assert world.sessions.find(token, acts=True).name == "Li"
