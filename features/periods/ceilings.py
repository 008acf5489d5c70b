"""Ceilings of the power of all blocks at once, by small non-uniform FFTs: where a search without bounds begins.

The frequencies of a block are demodulated to its centre; the epochs, placed on a circle by their phase at the grid
step, are spread onto GRID points with a kernel of KERNEL points (exponential of semicircle, Barnett et al. 2019, SIAM
J. Sci. Comput. 41, C479) and transformed. LANES blocks go side by side, so that the arithmetic is that of one FFT of
vectors. The sums are off by the kernel's aliasing and by rounding, by no more than `_error_of_sums`; powers are raised
by what that can do to them, and `search.best_blocks` looks again, exactly, at the few blocks that matter.

Why no power exceeds its ceiling: a unit mass at phase x of a grid cell comes out at frequency k as 1 + e_k(x), where
e_k(x) = undo_k sum_q kernel(q - x) exp(-2 pi i k (q - x) / GRID) - 1, and |e_k(x)| <= ALIASING for all k of a block and
all x (a function of two bounded arguments, looked at closely in the tests). The sums are linear in masses whose moduli
add up to at most 1: the weights by definition; the signal w_i z_i because sum w |z| <= sqrt(sum w z^2) = 1. So aliasing
moves no sum by more than ALIASING. Rounding to float32 (unit u = 2^-24) moves it, relative to the sum of moduli on the
grid, undone, of at most GAIN: by 2.3e-6 for phases and products, by 32 u in the four passes of the FFT, by u for each
addition to a grid point. All this is `_error_of_sums`, called delta.

The power is y' A^-1 y, y the sums of the signal and A = (1 + W2) / 2 - w w' of those of the weights. The computed A
is off by at most eta = delta (1/2 + 2 |w| + delta) in spectral norm. So A >= A_c - eta, and if that is positive,
A^-1 <= (A_c - eta)^-1. In the norm of the latter, y is no longer than y_c and an error of length delta together:
power <= (sqrt(y_c' adj(A_c - eta) y_c) + delta sqrt(trace))^2 / det(A_c - eta), with a trace of at most 1. Where the
determinant is not clearly positive, the ceiling is 1.
"""

import math

import numpy as np

from starsieve.features.jit import Data, Floats, Integers, Singles, inlined, kernel
from starsieve.features.periods.gls import turn
from starsieve.features.periods.grid import BLOCK

GRID = 2 * BLOCK
HALF = BLOCK // 2
LANES = 64  # loops shorter than this are not turned into vectors as a whole
KERNEL = (
    5  # points; 4 leave an error nine times as large, so that more blocks are looked at, 6 one seventh for no fewer
)
WIDTH = 0.95 * math.pi * KERNEL * (1 - 0.25)  # of the kernel in Fourier space, for GRID / BLOCK = 2; least aliasing
PLANE = (GRID + KERNEL - 1) * LANES  # from real to imaginary parts
QUARTER = GRID // 4 * LANES
ALIASING = 1.8e-4  # the largest |e_k(x)| is 1.68e-4
GAIN = 1.9  # sum of the kernel's values, undone, at most; the largest is 1.851
ROUNDED = 1e-5  # float32 rounding that does not depend on the number of epochs: GAIN (2.3e-6 + 32 u) and some
UNIT = 2.0**-24
SINGULAR = np.float32(1e-6)  # determinant below which there is nothing to know
TWO_PI = 2 * math.pi
f4 = np.float32


def _kernel_transform() -> Singles:
    """What the kernel multiplies Fourier coefficients 0..HALF by, inverted."""
    u = (np.arange(2000) + 0.5) / 2000
    shape = np.exp(WIDTH * (np.sqrt(1 - u * u) - 1))
    phases = np.cos(TWO_PI * np.outer(np.arange(HALF + 1), u) * KERNEL / 2 / GRID)
    return np.asarray(1 / (KERNEL * (shape * phases).mean(axis=1)), np.float32)


UNDO_KERNEL = _kernel_transform()
TWIDDLE_COS = np.cos(TWO_PI * np.arange(GRID) / GRID).astype(np.float32)
TWIDDLE_SIN = np.sin(TWO_PI * np.arange(GRID) / GRID).astype(np.float32)


@kernel
def _spreading(time: Floats, step: float, first: Integers, values: Singles) -> None:
    """First grid point (n,) and kernel values (n, KERNEL) of epochs at their phase of `step`."""
    for i in range(time.size):
        cycles = step * time[i]
        x = (cycles - math.floor(cycles)) * GRID
        start = math.ceil(x - 0.5 * KERNEL)
        first[i] = start
        for q in range(KERNEL):
            u = (start + q - x) / (0.5 * KERNEL)
            values[i, q] = math.exp(WIDTH * (math.sqrt(max(0.0, 1 - u * u)) - 1))


@kernel
def _lane_phasors(time: Floats, step: float, lanes: Singles) -> None:
    """cos, sin (n, 2 LANES) of the angle by which block centres advance from lane to lane."""
    for i in range(time.size):
        for lane in range(LANES):
            lanes[i, lane], lanes[i, LANES + lane] = turn(lane * BLOCK * step * time[i])


@kernel
def _group_phasors(time: Floats, centre: float, lanes: Singles, phasors: Singles) -> None:
    """exp(-i angle) at block centres, the first at frequency `centre`, and of twice the angle: (n, 4 LANES).

    Real and imaginary parts are side by side.
    """
    for i in range(time.size):
        c0, s0 = turn(centre * time[i])
        of_lane, row = lanes[i], phasors[i]
        for lane in range(LANES):
            c = of_lane[lane] * c0 - of_lane[LANES + lane] * s0
            s = of_lane[LANES + lane] * c0 + of_lane[lane] * s0
            row[lane], row[LANES + lane] = c, -s
            row[2 * LANES + lane], row[3 * LANES + lane] = c * c - s * s, f4(-2) * c * s


@kernel
def _spread(mass: Floats, phasors: Singles, at: int, first: Integers, values: Singles, grid: Singles) -> None:
    """Fill the flat `grid` (2, GRID + KERNEL - 1, LANES): masses at their phases, times phasors (n, from `at` on).

    What lies beyond GRID is at its beginning. The points of the kernel are written out, so that a phasor is read once.
    """
    grid[:] = f4(0)
    for i in range(mass.size):
        m, start = f4(mass[i]), (first[i] & (GRID - 1)) * LANES
        a0, a1, a2, a3, a4 = m * values[i, 0], m * values[i, 1], m * values[i, 2], m * values[i, 3], m * values[i, 4]
        to, phasor = grid[start : start + PLANE + KERNEL * LANES], phasors[i, at : at + 2 * LANES]
        for lane in range(LANES):
            x, y = phasor[lane], phasor[LANES + lane]
            to[lane] += a0 * x
            to[LANES + lane] += a1 * x
            to[2 * LANES + lane] += a2 * x
            to[3 * LANES + lane] += a3 * x
            to[4 * LANES + lane] += a4 * x
            to[PLANE + lane] += a0 * y
            to[PLANE + LANES + lane] += a1 * y
            to[PLANE + 2 * LANES + lane] += a2 * y
            to[PLANE + 3 * LANES + lane] += a3 * y
            to[PLANE + 4 * LANES + lane] += a4 * y
    for j in range((KERNEL - 1) * LANES):
        grid[j] += grid[GRID * LANES + j]
        grid[PLANE + j] += grid[PLANE + GRID * LANES + j]


@kernel
def _fft_pass(data: Singles, out: Singles, n: int, stride: int) -> None:
    """One radix-4 pass of the Stockham FFT, sequences of length n; flat as `_spread` leaves them.

    One array with distances that the compiler knows: it need not find out, for each few numbers, what overlaps.
    """
    size = stride * LANES
    for p in range(n // 4):
        turn1 = p * stride
        w1r, w1i = TWIDDLE_COS[turn1], -TWIDDLE_SIN[turn1]
        w2r, w2i = TWIDDLE_COS[2 * turn1], -TWIDDLE_SIN[2 * turn1]
        w3r, w3i = TWIDDLE_COS[3 * turn1], -TWIDDLE_SIN[3 * turn1]
        start = 4 * size * p
        x, o0, o1 = data[size * p :], out[start:], out[start + size :]
        o2, o3 = out[start + 2 * size :], out[start + 3 * size :]
        for j in range(size):
            ar, br, cr, dr = x[j], x[QUARTER + j], x[2 * QUARTER + j], x[3 * QUARTER + j]
            ai, bi = x[PLANE + j], x[PLANE + QUARTER + j]
            ci, di = x[PLANE + 2 * QUARTER + j], x[PLANE + 3 * QUARTER + j]
            sum_r, sum_i, dif_r, dif_i = ar + cr, ai + ci, ar - cr, ai - ci
            odd_r, odd_i, jr, ji = br + dr, bi + di, di - bi, br - dr
            o0[j], o0[PLANE + j] = sum_r + odd_r, sum_i + odd_i
            xr, xi = dif_r - jr, dif_i - ji
            o1[j], o1[PLANE + j] = w1r * xr - w1i * xi, w1r * xi + w1i * xr
            xr, xi = sum_r - odd_r, sum_i - odd_i
            o2[j], o2[PLANE + j] = w2r * xr - w2i * xi, w2r * xi + w2i * xr
            xr, xi = dif_r + jr, dif_i + ji
            o3[j], o3[PLANE + j] = w3r * xr - w3i * xi, w3r * xi + w3i * xr


@kernel
def _last_pass(x: Singles, sums: Singles) -> None:
    """The pass of length 4, with only the frequencies of a block: `sums` (2, BLOCK, LANES), flat, rising."""
    for j in range(QUARTER):
        ar, br, cr, dr = x[j], x[QUARTER + j], x[2 * QUARTER + j], x[3 * QUARTER + j]
        ai, bi = x[PLANE + j], x[PLANE + QUARTER + j]
        ci, di = x[PLANE + 2 * QUARTER + j], x[PLANE + 3 * QUARTER + j]
        sums[j], sums[2 * QUARTER + j] = ar - cr + di - bi, ai - ci + br - dr  # below the centre
        sums[QUARTER + j], sums[3 * QUARTER + j] = ar + cr + (br + dr), ai + ci + (bi + di)


@kernel
def _transform(grid: Singles, work: Singles, sums: Singles) -> None:
    """FFT of LANES sequences of GRID points, of which the frequencies of a block are kept. `grid` is lost."""
    _fft_pass(grid, work, GRID, 1)
    _fft_pass(work, grid, GRID // 4, 4)
    _fft_pass(grid, work, GRID // 16, 16)
    _last_pass(work, sums)


@kernel
def _error_of_sums(first: Integers, first2: Integers) -> float:
    """The most by which any sum of one band is off; epochs are spread from grid points `first` and `first2` on."""
    counts = np.zeros((2, GRID), np.int64)
    for i in range(first.size):
        for q in range(KERNEL):
            counts[0, (first[i] + q) & (GRID - 1)] += 1
            counts[1, (first2[i] + q) & (GRID - 1)] += 1
    return ALIASING + ROUNDED + GAIN * UNIT * float(counts.max() + 1)  # what lies beyond the grid is added at once


@inlined
def _highest_power(
    yc: np.float32, ys: np.float32, c: np.float32, s: np.float32, c2: np.float32, s2: np.float32, delta: np.float32
) -> np.float32:
    """The most that the power can be, of sums as for `gls.floating_power` of which none is off by more than `delta`.

    The small constants are for the rounding of this very calculation.
    """
    eta = delta * (f4(0.5) + f4(2) * (abs(c) + abs(s)) + delta) + f4(5e-7)
    cc = f4(0.5) * (f4(1) + c2) - c * c - eta
    ss = f4(0.5) * (f4(1) - c2) - s * s - eta
    cs = f4(0.5) * s2 - c * s
    determinant = cc * ss - cs * cs - f4(3e-7)
    top = yc * yc * ss + ys * ys * cc - f4(2) * yc * ys * cs + f4(1e-6) * (yc * yc + ys * ys)
    root = np.sqrt(max(top, f4(0))) + delta
    power = f4(1.000001) * root * root / max(determinant, SINGULAR)
    return min(power, f4(1)) if determinant > SINGULAR and cc > 0 else f4(1)


@kernel
def _add_powers(sums: Singles, share: np.float32, delta: np.float32, summed: Singles) -> None:
    """Add the highest possible power of one band to (BLOCK, LANES); `sums` (6, BLOCK, LANES) as `_sums` fills them."""
    for offset in range(BLOCK):
        undo = UNDO_KERNEL[abs(offset - HALF)]
        y_re, y_im, w_re, w_im, row = sums[0, offset], sums[1, offset], sums[2, offset], sums[3, offset], summed[offset]
        w2_re, w2_im = sums[4, offset], sums[5, offset]
        for lane in range(LANES):
            row[lane] += share * _highest_power(
                undo * y_re[lane], -undo * y_im[lane], undo * w_re[lane], -undo * w_im[lane],
                undo * w2_re[lane], -undo * w2_im[lane], delta)  # fmt: skip


@kernel
def _sums(
    weight: Floats,
    signal: Floats,
    phasors: Singles,
    first: Integers,
    values: Singles,
    first2: Integers,
    values2: Singles,
    grid: Singles,
    work: Singles,
    sums: Singles,
) -> None:
    """Fill sums (6, BLOCK * LANES): real and imaginary of signal, weight, and weight at twice the frequency."""
    half = 2 * BLOCK * LANES
    _spread(signal, phasors, 0, first, values, grid)
    _transform(grid, work, sums[:half])
    _spread(weight, phasors, 0, first, values, grid)
    _transform(grid, work, sums[half : 2 * half])
    _spread(weight, phasors, 2 * LANES, first2, values2, grid)
    _transform(grid, work, sums[2 * half :])


@kernel
def renew_ceilings(data: Data, step: float, ceilings: Singles) -> None:
    """Lower `ceilings` (blocks,) to what the epochs at hand allow; `data` as for `search.best_blocks`."""
    time, weight, signal, band_starts, shares = data
    n = time.size
    first, first2 = np.empty(n, np.int64), np.empty(n, np.int64)
    values, values2 = np.empty((n, KERNEL), np.float32), np.empty((n, KERNEL), np.float32)
    _spreading(time, step, first, values)
    _spreading(time, 2 * step, first2, values2)
    lanes, phasors = np.empty((n, 2 * LANES), np.float32), np.empty((n, 4 * LANES), np.float32)
    _lane_phasors(time, step, lanes)
    grid, work = np.empty(2 * PLANE, np.float32), np.empty(2 * PLANE, np.float32)
    sums, summed = np.empty(6 * BLOCK * LANES, np.float32), np.empty((BLOCK, LANES), np.float32)
    deltas, highest = np.empty(shares.size, np.float32), np.empty(LANES, np.float32)
    for band in range(shares.size):
        a, b = band_starts[band], band_starts[band + 1]
        deltas[band] = _error_of_sums(first[a:b], first2[a:b])
    for first_block in range(0, ceilings.size, LANES):
        _group_phasors(time, (first_block * BLOCK + HALF + 1) * step, lanes, phasors)
        summed[:] = f4(0)
        for band in range(shares.size):
            a, b = band_starts[band], band_starts[band + 1]
            _sums(weight[a:b], signal[a:b], phasors[a:b], first[a:b], values[a:b], first2[a:b], values2[a:b],
                  grid, work, sums)  # fmt: skip
            _add_powers(sums.reshape(6, BLOCK, LANES), f4(shares[band]), deltas[band], summed)
        highest[:] = f4(0)
        for offset in range(BLOCK):
            row = summed[offset]
            for lane in range(LANES):
                highest[lane] = max(highest[lane], row[lane])
        last = min(first_block + LANES, ceilings.size)
        for block in range(first_block, last):
            ceilings[block] = min(ceilings[block], highest[block - first_block])
