"""Synthetic light curves to train networks on: a source set like OGLE's, and real stars seen again by ZTF."""

from models.synthesis.catalog import Catalog, read_catalog
from models.synthesis.lightcurves import LightCurves, concatenate
from models.synthesis.ogle3 import ogle3_light_curves
from models.synthesis.ztf import ztf_light_curves, ztf_measured_light_curves

__all__ = [
    "Catalog",
    "LightCurves",
    "concatenate",
    "ogle3_light_curves",
    "read_catalog",
    "ztf_light_curves",
    "ztf_measured_light_curves",
]
