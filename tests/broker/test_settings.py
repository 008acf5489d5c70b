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
        ('survays = "ztf"', "survays", "not permitted"),
        ('[kafka]\ntopics = ["^star"]\noutput_topic = "starsieve"', "topics", "^star"),
        ("min_epochs = ", "starsieve.toml", "TOML"),
        ('[kafka]\noutput_topic = "all outcomes"', "kafka.output_topic", "all outcomes"),
        ('[kafka]\ndead_letter_topic = ".."', "kafka.dead_letter_topic", "no such topic"),
        ('[kafka]\ntopics = ["ztf/today"]', "topics", "no such topic"),
        ('[kafka]\ntopics = ["^ztf_["]', "topics", "^ztf_["),
        ('[redis]\nurl = "redis://host:port"', "redis.url", "port"),
        ('[redis]\nurl = "redis://host/abc"', "redis.url", "database number"),
        ('[redis]\nurl = "redis://host/0?nonsense=1"', "redis.url", "nonsense"),
        ('[redis]\nurl = "redis://host/0?decode_responses=True"', "redis.url", "decode_responses"),
        ('[redis]\nurl = "rediss://host/0?ssl_ca_cert=x"', "redis.url", "ssl_ca_certs?"),
        ('[redis]\nurl = "rediss://host/0?ssl_ca_certs=/nowhere.pem"', "redis.url", "/nowhere.pem"),
        ('[redis]\nurl = "redis://host/0?socket_timeout=soon"', "redis.url", "a number"),
        ('[redis]\nurl = "redis://host/0?socket_timeout=0"', "redis.url", "0.01 or more"),
        ('[redis]\nurl = "redis://host/0?socket_timeout=nan"', "redis.url", "0.01 or more"),
        ('[redis]\nurl = "redis://host/0?socket_connect_timeout=-1"', "redis.url", "0.01 or more"),
        ('[redis]\nurl = "redis://host/0?max_connections=0"', "redis.url", "1 or more"),
        ('[surveys.lsst]\ntopics = ["a"]\noutput_topic = "bad topic!"', "output_topic", "Kafka has no such topic"),
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


BOTH = """
min_epochs = 30
min_reliability = 0.6
[kafka]
group = "both"
output_topic = "common"
[surveys.ztf]
topics = ["^ztf_"]
[surveys.lsst]
topics = ["lsst-alerts-v11", "^lsst-alerts-v10"]
output_topic = "rubin"
output_format = "fastdb"
min_epochs = 40
min_epochs_together = 60
min_reliability = 0.0
"""


def test_each_of_several_surveys_has_what_is_its_own_and_else_what_all_have(tmp_path: Path) -> None:
    (file := tmp_path / "starsieve.toml").write_text(BOTH)
    ztf, lsst = load(file, kafka={"bootstrap_servers": "kafka:1"}).each
    assert (ztf.survey, ztf.min_epochs, ztf.min_epochs_together, ztf.min_reliability) == ("ztf", 30, 0, 0.6)
    assert (lsst.survey, lsst.min_epochs, lsst.min_epochs_together, lsst.min_reliability) == ("lsst", 40, 60, 0.0)
    assert (ztf.kafka.topics, ztf.kafka.output_topic) == (["^ztf_"], "common")
    assert (lsst.kafka.topics, lsst.kafka.output_topic) == (["lsst-alerts-v11", "^lsst-alerts-v10"], "rubin")
    assert (ztf.output_format, lsst.output_format) == ("starsieve", "fastdb")
    for each in (ztf, lsst):
        assert (each.kafka.group, each.kafka.bootstrap_servers, each.each) == ("both", "kafka:1", [each])


def test_a_survey_that_is_named_is_taken_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file := tmp_path / "starsieve.toml").write_text(BOTH)
    with pytest.raises(SettingsError, match="choose one of ztf, lsst"):
        _ = load(file).one
    assert load(file, survey="lsst").one.kafka.output_topic == "rubin"
    monkeypatch.setenv("STARSIEVE_SURVEY", "ztf")
    assert [each.survey for each in load(file).each] == ["ztf"]
    assert load(None).one.survey == "ztf"


def test_several_surveys_may_be_told_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARSIEVE_SURVEYS", '{"ztf": {"topics": ["a"]}, "lsst": {"topics": ["b"]}}')
    assert [(each.survey, each.kafka.topics) for each in load(None).each] == [("ztf", ["a"]), ("lsst", ["b"])]


@pytest.mark.parametrize(
    ("ztf", "lsst", "more", "told"),
    [
        ('topics = ["a"]', 'topics = ["b", "a"]', "", "'a' is of ztf and of lsst"),
        ('topics = ["^a"]', 'topics = ["^a"]', "", "'^a' is of ztf and of lsst"),
        ('topics = ["^ztf"]', 'topics = ["ztf_1"]', "", "'ztf_1' is of ztf and of lsst"),
        ('topics = ["ztf_1"]', 'topics = ["^ztf"]', "", "'ztf_1' is of ztf and of lsst"),
        ('topics = ["a"]', "", "", "surveys.lsst.topics: Field required"),
        ("topics = []", 'topics = ["b"]', "", "surveys.ztf.topics"),
        ('topics = ["a"]', 'topics = ["b"]\nmin_epochs = 2', "", "surveys.lsst.min_epochs"),
        ('topics = ["a"]', 'topics = ["b"]\ngroup = "x"', "", "surveys.lsst.group: Extra inputs"),
        ('topics = ["a"]\noutput_topic = "b"', 'topics = ["b"]', "", "'b' includes 'b', which starsieve writes to"),
        ('topics = ["a"]', 'topics = ["^star"]', "", "'starsieve_classifications', which starsieve writes to"),
        ('topics = ["a"]', 'topics = ["b"]\noutput_topic = "starsieve_dead_letters"', "", "is the output_topic, too"),
        ('topics = ["a"]', 'topics = ["b"]', 'topics = ["c"]', "kafka.topics: each of `surveys` has its own"),
    ],
)
def test_surveys_that_cannot_be_told_apart_are_refused(
    tmp_path: Path, ztf: str, lsst: str, more: str, told: str
) -> None:
    (file := tmp_path / "starsieve.toml").write_text(f"[kafka]\n{more}\n[surveys.ztf]\n{ztf}\n[surveys.lsst]\n{lsst}")
    with pytest.raises(SettingsError) as error:
        load(file)
    assert told in str(error.value)


def test_a_survey_that_is_none_of_several_is_refused(tmp_path: Path) -> None:
    (file := tmp_path / "starsieve.toml").write_text(BOTH)
    with pytest.raises(SettingsError, match="survey: 'mysky' is none of `surveys`: ztf, lsst"):
        load(file, survey="mysky")


def test_a_variable_that_is_not_json_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARSIEVE_KAFKA__TOPICS", "ztf")
    with pytest.raises(SettingsError, match="JSON"):
        load(None)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load(Path("nowhere.toml"))


NO_TEXT = ("default.topic.config", "error_cb", "logger", "test.mock.num.brokers")


@pytest.mark.parametrize("name", sorted((*RESERVED_OPTIONS, *NO_TEXT)))
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
