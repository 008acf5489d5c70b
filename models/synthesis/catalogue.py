"""The published numbers that light curves are synthesised from: OGLE-III variables and quasar variability."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from starsieve.models import ModelError
from starsieve.models.synthesis.epochs import Floats, Ints, Strings

MAX_MODES = 3
# A harmonic above twice the fundamental, or above the first overtone's own amplitude at third order, is a failed fit
# of a faint star (up to 999.999 in the catalogue).
MAX_R21 = 1.2
MAX_R31 = 1.0


@dataclass(frozen=True)
class Catalogue:
    """OGLE-III stars (n rows) with up to three modes (columns), and m measured quasars.

    object_id, type, subtype (n,); mag: mean I (n,); period days, amplitude mag peak to peak, r21, phi21, r31, phi31
    (n, 3), phases in radians of a cosine series; an absent mode has amplitude 0, an absent harmonic ratio 0.
    quasar_id, quasar_sigma mag and quasar_tau days (m,): standard deviation and damping time in r, observer's frame.
    """

    object_id: Strings
    type: Strings
    subtype: Strings
    mag: Floats
    period: Floats
    amplitude: Floats
    r21: Floats
    phi21: Floats
    r31: Floats
    phi31: Floats
    quasar_id: Strings
    quasar_sigma: Floats
    quasar_tau: Floats

    def rows(self, kind: str, *subtypes: str) -> Ints:
        """Rows of a type (all its subtypes if none is named) that have a mean magnitude, a period and an amplitude."""
        chosen = self.type == kind
        if subtypes:
            chosen &= np.isin(self.subtype, subtypes)
        usable = np.isfinite(self.mag) & np.isfinite(self.period[:, 0]) & (self.amplitude[:, 0] > 0)
        return np.flatnonzero(chosen & usable)


def read_catalogue(folder: Path) -> Catalogue:
    """Read ogle3.parquet and s82_qso_javelin_drw_r.txt.gz. Raises ModelError where they are missing or damaged.

    Sources: OGLE-III Catalog of Variable Stars; damped random walks of SDSS Stripe 82 quasars fitted with JAVELIN
    (columns name, then 16th, 50th and 84th percentile of sigma and of tau).
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - the serving environment has no pyarrow

    try:
        table = pq.read_table(folder / "ogle3.parquet")
        quasars = np.loadtxt(folder / "s82_qso_javelin_drw_r.txt.gz", usecols=(0, 2, 5), dtype=np.str_)
    except (OSError, ValueError) as error:
        raise ModelError(f"no catalogues in {folder}: {error}; --data or STARSIEVE_DATA says where they are") from error

    def numbers(name: str) -> Floats:
        if name not in table.column_names:
            return np.full(table.num_rows, np.nan)
        column: Floats = table[name].to_numpy().astype(np.float64)
        return column

    def modes(quantity: str) -> Floats:
        return np.column_stack([numbers(f"{quantity}_{mode}") for mode in range(1, MAX_MODES + 1)])

    kind = np.array(table["Type"].to_pylist(), dtype=np.str_)
    r21, phi21, r31, phi31 = modes("R21"), modes("phi21"), modes("R31"), modes("phi31")
    swapped = kind == "DSCT"  # the catalogue's columns are exchanged in these rows
    r21[swapped], phi21[swapped] = phi21[swapped].copy(), r21[swapped].copy()
    return Catalogue(
        object_id=np.array(table["ID"].to_pylist(), dtype=np.str_),
        type=kind,
        subtype=np.array([subtype or "" for subtype in table["Subtype"].to_pylist()], dtype=np.str_),
        mag=numbers("I"),
        period=modes("P"),
        amplitude=np.nan_to_num(modes("A")),
        r21=_ratio(r21, phi21, MAX_R21),
        phi21=np.nan_to_num(phi21),
        r31=_ratio(r31, phi31, MAX_R31),
        phi31=np.nan_to_num(phi31),
        quasar_id=np.char.add("quasar-", np.char.partition(quasars[:, 0], ".")[:, 0]),
        quasar_sigma=quasars[:, 1].astype(np.float64),
        quasar_tau=quasars[:, 2].astype(np.float64),
    )


def _ratio(ratio: Floats, phase: Floats, limit: float) -> Floats:
    """Harmonic ratios, 0 where the ratio or its phase was not measured or the fit failed."""
    return np.where(np.isfinite(ratio) & np.isfinite(phase) & (ratio <= limit), ratio, 0.0)
