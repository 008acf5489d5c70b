"""Settings: where they come from, and what a wrong one says."""

from pathlib import Path

import pytest

from starsieve.broker.settings import RESERVED_OPTIONS, SettingsError, load


def test_file_environment_and_command_line_in_rising_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "starsieve.toml"
    file.write_text(
        'min_epochs = 30\n[kafka]\ngroup = "file"\nbatch_size = 7\ntopics = ["a"]\n[redis]\nurl = "redis://file"'
    )
    monkeypatch.setenv("STARSIEVE_KAFKA__GROUP", "environment")
    monkeypatch.setenv("STARSIEVE_KAFKA__TOPICS", '["b", "^c"]')
    settings = load(file, redis={"url": "rediss://command/0"}, kafka={"group": None})
    assert settings.min_epochs == 30
    assert settings.kafka.batch_size == 7
    assert settings.kafka.group == "environment"
    assert settings.kafka.topics == ["b", "^c"]
    assert settings.redis.url.get_secret_value() == "rediss://command/0"


@pytest.mark.parametrize(
    ("toml", "named", "got"),
    [
        ("min_epochs = 2", "min_epochs", "2"),
        ('min_epochs = "many"', "min_epochs", "many"),
        ('[redis]\nurl = "http://x"', "redis.url", "redis://"),
        ("[kafka]\nbatch_size = 0", "kafka.batch_size", "0"),
        ("[kafka]\nbatchsize = 10", "kafka.batchsize", "not permitted"),
        ('surveys = "ztf"', "surveys", "not permitted"),
        ('[kafka]\ntopics = ["^star"]\noutput_topic = "starsieve"', "topics", "^star"),
        ("min_epochs = ", "starsieve.toml", "TOML"),
        ('[kafka]\ntopics = ["^ztf_["]', "topics", "^ztf_["),
        ('[redis]\nurl = "redis://host:port"', "redis.url", "port"),
        ('[redis]\nurl = "redis://host/abc"', "redis.url", "database number"),
        ('[redis]\nurl = "redis://host/0?nonsense=1"', "redis.url", "nonsense"),
        ('[redis]\nurl = "redis://host/0?decode_responses=True"', "redis.url", "decode_responses"),
        ('[redis]\nurl = "rediss://host/0?ssl_ca_cert=x"', "redis.url", "ssl_ca_certs?"),
        ('[redis]\nurl = "rediss://host/0?ssl_ca_certs=/nowhere.pem"', "redis.url", "/nowhere.pem"),
        ('[redis]\nurl = "redis://host/0?socket_timeout=soon"', "redis.url", "ValueError"),
        ('[redis]\nurl = "redis://host/0?socket_timeout"', "redis.url", "bad query"),
        ('[kafka]\ntopics = ["^[[:alpha:]]+_.*$"]', "kafka.topics", "POSIX"),
        ('[kafka]\noutput_topic = "a"\ndead_letter_topic = "a"', "dead_letter_topic", "output_topic"),
        (f"a = {'[' * 5000}", "starsieve.toml", "TOML"),
        ('[kafka]\ntopics = ["^.*"]', "kafka", "starsieve_classifications"),
        ('[kafka]\nbootstrap_servers = ""', "kafka.bootstrap_servers", "''"),
        ('schema_registry = "registry:8081"', "schema_registry", "https://"),
        ('schema_registry = "http://registry:port"', "schema_registry", "ort"),
        ("min_reliability = 2", "min_reliability", "2"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_got(tmp_path: Path, toml: str, named: str, got: str) -> None:
    file = tmp_path / "starsieve.toml"
    file.write_text(toml)
    with pytest.raises(SettingsError) as error:
        load(file)
    assert named in str(error.value)
    assert got in str(error.value)


def test_a_variable_that_is_not_json_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARSIEVE_KAFKA__TOPICS", "ztf")
    with pytest.raises(SettingsError, match="JSON"):
        load(None)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load(Path("nowhere.toml"))


@pytest.mark.parametrize("name", sorted(RESERVED_OPTIONS))
def test_options_that_the_guarantees_stand_on_are_refused_by_name(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"kafka.options: {name} cannot be set"):
        load(None, kafka={"options": {name: "true"}})


def test_options_may_be_numbers_and_booleans(tmp_path: Path) -> None:
    file = tmp_path / "starsieve.toml"
    file.write_text('[kafka.options]\n"sasl.password" = 20261126\n"log.connection.close" = false\n"linger.ms" = 2.5')
    connection = load(file).kafka.connection
    assert {name: connection[name] for name in ("sasl.password", "log.connection.close", "linger.ms")} == {
        "sasl.password": "20261126",
        "log.connection.close": "false",
        "linger.ms": "2.5",
    }


SECRET = "hunter2-42"


@pytest.mark.parametrize(
    "toml",
    [
        f'[redis]\nurl = "redi://user:{SECRET}@host"',
        f'[redis]\nurl = "redis://user:{SECRET}@host:port/0"',
        f'[redis]\nurl = "redis://user:{SECRET}@host/abc"',
        f'[redis]\nurl = "redis://host/0?password={SECRET}"',
        f'[redis]\nurl = ["redis://user:{SECRET}@host"]',
        f'[redis]\npasword = "{SECRET}"',
        f'redis = "redis://user:{SECRET}@host"',
        f'[kafka.options]\n"sasl.password" = ["{SECRET}"]',
        f'[kafka.options]\n"sasl.password" = {{ value = "{SECRET}" }}',
        f'[kafka]\noptions = "sasl.password={SECRET}"',
        f'[kafka.options]\n"group.id" = "{SECRET}"',
        f'sasl_password = "{SECRET}"',
    ],
)
def test_no_secret_is_ever_printed(tmp_path: Path, toml: str) -> None:
    file = tmp_path / "starsieve.toml"
    file.write_text(toml)
    with pytest.raises(SettingsError) as error:
        load(file)
    assert SECRET not in str(error.value)
    good = load(None, redis={"url": f"redis://:{SECRET}@host"}, kafka={"options": {"sasl.password": SECRET}})
    assert SECRET not in f"{good!r} {good}"
