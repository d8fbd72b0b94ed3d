"""What a run took: over all of its lives, with what it started, and by its own account first."""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from finmodel import tracking
from finmodel.mlflow_file import database_of, runs_in
from finmodel.run_hours import processor_s
from finmodel.settings import Settings
from tests.finmodel.mlflow_home import settings_at

WORK_S = 0.1
AT_WORK = f"import time\nwhile time.process_time() < {WORK_S}: pass"


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    return settings_at(tmp_path_factory.mktemp("hours") / "home")


def work() -> None:
    until = time.process_time() + WORK_S
    while time.process_time() < until:
        pass


def hours(settings: Settings, run: tracking.Run) -> dict[str, float]:
    told = tracking.figures(settings, run.id)
    return {name: value for name, value in told.items() if name.endswith("_hours")}


def cut_short(settings: Settings, begin: Callable[[tracking.Run], None], before="") -> tracking.Run:
    with suppress(KeyboardInterrupt), tracking.run(settings, "h", {}, before) as run:
        begin(run)
        raise KeyboardInterrupt
    return run


def test_what_a_run_starts_and_waits_for_is_its_own():
    before = processor_s()
    subprocess.run([sys.executable, "-c", AT_WORK], check=True)
    assert processor_s() - before >= WORK_S


def test_a_run_counts_from_where_its_work_began(settings):
    began = processor_s()
    work()
    with tracking.run(settings, "h", {}, since=began) as run:
        pass
    assert hours(settings, run)["core_hours"] >= WORK_S / 3_600


def test_a_run_that_goes_on_adds_to_what_its_earlier_lives_took(settings):
    run = cut_short(settings, lambda _: work())
    first = hours(settings, run)["core_hours"]
    assert first >= WORK_S / 3_600
    with tracking.run(settings, "h", {}, run.id) as again:
        work()
    assert again.id == run.id
    assert hours(settings, run)["core_hours"] >= first + WORK_S / 3_600


def test_what_a_run_says_of_its_hours_stands(settings):
    with tracking.run(settings, "h", {}) as run:
        run.log({}, {"core_hours": 2.5})
    assert hours(settings, run) == {"core_hours": 2.5}


def test_a_run_on_a_gpu_that_is_cut_short_is_told_by_its_own_account(settings):
    run = cut_short(settings, lambda one: one.hours.count_by(lambda: {"gpu_hours": 0.5}))
    assert hours(settings, run) == {"gpu_hours": 0.5}
    cut_short(settings, lambda _: None, run.id)  # before it has an account
    assert hours(settings, run) == {"gpu_hours": 0.5}


def test_trials_are_in_the_hours_of_their_search(settings):
    with tracking.run(settings, "h", {}) as search, tracking.run(settings, "h", {}) as trial:
        work()
    whole, part = (hours(settings, one)["core_hours"] for one in (search, trial))
    assert whole >= part >= WORK_S / 3_600
    path = database_of(settings)
    assert path is not None
    (newest, *others) = runs_in(path, ("core_hours",), 9)
    assert (newest.id, newest.figures) == (search.id, {"core_hours": whole})
    assert trial.id not in {one.id for one in others}
