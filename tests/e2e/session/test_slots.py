# SPDX-License-Identifier: Apache-2.0
"""Slots and publications: made, found, refused."""

import threading
import time

import pytest

from postgres import PostgresServer


@pytest.fixture(scope="module")
def server(pg_version):
    with PostgresServer(pg_version, {"max_replication_slots": "3", "max_prepared_transactions": "5"}) as running:
        yield running


@pytest.fixture(autouse=True)
def clean(server):
    server.psql("drop schema public cascade; create schema public; grant all on schema public to public;"
                "create table t (id int primary key, v text);")
    yield
    server.wait_for("select count(*) from pg_replication_slots where active", 0)
    server.psql("select pg_drop_replication_slot(slot_name) from pg_replication_slots;"
                "do $$ declare p name; begin for p in select pubname from pg_publication loop "
                "execute format('drop publication %I', p); end loop; end $$;")


def published(server):
    return [row[0] for row in server.execute("select tablename from pg_publication_tables where pubname = 'probe' order by 1")]


def test_publication_for_all_tables(server, probe):
    assert probe.ask(server, "facts")[0]["event"] == "facts"
    assert server.value("select puballtables from pg_publication where pubname = 'probe'") is True


def test_filtered_publication_follows_the_lists(server, probe):
    server.psql('create table "Odd ""name" (id int); create table u (id int);'
                "create table parted (id int) partition by range (id); create table leaf partition of parted default;")
    mode = {"publication.autocreate.mode": "filtered"}
    probe.ask(server, "facts", **mode, **{"table.include.list": "public.t,public.odd .*"})
    assert published(server) == ['Odd "name', "t"]
    probe.ask(server, "facts", **mode, **{"table.include.list": "public.t,public.u,public.parted"})
    assert published(server) == ["leaf", "t", "u"]


def test_filtered_publication_of_nothing_is_refused(server, probe):
    got = probe.fails(server, "facts", **{"publication.autocreate.mode": "filtered", "table.include.list": "public.absent"})
    assert got[0] == "PUBLICATION_MISSING" and "table.include.list" in got[2]


def test_publication_options(server, probe):
    probe.ask(server, "facts", **{"publication.autocreate.mode": "no_tables", "publish.via.partition.root": True,
                                  "skipped.operations": "u,d"})
    row = server.execute("select puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot from pg_publication")[0]
    assert row == (False, True, False, False, True, True)
    assert published(server) == []


def test_missing_publication_is_refused_with_the_sql(server, probe):
    got = probe.fails(server, "facts", **{"publication.autocreate.mode": "disabled"})
    assert got[:2] == ("PUBLICATION_MISSING", False) and 'CREATE PUBLICATION "probe"' in got[2]


def test_publication_younger_than_the_slot_is_refused(server, probe):
    server.execute("select pg_create_logical_replication_slot('probe', 'pgoutput')")
    got = probe.fails(server, "facts")
    assert got[:2] == ("PUBLICATION_SKIPPED", False) and "pg_drop_replication_slot('probe')" in got[2]


def test_slot_life(server, probe):
    facts, created, again, dropped, gone = probe.ask(server, "facts", "slot", "watch", "drop", "watch")
    assert created["event"] == "slot_created" and created["consistent_point"] > 0
    slot = again["slot"]
    assert (slot["plugin"], slot["type"], slot["database"], slot["two_phase"]) == ("pgoutput", "logical", "postgres", False)
    assert slot["confirmed_flush_lsn"] == created["consistent_point"]
    assert dropped["event"] == "slot_dropped" and gone["slot"] is None


def test_temporary_slot_beside_the_old_one(server, probe):
    answers = probe.ask(server, "facts", "slot:noexport", "temporary", "snapshot", "close", "watch")
    assert [a["event"] for a in answers] == ["facts", "slot_created", "slot_created", "snapshot_opened", "snapshot_closed",
                                             "watched"]
    assert answers[1]["snapshot"] == "" and answers[2]["snapshot"]
    server.wait_for("select count(*) from pg_replication_slots where temporary", 0)
    assert server.value("select count(*) from pg_replication_slots") == 1


def test_active_slot_shows_as_in_use(server, probe):
    probe.ask(server, "facts", "slot")
    reader = threading.Thread(target=lambda: probe.ask(server, "facts", "stream", "start", "sleep:3000"))
    reader.start()
    try:
        server.wait_for("select active from pg_replication_slots where slot_name = 'probe'")
        facts, opened, second = probe.ask(server, "facts", "stream", "start")
        assert facts["slot"]["active"] is True
        assert "C55006" in second["error"]
    finally:
        reader.join()


def test_no_slot_is_left(server, probe):
    for i in range(3):
        server.execute(f"select pg_create_physical_replication_slot('other{i}')")
    got = probe.fails(server, "facts", "slot")
    assert got[:2] == ("SLOTS_EXHAUSTED", False) and "max_replication_slots" in got[2]


@pytest.mark.parametrize("kind", ["open", "prepared"])
def test_creation_names_who_it_waits_for(server, probe, kind):
    blocking = server.connect(autocommit=False, application_name="the culprit")
    cursor = blocking.cursor()
    cursor.execute("insert into t values (1, 'x')")
    if kind == "prepared":
        cursor.execute("prepare transaction 'forgotten'")
    try:
        begin = time.monotonic()
        reason, retryable, message = probe.fails(server, "facts", "slot", environment={"PROBE_SLOT_PATIENCE_MS": "500"})
        assert time.monotonic() - begin < 5
        assert (reason, retryable) == ("SNAPSHOT_FAILED", True)
        assert ("the culprit" if kind == "open" else "'forgotten'") in message, message
    finally:
        if kind == "prepared":
            server.execute("rollback prepared 'forgotten'")
        else:
            blocking.rollback()
        blocking.close()
    assert server.value("select count(*) from pg_replication_slots") == 0


def test_reset_ends_the_wait_of_a_slots_creation(server, probe):
    blocking = server.connect(autocommit=False)
    blocking.cursor().execute("insert into t values (1, 'x')")
    begin = time.monotonic()
    answers = probe.ask(server, "facts", "nowait:slot", "sleep:300", "reset", "facts")
    assert answers[-1]["event"] == "facts" and answers[-1]["slot"] is None
    assert time.monotonic() - begin < 5
    blocking.rollback()
    blocking.close()


def test_lost_connections_are_made_again(server, probe):
    """The SQL connection is cut between two questions: the next one is answered all the same."""
    def cut():
        server.wait_for("select count(*) > 0 from pg_stat_activity where application_name = 'millrace/probe'")
        time.sleep(0.5)
        server.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'millrace/probe'")
    cutter = threading.Thread(target=cut)
    cutter.start()
    answers = probe.ask(server, "facts", "sleep:1500", "watch", "stream")
    cutter.join()
    assert [a["event"] for a in answers] == ["facts", "slept", "watched", "stream_opened"]


def test_failover_slot(server, probe):
    if server.version < 17:
        pytest.skip("17 and newer")
    probe.ask(server, "facts", "slot", **{"slot.failover": True})
    assert server.value("select failover from pg_replication_slots where slot_name = 'probe'") is True


def test_what_became_of_subtransactions(server, probe):
    with server.connect(autocommit=False) as connection, connection.cursor() as cursor:
        xids = {}
        for name, end in (("kept", "release s"), ("undone", "rollback to s")):
            cursor.execute(f"savepoint s; insert into t values ({len(xids)}, '')")
            cursor.execute(f"select xmin::text::bigint from t where id = {len(xids)}")
            xids[name] = cursor.fetchone()[0]
            cursor.execute(end)
        running = probe.ask(server, *(f"transaction:{xid}" for xid in xids.values()))
        connection.commit()
    committed = probe.ask(server, *(f"transaction:{xid}" for xid in xids.values()))
    for answers in (running, committed):
        assert [answer["none_rolled_back"] for answer in answers] == [True, False]
    # One that the server has forgotten counts as rolled back.
    assert probe.ask(server, "transaction:4294967000")[0]["none_rolled_back"] is False
