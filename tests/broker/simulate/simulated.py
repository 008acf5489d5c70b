"""What the stream's own decoder reads from simulated packets."""

from collections.abc import Sequence
from typing import Any

from starsieve.broker import simulate
from starsieve.broker.epochs import merge
from starsieve.broker.surveys import Alert, packets


def decoded(stream: Sequence[simulate.SimulatedAlert]) -> dict[str, Any]:
    """Light curves by object id, as the stream's own decoder reads them."""
    parts: dict[str, list[Any]] = {}
    for simulated in stream:
        (alert,) = packets.decode(simulated.packet, "ztf")
        assert isinstance(alert, Alert), alert
        assert (alert.object_id, alert.alert_id) == (simulated.star.object_id, simulated.candid)
        parts.setdefault(alert.object_id, []).append(alert.epochs)
    return {name: merge(epochs) for name, epochs in parts.items()}
