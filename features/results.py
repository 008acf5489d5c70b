"""What the library answers with: results that know the names of their numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from starsieve.features.periods.period import Period
from starsieve.features.shape.columns import FEATURES, PROFILE

Floats = NDArray[np.float64]


def frame(columns: dict[str, Any]) -> Any:
    """These columns as a DataFrame of pandas; raises ModuleNotFoundError where it is not installed."""
    try:
        import pandas as pd  # noqa: PLC0415 (only who wants a DataFrame needs it)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "to_frame() needs pandas: pip install 'starsieve[frame]', or take _asdict()", name=error.name
        ) from error

    return pd.DataFrame(columns)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The 16 features of one light curve, by name: `found["amplitude"]`; NumPy takes them for an array (16,).

    `starsieve.features.FEATURES` has the names in their order, `starsieve.features.shape.columns` the formulas and
    units: amplitude and quartile31 are in mag, period in d, phi21 and phi31 in rad, the slopes in d/mag.
    """

    values: Floats  # (16,)
    n_epochs: int  # that were used
    n_dropped: int  # masked or, if asked for, NaN

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[float]:
        return iter(self.values.tolist())

    def __getitem__(self, name: str | int) -> float:
        """One feature, by name or place in FEATURES. Raises KeyError, IndexError."""
        if not isinstance(name, str):
            return float(self.values[name])
        if name not in FEATURES:
            raise KeyError(f"{name!r}: there are {', '.join(FEATURES)}")
        return float(self.values[FEATURES.index(name)])

    def _asdict(self) -> dict[str, float]:
        """The features by name."""
        return dict(zip(FEATURES, self, strict=True))

    def to_frame(self) -> Any:
        """A DataFrame of one row. Raises ModuleNotFoundError without pandas."""
        return frame({name: [value] for name, value in self._asdict().items()})


@dataclass(frozen=True, slots=True)
class Batch:
    """Features and profiles of m light curves of n objects; NaN where there is a reason why there are none.

    `object_id` and `band` are names if names were given, else numbers: of the object, and of the light curve in it.
    """

    features: Floats  # (m, 16), in the order of FEATURES
    profiles: Floats  # (m, 23), in the order of PROFILE
    reasons: list[str | None]  # (m,) why there are no features, one of `starsieve.features.check.REASONS`
    periods: list[Period | None]  # (n,) of the objects; none with `upsilont`
    object_id: NDArray[Any]  # (m,)
    band: NDArray[Any]  # (m,)
    owner: NDArray[np.int64]  # (m,) index of the object
    n_epochs: NDArray[np.int64]  # (m,) that were used
    n_dropped: NDArray[np.int64]  # (m,) masked or, if asked for, NaN

    def __len__(self) -> int:
        return len(self.reasons)

    def _asdict(self) -> dict[str, Any]:
        """All columns by name, (m,) each; period, trust and aliases are those of the object."""
        of_object = [(period.trust, ",".join(period.aliases)) if period else ("", "") for period in self.periods]
        trust, aliases = np.array(of_object, np.str_).reshape(-1, 2)[self.owner].T
        return {
            "object_id": self.object_id,
            "band": self.band,
            "n_epochs": self.n_epochs,
            "n_dropped": self.n_dropped,
            "reason": np.array([reason or "" for reason in self.reasons], np.str_),
            **dict(zip(FEATURES, self.features.T, strict=True)),
            **dict(zip(PROFILE, self.profiles.T, strict=True)),
            "trust": trust,
            "aliases": aliases,
        }

    def to_frame(self) -> Any:
        """A DataFrame of m rows. Raises ModuleNotFoundError without pandas."""
        return frame(self._asdict())
