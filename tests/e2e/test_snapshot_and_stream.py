# SPDX-License-Identifier: Apache-2.0
"""Where snapshot and stream meet: under writers, beside a slot that was there before, alone, after a failure in the middle."""

import os
import random
import threading
import time

import pytest
from program import operations

FULL = bool(os.environ.get("MILLRACE_FULL"))


class Churn:
    """Writers that insert, update, delete and roll back on one table until they are stopped."""

    def __init__(self, server, table, writers=6):
        self.server, self.table = server, table
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(writer,)) for writer in range(1, writers + 1)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _write(self, writer):
        source = random.Random(writer)
        with self.server.connect(autocommit=False) as connection, connection.cursor() as cursor:
            n = writer * 1_000_000
            while not self.stopping.is_set():
                for _ in range(source.choice([1, 2, 10])):
                    n += 1
                    cursor.execute(f"insert into {self.table} values (%s, 0)", (n,))
                    cursor.execute(f"update {self.table} set v = v + 1 where id = %s", (source.randint(n - 20, n),))
                    if source.random() < 0.3:
                        cursor.execute(f"delete from {self.table} where id = %s", (source.randint(n - 20, n),))
                connection.rollback() if source.random() < 0.2 else connection.commit()
                time.sleep(source.uniform(0, 0.01))


def state_of(events):
    """The table as the events leave it; each must fit the one before."""
    rows = {}
    for event in events:
        value = event["value"]
        if value is None:
            continue
        id = event["key"]["id"]
        if value["op"] in "rc":
            assert id not in rows, f"{id} comes twice"
            rows[id] = value["after"]["v"]
        elif value["op"] == "u":
            assert id in rows, f"update of {id}, which is not there"
            rows[id] = value["after"]["v"]
        else:
            del rows[id]
    return rows


@pytest.mark.parametrize("slot_before", [False, True], ids=["new_slot", "beside_an_old_slot"])
@pytest.mark.parametrize("round", range(5 if FULL else 2))
def test_snapshot_under_writers(run, postgres, slot_before, round):
    name = f"under_{int(slot_before)}_{round}"
    postgres.execute(f"create table {name} (id int primary key, v int); insert into {name} select g, 0 from generate_series(1, 30000) g")
    pipeline = run(name, **{"table.include.list": f"public.{name}"})
    with Churn(postgres, name):
        if slot_before:
            # What the slot holds from before the snapshot is in the snapshot, and must not come again.
            postgres.execute(f"create publication {name} for table {name}")
            postgres.execute(f"select pg_create_logical_replication_slot('{name}', 'pgoutput')")
            time.sleep(0.5)
        pipeline.start().wait_streaming()
        time.sleep(0.7)
        if round % 2:
            pipeline.kill()
            pipeline.start()
            time.sleep(0.3)
    postgres.execute(f"insert into {name} values (0, -1)")
    pipeline.wait_for(lambda events: any(event["key"] == {"id": 0} for event in events))
    events = pipeline.events()
    assert state_of(events) == dict(postgres.execute(f"select id, v from {name}"))
    snapshot = [event["value"]["source"]["snapshot"] for event in events if event["value"] and event["value"]["op"] == "r"]
    assert snapshot[0] == "first" and snapshot[-1] == "last" and set(snapshot[1:-1]) == {"true"}
    assert pipeline.stop() == 0
    assert postgres.value("select count(*) from pg_replication_slots where temporary") == 0


def test_markers_of_several_tables(run, postgres):
    for table, rows in (("mark_a", 3), ("mark_b", 0), ("mark_c", 1), ("mark_d", 2)):
        postgres.execute(f"create table {table} (id int primary key); insert into {table} select generate_series(1, {rows})")
    pipeline = run("mark", **{"table.include.list": r"public\.mark_\w"})
    pipeline.start().wait_streaming()
    events = pipeline.wait_for_lines(6)
    found = [(event["topic"][-1], event["value"]["source"]["snapshot"]) for event in events]
    assert found == [("a", "first"), ("a", "true"), ("a", "last_in_data_collection"), ("c", "last_in_data_collection"),
                     ("d", "first_in_data_collection"), ("d", "last")]
    assert pipeline.stop() == 0


def test_snapshot_alone_ends_by_itself(run, postgres):
    postgres.execute("create table alone (id int primary key); insert into alone select generate_series(1, 1000)")
    pipeline = run("alone", **{"table.include.list": "public.alone", "snapshot.mode": "initial_only"})
    assert pipeline.start().ended(30) == 0
    assert [event["key"]["id"] for event in pipeline.events()] == list(range(1, 1001))
    assert pipeline.slot() is None
    # Once is enough.
    assert pipeline.start().ended(30) == 0 and pipeline.line_count() == 1000


def test_no_tables_and_empty_tables(run, postgres):
    postgres.execute("create table hollow (id int primary key)")
    pipeline = run("hollow", **{"table.include.list": "public.hollow"})
    pipeline.start().wait_streaming()
    postgres.execute("insert into hollow values (1)")
    assert operations(pipeline.wait_for_lines(1)) == ["c"]
    assert pipeline.stop() == 0
    # The finished snapshot of nothing is remembered.
    postgres.execute("insert into hollow values (2)")
    pipeline.start()
    assert operations(pipeline.wait_for_lines(2)) == ["c", "c"]
    assert pipeline.stop() == 0


@pytest.mark.parametrize("round", [1, 2])
def test_snapshot_that_is_broken_off_begins_again(run, postgres, round):
    """The server ends the copy in the middle: what was written of it is taken back, and every row comes once."""
    from proxy import Proxy

    name = f"again_{round}"
    postgres.execute(f"create table {name} (id int primary key, v text);"
                     f"insert into {name} select g, 'row-' || g || '-' from generate_series(1, 20000) g")
    with Proxy(postgres.port) as proxy:
        pipeline = run(name, **{"table.include.list": f"public.{name}", "database.port": proxy.port, "database.sslmode": "disable"})
        proxy.hold_at(b"row-15000-", "server")
        pipeline.start()
        assert proxy.held.wait(20)
        if round == 2:
            time.sleep(0.5)  # rows are in the file, and may be checkpointed as such
        postgres.execute("delete from " + name + " where id <= 5")
        proxy.cut()
        pipeline.wait_streaming()
        postgres.execute(f"insert into {name} values (20001, 'end')")
        events = pipeline.wait_for(lambda events: events and events[-1]["key"] == {"id": 20001})
        state = [event["key"]["id"] for event in events if event["value"] and event["value"]["op"] != "d"]
        gone = {event["key"]["id"] for event in events if event["value"] and event["value"]["op"] == "d"}
        assert sorted(set(state) - gone) == [*range(6, 20002)] and len(state) == len(set(state))
        assert pipeline.stop() == 0
