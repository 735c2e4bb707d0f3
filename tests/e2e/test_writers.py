# SPDX-License-Identifier: Apache-2.0
"""Many writers at once, with subtransactions that are rolled back, large transactions that are sent while they run, and
keys that several writers fight for: the output is what the server's own decoding says, in its order."""

import os
import random
import threading
import time

import psycopg2
import pytest
from source_order import COUNTED, SourceOrder, assert_transactions_stay_together, changes_of, first_difference

FULL = bool(os.environ.get("MILLRACE_FULL"))
WRITERS = 24
SECONDS = 60 if FULL else 3

pytestmark = pytest.mark.usefixtures("small_decoding_memory")


def write(server, table, writer, stopping):
    """Transactions of many shapes on rows of one's own (by writer) and on rows of all (writer 0)."""
    source = random.Random(writer)
    with server.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("set lock_timeout = '1s'; set deadlock_timeout = '20ms'")
        connection.commit()
        n = 0
        while not stopping.is_set():
            try:
                kept = n
                for step in range(source.choice([1, 1, 2, 5])):
                    cursor.execute(f"savepoint s{step}")
                    before = kept
                    kept += source.choice([1, 1, 3, 30, 800])
                    cursor.execute(f"insert into {table} select %s, g, 0, repeat('x', g %% 300) from generate_series(%s, %s) g",
                                   (writer, before + 1, kept))
                    if source.random() < 0.4:
                        cursor.execute(f"savepoint inner_{step}; update {table} set v = v + 1 where writer = %s and n > %s",
                                       (writer, kept - 20))
                        cursor.execute(f"rollback to inner_{step}" if source.random() < 0.5 else f"release inner_{step}")
                    if source.random() < 0.3:
                        cursor.execute(f"insert into {table} values (0, %s, 1) on conflict (writer, n) do update set v = {table}.v + 1",
                                       (source.randint(1, 20),))
                    if source.random() < 0.2:
                        cursor.execute(f"delete from {table} where writer = %s and n %% 7 = 0 and n > %s", (writer, kept - 40))
                    if source.random() < 0.3:
                        cursor.execute(f"rollback to s{step}")
                        kept = before
                if source.random() < 0.15:
                    connection.rollback()
                else:
                    connection.commit()
                    n = kept
            except psycopg2.Error:  # a deadlock, or a lock that took too long: as in life
                connection.rollback()
            time.sleep(source.uniform(0, 0.2))


@pytest.mark.parametrize("streaming", ["on", "parallel", "off"])
def test_writers_against_the_servers_own_order(run, postgres, streaming):
    name = f"writers_{streaming}"
    postgres.execute(COUNTED.format(name))
    with SourceOrder(postgres) as judge:
        pipeline = run(name, **{"table.include.list": f"public.{name}", "snapshot.mode": "no_data",
                                "pgoutput.streaming": streaming})
        pipeline.start()
        pipeline.wait_streaming()
        stopping = threading.Event()
        writers = [threading.Thread(target=write, args=(postgres, name, writer, stopping)) for writer in range(1, WRITERS + 1)]
        for thread in writers:
            thread.start()
        time.sleep(SECONDS if streaming == "on" else SECONDS / 2)
        stopping.set()
        for thread in writers:
            thread.join()
        expected = judge.changes(name)
        assert len(expected) > 2000 and {change[0] for change in expected} == {"c", "u", "d"}
        pipeline.wait_for_lines(len(expected) + sum(change[0] == "d" for change in expected), 120)
        assert pipeline.stop() == 0
        events = pipeline.events()
        found = changes_of(events)
        assert found == expected, first_difference(found, expected)
        assert_transactions_stay_together(events)
        # The rows as the events leave them are the table.
        table = {}
        for event in events:
            if event["value"] is None:
                continue
            key = (event["key"]["writer"], event["key"]["n"])
            if event["value"]["op"] == "d":
                del table[key]
            else:
                table[key] = event["value"]["after"]["v"]
        assert table == {(writer, n): v for writer, n, v in postgres.execute(f"select writer, n, v from {name}")}
        if streaming != "off":
            # Some transactions were large enough, or the test tests nothing.
            postgres.wait_for(f"select stream_txns > 10 from pg_stat_replication_slots where slot_name = '{name}'")
