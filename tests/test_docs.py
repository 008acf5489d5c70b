"""Documents name only what is there, links, headings and paths, and nothing of the machine that wrote them."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/weights/*/card.md")])
SOURCES = [
    path
    for folder in ("broker", "features", "models", "schemas", "tests", "deploy")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".yaml", ".yml", ".txt", ".toml"}
]
TO_BE_WRITTEN = "yours.py"  # by whoever follows CONTRIBUTING.md
FOLDERS = r"(?:broker|deploy|docs|features|models|schemas|starsieve|tests)"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"[\w./-]+\.py\b")
PATH = re.compile(rf"{FOLDERS}/[\w./-]*")
MODULE = re.compile(rf"-m (?:starsieve\.)?({FOLDERS}(?:\.\w+)+)")
# Hosts of package registries and mirrors, and folders of whoever wrote a document, are nobody else's affair.
HOSTS = {"arxiv.org"}
ADDRESS = re.compile(r"\b[a-z][a-z0-9+]*://([\w-]+(?:\.[\w-]+)+)")
REGISTRY = re.compile(r"index-url|trusted-host|/simple/", re.IGNORECASE)
MACHINE = re.compile(r"(?<![\w.])(?:/work/|/home/|/root/|/Users/|/mnt/|[A-Z]:\\)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchor(heading: str) -> str:
    """The anchor that a forge gives a heading: lower case, without punctuation, spaces as hyphens."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(document: Path) -> set[str]:
    """Of all headings of a document; lines of code that start with # are none."""
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", FENCED.sub("", document.read_text()), re.MULTILINE)}


def broken_links(document: Path) -> list[str]:
    """The relative links of a document, pictures included, that lead nowhere."""
    broken = []
    for link in LINK.findall(FENCED.sub("", document.read_text())):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (heading and heading not in anchors(target)):
            broken.append(link)
    return broken


def missing_paths(text: str) -> list[str]:
    """The files, folders and modules that a text names in backticks and that are not there."""
    missing = []
    for code in CODE.findall(text):
        named = {*FILE.findall(code), *PATH.findall(code)}
        named |= {f"{module.replace('.', '/')}.py" for module in MODULE.findall(code)}
        missing += sorted(name for name in named if not name.endswith(TO_BE_WRITTEN) and not (ROOT / name).exists())
    return missing


def private_names(text: str) -> list[str]:
    """What a text says of machines: folders of one, hosts of package registries and any that is not known."""
    hosts = [host for host in ADDRESS.findall(text) if host not in HOSTS]
    return [*(match.group() for pattern in (MACHINE, REGISTRY) for match in pattern.finditer(text)), *hosts]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    assert not broken_links(document)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_named_files_exist(document: Path) -> None:
    assert not missing_paths(FENCED.sub("", document.read_text()))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_no_machine_is_named(document: Path) -> None:
    assert not private_names(document.read_text())


def test_documents_that_others_name_exist() -> None:
    texts = {source: source.read_text() for source in [*DOCUMENTS, *SOURCES]}
    named = {(source, found) for source, text in texts.items() for found in re.findall(r"docs/[\w-]+\.md", text)}
    assert named, "no file names a document: the pattern is wrong"
    assert not {f"{name_of(source)}: {found}" for source, found in named if not (ROOT / found).exists()}


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    """The checks above can fail."""
    document = tmp_path / "a.md"
    document.write_text("# One thing, two\n[a](#one-thing-two) [b](#three) ![c](no.png) [d](a.md) [e](a.md#four)\n")
    assert broken_links(document) == ["#three", "no.png", "a.md#four"]
    text = "`features/check.py`, `features/no.py`, `models/none/`, `python -m tests.no`, `broker/surveys/yours.py`"
    assert missing_paths(text) == ["features/no.py", "models/none/", "tests/no.py"]
    index, folder = "https://mirror.example/simple/x", "/" + "home/me/x"
    assert private_names(f"{index} {folder} /srv/networks") == ["/home/", "/simple/", "mirror.example"]


@pytest.mark.parametrize(
    "card", sorted((ROOT / "models" / "weights").glob("*/card.json")), ids=lambda card: card.parent.name
)
def test_every_class_is_explained_with_its_id(card: Path) -> None:
    """docs/classes.md: a name stands in the first column of a row, its id in the last one."""
    found: dict[str, int] = {}
    for line in (ROOT / "docs" / "classes.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            found |= dict.fromkeys(re.findall(r"`(\w+)`", cells[0]), int(cells[-1].split()[0]))
    told = json.loads(card.read_text())
    assert {name: found.get(name) for name in told["classes"]} == dict(
        zip(told["classes"], told["class_ids"], strict=True)
    )
