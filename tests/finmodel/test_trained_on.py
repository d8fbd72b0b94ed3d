"""Which adapters a customer's conversations trained, and that no list names anybody."""

from finmodel import tracking
from finmodel.trained_on import FILE, keep_customers, taught_by, untaught
from tests.finmodel.mlflow_home import settings_at


def adapter(settings, customers, kind="adapter"):
    tags = {"kind": kind, "base": "ab" * 32}
    with tracking.run(settings, "scripts", tags) as run:
        if customers is not None:
            keep_customers(settings, run.id, customers)
    tracking.register(settings, "scripts", f"runs:/{run.id}/adapter", run.id, tags)
    return run.id


def test_the_adapters_of_a_customer_are_named_and_nobody_stands_in_their_lists(tmp_path):
    settings = settings_at(tmp_path / "home")
    first = adapter(settings, {"u-1", "u-2"})
    adapter(settings, {"u-2"})
    adapter(settings, {"u-1"}, kind="model")
    assert [(one.version, one.trained, one.run) for one in taught_by(settings, "u-1")] == [
        (1, "yes", first)
    ]
    assert [one.version for one in taught_by(settings, "u-2")] == [2, 1]
    assert taught_by(settings, "u-3") == []
    kept = tracking.kept(settings, first, FILE).decode()
    assert "u-1" not in kept
    assert kept.count(",") == 1
    for log in settings.audit.rglob("*"):
        assert b"u-1" not in log.read_bytes()


def test_another_home_cannot_make_the_same_numbers(tmp_path):
    one, two = settings_at(tmp_path / "one"), settings_at(tmp_path / "two")
    kept = [tracking.kept(settings, adapter(settings, {"u-1"}), FILE) for settings in (one, two)]
    assert kept[0] != kept[1]


def test_an_adapter_whose_list_is_gone_may_have_been(tmp_path):
    settings = settings_at(tmp_path / "home")
    adapter(settings, None)
    (found,) = taught_by(settings, "u-1")
    assert found.trained == "not known"


def test_a_forgotten_customer_is_in_no_list_and_others_stay_in_it(tmp_path):
    settings = settings_at(tmp_path / "home")
    adapter(settings, {"u-1", "u-2"})
    assert (untaught(settings, "u-1"), untaught(settings, "u-1")) == (1, 0)
    assert taught_by(settings, "u-1") == []
    assert [one.version for one in taught_by(settings, "u-2")] == [1]
