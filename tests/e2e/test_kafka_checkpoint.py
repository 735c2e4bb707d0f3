# SPDX-License-Identifier: Apache-2.0
"""Positions in a Kafka topic: what stands there, who may write it, two instances of one pipeline, topics and records that
are wrong, and `millrace position`."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
import uuid

import pytest
from kafka import AUTHORIZED, KafkaServer
from kafka_run import KafkaPipeline

TOPIC = "millrace-checkpoints"
HEARTBEAT_MS = 300


@pytest.fixture
def name():
    """Tests share servers: a pipeline, its slot, its table have a name of their own."""
    return "p" + uuid.uuid4().hex[:8]


class Pipeline(KafkaPipeline):
    """Into topics of one partition, so that events have an order."""

    def __init__(self, binary, server, kafka, folder, name, **options):
        super().__init__(binary, server, options.pop("client", None) or kafka.client(), folder, name, **{
            "checkpoint.heartbeat.ms": HEARTBEAT_MS, "slot.retry.delay.ms": 500, "slot.max.retries": 40,
            "topic.creation.default.partitions": 1, **options})
        self.kafka = kafka

    def changes(self):
        """(op, id) of all events of the table with the pipeline's name."""
        topic = f"{self.options['topic.prefix']}.public.{self.options['topic.prefix']}"
        if topic not in self.kafka.admin.topics():
            return []
        values = [json.loads(record.value) for record in self.kafka.admin.read(topic) if record.value]
        return [(value["op"], value["after"]["id"]) for value in values if value["op"] in "rc"]


@pytest.fixture
def make(millrace, postgres, kafka, tmp_path, name):
    """make(name, **options): a pipeline on the table `name`; ended after the test."""
    made = []

    def one(own_name=name, folder=tmp_path, kafka=kafka, **options):
        made.append(Pipeline(millrace, postgres, kafka, folder, own_name, **{
            "table.include.list": f"public.{name}", "topic.prefix": name, **options}))
        return made[-1]

    postgres.execute(f"create table {name} (id int primary key)")
    yield one
    for pipeline in made:
        pipeline.clean_up()
    postgres.execute(f"drop table {name}")


@pytest.fixture
def pipeline(make):
    return make()


@pytest.fixture
def twin(make, tmp_path):
    """Another instance of the same pipeline, as on another machine: own folders."""
    (tmp_path / "twin").mkdir()
    return make(folder=tmp_path / "twin")


def insert(postgres, name, *ids):
    for one in ids:
        postgres.execute(f"insert into {name} values ({one})")


def ids(pipeline):
    return [number for _, number in pipeline.changes()]


def wait_ids(pipeline, *expected, timeout=60):
    pipeline.wait_until(lambda: ids(pipeline) == list(expected), timeout, f"{expected}")


def stored(kafka, name, topic=TOPIC):
    """The last state of the pipeline's keys, as a consumer sees them: {"newest": text or None, ...}, absent keys left out."""
    parts = {name: "newest", f"{name}/previous": "previous", f"{name}/owner": "owner"}
    state = {}
    for record in kafka.admin.read(topic):
        part = parts.get(record.key.decode())
        if part:
            state[part] = None if record.value is None else record.value.decode()
    return state


def checkpoint(text):
    """A checkpoint as JSON: the checksum line stands behind it."""
    body, mark, _ = text.rpartition("\nxxh3 ")
    assert mark
    return json.loads(body)


def owner(kafka, name):
    return json.loads(stored(kafka, name)["owner"])


def overwrite_owner(kafka, name, **fields):
    """As if the owner had been on another machine: nobody can look whether it lives."""
    record = owner(kafka, name) | {"boot": str(uuid.uuid4()), "host": "elsewhere"} | fields
    kafka.admin.produce(TOPIC, [(f"{name}/owner", json.dumps(record))])


# What stands in the topic


def test_topic_is_made_as_it_has_to_be(pipeline, kafka, name):
    pipeline.configure(**{"checkpoint.topic": f"positions-{name}"})
    pipeline.start()
    pipeline.wait_streaming()
    pipeline.wait_until(lambda: "newest" in stored(kafka, name, f"positions-{name}"))
    partitions = kafka.admin.describe(f"positions-{name}")
    assert list(partitions) == [0] and len(partitions[0].replicas) == 1
    config = kafka.admin.topic_config(f"positions-{name}")
    assert config["cleanup.policy"] == "compact" and int(config["max.message.bytes"]) > 32 << 20
    assert "positions are on one broker only" in pipeline.log_text()
    assert pipeline.stop() == 0


def test_people_can_read_it(pipeline, postgres, kafka, name):
    pipeline.start()
    pipeline.wait_streaming()
    insert(postgres, name, 1, 2)
    wait_ids(pipeline, 1, 2)
    pipeline.wait_confirmed(postgres.wal_end())
    assert pipeline.stop() == 0
    state = stored(kafka, name)
    newest, previous = checkpoint(state["newest"]), checkpoint(state["previous"])
    assert newest["pipeline"] == name and newest["phase"] == "streaming" and newest["source"]["slot"] == name
    assert previous["generation"] == newest["generation"] - 1
    claim = json.loads(state["owner"])
    assert claim["state"] == "released" and claim["pid"] == pipeline.process.pid and claim["heartbeat_ms"] == HEARTBEAT_MS


def test_restart_goes_on_behind_it(pipeline, postgres, kafka, name):
    insert(postgres, name, 1)
    pipeline.start()
    wait_ids(pipeline, 1)
    pipeline.wait_streaming()
    insert(postgres, name, 2)
    wait_ids(pipeline, 1, 2)
    assert pipeline.stop() == 0
    insert(postgres, name, 3)
    pipeline.start()
    wait_ids(pipeline, 1, 2, 3)
    assert pipeline.stop() == 0


@pytest.mark.full
def test_server_is_told_no_more_than_the_one_before(pipeline, postgres, kafka, name):
    """Looked at while it runs: what the server confirms stands in the topic before, as the previous one at most."""
    pipeline.start()
    pipeline.wait_streaming()
    for number in range(1, 9):
        insert(postgres, name, number)
        told = postgres.value("select confirmed_flush_lsn::text from pg_replication_slots where slot_name = %s", [name])
        state = stored(kafka, name)
        if "previous" in state and checkpoint(state["previous"])["position"]:
            kept = checkpoint(state["previous"])["position"]["lsn"]
            assert postgres.value("select %s::pg_lsn <= %s::pg_lsn", [told, kept]), (told, kept)
    assert pipeline.stop() == 0


@pytest.mark.full
def test_killed_again_and_again(pipeline, postgres, kafka, name):
    """kill -9, also in the middle of transactions: each next start aborts what was left open and reads the position."""
    expected = []
    for number in range(1, 9):
        pipeline.start()
        pipeline.wait_streaming()
        insert(postgres, name, number)
        expected.append(number)
        pipeline.wait_until(lambda: set(ids(pipeline)) == set(expected))
        time.sleep(0.03 * number)
        pipeline.kill()
    pipeline.start()
    insert(postgres, name, 100)
    pipeline.wait_until(lambda: 100 in ids(pipeline))
    assert pipeline.stop() == 0
    assert list(dict.fromkeys(ids(pipeline))) == [*expected, 100]


@pytest.mark.full
def test_pipelines_share_the_topic(make, pipeline, postgres, kafka, name):
    """One is named like a key of the other's, almost."""
    other = make(f"{name}.previous", **{"slot.name": f"{name}_2", "publication.name": f"{name}_2", "topic.prefix": f"{name}_2"})
    for one in (pipeline, other):
        one.start()
        one.wait_streaming()
    insert(postgres, name, 1)
    for one in (pipeline, other):
        one.wait_confirmed(postgres.wal_end())
        assert one.stop() == 0
    assert checkpoint(stored(kafka, name)["newest"])["pipeline"] == name
    assert checkpoint(stored(kafka, other.name)["newest"])["pipeline"] == other.name


# Two instances


def test_second_takes_over_and_the_first_says_that_it_is_fenced(pipeline, twin, postgres, kafka, name):
    pipeline.start()
    pipeline.wait_streaming()
    insert(postgres, name, 1)
    wait_ids(pipeline, 1)
    pid = pipeline.process.pid
    twin.start()
    # Nothing is written to the database: the first learns of it by its heartbeat.
    text = pipeline.stopped_with("FENCED", 3, timeout=15)
    assert f"process {twin.process.pid} on" in text
    twin.wait_streaming()
    assert any(f"process {pid} on" in line.get("from", "") for line in twin.log() if line["msg"] == "taking over")
    insert(postgres, name, 2)
    twin.wait_until(lambda: 2 in ids(twin))
    # The first is started again by somebody: it takes over in its turn.
    pipeline.start()
    twin.stopped_with("FENCED", 3, timeout=15)
    pipeline.wait_streaming()
    insert(postgres, name, 3)
    pipeline.wait_until(lambda: 3 in ids(pipeline))
    assert pipeline.stop() == 0


def test_another_pipeline_of_the_same_name_fences_nobody(pipeline, twin, postgres, kafka, name):
    """Two that know nothing of each other share a name: the second one sees that the position is not its own."""
    pipeline.start()
    pipeline.wait_streaming()
    insert(postgres, name, 1)
    wait_ids(pipeline, 1)
    twin.configure(**{"slot.name": f"{name}_2", "publication.name": f"{name}_2"})
    said = twin.start().stopped_with("CHECKPOINT_MISMATCH", 5)
    assert f"{name}_2" in said and "another name" in said
    assert twin.slot() is None
    insert(postgres, name, 2)
    wait_ids(pipeline, 1, 2)
    time.sleep(3 * HEARTBEAT_MS / 1000)
    assert pipeline.running and pipeline.stop() == 0
    twin.start().stopped_with("CHECKPOINT_MISMATCH", 5)


def test_second_stops_while_the_first_lives(pipeline, twin, postgres, kafka, name):
    pipeline.start()
    pipeline.wait_streaming()
    twin.configure(**{"checkpoint.conflict": "stop"})
    twin.start()
    text = twin.stopped_with("ALREADY_ACTIVE", 4)
    assert f"process {pipeline.process.pid} on" in text
    # The first was not fenced.
    insert(postgres, name, 1)
    wait_ids(pipeline, 1)
    pipeline.wait_confirmed(postgres.wal_end())
    assert pipeline.stop() == 0
    # It released the pipeline: the second need not wait for a sign of life.
    twin.start()
    began = time.monotonic()
    twin.wait_streaming()
    assert "waiting whether" not in twin.log_text() and time.monotonic() - began < 20
    assert twin.stop() == 0


@pytest.mark.full
def test_sign_of_life_from_another_machine(pipeline, twin, postgres, kafka, name):
    """The owner cannot be looked up in /proc: its heartbeat tells, although it has nothing to store."""
    unshared = ["unshare", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*unshared, "true"], check=False).returncode != 0:
        pytest.skip("no pid namespaces here")
    twin.binary, binary = str(twin.folder / "run"), twin.binary
    pathlib.Path(twin.binary).write_text(f"#!/bin/sh\nexec {' '.join(unshared)} {binary} \"$@\"\n")
    os.chmod(twin.binary, 0o755)
    twin.configure(**{"checkpoint.conflict": "stop"})
    pipeline.start()
    pipeline.wait_streaming()
    time.sleep(1)
    twin.start()
    twin.stopped_with("ALREADY_ACTIVE", 4)
    assert "waiting whether" in twin.log_text()
    assert pipeline.running and pipeline.stop() == 0


@pytest.mark.full
def test_dead_owner_on_another_machine_is_waited_for(pipeline, postgres, kafka, name):
    pipeline.configure(**{"checkpoint.conflict": "stop"})
    pipeline.start()
    pipeline.wait_streaming()
    insert(postgres, name, 1)
    wait_ids(pipeline, 1)
    pipeline.kill()
    overwrite_owner(kafka, name, heartbeat_ms=1000)
    began = time.monotonic()
    pipeline.start()
    pipeline.wait_streaming()
    assert time.monotonic() - began > 4, "three beats and a second"
    assert [line for line in pipeline.log() if line["msg"] == "the instance before ended without a word"]
    insert(postgres, name, 2)
    pipeline.wait_until(lambda: 2 in ids(pipeline))
    assert pipeline.stop() == 0


def test_dead_owner_on_this_machine_is_not(pipeline, postgres, kafka, name):
    pipeline.configure(**{"checkpoint.conflict": "stop", "checkpoint.heartbeat.ms": 60_000})
    pipeline.start()
    pipeline.wait_streaming()
    pipeline.kill()
    pipeline.start()
    pipeline.wait_streaming(20)
    assert pipeline.stop() == 0


@pytest.mark.full
def test_both_at_once(pipeline, twin, postgres, kafka, name):
    """Whichever policy: exactly one goes on."""
    pipeline.start()
    pipeline.wait_streaming()
    assert pipeline.stop() == 0
    for conflict in ("takeover", "stop"):
        for one in (pipeline, twin):
            one.configure(**{"checkpoint.conflict": conflict})
        pipeline.start()
        twin.start()
        until = time.monotonic() + 40
        while pipeline.running and twin.running:
            assert time.monotonic() < until, "both run"
            time.sleep(0.1)
        loser, winner = (twin, pipeline) if pipeline.running else (pipeline, twin)
        assert loser.ended() == (3 if conflict == "takeover" else 4), loser.log_text()
        winner.wait_streaming()
        time.sleep(3 * HEARTBEAT_MS / 1000)
        assert winner.running and winner.stop() == 0


@pytest.mark.full
def test_frozen_first_finds_itself_fenced(pipeline, twin, postgres, kafka, name):
    """A virtual machine that was paused: whatever it thinks to have, it stores nothing any more."""
    pipeline.start()
    pipeline.wait_streaming()
    insert(postgres, name, 1)
    wait_ids(pipeline, 1)
    pipeline.process.send_signal(signal.SIGSTOP)
    try:
        twin.start()
        twin.wait_for_log("taking over")
        postgres.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s and active",
                         [name])
        twin.wait_streaming()
        insert(postgres, name, 2)
        twin.wait_until(lambda: 2 in ids(twin))
        twin.wait_confirmed(postgres.wal_end())
        before = checkpoint(stored(kafka, name)["newest"])["generation"]
    finally:
        pipeline.process.send_signal(signal.SIGCONT)
    pipeline.stopped_with("FENCED", 3)
    assert checkpoint(stored(kafka, name)["newest"])["generation"] >= before
    assert owner(kafka, name)["pid"] == twin.process.pid
    insert(postgres, name, 3)
    twin.wait_until(lambda: 3 in ids(twin))
    assert twin.stop() == 0


# Kafka in trouble


@pytest.mark.full
def test_broker_away_while_it_runs(pipeline, postgres, name, kafka):
    pipeline.start()
    pipeline.wait_streaming()
    insert(postgres, name, 1)
    wait_ids(pipeline, 1)
    for away in ("stop", "kill"):
        kafka.kill() if away == "kill" else kafka.stop()
        told = pipeline.slot()
        insert(postgres, name, *({"stop": (2, 3), "kill": (4, 5)}[away]))
        time.sleep(3)
        assert pipeline.slot() == told, "told without a stored position"
        kafka.start()
        pipeline.wait_confirmed(postgres.wal_end(), 60)
    wait_ids(pipeline, 1, 2, 3, 4, 5)
    assert pipeline.stop() == 0


@pytest.mark.full
def test_broker_frozen_for_longer_than_a_transaction(pipeline, postgres, name, kafka):
    """The coordinator gives up our transaction and fences it: that is no other instance."""
    pipeline.start()
    pipeline.wait_streaming()
    insert(postgres, name, 1)
    wait_ids(pipeline, 1)
    errors = lambda: int(re.search(r"^millrace_checkpoint_errors_total\{.*\} (\d+)$", pipeline.page("/metrics")[1], re.MULTILINE)[1])
    assert errors() == 0
    kafka.freeze()
    insert(postgres, name, 2)
    time.sleep(25)
    assert errors() > 0, "a write that is tried again is counted"
    assert pipeline.status()["last_error"]["code"] in ("KAFKA_UNREACHABLE", "CHECKPOINT_WRITE_FAILED")
    kafka.thaw()
    pipeline.wait_confirmed(postgres.wal_end(), 90)
    pipeline.wait_until(lambda: pipeline.status()["last_error"] is None, 30, "trouble that has passed")
    assert pipeline.stop() == 0


@pytest.mark.full
def test_stop_while_the_broker_is_away(pipeline, postgres, name, kafka):
    pipeline.start()
    pipeline.wait_streaming()
    kafka.freeze()
    try:
        insert(postgres, name, 1)
        time.sleep(0.5)
        began = time.monotonic()
        pipeline.process.send_signal(signal.SIGTERM)
        assert pipeline.ended(20) in (0, 4)
        assert time.monotonic() - began < 12
    finally:
        kafka.thaw()
    pipeline.start()
    pipeline.wait_until(lambda: 1 in ids(pipeline))
    assert pipeline.stop() == 0


@pytest.mark.full
def test_no_broker_at_the_start(pipeline, postgres, name, kafka):
    pipeline.configure(**{"kafka.bootstrap.servers": "127.0.0.1:1", "errors.max.retries": 0})
    pipeline.start()
    pipeline.stopped_with("KAFKA_UNREACHABLE", 4, timeout=60)


@pytest.mark.full
def test_topic_deleted_while_it_runs(pipeline, postgres, name, kafka):
    topic = f"positions-{name}"
    pipeline.configure(**{"checkpoint.topic": topic})
    pipeline.start()
    pipeline.wait_streaming()
    insert(postgres, name, 1)
    wait_ids(pipeline, 1)
    kafka.admin.delete_topic(topic)
    insert(postgres, name, 2)
    pipeline.wait_confirmed(postgres.wal_end(), 90)
    assert checkpoint(stored(kafka, name, topic)["newest"])["pipeline"] == name
    assert pipeline.stop() == 0


def cut_last_marker(kafka, topic):
    """The broker forgets that the last transaction has ended, and its coordinator thinks that everybody knows: so a broker may be
    after a clean stop, when the partition lost its leader before the marker was written."""
    folder = kafka.data / "log" / f"{topic}-0"
    (log,) = folder.glob("*.log")
    data, at = log.read_bytes(), 0
    while at < len(data):
        last, at = at, at + 12 + int.from_bytes(data[at + 8:at + 12], "big")
    attributes = int.from_bytes(data[last + 21:last + 23], "big")
    assert attributes & 0x20, "the last batch is a marker"
    os.truncate(log, last)
    for state in (*folder.glob("*.snapshot"), *folder.glob("*.*index"), kafka.data / "log" / ".kafka_cleanshutdown"):
        state.unlink()


@pytest.mark.full
def test_broker_that_forgot_the_end_of_a_transaction(pipeline, postgres, kafka, name):
    """Readers of what is committed never get past it; the pipeline's next transaction closes it."""
    topic = f"positions-{name}"
    pipeline.configure(**{"checkpoint.topic": topic})
    run_and_stop(pipeline, postgres, name, 1)
    kafka.stop()
    cut_last_marker(kafka, topic)
    kafka.start()
    assert kafka.admin.ends(topic, committed=True)[0] < kafka.admin.ends(topic)[0]
    insert(postgres, name, 2)
    pipeline.start()
    pipeline.wait_until(lambda: 2 in ids(pipeline), 60)
    pipeline.wait_confirmed(postgres.wal_end())
    assert pipeline.stop() == 0
    assert ids(pipeline) == [1, 2]
    assert kafka.admin.ends(topic, committed=True) == kafka.admin.ends(topic)


# Topics and records that are wrong


@pytest.mark.parametrize("partitions, config, says", [
    (1, {"cleanup.policy": "delete"}, "cleanup.policy=delete"),
    (1, {"cleanup.policy": "compact,delete"}, "cleanup.policy=compact,delete"),
    (3, {"cleanup.policy": "compact"}, "has 3 partitions"),
], ids=["deletes", "deletes_as_well", "three_partitions"])
def test_wrong_topic_is_refused(pipeline, kafka, name, partitions, config, says):
    topic = f"wrong-{name}"
    kafka.admin.create_topic(topic, partitions, config=config)
    pipeline.configure(**{"checkpoint.topic": topic})
    pipeline.start()
    assert says in pipeline.stopped_with("CHECKPOINT_TOPIC", 3)
    if partitions == 1:
        kafka.admin.set_topic_config(topic, {"cleanup.policy": "compact"})
        pipeline.start()
        pipeline.wait_streaming()
        assert pipeline.stop() == 0


def damaged(text):
    return text.replace('"phase": "streaming"', '"phase": "strEaming"')


def run_and_stop(pipeline, postgres, name, *numbers):
    pipeline.start()
    pipeline.wait_streaming()
    insert(postgres, name, *numbers)
    pipeline.wait_until(lambda: set(numbers) <= set(ids(pipeline)))
    pipeline.wait_confirmed(postgres.wal_end())
    assert pipeline.stop() == 0


def test_damaged_newest_falls_back_to_the_one_before(pipeline, postgres, kafka, name):
    run_and_stop(pipeline, postgres, name, 1, 2)
    state = stored(kafka, name)
    kafka.admin.produce(TOPIC, [(name, damaged(state["newest"]))])
    run_and_stop(pipeline, postgres, name, 3)
    warned = [line for line in pipeline.log() if line["msg"] == "a copy cannot be used"]
    assert warned and re.search(rf"{TOPIC} at offset \d+, key {name}: the checkpoint is damaged", warned[0]["error"])
    assert list(dict.fromkeys(ids(pipeline))) == [1, 2, 3]
    # The damaged one did not become the one before.
    assert checkpoint(stored(kafka, name)["previous"])["phase"] == "streaming"


@pytest.mark.full
def test_both_damaged_stops(pipeline, postgres, kafka, name):
    run_and_stop(pipeline, postgres, name, 1)
    state = stored(kafka, name)
    kafka.admin.produce(TOPIC, [(name, damaged(state["newest"])), (f"{name}/previous", "hello")])
    pipeline.start()
    assert name in pipeline.stopped_with("CHECKPOINT_CORRUPT", 5)


@pytest.mark.full
def test_records_of_an_aborted_transaction_do_not_count(pipeline, postgres, kafka, name):
    import confluent_kafka
    run_and_stop(pipeline, postgres, name, 1)
    producer = confluent_kafka.Producer({**kafka.client(), "transactional.id": f"other-{name}"})
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(TOPIC, "rubbish", name, 0)
    producer.flush()
    producer.abort_transaction()
    run_and_stop(pipeline, postgres, name, 2)
    assert ids(pipeline) == [1, 2]


@pytest.mark.full
def test_open_transaction_of_another_is_waited_for(pipeline, postgres, kafka, name):
    """It hides what was committed behind it. The position that is read is the last one all the same."""
    import confluent_kafka
    producer = confluent_kafka.Producer({**kafka.client(), "transactional.id": f"other-{name}", "transaction.timeout.ms": 60_000})
    run_and_stop(pipeline, postgres, name, 1)
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(TOPIC, "hello", f"other-{name}", 0)
    producer.flush()
    pipeline.start()
    time.sleep(4)
    assert "streaming" not in pipeline.log_text()[-200:] and pipeline.running
    producer.commit_transaction()
    pipeline.wait_streaming()
    insert(postgres, name, 2)
    wait_ids(pipeline, 1, 2)
    assert pipeline.stop() == 0


@pytest.mark.full
def test_long_topic_is_read_from_its_end(pipeline, postgres, kafka, name):
    run_and_stop(pipeline, postgres, name, 1)
    kafka.admin.produce(TOPIC, ((f"filler-{i % 7}", "x" * 100) for i in range(60_000)))
    run_and_stop(pipeline, postgres, name, 2)
    assert ids(pipeline) == [1, 2], "a pipeline that was silent for long is found, too"


# millrace position


def position(pipeline, *words):
    action, *rest = words
    done = subprocess.run([pipeline.binary, "position", action, str(pipeline.config), *rest], capture_output=True, text=True,
                          timeout=60, env=pipeline.environment)
    return done.returncode, done.stdout, done.stderr


def test_get(pipeline, postgres, kafka, name):
    assert position(pipeline, "get", "--json")[:2] == (0, "null\n")
    run_and_stop(pipeline, postgres, name, 1)
    code, out, _ = position(pipeline, "get", "--json")
    found = json.loads(out)
    assert code == 0 and found["topic"] == TOPIC and found["pipeline"] == name and "file" not in found
    assert json.loads(found["position"])["lsn"] and found["owner"].startswith("none; last process ")
    # Also while it runs, and fences nobody.
    pipeline.start()
    pipeline.wait_streaming()
    assert f"process {pipeline.process.pid} on" in position(pipeline, "get")[1]
    insert(postgres, name, 2)
    pipeline.wait_confirmed(postgres.wal_end())
    assert pipeline.stop() == 0


def test_set_skips_what_lies_before(pipeline, postgres, kafka, name):
    run_and_stop(pipeline, postgres, name, 1)
    insert(postgres, name, 2)
    lsn = postgres.wal_end()
    code, out, err = position(pipeline, "set", lsn)
    assert code == 0 and lsn in out, err
    state = stored(kafka, name)
    assert checkpoint(state["newest"])["position"]["lsn"] == lsn == checkpoint(state["previous"])["position"]["lsn"]
    run_and_stop(pipeline, postgres, name, 3)
    assert ids(pipeline) == [1, 3]


def test_reset_leaves_tombstones_and_the_next_start_is_a_first_one(pipeline, postgres, kafka, name):
    run_and_stop(pipeline, postgres, name, 1)
    assert position(pipeline, "reset")[0] == 0
    assert stored(kafka, name) == {"newest": None, "previous": None, "owner": None}
    assert position(pipeline, "get", "--json")[1] == "null\n"
    postgres.execute("select pg_drop_replication_slot(%s)", [name])
    run_and_stop(pipeline, postgres, name, 2)
    assert pipeline.changes() == [("c", 1), ("r", 1), ("c", 2)]


@pytest.mark.full
def test_set_and_reset_refuse_a_pipeline_that_runs(pipeline, postgres, kafka, name):
    pipeline.start()
    pipeline.wait_streaming()
    for words in (["set", "0/1"], ["reset"]):
        code, _, err = position(pipeline, *words)
        assert code == 4 and "ALREADY_ACTIVE" in err and f"process {pipeline.process.pid}" in err
    insert(postgres, name, 1)
    wait_ids(pipeline, 1)
    pipeline.wait_confirmed(postgres.wal_end())
    assert pipeline.stop() == 0


def test_reset_of_nothing(pipeline, kafka, name):
    pipeline.configure(**{"checkpoint.topic": f"absent-{name}"})
    assert position(pipeline, "reset")[0] == 0
    assert f"absent-{name}" not in kafka.admin.topics()


# Rights


@pytest.mark.full
def test_rights(make, name):
    """Which are needed, one by one, and what is said of each."""
    with KafkaServer(AUTHORIZED, sasl=True) as kafka:
        pipeline = make(kafka=kafka, client=kafka.sasl_client())
        admin = kafka.admin
        for topic in (f"{name}.public.{name}", f"{name}.message"):
            admin.create_topic(topic)
        admin.allow("app", "all", name, prefix=True)

        def refused(says):
            pipeline.start()
            assert says in pipeline.stopped_with("KAFKA_PERMISSION_DENIED", 3, timeout=90)

        refused(TOPIC)
        admin.create_topic(TOPIC, config={"cleanup.policy": "compact"})
        admin.allow("app", "read", TOPIC)
        refused(f"millrace-{name}")
        admin.allow("app", "write", transactional_id=f"millrace-{name}")
        refused("storing the position")
        admin.allow("app", "write", TOPIC)
        pipeline.start()
        pipeline.wait_streaming(60)
        assert "settings may not be read" in pipeline.log_text()
        assert pipeline.stop() == 0
