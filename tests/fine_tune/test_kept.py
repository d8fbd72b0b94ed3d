"""What a run reads, as an earlier life kept it: the same losses, and anew where it does not fit."""

import dataclasses
import os

import msgspec
import numpy as np
import pytest
from mlflow import MlflowClient

from fine_tune import kept
from fine_tune.bases.base import open_base
from fine_tune.kept import ready_of
from fine_tune.ready import Material, Simulated
from fine_tune.recipe import Adapter, Gates, Optimiser, Recipe
from fine_tune.tune import tune
from finmodel.assistant.briefing import briefing
from finmodel.assistant.template import FAMILIES
from finmodel.lender.talk.conversations import write
from finmodel.lender.talk.general import general_text
from finmodel.lender.talk.held_out import held_out
from finmodel.privacy.masks import masked
from finmodel.progress import silent
from tests.fine_tune.small_model import small_base
from tests.finmodel.mlflow_home import settings_at

RECIPE = Recipe(
    name="scripts", base="small", length=512, epochs=0.1, save_every=2, dtype="float32",
    rehearsal=32, adapter=Adapter(rank=4, alpha=16), optimiser=Optimiser(learning_rate=1e-2),
)  # fmt: skip


class Told:
    """A source that counts how often it was made, and a progress that remembers its words."""

    def __init__(self, material):
        self.material, self.made, self.words = material, 0, []

    def source(self, *of):
        return Simulated(self._make, of)

    def _make(self):
        self.made += 1
        return self.material

    def __call__(self, what, number, of):
        self.words.append(what)

    @property
    def anew(self):
        return [what for what in self.words if "prepared anew" in what]


@pytest.fixture(scope="module")
def material():
    conversations = [one.conversation for one in write(90, seed=5)]
    general = tuple(general_text(3_000, 1))
    return Material(conversations, masked, general, general, held_out())


@pytest.fixture(scope="module")
def base(material, tmp_path_factory):
    said = [m.slotted or m.text for one in material.conversations for m in one.messages]
    texts = [*said, *material.general, briefing("current", "verified")]
    return open_base(small_base(tmp_path_factory.mktemp("base"), texts))


@pytest.fixture
def told(material):
    return Told(material)


def alike(one, other):
    """Whether two hold the same, arrays by their bits and kinds."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(alike(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, tuple) and not hasattr(one, "_fields"):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    return one == other


def test_what_is_read_again_is_what_was_made_and_nothing_is_made_twice(base, told, tmp_path):
    file = tmp_path / "ready.msgpack"
    first = ready_of(told.source(1), RECIPE, base, file, told)
    again = ready_of(told.source(1), RECIPE, base, file, told)
    assert told.made == 1
    assert first.learnt
    assert first.rehearsed
    assert first.held_out.settings
    assert alike(first, again)
    assert not told.words, "nothing was wrong, and a first life has nothing to tell"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("spoil", ["cut", "bit", "empty"])
def test_a_damaged_file_is_made_anew_and_that_is_told(base, told, tmp_path, spoil):
    file = tmp_path / "ready.msgpack"
    first = ready_of(told.source(), RECIPE, base, file, told)
    whole = file.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    file.write_bytes({"cut": whole[:-1], "bit": flipped, "empty": b""}[spoil])
    again = ready_of(told.source(), RECIPE, base, file, told)
    assert told.made == 2
    assert alike(first, again)
    assert file.read_bytes() == whole
    says = ["conversations are prepared anew: what was kept is damaged"]
    assert told.anew == ([] if spoil == "empty" else says)


def test_another_recipe_source_or_base_is_not_answered_with_what_was_kept(
    base, told, material, tmp_path
):
    file = tmp_path / "ready.msgpack"
    ready_of(told.source(1), RECIPE, base, file, told)
    gated = msgspec.structs.replace(RECIPE, gates=Gates(grounded=0.1), save_every=9)
    ready_of(told.source(1), gated, base, file, told)
    assert told.made == 1, "how a run is judged or kept changes nothing that it reads"
    shared = msgspec.structs.replace(RECIPE, share=0.5)
    fewer = ready_of(told.source(1), shared, base, file, told)
    assert told.made == 2
    whole = ready_of(told.source(1), RECIPE, base, file, told)
    assert len(fewer.prepared.lessons["train"]) < len(whole.prepared.lessons["train"])
    ready_of(told.source(2), RECIPE, base, file, told)
    other = open_base(small_base(tmp_path, ["别的", *material.general]))
    ready_of(told.source(2), RECIPE, other, file, told)
    assert told.made == 5
    why = "conversations are prepared anew: what was kept is of another recipe, base or version"
    assert told.anew == [why] * 4


def test_changed_code_or_scripts_are_not_answered_with_what_was_kept(
    base, told, tmp_path, monkeypatch
):
    code = tmp_path / "code"
    code.mkdir()
    (code / "scripts.yaml").write_text("a: 1")
    monkeypatch.setattr("fine_tune.kept._CODE", (code,))
    file = tmp_path / "ready.msgpack"
    ready_of(told.source(), RECIPE, base, file, told)
    (code / "scripts.yaml").write_text("a: 2")
    ready_of(told.source(), RECIPE, base, file, told)
    assert (told.made, len(told.anew)) == (2, 1)


def test_a_base_that_is_spoken_to_in_another_way_is_not_answered_with_what_was_kept(
    base, told, tmp_path
):
    file = tmp_path / "ready.msgpack"
    ready_of(told.source(), RECIPE, base, file, told)
    other = next(one for one in FAMILIES.values() if one.name != base.family.name)
    ready_of(told.source(), RECIPE, dataclasses.replace(base, family=other), file, told)
    assert told.made == 2


def test_what_a_machine_compiled_is_no_source():
    names = [name for name, _ in kept._code()]
    assert "finmodel/clock.py" in names
    assert not [name for name in names if "__pycache__" in name]


def test_of_real_conversations_nothing_is_kept(base, material, tmp_path):
    file = tmp_path / "ready.msgpack"
    ready_of(material, RECIPE, base, file, silent)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def course(base, told, monkeypatch, tmp_path):
    """A run whose lives may be stopped; its losses in the end."""
    monkeypatch.setattr("fine_tune.judging.assay.WRITTEN", 1)
    monkeypatch.setattr("fine_tune.lessons.canaries.OTHERS", 31)

    def run(home, *stops, before=lambda folder: None):
        settings = settings_at(tmp_path / home)
        folder = settings.home / "tuning" / RECIPE.name

        def until(step):
            def look(what, number, of):
                told(what, number, of)
                if what == "steps learnt" and number == step:
                    raise KeyboardInterrupt

            return look

        for step in stops:
            with pytest.raises(KeyboardInterrupt):
                tune(settings, RECIPE, base, told.source(), until(step))
            before(folder)
        done = tune(settings, RECIPE, base, told.source(), told)
        assert not list(folder.iterdir()), "a run that is over leaves nothing"
        client = MlflowClient(settings.mlflow_uri)
        losses = client.get_metric_history(done.run, "loss")
        figures = {k: v for k, v in done.figures.items() if k.startswith(("tuned", "base"))}
        return [(one.step, one.value) for one in losses], figures

    return run


def test_a_run_that_goes_on_from_what_was_kept_ends_with_the_losses_of_an_undisturbed_one(
    course, told
):
    calm = course("calm")
    assert told.made == 1
    troubled = course("troubled", 3, 5)
    assert told.made == 2, "the second and third life read what the first had made"
    assert repr(sorted(set(troubled[0]))) == repr(sorted(calm[0]))
    assert repr(troubled[1]) == repr(calm[1])

    def damage(folder):
        (folder / "ready.msgpack").write_bytes(b"torn")

    damaged = course("damaged", 3, before=damage)
    assert told.made == 4
    assert len(told.anew) == 1
    assert repr(sorted(set(damaged[0]))) == repr(sorted(calm[0]))


def test_a_base_is_not_read_again_to_know_it_but_is_once_its_files_were_changed(
    base, tmp_path, monkeypatch
):
    from fine_tune.bases import noted

    reads = []
    real = noted.looked_at

    def looked_at(path, known):
        found = real(path, known)
        reads.append(found is not known)
        return found

    monkeypatch.setattr(noted, "looked_at", looked_at)
    note = tmp_path / "base.json"
    assert noted.with_noted_digest(base, note).digest == base.digest
    assert all(reads)
    assert len(reads) == len(base.files) == 3
    reads.clear()
    assert noted.with_noted_digest(base, note).digest == base.digest
    assert not any(reads)
    weights = base.weights[0]
    whole, times = weights.read_bytes(), weights.stat()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = noted.with_noted_digest(base, note).digest
    assert changed == open_base(base.folder).digest != base.digest
    weights.write_bytes(whole)
    note.write_bytes(b"torn")
    assert noted.with_noted_digest(base, note).digest == base.digest
