"""The one room of the Kafka clients, and its face."""

from pophub.kafka.admin import READABLE, TOPIC, AccessRule, Administrator
from pophub.kafka.log import Ends, Read, TopicLog
from pophub.kafka.publisher import Publisher
from pophub.kafka.raw import RawEnds, RawReader, RawWriter
from pophub.kafka.readers import SlowReader, slow_readers

__all__ = [
    "READABLE",
    "TOPIC",
    "AccessRule",
    "Administrator",
    "Ends",
    "Publisher",
    "RawEnds",
    "RawReader",
    "RawWriter",
    "Read",
    "SlowReader",
    "TopicLog",
    "slow_readers",
]
