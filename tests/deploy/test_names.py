"""What rules, dashboards and documentation call by name exists."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from starsieve.broker import health, telemetry
from starsieve.broker.settings import Settings
from starsieve.broker.tools.drifts import LINE

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/starsieve.rules.yaml"
DASHBOARD = ROOT / "deploy/grafana/dashboards/starsieve.json"
OPERATIONS = ROOT / "docs/operations.md"

NAME = re.compile(r"\b(?:starsieve|process)_[a-z_]+\b")
SELECTED = re.compile(r"(starsieve_[a-z_]+)\{([^}]*)\}")
FROM_PROMETHEUS = {"job", "instance"}


def series() -> dict[str, set[str]]:
    """Names of all series that a worker can show, with their labels."""
    suffixes = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "info": ("_info",)}
    found: dict[str, set[str]] = {"process_cpu_seconds_total": set(), "process_resident_memory_bytes": set()}
    for module in (telemetry, health):
        for metric in vars(module).values():
            if metric.__class__.__module__ == "prometheus_client.metrics":
                (described,) = metric.describe()
                for suffix in suffixes.get(described.type, ("",)):
                    found[described.name + suffix] = set(metric._labelnames) | {"le"}
    return found


SERIES = series()
SERIES["starsieve_network_info"] |= {"classifier", "version"}
SERIES["starsieve_build_info"] |= {"version"}


def test_there_are_metrics_and_all_are_in_the_registry_that_is_served() -> None:
    assert len(SERIES) > 25
    served = {family.name for family in REGISTRY.collect()}
    assert {re.sub("_(bucket|sum|count|total|info)$", "", name) for name in SERIES} <= {
        re.sub("_total$", "", name) for name in served
    } | {"process_cpu_seconds"}


@pytest.mark.parametrize("file", [RULES, DASHBOARD, OPERATIONS], ids=lambda file: file.name)
def test_every_metric_that_is_named_exists_with_its_labels(file: Path) -> None:
    text = file.read_text().replace("\\", "")
    used = set(NAME.findall(text)) & {name for name in NAME.findall(text) if not is_no_metric(name)}
    assert used, "nothing is named"
    assert used <= SERIES.keys()
    for name, selector in SELECTED.findall(text):
        labels = set(re.findall(r"(\w+)\s*[=!]~?", selector))
        assert labels <= SERIES[name] | FROM_PROMETHEUS, name


def is_no_metric(name: str) -> bool:
    """Topics are named in the documentation too."""
    return name in {"starsieve_classifications", "starsieve_dead_letters"}


def test_every_metric_is_shown_or_watched() -> None:
    named = set(NAME.findall(RULES.read_text())) | set(NAME.findall(DASHBOARD.read_text()))
    stems = {re.sub("_(bucket|sum|count)$", "", name) for name in SERIES}
    unused = stems - {re.sub("_(bucket|sum|count)$", "", name) for name in named}
    assert unused == set()


def test_every_rule_links_a_paragraph_that_exists() -> None:
    headings = re.findall(r"^#+ (.+)$", OPERATIONS.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
    text = RULES.read_text()
    links = re.findall(r"runbook: docs/operations\.md#(\S+)", text)
    assert len(links) == len(re.findall(r"- alert:", text))
    assert set(links) <= anchors


def test_every_reason_why_a_worker_is_not_ready_is_explained() -> None:
    text = OPERATIONS.read_text()
    assert [reason for reason in health.REASONS if f"`{reason}`" not in text] == []


def test_the_rule_of_drift_and_the_command_draw_the_same_line() -> None:
    assert f"starsieve_drift_psi) > {LINE}\n" in RULES.read_text()


def test_no_two_panels_share_a_place() -> None:
    taken = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_compose_sets_only_settings_that_exist() -> None:
    text = (ROOT / "deploy/compose.yaml").read_text()
    for name in re.findall(r"STARSIEVE_([A-Z_]+)", text):
        section, _, key = name.lower().partition("__")
        field = Settings.model_fields[section]
        assert not key or key in field.annotation.model_fields  # type: ignore[union-attr]
