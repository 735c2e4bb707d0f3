# SPDX-License-Identifier: Apache-2.0
"""What the writers do, so that everything a checker must know stands in the rows themselves.

Each writer runs transactions of many shapes, numbered without gaps over those that commit:

    lines_<i>   rows of one's own, numbered per writer: inserted alone, in rows and by COPY, updated, deleted, moved to
                another key; a long `pad` that an update leaves alone is not in the log
    registers   rows that all writers fight for: each change raises `version` by one
    accounts    a bank: transfers change the rows and never, at a transaction's end, their total
    notes       without a key: inserted and updated
    progress    the mark: each transaction's last change, with its number, its count of changes, their digest, and a
                chain of the digests of all transactions of this writer
    messages    transactional logical messages, some of the time: the digest so far

Every row carries a seal (a digest of its other columns) and the xid that wrote it. A digest is a sum, so that the order in
which records are gathered from partitions does not matter; order is told by positions and numbers.

The writers do not know whom they write to: `session` is a real server's (postgres_session.py) or the model's (model.py):

    begin() -> xid, commit(), rollback(), savepoint(), rollback_to_savepoint()
    read(table, key) -> row or None, locked    insert(table, rows)    update(table, key, row, changed columns)
    delete(table, key)    message(prefix, text)
"""

import copy
import dataclasses
import hashlib
import json
import random

PAD_UNCHANGED = "__debezium_unavailable_value"
DIGEST_MODULUS = 1 << 128
COPY_ROWS_MIN = 100


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of the workload: columns in order with their types, the key's columns, what an old row image holds."""

    name: str
    columns: dict
    key: tuple
    identity_full: bool = False

    @property
    def qualified(self):
        return f"public.{self.name}"

    def key_of(self, row):
        return tuple(row[column] for column in self.key)

    def identify(self, row):
        """What tells the table's rows apart, also in the one that has no key."""
        return self.key_of(row) if self.key else (row["writer"], row["n"])

    def create(self):
        columns = ", ".join(f"{name} {type}" for name, type in self.columns.items())
        key = f", primary key ({', '.join(self.key)})" if self.key else ""
        identity = f"; alter table {self.name} replica identity full" if self.identity_full else ""
        return f"create table {self.name} ({columns}{key}){identity};"


WRITTEN = {"txn": "bigint", "xid": "bigint", "seal": "text"}
LINE = {"writer": "int", "n": "bigint", "version": "int", "pad": "text", "note": "text", **WRITTEN}


@dataclasses.dataclass(frozen=True)
class Shape:
    """How large the workload is; a checker needs the same one."""

    writers: int = 4
    line_tables: int = 3
    accounts: int = 8
    registers: int = 6
    balance: int = 1000
    bulk_rows: int = 300  # of the largest transactions
    seed: int = 1

    def tables(self):
        found = [Table(f"lines_{i}", LINE, ("writer", "n"), identity_full=i % 2 == 1) for i in range(self.line_tables)]
        found.append(Table("registers", {"name": "text", "version": "int", "writer": "int", **WRITTEN}, ("name",)))
        found.append(Table("accounts", {"id": "int", "balance": "bigint", "version": "int", "writer": "int", **WRITTEN},
                           ("id",), identity_full=True))
        found.append(Table("notes", {"writer": "int", "n": "bigint", "version": "int", "body": "text", **WRITTEN}, (),
                           identity_full=True))
        found.append(Table("progress", {"writer": "int", "changes": "int", "digest": "text", "chain": "text", **WRITTEN},
                           ("writer",)))
        return {table.name: table for table in found}

    def register_names(self):
        # Keys with quotes, umlauts and something beyond the BMP: their bytes are what is hashed.
        return [f"r{i}" + ["", '"', "é", "\\", "𝄞"][i % 5] for i in range(self.registers)]

    def first_rows(self):
        """{table: rows} that stand there before the first transaction; their xid is 0."""
        tables = self.tables()
        nobody = {"writer": 0, "txn": 0, "xid": 0, "version": 0}
        rows = {
            "registers": [{"name": name} | nobody for name in self.register_names()],
            "accounts": [{"id": i, "balance": self.balance} | nobody for i in range(self.accounts)],
            "progress": [{"changes": 0, "digest": "", "chain": ""} | nobody | {"writer": writer}
                         for writer in range(1, self.writers + 1)],
        }
        return {name: [sealed(tables[name], row) for row in found] for name, found in rows.items()}


def canonical(value):
    """JSON as the product writes it: no blanks, UTF-8, a surrogate pair beyond the BMP."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if not text.isascii() and max(text) > "\uffff":
        text = "".join(c if c <= "\uffff" else json.dumps(c)[1:-1].upper().replace("\\U", "\\u") for c in text)
    return text.encode()


def digest_of(value):
    return hashlib.blake2b(canonical(value), digest_size=16).hexdigest()


def sealed(table, row):
    """The row with its columns in order and its seal made anew."""
    row = {column: row[column] for column in table.columns if column != "seal"}
    return row | {"seal": digest_of(list(row.values()))}


def seal_is_right(row):
    values = [value for column, value in row.items() if column != "seal"]
    return row.get("seal") == digest_of(values)


def change_digest(kind, table, key, row):
    """A change as a number. kind: c, u, d, k (moved from `key`), m (a message: key is its prefix, row its text)."""
    return int(digest_of([kind, table, list(key), row]), 16)


def digest_text(total):
    return f"{total % DIGEST_MODULUS:032x}"


def chain(before, txn, digest):
    return digest_of([before, txn, digest])


class Writer:
    """One writer: what it will do next depends on its seed and its number alone."""

    def __init__(self, shape, number):
        self.shape = shape
        self.number = number
        self.random = random.Random(shape.seed * 1000 + number)
        self.tables = shape.tables()
        self.mine = {}  # {(table, n): row} of lines and notes that are committed
        self.next_n = {}
        self.txn = 0
        self.chain = ""
        self.rolled_back = 0

    def run(self, session):
        """One transaction. True when it was committed; an exception of the session leaves the writer as it was."""
        draft = Draft(self, session)
        for _ in range(self.random.choice([1, 1, 2, 3, 5])):
            step = self.random.choices(Draft.STEPS, Draft.WEIGHTS)[0]
            if self.random.random() < 0.12:
                draft.regret(step)
            else:
                step(draft)
        draft.mark()
        if self.random.random() < 0.08:
            session.rollback()
            self.rolled_back += 1
            return False
        session.commit()
        self.take_over(draft)
        return True

    def take_over(self, draft):
        self.mine, self.next_n = draft.mine, draft.next_n
        self.txn, self.chain = draft.txn, draft.chain


class Draft:
    """A transaction being made."""

    def __init__(self, writer, session):
        self.writer = writer
        self.session = session
        self.random = writer.random
        self.tables = writer.tables
        self.mine = dict(writer.mine)
        self.next_n = dict(writer.next_n)
        self.txn = writer.txn + 1
        self.changes = 0
        self.total = 0
        self.xid = session.begin()

    # Changes, each counted

    def _count(self, kind, table, key, row):
        self.changes += 1
        self.total += change_digest(kind, table, key, row)

    def _row(self, table, **values):
        return sealed(self.tables[table], values | {"writer": self.writer.number, "txn": self.txn, "xid": self.xid})

    def _insert(self, table, rows):
        self.session.insert(table, rows)
        for row in rows:
            self._count("c", table, self.tables[table].identify(row), row)
            self.mine[table, row["n"]] = row

    def _update(self, table, old, **values):
        shape = self.tables[table]
        row = self._row(table, **old | values)
        self.session.update(table, shape.identify(old), row, [name for name in row if row[name] != old[name]])
        moved = shape.identify(row) != shape.identify(old)
        self._count("k" if moved else "u", table, shape.identify(old), row)
        return row

    # Steps

    def _new_lines(self, table, count):
        first = self.next_n.get(table, 1)
        self.next_n[table] = first + count
        return [self._row(table, n=n, version=1, pad=self._pad(), note=self.random.choice([None, "", "n\"\\\né", "𝄞"]))
                for n in range(first, first + count)]

    def _pad(self):
        # Long ones are stored out of line (about 2 kB and not to be compressed).
        size = self.random.choice([0, 10, 10, 60, 200, 5000]) if self.random.random() < 0.5 else 20
        return "".join(self.random.choices("abcdefghijklmnopqrstuvwxyzäß0123456789", k=size)) if size < 1000 else \
            self.random.randbytes(size // 2).hex()

    def _line_table(self):
        return f"lines_{self.random.randrange(self.writer.shape.line_tables)}"

    def _some_lines(self, count):
        """Rows of one's own, the newest more often, without those of other tables."""
        found = [place for place in list(self.mine)[-60:] if place[0].startswith("lines_")]
        return self.random.sample(found, min(count, len(found)))

    def insert_lines(self):
        table = self._line_table()
        self._insert(table, self._new_lines(table, self.random.choice([1, 1, 1, 2, 5])))

    def bulk(self):
        table = self._line_table()
        self._insert(table, self._new_lines(table, self.random.randint(COPY_ROWS_MIN, self.writer.shape.bulk_rows)))

    def update_lines(self):
        for table, n in self._some_lines(self.random.choice([1, 2, 4])):
            old = self.mine[table, n]
            changed = {"pad": self._pad()} if self.random.random() < 0.4 else {"note": f"v{old['version'] + 1}"}
            self.mine[table, n] = self._update(table, old, version=old["version"] + 1, **changed)

    def delete_lines(self):
        for table, n in self._some_lines(self.random.choice([1, 1, 3])):
            row = self.mine.pop((table, n))
            self.session.delete(table, (row["writer"], n))
            self._count("d", table, (row["writer"], n), None)

    def move_lines(self):
        for table, n in self._some_lines(1):
            old = self.mine.pop((table, n))
            new_n = self.next_n[table]
            self.next_n[table] += 1
            self.mine[table, new_n] = self._update(table, old, n=new_n, version=old["version"] + 1)

    def bump_registers(self):
        names = self.random.sample(self.writer.shape.register_names(), self.random.choice([1, 1, 2]))
        for name in sorted(names):  # locks are taken in one order by all
            old = self.session.read("registers", (name,))
            self._update("registers", old, version=old["version"] + 1)

    def transfer(self):
        accounts = sorted(self.random.sample(range(self.writer.shape.accounts), self.random.choice([2, 2, 3])))
        rows = [self.session.read("accounts", (account,)) for account in accounts]
        amounts = [self.random.randint(-50, 50) for _ in accounts[1:]]
        for row, amount in zip(rows, [-sum(amounts), *amounts]):
            self._update("accounts", row, version=row["version"] + 1, balance=row["balance"] + amount)

    def take_note(self):
        n = self.next_n.get("notes", 1)
        self.next_n["notes"] = n + 1
        self._insert("notes", [self._row("notes", n=n, version=1, body=f"note {n}")])

    def correct_note(self):
        notes = [place for place in list(self.mine)[-200:] if place[0] == "notes"]
        for place in self.random.sample(notes, min(1, len(notes))):
            old = self.mine[place]
            self.mine[place] = self._update("notes", old, version=old["version"] + 1)

    def send_message(self):
        text = canonical({"writer": self.writer.number, "txn": self.txn, "xid": self.xid, "changes": self.changes,
                          "digest": digest_text(self.total)}).decode()
        prefix = f"mark-{self.writer.number % 3}"
        self.session.message(prefix, text)
        self._count("m", "", (prefix,), text)

    STEPS = [insert_lines, update_lines, delete_lines, move_lines, bump_registers, transfer, take_note, correct_note,
             send_message, bulk]
    WEIGHTS = [30, 25, 12, 8, 12, 12, 6, 5, 12, 1]

    def regret(self, step):
        """A step in a subtransaction that is rolled back: nothing of it may be seen."""
        kept = {name: copy.copy(getattr(self, name)) for name in ("mine", "next_n", "changes", "total")}
        self.session.savepoint()
        step(self)
        self.session.rollback_to_savepoint()
        vars(self).update(kept)

    def mark(self):
        """The transaction's last change."""
        digest = digest_text(self.total)
        self.chain = chain(self.writer.chain, self.txn, digest)
        row = self._row("progress", changes=self.changes, digest=digest, chain=self.chain)
        self.session.update("progress", (self.writer.number,), row, [name for name in row if name != "writer"])
