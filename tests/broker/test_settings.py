"""Settings: where they come from, and what a wrong one says."""

from pathlib import Path

import pytest

from broker.settings import SettingsError, load


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
    assert settings.redis.url == "rediss://command/0"


@pytest.mark.parametrize(
    ("toml", "named", "got"),
    [
        ("min_epochs = 2", "min_epochs", "2"),
        ('min_epochs = "many"', "min_epochs", "many"),
        ('output_format = "json"', "output_format", "json"),
        ('[redis]\nurl = "http://x"', "redis.url", "http://x"),
        ("[kafka]\nbatch_size = 0", "kafka.batch_size", "0"),
        ("[kafka]\nbatchsize = 10", "kafka.batchsize", "10"),
        ('surveys = "ztf"', "surveys", "ztf"),
        ('[kafka]\ntopics = ["^star"]\noutput_topic = "starsieve"', "topics", "^star"),
        ("min_epochs = ", "starsieve.toml", "TOML"),
        ('[kafka]\ntopics = ["^ztf_["]', "topics", "^ztf_["),
        ('[redis]\nurl = "redis://host:port"', "redis.url", "redis://host:port"),
        ('[kafka]\nbootstrap_servers = ""', "kafka.bootstrap_servers", "''"),
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
