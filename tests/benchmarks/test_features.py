"""The benchmark of features runs, and what it counts is right; its times are for docs/performance.md."""

import pytest
from rich.console import Console

from starsieve.features.tools import bench


def test_benchmark_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "STARS_PER_KIND", 1)
    monkeypatch.setattr(bench, "LAST", 260)
    monkeypatch.setattr(bench, "FIRST", 250)
    monkeypatch.setattr(bench, "FIRST_OF_TWO", 250)
    monkeypatch.setattr(bench, "_measure_first_calls", lambda: {"after_installation_s": 30.0, "warm_s": 0.5})
    results = bench.measure_speed(Console(quiet=True))
    for baseline in (1000, 3000):
        stream, search = results[f"stream_{baseline}"], results[f"search_{baseline}"]
        assert stream["steps"] == 11 * 11
        assert stream["steps_unlike_full_search"] == 0
        assert stream["third_pass_equals_second"]
        assert search["starsieve"]["right"] >= search["light_curve"]["right"]
    assert stream["state_bytes"] <= 10_000
    assert results["two_bands"]["steps"] == 10 * 11
    assert results["two_bands"]["steps_unlike_full_search"] == 0
    assert bench.speed_table(results).row_count == 16
