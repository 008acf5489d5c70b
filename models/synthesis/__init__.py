"""Synthetic light curves to train networks on: a source set like OGLE's, and real stars seen again by ZTF and Rubin.

Nothing is imported before it is asked for: how Rubin looks (`lsst`) is also for simulated packets, which need no SciPy.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starsieve.models.synthesis.catalogue import Catalogue, read_catalogue
    from starsieve.models.synthesis.lsst.training_set import lsst_light_curves
    from starsieve.models.synthesis.ogle.ogle3 import ogle3_light_curves
    from starsieve.models.synthesis.ztf.training_set import ztf_light_curves, ztf_measured_light_curves
else:
    _MODULES = {
        "Catalogue": "catalogue",
        "lsst_light_curves": "lsst.training_set",
        "ogle3_light_curves": "ogle.ogle3",
        "read_catalogue": "catalogue",
        "ztf_light_curves": "ztf.training_set",
        "ztf_measured_light_curves": "ztf.training_set",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415

        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value


__all__ = [
    "Catalogue",
    "lsst_light_curves",
    "ogle3_light_curves",
    "read_catalogue",
    "ztf_light_curves",
    "ztf_measured_light_curves",
]
