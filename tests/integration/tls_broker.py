"""A broker of an agency that speaks TLS and asks for a login, with a certificate authority of the agency's own.

Four ports of one broker: a sound certificate, one that has expired, one of another host, and one without TLS.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.connect import until
from pophub.runtime import broker, places, ports
from pophub.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1]))

from authority_kit import Authority

USER, SECRET, CONTROLLER_SECRET = "pophub-reader", "7Hq2-reads-alone", "controller-own"
LISTENERS = {"SOUND": (-1, 1, "127.0.0.1"), "EXPIRED": (-9, -1, "127.0.0.1"), "OTHER": (-1, 1, "127.0.0.9")}
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners={listeners},PLAIN://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=SOUND:SASL_SSL,EXPIRED:SASL_SSL,OTHER:SASL_SSL,PLAIN:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=SOUND
controller.listener.names=CONTROLLER
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="{controller_secret}" user_admin="{controller_secret}";
ssl.truststore.type=PEM
ssl.truststore.location={folder}/authority.pem
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.dirs={folder}/data
num.network.threads=1
num.io.threads=2
"""
OF_EACH = """\
listener.name.{low}.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="{user}" password="{secret}";
"""
OF_TLS = """\
listener.name.{low}.ssl.keystore.type=PEM
listener.name.{low}.ssl.keystore.location={folder}/{low}.pem
"""


@dataclass
class TlsBroker:
    """The broker; `ports` by the names of its listeners, and PLAIN."""

    ports: dict[str, int]
    authority: Path

    def address(self, listener: str) -> str:
        """Give HOST:PORT of a listener."""
        return f"127.0.0.1:{self.ports[listener]}"

    def fill(self, topic: str, messages: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Make a topic and send messages, each key and value."""
        settings = {
            "bootstrap.servers": self.address("SOUND"), "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": USER, "sasl.password": SECRET,
            "ssl.ca.location": str(self.authority),
        }  # fmt: skip
        admin = AdminClient(settings)
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
        producer = Producer(settings)
        for key, value in messages:
            producer.produce(topic, value, key)
        assert producer.flush(30) == 0


@contextmanager
def serving(settings: Settings, folder: Path) -> Iterator[TlsBroker]:
    """Start the broker; end it afterwards. `settings` tell which ports are taken."""
    authority = Authority(folder)
    taken: list[int] = []
    for _ in range(len(LISTENERS) + 2):
        taken.append(ports.choose_free(settings, taken))
    numbers = dict(zip([*LISTENERS, "PLAIN", "CONTROLLER"], taken, strict=True))
    for name, (since, until_day, host) in LISTENERS.items():
        authority.sign(name.lower(), since, until_day, host)
    properties = places.write_private(folder / "server.properties", _properties(folder, numbers))
    _format(folder, properties)
    found = TlsBroker(numbers, authority.path)
    log = folder / "broker.log"
    command = [broker.java(), *broker.JVM, "-cp", broker.class_path(), "kafka.Kafka", str(properties)]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, cwd=folder) as process:
        try:
            until(lambda: process.poll() is not None or _answers(found), "a broker with TLS", 60)
            assert process.poll() is None, places.tail(log)
            yield found
        finally:
            process.kill()


def _properties(folder: Path, numbers: dict[str, int]) -> str:
    listeners = ",".join(f"{name}://127.0.0.1:{numbers[name]}" for name in LISTENERS)
    text = PROPERTIES.format(
        controller=numbers["CONTROLLER"], plain=numbers["PLAIN"], listeners=listeners, folder=folder,
        controller_secret=CONTROLLER_SECRET,
    )  # fmt: skip
    for name in (*LISTENERS, "PLAIN"):
        text += OF_EACH.format(low=name.lower(), user=USER, secret=SECRET)
    return text + "".join(OF_TLS.format(low=name.lower(), folder=folder) for name in LISTENERS)


def _format(folder: Path, properties: Path) -> None:
    user = f"SCRAM-SHA-512=[name={USER},password={SECRET}]"
    arguments = [
        "format",
        "--cluster-id",
        "AAAAAAAAAAAAAAAAAAAAAA",
        "--config",
        str(properties),
        "--add-scram",
        user,
    ]
    tool = [broker.java(), *broker.JVM, "-cp", broker.class_path(), "kafka.tools.StorageTool", *arguments]
    done = subprocess.run(tool, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout[-600:] + done.stderr[-600:]


def _answers(found: TlsBroker) -> bool:
    settings = {
        "bootstrap.servers": found.address("SOUND"), "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": USER, "sasl.password": SECRET,
        "ssl.ca.location": str(found.authority), "log_level": 0,
    }  # fmt: skip
    try:
        return bool(AdminClient(settings).list_topics(timeout=2).brokers)
    except Exception:
        return False
