"""`finmodel tune RECIPE --plan`, called as the command is, in this process."""

import json

import pytest

from finmodel.errors import BadInput, NotFound
from serving.tuning import tune

SHAPE = {
    "model_type": "qwen3", "num_hidden_layers": 5, "hidden_size": 64, "intermediate_size": 96,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 300,
    "tie_word_embeddings": True,
}  # fmt: skip


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.setenv("FINMODEL_HOME", str(tmp_path / "home"))
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text(json.dumps(SHAPE))
    path = tmp_path / "r.yaml"
    path.write_text("name: a\nbase: base\nlength: 64\nadapter: {rank: 4}\n")
    return path


def test_a_plan_is_told_as_json_and_as_two_tables_with_nothing_written(recipe, capsysbinary):
    tune(recipe, plan=True, device="4090-24g", utilisation=0.4, tokens=5_000, json=True)
    told = json.loads(capsysbinary.readouterr().out)
    assert (told["device"], told["utilisation"], told["tokens"]) == ("4090-24g", 0.4, 5_000)
    assert told["fits"]
    assert told["checkpointed_layers"] == 0
    assert told["hours"] == pytest.approx(5_000 / told["tokens_per_s"] / 3600)
    assert [one["length"] for one in told["settings"]] == [32, 32, 64, 64, 128, 128]
    tune(recipe, plan=True, device="4090-24g")
    table = capsysbinary.readouterr().out.decode()
    assert "peak_gib" in table
    assert sum(line.startswith(("32 ", "64 ", "128 ")) for line in table.splitlines()) == 6
    assert not (recipe.parent / "home").exists()


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"device": "abacus"}, NotFound, "no card is called 'abacus'"),
        ({"base": "qwen9"}, NotFound, "a plan also knows the shapes qwen3-14b"),
        ({"tokens": 0}, BadInput, "--tokens: a run has tokens"),
        ({"utilisation": 1.5}, BadInput, "--utilisation: 1.5 is no share"),
    ],
)
def test_what_cannot_be_planned_is_told_before_anything_is_done(recipe, wrong, error, says):
    with pytest.raises(error, match=says):
        tune(recipe, **{"plan": True, "device": "h100-80g"} | wrong)
