"""The network of a running worker: when it changes, and what leaves it as it is."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from starsieve.broker.networks import LOOK_EVERY_S, Watch, network_of
from starsieve.broker.settings import Settings, SettingsError
from starsieve.broker.worker import run
from starsieve.models.serving import registry
from starsieve.models.serving.card import CARD
from starsieve.models.serving.classifier import NETWORK
from starsieve.models.serving.networks import ACTIVE, SHIPPED, Networks
from tests.models.made_networks import cut, make

SHIPPED_VERSION = registry.load("ztf").version
TIMEOUT = 60  # seconds


class Times:
    """Seconds that pass from look to look."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def pass_by(self, watch: Watch, seconds: float = LOOK_EVERY_S) -> str:
        """A worker's network after so long."""
        self.now_s += seconds
        watch.look(self.now_s)
        return watch().version


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "networks").mkdir()
    return tmp_path / "networks"


@pytest.fixture
def networks(folder: Path) -> Networks:
    return Networks(str(folder))


@pytest.fixture
def mine(networks: Networks, tmp_path: Path) -> str:
    version = make(tmp_path / "mine", sharpness=1.1)
    networks.add(tmp_path / "mine")
    return version


@pytest.fixture
def watch(networks: Networks) -> Watch:
    return Watch(networks, "ztf")


def refused() -> dict[str, float]:
    """The metric, without zeros."""
    values = {
        reason: REGISTRY.get_sample_value("starsieve_network_refused", {"survey": "ztf", "reason": reason})
        for reason in ("unreachable", "damaged", "incompatible")
    }
    return {reason: value for reason, value in values.items() if value}


def in_use(version: str, classifier: str) -> float | None:
    labels = {"survey": "ztf", "classifier": classifier, "version": version}
    return REGISTRY.get_sample_value("starsieve_network_info", labels)


def test_an_activation_and_a_rollback_are_taken_up(watch: Watch, networks: Networks, mine: str) -> None:
    times = Times()
    assert times.pass_by(watch) == SHIPPED_VERSION
    networks.activate("ztf", mine)
    assert watch().version == SHIPPED_VERSION
    assert times.pass_by(watch) == mine
    assert (in_use(mine, "mine"), in_use(SHIPPED_VERSION, "starsieve-ztf")) == (1, None)
    networks.rollback("ztf")
    assert times.pass_by(watch) == SHIPPED_VERSION
    assert (in_use(mine, "mine"), in_use(SHIPPED_VERSION, "starsieve-ztf")) == (None, 1)


def test_a_setting_below_what_the_network_was_trained_with_ends_the_start() -> None:
    settings = Settings(min_epochs=19, metrics_port=0)
    with pytest.raises(SettingsError, match=f"min_epochs: 19 .*20 .*{SHIPPED_VERSION}.*leave it out"):
        run(settings, threading.Event())


def test_nothing_is_loaded_again_while_nothing_is_activated(watch: Watch, networks: Networks, mine: str) -> None:
    networks.activate("ztf", mine)
    times = Times()
    times.pass_by(watch)
    before = watch()
    networks.activate("ztf", SHIPPED)
    networks.activate("ztf", mine)  # the history is another
    for _ in range(3):
        times.pass_by(watch)
        assert watch() is before


def test_a_damaged_network_is_refused_and_taken_up_once_mended(
    watch: Watch, networks: Networks, folder: Path, mine: str
) -> None:
    times = Times()
    times.pass_by(watch)
    networks.activate("ztf", mine)
    file = folder / "ztf" / mine / NETWORK
    whole = file.read_bytes()
    cut(file)
    with capture_logs() as logs:
        for _ in range(10):
            assert times.pass_by(watch) == SHIPPED_VERSION
    (told,) = [line for line in logs if line["event"] == "network_refused"]  # once, not at each attempt
    assert (told["reason"], told["goes_on"]) == ("damaged", SHIPPED_VERSION)
    assert mine in told["detail"]
    assert refused() == {"damaged": 1}
    file.write_bytes(whole)
    assert times.pass_by(watch, 60) == mine
    assert refused() == {}


def test_another_activation_ends_the_pause_after_a_refused_one(
    watch: Watch, networks: Networks, folder: Path, tmp_path: Path, mine: str
) -> None:
    times = Times()
    networks.activate("ztf", mine)
    cut(folder / "ztf" / mine / NETWORK)
    watch.look(times.now_s)
    for _ in range(20):
        times.now_s += LOOK_EVERY_S
        watch.look(times.now_s)
    other = make(tmp_path / "other", sharpness=1.2)
    networks.add(tmp_path / "other")
    networks.activate("ztf", other)
    assert times.pass_by(watch) == other


@pytest.mark.parametrize("content", ["", '{"version": "00000000"}', '{"version": "../../x"}', "[]"])
def test_an_activation_by_hand_that_makes_no_sense_is_refused(
    watch: Watch, networks: Networks, folder: Path, mine: str, content: str
) -> None:
    times = Times()
    networks.activate("ztf", mine)
    assert times.pass_by(watch) == mine
    (folder / "ztf" / ACTIVE).write_text(content)
    assert times.pass_by(watch) == mine
    assert refused() == {"damaged": 1}
    networks.activate("ztf", mine)
    assert times.pass_by(watch) == mine
    assert refused() == {}


def test_a_folder_that_goes_away_changes_nothing(watch: Watch, networks: Networks, folder: Path, mine: str) -> None:
    times = Times()
    networks.activate("ztf", mine)
    assert times.pass_by(watch) == mine
    away = folder.rename(folder.with_name("away"))
    for _ in range(3):
        assert times.pass_by(watch) == mine
        assert refused() == {"unreachable": 1}
    folder.mkdir()  # where it was mounted
    assert times.pass_by(watch) == mine
    assert refused() == {"unreachable": 1}
    folder.rmdir()
    away.rename(folder)
    assert times.pass_by(watch) == mine
    assert refused() == {}


def test_a_network_that_stays_refused_is_not_fetched_at_each_look(
    watch: Watch, networks: Networks, folder: Path, mine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = Times()
    networks.activate("ztf", mine)
    cut(folder / "ztf" / mine / NETWORK)
    load, attempts = networks.load, []

    def counted(survey: str, version: str) -> object:
        attempts.append(times.now_s)
        return load(survey, version)

    monkeypatch.setattr(networks, "load", counted)
    for _ in range(100):  # 5 minutes
        times.now_s += LOOK_EVERY_S
        watch.look(times.now_s)
    assert np.diff(attempts)[:4].tolist() == [3, 6, 12, 24]
    assert set(np.diff(attempts)[5:]) == {60}


def test_an_incompatible_network_is_refused(watch: Watch, networks: Networks, folder: Path, mine: str) -> None:
    times = Times()
    times.pass_by(watch)
    networks.activate("ztf", mine)
    card = json.loads((folder / "ztf" / mine / CARD).read_text())
    card.pop("self_test")
    (folder / "ztf" / mine / CARD).write_text(json.dumps(card))
    assert times.pass_by(watch) == SHIPPED_VERSION
    assert refused() == {"incompatible": 1}


def test_errors_of_no_kind_do_not_end_the_looking(
    watch: Watch, networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: str) -> None:
        raise AttributeError("a library's own fault")

    times = Times()
    times.pass_by(watch)
    with monkeypatch.context() as patched:
        patched.setattr(networks, "active", fails)
        assert times.pass_by(watch) == SHIPPED_VERSION
        assert refused() == {"damaged": 1}
    times.pass_by(watch)
    assert refused() == {}


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    stop = threading.Event()
    yield stop
    stop.set()


def test_a_worker_waits_for_its_folder_at_the_start(tmp_path: Path, stop: threading.Event) -> None:
    waited = []

    def waits() -> None:
        waited.append(1)
        if len(waited) == 3:
            (tmp_path / "late").mkdir()

    with network_of(Settings(networks=str(tmp_path / "late")), stop, waits) as network:
        assert network is not None
        assert network().version == SHIPPED_VERSION
    assert len(waited) >= 3


def test_a_worker_that_waits_for_its_folder_can_be_stopped(tmp_path: Path, stop: threading.Event) -> None:
    with network_of(Settings(networks=str(tmp_path / "never")), stop, stop.set) as network:
        assert network is None


def test_without_a_folder_the_shipped_network_answers(stop: threading.Event) -> None:
    with network_of(Settings(), stop, stop.set) as network:
        assert network is not None
        assert network().version == SHIPPED_VERSION
    assert in_use(SHIPPED_VERSION, "starsieve-ztf") == 1


def test_an_address_that_nothing_reads_is_a_wrong_setting(stop: threading.Event) -> None:
    with (
        pytest.raises(SettingsError, match="networks: "),
        network_of(Settings(networks="nonsense://x"), stop, stop.set),
    ):
        pass
