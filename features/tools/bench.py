"""`starsieve bench features`: the speed of the package beside light-curve and nifty-ls, in one run on one thread.

Times are processor time of the thread (of the process, for first calls), so that other work on the machine counts
little.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from starsieve.features import caches
from starsieve.features.analyse import N_FEATURES, N_PROFILE
from starsieve.features.library import find_period
from starsieve.features.periods.grid import SHORTEST_PERIOD, grid_of
from starsieve.features.shape.profile import FROM_SEARCH, profile_given_period
from starsieve.features.shape.statistics import features_given_period
from starsieve.features.stream import update, update_many
from starsieve.features.tools.commands import need
from starsieve.features.tools.simulated import KINDS, PERIODIC, LightCurve, cadence, light_curve

Floats = NDArray[np.float64]
SEED = 7
PEER_LOG2_FREQUENCIES = {1000.0: 18, 3000.0: 19}  # light-curve's grids have a power of two of frequencies
EPOCHS = 200
STARS_PER_KIND = 8
FIRST, LAST = 30, 400  # epochs of the stream
FIRST_OF_TWO = 60  # epochs in two bands together
TOLERANCE = 0.01  # relative, of a right period
FIRST_CALL = """
import numpy as n
from starsieve import features
t = n.arange(50.0)
features.update(None, t, n.sin(t), 0.1 + 0 * t)
"""


def _milliseconds(function: Callable[[], Any]) -> float:
    start = time.thread_time()
    function()
    return 1e3 * (time.thread_time() - start)


def _light_curve_periodogram(log2_frequencies: int) -> Callable[[LightCurve], float]:
    import light_curve as peer  # noqa: PLC0415 - of the `bench` extra

    frequencies = np.linspace(0, 2 * np.pi / SHORTEST_PERIOD, 2**log2_frequencies + 1)
    periodogram = peer.Periodogram(peaks=1, freqs=frequencies, fast=True)

    def search(curve: LightCurve) -> float:
        t = (curve.mjd - curve.mjd[0]).astype(np.float32)
        mag, magerr = curve.mag.astype(np.float32), curve.magerr.astype(np.float32)
        return float(periodogram(t, mag, magerr, sorted=True, check=False)[0])

    return search


def _nifty_periodogram(baseline: float) -> Callable[[LightCurve], float]:
    import nifty_ls  # noqa: PLC0415 - of the `bench` extra

    step = grid_of(baseline)[0]
    n = int(1 / SHORTEST_PERIOD / step)

    def search(curve: LightCurve) -> float:
        t = (curve.mjd - curve.mjd[0]).astype(np.float32)
        mag, magerr = (curve.mag - curve.mag.mean()).astype(np.float32), curve.magerr.astype(np.float32)
        found = nifty_ls.lombscargle(t, mag, magerr, fmin=step, fmax=n * step, Nf=n, backend="finufft", nthreads=1)
        return float(1 / (step * (1 + int(np.argmax(found.power)))))

    return search


def _measure_search(baseline: float) -> dict[str, Any]:
    """Time per light curve (ms) and fraction of right periods, ours and the peers', interleaved star by star."""
    rng = np.random.default_rng(SEED)
    curves = [light_curve(kind, EPOCHS, baseline, rng) for kind in PERIODIC for _ in range(STARS_PER_KIND)]
    searches: dict[str, Callable[[LightCurve], float]] = {
        "starsieve": lambda c: find_period(c.mjd, c.mag, c.magerr).period,
        "light_curve": _light_curve_periodogram(PEER_LOG2_FREQUENCIES[baseline]),
        "nifty_ls": _nifty_periodogram(baseline),
    }
    for search in searches.values():
        search(curves[0])
    times: dict[str, list[float]] = {name: [] for name in searches}
    right: dict[str, list[bool]] = {name: [] for name in searches}
    for curve in curves:
        for name, search in searches.items():
            start = time.thread_time()
            period = search(curve)
            times[name].append(1e3 * (time.thread_time() - start))
            right[name].append(abs(period / curve.period - 1) < TOLERANCE)
    result: dict[str, Any] = {
        name: {"ms": float(np.median(times[name])), "right": float(np.mean(right[name]))} for name in searches
    }
    result["faster_than_light_curve"] = result["light_curve"]["ms"] / result["starsieve"]["ms"]
    return result


def _dense_nights(rng: np.random.Generator) -> LightCurve:
    """Three nights of continuous exposures within a sparse survey: nearly singular models at first."""
    sparse = cadence(LAST - 240, 400.0, rng)
    nights = [night + np.linspace(0, 0.3, 80) for night in (3.0, 4.0, 200.0)]
    mjd = np.sort(np.concatenate([sparse, *nights]))
    magerr = np.full(mjd.size, 0.03)
    return LightCurve(mjd, 16 + 0.1 * np.sin(2 * np.pi * mjd / 0.37) + magerr * rng.normal(size=mjd.size), magerr, 0.37)


def _measure_stream(baseline: float) -> dict[str, Any]:
    """Grow light curves epoch by epoch with their states; compare every step with an update without state."""
    rng = np.random.default_rng(SEED)
    curves = [light_curve(kind, LAST, baseline, rng) for kind in KINDS] + [_dense_nights(rng)]
    times, different = [], 0
    update(None, curves[0].mjd, curves[0].mag, curves[0].magerr)  # compiles, or loads what was compiled
    for curve in curves:
        state: bytes | None = None
        for n in range(FIRST, LAST + 1):
            seen = curve.mjd[:n], curve.mag[:n], curve.magerr[:n]
            start = time.thread_time()
            streamed = update(state, *seen)
            times.append(1e3 * (time.thread_time() - start))
            state = streamed.state
            fresh = update(None, *seen)
            different += streamed.features.tobytes() != fresh.features.tobytes() or streamed.period != fresh.period
    # A second pass over the topic finds every epoch stored and sees each alert as of its time; so does a third.
    passes = [_replay(curves[::3]) for _ in range(2)]
    return {
        "steps": len(times),
        "steps_unlike_full_search": different,
        "third_pass_equals_second": passes[0] == passes[1],
        "mean_ms": float(np.mean(times)),
        "median_ms": float(np.median(times)),
        "p99_ms": float(np.percentile(times, 99)),
        "state_bytes": len(update(None, *_thinned(curves[0])).state or b""),
    }


def _measure_two_bands(baseline: float) -> dict[str, Any]:
    """Grow objects whose epochs are in either of two bands; a search of both, and one of the new epoch's band alone."""
    rng = np.random.default_rng(SEED)
    times: dict[str, list[float]] = {"both": [], "alone": []}
    different = 0
    for kind in KINDS:
        curve = light_curve(kind, LAST, baseline, rng)
        band = rng.integers(2, size=LAST)
        state: bytes | None = None
        states: list[bytes | None] = [None, None]
        for n in range(FIRST_OF_TWO, LAST + 1):
            order = np.argsort(band[:n], kind="stable")
            seen = curve.mjd[order], curve.mag[order], curve.magerr[order]
            offsets = np.array([0, np.count_nonzero(band[:n] == 0), n])
            start = time.thread_time()
            streamed = update_many([state], *seen, offsets, objects=[0, 2])
            times["both"].append(1e3 * (time.thread_time() - start))
            state = streamed.states[0]
            fresh = update_many([None], *seen, offsets, objects=[0, 2])
            different += streamed.features.tobytes() != fresh.features.tobytes() or streamed.periods != fresh.periods
            new = band[n - 1]
            part = slice(offsets[new], offsets[new + 1])
            start = time.thread_time()
            states[new] = update(states[new], *(column[part] for column in seen)).state
            times["alone"].append(1e3 * (time.thread_time() - start))
    means = {name: float(np.mean(of_steps)) for name, of_steps in times.items()}
    return {"steps": len(times["both"]), "steps_unlike_full_search": different, **means}


def _thinned(curve: LightCurve) -> tuple[Floats, Floats, Floats]:
    """EPOCHS epochs over the whole baseline."""
    chosen = np.linspace(0, curve.mjd.size - 1, EPOCHS).astype(int)
    return curve.mjd[chosen], curve.mag[chosen], curve.magerr[chosen]


def _replay(curves: list[LightCurve]) -> list[bytes]:
    results = []
    for curve in curves:
        state = update(None, curve.mjd, curve.mag, curve.magerr).state
        for mjd in curve.mjd[FIRST::20]:
            found = update(state, curve.mjd, curve.mag, curve.magerr, asof=float(mjd))
            results.append(found.features.tobytes())
            state = found.state
    return results


def _measure_features() -> dict[str, float]:
    """The 16 features, and the profile, given the period: microseconds."""
    curve = light_curve("rrab", EPOCHS, 1000.0, np.random.default_rng(SEED))
    time, features, profile = curve.mjd - curve.mjd[0], np.empty(N_FEATURES), np.empty(N_PROFILE - FROM_SEARCH)
    return {
        "features_us": _microseconds(
            lambda: features_given_period(curve.mjd, curve.mag, curve.magerr, curve.period, features)
        ),
        "profile_us": _microseconds(
            lambda: profile_given_period(time, curve.mag, curve.magerr, 1 / curve.period, profile)
        ),
    }


def _microseconds(call: Callable[[], None]) -> float:
    rounds = 1000

    def run() -> None:
        for _ in range(rounds):
            call()

    run()
    return 1e3 / rounds * min(_milliseconds(run) for _ in range(5))


def _measure_first_calls() -> dict[str, float]:
    """Seconds of a first update in a new process, without and with compiled code on disk; Python's own start is in."""

    def run() -> float:
        before = os.times()
        subprocess.run(command, env=environment, check=True)  # noqa: S603 - our own command
        after = os.times()
        return after.children_user - before.children_user + after.children_system - before.children_system

    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, caches.SETTING: folder, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", FIRST_CALL]
        cold, warm = run(), min(run() for _ in range(3))
    return {"after_installation_s": cold, "warm_s": warm}


def measure_speed(console: Console) -> dict[str, Any]:
    """All measurements; takes a few minutes. Needs the `bench` extra."""
    need("light_curve", "nifty_ls")
    results: dict[str, Any] = {"processor": _processor(), "seed": SEED}
    for baseline in PEER_LOG2_FREQUENCIES:
        console.print(f"period search from nothing, {baseline:.0f} d")
        results[f"search_{baseline:.0f}"] = _measure_search(baseline)
        console.print(f"stream, {baseline:.0f} d")
        results[f"stream_{baseline:.0f}"] = _measure_stream(baseline)
    console.print("stream, two bands, 1000 d")
    results["two_bands"] = _measure_two_bands(1000.0)
    results |= _measure_features()
    console.print("first calls")
    results["first_call"] = _measure_first_calls()
    return results


def _processor() -> str:
    llvm = import_module("llvmlite.binding")  # Numba's own
    return str(llvm.get_host_cpu_name())


def speed_table(results: dict[str, Any]) -> Table:
    """The measurements beside their goals."""
    table = Table("what", "measured", "goal", title=f"one thread, {results['processor']}")
    for baseline, goal in ((1000, 0.6), (3000, 1.0)):
        search, stream = results[f"search_{baseline}"], results[f"stream_{baseline}"]
        ours, theirs, nifty = search["starsieve"], search["light_curve"], search["nifty_ls"]
        table.add_row(
            f"find_period, N = {EPOCHS}, {baseline} d",
            f"{ours['ms']:.2f} ms, {ours['right']:.0%} right; light-curve {theirs['ms']:.2f} ms, {theirs['right']:.0%};"
            f" nifty-ls {nifty['ms']:.2f} ms, {nifty['right']:.0%}: {search['faster_than_light_curve']:.1f}x",
            "3x light-curve",
        )
        table.add_row(
            f"update, N = {FIRST}-{LAST}, {baseline} d",
            f"mean {stream['mean_ms']:.2f} ms, median {stream['median_ms']:.2f}, p99 {stream['p99_ms']:.2f}",
            f"mean {goal} ms",
        )
        table.add_row("  unlike a full search", f"{stream['steps_unlike_full_search']} of {stream['steps']}", "0")
        table.add_row("  third pass equals second", str(stream["third_pass_equals_second"]), "True")
        table.add_row(
            f"  state, N = {EPOCHS}", f"{stream['state_bytes']} bytes", {1000: "4 kB", 3000: "10 kB"}[baseline]
        )
    two = results["two_bands"]
    table.add_row(
        f"an object in two bands, N = {FIRST_OF_TWO}-{LAST} in all, 1000 d",
        f"mean {two['both']:.2f} ms, of the new epoch's band alone {two['alone']:.2f} ms",
        "",
    )
    table.add_row("  unlike a full search", f"{two['steps_unlike_full_search']} of {two['steps']}", "0")
    table.add_row(f"16 features given the period, N = {EPOCHS}", f"{results['features_us']:.1f} us", "20 us")
    table.add_row("  the profile", f"{results['profile_us']:.1f} us", "")
    first = results["first_call"]
    table.add_row("first call after installation", f"{first['after_installation_s']:.0f} s", "stated")
    table.add_row("first call, warm cache", f"{first['warm_s']:.2f} s", "1 s")
    return table
