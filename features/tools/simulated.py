"""Light curves of ten kinds of source on a ZTF-like cadence, from a seed: for tests and benchmarks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Generator = np.random.Generator
YEAR = 365.25
SEASON = 0.60  # of the year in which a field is observable
CLEAR = 0.75  # fraction of nights
VISITS = 1.15  # a night, on average; the second one 20-60 minutes later
TWO_PI = 2 * np.pi


@dataclass(frozen=True, slots=True)
class LightCurve:
    """mjd, mag, magerr (n,) and the period in days, NaN where there is none."""

    mjd: Floats
    mag: Floats
    magerr: Floats
    period: float


def cadence(n_epochs: int, baseline: float, rng: Generator) -> Floats:
    """Sorted times (n,) over `baseline` days: seasons, clear nights, repeated visits that drift with sidereal time."""
    nights = np.arange(int(baseline) + 1)
    season = ((nights + rng.uniform(0, YEAR)) % YEAR) / (SEASON * YEAR)
    observable = (season < 1) & (rng.random(nights.size) < CLEAR)
    observable[[0, -1]] = True
    nights, season = nights[observable], np.minimum(season[observable], 1)
    edges = np.clip(6 * np.minimum(season, 1 - season), 0.15, 1)  # fewer visits at a season's ends
    times = np.array([nights[0] + 0.01, nights[-1] + 0.01])
    while times.size < n_epochs:
        k = rng.choice(nights.size, size=n_epochs, p=edges / edges.sum())
        first = nights[k] + np.clip(0.30 * (0.5 - season[k]) + rng.uniform(-0.10, 0.10, k.size), -0.21, 0.19)
        again = first[rng.random(k.size) < VISITS - 1]
        again = again + rng.uniform(0.012, 0.045, again.size)
        times = np.unique(np.concatenate([times, first[: n_epochs - times.size], again]))
    inner = np.sort(rng.choice(times[1:-1], n_epochs - 2, replace=False))
    return np.concatenate([times[:1], inner, times[-1:]])


def _series(phase: Floats, amplitudes: tuple[float, ...], phases: tuple[float, ...]) -> Floats:
    terms = [a * np.cos(TWO_PI * (k + 1) * phase + p) for k, (a, p) in enumerate(zip(amplitudes, phases, strict=True))]
    return np.asarray(sum(terms))


def _sine(phase: Floats, _: Generator) -> Floats:
    return 0.5 * np.sin(TWO_PI * phase)


def _rrab(phase: Floats, _: Generator) -> Floats:
    return _series(phase, (0.36, 0.18, 0.12, 0.09, 0.05, 0.03), (0.0, 2.4, 5.1, 1.6, 4.3, 0.9))


def _rrc(phase: Floats, _: Generator) -> Floats:
    return _series(phase, (0.5, 0.05), (0.0, 2.6))


def _cepheid(phase: Floats, _: Generator) -> Floats:
    return _series(phase, (0.42, 0.16, 0.06), (0.0, 2.5, 5.1))


def _contact_binary(phase: Floats, rng: Generator) -> Floats:
    depth = np.where(np.cos(TWO_PI * phase) > 0, 1.0, rng.uniform(0.6, 1.0))
    return np.asarray(depth * (1 - np.abs(np.sin(TWO_PI * phase)) ** 0.8))


def _detached_binary(phase: Floats, rng: Generator) -> Floats:
    width, second = rng.uniform(0.06, 0.16), rng.uniform(0.1, 0.9)

    def eclipse(x: Floats) -> Floats:
        return np.asarray(np.clip((1 - np.abs(x) / (width / 2)) / 0.7, 0, 1))

    return eclipse((phase + 0.5) % 1 - 0.5) + second * eclipse(phase % 1 - 0.5) - 0.03 * np.cos(2 * TWO_PI * phase)


SHAPES: dict[str, tuple[Callable[[Floats, Generator], Floats], float, float]] = {  # shape, shortest, longest period
    "sine": (_sine, 0.05, 100.0),
    "delta_scuti": (_sine, 0.04, 0.25),
    "rrab": (_rrab, 0.4, 0.9),
    "rrc": (_rrc, 0.2, 0.45),
    "cepheid": (_cepheid, 1.0, 50.0),
    "long_period": (_sine, 80.0, 600.0),
    "contact_binary": (_contact_binary, 0.22, 0.9),
    "detached_binary": (_detached_binary, 0.4, 15.0),
}
PERIODIC = tuple(SHAPES)
KINDS = (*PERIODIC, "noise", "quasar")


def _damped_random_walk(mjd: Floats, rng: Generator, timescale: float = 200.0) -> Floats:
    values = np.empty(mjd.size)
    values[0] = rng.normal()
    for i in range(1, mjd.size):
        memory = np.exp(-(mjd[i] - mjd[i - 1]) / timescale)
        values[i] = memory * values[i - 1] + np.sqrt(1 - memory * memory) * rng.normal()
    return values


def light_curve(kind: str, n_epochs: int, baseline: float, rng: Generator) -> LightCurve:
    """One source of `kind` with an amplitude of 3-20 times its photometric error of 0.015-0.12 mag."""
    mjd = cadence(n_epochs, baseline, rng)
    sigma = np.exp(rng.uniform(np.log(0.015), np.log(0.12)))
    magerr = sigma * np.exp(rng.normal(0, 0.25, n_epochs))
    amplitude = sigma * np.exp(rng.uniform(np.log(3), np.log(20)))
    mag, period = 18 + magerr * rng.normal(size=n_epochs), np.nan
    if kind in SHAPES:
        shape, shortest, longest = SHAPES[kind]
        period = float(np.exp(rng.uniform(np.log(shortest), np.log(longest))))
        mag += amplitude * shape((mjd / period + rng.random()) % 1, rng)
    elif kind == "quasar":
        mag += 0.3 * amplitude * _damped_random_walk(mjd, rng)
    return LightCurve(mjd + 58000, mag, magerr, period)
