"""Whether ZTF's totals would be better with one reference flux an object: python -m tests.benchmarks.ztf_references

Every candidate names its nearest source in the reference image (`magnr`, `distnr`), whose flux its total is made with.
Of real packets: how often these differ between the candidates of one object, filter and reference image (field and
quadrant).
"""

import os
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
from rich.console import Console

from starsieve.features.photometry import COUNTERPART_ARCSEC

Reference = tuple[str, int, int, int]  # object, filter, field, quadrant
LEAST = 3  # candidates with the same reference image
DIFFERS = (0.001, 0.01, 0.05)  # mag


def main() -> None:
    """Prints the table."""
    console = Console(width=110)
    found: dict[Reference, dict[float, tuple[float, float]]] = {}
    folder = Path(os.environ.get("STARSIEVE_DATA", "../shared/data")) / "alerts" / "ztf_avro"
    for path in sorted(folder.rglob("*.avro")):
        for packet in packets(path):
            for row in [packet["candidate"], *(packet.get("prv_candidates") or [])]:
                if row.get("magpsf") is not None and row.get("magnr") is not None and row.get("field") is not None:
                    reference = (packet["objectId"], row["fid"], row["field"], row["rcid"])
                    found.setdefault(reference, {})[row["jd"]] = (row["magnr"], row["distnr"])
    groups = [np.array(list(rows.values())) for rows in found.values() if len(rows) >= LEAST]
    near = [group[group[:, 1] < COUNTERPART_ARCSEC] for group in groups]
    n_near, n_all = sum(map(len, near)), sum(map(len, groups))
    console.print(f"{len(groups)} objects, filters and references with {LEAST} candidates or more: {n_all} candidates")
    mixed = sum(0 < len(inside) < len(group) for inside, group in zip(near, groups, strict=True))
    console.print(f"{n_near} candidates have a counterpart; {mixed} of the groups have some with and some without")
    away = np.concatenate([np.abs(group[:, 0] - np.median(group[:, 0])) for group in near if len(group)])
    for limit in DIFFERS:
        console.print(
            f"magnr is more than {limit} mag from the group's median: {(away > limit).mean():.1%} of {away.size}"
        )


def packets(path: Path) -> list[Any]:
    """What can be read of a file; truncated ones are among them."""
    try:
        with path.open("rb") as file:
            return [each for each in fastavro.reader(file) if isinstance(each, dict) and "candidate" in each]
    except (ValueError, EOFError, IndexError):
        return []


if __name__ == "__main__":
    main()
