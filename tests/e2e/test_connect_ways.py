# SPDX-License-Identifier: Apache-2.0
"""Every way in, with rows through it: a snapshot, a stream, a reconnect. What is refused, and in which words, is in test_check.py
and in session/test_connect.py."""

import shutil

import pytest
from postgres import PostgresServer

HBA = [
    "host all scram 127.0.0.1/32 scram-sha-256",
    "hostssl all certified 127.0.0.1/32 cert",
    "hostnossl all certified 127.0.0.1/32 reject",
    "hostnossl all tls_only 127.0.0.1/32 reject",
    "host all legacy 127.0.0.1/32 md5",
    "host all cleartext 127.0.0.1/32 password",
]
ROLES = """
set password_encryption = 'scram-sha-256';
create role scram superuser login password 'p ä\\"s3cret';
create role cleartext superuser login password 's3cret';
create role certified superuser login; create role tls_only superuser login;
set password_encryption = 'md5'; create role legacy superuser login password 's3cret';
create table t (id int primary key, pad text);
insert into t select g, repeat('p', g % 2000) from generate_series(1, 3000) g;
"""
PASSWORD = 'p ä\\"s3cret'  # as in ROLES: a blank, a letter of two bytes, a backslash, a quote


@pytest.fixture(scope="module", params=["TLSv1.3", pytest.param("TLSv1.2", marks=pytest.mark.full)])
def server(request, pg_version):
    with PostgresServer(pg_version, {"ssl_max_protocol_version": request.param}, tls=True, hba=HBA) as running:
        running.psql(ROLES)
        yield running


WAYS = {
    "plain": {"database.sslmode": "disable"},
    "preferred": {"database.sslmode": "prefer"},
    "required": {"database.sslmode": "require", "database.user": "tls_only"},
    "verified_authority": {"database.sslmode": "verify-ca", "database.sslrootcert": "{ca}"},
    "verified_name": {"database.sslmode": "verify-full", "database.sslrootcert": "{ca}", "database.hostname": "localhost"},
    "plain_calls": {"database.sslmode": "verify-full", "database.sslrootcert": "{ca}", "io": "plain"},
    "plain_calls_no_tls": {"database.sslmode": "disable", "io": "plain"},
    "own_threads": {"database.sslmode": "require", "workers": "2"},
    "scram": {"database.sslmode": "disable", "database.user": "scram", "database.password": PASSWORD},
    "channel_binding": {"database.sslmode": "require", "database.user": "scram", "database.password": PASSWORD,
                        "database.channel_binding": "require"},
    "client_certificate": {"database.sslmode": "verify-full", "database.sslrootcert": "{ca}", "database.user": "certified",
                           "database.sslcert": "{cert}", "database.sslkey": "{key}"},
    "password_file": {"database.user": "scram", "database.passfile": "{passfile}"},
    "password_from_a_file": {"database.user": "scram", "database.password": "${file:{secret}}"},
    "md5": {"database.user": "legacy", "database.password": "s3cret"},
    "cleartext_over_tls": {"database.user": "cleartext", "database.password": "s3cret", "database.sslmode": "require"},
    "unix_socket": {"database.hostname": "{socket}"},
    "second_host": {"database.hostname": "127.0.0.1,127.0.0.1", "database.port": "1,{port}"},
}


@pytest.mark.parametrize("way", WAYS)
def test_rows_come_through(run, server, tmp_path, way):
    certificate, key = server.certificates.client("certified")
    for file in (certificate, key):
        shutil.copy(file, tmp_path)
    files = {"ca": server.certificates.ca, "cert": tmp_path / "client_certified.crt", "key": tmp_path / "client_certified.key",
             "passfile": tmp_path / "passfile", "secret": tmp_path / "secret", "socket": server.socket_dir, "port": server.port}
    files["key"].chmod(0o600)
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    files["passfile"].write_text(f"127.0.0.1:{server.port}:*:scram:{escaped}\n")
    files["passfile"].chmod(0o600)
    files["secret"].write_text(PASSWORD + "\n")
    options = dict(WAYS[way])
    for name, value in options.items():
        for word, file in files.items():
            value = value.replace("{" + word + "}", str(file))
        options[name] = value
    pipeline = run(way, server, **{"table.include.list": "public.t", **options})
    count = server.value("select count(*) from t")
    pipeline.start().wait_streaming()
    encrypted = server.value("select ssl from pg_stat_ssl s join pg_replication_slots r on r.active_pid = s.pid where slot_name = %s", [way])
    assert encrypted is (not (options.get("database.sslmode") == "disable" or way == "unix_socket"))
    # Larger than any TLS record and any receive buffer, and many small ones.
    server.execute("insert into t select max(id) + 1, repeat('L', 3000000) from t")
    server.execute("insert into t select m + g, repeat('s', g % 300) from (select max(id) m from t) x, generate_series(1, 3000) g")
    pipeline.wait_for_lines(count + 3001)
    server.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s", [way])
    server.execute("insert into t select max(id) + 1, 'after' from t")
    events = pipeline.wait_for_lines(count + 3002)
    ids = [event["key"]["id"] for event in events]
    assert sorted(ids[:count]) + ids[count:] == list(range(1, count + 3003))
    assert len(events[count]["value"]["after"]["pad"]) == 3000000
    assert pipeline.stop() == 0
    assert "s3cret" not in pipeline.log_text()
    server.execute(f"delete from t where id > {count}")


def test_certificate_of_another_authority(run, server):
    pipeline = run("foreign", server, **{"database.sslmode": "verify-full", "database.sslrootcert": server.certificates.other_ca})
    said = pipeline.start().stopped_with("TLS_FAILED", 3)
    assert "certificate verify failed" in said


def test_certificate_for_another_name(run, server):
    """127.0.0.2 is this machine, and not in the certificate."""
    server.configure(listen_addresses="127.0.0.1,127.0.0.2")
    server.restart()
    pipeline = run("othername", server, **{"database.sslmode": "verify-full", "database.sslrootcert": server.certificates.ca,
                                           "database.hostname": "127.0.0.2"})
    assert "127.0.0.2" in pipeline.start().stopped_with("TLS_FAILED", 3)


def test_password_that_is_rotated_while_it_runs(run, server):
    """The role's password changes and the connection is lost: tried again for a while, and then given up with the reason."""
    pipeline = run("rotated", server, **{"database.user": "scram", "database.password": PASSWORD, "table.include.list": "public.none",
                                         "retriable.restart.connector.wait.ms": 100})
    pipeline.start().wait_streaming()
    server.execute("alter role scram password 'other s3cret'")
    server.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'rotated'")
    pipeline.wait_for_log("connection lost", 20)
    server.execute(f"alter role scram password '{PASSWORD}'")
    server.execute("select pg_logical_emit_message(true, 'still', 'there')")
    pipeline.wait_for_lines(1)
    assert pipeline.stop() == 0 and "s3cret" not in pipeline.log_text()
