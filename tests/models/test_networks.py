"""The folder of networks: what is added, which one is active, and what is refused with which reason."""

import json
import os
import shutil
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from starsieve.models import ModelError, RefusedError
from starsieve.models.serving import places, registry
from starsieve.models.serving.card import CARD
from starsieve.models.serving.classifier import NETWORK
from starsieve.models.serving.networks import ACTIVE, SHIPPED, Active, Networks
from tests.models.made_networks import Card, cut, make, spoil

SHIPPED_VERSION = registry.load("ztf").version


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    make(folder)
    return folder


@pytest.fixture(params=["folder", "memory"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place that is empty: a folder, or one of fsspec's."""
    if request.param == "folder":
        return str(tmp_path / "networks")
    pytest.importorskip("fsspec")
    return f"memory://networks-{uuid.uuid4().hex}"


def test_added_activated_and_rolled_back(address: str, tmp_path: Path) -> None:
    networks = Networks(address)
    first, second = make(tmp_path / "1", sharpness=1.1), make(tmp_path / "2", sharpness=1.2)
    for number in (1, 2):
        added = networks.add(tmp_path / str(number))
        assert (added.survey, added.name, added.already) == ("ztf", "mine", False)
    assert networks.versions("ztf") == sorted([first, second])
    assert "ztf" in networks.surveys()
    assert networks.active("ztf") is None
    assert networks.load("ztf").version == SHIPPED_VERSION
    for version in (first, second, second):
        assert networks.activate("ztf", version).version == version
        assert networks.load("ztf").version == version
    assert networks.active("ztf") == Active(version=second, history=[SHIPPED, first])
    assert [networks.rollback("ztf").version for _ in range(2)] == [first, SHIPPED_VERSION]
    with pytest.raises(ModelError, match="nothing to go back to"):
        networks.rollback("ztf")
    assert networks.load("ztf").version == SHIPPED_VERSION


def test_all_that_a_network_comes_with_is_kept(tmp_path: Path, made: Path) -> None:
    added = Networks(str(tmp_path / "networks")).add(made)
    kept = tmp_path / "networks" / "ztf" / added.version
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == {
        path.name: path.read_bytes() for path in made.iterdir()
    }
    assert kept.stat().st_mode & 0o555 == 0o555  # workers are other users
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in kept.iterdir())


def test_added_twice_is_no_error_but_other_content_is(address: str, made: Path) -> None:
    networks = Networks(address)
    assert not networks.add(made).already
    assert networks.add(made).already
    card = json.loads((made / CARD).read_text())
    (made / CARD).write_text(json.dumps(card | {"origin": "elsewhere"}))  # nothing that its version depends on
    with pytest.raises(ModelError, match="other content"):
        networks.add(made)
    assert networks.load("ztf", card["version"]).card.origin != "elsewhere"


def test_the_shipped_network_goes_by_its_version_too(tmp_path: Path) -> None:
    networks = Networks(str(tmp_path))
    networks.activate("ztf", SHIPPED_VERSION)
    assert networks.active("ztf") == Active(version=SHIPPED)
    networks.add(registry.WEIGHTS / "ztf")  # a copy that outlasts the next upgrade
    networks.activate("ztf", SHIPPED_VERSION)
    assert networks.active("ztf") == Active(version=SHIPPED_VERSION, history=[SHIPPED])


def other_classes(card: Card) -> None:
    card["classes"][0] = "GALAXY"


def swapped_features(card: Card) -> None:
    card["features"] = card["features"][::-1]


def swapped_columns(card: Card) -> None:
    card["scaler"]["columns"] = card["scaler"]["columns"][::-1]


def fewer_inputs(card: Card) -> None:
    for name in ("center", "scale"):
        card["scaler"][name] = card["scaler"][name][:-1]


def other_answers(card: Card) -> None:
    card["self_test"]["probabilities"] = card["self_test"]["probabilities"][::-1]


def no_number(card: Card) -> None:
    card["calibration"]["sharpness"] = float("nan")


def dropped(name: str) -> Callable[[Card], object]:
    return lambda card: card.pop(name)


def changed(**values: object) -> Callable[[Card], object]:
    return lambda card: card.update(values)


SPOILT: list[tuple[str, Callable[[Card], object], str, str]] = [
    ("no-self-test", dropped("self_test"), "incompatible", "self_test"),
    ("empty-self-test", changed(self_test={"features": [], "probabilities": []}), "incompatible", "self_test"),
    ("no-scaler", dropped("scaler"), "damaged", "scaler"),
    ("other-features", swapped_features, "incompatible", "other features"),
    ("other-columns", swapped_columns, "incompatible", "other features"),
    ("fewer-inputs", fewer_inputs, "damaged", "fit"),
    ("unknown-class", other_classes, "incompatible", "GALAXY"),
    ("other-ids", changed(class_ids=[200] * 14), "incompatible", "taxonomy"),
    ("class-left-out", lambda card: [card["classes"].pop(0), card["class_ids"].pop(0)], "damaged", "fit"),
    ("residual-first", lambda card: card["classes"].reverse(), "incompatible", "Residual"),
    ("other-answers", other_answers, "damaged", "answers on its card"),
    ("not-a-number", no_number, "incompatible", "calibration.sharpness"),
    ("wrong-type", changed(bands="gr"), "incompatible", "bands"),
    ("survey-elsewhere", changed(survey="../../etc"), "incompatible", "survey"),
    ("survey-hidden", changed(survey=".ztf"), "incompatible", "survey"),
    ("name-of-two-lines", changed(name="mine\nyours"), "incompatible", "name"),
    ("odd-familiarity", changed(familiarity={"center": "far"}), "incompatible", "familiarity.center"),
]


@pytest.mark.parametrize(("change", "reason", "said"), [case[1:] for case in SPOILT], ids=[case[0] for case in SPOILT])
def test_a_spoilt_card_is_refused(
    tmp_path: Path, made: Path, change: Callable[[Card], object], reason: str, said: str
) -> None:
    networks = Networks(str(tmp_path / "networks"))
    version = networks.add(made).version
    spoil(made, change)
    with pytest.raises(RefusedError, match=said) as refused:
        networks.add(made)
    assert refused.value.reason == reason
    kept = tmp_path / "networks" / "ztf" / version  # the same, done to it after it was added
    shutil.copy(made / CARD, kept / CARD)
    with pytest.raises(RefusedError):
        networks.activate("ztf", version)
    assert networks.active("ztf") is None
    assert sorted(path.name for path in (tmp_path / "networks").rglob("*") if path.is_dir()) == sorted([version, "ztf"])


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"a":\xff}'])
def test_what_is_no_card_is_refused(tmp_path: Path, made: Path, text: str) -> None:
    (made / CARD).write_bytes(text.encode("latin-1"))
    with pytest.raises(RefusedError):
        Networks(str(tmp_path / "networks")).add(made)
    assert not (tmp_path / "networks").exists()


def test_a_network_that_was_cut_off_is_refused(tmp_path: Path, made: Path) -> None:
    cut(made / NETWORK)
    with pytest.raises(RefusedError, match="sha256") as refused:
        Networks(str(tmp_path / "networks")).add(made)
    assert refused.value.reason == "damaged"
    spoil(made, lambda card: None)  # now its card is one of the cut network
    with pytest.raises(RefusedError) as refused:
        Networks(str(tmp_path / "networks")).add(made)
    assert refused.value.reason == "damaged"


def test_a_network_without_a_band_of_the_one_in_use_is_refused(tmp_path: Path, made: Path) -> None:
    networks = Networks(str(tmp_path / "networks"))
    spoil(made, changed(bands=["V"]))
    version = networks.add(made).version
    with pytest.raises(RefusedError, match="no alert would be classified"):
        networks.activate("ztf", version)


def as_link(path: Path, elsewhere: Path) -> None:
    path.replace(elsewhere)
    path.symlink_to(elsewhere)


def as_pipe(path: Path, elsewhere: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_folder(path: Path, elsewhere: Path) -> None:
    path.unlink()
    path.mkdir()


def as_huge_file(path: Path, elsewhere: Path) -> None:
    with path.open("ab") as file:
        file.truncate(2**40)  # of holes: a terabyte that takes no place


@pytest.mark.parametrize("name", [CARD, NETWORK, "card.png"])
@pytest.mark.parametrize("make_it", [as_link, as_pipe, as_folder, as_huge_file])
def test_a_hostile_folder_is_refused(
    tmp_path: Path, made: Path, make_it: Callable[[Path, Path], None], name: str
) -> None:
    make_it(made / name, tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match=name):
        Networks(str(tmp_path / "networks")).add(made)


def test_huge_files_in_the_folder_are_not_read(tmp_path: Path, made: Path) -> None:
    networks = Networks(str(tmp_path / "networks"))
    version = networks.add(made).version
    as_huge_file(tmp_path / "networks" / "ztf" / version / CARD, tmp_path)
    with pytest.raises(RefusedError, match=r"card\.json has"):
        networks.load("ztf", version)


@pytest.mark.parametrize("survey", ["../ztf", "/etc", "", ".", "..", "ztf/..", "z" * 65, "ztf\n"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, survey: str) -> None:
    networks = Networks(str(tmp_path))
    for call in (networks.versions, networks.active, networks.rollback, networks.load):
        with pytest.raises(ModelError):
            call(survey)
    with pytest.raises(ModelError):
        networks.activate(survey, "../../etc")
    with pytest.raises(ModelError, match="no version"):
        networks.activate("ztf", "../../etc")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": "../x"}', '{"version": 1}'])
def test_a_damaged_activation_is_told_and_mended_by_another(tmp_path: Path, made: Path, content: str) -> None:
    networks = Networks(str(tmp_path / "networks"))
    version = networks.add(made).version
    (tmp_path / "networks" / "ztf" / ACTIVE).write_text(content)
    with pytest.raises(RefusedError, match=ACTIVE) as refused:
        networks.load("ztf")
    assert refused.value.reason == "damaged"
    networks.activate("ztf", version)
    assert networks.load("ztf").version == version


def test_a_folder_that_is_not_there_is_out_of_reach_and_not_empty(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        Networks(str(tmp_path / "unmounted")).active("ztf")
    assert refused.value.reason == "unreachable"


@pytest.mark.parametrize("address", ["nonsense://x", "memory", "s3://nowhere"])
def test_an_address_that_nothing_reads(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError):
        Networks(address).active("ztf")


def test_secrets_of_an_address_are_not_shown(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(ModelError) as told:
        Networks("nonsense://user:secret@host/networks")
    assert "secret" not in str(told.value)
    assert "host/networks" in str(told.value)


@pytest.mark.parametrize(
    "error", [ConnectionError("reset"), TimeoutError(), KeyError("a library's own"), OSError(5, "I/O")]
)
def test_a_place_that_fails_is_out_of_reach(monkeypatch: pytest.MonkeyPatch, made: Path, error: Exception) -> None:
    fsspec = pytest.importorskip("fsspec")
    networks = Networks(f"memory://networks-{uuid.uuid4().hex}")
    version = networks.add(made).version

    def fails(*_: object, **__: object) -> None:
        raise error

    for name in ("cat_file", "ls", "pipe_file"):
        monkeypatch.setattr(fsspec.get_filesystem_class("memory"), name, fails)
    calls: list[Callable[[], object]] = [
        networks.surveys,
        lambda: networks.load("ztf", version),
        lambda: networks.active("ztf"),
        lambda: networks.activate("ztf", SHIPPED),
        lambda: networks.add(made),
    ]
    for call in calls:
        with pytest.raises(RefusedError) as refused:
            call()
        assert refused.value.reason == "unreachable"


def test_an_upload_that_was_broken_off_is_no_network_and_can_be_made_again(
    monkeypatch: pytest.MonkeyPatch, made: Path
) -> None:
    fsspec = pytest.importorskip("fsspec")
    networks = Networks(f"memory://networks-{uuid.uuid4().hex}")
    memory = fsspec.get_filesystem_class("memory")
    write, written = memory.pipe_file, 0

    def breaks_off(self: object, path: str, *arguments: object, **options: object) -> None:
        nonlocal written
        written += 1
        if written == len(list(made.iterdir())):
            raise ConnectionError
        write(self, path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(memory, "pipe_file", breaks_off)
        with pytest.raises(RefusedError):
            networks.add(made)
    (version,) = networks.versions("ztf")
    with pytest.raises(RefusedError, match=r"no card\.json"):
        networks.activate("ztf", version)
    assert not networks.add(made).already
    assert networks.activate("ztf", version).version == version


def test_many_add_and_one_is_kept(tmp_path: Path) -> None:
    """Half of the processes with one card, half with another of the same version: one kind succeeds, none breaks it."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        make(folder)
    spoil(folders[1], changed(origin="elsewhere"))
    arguments = [(str(tmp_path / "networks"), folders[number % 2]) for number in range(8)]
    with get_context("spawn").Pool(4) as pool:
        results = pool.starmap(_add, arguments)
    kinds = [set(results[0::2]), set(results[1::2])]
    assert {"added"} <= set(results)
    assert results.count("added") == 1
    assert sorted(map(sorted, kinds), key=len) == [["refused"], ["added", "there"]]
    networks = Networks(str(tmp_path / "networks"))
    (version,) = networks.versions("ztf")
    assert networks.load("ztf", version).version == version
    assert [path.name for path in (tmp_path / "networks" / "ztf").iterdir()] == [version]


def _add(address: str, folder: Path) -> str:
    try:
        return "there" if Networks(address).add(folder).already else "added"
    except ModelError as error:
        return "refused" if "other content" in str(error) else str(error)


def test_whoever_reads_while_another_activates_sees_one_or_the_other(tmp_path: Path) -> None:
    place = places.place(str(tmp_path))
    contents = [Active(version=version * 8, history=[SHIPPED] * 400).model_dump_json().encode() for version in "ab"]
    place.replace("ztf/active.json", contents[0])

    def write() -> None:
        for number in range(300):
            place.replace("ztf/active.json", contents[number % 2])

    with ThreadPoolExecutor(2) as pool:
        done = pool.submit(write)
        while not done.done():
            assert place.read("ztf/active.json") in contents
        done.result()
    assert [path.name for path in (tmp_path / "ztf").iterdir()] == ["active.json"]
