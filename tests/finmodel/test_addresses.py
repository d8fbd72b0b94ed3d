import pytest

from finmodel.addresses import without_secret


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://db/mlflow?user=u&password=secret",
        "postgresql://u:secret@db/mlflow",
        "postgresql://u:sec/secret@db/mlflow",
        "postgresql://u:s?secret@db/mlflow",
        "postgresql://u:p#secret@db/mlflow",
        "postgresql://db/mlflow?user=a@b&password=secret",
        "redis://:secret@db:6379/0",
        "u:secret@db/mlflow",
        "https://db/mlflow#token=secret",
    ],
)
def test_no_way_of_writing_a_password_tells_it(uri):
    told = without_secret(uri)
    assert "secret" not in told
    assert told.partition("://")[0] == uri.partition("://")[0] or "://" not in uri


def test_an_address_without_a_secret_stays():
    for uri in ("http://db:5000/x", "sqlite:////srv/mlflow.db", "mlruns", "databricks"):
        assert without_secret(uri) == uri
