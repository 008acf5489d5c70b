"""What a star of a survey costs, of ours beside light-curve: python -m tests.benchmarks.offline --data FOLDER

All features and the period from nothing, against a periodogram and the features that are the nearest to ours.
light-curve needs a power of two of frequencies: those below and above ours at the median baseline. One thread, CPU
time, in turns. Another version of ours: PYTHONPATH=TREE python tests/benchmarks/offline.py --data FOLDER
"""

import time
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import light_curve
import numpy as np
import typer

from starsieve.features.periods.grid import BLOCK, SHORTEST_PERIOD, grid_of
from starsieve.features.stream import update_many
from starsieve.features.tools.folder import Folder, read_objects
from starsieve.features.tools.lightcurves import LightCurves

PART = 25  # stars of each before it is the other's turn
SEED = 1


def peer(log2_frequencies: int) -> light_curve.Extractor:
    """light-curve's extractor; its periodogram is the highest peak of one harmonic."""
    frequencies = np.linspace(0, 2 * np.pi / SHORTEST_PERIOD, 2**log2_frequencies + 1)
    return light_curve.Extractor(
        light_curve.Amplitude(),
        light_curve.AndersonDarlingNormal(),
        light_curve.Cusum(),
        light_curve.Eta(),
        light_curve.EtaE(),
        light_curve.InterPercentileRange(quantile=0.25),
        light_curve.Kurtosis(),
        light_curve.LinearTrend(),
        light_curve.ReducedChi2(),
        light_curve.Skew(),
        light_curve.StandardDeviation(),
        light_curve.StetsonK(),
        light_curve.Periodogram(peaks=1, freqs=frequencies, fast=True),
    )


def turn(part: LightCurves, extractors: list[light_curve.Extractor]) -> list[float]:
    """CPU seconds of ours and of each of light-curve's for the same stars."""
    columns = part.mjd, part.mag, part.magerr
    times = [time.process_time()]
    update_many([None] * len(part.object_id), *columns, part.offsets, objects=part.objects)
    times.append(time.process_time())
    for extractor in extractors:
        for a, b in pairwise(part.offsets):
            mjd, mag, magerr = (column[a:b] for column in columns)
            single = [column.astype(np.float32) for column in (mjd - mjd[0], mag, magerr)]
            extractor(*single, sorted=True, check=False)
        times.append(time.process_time())
    return np.diff(times).tolist()


def main(
    data: Annotated[Path, typer.Option(help="Folder with objects.parquet and points.parquet, in one band.")],
    stars: Annotated[int, typer.Option(help="How many, drawn at random.")] = 500,
) -> None:
    """Prints milliseconds a star, and their ratios."""
    objects = read_objects(data)
    drawn = np.sort(np.random.default_rng(SEED).choice(len(objects), min(stars, len(objects)), replace=False))
    curves = Folder(data, objects).light_curves(drawn)
    baseline = np.median([np.ptp(curves.mjd[a:b]) for a, b in pairwise(curves.offsets)])
    n_frequencies = grid_of(float(baseline))[1] * BLOCK
    powers = [int(np.log2(n_frequencies)), int(np.log2(n_frequencies)) + 1]
    extractors = [peer(power) for power in powers]
    turn(next(curves.chunks(PART)), extractors)  # loads what was compiled
    ours, *theirs = 1e3 * np.sum([turn(part, extractors) for part in curves.chunks(PART)], axis=0) / len(drawn)
    print(f"{len(drawn)} stars, {np.median(curves.epochs):.0f} epochs: {ours:.2f} ms, {n_frequencies} frequencies")  # noqa: T201
    for power, each in zip(powers, theirs, strict=True):
        print(f"light-curve: {each:.2f} ms, {2**power} frequencies: {each / ours:.1f} times")  # noqa: T201


if __name__ == "__main__":
    typer.run(main)
