"""The networks that come with the package, rebuilt from the data."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from starsieve.models import ModelError
from starsieve.models.recipes import lsst, sources, transfer, ztf
from starsieve.models.recipes.building import Work
from starsieve.models.serving import registry

SOURCE = "ogle3"
SOURCE_OBJECTS = 1000  # synthetic, of a typical class
ORIGINS = {
    "asas": "ASAS-3 Catalog of Variable Stars (Pojmanski 2002 and later), entries of a single type; CEP, SRV and T2CEP "
    "from Richards et al. 2012",
    "catalina": "Catalina Surveys Southern periodic variable star catalogue (Drake et al. 2017)",
    "eros1": "EROS-1 periodic variables in the Large Magellanic Cloud",
    "hipparcos": "Hipparcos light curves of the training set of Debosscher et al. 2007",
    "ogle2": "OGLE-II light curves of the training set of Debosscher et al. 2007",
}
SURVEYS = tuple(ORIGINS)


def _source(data: Path, folder: Path, work: Work) -> None:
    sources.train(SOURCE, data, folder, objects=SOURCE_OBJECTS, seed=0, work=work)


def _transferred(name: str, data: Path, folder: Path, work: Work) -> None:
    transfer.transfer(
        data / "lightcurves" / name,
        folder,
        source=SOURCE,
        published=data / "upsilont",
        fraction=1.0,
        name=name,
        seed=0,
        work=work,
        origin=ORIGINS[name],
    )


# What makes each network, from the folder of all data, in the folder of its own; the source first.
RECIPES: dict[str, Callable[[Path, Path, Work], None]] = {
    SOURCE: _source,
    **{name: partial(_transferred, name) for name in SURVEYS},
    "ztf": ztf.build,
    "lsst": lsst.build,
}


def everything(data: Path, only: list[str] | None, work: Work) -> None:
    """Rebuilds the networks that come with the package, or only some of them, the source first.

    Raises ModelError for a name that is none of theirs.
    """
    unknown = set(only or []) - set(RECIPES)
    if unknown:
        raise ModelError(f"no recipe for {', '.join(sorted(unknown))}: there are {', '.join(RECIPES)}")
    wanted = [name for name in RECIPES if not only or name in only]
    for number, name in enumerate(wanted):
        work.on_step("networks", number, len(wanted))
        RECIPES[name](data, registry.WEIGHTS / name, work)
    work.on_step("networks", len(wanted), len(wanted))
