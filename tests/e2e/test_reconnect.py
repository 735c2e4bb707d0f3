# SPDX-License-Identifier: Apache-2.0
"""Servers and networks that go away and come back, readers that do not read, stops, and logs that are not the same any more."""

import itertools
import os
import shutil
import subprocess
import threading
import time

import psycopg2
import psycopg2.extras
import pytest
from postgres import PostgresServer
from proxy import Proxy
from source_order import COUNTED, SourceOrder, assert_transactions_stay_together, changes_of, first_difference

FULL = bool(os.environ.get("MILLRACE_FULL"))


@pytest.fixture
def server(pg_version):
    """A server of the test's own: it is restarted, restored, and its slots are lost."""
    with PostgresServer(pg_version, {"wal_sender_timeout": "3s", "logical_decoding_work_mem": "64kB"}) as running:
        yield running


class Writer:
    """Commits small transactions until it is stopped; survives what the server does."""

    def __init__(self, server, table, pause=0.005, rows=5):
        self.server, self.table, self.pause, self.rows = server, table, pause, rows
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._write)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def _write(self):
        n, connection = 0, None
        while not self.stopping.is_set():
            try:
                connection = connection or self.server.connect()
                with connection.cursor() as cursor:
                    # Whatever became of the commit before: what is there decides.
                    cursor.execute(f"insert into {self.table} select 1, g, 0, repeat('x', 50) from generate_series(%s, %s) g "
                                   "on conflict do nothing", [n + 1, n + self.rows])
                n += self.rows
                time.sleep(self.pause)
            except Exception:  # psycopg2 has many
                connection = None
                time.sleep(0.05)


def assert_complete(pipeline, judge, table, timeout=60):
    expected = judge.changes(table)
    pipeline.wait_for_lines(len(expected), timeout)
    time.sleep(0.3)
    events = pipeline.events()
    found = changes_of(events)
    assert found == expected, first_difference(found, expected)
    assert_transactions_stay_together(events)


def counted(run, server, name, process=None, **options):
    server.execute(COUNTED.format(name))
    return run(name, server, process, **{"table.include.list": f"public.{name}", "snapshot.mode": "no_data", **options})


def stuck(run, server, name, rows=60000):
    """A pipeline whose standard output nobody reads, with more rows before it than it may hold: it, and the pipe's end."""
    pipeline = counted(run, server, name, {"memory.limit": "16 MiB"}, sink="stdout", **{"file.path": None})
    reading, writing = os.pipe()
    pipeline.start(stdout=writing)
    os.close(writing)
    pipeline.wait_streaming()
    server.execute(f"insert into {name} select 1, g, 0, repeat('x', 1000) from generate_series(1, {rows}) g")
    time.sleep(1)
    return pipeline, os.fdopen(reading, "rb")


def numbers_of(lines, count):
    """Reads so many lines: their n."""
    return [int(line[line.index(b'"n":') + 4:line.index(b'},"value"')]) for line in itertools.islice(lines, count)]


# Servers that restart


@pytest.mark.parametrize("mode", ["fast", "immediate", "kill"])
def test_server_restarts_under_load(run, server, mode):
    pipeline = counted(run, server, "restarts")
    with SourceOrder(server) as judge:
        pipeline.start().wait_streaming()
        with Writer(server, "restarts"):
            for _ in range(6 if FULL else 3):
                time.sleep(0.7)
                if mode == "kill":
                    server.kill()
                else:
                    server.stop(mode, timeout=20)  # raises when the shutdown waits for us
                time.sleep(0.2)
                server.start()
        assert_complete(pipeline, judge, "restarts")
        assert pipeline.stop() == 0


def test_fast_shutdown_does_not_wait_for_an_idle_pipeline(run, server):
    pipeline = counted(run, server, "idle_end")
    pipeline.start().wait_streaming()
    server.execute("create table elsewhere (id int); insert into elsewhere select generate_series(1, 1000)")
    begin = time.monotonic()
    server.stop("fast", timeout=20)
    assert time.monotonic() - begin < 5
    server.start()
    pipeline.wait_until(lambda: pipeline.slot("active"))


def test_fast_shutdown_does_not_wait_for_a_blocked_pipeline(run, server):
    """The output is stuck, so nothing more is read or confirmed: a server that shuts down is let go all the same."""
    pipeline, lines = stuck(run, server, "blocked")
    with lines:
        begin = time.monotonic()
        server.stop("fast", timeout=45)
        assert time.monotonic() - begin < 25
        server.start()
        # And nothing of it is lost, or comes twice: what was read before the connection was lost is skipped.
        assert numbers_of(lines, 60000) == list(range(1, 60001))
        server.execute("insert into blocked values (1, 60001)")
        assert numbers_of(lines, 1) == [60001]
        assert pipeline.stop() == 0


# Networks


@pytest.mark.parametrize("piece_max", [1, 7, 1460])
def test_odd_pieces(run, server, piece_max):
    """Every frame is cut somewhere, at worst into single bytes."""
    with Proxy(server.port, piece_max=piece_max) as proxy:
        pipeline = counted(run, server, "pieces", **{"database.port": proxy.port, "database.sslmode": "disable"})
        with SourceOrder(server) as judge:
            pipeline.start().wait_streaming()
            rows = 400 if piece_max == 1 else 4000
            server.execute(f"insert into pieces select 1, g, 0, repeat('x', g % 97) from generate_series(1, {rows}) g")
            server.execute("update pieces set v = 1 where n % 10 = 0")
            assert_complete(pipeline, judge, "pieces")
            assert pipeline.stop() == 0


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_network_is_cut_again_and_again(run, server, reset):
    with Proxy(server.port, piece_max=5000) as proxy:
        pipeline = counted(run, server, "cuts", **{"database.port": proxy.port, "database.sslmode": "disable"})
        with SourceOrder(server) as judge:
            pipeline.start().wait_streaming()
            with Writer(server, "cuts", pause=0.002, rows=50):
                for n in range(40 if FULL else 12):
                    time.sleep(0.05 + 0.02 * n % 0.3)
                    proxy.cut(reset)
            assert_complete(pipeline, judge, "cuts")
            assert pipeline.stop() == 0


@pytest.mark.parametrize("after", [b"START_REPLICATION", b"IDENTIFY_SYSTEM", b"pg_replication_slots"])
def test_network_is_cut_while_it_connects(run, server, after):
    with Proxy(server.port) as proxy:
        pipeline = counted(run, server, "early", **{"database.port": proxy.port, "database.sslmode": "disable"})
        with SourceOrder(server) as judge:
            proxy.hold_at(after, "client")
            pipeline.start()
            assert proxy.held.wait(20)
            proxy.cut()
            pipeline.wait_streaming()
            server.execute("insert into early values (1, 1)")
            assert_complete(pipeline, judge, "early")
            assert pipeline.stop() == 0


def test_silent_network_is_noticed(run, server):
    """Nothing comes and nothing closes, as behind a firewall that forgot the connection."""
    with Proxy(server.port) as proxy:
        pipeline = counted(run, server, "silent", **{"database.port": proxy.port, "database.sslmode": "disable",
                                                     "connect.timeout.ms": 1000})
        with SourceOrder(server) as judge:
            pipeline.start().wait_streaming()
            server.execute("insert into silent values (1, 1)")
            pipeline.wait_for_lines(1)
            proxy.pause()
            server.execute("insert into silent values (1, 2)")
            pipeline.wait_for_log("connection lost", 20)
            proxy.cut()
            assert_complete(pipeline, judge, "silent")
            assert pipeline.stop() == 0


# Attempts that are counted


def seize(server, slot, publication):
    """Ends the slot's reader and reads it in its place; the connection that does."""
    connection = psycopg2.connect(server.conninfo(), connection_factory=psycopg2.extras.LogicalReplicationConnection)
    for _ in range(1000):
        server.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s and active", [slot])
        try:
            connection.cursor().start_replication(slot, options={"proto_version": "1", "publication_names": publication})
            return connection
        except psycopg2.errors.ObjectInUse:
            time.sleep(0.001)
    pytest.fail(f"slot {slot} cannot be seized")


def test_waiting_for_the_slot_is_no_failed_attempt(run, server):
    """Another reader has the slot for many attempts, then the server restarts: only what follows is counted."""
    pipeline = counted(run, server, "seized", **{"errors.max.retries": 8, "slot.retry.delay.ms": 100, "slot.max.retries": 600})
    pipeline.start().wait_streaming()
    other = seize(server, "seized", "seized")
    in_use = lambda: [line for line in pipeline.log() if "is active for PID" in line.get("error", "")]
    pipeline.wait_until(lambda: len(in_use()) > 10, what="attempts to get the slot")
    server.restart()
    server.execute("insert into seized values (1, 1)")
    pipeline.wait_for_lines(1)
    other.close()
    assert pipeline.stop() == 0


def test_attempts_of_before_a_good_stream_are_forgotten_when_it_is_begun_anew(run, server):
    """A failure, a stream that works, a session begun anew because of what was rolled back, and a failure: one in a row."""
    with Proxy(server.port) as proxy:
        pipeline = counted(run, server, "forgotten", **{"database.port": proxy.port, "database.sslmode": "disable",
                                                        "errors.max.retries": 1})
        pipeline.start().wait_streaming()
        proxy.cut()
        pipeline.wait_for_log("trying again")
        server.execute("insert into forgotten values (1, 1)")
        pipeline.wait_for_lines(1)
        proxy.hold_at(b"START_REPLICATION", "client", behind=False)
        with server.connect(autocommit=False) as connection, connection.cursor() as cursor:
            cursor.execute("select pg_logical_emit_message(true, 'm', 'kept'); savepoint s;"
                           "insert into forgotten select 2, g, 0, repeat('x', 50) from generate_series(1, 3000) g;"
                           "rollback to s; insert into forgotten select 3, g, 0, repeat('x', 50) from generate_series(1, 3000) g")
        pipeline.wait_for_log("whole transactions are asked for")
        assert proxy.held.wait(20)
        proxy.cut()
        pipeline.wait_for_lines(3002)
        assert [event["key"].get("writer", "message") for event in pipeline.events()] == [1, "message"] + [3] * 3000
        assert pipeline.stop() == 0


def test_notices_before_the_stream_do_not_delay_it(run, server):
    """A role that hears everything: the server's notices come before the stream begins, in pieces of their own."""
    server.configure(wal_sender_timeout="60s")
    server.execute("create role chatty superuser login; alter role chatty set client_min_messages = debug5")
    pipeline = counted(run, server, "chatty", **{"database.user": "chatty", "gather.mode": "always", "workers": 1})
    begin = time.monotonic()
    pipeline.start().wait_streaming()
    assert time.monotonic() - begin < 5
    assert pipeline.stop() == 0


def test_commits_that_wait_for_the_pipeline(run, server):
    """As a synchronous standby: who altered a table keeps it locked until the pipeline has confirmed the commit."""
    pipeline = counted(run, server, "synchronous")
    pipeline.start().wait_streaming()
    server.configure(synchronous_standby_names="*")
    server.wait_for("select count(*) from pg_stat_replication where sync_state = 'sync'", 1)
    altering = threading.Thread(target=server.execute, args=(
        "alter table synchronous add more int default 7; insert into synchronous values (1, 1)",))
    altering.start()
    altering.join(10)
    waits = altering.is_alive()
    server.configure(synchronous_standby_names="")  # nobody waits any more
    altering.join()
    assert not waits
    pipeline.wait_for_lines(1)
    assert pipeline.stop() == 0


# Readers that do not read


def test_backpressure_outlives_wal_sender_timeout(run, server):
    """Nobody reads the output for three times the server's timeout: the connection stays."""
    pipeline, lines = stuck(run, server, "pressed")
    with lines:
        pid = pipeline.slot("active_pid")
        time.sleep(9)
        assert pipeline.slot("active_pid") == pid, pipeline.log_text()
        assert numbers_of(lines, 60000) == list(range(1, 60001))
        assert pipeline.slot("active_pid") == pid and not [line for line in pipeline.log() if "lost" in line["msg"]]
        assert pipeline.stop() == 0


@pytest.mark.parametrize("where", ["another table", "another database"])
def test_idle_pipeline_does_not_pin_the_log(run, server, where):
    """Only others write: the slot follows all the same."""
    pipeline = counted(run, server, "quiet", **{"publication.autocreate.mode": "filtered"})
    pipeline.start().wait_streaming()
    dbname = "postgres"
    if where == "another database":
        server.execute("create database busy")
        dbname = "busy"
    server.execute("create table noise (id int, pad text)", dbname=dbname)
    for _ in range(3):
        server.execute("insert into noise select g, repeat('x', 500) from generate_series(1, 20000) g", dbname=dbname)
        pipeline.wait_confirmed(server.wal_end())
    server.execute("checkpoint; select pg_log_standby_snapshot()" if server.version >= 16 else "checkpoint")
    pipeline.wait_until(lambda: server.value("select pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) < 4000000 "
                                             "from pg_replication_slots where slot_name = 'quiet'"), 45, "restart_lsn's advance")
    assert pipeline.line_count() == 0 and pipeline.stop() == 0


# Stops


def test_stops_at_exact_positions(run, server):
    """Into standard output, which cannot repair a repetition: again and again SIGTERM under load, and nothing comes twice."""
    pipeline = counted(run, server, "stops", sink="stdout", **{"file.path": None})
    with SourceOrder(server) as judge:
        pipeline.start().wait_streaming()
        assert pipeline.stop() == 0
        with Writer(server, "stops"):
            for n in range(20 if FULL else 8):
                pipeline.start().wait_streaming()
                time.sleep(0.05 * n)
                begin = time.monotonic()
                assert pipeline.stop() == 0
                assert time.monotonic() - begin < 10
        pipeline.start()
        assert_complete(pipeline, judge, "stops")
        assert pipeline.stop() == 0
        # The server was told what the checkpoint says.
        assert f'"{pipeline.slot()}"' in pipeline.ask("position", "get")[1]


def test_stops_in_time_with_a_stuck_output(run, server):
    pipeline, lines = stuck(run, server, "stuck_stop")
    with lines:
        begin = time.monotonic()
        pipeline.process.terminate()
        pipeline.stopped_with("SHUTDOWN_TIMEOUT", 4, 15)
        assert time.monotonic() - begin < 12


def test_stops_in_time_whatever_the_server_does(run, server):
    with Proxy(server.port) as proxy:
        pipeline = counted(run, server, "hung", **{"database.port": proxy.port, "database.sslmode": "disable"})
        for hold in (b"CREATE_REPLICATION_SLOT", b"START_REPLICATION", None):
            if hold:
                proxy.hold_at(hold, "client", behind=False)
            pipeline.start()
            if hold:
                assert proxy.held.wait(20)
            else:
                pipeline.wait_streaming()
                server.execute("insert into hung values (1, 1)")
                pipeline.wait_for_lines(1)
                proxy.pause()
            begin = time.monotonic()
            assert pipeline.stop(12) == 0
            assert time.monotonic() - begin < 10
            proxy.cut()
            server.wait_for("select count(*) from pg_replication_slots where active", 0)


def test_slot_is_dropped_on_stop_when_asked_for(run, server):
    pipeline = counted(run, server, "dropped", **{"slot.drop.on.stop": True})
    pipeline.start().wait_streaming()
    assert pipeline.stop() == 0
    assert pipeline.slot() is None
    # What the option says: the next start takes a new snapshot.
    pipeline.configure(**{"snapshot.mode": "initial"})
    server.execute("insert into dropped values (1, 1)")
    pipeline.start()
    assert pipeline.wait_for_lines(1)[0]["value"]["op"] == "r"


# Logs that are not the same any more


def run_and_stop(pipeline, server, sql):
    """A run that delivers what the SQL writes."""
    pipeline.start().wait_streaming()
    before = pipeline.line_count()
    server.execute(sql)
    pipeline.wait_for_lines(before + 1)
    assert pipeline.stop() == 0


def test_slot_that_is_gone(run, server):
    pipeline = counted(run, server, "gone")
    run_and_stop(pipeline, server, "insert into gone values (1, 1)")
    position = pipeline.slot()
    server.execute("select pg_drop_replication_slot('gone'); insert into gone values (1, 2)")
    pipeline.start()
    said = pipeline.stopped_with("SLOT_MISSING", 5)
    assert position in said and "pg_drop_replication_slot" in said
    # Again, and the same: nothing is begun anew in silence.
    pipeline.start()
    pipeline.stopped_with("SLOT_MISSING", 5)
    # What the message says to do helps.
    assert pipeline.ask("position", "reset")[0] == 0
    pipeline.configure(**{"snapshot.mode": "initial"})
    pipeline.start().wait_streaming()
    assert pipeline.wait_for_lines(3)[1:] and pipeline.stop() == 0


def test_slot_that_is_dropped_while_it_streams(run, server):
    pipeline = counted(run, server, "snatched")
    pipeline.start().wait_streaming()
    server.execute("insert into snatched values (1, 1)")
    pipeline.wait_for_lines(1)
    for _ in range(200):
        try:
            server.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where active")
            server.execute("select pg_drop_replication_slot('snatched')")
            break
        except Exception:  # it was quicker
            time.sleep(0.01)
    pipeline.stopped_with("SLOT_MISSING", 5)


def test_slot_that_was_made_anew(run, server):
    pipeline = counted(run, server, "anew")
    run_and_stop(pipeline, server, "insert into anew values (1, 1)")
    position = pipeline.slot()
    server.execute("select pg_drop_replication_slot('anew'); insert into anew values (1, 2)")
    server.execute("select pg_create_logical_replication_slot('anew', 'pgoutput')")
    pipeline.start()
    said = pipeline.stopped_with("SOURCE_GAP", 5)
    assert position in said and pipeline.slot() in said


def test_slot_that_another_has_read(run, server):
    pipeline = counted(run, server, "shared")
    run_and_stop(pipeline, server, "insert into shared values (1, 1)")
    server.execute("insert into shared values (1, 2)")
    server.execute("select pg_replication_slot_advance('shared', pg_current_wal_lsn())")
    pipeline.start()
    pipeline.stopped_with("SOURCE_GAP", 5)


def test_slot_whose_log_was_removed_while_it_was_away(run, pg_version):
    with PostgresServer(pg_version, {"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB"}) as server:
        pipeline = counted(run, server, "removed")
        run_and_stop(pipeline, server, "insert into removed values (1, 1)")
        for _ in range(4):
            server.execute("select pg_switch_wal()")
            server.execute("insert into removed select 2, coalesce(max(n), 0) + 1 from removed")
        server.execute("checkpoint")
        server.wait_for("select wal_status from pg_replication_slots", "lost")
        pipeline.start()
        pipeline.stopped_with("SLOT_INVALIDATED", 5)


def test_slot_whose_log_is_removed_while_it_streams(run, pg_version):
    """The output is stuck and the server loses patience: it ends the walsender and takes the log."""
    with PostgresServer(pg_version, {"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB"}) as server:
        pipeline, lines = stuck(run, server, "overtaken", 100000)
        for _ in range(4):
            server.execute("select pg_switch_wal(); insert into overtaken select 2, coalesce(max(n), 0) + 1 from overtaken")
        server.execute("checkpoint")
        server.wait_for("select wal_status from pg_replication_slots", "lost")
        threading.Thread(target=lambda: all(lines), daemon=True).start()
        pipeline.stopped_with("SLOT_INVALIDATED", 5, 60)


@pytest.mark.parametrize("more_rows", [0, 100000], ids=["shorter_log", "longer_log"])
def test_server_that_was_restored_from_a_copy(run, server, more_rows):
    """The slot is there, the system identifier is the same: only the log tells."""
    pipeline = counted(run, server, "restored")
    run_and_stop(pipeline, server, "insert into restored values (1, 1)")
    server.stop()
    copy = server.folder / "copy"
    shutil.copytree(server.data, copy, symlinks=True)
    subprocess.run(["chown", "-R", "--reference", server.data, copy], check=True)
    server.start()
    run_and_stop(pipeline, server, "insert into restored select 2, g from generate_series(1, 1000) g")
    delivered = pipeline.slot()
    server.stop()
    shutil.rmtree(server.data)
    copy.rename(server.data)
    server.start()
    if more_rows:
        # Another history, and longer than what was delivered: the end of the log tells nothing.
        server.execute(f"insert into restored select 3, g from generate_series(1, {more_rows}) g")
    pipeline.start()
    said = pipeline.stopped_with("SOURCE_HISTORY_CHANGED", 5)
    assert delivered in said or more_rows
    assert not [event for event in pipeline.events() if event["key"]["writer"] == 3]


def test_other_cluster(run, server, pg_version):
    pipeline = counted(run, server, "cluster")
    run_and_stop(pipeline, server, "insert into cluster values (1, 1)")
    with PostgresServer(pg_version) as other:
        other.execute(COUNTED.format("cluster") + "create publication cluster for table cluster")
        other.execute("select pg_create_logical_replication_slot('cluster', 'pgoutput')")
        other.execute("insert into cluster select 1, g from generate_series(1, 5) g")
        pipeline.configure(**{"database.port": other.port})
        pipeline.start()
        pipeline.stopped_with("SOURCE_HISTORY_CHANGED", 5)
        pipeline.configure(**{"database.port": server.port})


def test_publication_that_is_dropped_while_it_streams(run, server):
    pipeline = counted(run, server, "unpublished")
    pipeline.start().wait_streaming()
    server.execute("insert into unpublished values (1, 1)")
    pipeline.wait_for_lines(1)
    server.execute("drop publication unpublished; insert into unpublished values (1, 2)")
    assert pipeline.ended(30) in (3, 5)
    assert pipeline.log()[-1]["reason"] in ("PUBLICATION_MISSING", "PUBLICATION_SKIPPED")
