# SPDX-License-Identifier: Apache-2.0
"""Every way in, and every way to be refused."""

import os
import shutil
import socket
import threading
import time

import pytest

from postgres import PostgresServer

ROLES = """
set password_encryption = 'scram-sha-256';
create role scram login replication superuser password 's3cret';
create role certified login replication superuser;
create role plain login;
create role rejected login replication superuser;
create role kerberos login replication superuser;
create database other;
"""
HBA = [
    "host all rejected 127.0.0.1/32 reject",
    "host all scram 127.0.0.1/32 scram-sha-256",
    "hostssl all certified 127.0.0.1/32 cert",
    "hostnossl all certified 127.0.0.1/32 reject",
]


@pytest.fixture(scope="module")
def server(pg_version):
    with PostgresServer(pg_version, tls=True, hba=HBA) as running:
        running.psql(ROLES)
        # The user postgres owns the server's folder; a client's key must be readable for us alone.
        yield running


@pytest.fixture
def client(server, tmp_path):
    certificate, key = server.certificates.client("certified")
    for file in (certificate, key):
        shutil.copy(file, tmp_path)
    (tmp_path / os.path.basename(key)).chmod(0o600)
    return {"database.sslcert": str(tmp_path / os.path.basename(certificate)),
            "database.sslkey": str(tmp_path / os.path.basename(key))}


def test_tells_what_the_server_is(server, probe):
    facts, watched = probe.ask(server, "facts", "watch", **{"database.sslmode": "disable"})
    assert facts["event"] == "facts"
    assert facts["version_num"] // 10000 == server.version
    assert facts["system_identifier"] == str(server.value("select system_identifier from pg_control_system()"))
    assert (facts["timeline"], facts["timeline_history"], facts["database"]) == (1, "", "postgres")
    assert (facts["wal_level"], facts["in_recovery"], facts["encoding"]) == ("logical", False, "UTF8")
    assert facts["wal_sender_timeout_ms"] == 60000
    assert facts["slot"] is None
    assert watched["event"] == "watched" and watched["end_of_wal"] >= facts["end_of_wal"]


WAYS_IN = {
    "plain": ({"database.sslmode": "disable"}, False),
    "scram": ({"database.sslmode": "disable", "database.user": "scram", "database.password": "s3cret"}, False),
    "scram_with_channel_binding": ({"database.sslmode": "require", "database.user": "scram", "database.password": "s3cret",
                                    "database.channel_binding": "require"}, True),
    "tls_preferred": ({"database.sslmode": "prefer"}, True),
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_connects_and_streams(server, probe, way):
    options, encrypted = WAYS_IN[way]
    server.execute("drop table if exists t; create table t (id int primary key)")
    facts, created, opened = probe.ask(server, "facts", "slot", "stream", **options)
    assert created["event"] == "slot_created" and created["snapshot"], created
    assert opened == {"event": "stream_opened", "encrypted": encrypted, "ms": opened["ms"]}
    server.execute("insert into t values (1)")
    streaming = probe.ask(server, "facts", "stream", "start", **options)[2]
    server.wait_for("select count(*) from pg_replication_slots where active", 0)
    server.execute("drop publication probe; select pg_drop_replication_slot('probe')")
    assert streaming["types"].startswith("W") and streaming["payloads"].startswith("BRI"), streaming


def test_verifies_the_servers_name(server, probe):
    trusted = {"database.sslmode": "verify-full", "database.sslrootcert": server.certificates.ca}
    assert probe.ask(server, "facts", **trusted)[0]["event"] == "facts"
    assert probe.ask(server, "facts", **(trusted | {"database.hostname": "localhost"}))[0]["event"] == "facts"
    reason, retryable, message = probe.fails(server, "facts", **{
        "database.sslmode": "verify-full", "database.sslrootcert": server.certificates.other_ca})
    assert (reason, retryable) == ("TLS_FAILED", False) and "certificate verify failed" in message


def test_client_certificate(server, probe, client):
    options = {"database.sslmode": "require", "database.user": "certified", **client}
    assert probe.ask(server, "facts", **options)[0]["event"] == "facts"
    reason, retryable, message = probe.fails(server, "facts", **{"database.sslmode": "require", "database.user": "certified"})
    assert (reason, retryable) == ("AUTH_FAILED", False), message


def test_unix_socket(server, probe):
    facts = probe.ask(server, "facts", **{"database.hostname": server.socket_dir})[0]
    assert facts["event"] == "facts"


def test_password_file(server, probe, tmp_path):
    file = tmp_path / "passfile"
    file.write_text(f"127.0.0.1:{server.port}:*:scram:s3cret\n")
    file.chmod(0o600)
    options = {"database.user": "scram", "database.passfile": str(file)}
    assert probe.ask(server, "facts", **options)[0]["event"] == "facts"


REFUSED = {
    "wrong_password": ({"database.user": "scram", "database.password": "s3cret wrong"}, "AUTH_FAILED", False,
                       "password authentication failed"),
    "no_password": ({"database.user": "scram"}, "AUTH_FAILED", False, "database.password"),
    "no_such_database": ({"database.dbname": "absent"}, "DATABASE_MISSING", False, '"absent" does not exist'),
    "no_replication_right": ({"database.user": "plain"}, "PERMISSION_DENIED", False, "REPLICATION"),
    "rejected_by_hba": ({"database.user": "rejected"}, "AUTH_FAILED", False, "pg_hba.conf"),
    "refused_port": ({"database.port": "1"}, "CONNECT_REFUSED", True, "Connection refused"),
    "unknown_host": ({"database.hostname": "no-such-host.invalid"}, "CONNECT_REFUSED", True, "no-such-host.invalid"),
    "missing_root_certificate": ({"database.sslmode": "verify-full", "database.sslrootcert": "/no/such/file"}, "TLS_FAILED",
                                 False, "/no/such/file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_the_cause(server, probe, case):
    options, reason, retryable, words = REFUSED[case]
    got = probe.fails(server, "facts", **options)
    assert got[:2] == (reason, retryable), got
    assert words in got[2], got


def test_next_host_is_tried(server, probe):
    hosts = {"database.hostname": "127.0.0.1,127.0.0.1", "database.port": f"1,{server.port}"}
    assert probe.ask(server, "facts", **hosts)[0]["event"] == "facts"
    assert probe.ask(server, "facts", **hosts, **{"database.target_session_attrs": "prefer-standby"})[0]["event"] == "facts"
    reason, retryable, message = probe.fails(server, "facts", **hosts, **{"database.target_session_attrs": "standby"})
    assert (reason, retryable) == ("CONNECT_REFUSED", True) and "standby" in message, message


def test_a_host_that_does_not_answer_costs_its_timeout_only(server, probe):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts in the kernel, never says a word
        port = silent.getsockname()[1]
        begin = time.monotonic()
        answer = probe.ask(server, "facts", **{"database.hostname": "127.0.0.1,127.0.0.1",
                                               "database.port": f"{port},{server.port}", "connect.timeout.ms": 1000})[0]
        assert answer["event"] == "facts" and time.monotonic() - begin < 10


def test_reset_and_end_are_prompt_while_connecting(server, probe):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        probe.ask(server, "nowait:facts", "sleep:200", "reset", "nowait:facts", "sleep:200",
                  **{"database.port": str(silent.getsockname()[1]), "connect.timeout.ms": 60000})
        assert time.monotonic() - begin < 3


def test_server_that_starts_up_is_retried(server, probe):
    """A stranger that says what a starting server says."""
    fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"

    def serve(listening):
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            peer.recv(4096)
            peer.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
            peer.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        got = probe.fails(server, "facts", **{"database.port": str(listening.getsockname()[1]), "database.sslmode": "disable"})
        assert got[:2] == ("CONNECT_REFUSED", True) and "starting up" in got[2] and "57P03" in got[2]


@pytest.mark.parametrize("code,name", [(7, "GSS"), (9, "SSPI")])
def test_foreign_authentication_is_refused_by_name(server, probe, code, name):
    def serve(listening):
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            peer.recv(4096)
            peer.sendall(b"R" + (8).to_bytes(4, "big") + code.to_bytes(4, "big"))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        got = probe.fails(server, "facts", **{"database.port": str(listening.getsockname()[1]), "database.sslmode": "disable"})
        assert got[:2] == ("AUTH_FAILED", False) and name in got[2] and "not supported" in got[2], got
