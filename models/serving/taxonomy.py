"""The class names of every survey, placed in the ELAsTiCC taxonomy.

Source: github.com/LSSTDESC/elasticc, taxonomy/taxonomy.ipynb, with the leading 2 that its second version gave to
everything that varies; FASTDB 10.0.0 refers to it, too. An id ends in as many zeros as it is broad:
2300 recurring, 2320 periodic, 2323 RR Lyrae.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence

from starsieve.models import ModelError

OWN = 100_000  # a class that is not in the taxonomy has its parent's id times this, and a number of its own
OTHER = 100  # the parent of those for which nobody names one
LONGEST_LABEL = 64  # characters
RESIDUAL = "Residual"  # probability kept back for objects unlike anything in the training set

ELASTICC = {
    100: "Meta/Other",
    200: "Residual",
    300: "NotClassified",
    1000: "Static",
    1100: "Static/Other",
    2000: "Variable",
    2100: "Variable/Other",
    2200: "Non-Recurring",
    2210: "Non-Recurring/Other",
    2220: "SN-like",
    2221: "SN-like/Other",
    2222: "Ia",
    2223: "Ib/c",
    2224: "II",
    2225: "Iax",
    2226: "91bg",
    2230: "Fast",
    2231: "Fast/Other",
    2232: "KN",
    2233: "M-dwarf Flare",
    2234: "Dwarf Novae",
    2235: "uLens",
    2240: "Long",
    2241: "Long/Other",
    2242: "SLSN",
    2243: "TDE",
    2244: "ILOT",
    2245: "CART",
    2246: "PISN",
    2300: "Recurring",
    2310: "Recurring/Other",
    2320: "Periodic",
    2321: "Periodic/Other",
    2322: "Cepheid",
    2323: "RR Lyrae",
    2324: "Delta Scuti",
    2325: "EB",
    2326: "LPV/Mira",
    2330: "Non-Periodic",
    2331: "Non-Periodic/Other",
    2332: "AGN",
}

_LABELS = {
    200: RESIDUAL,
    1100: "NONVAR NonVar",
    2220: "SN SNIA",
    2310: "MISC",
    2321: "ROT ACV GDOR SPB BCEP LBOO ELL",
    2322: "CEP ACEP ACEPH T2CEP CEP_MULTI RVTAU CEPH_F CEPH_1O CEPH_Other T2CEPH",
    2323: "RRL RRAB RRC RRD RRE RRAB_BLAZHKO RRL_ab RRL_c RRL_d RRL_e",
    2324: "DSCT SXPHE",
    2325: "EB EA EW EC ED ESD EB_EC EB_ED EB_ESD",
    2326: "LPV MIRA SRV LPV_Mira LPV_SRV LPV_OSARG "
    "LPV_Mira_AGB_C LPV_Mira_AGB_O LPV_OSARG_AGB LPV_OSARG_RGB LPV_SRV_AGB_C LPV_SRV_AGB_O",
    2331: "BV WR PVSG HAEBE TTAU XRB SDOR",
    2332: "QSO",
}
_IDS = {label: class_id for class_id, labels in _LABELS.items() for label in labels.split()}


def class_id(label: str) -> int:
    """ELAsTiCC id of a survey's class.

    Raises ModelError for a label that has no place in the taxonomy yet.
    """
    if label not in _IDS:
        known = ", ".join(sorted(set(_IDS) - {RESIDUAL}))
        raise ModelError(f"class {label!r} has no place in the ELAsTiCC taxonomy: rename or drop it; known are {known}")
    return _IDS[label]


def spelling(label: str) -> str:
    """How the taxonomy and the surveys' labels write a class that differs in capitals alone; else as it is."""
    names = (*_IDS, *ELASTICC.values())
    if label in names:
        return label
    return next((name for name in names if name.casefold() == label.casefold()), label)


def class_ids(labels: Sequence[str], parents: Mapping[str, int] | None = None) -> tuple[int, ...]:
    """Ids of all classes of a network; one that is not in the taxonomy gets its own, under its parent or OTHER.

    An own id depends on label and parent alone, so that it stays when other classes come and go. Raises ModelError for
    a parent of a class that has a place or is not there, for a label that is no name, and where two ids are one.
    """
    parents = parents or {}
    for label in parents:
        if label not in labels:
            raise ModelError(f"{label} has a parent, but is none of the classes, which are {', '.join(labels)}")
        if label in _IDS:
            raise ModelError(f"{label} is {ELASTICC[_IDS[label]]} in the ELAsTiCC taxonomy: it takes no other parent")
    ids = tuple(_IDS[label] if label in _IDS else own_id(label, parents.get(label, OTHER)) for label in labels)
    own = {number: label for number, label in zip(ids, labels, strict=True) if number >= OWN}
    for number, label in zip(ids, labels, strict=True):
        if own.get(number, label) != label:
            raise ModelError(f"the classes {own[number]} and {label} would have the same id: rename one")
    return ids


def own_id(label: str, parent: int) -> int:
    """Id of a class that is not in the taxonomy. Raises ModelError for a label that is no name."""
    if not label.isprintable() or len(label) > LONGEST_LABEL or "|" in label:
        raise ModelError(
            f"class {label[:LONGEST_LABEL]!r}: a class is a name of at most {LONGEST_LABEL} characters, without |"
        )
    return parent * OWN + zlib.crc32(label.encode()) % (OWN - 1) + 1


def parent_of(text: str) -> int:
    """The id in the taxonomy that a number, a name or a known label stands for. Raises ModelError."""
    by_name = {name.casefold(): number for number, name in ELASTICC.items() if number not in {200, 300}}
    found = _IDS.get(text, by_name.get(text.casefold()))
    if found is None and text.isdecimal() and int(text) in by_name.values():
        found = int(text)
    if found is None or text == RESIDUAL:
        known = ", ".join(f"{number} {name}" for name, number in ((ELASTICC[n], n) for n in by_name.values()))
        raise ModelError(f"{text} is no class of the ELAsTiCC taxonomy, which has {known}")
    return found


def place(class_id: int) -> int:
    """The id in the taxonomy itself: of an own class, its parent's."""
    return class_id // OWN if class_id >= OWN else class_id


def fits(label: str, class_id: int) -> bool:
    """Whether a class may have this id."""
    if label in _IDS:
        return class_id == _IDS[label]
    return place(class_id) in ELASTICC and class_id == own_id(label, place(class_id))


def ancestors(class_id: int) -> tuple[int, ...]:
    """The broader classes of an id, narrowest first: 2323 -> (2320, 2300, 2000)."""
    if class_id >= OWN:
        return place(class_id), *ancestors(place(class_id))
    broader = (class_id // power * power for power in (10, 100, 1000))
    return tuple(dict.fromkeys(parent for parent in broader if parent not in {0, class_id}))


def hierarchical_sums(class_ids: Iterable[int], probabilities: Iterable[float]) -> Mapping[int, float]:
    """Probability of every class and of every class that contains it, by id.

    Several labels of one survey may share an id (RRAB and RRC are both 2323): their probabilities add.
    """
    sums: dict[int, float] = {}
    for leaf, probability in zip(class_ids, probabilities, strict=True):
        for node in (leaf, *ancestors(leaf)):
            sums[node] = sums.get(node, 0.0) + float(probability)
    return sums
