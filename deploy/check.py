"""Checks everything under deploy/ that needs no container engine: make check-deploy."""

import atexit
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import kubernetes_validate
import yaml

from deploy.tools import CheckError, compose, prometheus_tool, run

DEPLOY = Path(__file__).parent
CHART = DEPLOY / "helm" / "starsieve"
RULES = DEPLOY / "prometheus" / "starsieve.rules.yaml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "starsieve.json"
BIN = Path(sys.executable).parent

KUBERNETES = ("1.25.0", kubernetes_validate.latest_version())  # the chart's oldest, and today's
# Schemas of what is not Kubernetes' own, from the modules of those who define it: API group -> module, file.
DEFINITIONS = {
    "keda.sh/ScaledObject": ("github.com/kedacore/keda/v2@v2.21.0", "config/crd/bases/keda.sh_scaledobjects.yaml"),
    "monitoring.coreos.com/ServiceMonitor": (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
    "monitoring.coreos.com/PrometheusRule": (
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
}
# Values that have to be refused, by what the refusal says.
REFUSED = {
    "bootstrap_servers": {"settings": {"redis": {"url": "redis://r"}}},
    "redis.existingSecret": {"settings": {"kafka": {"bootstrap_servers": "k:1"}}},
    "replicas": {"replicas": -1},
    "replica": {"replica": 3},  # no such value
    "redis/url": {"settings": {"redis": {"url": "redis://:password@r"}}},
    "options": {"settings": {"kafka": {"options": {"sasl.password": "password"}}}},
}


def dockerfile() -> str:
    """The Dockerfile, by hadolint."""
    return run(BIN / "hadolint", "--failure-threshold", "style", DEPLOY / "Dockerfile") or "clean"


def compose_file() -> str:
    """The compose file, by compose itself, and the files that it mounts."""
    found = json.loads(compose("config", "--format", "json"))
    for name, service in found["services"].items():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind" and not Path(volume["source"]).exists():
                raise CheckError(f"{name} mounts {volume['source']}, which does not exist")
    return f"{len(found['services'])} services"


def prometheus() -> str:
    """Configuration, rules, the rules' unit tests, and the dashboard's expressions, by promtool."""
    run(prometheus_tool("promtool"), "check", "config", DEPLOY / "prometheus" / "prometheus.yaml")
    run(prometheus_tool("promtool"), "test", "rules", DEPLOY / "prometheus" / "tests.yaml")
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    tested = {
        case["alertname"]
        for test in yaml.safe_load((DEPLOY / "prometheus" / "tests.yaml").read_text())["tests"]
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    if untested := {rule["alert"] for rule in rules} - tested:
        raise CheckError(f"no test fires {', '.join(sorted(untested))}")
    panels = [
        target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel.get("targets", [])
    ]
    records = [{"record": f"panel:{n}", "expr": as_prometheus_sees(expr)} for n, expr in enumerate(panels)]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": records}]}, file)
        file.flush()
        run(prometheus_tool("promtool"), "check", "rules", file.name)
    return f"{len(rules)} rules, each with a test that fires it; {len(panels)} expressions on the dashboard"


def as_prometheus_sees(expression: str) -> str:
    """A panel's expression with Grafana's variables filled in."""
    return re.sub(r"\$\w+", "x", expression.replace("$__rate_interval", "1m"))


def chart() -> str:
    """The Helm chart: linted, rendered with each file in ci/, every object against its schema."""
    kinds = set()
    files = sorted((CHART / "ci").glob("*.yaml"))
    for file in files:
        values = yaml.safe_load(file.read_text())
        report = helm_python.lint(packed(), values, strict=True, quiet=True)
        if problems := [m for m in report["messages"] if m["severity"] > 1] + report["errors"]:
            raise CheckError(f"{file.name}: {problems}")
        for manifest in render(values):
            kinds.add(validate(manifest))
    for what, values in REFUSED.items():
        try:
            list(render(values))
        except helm_python.HelmError as error:
            if what not in str(error):
                raise CheckError(f"values without a right {what} are refused for another reason: {error}") from error
        else:
            raise CheckError(f"values with a wrong {what} are accepted")
    unseen = "" if shutil.which("go") else "; NOT validated, for want of go: " + ", ".join(DEFINITIONS)
    return f"{len(files)} sets of values, {len(REFUSED)} refused; {', '.join(sorted(kinds))}{unseen}"


def render(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects that Helm would send to the cluster."""
    with helm_python.Chart.load(packed()) as loaded:
        loaded.validate_schema(loaded.merge_values(values))
        rendered = loaded.render(values, name="night", namespace="brokers")
    for path, text in rendered.items():
        if path.endswith(".yaml"):
            yield from filter(None, yaml.safe_load_all(text))


@cache
def packed() -> Path:
    """The chart as a package would have it: Helm follows links too, but tells of each."""
    folder = Path(tempfile.mkdtemp()) / CHART.name
    atexit.register(shutil.rmtree, folder.parent)
    return Path(shutil.copytree(CHART, folder))


def validate(manifest: dict[str, Any]) -> str:
    """Checks an object strictly against the schema of its kind, and names the kind."""
    group, kind = manifest["apiVersion"].split("/")[0], manifest["kind"]
    try:
        if f"{group}/{kind}" not in DEFINITIONS:
            for version in KUBERNETES:
                kubernetes_validate.validate(manifest, version, strict=True)
        elif shutil.which("go"):
            jsonschema.validate(manifest, definition(f"{group}/{kind}"))
    except (kubernetes_validate.ValidationError, jsonschema.ValidationError) as error:
        raise CheckError(f"{kind}: {error}") from error
    return str(kind)


@cache
def definition(name: str) -> Any:
    """The schema of a custom resource; it takes no field that it does not know."""
    module, path = DEFINITIONS[name]
    folder = json.loads(run("go", "mod", "download", "-json", module, cwd=Path(tempfile.gettempdir())))["Dir"]
    crd = yaml.safe_load((Path(folder) / path).read_text())
    return strict(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], top=True)


def strict(schema: Any, *, top: bool = False) -> Any:
    """A schema that refuses fields it does not know, as the API server's strict validation does."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    # a pattern may be Go's, which Python cannot read
    inner = {key: strict(value) for key, value in schema.items() if key != "pattern"}
    if (
        isinstance(schema.get("properties"), dict)
        and not schema.get("x-kubernetes-preserve-unknown-fields")
        and not top
    ):
        inner.setdefault("additionalProperties", False)
    if top:
        inner["properties"]["metadata"] = {"type": "object"}
    return inner


CHECKS: tuple[Callable[[], str], ...] = (dockerfile, compose_file, prometheus, chart)


def main() -> int:
    """Runs every check; 1 if one has failed."""
    failed = 0
    for check in CHECKS:
        try:
            print(f"{check.__name__}: {check()}", flush=True)
        except (CheckError, helm_python.HelmError) as error:
            print(f"{check.__name__} FAILED: {error}", flush=True)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
