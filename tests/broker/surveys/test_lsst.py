"""Rubin's packets: which records of them are measurements, and of what object."""

import io
import json
import math
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starsieve.broker.epochs import BANDS, TIME_STEP_DAYS
from starsieve.broker.surveys import Alert, AlertError
from starsieve.broker.surveys.barycentre import barycentric
from starsieve.broker.surveys.lsst import _MAX_FLUX, BAD_FLAGS
from starsieve.broker.surveys.lsst_rows import BAND, FORCED, FORM, PLACES, WITHDRAWN
from starsieve.broker.surveys.lsst_schemas import schema_of
from starsieve.broker.surveys.packets import decode
from tests.broker.surveys.lsst_packets import (
    DEC,
    FIRST_MJD_TAI,
    OBJECT,
    RA,
    container,
    forced,
    frame,
    record,
    schema,
    source,
)

NAN = math.nan


def alert_of(packet: dict[str, Any], schema_id: int = 1101, **options: Any) -> Alert:
    (found,) = decode(container(packet, schema_id), "lsst", **options)
    if isinstance(found, AlertError):
        raise found
    return found


def refusal_of(packet: bytes, **options: Any) -> AlertError:
    (found,) = decode(packet, "lsst", **options)
    assert isinstance(found, AlertError)
    return found


def test_ids_are_whole_numbers_from_end_to_end() -> None:
    found = alert_of(record(source(3)))
    assert (found.alert_id, found.object_id) == (OBJECT + 3, str(OBJECT))
    assert float(OBJECT) != OBJECT, "the test needs an id that a float does not have"


def test_the_object_is_that_of_the_diaObject_where_there_is_one() -> None:
    whole = {"diaObjectId": 77, "ra": RA, "dec": DEC, "validityStartMjdTai": 0.0, "nDiaSources": 1}
    whole |= {f"{band}_psfFluxNdata": 1 for band in BANDS}
    assert alert_of(record(source(3), diaObject=whole)).object_id == "77"
    assert alert_of(record(source(3, diaObjectId=78), diaObject=None)).object_id == "78"


@pytest.mark.parametrize("nothing", [0, None])
@pytest.mark.parametrize(("solar_system", "reason"), [(5, "solar_system"), (0, "no_object"), (None, "no_object")])
def test_0_is_no_object(nothing: int | None, solar_system: int | None, reason: str) -> None:
    found = alert_of(record(source(3, diaObjectId=nothing, ssObjectId=solar_system), [source(1)]))
    assert (found.object_id, found.reason, found.epochs.size) == ("", reason, 0)
    assert found.alert_id == OBJECT + 3


def test_all_records_are_epochs() -> None:
    """One row each as a diaSource and as forced photometry of an exposure: the nearer to the star counts later."""
    found = alert_of(record(source(3), [source(1), source(2)], [forced(2), forced(3), forced(0)]))
    is_forced = found.epochs["flags"] & FORCED > 0
    assert np.sort(found.epochs["mjd"][is_forced].astype(int)).tolist() == [61000, 61002, 61003]
    assert np.sort(found.epochs["mjd"][~is_forced].astype(int)).tolist() == [61001, 61002, 61003]
    assert found.dropped == {}
    assert FORM.epochs is not None
    assert FORM.epochs(found.epochs).size == 4, "an epoch an exposure"


@pytest.mark.parametrize("empty", [None, []])
def test_histories_may_be_absent_or_empty(empty: list[Any] | None) -> None:
    assert alert_of(record(source(3), empty, empty)).epochs.size == 1


def test_what_was_measured_is_kept() -> None:
    (row,) = alert_of(record(source(3))).epochs
    assert (row["flux"], row["error"], row["template"]) == (2000, 100, 10_000)
    assert row["spread"] == pytest.approx(0.18, rel=1e-3)
    assert (row["ra"] / PLACES + 180, row["dec"] / PLACES) == pytest.approx((RA, DEC), abs=1e-7)
    assert row["lag"] == pytest.approx(0.002, rel=1e-4)
    assert row["flags"] == BANDS.index("g")
    (row,) = alert_of(record(source(3, psfFlux=NAN), None, [forced(3)])).epochs
    assert row["template"] == 10_000, "of forced photometry: the image's flux without the difference"
    assert np.isnan(row["spread"])
    assert row["flags"] == BANDS.index("g") | FORCED


def test_times_are_atomic_and_become_barycentric() -> None:
    """TAI is 32.184 s behind TT, and 37 s before UTC: what `barycentric` takes."""
    found = alert_of(record(source(3)))
    assert found.mjd == barycentric([FIRST_MJD_TAI + 3 - 37 / 86400], RA, DEC)[0]
    assert found.epochs["mjd"][0] == pytest.approx(found.mjd, abs=TIME_STEP_DAYS)
    middle_ms = (FIRST_MJD_TAI + 3 - 37 / 86400 - 40587) * 86_400_000
    assert found.time_ms == round(middle_ms), "no exposure time: the middle"
    assert alert_of(record(source(3, exposureTime=40.0))).time_ms == round(middle_ms - 20_000)


@pytest.mark.parametrize("schema_id", [900, 1000, 1100, 1101])
def test_a_nan_is_null(schema_id: int) -> None:
    """As 9.0 has it in timeWithdrawnMjdTai: taken for a time it would drop every epoch."""
    good = record(source(3, timeWithdrawnMjdTai=NAN), [source(1, timeWithdrawnMjdTai=None)])
    good["prvDiaForcedSources"] = [forced(2, timeWithdrawnMjdTai=NAN)]
    found = alert_of(good, schema_id)
    assert (found.epochs.size, found.dropped) == (3, {})


REASONS: list[tuple[str, dict[str, Any], bool]] = [  # the last: of forced photometry, too
    *((flag, {flag: True}, False) for flag in BAD_FLAGS),
    ("no_flux", {"psfFlux": NAN}, True),
    ("no_flux", {"psfFlux": None}, True),
    ("no_flux", {"psfFlux": math.inf}, True),
    ("no_error", {"psfFluxErr": 0.0}, True),
    ("no_error", {"psfFluxErr": -1.0}, True),
    ("no_error", {"psfFluxErr": NAN}, True),
    ("no_error", {"psfFluxErr": None}, True),
    ("unknown_band", {"band": "x"}, True),
    ("unknown_band", {"band": "gr"}, True),
    ("unknown_band", {"band": ""}, True),
    ("unknown_band", {"band": None}, True),
    ("withdrawn", {"timeWithdrawnMjdTai": FIRST_MJD_TAI}, True),
    ("absurd_time", {"midpointMjdTai": 1e9}, True),
    ("absurd_time", {"midpointMjdTai": NAN}, True),
    ("no_position", {"ra": NAN}, True),
    ("no_position", {"dec": 91.0}, True),
]


@pytest.mark.parametrize(("reason", "fields", "also_forced"), REASONS)
def test_what_is_no_measurement_is_dropped_and_counted(reason: str, fields: dict[str, Any], also_forced: bool) -> None:
    found = alert_of(record(source(3), [source(1), source(2, **fields)]))
    assert found.dropped == {reason: 1}
    assert FORM.epochs is not None
    assert FORM.epochs(found.epochs).size == 2
    if also_forced:
        found = alert_of(record(source(3), None, [forced(1), forced(2, **fields)]))
        assert found.dropped == {reason: 1}
        assert FORM.epochs(found.epochs).size == 2


@pytest.mark.parametrize("flag", ["isDipole", "pixelFlags_cr", "pixelFlags_streak", "shape_flag", "pixelFlags"])
def test_other_flags_are_no_reason(flag: str) -> None:
    found = alert_of(record(source(3), [source(2, **{flag: True})]))
    assert (found.epochs.size, found.dropped) == (2, {})


def test_a_record_is_counted_once() -> None:
    found = alert_of(record(source(3), [source(2, psfFlux_flag=True, centroid_flag=True, pixelFlags_bad=True)]))
    assert found.dropped == {"psfFlux_flag": 1}


def test_what_is_unreliable_is_dropped_where_the_setting_says_so() -> None:
    packet = record(source(3, reliability=0.9), [source(1, reliability=0.2), source(2, reliability=None)])
    assert alert_of(packet).epochs.size == 3
    found = alert_of(packet, min_reliability=0.5)
    assert (found.epochs.size, found.dropped) == (2, {"low_reliability": 1})


def test_what_is_withdrawn_later_is_withdrawn() -> None:
    """The store has the row of the day before."""
    before = alert_of(record(source(2)))
    after = alert_of(record(source(3), [source(2, timeWithdrawnMjdTai=FIRST_MJD_TAI + 2.5)]))
    assert np.count_nonzero(after.epochs["flags"] & WITHDRAWN) == 1
    for one, other in ((before, after), (after, before)):
        merged, _ = FORM.merge_into(one.epochs, [other.epochs])
        assert FORM.epochs is not None
        assert FORM.epochs(merged)["mjd"].tolist() == [pytest.approx(after.mjd, abs=TIME_STEP_DAYS)]


@pytest.mark.parametrize("make", [source, forced])
def test_of_two_records_of_an_exposure_the_later_processed_counts(make: Any) -> None:
    early = make(1, psfFlux=1.0, timeProcessedMjdTai=FIRST_MJD_TAI + 1.1)
    late = make(1, psfFlux=2.0, timeProcessedMjdTai=FIRST_MJD_TAI + 40)
    for both in ([early, late], [late, early]):
        packet = record(source(3, band="r"), both) if make is source else record(source(3, band="r"), None, both)
        rows = alert_of(packet).epochs
        assert rows[rows["flags"] & BAND == BANDS.index("g")]["flux"].tolist() == [2.0]


def test_8_0_says_in_microseconds_when_it_was_processed() -> None:
    fields = {"time_processed": int((FIRST_MJD_TAI + 1.5 - 40587) * 86400e6)}
    packet = record(source(3, **fields), [source(1, **fields)])
    rows = alert_of(packet, 800).epochs
    assert rows["lag"][rows["mjd"].argmin()] == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("schema_id", [800, 900, 1000, 1100, 1101])
def test_frames_and_containers_are_one(schema_id: int) -> None:
    packet = record(source(3, time_processed=0), [source(1, time_processed=0)], [forced(2, time_processed=0)])
    (framed,), (contained,) = (decode(make(packet, schema_id), "lsst") for make in (frame, container))
    assert isinstance(framed, Alert)
    assert isinstance(contained, Alert)
    assert framed.epochs.tobytes() == contained.epochs.tobytes()
    assert framed.alert_id == contained.alert_id


@pytest.mark.parametrize("schema_id", [700, 701, 702, 703, 704])
def test_7_has_no_total_flux(schema_id: int) -> None:
    packet = record(source(3, time_processed=0), alertId=1)
    (found,) = decode(frame(packet, schema_id), "lsst")
    assert isinstance(found, Alert)
    assert (found.object_id, found.reason, found.epochs.size) == (str(OBJECT), "no_total_flux", 0)


def test_a_new_minor_version_is_asked_of_the_registry() -> None:
    newer = schema(1101)
    asked: list[int] = []

    def registry(schema_id: int) -> bytes:
        asked.append(schema_id)
        plain = json.loads(json.dumps(newer))
        plain["fields"].insert(1, {"name": "novelty", "type": "string"})
        return json.dumps(plain).encode()

    written_with = fastavro.parse_schema(json.loads(registry(0)))
    packet = frame(record(source(3)) | {"novelty": "new"}, 1102, written_with=written_with)
    (found,) = decode(packet, "lsst", registry=registry)
    assert isinstance(found, Alert)
    assert asked == [0, 1102]
    assert refusal_of(packet).reason == "unknown_schema"
    assert "schema_registry" in refusal_of(packet).detail


@pytest.mark.parametrize("schema_id", [0, 699, 1200, 4_000_000_000])
def test_an_unknown_major_version_is_refused_without_a_question(schema_id: int) -> None:
    packet = b"\x00" + schema_id.to_bytes(4, "big") + frame(record(source(3)))[5:]
    error = refusal_of(packet, registry=lambda _: pytest.fail("asked"))
    assert error.reason == "unknown_schema"


@pytest.mark.parametrize(
    "fields",
    [
        {"diaSourceId": -1},
        {"diaObjectId": -5},
        {"midpointMjdTai": NAN},
        {"midpointMjdTai": 1.5e9},
        {"exposureTime": math.inf},
        {"exposureTime": 1e13},
        {"exposureTime": -1.0},
        {"ra": 361.0},
        {"ra": NAN},
        {"dec": -91.0},
    ],
)
def test_an_absurd_alert_is_refused(fields: dict[str, Any]) -> None:
    error = refusal_of(container(record(source(3, **fields))))
    assert error.reason == "absurd_value"
    assert next(iter(fields)) in error.detail


def test_what_is_no_packet_of_rubins_is_refused() -> None:
    other = io.BytesIO()
    fastavro.writer(other, {"type": "record", "name": "a", "fields": [{"name": "ra", "type": "double"}]}, [{"ra": 1.0}])
    assert refusal_of(other.getvalue()).reason == "not_lsst"
    assert refusal_of(b"").reason == "not_avro"
    assert refusal_of(b"\x00\x00\x00").reason == "not_avro"


@given(cut=st.integers(5, 400), byte=st.integers(0, 255))
@settings(max_examples=100, deadline=None)
def test_damaged_frames_are_refused_or_read(cut: int, byte: int) -> None:
    whole = frame(record(source(3), [source(1)], [forced(2)]))
    assert refusal_of(whole[:cut]).reason == "corrupt"
    decode(whole[:cut] + bytes([byte]) + whole[cut + 1 :], "lsst")  # raises nothing
    assert refusal_of(whole + b"\x00").reason == "corrupt"


NUMBERS = st.floats() | st.sampled_from([1e-300, 1e-46, 1e-40, 1e-8, 1e12, 1e13, 1e300])  # a writer may send doubles


@given(flux=NUMBERS, error=NUMBERS, template=NUMBERS, spread=NUMBERS)
@settings(max_examples=300, deadline=None)
def test_no_number_makes_rows_that_the_store_refuses(flux: float, error: float, template: float, spread: float) -> None:
    absurd = {"psfFlux": flux, "psfFluxErr": error, "templateFlux": template, "ixxPSF": spread, "scienceFlux": template}
    of_forced = {name: value for name, value in absurd.items() if name in {"psfFlux", "psfFluxErr", "scienceFlux"}}
    processed = {"timeProcessedMjdTai": flux}
    packet = record(source(3, **absurd), [source(1, **absurd, **processed)], [forced(2, **of_forced, **processed)])
    with_doubles = json.loads((schema_of(1101) or b"").replace(b'"float"', b'"double"'))
    fastavro.writer(written := io.BytesIO(), with_doubles, [packet])
    (found,) = decode(written.getvalue(), "lsst")
    assert isinstance(found, Alert)
    assert FORM.are_sound(found.epochs)
    assert (np.abs(found.epochs["flux"]) <= _MAX_FLUX).all()
    assert FORM.epochs is not None
    FORM.epochs(found.epochs)
