"""ZTF's photometry against numbers worked out by hand."""

import math
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starsieve.broker import simulate
from starsieve.broker.avro import reader
from starsieve.broker.epochs import DIFFERENCE, FORCED, Epochs, n_references, of_band, on_grid
from starsieve.broker.surveys import Alert, AlertError, packets
from starsieve.broker.surveys.barycentre import barycentric
from tests.broker.avro.test_avro import real_packets
from tests.broker.surveys.plain_ztf import epochs_of
from tests.broker.surveys.ztf_rows import JD, candidate, forced, packed, packet, upper_limit


def alert_of(record: dict[str, Any]) -> Alert:
    """The alert of a packet with this record; its error is raised."""
    (found,) = packets.decode(packed(record), "ztf")
    if isinstance(found, AlertError):
        raise found
    return found


def only(epochs: Epochs) -> Any:
    assert epochs.size == 1
    return epochs[0]


def test_positive_subtraction() -> None:
    """17.0 + 18.0 mag: f = 10^-6.8 (1 + 10^-0.4) = 1.39811 f_r, so m = 17 - 2.5 log10 1.39811 = 16.63614."""
    epoch = only(alert_of(packet()).epochs)
    assert epoch["mag"] == pytest.approx(16.63614, abs=1e-5)
    # f_d/f_tot = 0.398107 / 1.398107 = 0.284748; 0.0284748 with 0.01 in quadrature: 0.030180
    assert epoch["magerr"] == pytest.approx(0.030180, rel=1e-3)  # stored in half precision
    assert epoch["flags"] & (DIFFERENCE | FORCED) == 0


@pytest.mark.parametrize("negative", ["f", "0", "false"])
def test_negative_subtraction(negative: str) -> None:
    """f = (1 - 0.398107) f_r = 0.601893 f_r, so m = 17 + 0.55120 = 17.55120; err = 0.066143 (+) 0.01."""
    epoch = only(alert_of(packet(candidate=candidate(isdiffpos=negative))).epochs)
    assert epoch["mag"] == pytest.approx(17.55120, abs=1e-5)
    assert epoch["magerr"] == pytest.approx(math.hypot(0.0661425, 0.01), rel=1e-3)


@pytest.mark.parametrize("unknown", [None, "", "x", "-1"])
def test_an_unknown_sign_is_no_measurement(unknown: str | None) -> None:
    assert alert_of(packet(candidate=candidate(isdiffpos=unknown))).epochs.size == 0


@pytest.mark.parametrize("positive", ["t", "1", "true"])
def test_spellings_of_positive(positive: str) -> None:
    assert only(alert_of(packet(candidate=candidate(isdiffpos=positive))).epochs)["mag"] < 17


def test_no_total_flux_left() -> None:
    """Reference 18.0, minus 17.0: nothing positive remains, so there is no magnitude."""
    assert alert_of(packet(candidate=candidate(magnr=18.0, magpsf=17.0, isdiffpos="f"))).epochs.size == 0


def test_no_counterpart_keeps_the_positive_difference() -> None:
    """1.4 arcsec are 1.386 pixels."""
    far = alert_of(packet(candidate=candidate(distnr=1.39)))
    epoch = only(far.epochs)
    assert epoch["mag"] == pytest.approx(18.0)
    assert epoch["magerr"] == pytest.approx(math.hypot(0.1, 0.01), rel=1e-3)
    assert epoch["flags"] & DIFFERENCE
    near = alert_of(packet(candidate=candidate(distnr=1.38)))
    assert only(near.epochs)["flags"] & DIFFERENCE == 0


def test_no_reference_source_at_all_keeps_the_positive_difference() -> None:
    """ZTF then has -999 in all four columns."""
    nothing = dict.fromkeys(("distnr", "magnr", "ranr", "decnr"), -999.0)
    alert = alert_of(packet(candidate=candidate(**nothing)))
    epoch = only(alert.epochs)
    assert epoch["flags"] & DIFFERENCE
    assert epoch["mjd"] == on_grid(alert.mjd)


def test_no_counterpart_drops_the_negative_difference() -> None:
    assert alert_of(packet(candidate=candidate(distnr=5.0, isdiffpos="f"))).epochs.size == 0


@pytest.mark.parametrize("sentinel", [-99999.0, -9999.0, -999.0, math.nan, None, 100.0, -1.0])
@pytest.mark.parametrize("column", ["magnr", "distnr"])
def test_a_sentinel_is_no_counterpart(column: str, sentinel: float | None) -> None:
    assert only(alert_of(packet(candidate=candidate(**{column: sentinel}))).epochs)["flags"] & DIFFERENCE


@pytest.mark.parametrize("sentinel", [-99999.0, -9999.0, -999.0, math.nan, None, 100.0, 1e30, -1.0])
@pytest.mark.parametrize("column", ["magpsf", "sigmapsf", "jd"])
def test_a_sentinel_in_the_history_drops_the_row(column: str, sentinel: float | None) -> None:
    history = [candidate(jd=JD - 1, candid=1) | {column: sentinel}]
    assert alert_of(packet(prv_candidates=history)).epochs.size == 1


@pytest.mark.parametrize("column", ["forcediffimflux", "forcediffimfluxunc", "magzpsci", "magnr", "distnr"])
@pytest.mark.parametrize("sentinel", [-99999.0, math.nan, None])
def test_a_sentinel_in_forced_photometry_drops_the_row(column: str, sentinel: float | None) -> None:
    assert alert_of(packet(fp_hists=[forced(**{column: sentinel})])).epochs.size == 1


def test_forced_photometry() -> None:
    """f_ref = 10^(0.4 (26 - 18)) = 1584.893 DN; total 2584.893 DN, m = 26 - 2.5 log10 2584.893 = 17.46889."""
    epochs = alert_of(packet(fp_hists=[forced()])).epochs
    epoch = epochs[(epochs["flags"] & FORCED) != 0]
    assert only(epoch)["mag"] == pytest.approx(17.46889, abs=1e-5)
    # 1.0857362 * 50 / 2584.893 = 0.0210016, with 0.01 in quadrature: 0.0232608
    assert epoch[0]["magerr"] == pytest.approx(0.0232608, rel=1e-3)


def test_forced_photometry_cuts_on_the_total_flux_only() -> None:
    """A difference of nothing is a good measurement of the star; a total of less than 3 sigma is none."""
    assert alert_of(packet(fp_hists=[forced(forcediffimflux=0.0)])).epochs.size == 2
    faint = forced(forcediffimflux=1584.893 * -1 + 3 * 50 - 1)
    assert alert_of(packet(fp_hists=[faint])).epochs.size == 1
    enough = forced(forcediffimflux=1584.893 * -1 + 3 * 50 + 1)
    assert alert_of(packet(fp_hists=[enough])).epochs.size == 2


@pytest.mark.parametrize("status", ["56", "61", "0,56", None])
def test_forced_photometry_with_a_warning_is_dropped(status: str | None) -> None:
    assert alert_of(packet(fp_hists=[forced(procstatus=status)])).epochs.size == 1


def test_a_detection_comes_before_forced_photometry_of_the_same_exposure() -> None:
    epoch = only(alert_of(packet(fp_hists=[forced(jd=JD)])).epochs)
    assert epoch["flags"] & FORCED == 0


def test_i_band() -> None:
    history = [candidate(jd=JD - 1, fid=3), candidate(jd=JD - 1, fid=2)]
    epochs = alert_of(packet(prv_candidates=history)).epochs
    assert [of_band(epochs, band).size for band in "gri"] == [1, 1, 1]


def test_upper_limits_are_no_epochs() -> None:
    assert alert_of(packet(prv_candidates=[upper_limit(), upper_limit(jd=JD - 5)])).epochs.size == 1


def test_a_changed_reference_image_is_flagged() -> None:
    same = candidate(jd=JD - 1)
    other = candidate(jd=JD - 2, field=1500, rcid=3, magnr=17.03)
    assert n_references(alert_of(packet(prv_candidates=[same])).epochs) == 1
    assert n_references(alert_of(packet(prv_candidates=[same, other])).epochs) == 2


def test_bogus_rows_are_dropped() -> None:
    assert alert_of(packet(prv_candidates=[candidate(jd=JD - 1, rb=0.2)])).epochs.size == 1
    assert alert_of(packet(prv_candidates=[candidate(jd=JD - 1, rb=None)])).epochs.size == 2


@pytest.mark.parametrize(("setting", "epochs"), [(0.0, 2), (0.7, 2), (0.8, 1)])
def test_the_setting_may_ask_for_a_higher_real_bogus_score_and_for_no_lower_one(setting: float, epochs: int) -> None:
    record = packet(prv_candidates=[candidate(jd=JD - 1, rb=0.7), candidate(jd=JD - 2, rb=0.2)])
    (found,) = packets.decode(packed(record), "ztf", min_reliability=setting)
    assert isinstance(found, Alert)
    assert found.epochs.size == epochs


def test_times_are_barycentric_and_mid_exposure() -> None:
    alert = alert_of(packet(candidate=candidate(ra=150.0, dec=30.0, ranr=150.0, decnr=30.0)))
    expected = barycentric(JD - 2400000.5 + 15 / 86400, 150.0, 30.0)
    assert alert.mjd == expected
    assert only(alert.epochs)["mjd"] == on_grid(expected)
    assert alert.time_ms == 1590904800000  # 2020-05-31T06:00:00


def test_one_detection_is_one_row_in_its_own_and_in_later_packets() -> None:
    """Positions of detections jitter, so times come from the reference source's position."""
    own = alert_of(packet()).epochs
    later = packet(
        candidate=candidate(jd=JD + 2, ra=150.0002), prv_candidates=[candidate(ra=150.0001, exptime=None)], candid=5
    )
    assert own.tobytes() in alert_of(later).epochs.tobytes()


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
        {"fid": None},
    ],
)
def test_an_absurd_candidate_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AlertError, match=next(iter(changes))) as error:
        alert_of(packet(candidate=candidate(**changes)))
    assert error.value.reason == "absurd_value"


@pytest.mark.parametrize(
    "record", [{}, {"candidate": None}, {"objectId": "x", "candidate": {"jd": JD}}, {"diaSource": {}}]
)
def test_a_packet_of_another_survey_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(AlertError) as error:
        alert_of(record)
    assert error.value.reason == "not_ztf"


@pytest.mark.parametrize(
    "changes",
    [
        {"objectId": 7},
        {"objectId": b"ZTF"},
        {"candidate": candidate(magpsf="17")},
        {"candidate": candidate(jd="2459000.5")},
        {"candidate": candidate(fid=[1])},
        {"candidate": candidate(fid=1.0)},
        {"candidate": candidate(isdiffpos=True)},
        {"candidate": [candidate()] * 2, "candid": {"a": 1}},
        {"prv_candidates": [candidate(magnr="17")]},
        {"fp_hists": [forced(procstatus=0)]},
    ],
)
def test_a_field_of_another_type_is_refused(changes: dict[str, Any]) -> None:
    """It is not what ZTF sends: to read it as a missing number would drop rows in silence."""
    with pytest.raises(AlertError, match=next(iter(changes))) as error:
        alert_of(packet(**changes))
    assert error.value.reason == "not_ztf"


@pytest.mark.parametrize(
    "changes",
    [{"objectId": ""}, {"objectId": "x" * 100}, {"candid": None, "candidate": candidate(candid=None)}],
)
def test_an_absurd_identity_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AlertError, match=next(iter(changes))) as error:
        alert_of(packet(**changes))
    assert error.value.reason == "absurd_value"


def test_a_history_without_end_is_refused() -> None:
    with pytest.raises(AlertError, match="history") as error:
        alert_of(packet(fp_hists=[forced()] * 20_000))
    assert error.value.reason == "absurd_value"


@pytest.mark.parametrize("candid", [None, 0, "many"])
def test_alert_id_comes_from_the_candidate_where_the_packet_has_none(candid: object) -> None:
    record = packet(candid=candid)
    assert alert_of(record).alert_id == 1247252541515015001
    del record["candid"]
    assert alert_of(record).alert_id == 1247252541515015001


numbers = st.none() | st.floats(width=32) | st.sampled_from([-99999.0, -999.0, 0.0, 0.5, 17.0, 17.5, 1e30])
times = st.none() | st.floats(JD - 30, JD) | st.sampled_from([JD, JD - 1, -999.0, math.nan, 0.0])
detections = st.builds(
    candidate,
    **dict.fromkeys(("magpsf", "sigmapsf", "magnr", "distnr", "rb", "ra", "ranr", "decnr"), numbers),
    jd=times,
    fid=st.none() | st.integers(0, 4),
    programid=st.none() | st.integers(-1, 5),
    field=st.none() | st.integers(500, 501),
    rcid=st.none() | st.integers(-1, 63),
    isdiffpos=st.none()
    | st.sampled_from(["t", "f", "1", "0", "T", "True", "FALSE", "false", "", "tt", "\x00t", "\u017f"]),
)
plausible = st.builds(
    candidate,
    jd=st.floats(JD - 30, JD),
    magpsf=st.floats(14, 21),
    sigmapsf=st.floats(0.001, 0.5),
    magnr=st.floats(13, 22),
    distnr=st.floats(0, 2),
    isdiffpos=st.sampled_from("tf"),
)
forced_rows = st.builds(
    forced,
    **dict.fromkeys(("forcediffimflux", "forcediffimfluxunc", "magzpsci", "magnr", "distnr", "ranr"), numbers),
    jd=times,
    fid=st.integers(0, 4),
    procstatus=st.none() | st.sampled_from(["0", "56", "0,56", "", "\x000", "00"]),
) | st.builds(
    forced,
    jd=st.floats(JD - 40, JD + 1),
    forcediffimflux=st.floats(-1e3, 1e4),
    forcediffimfluxunc=st.floats(1, 100),
    magnr=st.floats(14, 22),
    magzpsci=st.floats(22, 27),
    distnr=st.floats(0, 2),
)
histories = {
    "prv_candidates": st.lists(detections | plausible, max_size=6),
    "fp_hists": st.lists(forced_rows, max_size=6),
}


@settings(max_examples=500)
@given(st.builds(packet, **histories))
def test_whatever_the_history_holds_epochs_are_those_of_the_plain_way(record: dict[str, Any]) -> None:
    epochs = alert_of(record).epochs
    assert epochs.tobytes() == epochs_of(record).tobytes()
    for column in ("mjd", "mag", "magerr"):
        assert np.isfinite(epochs[column].astype(float)).all()
    assert ((epochs["mag"] > 6) & (epochs["mag"] < 30) & (epochs["magerr"] > 0)).all()


def test_simulated_packets_are_those_of_the_plain_way() -> None:
    for sent in islice(simulate.alerts(simulate.invent(5, 60, 1)), 100):
        (alert,), (record,) = packets.decode(sent.packet, "ztf"), reader.records(sent.packet)
        assert isinstance(alert, Alert)
        assert alert.epochs.tobytes() == epochs_of(record).tobytes()


def test_damaged_real_packets_are_refused_or_read_as_the_plain_way_reads_them(data_dir: Path) -> None:
    rng, read, refused = np.random.default_rng(1), 0, 0
    for real in real_packets(data_dir, "ztf"):
        damaged = bytearray(real)
        for _ in range(rng.integers(1, 6)):
            damaged[rng.integers(min(len(real), 40_000))] = rng.integers(256)  # cutouts come last
        found = packets.decode(bytes(damaged), "ztf")
        try:
            records = reader.records(bytes(damaged))
        except AlertError:
            refused += 1
            continue
        for alert, record in zip(found, records, strict=True):
            if isinstance(alert, Alert):
                assert alert.epochs.tobytes() == epochs_of(record).tobytes()
                read += 1
    assert read > 0
    assert refused > 0


def test_all_real_packets_become_alerts(data_dir: Path) -> None:
    """Those that fastavro can read, and each as the plain way has it."""
    n_alerts, n_forced, unreadable = 0, 0, 0
    for path in sorted((data_dir / "alerts/ztf_avro").rglob("*")):
        if not path.is_file():
            continue
        found = packets.decode(path.read_bytes(), "ztf")
        try:
            records = reader.records(path.read_bytes())
        except AlertError:
            assert [one.reason for one in found if isinstance(one, AlertError)] == ["corrupt"]
            unreadable += 1
            continue
        for alert, record in zip(found, records, strict=True):
            assert isinstance(alert, Alert)
            assert alert.object_id == record["objectId"]
            assert alert.alert_id == record["candidate"]["candid"]
            assert (alert.ra, alert.dec) == (record["candidate"]["ra"], record["candidate"]["dec"])
            assert alert.epochs.tobytes() == epochs_of(record).tobytes()
            n_alerts += 1
            n_forced += int(np.count_nonzero(alert.epochs["flags"] & FORCED))
            assert (alert.epochs["mjd"] <= alert.mjd + 5 / 86400).all()
    assert n_alerts > unreadable
    assert n_forced > 0
