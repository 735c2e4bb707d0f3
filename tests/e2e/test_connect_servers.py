# SPDX-License-Identifier: Apache-2.0
"""The Kafka Connect worker with Debezium, beside which millrace is tested: it takes a snapshot and streams."""

import json

import pytest
from connect import ConnectWorker, debezium
from kafka import KafkaServer


@pytest.fixture(scope="module")
def connect():
    with KafkaServer() as kafka, ConnectWorker(kafka) as worker:
        worker.kafka = kafka
        yield worker


def test_debezium_streams_into_kafka(connect, postgres):
    admin = connect.kafka.admin
    postgres.execute("create table item (id int primary key, name text); create publication items for table item;"
                     "insert into item values (1, 'before')")
    connect.create("shop", debezium(postgres, "shop", slot="items", publication="items"))
    connect.wait_for_task("shop")
    admin.wait_until(lambda: admin.describe("shop.public.item"), "the snapshot has come", timeout=60)
    postgres.execute("insert into item values (2, 'after'); delete from item where id = 1")
    admin.wait_until(lambda: admin.ends("shop.public.item") == {0: 4}, "all changes have come", timeout=60)
    values = [record.value and json.loads(record.value) for record in admin.read("shop.public.item")]
    assert [value and value["op"] for value in values] == ["r", "c", "d", None]
    connect.delete("shop")
    postgres.wait_for("select not active from pg_replication_slots where slot_name = 'items'", timeout=60)
    postgres.execute("select pg_drop_replication_slot('items')")
