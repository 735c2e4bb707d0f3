# SPDX-License-Identifier: Apache-2.0
"""Throw-away PostgreSQL servers for tests.

    with PostgresServer(17, {"wal_sender_timeout": "5s"}) as server:
        server.execute("create table t (id int primary key)")
        millrace("--set", f"database.port={server.port}")

Each server has a data folder and a port of its own, listens on 127.0.0.1 and a Unix socket, and goes away with its
folder when the `with` block ends, or when the test program dies. PostgreSQL refuses to run as root, so root runs it as
user postgres. The programs come from tests/servers/fetch; no PostgreSQL of the system is touched.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg2

from certificates import Certificates

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DEPS = pathlib.Path(os.environ.get("MILLRACE_DEPS") or REPOSITORY / ".deps")

CONFIGURATION = {
    "wal_level": "logical",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "jit": "off",
    "logging_collector": "off",
    "listen_addresses": "127.0.0.1",
    "log_replication_commands": "on",
}
TRUST = ["local all all trust", "host all all 127.0.0.1/32 trust"]
TRUST_REPLICATION = ["local replication all trust", "host replication all 127.0.0.1/32 trust"]
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class ServerError(RuntimeError):
    """A server or one of its tools failed; the text ends with what it printed."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def home(version):
    """Where the programs of a major version are; fetches them when they are absent."""
    folder = DEPS / "servers" / f"pg{version}"
    if not (folder / "bin" / "postgres").exists():
        subprocess.run([REPOSITORY / "tests/servers/fetch", str(version)], check=True)
    return folder.resolve()


class PostgresServer:
    """A server, started by `with` or start().

    version  major version; MILLRACE_PG_VERSION or 17 when not given
    options  settings for postgresql.conf, over those above
    fsync    True for a durable server: only for tests and measurements that depend on the disk
    tls      True for TLS with certificates of its own, see `certificates`
    hba      lines of pg_hba.conf that come before the ones that trust everybody on loopback
    """

    def __init__(self, version=None, options=None, *, fsync=False, tls=False, hba=()):
        self.version = int(version or os.environ.get("MILLRACE_PG_VERSION") or 17)
        self.home = home(self.version)
        self.options = dict(CONFIGURATION, **(options or {}))
        if not fsync:
            self.options |= {"fsync": "off", "full_page_writes": "off"}
        self.hba = list(hba)
        self.port = free_port()
        # Short: the name of a Unix socket holds 107 bytes. Not below a home: user postgres must be able to enter.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mrpg", dir=os.environ.get("MILLRACE_TEST_TMP", "/tmp")))
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.log_file = self.folder / "log"
        self.socket_dir = str(self.folder)
        self.process = None
        self.certificates = None
        self._configured = False
        self._give(self.folder)
        if tls:
            self.certificates = Certificates(self.folder / "tls")
            self._give(self.certificates.server_key)
            self.options |= {
                "ssl": "on",
                "ssl_ca_file": self.certificates.ca,
                "ssl_cert_file": self.certificates.server_cert,
                "ssl_key_file": self.certificates.server_key,
            }

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()

    # Life

    def start(self):
        """Starts the server, making its data folder first when there is none; returns when it answers."""
        assert self.process is None, "already started"
        if not self._configured:
            if not self.data.exists():
                self.tool("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8",
                          "--locale=C.UTF-8", as_server=True)
            self._configure()
        # A test that dies, however it dies, takes its server along. The kernel minds the thread that starts the server,
        # so start servers in a thread that lives as long.
        command = self._as_server(["--pdeathsig=QUIT", self.home / "bin/postgres", "-D", self.data, "-p", str(self.port)])
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                            env=self.environment(), start_new_session=True)
        self._wait_until_ready()
        return self

    def stop(self, mode="fast", timeout=60):
        """Stops the server: "smart" waits for clients, "fast" ends them, "immediate" is a crash with a goodbye."""
        if self.process is None:
            return
        self.process.send_signal(STOP_SIGNALS[mode])
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            log = self.log_tail()
            self.kill()
            raise ServerError(f"{mode} shutdown took more than {timeout} s; server's log:\n{log}") from None
        self.process = None

    def kill(self):
        """SIGKILL to the server and all its processes, as the power cut of a process."""
        if self.process is None:
            return
        # The children would go by themselves, but only when they next look, and hold the port until then.
        pids = [self.process.pid] + self.children()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        while any(os.path.exists(f"/proc/{pid}") for pid in pids):
            time.sleep(0.005)
        self.process = None

    def restart(self, mode="fast"):
        """Stops (mode as for stop(), or "kill") and starts again, on the same port."""
        self.kill() if mode == "kill" else self.stop(mode)
        return self.start()

    def remove(self):
        """Stops the server if need be and deletes its folder."""
        try:
            self.stop("immediate")
        finally:
            if os.environ.get("MILLRACE_KEEP_SERVERS"):
                print(f"kept: {self.folder}")
            else:
                shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def children(self):
        """Process ids of the server's processes: walsenders, backends, writers."""
        pid = self.process.pid
        try:
            return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def configure(self, **options):
        """Changes settings in postgresql.conf and reloads; a setting of the server's start needs restart()."""
        self.options |= {name: str(value) for name, value in options.items()}
        self._configure()
        if self.running:
            self.execute("select pg_reload_conf()")

    def log_tail(self, lines=30):
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])

    # Clients

    def conninfo(self, dbname="postgres", user="postgres", **more):
        """A libpq connection string, over TCP; host=server.socket_dir for the Unix socket."""
        words = {"host": "127.0.0.1", "port": self.port, "dbname": dbname, "user": user, **more}
        quote = lambda value: "'" + str(value).replace("\\", r"\\").replace("'", r"\'") + "'"
        return " ".join(f"{name}={quote(value)}" for name, value in words.items())

    def connect(self, dbname="postgres", user="postgres", autocommit=True, **more):
        """A psycopg2 connection."""
        connection = psycopg2.connect(self.conninfo(dbname, user, **more))
        connection.autocommit = autocommit
        return connection

    def execute(self, sql, parameters=None, dbname="postgres", user="postgres"):
        """Runs SQL on a connection of its own and returns the last statement's rows, None when it has none."""
        connection = self.connect(dbname, user)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def value(self, sql, parameters=None, dbname="postgres"):
        """The first column of the first row; None without rows."""
        rows = self.execute(sql, parameters, dbname)
        return rows[0][0] if rows else None

    def wait_for(self, sql, expected=True, timeout=30, dbname="postgres"):
        """Asks until value(sql) equals `expected`."""
        deadline = time.monotonic() + timeout
        while (found := self.value(sql, dbname=dbname)) != expected:
            if time.monotonic() > deadline:
                raise ServerError(f"after {timeout} s {sql!r} gives {found!r}, not {expected!r}")
            time.sleep(0.02)

    def wal_end(self):
        """The end of the WAL, commits with synchronous_commit off included."""
        return self.value("select pg_current_wal_insert_lsn()::text")

    # The server's own programs

    def program(self, name):
        """The path of psql, pgbench, pg_recvlogical, pg_basebackup, pg_waldump ..."""
        return str(self.home / "bin" / name)

    def environment(self):
        """The environment for programs of the server: they connect to it without being told where it is."""
        return dict(os.environ, PATH=f"{self.home}/bin:{os.environ['PATH']}", LD_LIBRARY_PATH=f"{self.home}/lib",
                    PGHOST="127.0.0.1", PGPORT=str(self.port), PGUSER="postgres", PGDATABASE="postgres")

    def tool(self, name, *arguments, input=None, timeout=300, as_server=False):
        """Runs a program of the server and returns its standard output as bytes."""
        command = [self.program(name), *map(str, arguments)]
        if as_server:
            command = self._as_server(command)
        done = subprocess.run(command, input=input, capture_output=True, timeout=timeout, cwd="/", env=self.environment())
        if done.returncode != 0:
            raise ServerError(f"{name} ended with {done.returncode}:\n{done.stderr.decode(errors='replace')}")
        return done.stdout

    def psql(self, script, dbname="postgres"):
        """Runs a psql script (text), stopping at its first error; returns what it prints, unaligned, rows only."""
        return self.tool("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", dbname, "-f", "-", input=script.encode()).decode()

    def pgbench(self, *arguments, dbname="postgres"):
        return self.tool("pgbench", *arguments, dbname).decode()

    def recvlogical(self, slot, until=None, options=None, dbname="postgres"):
        """Reads a slot with pg_recvlogical up to an LSN (default: the end of the WAL now) and returns what came.

        Each message is followed by a newline, which pg_recvlogical adds.
        """
        arguments = ["--start", "-d", dbname, "-S", slot, "-f", "-", "--no-loop", f"--endpos={until or self.wal_end()}"]
        for name, value in (options or {}).items():
            arguments += ["-o", f"{name}={value}"]
        return self.tool("pg_recvlogical", *arguments)

    # Standbys

    def standby(self, options=None, slot="standby"):
        """A standby of this server, not yet started, streaming from it through a physical slot of this name."""
        self.execute("select pg_create_physical_replication_slot(%s)", [slot])
        standby = PostgresServer(self.version, {"hot_standby_feedback": "on", **(options or {})})
        try:
            # dbname: the worker that synchronizes failover slots needs it.
            standby.tool("pg_basebackup", "-d", self.conninfo(), "-D", standby.data, "-R", "-X", "stream", "-S", slot,
                         "--checkpoint=fast", "--no-sync", as_server=True)
        except BaseException:
            standby.remove()
            raise
        return standby

    def promote(self):
        """Makes a standby a primary; returns when it is."""
        self.execute("select pg_promote(true)")

    # Internals

    def _configure(self):
        options = self.options | {"unix_socket_directories": self.socket_dir}
        lines = [f"{name} = '" + str(value).replace("'", "''") + "'\n" for name, value in options.items()]
        (self.data / "postgresql.conf").write_text("".join(lines))
        (self.data / "pg_hba.conf").write_text("\n".join([*self.hba, *TRUST, *TRUST_REPLICATION, ""]))
        self._configured = True

    def _wait_until_ready(self, timeout=60):
        # Line 8 of postmaster.pid tells what the server thinks of itself; line 1 is its process id.
        deadline = time.monotonic() + timeout
        while True:
            if self.process.poll() is not None:
                self.process = None
                raise ServerError(f"the server did not start; its log:\n{self.log_tail()}")
            try:
                lines = (self.data / "postmaster.pid").read_text().splitlines()
            except FileNotFoundError:
                lines = []
            if len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready":
                return
            if time.monotonic() > deadline:
                log = self.log_tail()
                self.kill()
                raise ServerError(f"the server was not ready after {timeout} s; its log:\n{log}")
            time.sleep(0.01)

    def _as_server(self, arguments):
        identity = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        return ["setpriv", *identity, *map(str, arguments)]

    def _give(self, path):
        if os.geteuid() == 0:
            shutil.chown(path, "postgres", "postgres")
