# SPDX-License-Identifier: Apache-2.0
"""The servers that the other tests stand on: they start, crash, come back, speak TLS, replicate, and leave nothing behind."""

import os

import psycopg2
import pytest
from postgres import PostgresServer, ServerError


def test_slot_is_read_by_pg_recvlogical(postgres):
    postgres.execute("create table item (id int primary key, name text); create publication p for table item")
    postgres.execute("select pg_create_logical_replication_slot('items', 'pgoutput')")
    postgres.execute("insert into item values (1, 'one'), (2, 'two')")
    messages = postgres.recvlogical("items", options={"proto_version": 1, "publication_names": "p"})
    assert [line[:1] for line in messages.split(b"\n") if line[:1] in (b"B", b"R", b"I", b"C")] == [b"B", b"R", b"I", b"I", b"C"]
    assert b"one" in messages and b"two" in messages
    postgres.execute("select pg_drop_replication_slot('items')")


@pytest.mark.parametrize("mode", ["fast", "immediate", "kill"])
def test_server_keeps_its_rows_and_port_over_a_restart(pg_version, mode):
    with PostgresServer(pg_version) as server:
        server.execute("create table t (id int); insert into t values (7)")
        port = server.port
        server.restart(mode)
        assert server.port == port
        assert server.value("select id from t") == 7


def test_tools_connect_without_being_told_where(postgres):
    assert postgres.psql("select 1; select 2;") == "1\n2\n"
    postgres.pgbench("-i", "-q", "-s", "1")
    assert postgres.value("select count(*) from pgbench_accounts") == 100000


def test_failing_tool_shows_its_message(postgres):
    with pytest.raises(ServerError, match="no_such_table"):
        postgres.psql("select * from no_such_table")


def test_setting_is_changed_by_reload(postgres):
    postgres.configure(work_mem="9MB")
    postgres.wait_for("show work_mem", "9MB")


def test_tls_is_verified_both_ways(pg_version):
    hba = ["hostssl all client 127.0.0.1/32 cert", "hostnossl all client 127.0.0.1/32 reject"]
    with PostgresServer(pg_version, tls=True, hba=hba) as server:
        server.execute("create role client login")
        tls = server.certificates
        trusted = {"sslmode": "verify-full", "sslrootcert": tls.ca}
        with server.connect(user="client", sslcert=tls.client_cert, sslkey=tls.client_key, **trusted) as connection:
            assert connection.info.ssl_in_use
        with pytest.raises(psycopg2.OperationalError):
            server.connect(user="client", sslmode="verify-full", sslrootcert=tls.other_ca)
        with pytest.raises(psycopg2.OperationalError):
            server.connect(user="client", sslcert="/nowhere", sslkey="/nowhere", **trusted)


def test_standby_follows_and_is_promoted(pg_version):
    with PostgresServer(pg_version) as primary:
        primary.execute("create table t (id int)")
        with primary.standby() as standby:
            primary.execute("insert into t values (1)")
            standby.wait_for("select count(*) from t", 1)
            standby.promote()
            standby.execute("insert into t values (2)")
            assert standby.value("select count(*) from t") == 2


def test_server_leaves_nothing_behind(pg_version):
    with PostgresServer(pg_version) as server:
        pid, folder = server.process.pid, server.folder
    assert not folder.exists()
    assert not os.path.exists(f"/proc/{pid}")


def test_server_that_cannot_start_says_why(pg_version):
    with pytest.raises(ServerError, match="no_such_setting"):
        PostgresServer(pg_version, {"no_such_setting": "1"}).__enter__()
