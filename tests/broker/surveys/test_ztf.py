"""ZTF's photometry against numbers worked out by hand."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starsieve.broker.avro import reader
from starsieve.broker.epochs import DIFFERENCE, FORCED, Epochs, n_references, of_band
from starsieve.broker.surveys import AlertError, ztf
from starsieve.broker.surveys.barycentre import barycentric
from tests.broker.surveys.ztf_rows import JD, candidate, forced, packet, upper_limit


def only(epochs: Epochs) -> Any:
    assert epochs.size == 1
    return epochs[0]


def test_positive_subtraction() -> None:
    """17.0 + 18.0 mag: f = 10^-6.8 (1 + 10^-0.4) = 1.39811 f_r, so m = 17 - 2.5 log10 1.39811 = 16.63614."""
    epoch = only(ztf.alert(packet()).epochs)
    assert epoch["mag"] == pytest.approx(16.63614, abs=1e-5)
    # f_d/f_tot = 0.398107 / 1.398107 = 0.284748; 0.0284748 with 0.01 in quadrature: 0.030180
    assert epoch["magerr"] == pytest.approx(0.030180, rel=1e-3)  # stored in half precision
    assert epoch["flags"] & (DIFFERENCE | FORCED) == 0


@pytest.mark.parametrize("negative", ["f", "0", "false"])
def test_negative_subtraction(negative: str) -> None:
    """f = (1 - 0.398107) f_r = 0.601893 f_r, so m = 17 + 0.55120 = 17.55120; err = 0.066143 (+) 0.01."""
    epoch = only(ztf.alert(packet(candidate=candidate(isdiffpos=negative))).epochs)
    assert epoch["mag"] == pytest.approx(17.55120, abs=1e-5)
    assert epoch["magerr"] == pytest.approx(math.hypot(0.0661425, 0.01), rel=1e-3)


@pytest.mark.parametrize("unknown", [None, "", "x", "-1"])
def test_an_unknown_sign_is_no_measurement(unknown: str | None) -> None:
    assert ztf.alert(packet(candidate=candidate(isdiffpos=unknown))).epochs.size == 0


@pytest.mark.parametrize("positive", ["t", "1", "true"])
def test_spellings_of_positive(positive: str) -> None:
    assert only(ztf.alert(packet(candidate=candidate(isdiffpos=positive))).epochs)["mag"] < 17


def test_no_total_flux_left() -> None:
    """Reference 18.0, minus 17.0: nothing positive remains, so there is no magnitude."""
    assert ztf.alert(packet(candidate=candidate(magnr=18.0, magpsf=17.0, isdiffpos="f"))).epochs.size == 0


def test_no_counterpart_keeps_the_positive_difference() -> None:
    """1.4 arcsec are 1.386 pixels."""
    far = ztf.alert(packet(candidate=candidate(distnr=1.39)))
    epoch = only(far.epochs)
    assert epoch["mag"] == pytest.approx(18.0)
    assert epoch["magerr"] == pytest.approx(math.hypot(0.1, 0.01), rel=1e-3)
    assert epoch["flags"] & DIFFERENCE
    near = ztf.alert(packet(candidate=candidate(distnr=1.38)))
    assert only(near.epochs)["flags"] & DIFFERENCE == 0


def test_no_reference_source_at_all_keeps_the_positive_difference() -> None:
    """ZTF then has -999 in all four columns."""
    nothing = dict.fromkeys(("distnr", "magnr", "ranr", "decnr"), -999.0)
    alert = ztf.alert(packet(candidate=candidate(**nothing)))
    epoch = only(alert.epochs)
    assert epoch["flags"] & DIFFERENCE
    assert epoch["mjd"] == alert.mjd


def test_no_counterpart_drops_the_negative_difference() -> None:
    assert ztf.alert(packet(candidate=candidate(distnr=5.0, isdiffpos="f"))).epochs.size == 0


@pytest.mark.parametrize("sentinel", [-99999.0, -9999.0, -999.0, math.nan, None, 100.0, -1.0])
@pytest.mark.parametrize("column", ["magnr", "distnr"])
def test_a_sentinel_is_no_counterpart(column: str, sentinel: float | None) -> None:
    assert only(ztf.alert(packet(candidate=candidate(**{column: sentinel}))).epochs)["flags"] & DIFFERENCE


@pytest.mark.parametrize("sentinel", [-99999.0, -9999.0, -999.0, math.nan, None, 100.0, 1e30, -1.0])
@pytest.mark.parametrize("column", ["magpsf", "sigmapsf", "jd"])
def test_a_sentinel_in_the_history_drops_the_row(column: str, sentinel: float | None) -> None:
    history = [candidate(jd=JD - 1, candid=1) | {column: sentinel}]
    assert ztf.alert(packet(prv_candidates=history)).epochs.size == 1


@pytest.mark.parametrize("column", ["forcediffimflux", "forcediffimfluxunc", "magzpsci", "magnr", "distnr"])
@pytest.mark.parametrize("sentinel", [-99999.0, math.nan, None])
def test_a_sentinel_in_forced_photometry_drops_the_row(column: str, sentinel: float | None) -> None:
    assert ztf.alert(packet(fp_hists=[forced(**{column: sentinel})])).epochs.size == 1


def test_forced_photometry() -> None:
    """f_ref = 10^(0.4 (26 - 18)) = 1584.893 DN; total 2584.893 DN, m = 26 - 2.5 log10 2584.893 = 17.46889."""
    epochs = ztf.alert(packet(fp_hists=[forced()])).epochs
    epoch = epochs[(epochs["flags"] & FORCED) != 0]
    assert only(epoch)["mag"] == pytest.approx(17.46889, abs=1e-5)
    # 1.0857362 * 50 / 2584.893 = 0.0210016, with 0.01 in quadrature: 0.0232608
    assert epoch[0]["magerr"] == pytest.approx(0.0232608, rel=1e-3)


def test_forced_photometry_cuts_on_the_total_flux_only() -> None:
    """A difference of nothing is a good measurement of the star; a total of less than 3 sigma is none."""
    assert ztf.alert(packet(fp_hists=[forced(forcediffimflux=0.0)])).epochs.size == 2
    faint = forced(forcediffimflux=1584.893 * -1 + 3 * 50 - 1)
    assert ztf.alert(packet(fp_hists=[faint])).epochs.size == 1
    enough = forced(forcediffimflux=1584.893 * -1 + 3 * 50 + 1)
    assert ztf.alert(packet(fp_hists=[enough])).epochs.size == 2


@pytest.mark.parametrize("status", ["56", "61", "0,56", None])
def test_forced_photometry_with_a_warning_is_dropped(status: str | None) -> None:
    assert ztf.alert(packet(fp_hists=[forced(procstatus=status)])).epochs.size == 1


def test_a_detection_comes_before_forced_photometry_of_the_same_exposure() -> None:
    epoch = only(ztf.alert(packet(fp_hists=[forced(jd=JD)])).epochs)
    assert epoch["flags"] & FORCED == 0


def test_i_band() -> None:
    history = [candidate(jd=JD - 1, fid=3), candidate(jd=JD - 1, fid=2)]
    epochs = ztf.alert(packet(prv_candidates=history)).epochs
    assert [of_band(epochs, band).size for band in "gri"] == [1, 1, 1]


def test_upper_limits_are_no_epochs() -> None:
    assert ztf.alert(packet(prv_candidates=[upper_limit(), upper_limit(jd=JD - 5)])).epochs.size == 1


def test_a_changed_reference_image_is_flagged() -> None:
    same = candidate(jd=JD - 1)
    other = candidate(jd=JD - 2, field=1500, rcid=3, magnr=17.03)
    assert n_references(ztf.alert(packet(prv_candidates=[same])).epochs) == 1
    assert n_references(ztf.alert(packet(prv_candidates=[same, other])).epochs) == 2


def test_bogus_rows_are_dropped() -> None:
    assert ztf.alert(packet(prv_candidates=[candidate(jd=JD - 1, rb=0.2)])).epochs.size == 1
    assert ztf.alert(packet(prv_candidates=[candidate(jd=JD - 1, rb=None)])).epochs.size == 2


def test_times_are_barycentric_and_mid_exposure() -> None:
    alert = ztf.alert(packet(candidate=candidate(ra=150.0, dec=30.0, ranr=150.0, decnr=30.0)))
    expected = barycentric(JD - 2400000.5 + 15 / 86400, 150.0, 30.0)
    assert alert.mjd == expected
    assert only(alert.epochs)["mjd"] == expected
    assert alert.time_ms == 1590904800000  # 2020-05-31T06:00:00


def test_one_detection_is_one_row_in_its_own_and_in_later_packets() -> None:
    """Positions of detections jitter, so times come from the reference source's position."""
    own = ztf.alert(packet()).epochs
    later = packet(
        candidate=candidate(jd=JD + 2, ra=150.0002), prv_candidates=[candidate(ra=150.0001, exptime=None)], candid=5
    )
    assert own.tobytes() in ztf.alert(later).epochs.tobytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"jd": math.nan},
        {"jd": 0.0},
        {"jd": 1e9},
        {"ra": 361.0},
        {"dec": -91.0},
        {"ra": math.nan},
        {"fid": 7},
        {"magpsf": -999.0},
        {"magpsf": math.inf},
        {"sigmapsf": 0.0},
        {"sigmapsf": math.nan},
        {"magpsf": None},
        {"magpsf": "17"},
        {"jd": "2459000.5"},
        {"fid": [1]},
    ],
)
def test_an_absurd_candidate_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AlertError, match=next(iter(changes))) as error:
        ztf.alert(packet(candidate=candidate(**changes)))
    assert error.value.reason == "absurd_value"


@pytest.mark.parametrize(
    "record", [{}, {"candidate": None}, {"objectId": "x", "candidate": {"jd": JD}}, {"diaSource": {}}]
)
def test_a_packet_of_another_survey_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(AlertError) as error:
        ztf.alert(record)
    assert error.value.reason == "not_ztf"


@pytest.mark.parametrize(
    "changes", [{"objectId": ""}, {"objectId": 7}, {"objectId": "x" * 100}, {"candid": 2**63}, {"candid": "many"}]
)
def test_an_absurd_identity_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AlertError, match=next(iter(changes))) as error:
        ztf.alert(packet(**changes))
    assert error.value.reason == "absurd_value"


def test_a_history_without_end_is_refused() -> None:
    with pytest.raises(AlertError, match="history") as error:
        ztf.alert(packet(fp_hists=[forced()] * 20_000))
    assert error.value.reason == "absurd_value"


def test_alert_id_comes_from_the_candidate_where_the_packet_has_none() -> None:
    record = packet()
    del record["candid"]
    assert ztf.alert(record).alert_id == 1247252541515015001


columns = ("magpsf", "sigmapsf", "magnr", "distnr", "rb", "jd")
numbers = st.none() | st.floats(width=32) | st.sampled_from([-99999.0, 0.0, 17.5])
measured = st.fixed_dictionaries(dict.fromkeys(columns, numbers))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(dict.fromkeys(("magpsf", "sigmapsf", "magnr", "distnr", "rb", "jd"), numbers)), max_size=4
    )
)
def test_whatever_the_history_holds_epochs_are_sane(rows: list[dict[str, Any]]) -> None:
    epochs = ztf.alert(packet(prv_candidates=[candidate(**row) for row in rows])).epochs
    for column in ("mjd", "mag", "magerr"):
        assert np.isfinite(epochs[column].astype(float)).all()
    assert ((epochs["mag"] > 6) & (epochs["mag"] < 30) & (epochs["magerr"] > 0)).all()


def test_all_real_packets_become_alerts(data_dir: Path) -> None:
    n_alerts, n_forced, unreadable = 0, 0, 0
    for path in sorted((data_dir / "alerts/ztf_avro").rglob("*")):
        if not path.is_file():
            continue
        try:
            records = reader.records(path.read_bytes())
        except AlertError:
            unreadable += 1
            continue
        for record in records:
            alert = ztf.alert(record)
            n_alerts += 1
            n_forced += int(np.count_nonzero(alert.epochs["flags"] & FORCED))
            assert (alert.epochs["mjd"] <= alert.mjd + 5 / 86400).all()
    assert n_alerts > unreadable
    assert n_forced > 0
