# SPDX-License-Identifier: Apache-2.0
"""The whole program into a real Kafka: the same records as into a file, in the same order, each with its headers and in the
partition the Java client would choose; topics as they are asked for; positions that survive."""

import contextlib
import json
import re
import time

import pytest
from confluent_kafka import KafkaException
from kafka_run import KafkaPipeline


@pytest.fixture
def into_kafka(millrace, postgres, kafka, tmp_path):
    """into_kafka(name, **options): a pipeline that is not started yet."""
    made = []

    def make(name, **options):
        made.append(KafkaPipeline(millrace, postgres, kafka.client(), tmp_path, name, **options))
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.clean_up()


def murmur2(data):
    """As org.apache.kafka.common.utils.Utils has it."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) - len(data) % 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at:at + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    if len(data) % 4:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)


def count_of(kafka, topic):
    """Records in the topic; 0 while it is being made."""
    try:
        return sum(kafka.admin.ends(topic).values()) if topic in kafka.admin.topics() else 0
    except KafkaException:
        return 0


def wait_records(pipeline, kafka, topic, count, timeout=60):
    pipeline.wait_until(lambda: count_of(kafka, topic) >= count, timeout, f"{count} records in {topic}")
    return kafka.admin.read(topic)


# What differs when a record is made again or by another pipeline: clocks, and the envelope's place of the pipeline.
SEQUENCE = re.compile(rb'"sequence":"[^,]*,')  # begins with the commit before, as far as a pipeline has seen one
VOLATILE = re.compile(rb'"ts_(ms|us|ns)":\d+(?=[,}])')


def without_clock(value):
    """The envelope without the time of processing, which stands behind the source."""
    if value is None:
        return None
    at = value.rfind(b'"op":')
    if value.startswith(b'"op":"r"', at):  # each pipeline has a snapshot of its own
        return value[:value.rfind(b',"source":')]
    return SEQUENCE.sub(b"", value[:at]) + VOLATILE.sub(b"", value[at:])


STATEMENTS = [
    "insert into {t} values (3, 'c')", "update {t} set v = 'd' where id = 1", "update {t} set id = 30 where id = 3",
    "delete from {t} where id = 2", "insert into {t} select g, repeat('x', g) from generate_series(100, 300) g",
    "update {t} set v = v || 'é\"' where id % 7 = 0", "delete from {t} where id % 11 = 0",
]


@pytest.mark.parametrize("partitions", [1, 7])
def test_a_topic_holds_what_a_file_holds(run, into_kafka, postgres, kafka, partitions):
    name = f"same{partitions}"
    postgres.execute(f"create table {name} (id int primary key, v text); insert into {name} values (1, 'a'), (2, 'b')")
    file = run(f"{name}_file", **{"table.include.list": f"public.{name}", "topic.prefix": name})
    pipeline = into_kafka(name, **{"table.include.list": f"public.{name}", "topic.creation.default.partitions": partitions})
    for one in (file, pipeline):
        one.start().wait_streaming()
    for statement in STATEMENTS:
        postgres.execute(statement.format(t=name))
    lsn = postgres.wal_end()
    for one in (file, pipeline):
        one.wait_confirmed(lsn)
        assert one.stop() == 0
    lines = file.output_bytes().splitlines()
    topic = f"{name}.public.{name}"
    records = kafka.admin.read(topic)
    assert len(kafka.admin.describe(topic)) == partitions
    assert kafka.admin.ends(topic) == {
        number: sum(record.partition == number for record in records) for number in range(partitions)}
    theirs = sorted(json.dumps(json.loads(line)["key"]) for line in lines)
    assert sorted(json.dumps(json.loads(record.key)) for record in records) == theirs
    assert len(records) == len(lines) > 200

    expected = {}  # by partition, in order
    for line in lines:
        event = json.loads(line)
        key = json.dumps(event["key"], separators=(",", ":"), ensure_ascii=False).encode()
        start = line.index(b',"value":') + len(b',"value":')
        end = line.rindex(b',"headers":{')
        value = line[start:end]
        headers = event["headers"]
        expected.setdefault((murmur2(key) & 0x7FFFFFFF) % partitions, []).append(
            (key, None if value == b"null" else without_clock(value), headers))
    found = {}
    for record in records:
        headers = {name: text.decode() for name, text in record.headers}
        assert len(headers) == len(record.headers)
        found.setdefault(record.partition, []).append((record.key, without_clock(record.value), headers))
    run_ids = set()
    for partition in range(partitions):
        for ours, theirs in zip(found.get(partition, []), expected.get(partition, []), strict=True):
            assert ours[:2] == theirs[:2]
            run_ids.add(ours[2].pop("__debezium.context.runId"))
            theirs[2].pop("__debezium.context.runId")
            assert list(ours[2].items()) == list(theirs[2].items())  # order, too
    assert len(run_ids) == 1
    tombstones = [record for record in records if record.value is None]
    assert len(tombstones) > 10
    (moved,) = [record for record in records if dict(record.headers).get("__debezium.oldkey") == b'{"id":3}']
    assert moved.key == b'{"id":30}' and moved.headers[0][0] == "__debezium.oldkey"


def test_the_first_records_of_new_topics_are_all_there(into_kafka, postgres, kafka):
    """While a topic is being made its partitions refuse a batch and take the next one, which must not count as an acknowledgement of
    the first."""
    tables = [f"fresh{number}" for number in range(40)]
    postgres.execute("".join(f"create table {table} (id int primary key);" for table in tables))
    pipeline = into_kafka("fresh", **{"table.include.list": "public.fresh.*", "topic.creation.default.partitions": 7})
    pipeline.start().wait_streaming()
    with contextlib.closing(postgres.connect()) as connection, connection.cursor() as cursor:
        for together in (tables[i:i + 5] for i in range(0, len(tables), 5)):
            for number in range(60):
                for table in together:
                    cursor.execute(f"insert into {table} values ({number})")
                time.sleep(0.003)
    pipeline.wait_confirmed(postgres.wal_end())
    assert pipeline.stop() == 0
    assert {table: count_of(kafka, f"fresh.public.{table}") for table in tables} == dict.fromkeys(tables, 60)


def test_keyless_rows_and_truncates_have_no_key(into_kafka, postgres, kafka):
    postgres.execute("create table plain (n int); alter table plain replica identity full")
    pipeline = into_kafka("plain", **{"table.include.list": "public.plain", "skipped.operations": "none"})
    pipeline.start().wait_streaming()
    postgres.execute("insert into plain select g from generate_series(1, 50) g")
    postgres.execute("truncate plain")
    records = wait_records(pipeline, kafka, "plain.public.plain", 51)
    assert {record.key for record in records} == {None}
    assert len({record.partition for record in records}) > 1
    assert pipeline.stop() == 0


def test_groups_say_how_topics_are_made(into_kafka, postgres, kafka):
    postgres.execute("create table wide (id int primary key); create table narrow (id int primary key);"
                     "create table there (id int primary key)")
    kafka.admin.create_topic("groups.public.there", partitions=2, config={"retention.ms": 123456})
    pipeline = into_kafka("groups", **{
        "table.include.list": "public.wide,public.narrow,public.there",
        "topic.creation.groups": "compacted",
        "topic.creation.compacted.include": "groups\\.public\\.w.*",
        "topic.creation.compacted.partitions": 5,
        "topic.creation.compacted.cleanup.policy": "compact",
        "topic.creation.default.partitions": 1,
        "topic.creation.default.retention.ms": 7654321,
    })
    pipeline.start().wait_streaming()
    for table in ("wide", "narrow", "there"):
        postgres.execute(f"insert into {table} values (1)")
    for table in ("wide", "narrow", "there"):
        wait_records(pipeline, kafka, f"groups.public.{table}", 1)
    config = lambda table: kafka.admin.topic_config(f"groups.public.{table}")
    count = lambda table: len(kafka.admin.describe(f"groups.public.{table}"))
    assert (count("wide"), config("wide")["cleanup.policy"]) == (5, "compact")
    assert (count("narrow"), config("narrow")["retention.ms"]) == (1, "7654321")
    assert (count("there"), config("there")["retention.ms"]) == (2, "123456")  # as it was
    assert pipeline.stop() == 0


def test_small_limits_do_not_hold_up_batches(into_kafka, postgres, kafka):
    """Brokers compare whole batches with max.message.bytes: many records that fit alone must not be refused together."""
    kafka.admin.create_topic("small.public.small", 2, config={"max.message.bytes": 3000})
    postgres.execute("create table small (id int primary key, v text)")
    pipeline = into_kafka("small", **{"table.include.list": "public.small", "snapshot.mode": "no_data"})
    pipeline.start().wait_streaming()
    postgres.execute("insert into small select g, repeat('x', 900) from generate_series(1, 2000) g")
    records = wait_records(pipeline, kafka, "small.public.small", 2000)
    assert sorted(json.loads(record.key)["id"] for record in records) == list(range(1, 2001))
    assert pipeline.stop() == 0


def test_large_records_pass_where_the_topic_takes_them(into_kafka, postgres, kafka):
    kafka.admin.create_topic("huge.public.huge", 1, config={"max.message.bytes": 20_000_000})
    postgres.execute("create table huge (id int primary key, v text)")
    pipeline = into_kafka("huge", **{"table.include.list": "public.huge", "snapshot.mode": "no_data"})
    pipeline.start().wait_streaming()
    postgres.execute("insert into huge values (1, repeat('y', 12000000)), (2, 'small')")
    records = wait_records(pipeline, kafka, "huge.public.huge", 2)
    assert [len(json.loads(record.value)["after"]["v"]) for record in records] == [12_000_000, 5]
    assert pipeline.stop() == 0


def test_goes_on_after_a_stop_and_a_kill(into_kafka, postgres, kafka):
    postgres.execute("create table goes_on (id int primary key)")
    pipeline = into_kafka("goes_on", **{"table.include.list": "public.goes_on", "topic.creation.default.partitions": 1})
    topic = "goes_on.public.goes_on"
    for round_number, end in enumerate((pipeline.stop, pipeline.kill, pipeline.stop)):
        pipeline.start().wait_streaming()
        postgres.execute(f"insert into goes_on select {round_number} * 1000 + g from generate_series(1, 500) g")
        wait_records(pipeline, kafka, topic, (round_number + 1) * 500)
        end()
    ids = [json.loads(record.key)["id"] for record in kafka.admin.read(topic)]
    once = list(dict.fromkeys(ids))
    assert once == [round_number * 1000 + g for round_number in range(3) for g in range(1, 501)]
    assert ids[:500] == once[:500]  # an orderly stop repeats nothing


def test_a_topic_made_anew_is_noticed(into_kafka, postgres, kafka):
    postgres.execute("create table anew (id int primary key)")
    pipeline = into_kafka("anew", **{"table.include.list": "public.anew"})
    pipeline.start().wait_streaming()
    postgres.execute("insert into anew values (1)")
    wait_records(pipeline, kafka, "anew.public.anew", 1)
    assert pipeline.stop() == 0
    kafka.admin.delete_topic("anew.public.anew")
    kafka.admin.create_topic("anew.public.anew", 3)
    pipeline.start()
    assert "anew.public.anew" in pipeline.stopped_with("TOPIC_LOST_DATA", 5)


def test_a_stop_ends_in_time_while_kafka_is_away(into_kafka, postgres, kafka):
    postgres.execute("create table away (id int primary key)")
    pipeline = into_kafka("away_stop", **{"table.include.list": "public.away"})
    pipeline.start().wait_streaming()
    postgres.execute("insert into away values (1)")
    wait_records(pipeline, kafka, "away_stop.public.away", 1)
    kafka.freeze()
    try:
        postgres.execute("insert into away select g from generate_series(2, 20000) g")
        assert pipeline.stop(15) == 4
        assert pipeline.log()[-1]["reason"] == "SHUTDOWN_TIMEOUT"
    finally:
        kafka.thaw()
    pipeline.start()
    pipeline.wait_until(lambda: len({record.key for record in kafka.admin.read("away_stop.public.away")}) == 20_000, 60,
                        "all rows")
    assert pipeline.stop() == 0


def test_metrics_and_status_know_the_producer(into_kafka, postgres, kafka):
    postgres.execute("create table measured (id int primary key)")
    pipeline = into_kafka("measured", **{"table.include.list": "public.measured", "kafka.statistics.interval.ms": 1000})
    pipeline.start().wait_streaming()
    postgres.execute("insert into measured select g from generate_series(1, 1000) g")
    wait_records(pipeline, kafka, "measured.public.measured", 1000)
    value = lambda name: [float(line.rpartition(" ")[2]) for line in pipeline.page("/metrics")[1].splitlines()
                          if line.startswith(name)]
    # What a topic just made refused for a moment is sent, and counted, again.
    pipeline.wait_until(lambda: value("millrace_kafka_sent_records_total") >= [1000.0], 30, "statistics")
    assert value("millrace_kafka_broker_up") == [1.0]
    assert value("millrace_kafka_queue_records") == [0.0]
    assert value("millrace_kafka_produce_requests_total")[0] >= 1
    assert pipeline.status()["sink"] == "kafka"
    assert pipeline.stop() == 0
