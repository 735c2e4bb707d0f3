# SPDX-License-Identifier: Apache-2.0
"""The whole program into a file: the snapshot and the stream of a real server, and the promise after a crash:
nothing lost, nothing twice, order kept."""

import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import pytest


class Millrace:
    """The program on a pipeline of its own, in a folder of its own."""

    def __init__(self, binary, server, folder, name, **options):
        self.binary = binary
        self.name = name
        self.folder = pathlib.Path(folder)
        self.output = self.folder / "events.jsonl"
        self.process = None
        keys = {
            "name": name, "connector": "postgresql", "topic.prefix": "p", "database.hostname": "127.0.0.1",
            "database.port": server.port, "database.user": "postgres", "database.dbname": "postgres",
            "slot.name": name, "publication.name": name, "schemas.enable": False, "sink": "file",
            "file.path": str(self.output), "checkpoint.interval.ms": 100, "file.fsync.interval.ms": 50,
            "retriable.restart.connector.wait.ms": 500, **options,
        }
        lines = [f"data.dir: {self.folder}/data", "http.listen: 'off'", "pipelines:"]
        for i, (key, value) in enumerate(keys.items()):
            lines.append(("  - " if i == 0 else "    ") + f"{key}: {json.dumps(value)}")
        self.config = self.folder / "millrace.yaml"
        self.config.write_text("\n".join(lines) + "\n")

    def start(self):
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([self.binary, "run", str(self.config)], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout=20):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def events(self):
        if not self.output.exists():
            return []
        text = self.output.read_bytes()
        return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]

    def wait_for(self, done, timeout=60):
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            events = self.events()
            if done(events):
                return events
            if self.process.poll() is not None:
                pytest.fail(f"ended with {self.process.returncode}: {self.log_text()}")
            time.sleep(0.1)
        pytest.fail(f"{len(self.events())} events after {timeout} s; last {self.events()[-2:]}\n{self.log_text()}")

    def log_text(self):
        return (self.folder / "log").read_text(errors="replace")[-4000:]


@pytest.fixture
def run(millrace, postgres, tmp_path):
    made = []

    def make(name, **options):
        made.append(Millrace(millrace, postgres, tmp_path, name, **options))
        return made[-1]

    yield make
    for one in made:
        if one.process and one.process.poll() is None:
            one.kill()
        postgres.wait_for(f"select count(*) from pg_replication_slots where slot_name = '{one.name}' and active", 0)
        postgres.execute(f"select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{one.name}'")


def operations(events):
    return [event["value"]["op"] if event["value"] else None for event in events]


def test_snapshot_then_stream(run, postgres):
    postgres.execute("create table first (id int primary key, v text, n numeric(6,2)); insert into first values (1, 'a', 1.5), (2, 'b\"é', null)")
    pipeline = run("first", **{"table.include.list": "public.first"})
    pipeline.start()
    events = pipeline.wait_for(lambda events: len(events) == 2)
    assert operations(events) == ["r", "r"]
    assert [event["value"]["source"]["snapshot"] for event in events] == ["first", "last"]
    assert events[1]["value"]["after"]["v"] == 'b"é'
    pipeline.wait_for(lambda _: postgres.value("select count(*) from pg_replication_slots where slot_name = 'first' and active") == 1)
    postgres.execute("insert into first values (3, 'c', -2)")
    postgres.execute("update first set v = 'd' where id = 1")
    postgres.execute("update first set id = 30 where id = 3")
    postgres.execute("delete from first where id = 2")
    events = pipeline.wait_for(lambda events: len(events) >= 9)[2:]
    assert operations(events) == ["c", "u", "d", None, "c", "d", None]
    assert events[0]["topic"] == "p.public.first" and events[0]["key"] == {"id": 3}
    assert events[2]["headers"]["__debezium.newkey"] == '{"id":30}'
    assert events[4]["headers"]["__debezium.oldkey"] == '{"id":3}'
    assert pipeline.stop() == 0


def test_stream_and_snapshot_show_the_same_row(run, postgres):
    columns = ("id int primary key, b bool, i2 int2, i8 int8, f4 real, f8 float8, n numeric(12,4), vn numeric, t text, c char(4),"
               " d date, ts timestamp, tz timestamptz, tm time, u uuid, j jsonb, by bytea, arr int[]")
    row = ("(1, true, -2, 9007199254740993, 1.5, -2.5e-7, 123.4, 0.001, 'é\"\\', 'ab', '2024-02-29', '2024-02-29 12:34:56.789',"
           " '2024-02-29 12:34:56.789+02', '23:59:59.5', 'b68a35a7-17ad-35b3-af2a-ae46edb4545a', '{\"a\": [1, null]}', '\\x00ff', '{1,null,3}')")
    postgres.execute(f"create table both_ways ({columns})")
    postgres.execute(f"insert into both_ways values {row}")
    pipeline = run("both_ways", **{"table.include.list": "public.both_ways"})
    pipeline.start()
    pipeline.wait_for(lambda events: len(events) == 1)
    pipeline.wait_for(lambda _: postgres.value("select count(*) from pg_replication_slots where slot_name = 'both_ways' and active") == 1)
    postgres.execute(f"insert into both_ways values (2{row[2:]}")
    events = pipeline.wait_for(lambda events: len(events) == 2)
    copied, streamed = (event["value"]["after"] for event in events)
    assert copied.pop("id") == 1 and streamed.pop("id") == 2
    assert copied == streamed
    assert pipeline.stop() == 0


def test_killed_again_and_again_loses_and_repeats_nothing(run, postgres):
    postgres.execute("create table counted (writer int, n int, pad text, primary key (writer, n))")
    pipeline = run("counted", **{"table.include.list": "public.counted", "snapshot.mode": "no_data"})
    pipeline.start()
    pipeline.wait_for(lambda _: postgres.value("select count(*) from pg_replication_slots where slot_name = 'counted' and active") == 1)
    stopping = threading.Event()
    written = {}

    def write(writer):
        source = random.Random(writer)
        with postgres.connect(autocommit=False) as connection, connection.cursor() as cursor:
            n = 0
            while not stopping.is_set():
                rows = source.choice([1, 1, 3, 40])
                cursor.execute("insert into counted select %s, g, repeat('x', g %% 200) from generate_series(%s, %s) g",
                               (writer, n + 1, n + rows))
                if source.random() < 0.2:
                    connection.rollback()
                else:
                    connection.commit()
                    n += rows
                time.sleep(0.002)
            written[writer] = n

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in writers:
        thread.start()
    source = random.Random(7)
    for _ in range(60 if os.environ.get("MILLRACE_FULL") else 8):
        time.sleep(source.uniform(0.05, 1.0))
        pipeline.kill()
        pipeline.start()
    stopping.set()
    for thread in writers:
        thread.join()
    events = pipeline.wait_for(lambda events: len(events) >= sum(written.values()))
    seen = {}
    for event in events:
        assert event["value"]["op"] == "c"
        seen.setdefault(event["key"]["writer"], []).append(event["key"]["n"])
    assert seen == {writer: list(range(1, n + 1)) for writer, n in written.items() if n}
    assert pipeline.stop() == 0


def test_server_restarts_are_survived(run, postgres):
    postgres.execute("create table survives (id int primary key)")
    pipeline = run("survives", **{"table.include.list": "public.survives", "snapshot.mode": "no_data"})
    pipeline.start()
    pipeline.wait_for(lambda _: postgres.value("select count(*) from pg_replication_slots where slot_name = 'survives' and active") == 1)
    for n, mode in enumerate(["fast", "immediate"]):
        postgres.execute(f"insert into survives select generate_series({n * 100 + 1}, {n * 100 + 100})")
        postgres.restart(mode)
    postgres.execute("insert into survives values (201)")
    events = pipeline.wait_for(lambda events: len(events) >= 201)
    assert [event["key"]["id"] for event in events] == list(range(1, 202))
    assert pipeline.stop() == 0
