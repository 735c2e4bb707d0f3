# SPDX-License-Identifier: Apache-2.0
"""`millrace check` against Kafkas that are wrong on purpose: it names the fault, and each command that it prints is run as
printed; then the finding is gone."""

import json
import shlex
import uuid

import pytest
from kafka import AUTHORIZED, REPLICATED, KafkaServer
from kafka_run import KafkaPipeline

TOPIC = "millrace-checkpoints"
TOOLS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
}


@pytest.fixture
def make(millrace, postgres, tmp_path):
    """make(client, **options): a pipeline on a table of its own."""
    made = []

    def one(client, **options):
        name = "c" + uuid.uuid4().hex[:8]
        postgres.execute(f"create table {name} (id int primary key, v text)")
        made.append(KafkaPipeline(millrace, postgres, client, tmp_path, name, **{
            "table.include.list": f"public.{name}", "checkpoint.topic": f"{name}-positions", **options}))
        return made[-1]

    yield one
    for pipeline in made:
        pipeline.clean_up()
        postgres.execute(f"drop table {pipeline.name}")


def check(pipeline):
    """Exit code, and the findings that are about Kafka."""
    code, out, _ = pipeline.ask("check", "--json")
    (found,) = json.loads(out)["pipelines"]
    subjects = ("kafka ", "topic ", "topics", "checkpoint topic", "transactional.id", "broker")
    return code, [finding for finding in found["findings"] if finding["subject"].startswith(subjects)]


def bad(findings, *severities):
    return [finding for finding in findings if finding["severity"] in (severities or ("error",))]


def the_one(findings, *words):
    """The one finding of which subject and problem hold these words."""
    found = [finding for finding in findings if all(word in f"{finding['subject']}: {finding['problem']}" for word in words)]
    assert len(found) == 1, (words, findings)
    return found[0]


def none(findings, *words):
    return not [one for one in findings if all(word in f"{one['subject']}: {one['problem']}" for word in words)]


def run_fix(kafka, finding):
    """The first line of the fix, as it is printed; on the listener where everybody may do anything."""
    tool, *words = shlex.split(finding["fix"].splitlines()[0])
    words[words.index("--bootstrap-server") + 1] = kafka.bootstrap
    kafka.tool(TOOLS[tool], *words)


def topic_of(pipeline):
    return f"{pipeline.name}.public.{pipeline.name}"


def test_ready(make, kafka):
    pipeline = make(kafka.client())
    code, findings = check(pipeline)
    assert code == 0 and not bad(findings), findings
    assert "cluster " in the_one(findings, f"kafka {kafka.bootstrap}", "connected")["problem"]
    assert the_one(findings, "broker version")["problem"] == "4.0 or newer"
    the_one(findings, "brokers", "1 answers at the addresses they advertise")
    the_one(findings, f"transactional.id millrace-{pipeline.name}", "may store positions")
    the_one(findings, f"checkpoint topic {pipeline.name}-positions", "does not exist yet; it can be made")
    the_one(findings, f"topic {topic_of(pipeline)}", "does not exist yet; it can be made")
    # One broker: told, and no error.
    the_one(findings, "checkpoint topic", "replication factor 1", "stored positions", '"nothing lost" does not hold')
    the_one(findings, "topics of topic.creation.default", "replication factor 1", "delivered changes")
    # Nothing was made.
    assert not [name for name in kafka.admin.topics() if name.startswith(pipeline.name)]
    code, text, _ = pipeline.ask("check")
    assert code == 0 and f"transactional.id millrace-{pipeline.name}" in text


def test_nobody_is_fenced(make, kafka, postgres):
    pipeline = make(kafka.client(), **{"checkpoint.heartbeat.ms": 200})
    pipeline.start()
    pipeline.wait_streaming()
    for number in range(3):
        code, findings = check(pipeline)
        assert code == 0, findings
        postgres.execute(f"insert into {pipeline.name} values ({number})")
        pipeline.wait_confirmed(postgres.wal_end())
    the_one(findings, "checkpoint topic", "exists, compacted, 1 replica")
    assert "FENCED" not in pipeline.log_text() and "trying again" not in pipeline.log_text()
    assert pipeline.stop() == 0


@pytest.mark.full
def test_nobody_listens(make):
    code, findings = check(make({"bootstrap.servers": "127.0.0.1:1"}))
    assert code == 1 and [finding["reason"] for finding in bad(findings)] == ["KAFKA_UNREACHABLE"], findings
    assert findings[0]["subject"] == "kafka 127.0.0.1:1"


@pytest.mark.full
def test_broker_that_advertises_a_wrong_address(make):
    with KafkaServer({"advertised.listeners": "PLAINTEXT://127.0.0.1:1"}) as kafka:
        code, findings = check(make(kafka.client()))
        assert code == 1, findings
        finding = the_one(bad(findings), "broker 1", "does not answer at 127.0.0.1:1")
        assert finding["reason"] == "KAFKA_UNREACHABLE" and finding["fix"].startswith("advertised.listeners=")


# The checkpoint topic


@pytest.mark.full
def test_checkpoint_topic_that_deletes(make, kafka):
    pipeline = make(kafka.client())
    kafka.admin.create_topic(f"{pipeline.name}-positions", config={"cleanup.policy": "delete"})
    code, findings = check(pipeline)
    finding = the_one(bad(findings), "checkpoint topic", "cleanup.policy=delete")
    assert code == 1 and finding["reason"] == "CHECKPOINT_TOPIC"
    run_fix(kafka, finding)
    code, findings = check(pipeline)
    assert code == 0 and the_one(findings, "exists, compacted")


def test_checkpoint_topic_of_several_partitions(make, kafka):
    pipeline = make(kafka.client())
    kafka.admin.create_topic(f"{pipeline.name}-positions", 3, config={"cleanup.policy": "compact"})
    code, findings = check(pipeline)
    finding = the_one(bad(findings), "checkpoint topic", "has 3 partitions")
    assert code == 1 and finding["fix"].startswith("checkpoint.topic: ")
    pipeline.configure(**{"checkpoint.topic": f"{pipeline.name}-other"})
    assert check(pipeline)[0] == 0


# Target topics


@pytest.mark.full
def test_topic_that_must_exist(make, kafka):
    pipeline = make(kafka.client(), **{"topic.creation.enable": False, "topic.creation.default.partitions": None})
    code, findings = check(pipeline)
    finding = the_one(bad(findings), f"topic {topic_of(pipeline)}", "does not exist")
    assert code == 1 and finding["reason"] == "TOPIC_MISSING"
    run_fix(kafka, finding)
    assert check(pipeline)[0] == 0


def test_compacted_topic_of_a_table_without_a_key(make, kafka, postgres):
    pipeline = make(kafka.client())
    postgres.execute(f"alter table {pipeline.name} drop constraint {pipeline.name}_pkey, replica identity full")
    kafka.admin.create_topic(topic_of(pipeline), config={"cleanup.policy": "compact"})
    code, findings = check(pipeline)
    finding = the_one(bad(findings), f"topic {topic_of(pipeline)}", "is compacted", "have no key")
    assert code == 1 and finding["reason"] == "RECORD_REFUSED" and "ADD PRIMARY KEY" in finding["fix"]
    postgres.execute(f"alter table {pipeline.name} add primary key (id)")
    code, findings = check(pipeline)
    assert code == 0 and the_one(findings, "only the newest event stays")["severity"] == "note"
    pipeline.configure(**{"tombstones.on.delete": False})
    code, findings = check(pipeline)
    assert code == 0 and the_one(bad(findings, "warning"), "no tombstones")["fix"] == "tombstones.on.delete: true"


@pytest.mark.full
def test_rows_that_a_topic_does_not_take(make, kafka, postgres):
    pipeline = make(kafka.client())
    postgres.execute(f"alter table {pipeline.name} alter v set storage external")
    postgres.execute(f"insert into {pipeline.name} select n, repeat(md5(n::text), 1000) from generate_series(1, 100) n")
    postgres.execute(f"analyze {pipeline.name}")
    kafka.admin.create_topic(topic_of(pipeline), config={"max.message.bytes": 20_000})
    code, findings = check(pipeline)
    finding = the_one(bad(findings, "warning"), f"table public.{pipeline.name}", "RECORD_TOO_LARGE")
    assert code == 0 and "19 KiB" in finding["problem"]
    run_fix(kafka, finding)
    assert none(check(pipeline)[1], "RECORD_TOO_LARGE")


@pytest.mark.full
def test_copies(make):
    with KafkaServer(REPLICATED) as first, KafkaServer(REPLICATED, joins=first) as second:
        pipeline = make(first.client())
        positions = f"{pipeline.name}-positions"
        first.admin.create_topic(topic_of(pipeline), replication=2)
        first.admin.create_topic(positions, replication=1, config={"cleanup.policy": "compact"})
        code, findings = check(pipeline)
        assert code == 0, findings
        the_one(bad(findings, "warning"), f"checkpoint topic {positions}", "replication factor 1", "stored positions")
        finding = the_one(bad(findings, "warning"), f"topic {topic_of(pipeline)}", "min.insync.replicas=1", "delivered changes",
                          '"nothing lost" does not hold')
        run_fix(first, finding)
        code, findings = check(pipeline)
        assert code == 0 and none(bad(findings, "warning"), topic_of(pipeline)), findings
        the_one(bad(findings, "note"), topic_of(pipeline), "while any of them is away, deliveries wait")
        second.kill()
        first.admin.wait_in_sync(topic_of(pipeline), 1)
        code, findings = check(pipeline)
        the_one(bad(findings, "warning"), topic_of(pipeline), "only 1 replicas of a partition are in sync, 2 are needed")


# Who may do what


@pytest.fixture(scope="module")
def guarded():
    with KafkaServer(AUTHORIZED, sasl=True) as server:
        yield server


@pytest.mark.full
def test_wrong_password(make, guarded):
    code, findings = check(make(guarded.sasl_client(password="wrong")))
    assert code == 1 and [finding["reason"] for finding in bad(findings)] == ["KAFKA_AUTH_FAILED"], findings
    assert "kafka.sasl.password" in findings[0]["fix"] and "wrong" not in json.dumps(findings)


@pytest.mark.full
def test_certificate_that_is_not_trusted(make, guarded):
    code, findings = check(make(guarded.sasl_client() | {"ssl.ca.location": "/etc/ssl/certs"}))
    assert code == 1 and [finding["reason"] for finding in bad(findings)] == ["KAFKA_TLS_FAILED"], findings


@pytest.mark.full
def test_every_right_that_is_missing_is_named(make, guarded):
    """The commands are run as printed, until nothing is missing; then the pipeline runs."""
    pipeline = make(guarded.sasl_client())
    seen = set()
    for _ in range(8):
        code, findings = check(pipeline)
        missing = [finding for finding in bad(findings) if finding["reason"] == "KAFKA_PERMISSION_DENIED"]
        assert len(missing) == len(bad(findings)), findings
        if not missing:
            break
        for finding in missing:
            seen.add(finding["subject"])
            assert "--allow-principal User:app" in finding["fix"]
            run_fix(guarded, finding)
    assert code == 0, findings
    assert seen >= {f"checkpoint topic {pipeline.name}-positions", f"transactional.id millrace-{pipeline.name}",
                    f"topic {topic_of(pipeline)}"}
    pipeline.start()
    pipeline.wait_streaming()
    assert pipeline.stop() == 0
