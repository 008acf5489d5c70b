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

from features.grid import BLOCK
from features.jit import inlined, kernel

HALF = BLOCK // 2
UNROLL = 4  # epochs per pass over the accumulators
RECURRENCE = 16  # table entries made by a float64 recurrence; the others are rotations of these in float32
TWO_PI = 2 * math.pi
SINGULAR = np.float32(1e-5)  # determinant (at most 1/4) below which the float32 power means nothing
# Rounding error of power * determinant. The largest found in 10^7 frequencies of simulated, real and dense-night light
# curves is a third of it (tests/features/test_gls.py keeps watch).
ROUNDING = np.float32(1e-6)
f4 = np.float32


@inlined
def turn(cycles):
    """(cos, sin) of 2 pi `cycles` in float32, error 2e-7: polynomials of the half angle in [-pi/2, pi/2]."""
    x = f4(math.pi) * f4(cycles - math.floor(cycles + 0.5))
    y = x * x
    s = x * (f4(1) + y * (f4(-0.16666667) + y * (f4(8.3333310e-3) + y * (f4(-1.9840874e-4) + y * (f4(2.7525562e-6) - y * f4(2.3889859e-8))))))  # fmt: skip
    c = f4(1) + y * (f4(-0.5) + y * (f4(4.1666638e-2) + y * (f4(-1.3888378e-3) + y * (f4(2.4760495e-5) - y * f4(2.6051615e-7)))))  # fmt: skip
    return f4(1) - f4(2) * s * s, f4(2) * s * c


@kernel
def offset_tables(time, step):
    """cos, sin of 2 pi (j + 1/2) step t, and of twice that: (n + UNROLL, 4, HALF) float32, padded with zeros."""
    tables = np.empty((time.size + UNROLL, 4, HALF), np.float32)
    tables[time.size :] = f4(0)
    for i in range(time.size):
        cycles = time[i] * step
        angle = TWO_PI * (cycles - math.floor(cycles))
        c, s = math.cos(0.5 * angle), math.sin(0.5 * angle)
        if int(math.floor(cycles)) % 2:
            c, s = -c, -s
        c1, s1 = math.cos(angle), math.sin(angle)
        table = tables[i]
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
            table[2, j] = f4(2) * table[0, j] * table[0, j] - f4(1)
            table[3, j] = f4(2) * table[0, j] * table[1, j]
    return tables


@kernel
def _centre_rows(time, weight, signal, frequency, rows):
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
def _sum_products(n, rows, tables, sums):
    """Fill sums (12, HALF): four products (row cos, sin times table cos, sin) for signal, weight and weight at 2f."""
    sums[:] = f4(0)
    for group in range(3):
        first = 2 if group == 2 else 0
        cc, sc, cs, ss = sums[4 * group], sums[4 * group + 1], sums[4 * group + 2], sums[4 * group + 3]
        for i in range(0, n, UNROLL):
            p0, p1, p2, p3 = rows[2 * group, i], rows[2 * group, i + 1], rows[2 * group, i + 2], rows[2 * group, i + 3]
            q = 2 * group + 1
            q0, q1, q2, q3 = rows[q, i], rows[q, i + 1], rows[q, i + 2], rows[q, i + 3]
            for j in range(HALF):
                c0, c1, c2, c3 = (
                    tables[i, first, j],
                    tables[i + 1, first, j],
                    tables[i + 2, first, j],
                    tables[i + 3, first, j],
                )
                s0, s1, s2, s3 = (
                    tables[i, first + 1, j],
                    tables[i + 1, first + 1, j],
                    tables[i + 2, first + 1, j],
                    tables[i + 3, first + 1, j],
                )
                cc[j] += p0 * c0 + p1 * c1 + p2 * c2 + p3 * c3
                sc[j] += q0 * c0 + q1 * c1 + q2 * c2 + q3 * c3
                cs[j] += p0 * s0 + p1 * s1 + p2 * s2 + p3 * s3
                ss[j] += q0 * s0 + q1 * s1 + q2 * s2 + q3 * s3


@inlined
def floating_power(yc, ys, c, s, c2, s2, floating, uncertainty):
    """Power and its error, of sums of signal and weight (and weight at twice the frequency) times cos and sin.

    `uncertainty` is that of power * determinant; where the determinant is too small to mean anything they are 0 and 1.
    """
    cc = f4(0.5) * (f4(1) + c2) - floating * c * c
    ss = f4(0.5) * (f4(1) - c2) - floating * s * s
    cs = f4(0.5) * s2 - floating * c * s
    determinant = cc * ss - cs * cs
    inverse = f4(1) / max(determinant, SINGULAR)
    power = (yc * yc * ss + ys * ys * cc - f4(2) * yc * ys * cs) * inverse
    good = determinant > SINGULAR
    return (power if good else f4(0)), (uncertainty * inverse if good else f4(1))


@kernel
def add_block(time, weight, signal, tables, frequency, share, floating, sums, rows, power, error):
    """Add `share` times power and error of one band at the BLOCK frequencies around `frequency` to (BLOCK,) float32."""
    _centre_rows(time, weight, signal, frequency, rows)
    _sum_products(time.size, rows, tables, sums)
    share4, floating4 = f4(share), f4(floating)
    for j in range(HALF):
        p, e = floating_power(sums[0, j] - sums[3, j], sums[1, j] + sums[2, j], sums[4, j] - sums[7, j], sums[5, j] + sums[6, j],
                      sums[8, j] - sums[11, j], sums[9, j] + sums[10, j], floating4, ROUNDING)  # fmt: skip
        power[HALF + j] += share4 * p
        error[HALF + j] += share4 * e
    for j in range(HALF):
        k = HALF - 1 - j
        p, e = floating_power(sums[0, j] + sums[3, j], sums[1, j] - sums[2, j], sums[4, j] + sums[7, j], sums[5, j] - sums[6, j],
                      sums[8, j] + sums[11, j], sums[9, j] - sums[10, j], floating4, ROUNDING)  # fmt: skip
        power[k] += share4 * p
        error[k] += share4 * e
