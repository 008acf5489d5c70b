"""What a source knows before it has seen a label of a survey: ours and the published one, on every band by itself."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from starsieve import features
from starsieve.features.caches import code_of
from starsieve.features.photometry import MIN_EPOCHS
from starsieve.features.tools.commands import check_folder
from starsieve.features.tools.folder import read_light_curves, read_objects
from starsieve.features.tools.lightcurves import LightCurves
from starsieve.models.data import cepheids, splits, tables
from starsieve.models.judging import evaluation, judging
from starsieve.models.recipes import upsilont
from starsieve.models.recipes.building import Work
from starsieve.models.recipes.shipped import SURVEYS
from starsieve.models.recipes.upsilont import Upsilont
from starsieve.models.serving import registry
from starsieve.models.serving.classifier import Classifier
from starsieve.models.training import network

Floats = npt.NDArray[np.float64]
Strings = npt.NDArray[np.str_]

NONE = "none"  # another class than these, Residual, or no answer
# What the classes of the surveys and of the two networks have in common.
SUPERCLASSES = {
    "RRL": "RRL RRAB RRC RRD RRAB_BLAZHKO RRL_ab RRL_c RRL_d RRL_e",
    "CEP": "CEP CEP_MULTI CEPH_F CEPH_1O CEPH_Other",
    "T2CEP": "T2CEP ACEP RVTAU T2CEPH ACEPH",
    "DSCT": "DSCT SXPHE",
    "EB": "EB EA EW EC ED ESD EB_EC EB_ED EB_ESD",
    "LPV": "LPV MIRA SRV LPV_Mira LPV_SRV LPV_OSARG LPV_Mira_AGB_C LPV_Mira_AGB_O LPV_OSARG_AGB LPV_OSARG_RGB "
    "LPV_SRV_AGB_C LPV_SRV_AGB_O",
}
OF_SUPERCLASS = {label: name for name, labels in SUPERCLASSES.items() for label in labels.split()}
MODES = {"CEPH_F": "F", "CEPH_1O": "1O", "CEPH_Other": "other modes"}
PUBLISHED, OURS = "published", "ours"


@dataclass(frozen=True)
class Judged:
    """The light curves of one band of a folder: star, true class and what each network says of it, (n,) each."""

    name: str
    star: Strings
    truth: Strings
    found: Mapping[str, Strings]


def run(data: Path, output: Path, model: Path | None, stars: int | None, work: Work) -> None:
    """Judges both networks on every band of the Cepheid sets and of the surveys; writes zero-shot.md.

    model: a folder that `starsieve train` wrote; None: the shipped source. Of the Cepheid sets, from which the source
    learns, those stars are judged that it has not learned from; of the surveys, which it does not know, all, or at most
    `stars` of each, chosen by their names.
    """
    check_folder(output)
    ours = Classifier(model) if model else registry.load("ogle3")
    published = upsilont.read(data / "upsilont")
    folders = (*cepheids.SETS, *SURVEYS)
    judged: list[Judged] = []
    for number, name in enumerate(folders):
        work.on_step("zero-shot", number, len(folders))
        judged += _judged(data / "lightcurves" / name, ours, published, stars, work)
    work.on_step("zero-shot", len(folders), len(folders))
    (output / "zero-shot.md").write_text(text(judged))


def _judged(folder: Path, ours: Classifier, published: Upsilont, stars: int | None, work: Work) -> Iterator[Judged]:
    curves = read_light_curves(folder)
    if folder.name in cepheids.SETS:
        star, labels = cepheids.stars(folder)
        names, held_out = MODES, [splits.held_out(name) for name in star.tolist()]
        truth = np.where(held_out, [names[label] for label in labels.tolist()], NONE)
    else:
        star, names = read_objects(folder).object_id, OF_SUPERCLASS
        truth = np.array([*(names.get(label, NONE) for label in curves.label.tolist()), NONE])[:-1]  # NONE fits in
        digests = np.array([hashlib.sha256(name.encode()).hexdigest() for name in star.tolist()])
        truth[np.argsort(np.where(truth == NONE, "~", digests))[len(star) if stars is None else stars :]] = NONE
    for band in range(len(curves.bands)):
        wanted = (curves.band == band) & (curves.epochs >= MIN_EPOCHS) & (truth != NONE)[curves.owner]
        if not wanted.any():
            continue
        one = curves.keep(np.repeat(wanted, curves.epochs))
        objects = curves.owner[wanted]
        answers = {PUBLISHED: _published(published, one, work)[wanted], OURS: _ours(ours, one, work)[objects]}
        found = {which: np.array([names.get(label, NONE) for label in given]) for which, given in answers.items()}
        yield Judged(f"{folder.name}, {curves.bands[band]}", star[objects], truth[objects], found)


def _ours(classifier: Classifier, curves: LightCurves, work: Work) -> Strings:
    """The most probable class of every object, "" where there is none."""
    table = tables.extract(curves, cache=work.cache, threads=work.threads)
    answers = judging.answers(classifier, table)
    best = np.array(classifier.classes)[np.nan_to_num(answers).argmax(axis=1)]
    return np.where(np.isnan(answers[:, 0]), "", best)


def _published(published: Upsilont, curves: LightCurves, work: Work) -> Strings:
    """The most probable class of every light curve with MIN_EPOCHS points, by the published features of it."""
    long = curves.epochs >= MIN_EPOCHS
    usable = curves.keep(np.repeat(long, curves.epochs))
    offsets = np.concatenate([[0], np.cumsum(usable.epochs[long])])

    def compute() -> Floats:
        light_curves = usable.mjd, usable.mag, usable.magerr, offsets
        return features.extract_many(*light_curves, upsilont=True, threads=work.threads).features

    values = tables.cached(work.cache, f"upsilont {code_of('features')}", usable, compute)
    model = network.build(network.UPSILONT, len(features.FEATURES), len(published.classes), seed=0)
    upsilont.load_weights(model, published.state, head=True)
    answers = softmax(network.logits(model, published.scaler(values))[:, 0], axis=1)
    best = np.full(len(curves), "", dtype=np.array(published.classes).dtype)
    best[long] = np.where(np.isnan(values[:, 0]), "", np.array(published.classes)[answers.argmax(axis=1)])
    return best


def scores(truth: Strings, found: Strings) -> tuple[float, float, float]:
    """Accuracy, macro-F1 over the true classes, and Matthews correlation."""
    names = np.unique(truth)
    place = {name: number for number, name in enumerate(names.tolist())}
    others = np.unique(found[~np.isin(found, names)])  # each of them a class of its own: the correlation counts them
    place |= {name: len(names) + number for number, name in enumerate(others.tolist())}
    counts = evaluation.confusion(
        np.array([place[name] for name in truth.tolist()]),
        np.array([place[name] for name in found.tolist()]),
        len(place),
    )
    of_class = evaluation.per_class(counts, list(place))
    macro_f1 = float(np.mean([of_class[name]["f1"] for name in names.tolist()]))
    return float((truth == found).mean()), macro_f1, evaluation.matthews(counts)


def kept(judged: list[Judged], which: str) -> dict[str, tuple[int, float]]:
    """Of the Cepheids seen in two light curves: how many there are, and which share has the same mode in both."""
    sets = [one for one in judged if one.name.split(", ")[0] in cepheids.SETS]
    found = {}
    for first, second in combinations(sets, 2):
        _, left, right = np.intersect1d(first.star, second.star, return_indices=True)
        if len(left):
            same = (first.found[which][left] == second.found[which][right]).mean()
            found[f"{first.name} and {second.name}"] = len(left), float(same)
    return found


def text(judged: list[Judged]) -> str:
    """The tables of docs/results.md: scores, confusion by class, and classes kept from survey to survey."""
    networks = (PUBLISHED, OURS)
    lines = ["| survey, band | light curves | published network | ours |", "|---|---|---|---|"]
    for one in judged:
        cells = (" / ".join(f"{score:.2f}" for score in scores(one.truth, one.found[which])) for which in networks)
        lines.append(f"| {one.name} | {len(one.truth)} | {' | '.join(cells)} |")
    lines += ["", "| survey, band | class | light curves | published network | ours |", "|---|---|---|---|---|"]
    for one in judged:
        for name in np.unique(one.truth).tolist():
            of_class = one.truth == name
            cells = (_answers(one.found[which][of_class]) for which in networks)
            lines.append(f"| {one.name} | {name} | {of_class.sum()} | {' | '.join(cells)} |")
    lines += ["", "| light curves of one star | stars | published network | ours |", "|---|---|---|---|"]
    ours = kept(judged, OURS)
    for pair, (stars, share) in kept(judged, PUBLISHED).items():
        lines.append(f"| {pair} | {stars} | {share:.2f} | {ours[pair][1]:.2f} |")
    return "\n".join(lines) + "\n"


def _answers(found: Strings) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(found.tolist()).most_common())
