# SPDX-License-Identifier: Apache-2.0
"""The whole program into a file: the snapshot and the stream of a real server, and the promise after a crash:
nothing lost, nothing twice, order kept."""

import os
import random
import threading
import time

from program import operations


def test_snapshot_then_stream(run, postgres):
    postgres.execute("create table first (id int primary key, v text, n numeric(6,2)); insert into first values (1, 'a', 1.5), (2, 'b\"é', null)")
    pipeline = run("first", **{"table.include.list": "public.first"})
    pipeline.start()
    events = pipeline.wait_for(lambda events: len(events) == 2)
    assert operations(events) == ["r", "r"]
    assert [event["value"]["source"]["snapshot"] for event in events] == ["first", "last"]
    assert [event["key"] for event in events] == [{"id": 1}, {"id": 2}]
    assert events[1]["value"]["after"]["v"] == 'b"é'
    pipeline.wait_streaming()
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
    pipeline.wait_streaming()
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
    pipeline.wait_streaming()
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
    pipeline.wait_streaming()
    for n, mode in enumerate(["fast", "immediate"]):
        postgres.execute(f"insert into survives select generate_series({n * 100 + 1}, {n * 100 + 100})")
        postgres.restart(mode)
    postgres.execute("insert into survives values (201)")
    events = pipeline.wait_for(lambda events: len(events) >= 201)
    assert [event["key"]["id"] for event in events] == list(range(1, 202))
    assert pipeline.stop() == 0
