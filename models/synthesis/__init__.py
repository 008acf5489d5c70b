"""Synthetic light curves to train networks on: a source set like OGLE's, and real stars seen again by ZTF and Rubin."""

from starsieve.models.synthesis.catalogue import Catalogue, read_catalogue
from starsieve.models.synthesis.lsst.training_set import lsst_light_curves
from starsieve.models.synthesis.ogle.ogle3 import ogle3_light_curves
from starsieve.models.synthesis.ztf.training_set import ztf_light_curves, ztf_measured_light_curves

__all__ = [
    "Catalogue",
    "lsst_light_curves",
    "ogle3_light_curves",
    "read_catalogue",
    "ztf_light_curves",
    "ztf_measured_light_curves",
]
