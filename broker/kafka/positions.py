"""Where the reader of each partition stands, to tell what Kafka has deleted before it was read."""

Partition = tuple[str, int]


class Positions:
    """The offset that comes next in each partition."""

    def __init__(self) -> None:
        self._next: dict[Partition, int] = {}

    def knows(self, partition: Partition) -> bool:
        """Whether a position was set since the partition was assigned."""
        return partition in self._next

    def set(self, partition: Partition, offset: int) -> None:
        """Reading goes on at this offset; a negative one: wherever the partition begins."""
        self._next[partition] = offset

    def forget(self, partition: Partition) -> None:
        """The partition is another worker's, or about to be read from its committed offset."""
        self._next.pop(partition, None)

    def jumps(self, partition: Partition, offset: int) -> bool:
        """Whether more than the marker of one transaction lies between the expected offset and this one."""
        expected = self._next.get(partition, -1)
        return 0 <= expected < offset - 1

    def lost(self, partition: Partition, offset: int, first_kept: int) -> int:
        """How many offsets were never read because the partition begins at `first_kept` now, and moves on."""
        expected = self._next.get(partition, -1)
        self._next[partition] = offset + 1
        return max(0, min(first_kept, offset) - expected) if expected >= 0 else 0
