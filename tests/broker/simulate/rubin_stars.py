"""Stars as Rubin might see them, made by hand: a visit or two every few nights for two years."""

import numpy as np

from starsieve.broker.simulate.lsst.observed import RubinStar, object_id, to_njy

FIRST_MJD = 61000.0


def rubin_star(number: int, *, visits: int = 160, years: float = 2.0, mag: float = 19.0) -> RubinStar:
    """One with an amplitude of 0.3 mag in six bands; alerts in the last 100 days."""
    rng = np.random.default_rng(number)
    mjd = FIRST_MJD + np.sort(rng.uniform(0, 365 * years, visits))
    reference = np.full(visits, float(to_njy(np.array(mag))))
    error = 0.01 * reference * rng.uniform(0.5, 2.0, visits)
    flux = reference * (1 + 0.3 * np.cos(2 * np.pi * mjd / 0.567)) + error * rng.standard_normal(visits)
    return RubinStar(
        object_id=object_id(f"made {number}"),
        number=number,
        name=f"made {number}",
        label="RRC",
        period=0.567,
        ra=float(rng.uniform(0, 360)),
        dec=float(np.degrees(np.arcsin(rng.uniform(-1, 0.1)))),
        mjd=mjd,
        band=rng.choice(list("ugrizy"), visits, p=[0.07, 0.09, 0.22, 0.22, 0.2, 0.2]),
        flux=flux,
        flux_error=error,
        reference=reference,
        seeing=rng.uniform(0.7, 1.6, visits),
        bogus=rng.random(visits) < 0.01,
        begin=float(mjd[-1]) - 100.0,
    )
