# SPDX-License-Identifier: Apache-2.0
"""Brokers that answer nonsense, networks that break in the middle, names that are no topic names, keys that are too large."""

import json
import os
import re
import socket
import threading
import time

import pytest
from kafka import KafkaServer, free_ports
from kafka_run import NONE, KafkaPipeline, KafkaRun
from proxy import Proxy


@pytest.fixture(scope="module")
def behind_proxy():
    """A broker that clients reach through a proxy only: it says so in its answers."""
    port, = free_ports(1)
    with KafkaServer({"advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}"}) as server, Proxy(server.port, port=port) as proxy:
        server.bootstrap = f"127.0.0.1:{port}"
        yield server, proxy


@pytest.fixture
def pipeline(millrace, postgres, tmp_path):
    """pipeline(name, client, table, **options): not yet started, on tables that match."""
    made = []

    def make(name, client, tables, **options):
        made.append(KafkaPipeline(millrace, postgres, client, tmp_path, name, **{
            "table.include.list": tables, "snapshot.mode": "no_data", **options}))
        return made[-1]

    yield make
    for one in made:
        one.clean_up()


def resident_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024


class NonsenseServer:
    """Accepts connections and answers whatever comes with `answer()`."""

    def __init__(self, answer):
        self.answer = answer
        self.connections = 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            while connection.recv(65536):
                connection.sendall(self.answer())
        except OSError:
            pass
        connection.close()

    def close(self):
        self.listening.close()


NONSENSE = {
    "random": lambda: os.urandom(500),
    "huge_length": lambda: b"\x7f\xff\xff\xff" + bytes(100),
    "negative_length": lambda: b"\xff\xff\xff\xff" + bytes(100),
    "empty_answers": lambda: b"\x00\x00\x00\x04" + bytes(4),
    "http": lambda: b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@pytest.mark.full
@pytest.mark.parametrize("kind", NONSENSE)
def test_server_that_is_no_broker(pipeline, postgres, kind):
    postgres.execute(f"create table nonsense_{kind} (id int primary key)")
    server = NonsenseServer(NONSENSE[kind])
    one = pipeline(f"nonsense_{kind}", {"bootstrap.servers": f"127.0.0.1:{server.port}"}, f"public.nonsense_{kind}")
    one.start()
    one.wait_until(lambda: server.connections >= 2, 60, "a second try")
    time.sleep(3)
    assert one.running and one.slot() is None, one.log_text()
    assert resident_mib(one.process.pid) < 300
    one.wait_until(lambda: "KAFKA" in json.dumps(one.status()["last_error"]), 60, "the trouble in the status")
    assert one.stop() == 0
    server.close()


@pytest.mark.full
def test_metadata_that_name_nobody(pipeline, postgres):
    """The broker says that it lives where nobody does."""
    port, = free_ports(1)
    postgres.execute("create table nobody (id int primary key)")
    with KafkaServer({"advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}"}) as kafka:
        one = pipeline("nobody", kafka.client(), "public.nobody")
        one.start()
        one.wait_until(lambda: str(port) in one.log_text(), 60, "the address in the log")
        time.sleep(3)
        assert one.running and one.slot() is None
        assert one.stop() == 0


@pytest.mark.full
def test_network_breaks_in_the_middle(millrace, postgres, behind_proxy, tmp_path):
    """Connections are cut and reset, stand still, and come in pieces of some bytes."""
    kafka, proxy = behind_proxy
    with KafkaRun(millrace, postgres, kafka, tmp_path, "broken_network") as run:
        run.start()
        with run.writing():
            for n in range(12):
                run.wait_commits(15)
                proxy.piece_max = [None, 7, 1000][n % 3]
                if n % 4 == 3:
                    proxy.pause()
                    time.sleep(2)
                    proxy.resume()
                else:
                    proxy.cut(reset=n % 2 == 1)
            proxy.piece_max = None
        run.judge(repeats=NONE)


NAMES = {
    'Straße & Söhne': "Stra_e___S_hne",
    "a/b c": "a_b_c",
    "_.-": "_.-",
    "𝄞": "__",
}


def test_names_that_are_no_topic_names(pipeline, postgres, kafka):
    postgres.execute("create schema odd")
    for table in NAMES:
        postgres.execute(f'create table odd."{table}" (id int primary key)')
    one = pipeline("odd_names", kafka.client(), "odd\\..*")
    one.start().wait_streaming()
    for table in NAMES:
        postgres.execute(f'insert into odd."{table}" values (1)')
    for topic in NAMES.values():
        name = f"odd_names.odd.{topic}"
        one.wait_until(lambda: name in kafka.admin.topics() and len(kafka.admin.read(name)) == 1, 60, name)
    assert one.stop() == 0


def test_two_tables_one_topic(pipeline, postgres, kafka):
    """Both go there, and the log says that they do."""
    postgres.execute('create schema shared; create table shared."a+b" (id int primary key); '
                     'create table shared."a*b" (id int primary key)')
    one = pipeline("sharing", kafka.client(), "shared\\..*")
    one.start().wait_streaming()
    postgres.execute('insert into shared."a+b" values (1); insert into shared."a*b" values (1)')
    topic = "sharing.shared.a_b"
    one.wait_until(lambda: topic in kafka.admin.topics() and len(kafka.admin.read(topic)) == 2, 60, "both rows")
    tables = {json.loads(record.value)["source"]["table"] for record in kafka.admin.read(topic)}
    assert tables == {"a+b", "a*b"}
    assert [line for line in one.log() if line.get("level") == "warn" and topic in json.dumps(line)], one.log_text()
    assert one.stop() == 0


def test_key_larger_than_the_topic_takes(pipeline, postgres, kafka):
    postgres.execute("create table long_keys (id text primary key)")
    kafka.admin.create_topic("long_keys.public.long_keys", config={"max.message.bytes": 1500})
    one = pipeline("long_keys", kafka.client(), "public.long_keys")
    one.start().wait_streaming()
    postgres.execute("insert into long_keys values (repeat('k', 1200))")  # in the key, and once more in the value
    assert "long_keys" in one.stopped_with("RECORD_TOO_LARGE", 3)
    assert kafka.admin.read("long_keys.public.long_keys") == []
