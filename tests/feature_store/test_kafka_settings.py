"""A Kafka configuration file: what is taken, what is refused, and that a secret never shows."""

import pickle
import traceback

import pytest

from feature_store.kafka_settings import KafkaSettings, Secret, load_settings
from finmodel.errors import BadInput, NotFound

ADDRESS = "127.0.0.1:9092"


def test_a_file_says_security_and_patience(tmp_path):
    (tmp_path / "ca.pem").touch()
    path = tmp_path / "kafka.yaml"
    path.write_text(
        "# ours\n"
        "security_protocol: SASL_SSL\n"
        f"ssl_cafile: {tmp_path / 'ca.pem'}\n"
        "ssl_check_hostname: false\n"
        "sasl_mechanism: PLAIN\n"
        "sasl_plain_username: 007\n"
        'sasl_plain_password: "12: #34"\n'
        "request_timeout_ms: 5000\n"
    )
    settings = load_settings(ADDRESS, path)
    assert settings.options == {
        "security_protocol": "SASL_SSL",
        "ssl_cafile": str(tmp_path / "ca.pem"),
        "ssl_check_hostname": False,
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "007",
        "sasl_plain_password": "12: #34",
        "request_timeout_ms": 5000,
    }
    assert (settings.answer_ms, settings.delivery_ms) == (5_000, 120_000)
    assert (settings.session_ms(""), settings.session_ms("worker-1")) == (6_000, 30_000)
    assert load_settings(ADDRESS) == KafkaSettings(ADDRESS)
    path.write_text("# nothing\n")
    assert load_settings(ADDRESS, path) == KafkaSettings(ADDRESS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acks: 1", r"kafka\.yaml: acks: no such option; name one of security_protocol, "),
        ("enable_idempotence: false", "no such option"),
        ("bootstrap_servers: a:1", "no such option"),
        ("security_protocol: TLS", "give one of PLAINTEXT, SSL, "),
        ("ssl_cafile: /no/such", "ssl_cafile: its value is of the wrong kind; give a file's path"),
        ("ssl_check_hostname: perhaps", "give true or false"),
        ("request_timeout_ms: soon", "give a whole number of milliseconds"),
        ("request_timeout_ms: 0", "give a whole number of milliseconds"),
        ("sasl_plain_password: [hidden]", "it is not flat"),
        ("- hidden", "it is not flat"),
        ("hidden", "it is not flat"),
        ("a: b\nsasl_plain_password: 'hidden\n", r"kafka\.yaml:\d: not read; write `key: value`"),
    ],
)
def test_another_line_is_bad_input_and_shows_no_value(tmp_path, text, said):
    path = tmp_path / "kafka.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=said) as error:
        load_settings(ADDRESS, path)
    assert "hidden" not in "".join(traceback.format_exception(error.value)).replace(text, "")


def test_what_is_no_text_that_may_be_read_is_bad_input(tmp_path):
    (tmp_path / "kafka.yaml").write_bytes(b"sasl_plain_password: \xff\xfe")
    for path, said in ((tmp_path, "IsADirectoryError"), (tmp_path / "kafka.yaml", "Unicode")):
        with pytest.raises(BadInput, match=f"cannot be read .{said}") as told:
            load_settings("127.0.0.1:9092", path)
        assert told.value.where == str(path)


def test_no_file_and_no_address(tmp_path):
    with pytest.raises(NotFound, match="no such file"):
        load_settings(ADDRESS, tmp_path / "none.yaml")
    for address in ("", "host", "host:", "host:9092,", "host:port"):
        with pytest.raises(BadInput, match="give host:port"):
            KafkaSettings(address)


def test_a_secret_shows_nowhere_and_is_sent_whole():
    settings = KafkaSettings(ADDRESS, {"sasl_plain_password": "hidden", "ssl_password": "hidden"})
    again = pickle.loads(pickle.dumps(settings))
    for one in (settings, again, KafkaSettings(ADDRESS, settings.options)):
        shown = f"{one} {one!r} {one.options} {one.options['ssl_password']} %s" % one.options
        assert "hidden" not in shown
        password = one.options["sasl_plain_password"]
        assert isinstance(password, Secret)
        assert "\0".join(["me", password]).encode() == b"me\0hidden"
