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
LANES = 32
WIDE = 3 * LANES  # signal, weight, and weight at twice the frequency
KERNEL = (
    5  # points; 4 leave an error nine times as large, so that more blocks are looked at, 6 one seventh for no fewer
)
WIDTH = 0.95 * math.pi * KERNEL * (1 - 0.25)  # of the kernel in Fourier space, for GRID / BLOCK = 2; least aliasing
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
def _lane_phasors(time: Floats, step: float, cosines: Singles, sines: Singles) -> None:
    """(cos, sin) (n, LANES) of the angle by which block centres advance from lane to lane."""
    for i in range(time.size):
        for lane in range(LANES):
            cosines[i, lane], sines[i, lane] = turn(lane * BLOCK * step * time[i])


@kernel
def _spread(
    weight: Floats,
    signal: Floats,
    group_cos: Singles,
    group_sin: Singles,
    cosines: Singles,
    sines: Singles,
    first: Integers,
    values: Singles,
    first2: Integers,
    values2: Singles,
    re: Singles,
    im: Singles,
) -> None:
    """Fill re, im (GRID, 3 LANES): signal, weight, and weight at twice the frequency, side by side."""
    re[:], im[:] = f4(0), f4(0)
    single_re, single_im = np.empty(2 * LANES, np.float32), np.empty(2 * LANES, np.float32)
    double_re, double_im = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for i in range(weight.size):
        gc, gs, y, w = group_cos[i], group_sin[i], f4(signal[i]), f4(weight[i])
        for lane in range(LANES):
            c = cosines[i, lane] * gc - sines[i, lane] * gs
            s = sines[i, lane] * gc + cosines[i, lane] * gs
            single_re[lane], single_im[lane] = y * c, -y * s
            single_re[LANES + lane], single_im[LANES + lane] = w * c, -w * s
            double_re[lane], double_im[lane] = w * (c * c - s * s), f4(-2) * w * c * s
        for q in range(KERNEL):
            k, k2 = (first[i] + q) & (GRID - 1), (first2[i] + q) & (GRID - 1)
            a, a2 = values[i, q], values2[i, q]
            row_re, row_im, row2_re, row2_im = re[k], im[k], re[k2], im[k2]
            for lane in range(2 * LANES):
                row_re[lane] += a * single_re[lane]
                row_im[lane] += a * single_im[lane]
            for lane in range(LANES):
                row2_re[2 * LANES + lane] += a2 * double_re[lane]
                row2_im[2 * LANES + lane] += a2 * double_im[lane]


@kernel
def _fft_pass(re: Singles, im: Singles, out_re: Singles, out_im: Singles, n: int, stride: int) -> None:
    """One radix-4 pass of the Stockham FFT, sequences of length n, over flat arrays with lanes innermost."""
    quarter = n // 4
    size = stride * WIDE
    for p in range(quarter):
        turn1 = p * stride
        w1r, w1i = TWIDDLE_COS[turn1], -TWIDDLE_SIN[turn1]
        w2r, w2i = TWIDDLE_COS[2 * turn1], -TWIDDLE_SIN[2 * turn1]
        w3r, w3i = TWIDDLE_COS[3 * turn1], -TWIDDLE_SIN[3 * turn1]
        a, b, c, d, o = size * p, size * (p + quarter), size * (p + 2 * quarter), size * (p + 3 * quarter), 4 * size * p
        ar, br, cr, dr = re[a : a + size], re[b : b + size], re[c : c + size], re[d : d + size]
        ai, bi, ci, di = im[a : a + size], im[b : b + size], im[c : c + size], im[d : d + size]
        or_, oi = out_re[o : o + 4 * size], out_im[o : o + 4 * size]
        o0r, o1r, o2r, o3r = or_[:size], or_[size : 2 * size], or_[2 * size : 3 * size], or_[3 * size :]
        o0i, o1i, o2i, o3i = oi[:size], oi[size : 2 * size], oi[2 * size : 3 * size], oi[3 * size :]
        for j in range(size):
            sum_r, sum_i = ar[j] + cr[j], ai[j] + ci[j]
            dif_r, dif_i = ar[j] - cr[j], ai[j] - ci[j]
            odd_r, odd_i = br[j] + dr[j], bi[j] + di[j]
            jr, ji = di[j] - bi[j], br[j] - dr[j]
            o0r[j], o0i[j] = sum_r + odd_r, sum_i + odd_i
            xr, xi = dif_r - jr, dif_i - ji
            o1r[j], o1i[j] = w1r * xr - w1i * xi, w1r * xi + w1i * xr
            xr, xi = sum_r - odd_r, sum_i - odd_i
            o2r[j], o2i[j] = w2r * xr - w2i * xi, w2r * xi + w2i * xr
            xr, xi = dif_r + jr, dif_i + ji
            o3r[j], o3i[j] = w3r * xr - w3i * xi, w3r * xi + w3i * xr


@kernel
def _transform(re: Singles, im: Singles, work_re: Singles, work_im: Singles) -> None:
    """FFT of LANES sequences of GRID points, flat arrays, in place."""
    n, stride = GRID, 1
    while n > 1:
        _fft_pass(re, im, work_re, work_im, n, stride)
        _fft_pass(work_re, work_im, re, im, n // 4, stride * 4)
        n, stride = n // 16, stride * 16


@kernel
def _error_of_sums(first: Integers, first2: Integers) -> float:
    """The most by which any sum of one band is off; epochs are spread from grid points `first` and `first2` on."""
    counts = np.zeros((2, GRID), np.int64)
    for i in range(first.size):
        for q in range(KERNEL):
            counts[0, (first[i] + q) & (GRID - 1)] += 1
            counts[1, (first2[i] + q) & (GRID - 1)] += 1
    return ALIASING + ROUNDED + GAIN * UNIT * float(counts.max())


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
def _add_powers(re: Singles, im: Singles, share: np.float32, delta: np.float32, summed: Singles) -> None:
    """Add the highest possible power of one band to (BLOCK, LANES)."""
    for offset in range(BLOCK):
        k = (offset - HALF) & (GRID - 1)
        undo = UNDO_KERNEL[abs(offset - HALF)]
        row_re, row_im, row = re[k], im[k], summed[offset]
        for lane in range(LANES):
            row[lane] += share * _highest_power(
                undo * row_re[lane], -undo * row_im[lane], undo * row_re[LANES + lane], -undo * row_im[LANES + lane],
                undo * row_re[2 * LANES + lane], -undo * row_im[2 * LANES + lane], delta)  # fmt: skip


@kernel
def renew_ceilings(data: Data, step: float, ceilings: Singles) -> None:
    """Lower `ceilings` (blocks,) to what the epochs at hand allow; `data` as for `search.best_blocks`."""
    time, weight, signal, band_starts, shares = data
    n = time.size
    first, first2 = np.empty(n, np.int64), np.empty(n, np.int64)
    values, values2 = np.empty((n, KERNEL), np.float32), np.empty((n, KERNEL), np.float32)
    _spreading(time, step, first, values)
    _spreading(time, 2 * step, first2, values2)
    cosines, sines = np.empty((n, LANES), np.float32), np.empty((n, LANES), np.float32)
    _lane_phasors(time, step, cosines, sines)
    group_cos, group_sin = np.empty(n, np.float32), np.empty(n, np.float32)
    re, im = np.empty((GRID, WIDE), np.float32), np.empty((GRID, WIDE), np.float32)
    work_re, work_im = np.empty(GRID * WIDE, np.float32), np.empty(GRID * WIDE, np.float32)
    summed, deltas = np.empty((BLOCK, LANES), np.float32), np.empty(shares.size, np.float32)
    for band in range(shares.size):
        a, b = band_starts[band], band_starts[band + 1]
        deltas[band] = _error_of_sums(first[a:b], first2[a:b])
    for first_block in range(0, ceilings.size, LANES):
        for i in range(n):
            group_cos[i], group_sin[i] = turn((first_block * BLOCK + HALF + 1) * step * time[i])
        summed[:] = f4(0)
        for band in range(shares.size):
            a, b = band_starts[band], band_starts[band + 1]
            _spread(weight[a:b], signal[a:b], group_cos[a:b], group_sin[a:b], cosines[a:b], sines[a:b], first[a:b],
                    values[a:b], first2[a:b], values2[a:b], re, im)  # fmt: skip
            _transform(re.reshape(GRID * WIDE), im.reshape(GRID * WIDE), work_re, work_im)
            _add_powers(re, im, f4(shares[band]), deltas[band], summed)
        for offset in range(1, BLOCK):
            for lane in range(LANES):
                summed[0, lane] = max(summed[0, lane], summed[offset, lane])
        last = min(first_block + LANES, ceilings.size)
        for block in range(first_block, last):
            ceilings[block] = min(ceilings[block], summed[0, block - first_block])
