"""Rows of ZTF packets for tests: plausible, and changed where a test says so."""

from typing import Any

JD = 2459000.75


def candidate(**changes: Any) -> dict[str, Any]:
    return {
        "jd": JD,
        "fid": 1,
        "pid": 1247252541515,
        "programid": 1,
        "candid": 1247252541515015001,
        "isdiffpos": "t",
        "ra": 150.0,
        "dec": 30.0,
        "magpsf": 18.0,
        "sigmapsf": 0.1,
        "distnr": 0.5,
        "magnr": 17.0,
        "sigmagnr": 0.02,
        "ranr": 150.0,
        "decnr": 30.0,
        "rb": 0.9,
        "field": 500,
        "rcid": 15,
    } | changes


def upper_limit(**changes: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("candid", "isdiffpos", "ra", "dec", "magpsf", "sigmapsf", "distnr", "magnr", "sigmagnr", "ranr", "decnr", "rb")
    )
    return candidate(jd=JD - 3, diffmaglim=20.5) | nothing | changes


def forced(**changes: Any) -> dict[str, Any]:
    return {
        "jd": JD - 2,
        "fid": 1,
        "programid": 1,
        "rfid": 500120115,
        "field": 500,
        "rcid": 15,
        "magzpsci": 26.0,
        "forcediffimflux": 1000.0,
        "forcediffimfluxunc": 50.0,
        "procstatus": "0",
        "distnr": 0.5,
        "ranr": 150.0,
        "decnr": 30.0,
        "magnr": 18.0,
        "sigmagnr": 0.02,
        "exptime": 30.0,
    } | changes


def packet(**changes: Any) -> dict[str, Any]:
    return {
        "schemavsn": "4.02",
        "objectId": "ZTF18aaaaaaa",
        "candid": 1247252541515015001,
        "candidate": candidate(),
        "prv_candidates": None,
        "fp_hists": None,
    } | changes
