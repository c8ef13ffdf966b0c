#!/usr/bin/env bash
# Start one of three KRaft brokers with SCRAM users and access lists; format its storage the first time.
set -euo pipefail
umask 077
scram=org.apache.kafka.common.security.scram.ScramLoginModule
plain=org.apache.kafka.common.security.plain.PlainLoginModule
cat >/tmp/server.properties <<PROPERTIES
process.roles=broker,controller
node.id=${NODE}
controller.quorum.voters=1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093
listeners=CLIENT://:9092,CONTROLLER://:9093
advertised.listeners=CLIENT://kafka-${NODE}:9092
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
sasl.mechanism.controller.protocol=PLAIN
listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.client.scram-sha-512.sasl.jaas.config=${scram} required username="admin" password="${KAFKA_ADMIN}";
listener.name.controller.plain.sasl.jaas.config=${plain} required username="admin" password="${KAFKA_CONTROLLER}" user_admin="${KAFKA_CONTROLLER}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin
allow.everyone.if.no.acl.found=false
auto.create.topics.enable=false
log.dirs=/var/lib/kafka/data
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
offsets.retention.minutes=5256000
log.retention.ms=-1
message.max.bytes=8388608
replica.fetch.max.bytes=8388608
PROPERTIES
# a refused request is logged with its body by the two that are off: salted passwords would stand in the log
cat >/tmp/log4j2.properties <<LOGGING
appender.out.type=Console
appender.out.name=OUT
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=OUT
logger.controller.name=kafka.server.ControllerApis
logger.controller.level=OFF
logger.broker.name=kafka.server.KafkaApis
logger.broker.level=OFF
logger.denied.name=kafka.authorizer.logger
logger.denied.level=INFO
LOGGING
export KAFKA_LOG4J_OPTS=-Dlog4j2.configurationFile=/tmp/log4j2.properties
printf '%s\n' format --ignore-formatted --cluster-id "${CLUSTER_ID}" --config /tmp/server.properties \
    --add-scram "SCRAM-SHA-512=[name=admin,password=${KAFKA_ADMIN}]" >/tmp/format.arguments
/opt/kafka/bin/kafka-storage.sh @/tmp/format.arguments
rm /tmp/format.arguments
exec /opt/kafka/bin/kafka-server-start.sh /tmp/server.properties
