"""The demo's adapter: shipped, and yet served only as one that was tuned, gated and approved."""

import json

import pytest

from finmodel.audit import scan
from finmodel.settings import Settings
from finmodel.signed_adapters import GGUF, champions_of, served_adapter
from serving.assisting.demo_adapter import APPROVER, MAKER, lay_shipped


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    home = tmp_path_factory.mktemp("demo") / "home"
    made = Settings.from_env({"FINMODEL_HOME": str(home)})
    made.make_home()
    lay_shipped(made)
    return made


def test_it_is_the_champion_for_the_base_that_is_fetched(here):
    from fine_tune.shipped_adapter import NAME, read_card

    found = served_adapter(here, NAME)
    assert champions_of(here, read_card().base) == [NAME]
    assert {GGUF, "adapter_model.safetensors"} < set(found.files)
    about = found.about
    assert (about.trained_by, about.approved_by, about.demo) == (MAKER.name, APPROVER.name, True)
    assert about.verdict.passed


def test_the_audit_log_says_who_vouched_and_a_second_start_changes_nothing(here):
    kinds = [one.kind for one in scan(here.audit)]
    assert kinds.count("gate") == kinds.count("promotion") == 1
    lay_shipped(here)
    assert [one.kind for one in scan(here.audit)] == kinds


def test_llama_cpp_is_given_every_matrix_of_it(here):
    from fine_tune.shipped_adapter import FOLDER, NAME

    found = served_adapter(here, NAME)
    config = json.loads(found.files["adapter_config.json"])
    assert (config["r"], config["use_rslora"]) == (16, True)
    from gguf import GGUFReader
    from safetensors.numpy import load_file

    found.write_to(here.home)
    names = [one.name for one in GGUFReader(here.home / GGUF).tensors]
    assert len(names) == len(load_file(FOLDER / "adapter.safetensors")) == 28 * 7 * 2
