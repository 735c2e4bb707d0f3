# SPDX-License-Identifier: Apache-2.0
"""What brokers do to a producer, one test per row of the table in docs/kafka.md: what passes is waited for, what stays ends the
pipeline with its reason; nothing is lost in either case, and the server is told nothing early."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from kafka import AUTHORIZED, KafkaServer
from kafka_run import NONE, PARTITIONS, KafkaPipeline, KafkaRun, Shape
from oidc import OidcProvider

FULL = bool(os.environ.get("MILLRACE_FULL"))
AWAY_S = int(os.environ.get("MILLRACE_AWAY_S", 60 if FULL else 8))


@pytest.fixture(scope="module")
def secured():
    """A broker whose SASL_SSL users may do what they are allowed."""
    with KafkaServer(AUTHORIZED, sasl=True, users={"app": "app-secret", "weak": "weak-secret"}) as server:
        yield server


@pytest.fixture
def one_table(millrace, postgres, tmp_path):
    """one_table(name, client, **options): a pipeline on a table of its own, `insert(n)` puts a row of n bytes into it."""
    made = []

    def make(name, client, **options):
        postgres.execute(f"create table {name} (id serial primary key, pad text)")
        pipeline = KafkaPipeline(millrace, postgres, client, tmp_path, name, **{
            "table.include.list": f"public.{name}", "snapshot.mode": "no_data", **options})
        pipeline.topic = f"{name}.public.{name}"
        pipeline.insert = lambda size=10: postgres.execute(f"insert into {name} (pad) values (repeat('x', %s))", [size])
        made.append(pipeline)
        return pipeline

    yield make
    for pipeline in made:
        pipeline.clean_up()


def ids(kafka, topic):
    """The keys of the topic's rows, each once, in the order of the keys."""
    return sorted({int(record.key[6:-1]) for record in kafka.admin.read(topic)})


def wait_ids(pipeline, kafka, expected, timeout=60):
    pipeline.wait_until(lambda: pipeline.topic in kafka.admin.topics() and ids(kafka, pipeline.topic) == expected, timeout,
                        f"rows {expected} in {pipeline.topic}")


def trouble(pipeline, words, timeout=60):
    """Waits for these words as the trouble in /status."""
    return pipeline.wait_until(lambda: (said := pipeline.status()["last_error"]) and words in json.dumps(said) and said, timeout,
                               f"{words!r} in the status")


# What passes.


@pytest.mark.full
def test_broker_away(millrace, postgres, kafka, tmp_path):
    """Under load: nobody is told of what is nowhere, the server hears from us all the while, memory stays within its limit."""
    with KafkaRun(millrace, postgres, kafka, tmp_path, "away") as run:
        run.start()
        with run.writing(pause_s=0.05):
            run.wait_commits(50)
            kafka.stop()
            time.sleep(1)
            told = run.pipeline.told()
            silences = []
            until = time.monotonic() + AWAY_S
            while time.monotonic() < until:
                silences.append(postgres.value("select extract(epoch from clock_timestamp() - reply_time)::float8 "
                                               "from pg_stat_replication"))
                time.sleep(0.5)
            assert run.pipeline.told() == told, "told of what is nowhere"
            assert max(silences) < 20, "status.update.interval.ms is 10 s, the server waits for 60"
            kafka.start()
            run.wait_commits(50)
        run.wait_told(600)
        memory_mib = int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{run.pipeline.process.pid}/status").read())[1]) / 1024
        assert memory_mib < 300, "memory.limit is 256 MiB"
        run.judge(repeats=NONE)


@pytest.mark.full
def test_broker_away_at_the_start(millrace, postgres, kafka, tmp_path):
    with KafkaRun(millrace, postgres, kafka, tmp_path, "away_at_start") as run:
        kafka.stop()
        run.pipeline.start()
        with run.writing():
            time.sleep(5)  # long before the first try ends
            trouble(run.pipeline, "KAFKA_UNREACHABLE", 1)
            time.sleep(AWAY_S)
            assert run.pipeline.running, run.pipeline.log_text()
            kafka.start()
            run.pipeline.wait_streaming(90)
            run.wait_commits(50)
        run.judge(repeats=NONE)


@pytest.mark.parametrize("mode", ["stop", pytest.param("kill", marks=pytest.mark.full)])
def test_broker_restarted(millrace, postgres, kafka, tmp_path, mode):
    with KafkaRun(millrace, postgres, kafka, tmp_path, f"restarted_{mode}") as run:
        run.start()
        with run.writing():
            run.wait_commits(50)
            kafka.restart(mode)
            run.wait_commits(50)
        run.judge(repeats=NONE)


@pytest.mark.parametrize("seconds", [3, pytest.param(90, marks=pytest.mark.full)])
def test_broker_frozen(millrace, postgres, kafka, tmp_path, seconds):
    """Its sockets stay open; 90 s is longer than requests are waited for."""
    with KafkaRun(millrace, postgres, kafka, tmp_path, f"frozen_{seconds}") as run:
        run.start()
        with run.writing():
            run.wait_commits(50)
            kafka.freeze()
            try:
                time.sleep(seconds / 2)
                told = run.pipeline.told()
                time.sleep(seconds / 2)
                assert run.pipeline.told() == told
            finally:
                kafka.thaw()
            run.wait_commits(50)
        run.judge(repeats=NONE)


@pytest.mark.full
def test_health_is_red_while_kafka_is_away(millrace, postgres, kafka, tmp_path):
    with KafkaRun(millrace, postgres, kafka, tmp_path, "red") as run:
        run.start()
        with run.writing():
            assert run.pipeline.page("/healthz")[0] == 200
            kafka.freeze()
            try:
                run.pipeline.wait_until(lambda: run.pipeline.page("/healthz")[0] == 503, 120, "red health")
            finally:
                kafka.thaw()
            run.pipeline.wait_until(lambda: run.pipeline.page("/healthz")[0] == 200, 60, "green health")
        run.judge(repeats=NONE)


REPLICATED_TOPICS = {"topic.creation.default.replication.factor": 2}


@pytest.mark.full
@pytest.mark.parametrize("mode", ["stop", "kill"])
def test_leader_moved(millrace, postgres, cluster, tmp_path, mode):
    """Leaders of the second broker's partitions go to the first, and come back."""
    first, second = cluster
    with KafkaRun(millrace, postgres, first, tmp_path, f"moved_{mode}", **REPLICATED_TOPICS) as run:
        run.start()
        topics = lambda: [topic for topic in first.admin.topics() if topic.startswith(f"moved_{mode}.")]
        leaders = lambda: {partition.leader for topic in topics() for partition in first.admin.describe(topic).values()}
        with run.writing():
            run.wait_commits(50)
            assert leaders() == {1, 2}
            second.kill() if mode == "kill" else second.stop()
            run.pipeline.wait_until(lambda: leaders() == {1}, 60, "leaders on the first broker")
            run.wait_commits(50)
            second.start()
            for topic in topics():
                for partition in range(len(first.admin.describe(topic))):
                    first.admin.wait_in_sync(topic, 2, partition)
                first.admin.elect_preferred_leaders(topic, range(len(first.admin.describe(topic))))
            run.pipeline.wait_until(lambda: leaders() == {1, 2}, 60, "leaders on both brokers")
            run.wait_commits(50)
        run.judge(repeats=NONE)


@pytest.mark.full
def test_not_enough_replicas(millrace, postgres, cluster, tmp_path):
    first, second = cluster
    with KafkaRun(millrace, postgres, first, tmp_path, "replicas", **REPLICATED_TOPICS, **{
            "topic.creation.default.min.insync.replicas": 2}) as run:
        run.start()
        with run.writing():
            run.wait_commits(50)
            second.kill()
            first.admin.wait_in_sync("replicas.public.progress", 1)
            time.sleep(1)
            told = run.pipeline.told()
            run.wait_commits(50)
            time.sleep(AWAY_S / 2)
            assert run.pipeline.told() == told, "told of what one replica has"
            says = trouble(run.pipeline, "1 of 2 replicas in sync")
            assert says["code"] == "KAFKA_UNREACHABLE", says
            second.start()
            run.wait_commits(50)
            run.wait_told(90)
            run.pipeline.wait_until(lambda: not run.pipeline.status()["last_error"], 30, "trouble that has passed")
        run.judge(repeats=NONE)


@pytest.mark.full
def test_quota_throttles(millrace, postgres, kafka, tmp_path):
    """The broker holds its answers back: slower, and nothing else."""
    quota = ["kafka.admin.ConfigCommand", "--bootstrap-server", kafka.bootstrap, "--alter", "--entity-type", "clients",
             "--entity-name", "millrace-quota"]
    with KafkaRun(millrace, postgres, kafka, tmp_path, "quota", shape=Shape(writers=4, bulk_rows=1000)) as run:
        kafka.tool(*quota, "--add-config", "producer_byte_rate=100000")
        try:
            run.start()
            with run.writing(pause_s=0.005):
                run.wait_commits(200)
            throttled = re.compile(r"^millrace_kafka_throttle_seconds\{.*\} (?!0$)", re.MULTILINE)
            run.pipeline.wait_until(lambda: throttled.search(run.pipeline.page("/metrics")[1]), 30, "throttling in the metrics")
        finally:
            kafka.tool(*quota, "--delete-config", "producer_byte_rate")
        run.judge(repeats=NONE)


@pytest.mark.full
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_disk_full(millrace, postgres, tmp_path):
    """The broker's log folder goes offline, and with it the broker; then there is room again."""
    with KafkaServer({"log.segment.bytes": 1048576, "log.index.size.max.bytes": 4096,
                      "log.cleaner.dedupe.buffer.size": 2097152}, disk_mib=160) as kafka, \
            KafkaRun(millrace, postgres, kafka, tmp_path, "full", **{"topic.creation.default.partitions": 1}) as run:
        run.start()
        with run.writing(pause_s=0.1):
            run.wait_commits(50)
            ballast = kafka.data / "ballast"
            with open(ballast, "wb") as file:
                try:
                    while True:
                        file.write(bytes(65536))
                        file.flush()
                except OSError:
                    pass
            run.pipeline.wait_until(lambda: not kafka.running or "No space left" in kafka.log_tail(200), 90, "a full disk")
            time.sleep(1)
            told = run.pipeline.told()
            time.sleep(AWAY_S / 2)
            assert run.pipeline.told() == told
            trouble(run.pipeline, "KAFKA_UNREACHABLE")
            ballast.unlink()
            kafka.restart("kill")
            run.wait_commits(50)
        run.judge()


def test_topic_appears_in_time(one_table, kafka):
    """Nobody creates topics here but an administrator, who comes a little later: only what is for it waits."""
    pipeline = one_table("in_time", kafka.client(), **{"topic.creation.enable": False})
    pipeline.start().wait_streaming()
    pipeline.insert()
    time.sleep(1)
    assert pipeline.running
    kafka.admin.create_topic(pipeline.topic, 2)
    wait_ids(pipeline, kafka, [1])
    assert pipeline.stop() == 0


# What stays until somebody changes something.


@pytest.mark.full
def test_unknown_topic(one_table, kafka):
    pipeline = one_table("unknown", kafka.client(), **{"topic.creation.enable": False})
    pipeline.start().wait_streaming()
    pipeline.insert()
    told = pipeline.told()
    assert pipeline.topic in pipeline.stopped_with("TOPIC_MISSING", 3, 90)
    assert pipeline.told() <= told
    kafka.admin.create_topic(pipeline.topic, 2)
    pipeline.start()
    wait_ids(pipeline, kafka, [1])
    assert pipeline.stop() == 0


@pytest.mark.full
def test_topic_deleted_while_it_runs(one_table, kafka):
    """What was in it is gone: nobody goes on as if nothing had happened."""
    pipeline = one_table("deleted", kafka.client())
    pipeline.start().wait_streaming()
    pipeline.insert()
    wait_ids(pipeline, kafka, [1])
    kafka.admin.delete_topic(pipeline.topic)
    pipeline.insert()
    told = pipeline.told()
    assert pipeline.ended(180) in (3, 5), pipeline.log_text()
    assert pipeline.log()[-1]["reason"] in ("TOPIC_MISSING", "TOPIC_LOST_DATA"), pipeline.log()[-1]
    assert pipeline.told() == told


def end_on_disk(kafka, topic):
    """The partitions' folders are gone, as on a disk that was replaced: the topic is the same, and empty."""
    kafka.stop()
    for folder in (kafka.data / "log").glob(f"{topic}-*"):
        shutil.rmtree(folder)
    kafka.start()


LOSSES = {
    "deleted": lambda kafka, topic: kafka.admin.delete_topic(topic),
    "made_anew": lambda kafka, topic: (kafka.admin.delete_topic(topic), kafka.admin.create_topic(topic, PARTITIONS)),
    "cut": end_on_disk,
}


@pytest.mark.parametrize("how", ["deleted", *(pytest.param(how, marks=pytest.mark.full) for how in ("made_anew", "cut"))])
def test_topic_lost_data(one_table, kafka, how):
    """Between two runs. Whoever sets the position accepts it."""
    pipeline = one_table(f"lost_{how}", kafka.client())
    pipeline.start().wait_streaming()
    for _ in range(5):
        pipeline.insert()
    wait_ids(pipeline, kafka, [1, 2, 3, 4, 5])
    pipeline.wait_confirmed(pipeline.server.wal_end())
    assert pipeline.stop() == 0
    LOSSES[how](kafka, pipeline.topic)
    pipeline.insert()
    told = pipeline.told()
    assert pipeline.topic in pipeline.start().stopped_with("TOPIC_LOST_DATA", 5, 60)
    assert pipeline.told() == told
    code, found, _ = pipeline.ask("position", "get", "--json")
    assert code == 0
    position = json.loads(json.loads(found)["position"])["lsn"]
    done = subprocess.run([pipeline.binary, "position", "set", pipeline.config, position], env=pipeline.environment, check=False)
    assert done.returncode == 0
    pipeline.start()
    wait_ids(pipeline, kafka, [6])
    assert pipeline.stop() == 0


def test_topic_that_nothing_was_delivered_to_may_go(one_table, kafka):
    """What is refused for its size is looked up before: the topic is known, and holds nothing."""
    pipeline = one_table("empty", kafka.client())
    kafka.admin.create_topic(pipeline.topic, config={"max.message.bytes": 2000})
    pipeline.start().wait_streaming()
    pipeline.insert(4000)
    pipeline.stopped_with("RECORD_TOO_LARGE", 3)
    kafka.admin.delete_topic(pipeline.topic)
    pipeline.start()
    wait_ids(pipeline, kafka, [1])
    assert pipeline.stop() == 0


@pytest.mark.full
def test_topic_authorization(one_table, secured):
    """Neither topic may be written; then it may; then no more."""
    admin = secured.admin
    for right in (("create", {"cluster": True}), ("idempotent_write", {"cluster": True}),
                  ("all", {"topic": "millrace-checkpoints"}), ("all", {"transactional_id": "millrace-", "prefix": True}),
                  ("describe", {"topic": "rights.", "prefix": True}), ("describe_configs", {"topic": "rights.", "prefix": True}),
                  ("create", {"topic": "rights.", "prefix": True})):
        admin.allow("app", right[0], **right[1])
    pipeline = one_table("rights", secured.sasl_client())
    pipeline.start().wait_streaming()
    pipeline.insert()
    last = pipeline.stopped_with("KAFKA_PERMISSION_DENIED", 3)
    assert pipeline.topic in last and "app-secret" not in pipeline.log_file.read_text()
    admin.allow("app", "write", pipeline.topic)
    pipeline.start()
    wait_ids(pipeline, secured, [1])
    admin.disallow("app", "write", pipeline.topic)
    time.sleep(1)
    pipeline.insert()
    pipeline.stopped_with("KAFKA_PERMISSION_DENIED", 3)
    admin.allow("app", "write", pipeline.topic)
    pipeline.start()
    wait_ids(pipeline, secured, [1, 2])
    assert pipeline.stop() == 0


@pytest.mark.full
def test_no_right_to_create(one_table, secured):
    for right in (("idempotent_write", {"cluster": True}), ("all", {"topic": "millrace-checkpoints"}),
                  ("all", {"transactional_id": "millrace-", "prefix": True})):
        secured.admin.allow("weak", right[0], **right[1])
    pipeline = one_table("uncreated", secured.sasl_client(user="weak", password="weak-secret"))
    pipeline.start().wait_streaming()
    pipeline.insert()
    last = pipeline.stopped_with("KAFKA_PERMISSION_DENIED", 3)
    assert pipeline.topic in last


@pytest.mark.full
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
def test_authentication(one_table, secured, mechanism):
    name = f"login_{mechanism[-3:].lower()}"
    secured.admin.allow("app", "all", f"{name}.", prefix=True)
    for right in (("create", {"cluster": True}), ("idempotent_write", {"cluster": True}),
                  ("all", {"topic": "millrace-checkpoints"}), ("all", {"transactional_id": "millrace-", "prefix": True})):
        secured.admin.allow("app", right[0], **right[1])
    wrong = one_table(name, secured.sasl_client(mechanism, password="mistaken-secret"))
    wrong.start()
    wrong.insert()
    last = wrong.stopped_with("KAFKA_AUTH_FAILED", 3, 90)
    assert "mistaken-secret" not in wrong.log_file.read_text() and "mistaken-secret" not in last
    wrong.configure(**{"kafka.sasl.password": "app-secret", "snapshot.mode": "initial"})
    wrong.start()
    wait_ids(wrong, secured, [1])
    assert wrong.stop() == 0
    assert "app-secret" not in wrong.log_file.read_text()


def allow_everything(secured, topics):
    for what in ({"topic": topics, "prefix": True}, {"topic": "millrace-checkpoints"},
                 {"transactional_id": "millrace-", "prefix": True}):
        secured.admin.allow("app", "all", **what)
    for right in ("create", "idempotent_write"):
        secured.admin.allow("app", right, cluster=True)


@pytest.mark.full
def test_password_changed_while_it_runs(one_table, secured):
    """Connections that stand go on; a new one is refused and tried again, until the password is right again."""
    allow_everything(secured, "changed.")
    pipeline = one_table("changed", secured.sasl_client())
    pipeline.start().wait_streaming()
    pipeline.insert()
    wait_ids(pipeline, secured, [1])
    secured.admin.set_password("app", "another-secret")
    try:
        secured.restart()
        pipeline.insert()
        told = pipeline.told()
        assert trouble(pipeline, "KAFKA_AUTH_FAILED")
        time.sleep(5)
        assert pipeline.running and pipeline.told() == told
    finally:
        secured.admin.set_password("app", "app-secret")
    wait_ids(pipeline, secured, [1, 2])
    pipeline.wait_until(lambda: pipeline.status()["last_error"] is None, 60, "trouble that has passed")
    assert pipeline.stop() == 0 and "another-secret" not in pipeline.log_text()


@pytest.mark.full
def test_writers_over_sasl_ssl(millrace, postgres, secured, tmp_path):
    allow_everything(secured, "over_tls.")
    with KafkaRun(millrace, postgres, secured, tmp_path, "over_tls", client=secured.sasl_client()) as run:
        run.start()
        with run.writing():
            for mode in ("stop", "kill"):
                run.wait_commits(50)
                secured.restart(mode)
            run.wait_commits(50)
        run.judge(repeats=NONE)


@pytest.mark.full
def test_tokens_of_a_provider(one_table):
    """OAUTHBEARER with OIDC: tokens that live for seconds are replaced; without them, connections that stand are closed."""
    with OidcProvider({"app": "app-secret"}, lifetime_seconds=10) as provider, KafkaServer(oidc=provider) as kafka:
        pipeline = one_table("tokens", kafka.oidc_client())
        pipeline.start().wait_streaming()
        for n in range(1, 5):
            pipeline.insert()
            wait_ids(pipeline, kafka, list(range(1, n + 1)))
            time.sleep(4)
        assert provider.tokens_given > 4
        assert pipeline.stop() == 0
        wrong = one_table("no_tokens", kafka.oidc_client(password="mistaken-secret"))
        wrong.start().stopped_with("KAFKA_AUTH_FAILED", 3, 90)
        assert "mistaken-secret" not in wrong.log_file.read_text()


@pytest.mark.full
def test_foreign_certificate(one_table, secured):
    client = secured.sasl_client() | {"ssl.ca.location": secured.certificates.other_ca}
    pipeline = one_table("untrusted", client)
    pipeline.start()
    pipeline.stopped_with("KAFKA_TLS_FAILED", 3, 90)


def test_record_too_large(one_table, kafka):
    """Refused before it is sent; what came before it is delivered, what comes after it is not told."""
    kafka.admin.create_topic("large.public.large", PARTITIONS, config={"max.message.bytes": 2000})
    pipeline = one_table("large", kafka.client())
    pipeline.start().wait_streaming()
    pipeline.insert(100)
    wait_ids(pipeline, kafka, [1])
    pipeline.insert(4000)
    told = lambda: pipeline.server.value("select confirmed_flush_lsn < pg_current_wal_insert_lsn() from pg_replication_slots "
                                         "where slot_name = 'large'")
    last = pipeline.stopped_with("RECORD_TOO_LARGE", 3)
    assert "large" in last and "2000" in last
    pipeline.insert(100)
    assert told()
    assert ids(kafka, pipeline.topic) == [1]
    pipeline.start()
    pipeline.stopped_with("RECORD_TOO_LARGE", 3)
    kafka.admin.set_topic_config(pipeline.topic, {"max.message.bytes": 10_000})
    pipeline.start()
    wait_ids(pipeline, kafka, [1, 2, 3])
    assert pipeline.stop() == 0


def test_limit_lowered_while_it_runs(one_table, kafka):
    """The topic took such records when the pipeline looked; the broker refuses one: the same end, and nothing behind it is there."""
    pipeline = one_table("lowered", kafka.client(), **{"topic.creation.default.partitions": 1})
    pipeline.start().wait_streaming()
    pipeline.insert(4000)
    wait_ids(pipeline, kafka, [1])
    kafka.admin.set_topic_config(pipeline.topic, {"max.message.bytes": 2000})
    time.sleep(1)
    pipeline.insert(4000)
    pipeline.insert(10)
    pipeline.stopped_with("RECORD_TOO_LARGE", 3)
    assert ids(kafka, pipeline.topic) == [1]
    kafka.admin.set_topic_config(pipeline.topic, {"max.message.bytes": None})
    pipeline.start()
    wait_ids(pipeline, kafka, [1, 2, 3])
    assert pipeline.stop() == 0


def test_compacted_topic_and_no_key(millrace, postgres, kafka, tmp_path):
    """A compacted topic takes no records without a key."""
    kafka.admin.create_topic("keyless.public.keyless", config={"cleanup.policy": "compact"})
    postgres.execute("create table keyless (n int)")
    pipeline = KafkaPipeline(millrace, postgres, kafka.client(), tmp_path, "keyless", **{
        "table.include.list": "public.keyless", "snapshot.mode": "no_data"})
    try:
        pipeline.start().wait_streaming()
        postgres.execute("insert into keyless values (1)")
        assert "keyless.public.keyless" in pipeline.stopped_with("RECORD_REFUSED", 3)
    finally:
        pipeline.clean_up()


@pytest.mark.parametrize("options, says", [
    pytest.param({"topic.creation.default.retention.ms": "nonsense"}, "retention.ms", id="setting"),
    pytest.param({"topic.creation.default.replication.factor": 3}, "replication factor", id="brokers", marks=pytest.mark.full),
])
def test_topic_cannot_be_made(one_table, kafka, options, says):
    """A setting that no broker takes; more replicas than brokers, who may still come: that is waited for."""
    pipeline = one_table(f"unmade_{says.split()[0].split('.')[0]}", kafka.client(), **options)
    pipeline.start().wait_streaming()
    pipeline.insert()
    told = pipeline.told()
    last = pipeline.stopped_with("TOPIC_REFUSED", 3, 90)
    assert pipeline.topic in last and says in last.lower()
    assert pipeline.told() <= told and pipeline.topic not in kafka.admin.topics()


# Two of the same name.


@pytest.mark.full
def test_fenced(millrace, postgres, kafka, tmp_path):
    """The second instance takes over; the first one says that it was fenced, and stops."""
    with KafkaRun(millrace, postgres, kafka, tmp_path, "twins") as run:
        run.start()
        (tmp_path / "second").mkdir()
        second = KafkaPipeline(millrace, postgres, kafka.client(), tmp_path / "second", "twins", **{
            "table.include.list": run.workload.include_list})
        with run.writing():
            run.wait_commits(50)
            second.start()
            first = run.pipeline
            first.stopped_with("FENCED", 3, 60)
            second.wait_streaming(60)
            run.pipeline = second
            run.wait_commits(50)
        run.judge()


@pytest.mark.full
def test_not_taken_over(millrace, postgres, kafka, tmp_path):
    with KafkaRun(millrace, postgres, kafka, tmp_path, "alone", **{"checkpoint.conflict": "stop"}) as run:
        run.start()
        (tmp_path / "second").mkdir()
        second = KafkaPipeline(millrace, postgres, kafka.client(), tmp_path / "second", "alone", **{
            "table.include.list": run.workload.include_list, "checkpoint.conflict": "stop"})
        with run.writing():
            run.wait_commits(50)
            second.start()
            second.stopped_with("ALREADY_ACTIVE", 4, 60)
            run.wait_commits(50)
        run.judge(repeats=NONE)


@pytest.mark.full
def test_frozen_instance_comes_back_and_is_fenced(millrace, postgres, kafka, tmp_path):
    """A zombie: stopped in the middle of its work, replaced, let go. It stores and tells nothing any more."""
    with KafkaRun(millrace, postgres, kafka, tmp_path, "zombie") as run:
        run.start()
        (tmp_path / "second").mkdir()
        second = KafkaPipeline(millrace, postgres, kafka.client(), tmp_path / "second", "zombie", **{
            "table.include.list": run.workload.include_list})
        with run.writing():
            run.wait_commits(50)
            first = run.pipeline
            first.process.send_signal(signal.SIGSTOP)
            # The server lets go of a reader that does not answer only after its timeout: help it.
            postgres.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'zombie'")
            second.start().wait_streaming(60)
            run.pipeline = second
            run.wait_commits(30)
            first.process.send_signal(signal.SIGCONT)
            first.stopped_with("FENCED", 3, 60)
            run.wait_commits(30)
        run.judge()
