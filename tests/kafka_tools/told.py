# SPDX-License-Identifier: Apache-2.0
"""Watches the position that the server has been told, and how far the topics reached right after each look.

    with ToldPosition(server, "slot", admin_client, "p.") as told:
        ...
    assert not check_told(result, truth, told.samples)
"""

import threading

import confluent_kafka
from confluent_kafka import admin as kafka_admin

from truth import lsn_number


class ToldPosition:
    """Samples all the time, in a thread of its own. What it asks of a broker that is away is no sample.

    client   properties of librdkafka
    prefix   of the topics' names
    """

    def __init__(self, server, slot, client, prefix, interval_s=0.02):
        self.server = server
        self.slot = slot
        self.prefix = prefix
        self.interval_s = interval_s
        self.samples = []  # [(told, {(topic, partition): end})], only where one of them changed
        self.looks = 0
        self.failed_looks = 0
        self.went_back = []
        self.admin = kafka_admin.AdminClient({"log_level": 0, "socket.timeout.ms": 2000, **client})
        self.stopping = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def _watch(self):
        connection = None
        while not self.stopping.is_set():
            try:
                if connection is None:
                    connection = self.server.connect()
                with connection.cursor() as cursor:
                    cursor.execute("select confirmed_flush_lsn::text from pg_replication_slots where slot_name = %s", [self.slot])
                    found = cursor.fetchone()
                if found and found[0]:
                    self._take(lsn_number(found[0]))
            except confluent_kafka.KafkaException:
                self.failed_looks += 1
            except Exception:  # the server is away, or a look broke off: the next one connects anew
                self.failed_looks += 1
                connection = None
            self.stopping.wait(self.interval_s)
        if connection is not None:
            connection.close()

    def _take(self, told):
        self.looks += 1
        if self.samples and told < self.samples[-1][0]:
            self.went_back.append((self.samples[-1][0], told))
        if not self.samples or self.samples[-1][0] != told:
            # All of it after the look at the server: a topic that was made since the one before counts, too.
            self.samples.append((told, self._ends(self._find_partitions())))

    def _find_partitions(self):
        topics = self.admin.list_topics(timeout=2).topics
        return [confluent_kafka.TopicPartition(name, number) for name, topic in topics.items() if name.startswith(self.prefix)
                for number in topic.partitions]

    def _ends(self, partitions):
        asked = {partition: kafka_admin.OffsetSpec.latest() for partition in partitions}
        found = self.admin.list_offsets(asked, request_timeout=2) if asked else {}
        ends = {(partition.topic, partition.partition): future.result(3).offset for partition, future in found.items()}
        if any(end < 0 for end in ends.values()):  # what librdkafka says when the connection is lost meanwhile
            raise confluent_kafka.KafkaException(confluent_kafka.KafkaError(confluent_kafka.KafkaError._TRANSPORT))
        return ends
