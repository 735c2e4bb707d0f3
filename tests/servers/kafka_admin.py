# SPDX-License-Identifier: Apache-2.0
"""What tests ask of a Kafka cluster: topics, their settings, rights, users; to put records in and to read them all.

    admin = KafkaServer().admin
    admin.create_topic("orders", partitions=3, config={"max.message.bytes": 2000})
    assert [record.value for record in admin.read("orders")] == [...]
"""

import dataclasses
import time

import confluent_kafka
from confluent_kafka import admin as kafka_admin

PATIENCE = 30
MOVING = {confluent_kafka.KafkaError.NOT_LEADER_FOR_PARTITION, confluent_kafka.KafkaError.LEADER_NOT_AVAILABLE,
          confluent_kafka.KafkaError.UNKNOWN_TOPIC_OR_PART, confluent_kafka.KafkaError.UNKNOWN_LEADER_EPOCH,
          confluent_kafka.KafkaError.FENCED_LEADER_EPOCH}


@dataclasses.dataclass(frozen=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple  # of (name, bytes)
    timestamp_ms: int


@dataclasses.dataclass(frozen=True)
class Partition:
    leader: int  # -1 without one
    replicas: tuple
    in_sync: tuple


def enum_of(kind, name):
    return kind[name.upper().replace(" ", "_")]


class KafkaAdmin:
    """`client`: properties for librdkafka that say where the cluster is and who asks."""

    def __init__(self, client):
        self.client = {"log_level": 0, **client}
        self._admin = kafka_admin.AdminClient(self.client)

    # Topics

    def create_topic(self, name, partitions=1, replication=1, config=None):
        """Returns when the topic has leaders, so that producers find it at once."""
        topic = kafka_admin.NewTopic(name, partitions, replication,
                                     config={key: str(value) for key, value in (config or {}).items()})
        self._one(self._admin.create_topics([topic], request_timeout=PATIENCE))
        self.wait_until(lambda: len(found := self.describe(name)) == partitions and
                        all(partition.leader >= 0 for partition in found.values()), f"{name} has its leaders")

    def delete_topic(self, name):
        """Returns when it is gone."""
        self._one(self._admin.delete_topics([name], request_timeout=PATIENCE))
        self.wait_until(lambda: name not in self.topics(internal=True), f"{name} is gone")

    def delete_all_topics(self):
        """Kafka's own ones stay. Returns when they are gone."""
        names = self.topics()
        for future in (self._admin.delete_topics(names, request_timeout=PATIENCE) if names else {}).values():
            future.result(PATIENCE)
        self.wait_until(lambda: not self.topics(), "all topics are gone")

    def grow_topic(self, name, partitions):
        self._one(self._admin.create_partitions([kafka_admin.NewPartitions(name, partitions)]))
        self.wait_until(lambda: len(self.describe(name)) == partitions, f"{name} has {partitions} partitions")

    def topics(self, internal=False):
        """Names of all topics."""
        names = self._admin.list_topics(timeout=PATIENCE).topics
        return sorted(name for name in names if internal or not name.startswith("__"))

    def describe(self, topic):
        """{partition: Partition}; empty for an unknown topic."""
        found = self._admin.list_topics(topic, timeout=PATIENCE).topics.get(topic)
        if found is None or found.error is not None:
            return {}
        return {number: Partition(one.leader, tuple(one.replicas), tuple(one.isrs)) for number, one in found.partitions.items()}

    def topic_id(self, topic):
        futures = self._admin.describe_topics(confluent_kafka.TopicCollection([topic]), request_timeout=PATIENCE)
        return str(self._one(futures).topic_id)

    def topic_config(self, topic):
        """All settings as texts, defaults included."""
        return self._config(kafka_admin.ConfigResource.Type.TOPIC, topic)

    def set_topic_config(self, topic, config):
        """Changes these settings only; None takes one back to its default."""
        self._set_config(kafka_admin.ConfigResource.Type.TOPIC, topic, config)

    def set_broker_config(self, node_id, config):
        """Settings that a broker takes while it runs; node_id "" means all brokers."""
        self._set_config(kafka_admin.ConfigResource.Type.BROKER, str(node_id), config)

    def elect_preferred_leaders(self, topic, partitions=(0,)):
        """Gives leadership back to the first replica of each partition."""
        chosen = [confluent_kafka.TopicPartition(topic, partition) for partition in partitions]
        self._admin.elect_leaders(confluent_kafka.ElectionType.PREFERRED, chosen).result(PATIENCE)

    def wait_in_sync(self, topic, count, partition=0, timeout=60):
        """Until so many replicas of the partition are in sync."""
        self.wait_until(lambda: len(self.describe(topic)[partition].in_sync) == count, f"{count} in sync", timeout)

    # Rights and users

    def allow(self, user, operation, topic=None, *, group=None, transactional_id=None, cluster=False, prefix=False):
        """Lets a user do an operation ("write", "describe", "all", ...) on what is named."""
        self._one(self._admin.create_acls([self._acl(user, operation, topic, group, transactional_id, cluster, prefix)]))

    def disallow(self, user, operation, topic=None, *, group=None, transactional_id=None, cluster=False, prefix=False):
        """Takes back what allow() gave."""
        acl = self._acl(user, operation, topic, group, transactional_id, cluster, prefix)
        given = kafka_admin.AclBindingFilter(acl.restype, acl.name, acl.resource_pattern_type, acl.principal, acl.host,
                                             acl.operation, acl.permission_type)
        assert self._one(self._admin.delete_acls([given])), f"{user} had no {operation}"

    def set_password(self, user, password, mechanism="SCRAM-SHA-512"):
        """Makes a SCRAM user, or changes the password."""
        scram = kafka_admin.ScramCredentialInfo(enum_of(kafka_admin.ScramMechanism, mechanism.replace("-", "_")), 4096)
        change = kafka_admin.UserScramCredentialUpsertion(user, scram, password.encode())
        self._one(self._admin.alter_user_scram_credentials([change]))

    # Records

    def produce(self, topic, records, partition=0):
        """Puts (key, value) pairs into a partition; returns when all are acknowledged."""
        failures = []
        producer = confluent_kafka.Producer({**self.client, "enable.idempotence": True})
        for key, value in records:
            producer.produce(topic, value, key, partition, on_delivery=lambda error, _: error and failures.append(error))
            producer.poll(0)
        assert producer.flush(PATIENCE) == 0 and not failures, failures[:3]

    def ends(self, topic, committed=False):
        """{partition: offset behind its last record}; `committed`: behind the last of a finished transaction."""
        isolation = enum_of(confluent_kafka.IsolationLevel, "read committed" if committed else "read uncommitted")
        chosen = [confluent_kafka.TopicPartition(topic, number) for number in self.describe(topic)]
        wanted = {partition: kafka_admin.OffsetSpec.latest() for partition in chosen}
        deadline = time.monotonic() + PATIENCE
        while wanted:
            try:
                futures = self._admin.list_offsets(wanted, isolation_level=isolation, request_timeout=PATIENCE)
                ends = {partition.partition: future.result(PATIENCE).offset for partition, future in futures.items()}
                if all(end >= 0 for end in ends.values()):  # librdkafka's word for a connection that was lost meanwhile
                    return ends
                failure = TimeoutError(f"{topic} tells no ends: {ends}")
            except confluent_kafka.KafkaException as error:  # a topic just made, a leader that moves
                if not error.args[0].retriable() and error.args[0].code() not in MOVING:
                    raise
                failure = error
            if time.monotonic() > deadline:
                raise failure
            time.sleep(0.1)
        return {}

    def read(self, topic, committed=True, timeout=60):
        """All records up to the ends of now, partition by partition. `committed`: none of aborted or open transactions."""
        consumer = confluent_kafka.Consumer({**self.client, "group.id": "read", "enable.auto.commit": False,
                                             "enable.partition.eof": True, "auto.offset.reset": "earliest",
                                             "isolation.level": "read_committed" if committed else "read_uncommitted",
                                             "fetch.wait.max.ms": 10})
        try:
            ends = self.ends(topic, committed)
            unread = {number for number, end in ends.items() if end > 0}
            consumer.assign([confluent_kafka.TopicPartition(topic, number, confluent_kafka.OFFSET_BEGINNING) for number in unread])
            records = []
            deadline = time.monotonic() + timeout
            while unread:
                for message in consumer.consume(10_000, 0.02):
                    number = message.partition()
                    if message.error() is None:
                        if message.offset() < ends[number]:
                            records.append(Record(message.topic(), number, message.offset(), message.key(), message.value(),
                                                  tuple(message.headers() or ()), message.timestamp()[1]))
                        # While somebody goes on writing, the end of the partition is never told.
                        if message.offset() + 1 >= ends[number]:
                            unread.discard(number)
                    elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                        unread.discard(number)
                    else:
                        raise confluent_kafka.KafkaException(message.error())
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{topic}: {len(records)} records after {timeout} s, and no end in {unread} of {ends}; "
                                       f"{self.describe(topic)}")
            return sorted(records, key=lambda record: (record.partition, record.offset))
        finally:
            consumer.close()

    # Internals

    @staticmethod
    def wait_until(done, what, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {timeout} s it is not so that {what}")
            time.sleep(0.02)

    @staticmethod
    def _one(futures):
        (future,) = futures.values()
        return future.result(PATIENCE)

    def _config(self, kind, name):
        found = self._one(self._admin.describe_configs([kafka_admin.ConfigResource(kind, name)], request_timeout=PATIENCE))
        return {key: entry.value for key, entry in found.items()}

    def _set_config(self, kind, name, config):
        operation = kafka_admin.AlterConfigOpType
        entries = [kafka_admin.ConfigEntry(key, None if value is None else str(value),
                                           incremental_operation=operation.DELETE if value is None else operation.SET)
                   for key, value in config.items()]
        resource = kafka_admin.ConfigResource(kind, name, incremental_configs=entries)
        self._one(self._admin.incremental_alter_configs([resource], request_timeout=PATIENCE))

    @staticmethod
    def _acl(user, operation, topic, group, transactional_id, cluster, prefix):
        kinds = kafka_admin.ResourceType
        given = [(kind, name) for kind, name in
                 ((kinds.TOPIC, topic), (kinds.GROUP, group), (kinds.TRANSACTIONAL_ID, transactional_id),
                  (kinds.BROKER, "kafka-cluster" if cluster else None)) if name is not None]
        ((kind, name),) = given  # exactly one of them
        pattern = kafka_admin.ResourcePatternType.PREFIXED if prefix else kafka_admin.ResourcePatternType.LITERAL
        return kafka_admin.AclBinding(kind, name, pattern, f"User:{user}", "*", enum_of(kafka_admin.AclOperation, operation),
                                      kafka_admin.AclPermissionType.ALLOW)
