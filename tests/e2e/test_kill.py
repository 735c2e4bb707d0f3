# SPDX-License-Identifier: Apache-2.0
"""kill -9 in every phase, each twice, then at random: nothing lost, nothing twice, the source's order kept. Where exactly
the process dies is decided by the network (proxy.py holds still at chosen bytes) or by its own file operations (kill_at.c)."""

import os
import random
import signal
import subprocess
import threading
import time

import pytest
from proxy import Proxy
from source_order import COUNTED, SourceOrder, assert_transactions_stay_together, changes_of, first_difference

FULL = bool(os.environ.get("MILLRACE_FULL"))
ROUNDS = [1, 2]

pytestmark = pytest.mark.usefixtures("small_decoding_memory")


@pytest.fixture(scope="module")
def kill_at(tmp_path_factory):
    library = tmp_path_factory.mktemp("preload") / "kill_at.so"
    source = os.path.join(os.path.dirname(__file__), "kill_at.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return str(library)


def died(pipeline, timeout=60):
    """Waits until the preloaded library has killed it."""
    assert pipeline.ended(timeout) == -signal.SIGKILL, pipeline.log_text()


def rows(server, table, writer, count, begin=1):
    server.execute(f"insert into {table} select %s, g, 0, 'row-' || %s || '-' || g || '-' || repeat('x', g %% 100) "
                   "from generate_series(%s, %s) g", [writer, writer, begin, begin + count - 1])


def assert_each_once(pipeline, table, timeout=60):
    """Waits until every row of an insert-only table is in the output, as a read or an insert; each exactly once."""
    expected = sorted(pipeline.server.execute(f"select writer, n from {table}"))
    events = pipeline.wait_for_lines(len(expected), timeout)
    time.sleep(0.3)  # what comes too much comes now
    events = pipeline.events()
    assert {event["value"]["op"] for event in events} <= {"r", "c"}
    found = sorted((event["key"]["writer"], event["key"]["n"]) for event in events)
    assert found == expected, first_difference(found, expected)
    assert_transactions_stay_together(events)


def assert_order(pipeline, judge, table, timeout=60):
    """Waits until everything that was committed is in the output; it is that, in that order."""
    expected = judge.changes(table)
    deletes = sum(change[0] == "d" for change in expected)
    pipeline.wait_for_lines(len(expected) + deletes, timeout)
    time.sleep(0.3)
    events = pipeline.events()
    found = changes_of(events)
    assert found == expected, first_difference(found, expected)
    assert_transactions_stay_together(events)


# Before and at the beginning. `held` names bytes at which the network stands still.

BEGINNINGS = {
    "before_the_publication": (b"CREATE PUBLICATION", "client", False),
    "before_the_slot": (b"CREATE_REPLICATION_SLOT", "client", False),
    "slot_made_and_not_known": (b"CREATE_REPLICATION_SLOT", "client", True),
    "before_the_snapshot": (b"SET TRANSACTION SNAPSHOT", "client", False),
    "first_table_of_the_snapshot": (b"row-1-500-", "server", True),
    "second_table_of_the_snapshot": (b"row-9-300-", "server", True),
    "between_snapshot_and_stream": (b"START_REPLICATION", "client", False),
    "stream_asked_for": (b"START_REPLICATION", "client", True),
    "first_row_of_the_stream": (b"row-2-1-", "server", True),
    "in_the_middle_of_a_transaction": (b"row-2-700-", "server", True),
}


@pytest.mark.parametrize("round", ROUNDS)
@pytest.mark.parametrize("phase", BEGINNINGS)
def test_killed_at_the_beginning(run, postgres, phase, round):
    name = f"begin_{list(BEGINNINGS).index(phase)}_{round}"
    postgres.execute(COUNTED.format(name) + COUNTED.format(f"{name}_b"))
    rows(postgres, name, 1, 1000)
    rows(postgres, f"{name}_b", 9, 1000)
    pattern, sent_by, behind = BEGINNINGS[phase]
    in_stream = pattern.startswith(b"row-2")
    with Proxy(postgres.port, piece_max=None if round == 1 else 3000) as proxy:
        pipeline = run(name, **{"table.include.list": f"public.{name}.*", "database.port": proxy.port,
                                "database.sslmode": "disable"})
        proxy.hold_at(pattern, sent_by, behind)
        pipeline.start()
        if in_stream:
            pipeline.wait_streaming()
            rows(postgres, name, 2, 1000)
        assert proxy.held.wait(20), pipeline.log_text()
        if round == 2:
            time.sleep(0.3)  # what has arrived is written and checkpointed
        pipeline.kill()
        proxy.cut()
        if not in_stream:
            rows(postgres, name, 2, 10)
        # The second start meets what the first one left, and the network as it is.
        pipeline.start()
        pipeline.wait_streaming()
        rows(postgres, name, 3, 10)
        everything = sorted(postgres.execute(f"select writer, n from {name} union all select writer, n from {name}_b"))
        pipeline.wait_for_lines(len(everything))
        time.sleep(0.2)
        assert pipeline.stop() == 0
        events = pipeline.events()
        found = sorted((event["key"]["writer"], event["key"]["n"]) for event in events)
        assert found == everything, first_difference(found, everything)
        # A writer's rows keep their order in the stream; the snapshot's come before, in the order of the heap.
        for writer in (1, 2, 3, 9):
            numbers = [event["key"]["n"] for event in events
                       if event["key"]["writer"] == writer and event["value"]["op"] == "c"]
            assert numbers == sorted(numbers)
        assert [event["value"]["op"] for event in events] == sorted((event["value"]["op"] for event in events), reverse=True)


# In its own file operations.


@pytest.mark.parametrize("round", ROUNDS)
def test_killed_while_a_held_transaction_goes_out(run, postgres, kill_at, round):
    name = f"held_{round}"
    postgres.execute(COUNTED.format(name))
    with SourceOrder(postgres) as judge:
        pipeline = run(name, **{"table.include.list": f"public.{name}", "snapshot.mode": "no_data", "io": "plain"})
        pipeline.environment |= {"LD_PRELOAD": kill_at, "KILL_FILE": ".jsonl"}
        pipeline.environment["KILL_BEHIND"] = "3000000"
        pipeline.start()
        pipeline.wait_streaming()
        with postgres.connect(autocommit=False) as connection, connection.cursor() as cursor:
            cursor.execute(f"insert into {name} select 1, g, 0, repeat('x', 50) from generate_series(1, 5000) g")
            cursor.execute(f"savepoint s; update {name} set v = v + 1; rollback to s")
            cursor.execute(f"update {name} set v = 2 where n > 2500")
            connection.commit()
        died(pipeline)
        assert 0 < pipeline.line_count() < 7500
        postgres.wait_for(f"select stream_txns > 0 from pg_stat_replication_slots where slot_name = '{name}'")
        # Again a little further on, while what was written before is being recognised; then to the end.
        pipeline.environment["KILL_BEHIND"] = "3500000"
        pipeline.start()
        died(pipeline)
        del pipeline.environment["KILL_BEHIND"]
        pipeline.start()
        assert_order(pipeline, judge, name)
        assert pipeline.stop() == 0


CALLS = ["write", "fsync", "rename"]


@pytest.mark.parametrize("round", ROUNDS)
@pytest.mark.parametrize("call", CALLS)
def test_killed_while_the_checkpoint_is_written(run, postgres, kill_at, call, round):
    name = f"checkpoint_{CALLS.index(call)}_{round}"
    postgres.execute(COUNTED.format(name) + f"create publication {name} for table {name}")
    postgres.execute(f"select pg_create_logical_replication_slot('{name}', 'pgoutput')")
    with SourceOrder(postgres) as judge:
        pipeline = run(name, **{"table.include.list": f"public.{name}", "snapshot.mode": "no_data", "io": "plain",
                                "checkpoint.interval.ms": 20})
        pipeline.environment |= {"LD_PRELOAD": kill_at, "KILL_FILE": "checkpoint"}
        for n in range(5):
            # The first checkpoint of all, the second, and later ones.
            pipeline.environment["KILL_AT"] = f"{call}:{[1, 2, 3, 4, 9][n] + (round - 1) * 2}"
            pipeline.start()
            until = time.monotonic() + 20
            while pipeline.running and time.monotonic() < until:
                rows(postgres, name, n, 3, 1 + postgres.value(f"select count(*) from {name} where writer = {n}"))
                time.sleep(0.01)
            died(pipeline, 1)
        del pipeline.environment["KILL_AT"]
        pipeline.start()
        assert_order(pipeline, judge, name)
        assert pipeline.stop() == 0


@pytest.mark.parametrize("rotate", [0, 20000])
def test_killed_at_any_file_operation(run, postgres, kill_at, rotate):
    """One life after the other, each ended an operation later in its life than the one before."""
    name = f"any_operation_{rotate}"
    postgres.execute(COUNTED.format(name))
    rows(postgres, name, 0, 50)
    pipeline = run(name, **{"table.include.list": f"public.{name}", "io": "plain", "checkpoint.interval.ms": 20,
                            "file.fsync": "always", "file.rotate.bytes": rotate})
    pipeline.environment |= {"LD_PRELOAD": kill_at}
    stopping = threading.Event()

    def write():
        n = 1
        while not stopping.is_set():
            rows(postgres, name, 1, 7, n)
            n += 7
            time.sleep(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(1, 121 if FULL else 31):
            pipeline.environment["KILL_AT"] = f"any:{n}"
            pipeline.start()
            died(pipeline)
    finally:
        stopping.set()
        writer.join()
    del pipeline.environment["KILL_AT"]
    pipeline.start()
    assert_each_once(pipeline, name)
    numbers = [event["key"]["n"] for event in pipeline.events() if event["value"]["op"] == "c"]
    assert numbers == sorted(numbers)
    if rotate:
        assert len(list(pipeline.folder.glob("events.jsonl.0*"))) >= 3
    assert pipeline.stop() == 0


@pytest.mark.parametrize("round", ROUNDS)
def test_killed_while_draining(run, postgres, round):
    name = f"draining_{round}"
    postgres.execute(COUNTED.format(name))
    with SourceOrder(postgres) as judge:
        pipeline = run(name, **{"table.include.list": f"public.{name}", "snapshot.mode": "no_data"})
        for n in range(8 if FULL else 5):
            pipeline.start()
            pipeline.wait_streaming()
            rows(postgres, name, n, 10_000)
            time.sleep(0.02 * n * round)
            pipeline.process.send_signal(signal.SIGTERM)
            time.sleep(0.004 * n)
            pipeline.kill()
        pipeline.start()
        assert_order(pipeline, judge, name)
        assert pipeline.stop() == 0


def test_killed_at_random(run, postgres):
    kills = 100 if FULL else 20
    postgres.execute(COUNTED.format("random_kills"))
    with SourceOrder(postgres) as judge:
        pipeline = run("random_kills", **{"table.include.list": "public.random_kills", "snapshot.mode": "no_data"})
        pipeline.start()
        pipeline.wait_streaming()
        stopping = threading.Event()

        def write(writer):
            source = random.Random(writer)
            with postgres.connect(autocommit=False) as connection, connection.cursor() as cursor:
                n = 0
                while not stopping.is_set():
                    count = source.choice([1, 1, 1, 5, 40, 2000])
                    cursor.execute("insert into random_kills select %s, g, 0, repeat('x', g %% 200) from generate_series(%s, %s) g",
                                   (writer, n + 1, n + count))
                    if source.random() < 0.3:
                        cursor.execute("update random_kills set v = v + 1 where writer = %s and n > %s", (writer, n - 10))
                    if source.random() < 0.2:
                        connection.rollback()
                    else:
                        connection.commit()
                        n += count
                    time.sleep(source.uniform(0.01, 0.1))

        writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
        for thread in writers:
            thread.start()
        source = random.Random(int(os.environ.get("MILLRACE_SEED", "7")))
        try:
            for _ in range(kills):
                time.sleep(source.choice([0.02, 0.1, 0.3, 0.8]) * source.uniform(0.5, 1.5))
                pipeline.kill()
                pipeline.start()
        finally:
            stopping.set()
            for thread in writers:
                thread.join()
        assert_order(pipeline, judge, "random_kills", 120)
        assert pipeline.stop() == 0


MIGRATIONS = {
    "default": "alter table {0} alter v set default 5",
    "columns": "alter table {0} add more int, drop v",
    "key": "alter table {0} drop constraint {0}_pkey, add primary key (n, writer)",
    "dropped": "drop table {0}",
    "upgrade": None,
}


@pytest.mark.parametrize("what", MIGRATIONS)
def test_migrated_while_it_was_dead(run, postgres, what):
    """Lines stand behind the checkpoint, and when they are made again, the catalog or the program is another one: they are
    the same changes all the same, and what comes then is new."""
    name = f"migrated_{what}"
    postgres.execute(f"create table {name} (v int, n int, writer int, primary key (writer, n))")
    pipeline = run(name, **{"table.include.list": f"public.{name}", "snapshot.mode": "no_data", "checkpoint.interval.ms": 600000,
                            "schemas.enable": True})
    pipeline.start().wait_streaming()
    postgres.execute(f"insert into {name} select null, g, 1 from generate_series(1, 20) g; update {name} set v = 1 where n = 3;"
                     f"update {name} set n = 100 where n = 4; delete from {name} where n = 5")
    postgres.execute("select pg_logical_emit_message(true, 'mark', 'x')")
    before = pipeline.wait_for_lines(20 + 1 + 3 + 2 + 1)
    pipeline.kill()
    if MIGRATIONS[what]:
        postgres.execute(MIGRATIONS[what].format(name))
    else:
        lines = pipeline.output.read_bytes().replace(b'"version":"0.', b'"version":"9.')
        assert lines != pipeline.output.read_bytes()
        pipeline.output.write_bytes(lines)
    if what == "dropped":
        postgres.execute(f"create table {name} (v int, n int, writer int, primary key (writer, n))")
    postgres.execute(f"insert into {name} (n, writer) values (1, 2)")
    pipeline.start()
    pipeline.wait_for_lines(len(before) + 1)
    time.sleep(0.3)
    events = pipeline.events()
    keys = [event["key"]["payload"] for event in events if event["topic"].startswith("p.public") and event["key"]]
    assert keys[:-1] == [event["key"]["payload"] for event in before if event["topic"].startswith("p.public")]
    assert keys[-1] == {"writer": 2, "n": 1} and len(events) == len(before) + 1
    assert pipeline.stop() == 0
