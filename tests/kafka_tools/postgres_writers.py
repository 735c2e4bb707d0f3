# SPDX-License-Identifier: Apache-2.0
"""The workload on a real PostgreSQL: writers side by side, and what the server knows at the end.

    workload = PostgresWorkload(server, Shape(writers=8))
    workload.create()                  tables, first rows, the second slot that tells the order of commits
    pipeline.start()
    with workload.writing():           or start() and stop()
        ...
    truth = workload.truth()
"""

import contextlib
import io
import random
import threading
import time

import psycopg2
from psycopg2 import extensions

from truth import Truth, lsn_number
from workload import COPY_ROWS_MIN, Writer

AS_IN_LIFE = (extensions.QueryCanceledError, extensions.TransactionRollbackError, psycopg2.errors.LockNotAvailable)


class PostgresSession:
    """A writer's connection."""

    def __init__(self, connection, tables):
        self.connection = connection
        self.cursor = connection.cursor()
        self.tables = tables
        self.cursor.execute("set lock_timeout = '2s'; set deadlock_timeout = '20ms'")
        connection.commit()

    def begin(self):
        self.cursor.execute("select pg_current_xact_id()::text::bigint")
        self.xid = self.cursor.fetchone()[0]
        return self.xid

    def read(self, table, key):
        where = " and ".join(f"{column} = %s" for column in self.tables[table].key)
        self.cursor.execute(f"select * from {table} where {where} for update", key)
        return dict(zip(self.tables[table].columns, self.cursor.fetchone()))

    def insert(self, table, rows):
        columns = list(self.tables[table].columns)
        if len(rows) >= COPY_ROWS_MIN:
            text = "".join("\t".join(_copy_text(row[column]) for column in columns) + "\n" for row in rows)
            return self.cursor.copy_from(io.StringIO(text), table, columns=columns)
        values = ", ".join(["(" + ", ".join(["%s"] * len(columns)) + ")"] * len(rows))
        self.cursor.execute(f"insert into {table} values {values}", [row[column] for row in rows for column in columns])

    def update(self, table, key, row, changed):
        self._one(f"update {table} set {', '.join(f'{column} = %s' for column in changed)} where {self._where(table)}",
                  [row[column] for column in changed] + list(key))

    def delete(self, table, key):
        self._one(f"delete from {table} where {self._where(table)}", list(key))

    def message(self, prefix, text):
        self.cursor.execute("select pg_logical_emit_message(true, %s, %s)", (prefix, text))

    def savepoint(self):
        self.cursor.execute("savepoint s")

    def rollback_to_savepoint(self):
        self.cursor.execute("rollback to s")

    def commit(self):
        self.connection.commit()

    def rollback(self):
        self.connection.rollback()

    def _where(self, table):
        return " and ".join(f"{column} = %s" for column in self.tables[table].key or ("writer", "n"))

    def _one(self, sql, values):
        self.cursor.execute(sql, values)
        assert self.cursor.rowcount == 1, f"{sql}: {self.cursor.rowcount} rows"


def _copy_text(value):
    if value is None:
        return r"\N"
    return str(value).replace("\\", r"\\").replace("\n", r"\n").replace("\t", r"\t").replace("\r", r"\r")


class PostgresWorkload:
    """The writers of a shape on a server; one at a time per server, as its tables have fixed names.

    prefix  the topic.prefix of the pipeline
    """

    def __init__(self, server, shape, prefix="p", judge="judge"):
        self.server = server
        self.shape = shape
        self.prefix = prefix
        self.judge = judge
        self.tables = shape.tables()
        self.writers = [Writer(shape, number) for number in range(1, shape.writers + 1)]
        self.commits = 0
        self.pause_s = 0.0  # mean of the time between a writer's transactions; may be changed while they write
        self.failures = []

    @property
    def include_list(self):
        return ",".join(f"public\\.{name}" for name in self.tables)

    def create(self):
        self.server.execute("".join(table.create() for table in self.tables.values()))
        for name, rows in self.shape.first_rows().items():
            with self.server.connect() as connection:
                session = PostgresSession(connection, self.tables)
                session.insert(name, rows)
        self.server.execute("select pg_create_logical_replication_slot(%s, 'test_decoding')", [self.judge])

    def drop(self):
        self.server.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s",
                            [self.judge])
        self.server.execute(f"drop table if exists {', '.join(self.tables)}")

    # Writing

    @contextlib.contextmanager
    def writing(self, pause_s=0.0):
        self.start(pause_s)
        try:
            yield self
        finally:
            self.stop()

    def start(self, pause_s=0.0):
        self.pause_s = pause_s
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(writer,)) for writer in self.writers]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Ends the writers behind their last commits; fails when one of them did."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, self.failures

    def run(self, transactions):
        """So many committed transactions by all writers in turn, in this thread."""
        order = random.Random(self.shape.seed)
        with contextlib.ExitStack() as stack:
            sessions = {}
            for writer in self.writers:
                connection = stack.enter_context(contextlib.closing(self.server.connect(autocommit=False)))
                sessions[writer] = PostgresSession(connection, self.tables)
            while transactions > 0:
                writer = order.choice(self.writers)
                transactions -= writer.run(sessions[writer])

    def _write(self, writer):
        pauses = random.Random(writer.number)
        try:
            with contextlib.closing(self.server.connect(autocommit=False)) as connection:
                session = PostgresSession(connection, self.tables)
                while not self.stopping.is_set():
                    try:
                        self.commits += writer.run(session)
                    except AS_IN_LIFE:  # a deadlock, or a lock that took too long
                        connection.rollback()
                    if self.pause_s:
                        time.sleep(pauses.expovariate(1 / self.pause_s))
        except Exception as error:  # the test's own thread tells
            self.failures.append(f"writer {writer.number}: {type(error).__name__} {error}")

    # Knowing

    def truth(self):
        """What the server knows; nobody writes any more."""
        rows = {}
        for name, table in self.tables.items():
            found = self.server.execute(f"select * from {name}")
            rows[name] = [dict(zip(table.columns, row)) for row in found]
        return Truth(self.shape, self.prefix, rows, self.commits_in_order())

    def commits_in_order(self):
        """[(xid, LSN of the commit's end)] of the writers' transactions."""
        found = self.server.execute(
            "select lsn::text, xid::text::bigint, data like 'COMMIT%%' from pg_logical_slot_peek_changes(%s, null, null, "
            "'include-xids', 'off') where data like 'COMMIT%%' or data like 'table public.progress: UPDATE%%'", [self.judge])
        marked = {xid for _, xid, is_commit in found if not is_commit}
        return [(xid, lsn_number(lsn)) for lsn, xid, is_commit in found if is_commit and xid in marked]
