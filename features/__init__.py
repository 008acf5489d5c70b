"""Variability features and periods of light curves: arrays in, arrays out."""

from typing import TYPE_CHECKING

from starsieve.features.shape.columns import FEATURES, PROFILE

if TYPE_CHECKING:
    from starsieve.features.check import UnusableLightCurve
    from starsieve.features.periods.period import Period
    from starsieve.features.stream import (
        Batch,
        Update,
        Updates,
        extract,
        extract_many,
        find_period,
        update,
        update_many,
    )
else:
    _MODULES = {
        "UnusableLightCurve": "check",
        "Period": "periods.period",
    }  # all others: stream

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
