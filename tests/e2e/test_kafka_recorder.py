# SPDX-License-Identifier: Apache-2.0
"""The recorder of tests/kafka_tools against a real broker: what is in the file is what stands in the topics."""

import os
import time

from kafka_run import recordings  # knows where the modules below are
from recorder import Recorder, record

import confluent_kafka


def produce(kafka, records):
    producer = confluent_kafka.Producer({**kafka.client(), "log_level": 0, "enable.idempotence": True})
    for topic, partition, key, value, headers in records:
        producer.produce(topic, value, key, partition, headers=headers)
    assert producer.flush(30) == 0


def test_every_record_with_all_it_has(kafka, tmp_path):
    kafka.admin.create_topic("every.a", 2)
    kafka.admin.create_topic("every.b")
    kafka.admin.create_topic("other.c")
    given = [("every.a", 0, b"k", b"v", [("h", b"1"), ("h", None), ("é", b"")]), ("every.a", 1, None, b"", []),
             ("every.b", 0, b"", None, []), ("every.b", 0, os.urandom(50), os.urandom(200_000), [("x", os.urandom(9))])]
    before = int(time.time() * 1000)
    produce(kafka, given)
    produce(kafka, [("other.c", 0, b"k", b"v", [])])
    assert record(kafka.client(), "every.", tmp_path / "r") == 4
    found = recordings.load(tmp_path / "r")
    assert found.complete and found.partitions == {"every.a": 2, "every.b": 1}
    assert found.watermarks == {"every.a": [(0, 1), (0, 1)], "every.b": [(0, 2)]}
    by_place = {(one.topic, one.partition, one.offset): one for one in found.records}
    for (topic, partition, key, value, headers), offset in zip(given, [0, 0, 0, 1]):
        one = by_place[topic, partition, offset]
        assert (one.key, one.value, one.headers) == (key, value, tuple(headers))
        assert one.timestamp_type == confluent_kafka.TIMESTAMP_CREATE_TIME and before <= one.timestamp <= time.time() * 1000


def test_transactions_that_were_aborted(kafka, tmp_path):
    kafka.admin.create_topic("aborted.t")
    producer = confluent_kafka.Producer({**kafka.client(), "log_level": 0, "transactional.id": "aborts"})
    producer.init_transactions(30)
    for n, end in enumerate([producer.commit_transaction, producer.abort_transaction, producer.commit_transaction]):
        producer.begin_transaction()
        producer.produce("aborted.t", str(n), partition=0)
        producer.flush(30)
        end(30)
    record(kafka.client(), "aborted.", tmp_path / "all")
    record(kafka.client(), "aborted.", tmp_path / "committed", committed=True)
    values = lambda name: [one.value for one in recordings.load(tmp_path / name).records]
    assert values("all") == [b"0", b"1", b"2"] and values("committed") == [b"0", b"2"]
    # Marks of transactions take offsets of their own, and the recording knows that it has reached the end.
    assert recordings.load(tmp_path / "committed").watermarks == {"aborted.t": [(0, 6)]}


def test_while_it_is_written_and_the_broker_restarts(kafka, tmp_path):
    kafka.admin.create_topic("live.a")
    with Recorder(kafka.client(), "live.", tmp_path / "r") as recorder:
        produce(kafka, [("live.a", 0, b"k", b"%d" % n, []) for n in range(1000)])
        kafka.restart("kill")
        kafka.admin.create_topic("live.b", 3)
        produce(kafka, [("live.a", 0, b"k", b"%d" % n, []) for n in range(1000, 2000)])
        produce(kafka, [("live.b", n % 3, b"k", b"%d" % n, []) for n in range(3000)])
    assert recorder.count == 5000
    found = recordings.load(tmp_path / "r")
    assert [one.value for one in found.by_partition()["live.a", 0]] == [b"%d" % n for n in range(2000)]
    assert [len(found.by_partition()["live.b", n]) for n in range(3)] == [1000, 1000, 1000]
