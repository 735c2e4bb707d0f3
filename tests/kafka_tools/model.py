# SPDX-License-Identifier: Apache-2.0
"""Recordings without servers: the workload on a database of dictionaries, its changes as records, a broker of lists.

The model has what makes real recordings hard to judge: transactions whose positions overlap, rows that share a position,
values that are not in the log, a snapshot under way, runs that die with partitions at different places and are repeated.
"""

import base64
import dataclasses
import random
import uuid

import partitions
from recording import Record, Recording
from truth import Truth
from workload import COPY_ROWS_MIN, PAD_UNCHANGED, Writer, canonical

PREFIX = "p"
TOAST_MIN = 2000
EPOCH_US = 1_795_000_000_000_000


@dataclasses.dataclass
class Change:
    kind: str  # c, u, d, m
    table: str
    old: dict | None
    new: dict | None  # of a message: prefix and text
    unchanged: tuple = ()  # columns that an update left alone
    group: int = 0  # rows of one COPY share positions
    lsn: int = 0


@dataclasses.dataclass
class Transaction:
    xid: int
    changes: list
    commit_lsn: int = 0
    previous_commit: int = 0
    time_us: int = 0


class ModelDatabase:
    """Executes transactions one after the other; their positions in the log overlap all the same."""

    def __init__(self, shape, seed):
        self.shape = shape
        self.tables = shape.tables()
        self.random = random.Random(seed)
        self.rows = {name: {} for name in self.tables}
        for name, rows in shape.first_rows().items():
            self.rows[name] = {self.tables[name].identify(row): row for row in rows}
        self.next_xid = 700
        self.lsn = 0x1500000
        self.last_commit = 0
        self.behind_message = False
        self.time_us = EPOCH_US
        self.waiting = []
        self.log = []

    def committed(self, transaction):
        self.waiting.append(transaction)
        if self.random.random() < 0.5:
            self.write_log()

    def write_log(self):
        """Gives the waiting transactions their places: changes mixed at random, commits in order."""
        ahead = [list(transaction.changes) for transaction in self.waiting]
        while self.waiting:
            able = [changes for changes in ahead if changes]
            if not ahead[0] and self.random.random() < 0.5 or not able:
                self._commit(self.waiting.pop(0))
                ahead.pop(0)
                continue
            changes = self.random.choice(able)
            change = changes.pop(0)
            # A message's position is its end, where the next entry begins.
            self.lsn += 0 if self.behind_message else self.random.randrange(40, 400, 8)
            self.behind_message = change.kind == "m"
            change.lsn = self.lsn
            while changes and change.group and changes[0].group == change.group:
                changes.pop(0).lsn = self.lsn

    def _commit(self, transaction):
        self.lsn += 48
        self.behind_message = False
        self.time_us += self.random.randrange(1, 40_000)
        transaction.commit_lsn, transaction.previous_commit, transaction.time_us = self.lsn, self.last_commit, self.time_us
        self.last_commit = self.lsn
        self.log.append(transaction)


class ModelSession:
    """A writer's connection to the model."""

    def __init__(self, database):
        self.database = database
        self.groups = 0

    def begin(self):
        self.database.next_xid += 1
        self.transaction = Transaction(self.database.next_xid, [])
        self.undo = []
        return self.transaction.xid

    def read(self, table, key):
        return self.database.rows[table].get(key)

    def insert(self, table, rows):
        for i, row in enumerate(rows):
            if len(rows) >= COPY_ROWS_MIN and i % 40 == 0:
                self.groups += 1
            self._change(Change("c", table, None, row, group=self.groups if len(rows) >= COPY_ROWS_MIN else 0))

    def update(self, table, key, row, changed):
        old = self.database.rows[table][key]
        self._change(Change("u", table, old, row, tuple(column for column in row if column not in changed)))

    def delete(self, table, key):
        self._change(Change("d", table, self.database.rows[table][key], None))

    def message(self, prefix, text):
        self._change(Change("m", "", None, {"prefix": prefix, "text": text}))

    def savepoint(self):
        self.kept = len(self.transaction.changes)

    def rollback_to_savepoint(self):
        while len(self.transaction.changes) > self.kept:
            self._revert(self.transaction.changes.pop())

    def commit(self):
        self.database.committed(self.transaction)

    def rollback(self):
        self.kept = 0
        self.rollback_to_savepoint()

    def _change(self, change):
        self.transaction.changes.append(change)
        self._put(change.table, change.old, change.new)

    def _revert(self, change):
        self._put(change.table, change.new, change.old)

    def _put(self, table, old, new):
        if not table:
            return
        rows, identify = self.database.rows[table], self.database.tables[table].identify
        if old is not None:
            del rows[identify(old)]
        if new is not None:
            rows[identify(new)] = new


@dataclasses.dataclass
class Piece:
    """A record before it is sent: what a run adds is left open."""

    topic: str
    partition: int
    key: bytes | None
    value: dict | None
    own_headers: tuple = ()
    context: bool = True


class ModelPipeline:
    """Makes records of the log as the product does."""

    def __init__(self, database, partition_counts):
        self.database = database
        self.counts = partition_counts

    def records_of(self, transaction):
        """A list of pieces per change."""
        return [self._pieces(transaction, change) for change in transaction.changes]

    def snapshot(self, rows, xid, lsn, time_us):
        """A list of pieces per row."""
        everything = [(name, row) for name, found in rows.items() for row in found.values()]
        made = []
        for i, (name, row) in enumerate(everything):
            marker = "first" if i == 0 else "last" if i == len(everything) - 1 else "true"
            source = self._source(time_us, f'[null,"{lsn}"]', name, xid, lsn, marker)
            made.append([self._piece(name, self._key(name, row), self._value(None, row, source, "r"), lsn)])
        return made

    def _pieces(self, transaction, change):
        previous = f'"{transaction.previous_commit}"' if transaction.previous_commit else "null"
        sequence = f'[{previous},"{change.lsn}"]'
        source = self._source(transaction.time_us, sequence, change.table, transaction.xid, change.lsn)
        if change.kind == "m":
            content = base64.b64encode(change.new["text"].encode()).decode()
            value = {"op": "m", "ts_ms": None, "source": source, "transaction": None,
                     "message": {"prefix": change.new["prefix"], "content": content}}
            return [self._piece("message", canonical({"prefix": change.new["prefix"]}), value, change.lsn, context=False)]
        table = self.database.tables[change.table]
        old_key, new_key = self._key(change.table, change.old), self._key(change.table, change.new)
        before = change.old
        if before is not None and not table.identity_full:
            before = {column: value if column in table.key else None for column, value in before.items()}
        after = change.new
        if change.kind == "u" and not table.identity_full:
            after = {column: PAD_UNCHANGED if column in change.unchanged and isinstance(value, str) and len(value) > TOAST_MIN
                     else value for column, value in after.items()}
        moved = change.kind == "u" and old_key != new_key
        if change.kind == "d" or moved:
            header = (("__debezium.newkey", new_key),) if moved else ()
            pieces = [self._piece(change.table, old_key, self._value(before, None, source, "d"), change.lsn, header),
                      self._piece(change.table, old_key, None, change.lsn, header)]
            if moved:
                pieces.append(self._piece(change.table, new_key, self._value(None, after, source, "c"), change.lsn,
                                          (("__debezium.oldkey", old_key),)))
            return pieces
        if change.kind == "u" and not table.identity_full:
            before = None
        return [self._piece(change.table, new_key, self._value(before, after, source, change.kind), change.lsn)]

    def _piece(self, table, key, value, lsn, own_headers=(), context=True):
        topic = f"{PREFIX}.message" if table == "message" else f"{PREFIX}.public.{table}"
        count = self.counts[topic]
        partition = partitions.of_position(f"public.{table}", lsn, count) if key is None else partitions.of_key(key, count)
        return Piece(topic, partition, key, value, own_headers, context)

    def _key(self, table, row):
        columns = self.database.tables[table].key if table else ()
        return canonical({column: row[column] for column in columns}) if row is not None and columns else None

    @staticmethod
    def _value(before, after, source, op):
        return {"before": before, "after": after, "source": source, "transaction": None, "op": op, "ts_ms": None,
                "ts_us": None, "ts_ns": None}

    @staticmethod
    def _source(time_us, sequence, table, xid, lsn, snapshot="false"):
        return {"version": "0.1.0", "connector": "postgresql", "name": PREFIX, "ts_ms": time_us // 1000, "snapshot": snapshot,
                "db": "postgres", "sequence": sequence, "ts_us": time_us, "ts_ns": time_us * 1000,
                "schema": "public" if table else "", "table": table, "txId": xid, "lsn": lsn, "xmin": None, "origin": None,
                "origin_lsn": None}


class ModelBroker:
    """Logs of partitions, written by one run after the other."""

    def __init__(self, counts, seed):
        self.counts = counts
        self.random = random.Random(seed)
        self.logs = {(topic, n): [] for topic, count in counts.items() for n in range(count)}
        self.clock_us = EPOCH_US + 3_600_000_000

    def deliver(self, changes, crashes):
        """Sends a list of changes (lists of pieces); each crash leaves the partitions at different places, and the next run
        goes on from before all of them."""
        begin = 0
        for life in range(crashes + 1):
            run = str(uuid.UUID(int=self.random.getrandbits(128), version=4)).encode()
            last = life == crashes
            end = len(changes) if last else self.random.randint(begin, len(changes))
            reached = {place: end if last else max(begin, end - self.random.randrange(60)) for place in self.logs}
            for i in range(begin, end):
                self.clock_us += self.random.randrange(2000)
                for piece in changes[i]:
                    if i < reached[piece.topic, piece.partition]:
                        self._append(piece, run)
            begin = max(begin, min(reached.values()) - self.random.randrange(30))
            self.clock_us += 500_000

    def break_off(self, changes):
        """Sends some of them, and the run ends: these come never again."""
        self.deliver(changes[:self.random.randrange(len(changes))], 0)

    def _append(self, piece, run):
        log = self.logs[piece.topic, piece.partition]
        value = piece.value
        if value is not None:
            clock = {"ts_ms": self.clock_us // 1000, "ts_us": self.clock_us, "ts_ns": self.clock_us * 1000}
            value = canonical({name: clock.get(name, field) for name, field in value.items()})
        headers = piece.own_headers
        if piece.context:
            context = [PREFIX.encode(), b"0", b"postgresql", run]
            names = ["connectorLogicalName", "taskId", "connectorName", "runId"]
            headers += tuple((f"__debezium.context.{name}", text) for name, text in zip(names, context))
        log.append(Record(piece.topic, piece.partition, len(log), 1, self.clock_us // 1000, piece.key, value, headers))

    def recording(self):
        watermarks = {topic: [(0, len(self.logs[topic, n])) for n in range(count)] for topic, count in self.counts.items()}
        return Recording(dict(self.counts), [record for log in self.logs.values() for record in log], watermarks)


def generate(shape, transactions, seed, *, partition_count=3, snapshot_at=0, crashes=0, broken_snapshots=0):
    """A recording of so many transactions and its truth. With snapshot_at=n the first n transactions are only in the
    snapshot, and a few more for each one that is broken off; crashes happen in the stream."""
    database = ModelDatabase(shape, seed)
    topics = [f"{PREFIX}.public.{name}" for name in database.tables] + [f"{PREFIX}.message"]
    counts = {topic: 1 if topic.endswith("message") else partition_count for topic in topics}
    pipeline, broker = ModelPipeline(database, counts), ModelBroker(counts, seed)
    writers = [Writer(shape, number) for number in range(1, shape.writers + 1)]
    order = random.Random(seed)

    def work(count):
        done = 0
        while done < count:
            done += order.choice(writers).run(ModelSession(database))
        database.write_log()

    def snapshot():
        return pipeline.snapshot(database.rows, database.next_xid, database.lsn, database.time_us)

    work(snapshot_at)
    for _ in range(broken_snapshots):
        broker.break_off(snapshot())
        work(5)
    broker.deliver(snapshot(), 0)
    snapshotted = len(database.log)
    # Like the product at its first start behind a slot: it has seen no commit yet.
    database.last_commit = 0
    work(transactions)
    streamed = database.log[snapshotted:]
    changes = [pieces for transaction in streamed for pieces in pipeline.records_of(transaction)]
    broker.deliver(changes, crashes)
    truth = Truth(shape, PREFIX, {name: list(found.values()) for name, found in database.rows.items()},
                  [(transaction.xid, transaction.commit_lsn) for transaction in database.log])
    return broker.recording(), truth
