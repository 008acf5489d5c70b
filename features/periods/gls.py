"""Generalised Lomb-Scargle power of blocks of frequencies: weighted, floating mean (Zechmeister & Kuerster 2009).

A block is BLOCK consecutive frequencies around a centre. Sums over epochs at centre + d and centre - d follow from four
sums of products of (cos, sin) at the centre, one pair per epoch, with (cos, sin) of d, tabulated once per light curve:
12 fused multiply-adds per epoch and pair of frequencies.

Sums are float32. Their rounding errors are magnified where the normal equations are nearly singular (determinant
near 0: dense nights, short baselines), so each power carries its error: `power` is lowered by it, and can be trusted to
be reached; `ceiling` is raised by it, and can be trusted not to be exceeded.
"""

import math

import numpy as np

from starsieve.features.jit import Floats, Singles, inlined, kernel
from starsieve.features.periods.grid import BLOCK

HALF = BLOCK // 2
UNROLL = 4  # epochs per pass over the accumulators
PART = 512  # epochs added up by themselves: a float32 sum of thousands loses what the next ones add
RECURRENCE = 16  # table entries made by a float64 recurrence; the others are rotations of these in float32
TWO_PI = 2 * math.pi
SINGULAR = np.float32(1e-5)  # determinant (at most 1/4) below which the float32 power means nothing
# Rounding error of power * determinant: at least three times the largest found on simulated, real and dense-night light
# curves (tests/features/periods/test_search.py keeps watch).
ROUNDING = np.float32(1e-6)
f4 = np.float32


@inlined
def turn(cycles: float) -> tuple[np.float32, np.float32]:
    """(cos, sin) of 2 pi `cycles` in float32, error 2e-7: polynomials of the half angle in [-pi/2, pi/2]."""
    x = f4(math.pi) * f4(cycles - math.floor(cycles + 0.5))
    y = x * x
    s = f4(-1.9840874e-4) + y * (f4(2.7525562e-6) - y * f4(2.3889859e-8))
    s = x * (f4(1) + y * (f4(-0.16666667) + y * (f4(8.3333310e-3) + y * s)))
    c = f4(-1.3888378e-3) + y * (f4(2.4760495e-5) - y * f4(2.6051615e-7))
    c = f4(1) + y * (f4(-0.5) + y * (f4(4.1666638e-2) + y * c))
    return f4(1) - f4(2) * s * s, f4(2) * s * c


@kernel
def offset_tables(time: Floats, step: float) -> tuple[Singles, Singles]:
    """cos, sin of 2 pi (j + 1/2) step t, and of twice that: (n + UNROLL, 2, HALF) float32, padded with zeros."""
    single = np.empty((time.size + UNROLL, 2, HALF), np.float32)
    double = np.empty((time.size + UNROLL, 2, HALF), np.float32)
    single[time.size :], double[time.size :] = f4(0), f4(0)
    for i in range(time.size):
        cycles = time[i] * step
        angle = TWO_PI * (cycles - math.floor(cycles))
        c, s = math.cos(0.5 * angle), math.sin(0.5 * angle)
        if math.floor(cycles) % 2:
            c, s = -c, -s
        c1, s1 = math.cos(angle), math.sin(angle)
        table, twice = single[i], double[i]
        for j in range(RECURRENCE):
            table[0, j], table[1, j] = c, s
            c, s = c * c1 - s * s1, s * c1 + c * s1
        cr, sr, done = c1, s1, 1
        while done < RECURRENCE:
            cr, sr, done = cr * cr - sr * sr, 2 * cr * sr, 2 * done
        while done < HALF:
            c4, s4 = f4(cr), f4(sr)
            for j in range(done):
                table[0, done + j] = table[0, j] * c4 - table[1, j] * s4
                table[1, done + j] = table[1, j] * c4 + table[0, j] * s4
            cr, sr, done = cr * cr - sr * sr, 2 * cr * sr, 2 * done
        for j in range(HALF):
            twice[0, j] = f4(2) * table[0, j] * table[0, j] - f4(1)
            twice[1, j] = f4(2) * table[0, j] * table[1, j]
    return single, double


@kernel
def _centre_rows(time: Floats, weight: Floats, signal: Floats, frequency: float, rows: Singles) -> None:
    """Per epoch: signal, weight times (cos, sin) at the centre and weight times (cos, sin) of twice the angle."""
    n = time.size
    rows[:, n : n + UNROLL] = f4(0)
    for i in range(n):
        c, s = turn(frequency * time[i])
        w = weight[i]
        rows[0, i], rows[1, i] = signal[i] * c, signal[i] * s
        rows[2, i], rows[3, i] = w * c, w * s
        rows[4, i], rows[5, i] = w * (f4(2) * c * c - f4(1)), w * (f4(2) * c * s)


@kernel
def _add_products(n: int, rows: Singles, tables: Singles, sums: Singles) -> None:
    """Add to sums (4, HALF) the products of rows (2, n): cos, sin at the centre, with tables (n, 2, HALF)."""
    cc, sc, cs, ss = sums[0], sums[1], sums[2], sums[3]
    for i in range(0, n, UNROLL):
        p0, p1, p2, p3 = rows[0, i], rows[0, i + 1], rows[0, i + 2], rows[0, i + 3]
        q0, q1, q2, q3 = rows[1, i], rows[1, i + 1], rows[1, i + 2], rows[1, i + 3]
        for j in range(HALF):
            c0, c1, c2, c3 = tables[i, 0, j], tables[i + 1, 0, j], tables[i + 2, 0, j], tables[i + 3, 0, j]
            s0, s1, s2, s3 = tables[i, 1, j], tables[i + 1, 1, j], tables[i + 2, 1, j], tables[i + 3, 1, j]
            cc[j] += p0 * c0 + p1 * c1 + p2 * c2 + p3 * c3
            sc[j] += q0 * c0 + q1 * c1 + q2 * c2 + q3 * c3
            cs[j] += p0 * s0 + p1 * s1 + p2 * s2 + p3 * s3
            ss[j] += q0 * s0 + q1 * s1 + q2 * s2 + q3 * s3


@inlined
def floating_power(
    yc: np.float32,
    ys: np.float32,
    c: np.float32,
    s: np.float32,
    c2: np.float32,
    s2: np.float32,
    floating: np.float32,
    uncertainty: np.float32,
) -> tuple[np.float32, np.float32]:
    """Power and its error, of sums of signal and weight (and weight at twice the frequency) times cos and sin.

    `uncertainty` is that of power * determinant; where the determinant is too small to mean anything, the power may be
    anything from 0 to 1.
    """
    cc = f4(0.5) * (f4(1) + c2) - floating * c * c
    ss = f4(0.5) * (f4(1) - c2) - floating * s * s
    cs = f4(0.5) * s2 - floating * c * s
    determinant = cc * ss - cs * cs
    inverse = f4(1) / max(determinant, SINGULAR)
    power = (yc * yc * ss + ys * ys * cc - f4(2) * yc * ys * cs) * inverse
    good = determinant > SINGULAR
    return (power if good else f4(0.5)), (uncertainty * inverse if good else f4(0.5))


@kernel
def add_block(
    time: Floats,
    weight: Floats,
    signal: Floats,
    single: Singles,
    double: Singles,
    frequency: float,
    share: float,
    floating: float,
    sums: Singles,
    rows: Singles,
    power: Singles,
    error: Singles,
) -> None:
    """Add `share` times power and error of one band at the BLOCK frequencies around `frequency` to (BLOCK,) float32."""
    _centre_rows(time, weight, signal, frequency, rows)
    sums[:], part = f4(0), np.empty_like(sums)
    for first in range(0, time.size, PART):
        n = min(PART, time.size - first)
        part[:] = f4(0)
        _add_products(n, rows[0:2, first:], single[first:], part[0:4])  # signal
        _add_products(n, rows[2:4, first:], single[first:], part[4:8])  # weight
        _add_products(n, rows[4:6, first:], double[first:], part[8:12])  # weight at twice the frequency
        for i in range(sums.shape[0]):
            for j in range(HALF):
                sums[i, j] += part[i, j]
    share4, floating4 = f4(share), f4(floating)
    for j in range(HALF):
        for side in (-1, 1):  # below and above the centre
            sign = f4(side)
            p, e = floating_power(
                sums[0, j] - sign * sums[3, j],
                sums[1, j] + sign * sums[2, j],
                sums[4, j] - sign * sums[7, j],
                sums[5, j] + sign * sums[6, j],
                sums[8, j] - sign * sums[11, j],
                sums[9, j] + sign * sums[10, j],
                floating4,
                ROUNDING,
            )
            k = HALF + j if side > 0 else HALF - 1 - j
            power[k] += share4 * p
            error[k] += share4 * e
