"""Smooth models of real folded light curves: a Fourier series for pulsation, two dips for eclipses."""

from dataclasses import dataclass

import numpy as np

from starsieve.models.synthesis.epochs import Floats
from starsieve.models.synthesis.signals.folded import PHASES

CLIP = 4.0  # robust standard deviations
CLIP_ROUNDS = 3
TO_SIGMA = 1.4826  # median absolute deviation to standard deviation
MIN_POINTS = 40
MAX_GAP = 0.12  # of a period without a point, for a series of more than three orders
SMOOTH_ORDER = 3
MIN_WIDTH, MAX_WIDTH = 0.004, 0.12  # of a dip, in periods
MIN_IN_ECLIPSE = 6
DEEP = 0.5  # of a dip's depth
SIMPLER = 1.01  # a higher order must predict this much better
MIN_FREEDOM = 0.05
MIN_IN_BIN = 3


@dataclass(frozen=True)
class Shape:
    """mag: deviation from the mean (N_PHASES,); explained: share of the variance that the model explains.

    For a series this is cross-validated (leave one out). scatter: robust residual, mag.
    """

    mag: Floats
    explained: float
    scatter: float


def fourier_shape(mjd: Floats, mag: Floats, magerr: Floats, period: float, max_order: int) -> Shape | None:
    """Fourier series whose order predicts left-out points best; None if there are too few points or too wide gaps."""
    good = np.isfinite(mag)
    order = 1
    for _ in range(CLIP_ROUNDS):
        if good.sum() < MIN_POINTS:
            return None
        x = (mjd[good] / period) % 1.0
        gap = np.diff(np.sort(x), append=x.min() + 1.0).max()
        orders = max_order if gap < MAX_GAP else min(max_order, SMOOTH_ORDER)
        order, explained, coefficients = _best_series(x, mag[good], 1.0 / magerr[good], orders)
        residual = mag - _harmonics(mjd / period, order) @ coefficients
        scatter = TO_SIGMA * float(np.median(np.abs(residual[good])))
        good = np.abs(residual) < CLIP * max(scatter, float(np.median(magerr)))
    shape = _harmonics(PHASES, order)[:, 1:] @ coefficients[1:]
    return Shape(shape, explained, scatter)


def _harmonics(x: Floats, order: int) -> Floats:
    """Design matrix (n, 2 order + 1): 1, cos, sin, cos 2, sin 2, ..."""
    angle = 2.0 * np.pi * x[:, None] * np.arange(1, order + 1)
    waves = np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(len(x), 2 * order)
    return np.column_stack([np.ones(len(x)), waves])


def _best_series(x: Floats, mag: Floats, weight: Floats, max_order: int) -> tuple[int, float, Floats]:
    """Order, cross-validated share of variance, and coefficients. One QR decomposition serves all orders.

    Leaving point i out changes its residual r_i to r_i / (1 - h_i), h the diagonal of the hat matrix.
    """
    design = _harmonics(x, max_order)
    q, r = np.linalg.qr(design * weight[:, None])
    projection = q.T @ (mag * weight)
    errors = np.empty(max_order)
    for order in range(1, max_order + 1):
        used = 2 * order + 1
        residual = mag * weight - q[:, :used] @ projection[:used]
        leverage = (q[:, :used] ** 2).sum(axis=1)
        errors[order - 1] = np.mean((residual / np.maximum(1.0 - leverage, MIN_FREEDOM)) ** 2)
    best = int(np.argmax(errors <= SIMPLER * errors.min()))  # the first that is good enough
    mean = np.average(mag, weights=weight**2)
    variance = float(np.mean(((mag - mean) * weight) ** 2))
    used = 2 * best + 3
    kept = _shrink(projection[:used], float(errors[best]))
    return best + 1, 1.0 - float(errors[best]) / variance, np.linalg.solve(r[:used, :used], kept)


def _shrink(projection: Floats, noise: float) -> Floats:
    """Each harmonic times its share of power above the noise (Wiener): weak ones would only add wiggles."""
    power = np.repeat((projection[1:].reshape(-1, 2) ** 2).sum(axis=1), 2)
    share = np.maximum(1.0 - 2.0 * noise / np.maximum(power, noise), 0.0)
    return np.concatenate([projection[:1], projection[1:] * share])


def eclipse_shape(mjd: Floats, mag: Floats, magerr: Floats, period: float) -> Shape | None:
    """Two dips near half a period apart on a slowly varying base; None if the deeper one is not covered by points."""
    from scipy.optimize import least_squares  # noqa: PLC0415 - what simulates alerts has no SciPy

    if len(mag) < MIN_POINTS:
        return None
    x = (mjd / period) % 1.0
    base = float(np.median(mag))
    start = _deepest_phase(x, mag)
    depth = max(float(np.percentile(mag, 97)) - base, 0.05)
    first = [base, 0.0, 0.0, start, depth, 0.03, 1.0, start + 0.5, depth / 3.0, 0.03, 1.0]
    low = [base - 1.0, -0.3, -0.3, start - 0.15, 0.0, MIN_WIDTH, 0.6, start + 0.3, 0.0, MIN_WIDTH, 0.6]
    high = [base + 1.0, 0.3, 0.3, start + 0.15, 5.0, MAX_WIDTH, 5.0, start + 0.7, 5.0, MAX_WIDTH, 5.0]
    fit = least_squares(
        lambda p: (_eclipses(x, p) - mag) / magerr, first, bounds=(low, high), loss="soft_l1", f_scale=2.0, max_nfev=60
    )
    residual = mag - _eclipses(x, fit.x)
    scatter = TO_SIGMA * float(np.median(np.abs(residual)))
    deep = _dip(x - fit.x[3], fit.x[5], fit.x[6])
    if (deep > DEEP).sum() < MIN_IN_ECLIPSE:
        return None
    kept = np.abs(residual) < CLIP * max(scatter, float(np.median(magerr)))
    explained = 1.0 - float(residual[kept].var() / mag[kept].var())
    shape = _eclipses(PHASES, fit.x)
    return Shape(shape - shape.mean(), explained, scatter)


def _deepest_phase(x: Floats, mag: Floats, n_bins: int = 40) -> float:
    """Centre of the faintest of n_bins phase bins that hold enough points."""
    which = (x * n_bins).astype(np.int64)
    medians = [np.median(mag[which == b]) if (which == b).sum() >= MIN_IN_BIN else -np.inf for b in range(n_bins)]
    return (int(np.argmax(medians)) + 0.5) / n_bins


def _dip(offset: Floats, width: float, sharpness: float) -> Floats:
    """Profile of an eclipse, 1 at its middle (Mikulasek 2015, A&A 584, A8); offset in periods, wrapped."""
    wrapped = np.abs((offset + 0.5) % 1.0 - 0.5)
    inner = 1.0 - np.cosh(np.minimum(wrapped / width, 30.0))
    profile: Floats = 1.0 - (1.0 - np.exp(inner)) ** sharpness
    return profile


def _eclipses(x: Floats, p: Floats) -> Floats:
    """Base with reflection and ellipsoidal terms, and two dips: 11 parameters as in eclipse_shape."""
    turn = 2.0 * np.pi * (x - p[3])
    base: Floats = p[0] + p[1] * np.cos(turn) + p[2] * np.cos(2.0 * turn)
    base += p[4] * _dip(x - p[3], p[5], p[6]) + p[8] * _dip(x - p[7], p[9], p[10])
    return base
