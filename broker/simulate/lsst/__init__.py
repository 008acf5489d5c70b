"""Stars as Rubin sees them, and its packets (schema 11.1, framed)."""

from starsieve.broker.simulate.lsst.invent import invent
from starsieve.broker.simulate.lsst.observed import seen

__all__ = ["invent", "seen"]
