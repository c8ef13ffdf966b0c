"""The lanes of a raw topic while a loss of it is taken up; part of the room of the Kafka client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from pophub.domain.errors import ConfigError
from pophub.kafka.admin import Administrator
from pophub.kafka.raw import RawReader, RawWriter
from pophub.settings import Settings


class RawTopic:
    """`RawLanes` of a topic with so many lanes: made and cut as administrator, read and written as the stages do."""

    def __init__(self, settings: Settings, topic: str, lanes: int) -> None:
        self._settings, self.topic, self.lanes = settings, topic, lanes
        self._administrator = Administrator(settings)
        self._writer: RawWriter | None = None

    def ends(self) -> dict[int, int]:
        """Give the offset after the last message of each lane; nothing of a topic that is not there."""
        if self._administrator.missing([self.topic]):
            return {}
        return {lane: self.end(lane) for lane in range(self.lanes)}

    def make(self) -> None:
        """Make the topic where it is not there."""
        self._administrator.ensure_topics({self.topic: self.lanes})

    def end(self, lane: int) -> int:
        """Give the offset after the last message of a lane."""
        with closing(RawReader(self._settings, self.topic, lane)) as reader:
            return reader.end()

    def read(self, lane: int, upto: int) -> Iterator[bytes]:
        """Give the messages of a lane before an offset, from the first that is there."""
        with closing(RawReader(self._settings, self.topic, lane)) as reader:
            yield from (data for _, data in reader.read(reader.start(), upto))

    def append(self, lane: int, messages: Sequence[bytes]) -> None:
        """Write messages to a lane, one after the other, and return once each is acknowledged.

        Errors: `kafka.refused`.
        """
        self._writer = self._writer or RawWriter(self._settings, self.topic)
        if self._writer.send((lane, data) for data in messages):
            raise ConfigError(
                "kafka.refused", "the broker refuses what stood on the topic before", where=self.topic,
                remedy="compare the topic's limits with those that `pophub up` sets",
            )  # fmt: skip

    def forget(self, lane: int, upto: int) -> None:
        """Remove the messages of a lane before an offset."""
        self._administrator.forget(self.topic, lane, upto)

    def close(self) -> None:
        """End the clients."""
        if self._writer:
            self._writer.close()
        self._administrator.close()
