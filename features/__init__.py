"""Variability features and periods of light curves: arrays in, arrays out.

find_period(mjd, mag, magerr, band)      the period of one object, and how far to trust it
extract(mjd, mag, magerr, band)          its 16 features
extract_many(..., object_id=, band=)     those of a whole table, and the numbers of PROFILE
update(state, ...), update_many(...)     the same of light curves that grow, epoch by epoch

Times are days, magnitudes magnitudes. docs/library.md has examples.
"""

from typing import TYPE_CHECKING

from starsieve.features.shape.columns import FEATURES, PROFILE

if TYPE_CHECKING:
    from starsieve.features.check import UnusableLightCurve
    from starsieve.features.library import extract, extract_many, find_period
    from starsieve.features.periods.period import Period
    from starsieve.features.results import Batch, Features
    from starsieve.features.stream import Update, Updates, update, update_many
else:
    _MODULES = {"UnusableLightCurve": "check", "Period": "periods.period", "Batch": "results", "Features": "results"}
    _MODULES |= dict.fromkeys(("extract", "extract_many", "find_period"), "library")  # all others: stream

    def __getattr__(name: str) -> object:
        """Imports what is asked for: Numba and the kernels are not for `starsieve --help`."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415

        value = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'stream')}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "FEATURES",
    "PROFILE",
    "Batch",
    "Features",
    "Period",
    "UnusableLightCurve",
    "Update",
    "Updates",
    "extract",
    "extract_many",
    "find_period",
    "update",
    "update_many",
]
