# SPDX-License-Identifier: Apache-2.0
"""Decoding on a standby (16 and newer), and a slot that outlives its primary (17 and newer)."""

import threading
import time

import pytest
from postgres import PostgresServer
from source_order import COUNTED, changes_of, first_difference


@pytest.fixture
def pair(pg_version):
    """A primary and its standby."""
    primary_options, standby_options = {}, {}
    if pg_version >= 17:
        primary_options = {"synchronized_standby_slots": "standby"}
        standby_options = {"sync_replication_slots": "on"}
    with PostgresServer(pg_version) as primary:
        primary.execute(COUNTED.format("t") + "insert into t select 0, g from generate_series(1, 100) g")
        with primary.standby(standby_options) as standby:
            primary.wait_for("select count(*) from pg_stat_replication", 1)
            if primary_options:
                primary.configure(**primary_options)
            yield primary, standby


def test_standby_is_decoded(run, pair):
    primary, standby = pair
    if primary.version < 16:
        pipeline = run("on_standby", standby)
        assert "16" in pipeline.start().stopped_with("SERVER_VERSION", 3)
        return
    # A standby makes no publication.
    pipeline = run("on_standby", standby, **{"table.include.list": "public.t"})
    said = pipeline.start().stopped_with("PUBLICATION_MISSING", 3)
    assert "on the primary" in said
    primary.execute("create publication on_standby for all tables")
    standby.wait_for("select count(*) from pg_publication", 1)
    code, text, _ = pipeline.ask("check")
    assert code == 0 and "pg_log_standby_snapshot" in text
    done = threading.Event()

    def help_the_slot():
        # A slot on a standby is made when the primary logs its running transactions, which an idle one does not.
        while not done.wait(0.3):
            primary.execute("select pg_log_standby_snapshot()")

    helper = threading.Thread(target=help_the_slot)
    helper.start()
    try:
        pipeline.start().wait_streaming()
    finally:
        done.set()
        helper.join()
    primary.execute("insert into t select 1, g from generate_series(1, 1000) g; update t set v = 1 where n = 7")
    events = pipeline.wait_for_lines(100 + 1000 + 2)
    assert [event["value"]["op"] for event in events] == ["r"] * 100 + ["c"] * 1000 + ["u"] * 2
    # A promotion ends the walsender; the timeline is another one, and the log goes on.
    primary.stop()
    standby.promote()
    standby.execute("insert into t select 2, g from generate_series(1, 100) g")
    events = pipeline.wait_for_lines(1202)
    assert [event["key"]["n"] for event in events[1102:]] == list(range(1, 101))
    assert pipeline.stop() == 0


def test_slot_outlives_its_primary(run, pair):
    primary, standby = pair
    if primary.version < 17:
        pytest.skip("17 and newer")
    pipeline = run("outlives", primary, **{
        "table.include.list": "public.t", "slot.failover": True, "database.hostname": "127.0.0.1,127.0.0.1",
        "database.port": f"{primary.port},{standby.port}", "database.target_session_attrs": "primary", "snapshot.mode": "no_data"})
    pipeline.start().wait_streaming()
    primary.execute("insert into t select 1, g from generate_series(1, 1000) g")
    pipeline.wait_for_lines(1000)
    pipeline.wait_confirmed(primary.wal_end())
    standby.wait_for("select synced and not temporary from pg_replication_slots where slot_name = 'outlives'", True, 60)
    primary.execute("insert into t select 2, g from generate_series(1, 1000) g")
    pipeline.wait_for_lines(2000)
    primary.kill()
    standby.promote()
    standby.execute("insert into t select 3, g from generate_series(1, 1000) g")
    events = pipeline.wait_for_lines(3000)
    time.sleep(0.5)
    expected = [("c", writer, n) for writer in (1, 2, 3) for n in range(1, 1001)]
    found = changes_of(pipeline.events())
    assert found == expected, first_difference(found, expected)
    assert len(events) == 3000 and pipeline.stop() == 0
    # And over a restart of ours.
    standby.execute("insert into t values (4, 1)")
    pipeline.start()
    assert pipeline.wait_for_lines(3001)[-1]["key"] == {"writer": 4, "n": 1}
    assert pipeline.stop() == 0


@pytest.mark.full
def test_failover_that_loses_what_was_delivered_is_loud(run, pair):
    """The standby never had the last transactions that were delivered: consumers hold what the database has lost."""
    primary, standby = pair
    if primary.version < 17:
        pytest.skip("17 and newer")
    # Nobody waits for the standby: the mistake this is about.
    primary.configure(synchronized_standby_slots="")
    pipeline = run("loses", primary, **{
        "table.include.list": "public.t", "slot.failover": True, "database.hostname": "127.0.0.1,127.0.0.1",
        "database.port": f"{primary.port},{standby.port}", "database.target_session_attrs": "primary", "snapshot.mode": "no_data"})
    pipeline.start().wait_streaming()
    primary.execute("insert into t values (1, 1)")
    pipeline.wait_for_lines(1)
    pipeline.wait_confirmed(primary.wal_end())
    standby.wait_for("select synced and not temporary from pg_replication_slots where slot_name = 'loses'", True, 60)
    standby.wait_for("select count(*) from t where writer = 1", 1)
    standby.execute("select pg_wal_replay_pause()")
    standby.stop()  # it is away while the primary goes on
    primary.execute("insert into t values (1, 2)")
    pipeline.wait_for_lines(2)
    primary.kill()
    standby.start()
    standby.promote()
    standby.execute("insert into t select 9, g from generate_series(1, 5) g")
    pipeline.stopped_with("SOURCE_HISTORY_CHANGED", 5, 60)
    assert [event["key"]["writer"] for event in pipeline.events()] == [1, 1]
