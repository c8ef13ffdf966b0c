"""The one room of the Kafka clients, and its face."""

from pophub.kafka.admin import READABLE, TOPIC, AccessRule, Administrator
from pophub.kafka.agency import AgencyLog
from pophub.kafka.health import BrokerHealth, ReaderPlace, broker_health, lane_ends, reader_places
from pophub.kafka.log import Ends, Read, TopicLog
from pophub.kafka.publisher import Publisher
from pophub.kafka.raw import RawEnds, RawReader, RawWriter
from pophub.kafka.raw_lanes import RawTopic
from pophub.kafka.readers import SlowReader, slow_readers
from pophub.kafka.topic import BrokerAccess, ForeignTopic, TopicMessage

__all__ = [
    "READABLE",
    "TOPIC",
    "AccessRule",
    "Administrator",
    "AgencyLog",
    "BrokerAccess",
    "BrokerHealth",
    "Ends",
    "ForeignTopic",
    "Publisher",
    "RawEnds",
    "RawReader",
    "RawTopic",
    "RawWriter",
    "Read",
    "ReaderPlace",
    "SlowReader",
    "TopicLog",
    "TopicMessage",
    "broker_health",
    "lane_ends",
    "reader_places",
    "slow_readers",
]
