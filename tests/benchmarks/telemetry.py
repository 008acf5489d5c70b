"""What the metrics cost an alert: python -m tests.benchmarks.telemetry"""

import time

from starsieve.broker import telemetry
from starsieve.broker.telemetry import Batch

ALERTS, BATCHES = 500, 200


def main() -> None:
    """Prints microseconds of processor time an alert, in batches of 500."""
    done = Batch(
        messages={"ztf_20260101_programid1": ALERTS},
        published_ms=[1_000 * (n % 30) + 1 for n in range(ALERTS)],
        ingested_ms=30_000,
        committed_ms=30_500,
        outcomes={("ztf", "CLASSIFIED", ""): ALERTS - 100, ("ztf", "NOT_CLASSIFIED", "too_few_epochs"): 100},
        classes={("ztf", f"class{n}"): (ALERTS - 100) // 20 for n in range(20)},
    )
    begin = time.process_time()
    for _ in range(BATCHES):
        for stage in ("poll", "decode", "read", "process", "encode", "write", "publish"):
            with telemetry.stage(stage):
                pass
        telemetry.lag({("ztf_20260101_programid1", n): n for n in range(16)}, 1_000, at_hand=True)
        telemetry.store_call("read", 0.001, sent=1_000, received=100_000)
        telemetry.searches(full=10, lazy=400, blocks=5_000)
        telemetry.batch(done)
        telemetry.minute_line()
    print(f"{(time.process_time() - begin) / BATCHES / ALERTS * 1e6:.2f} us an alert")  # noqa: T201


if __name__ == "__main__":
    main()
