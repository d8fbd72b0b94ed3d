"""Writers by a person's words: a base on the shelf and a real server write the same replies."""

import pytest
import xllamacpp

from fine_tune.bases.shelf import shelve
from finmodel.assistant.engines.engine import Asked, write
from finmodel.errors import NotFound
from finmodel.hashed_file import hashed
from serving.writers import open_writer
from tests.finmodel.assistant.engines.small_engines import ASKED, small
from tests.finmodel.mlflow_home import settings_at


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("writers")
    made = small(folder, context=1_024)
    settings = settings_at(folder / "home")
    shelve(settings.bases, "small", made.base.folder, hashed(made.gguf))
    return settings, made


def test_a_base_writes_by_llama_cpp_and_a_server_by_its_url(desk):
    settings, made = desk
    asked = Asked(ASKED.messages, most=12)
    with open_writer(settings, "small") as local:
        assert (local.engine.name, local.adapter) == ("llama.cpp", "")
        said = write(local.engine, asked)
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel = str(made.gguf), 1_024, 1
    params.cpuparams.n_threads, params.verbosity, params.warmup = 1, 0, False
    server = xllamacpp.Server(params)
    with open_writer(settings, f"{server.listening_address}/v1", "small") as remote:
        assert write(remote.engine, asked) == said


def test_a_name_that_is_nothing_is_refused(desk):
    settings, _ = desk
    with pytest.raises(NotFound, match="no base on the shelf"), open_writer(settings, "nobody"):
        pass
