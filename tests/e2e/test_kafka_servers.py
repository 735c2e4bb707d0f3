# SPDX-License-Identifier: Apache-2.0
"""The Kafka brokers that the other tests stand on: they start, keep what they acknowledged, crash, freeze, fill their disk,
know users and rights, replicate, and leave nothing behind."""

import os
import subprocess

import confluent_kafka
import pytest
from kafka import AUTHORIZED, REPLICATED, KafkaError, KafkaServer
from oidc import OidcProvider

RECORDS = [(b"k%d" % i, b"v%d" % i) for i in range(100)]


@pytest.fixture(scope="module")
def kafka():
    with KafkaServer(AUTHORIZED, sasl=True) as server:
        yield server


def pairs(records):
    return [(record.key, record.value) for record in records]


def is_sent_away(kafka, client):
    """Waits for what the broker says to such a client: it could not log in."""
    errors = []
    producer = confluent_kafka.Producer({**client, "log_level": 0, "error_cb": lambda error: errors.append(error.code())})
    kafka.admin.wait_until(lambda: producer.poll(0.05) == 0 and errors, "the client hears an error")
    return confluent_kafka.KafkaError._AUTHENTICATION in errors


def test_records_are_read_in_order(kafka):
    kafka.admin.create_topic("in_order", partitions=2)
    kafka.admin.produce("in_order", RECORDS, partition=1)
    assert pairs(kafka.admin.read("in_order")) == RECORDS
    assert kafka.admin.ends("in_order") == {0: 0, 1: 100}


def test_records_of_an_aborted_transaction_are_not_committed(kafka):
    kafka.admin.create_topic("transactions")
    producer = confluent_kafka.Producer(kafka.client({"transactional.id": "t1"}))
    producer.init_transactions(30)
    for value, end in ((b"kept", producer.commit_transaction), (b"aborted", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce("transactions", value)
        producer.flush()
        end(30)
    assert [record.value for record in kafka.admin.read("transactions")] == [b"kept"]
    assert [record.value for record in kafka.admin.read("transactions", committed=False)] == [b"kept", b"aborted"]


def test_topic_settings_are_changed_and_taken_back(kafka):
    kafka.admin.create_topic("settings", config={"max.message.bytes": 2000})
    with pytest.raises(AssertionError, match="MSG_SIZE_TOO_LARGE"):
        kafka.admin.produce("settings", [(None, b"x" * 3000)])
    kafka.admin.set_topic_config("settings", {"max.message.bytes": None, "min.insync.replicas": 2})
    assert kafka.admin.topic_config("settings")["min.insync.replicas"] == "2"
    kafka.admin.produce("settings", [(None, b"x" * 3000)])


def test_topic_grows_and_is_another_when_made_again(kafka):
    kafka.admin.create_topic("again")
    first = kafka.admin.topic_id("again")
    kafka.admin.grow_topic("again", 3)
    assert kafka.admin.topic_id("again") == first
    kafka.admin.delete_topic("again")
    assert kafka.admin.describe("again") == {}
    kafka.admin.create_topic("again")
    assert kafka.admin.topic_id("again") != first


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
def test_users_log_in_over_tls(kafka, mechanism):
    good = confluent_kafka.Consumer(kafka.sasl_client(mechanism, more={"group.id": "g"}))
    assert good.list_topics(timeout=30).cluster_id == kafka.cluster_id()
    good.close()
    assert is_sent_away(kafka, kafka.sasl_client(mechanism, password="wrong"))


def test_user_may_do_what_is_allowed(kafka):
    def produce():
        errors = []
        producer = confluent_kafka.Producer(kafka.sasl_client(user="clerk", password="first"))
        producer.produce("allowed", b"x", on_delivery=lambda error, _: errors.append(error and error.name()))
        producer.flush(30)
        return errors

    kafka.admin.create_topic("allowed")
    kafka.admin.set_password("clerk", "first")
    assert produce() == ["TOPIC_AUTHORIZATION_FAILED"]
    kafka.admin.allow("clerk", "write", topic="allowed")
    kafka.admin.allow("clerk", "describe", topic="allowed")
    kafka.admin.wait_until(lambda: produce() == [None], "the right has come into force")
    kafka.admin.disallow("clerk", "write", topic="allowed")
    kafka.admin.wait_until(lambda: produce() == ["TOPIC_AUTHORIZATION_FAILED"], "the right is taken back")


@pytest.mark.parametrize("mode", ["stop", "kill"])
def test_broker_keeps_acknowledged_records_over_a_restart(kafka, mode):
    topic = f"restart_{mode}"
    kafka.admin.create_topic(topic)
    kafka.admin.produce(topic, RECORDS)
    bootstrap = kafka.bootstrap
    kafka.restart(mode)
    assert kafka.bootstrap == bootstrap
    assert pairs(kafka.admin.read(topic)) == RECORDS


def test_frozen_broker_answers_nobody_until_thawed(kafka):
    kafka.admin.create_topic("frozen")
    kafka.freeze()
    consumer = confluent_kafka.Consumer(kafka.client({"group.id": "g", "log_level": 0}))
    with pytest.raises(confluent_kafka.KafkaException):
        consumer.list_topics(timeout=1)
    kafka.thaw()
    assert "frozen" in consumer.list_topics(timeout=30).topics
    consumer.close()


def test_tool_says_why_it_failed(kafka):
    assert "in_order_too" not in kafka.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", kafka.bootstrap, "--list")
    with pytest.raises(KafkaError, match="no-such-option"):
        kafka.tool("org.apache.kafka.tools.TopicCommand", "--no-such-option")


def test_clients_log_in_with_tokens_of_an_openid_provider():
    with OidcProvider({"app": "app-secret"}) as provider, KafkaServer(oidc=provider) as kafka:
        good = confluent_kafka.Consumer(kafka.oidc_client(more={"group.id": "g"}))
        assert good.list_topics(timeout=30).cluster_id == kafka.cluster_id()
        good.close()
        assert provider.tokens_given == 1
        assert is_sent_away(kafka, kafka.oidc_client(password="wrong"))


def test_second_broker_takes_over_and_comes_back():
    with KafkaServer(REPLICATED) as first, KafkaServer(REPLICATED, joins=first) as second:
        first.admin.create_topic("pair", replication=2, config={"min.insync.replicas": 2})
        first.admin.produce("pair", RECORDS)
        second.kill()
        first.admin.wait_in_sync("pair", 1)
        producer = confluent_kafka.Producer(first.client({"retries": 0}))
        errors = []
        producer.produce("pair", b"x", on_delivery=lambda error, _: errors.append(error.name()))
        producer.flush(30)
        assert errors == ["NOT_ENOUGH_REPLICAS"]
        assert first.admin.describe("pair")[0].leader == first.node_id
        second.start()
        first.admin.wait_in_sync("pair", 2)
        assert pairs(second.admin.read("pair")) == RECORDS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")
def test_broker_with_a_full_disk_ends():
    try:
        kafka = KafkaServer(disk_mib=40)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"mounting a file system is not allowed here: {error}")
    with kafka:
        kafka.admin.create_topic("full")
        failures = []
        producer = confluent_kafka.Producer(kafka.client({"log_level": 0}))
        for _ in range(60):
            producer.produce("full", os.urandom(900_000), on_delivery=lambda error, _: error and failures.append(error.name()))
            producer.poll(0)
        kafka.admin.wait_until(lambda: producer.poll(0.05) is not None and not kafka.running, "the broker has ended", 60)
        producer.purge()
        producer.flush(10)
        assert failures
        assert "No space left on device" in kafka.log_file.read_text()


def test_broker_leaves_nothing_behind():
    with KafkaServer() as server:
        pid, folder = server.pid, server.folder
    assert not folder.exists()
    assert not os.path.exists(f"/proc/{pid}")


def test_broker_that_cannot_start_says_why():
    with pytest.raises(KafkaError, match="no.such.Authorizer"):
        KafkaServer({"authorizer.class.name": "no.such.Authorizer"}).__enter__()
