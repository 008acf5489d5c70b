"""Pictures for the documentation."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LINES = ((1.0, "equal"), (0.5, "half"), (2.0, "double"))
ALIAS = 1.0027379  # sidereal day (1/d)


def plot_periods(
    path: Path, title: str, labels: list[str], published: NDArray[np.float64], found: NDArray[np.float64]
) -> None:
    """Period found against published period, logarithmic, coloured by class, with the lines that errors fall on."""
    import matplotlib.pyplot as plt  # noqa: PLC0415 - an optional dependency

    figure, axes = plt.subplots(figsize=(9.5, 7), layout="constrained")
    classes = np.array(labels)
    names = sorted(set(labels), key=lambda name: -int(np.sum(classes == name)))
    colours = plt.get_cmap("tab20")(np.linspace(0, 1, 20))
    for i, name in enumerate(names):
        chosen = classes == name
        axes.plot(
            published[chosen], found[chosen], ".", ms=2.5, color=colours[i % 20], label=f"{name} ({chosen.sum()})"
        )
    low, high = float(np.nanmin(published)), float(np.nanmax(published))
    grid = np.geomspace(low, high, 2000)
    for factor, name in LINES:
        axes.plot(grid, factor * grid, "k-", lw=0.6, alpha=0.5, zorder=0, label=name if factor == 1 else None)
    for sign in (-1, 1):
        alias = 1 / np.abs(1 / grid + sign * ALIAS)
        axes.plot(grid, np.where(alias < 10 * high, alias, np.nan), "r-", lw=0.5, alpha=0.4, zorder=0,
                  label="daily alias" if sign > 0 else None)  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="published period (d)", ylabel="period found (d)", title=title,
             xlim=(low / 1.2, high * 1.2), ylim=(0.02, high * 3))  # fmt: skip
    figure.legend(markerscale=4, fontsize=8, loc="outside right upper")
    figure.savefig(path, dpi=110)
    plt.close(figure)
