# SPDX-License-Identifier: Apache-2.0
"""The logs that are drained: each a table, a procedure that fills it, and what must come out."""

import contextlib
import dataclasses

# Six columns, some 124 bytes a row on the wire; or a text that brings it to 1 KB.
TABLE = """create table {name} (id bigint primary key, account int not null, balance int not null, amount numeric(12,2),
                                at timestamptz not null, note text)"""
# Per transaction of n changes: 60 % inserts, 30 % updates, 10 % deletes, of rows of this and the previous transaction.
MIXED = """create procedure fill_{name}(transactions int, n int) language plpgsql as $$
declare base bigint;
begin
  for t in 0 .. transactions - 1 loop
    base := t::bigint * n;
    insert into {name} select base + i, i % 977, (i * 7919) % 100000, (i % 10007) / 100.0,
                              timestamptz '2024-05-06 07:08:09.123456+00' + i * interval '1 second', {note}
                       from generate_series(0, n * 6 / 10 - 1) i;
    update {name} set balance = balance + 1, note = {note_after} where id >= base and id < base + n * 3 / 10;
    delete from {name} where id >= base + n * 3 / 10 and id < base + n * 4 / 10;
    commit;
  end loop;
end $$"""
SINGLE = """create procedure fill_{name}(transactions int, n int) language plpgsql as $$
begin
  for t in 0 .. transactions - 1 loop
    insert into {name} values (t, t % 977, (t * 7919::bigint) % 100000, (t % 10007) / 100.0,
                               timestamptz '2024-05-06 07:08:09.123456+00' + t * interval '1 second', {note});
    commit;
  end loop;
end $$"""
GIANT = """create procedure fill_{name}(transactions int, n int) language plpgsql as $$
begin
  insert into {name} select i, i % 977, (i * 7919::bigint) % 100000, (i % 10007) / 100.0,
                            timestamptz '2024-05-06 07:08:09.123456+00' + i * interval '1 second', {note}
                     from generate_series(0::bigint, transactions::bigint * n - 1) i;
  commit;
end $$"""
SHORT = "'note ' || ({i} % 1013)"
LONG = "repeat(md5(({i} % 1013)::text), 31)"


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    title: str
    procedure: str
    transactions: int
    changes: int  # a transaction
    note: str = SHORT

    @property
    def rows(self):
        return self.transactions * self.changes

    @property
    def records(self):
        """What becomes of it: a delete is followed by a tombstone."""
        return self.rows + (self.transactions * (self.changes // 10) if self.procedure is MIXED else 0)

    def scaled(self, scale):
        return dataclasses.replace(self, transactions=max(1, round(self.transactions * scale)))

    def make(self, server):
        """Creates table, publication and slot, then writes the log. Returns the LSN behind its last commit."""
        counter = "t" if self.procedure is SINGLE else "i"
        note = self.note.format(i=counter)
        after = self.note.format(i="id").replace("'note '", "'Note '")
        server.execute(TABLE.format(name=self.name))
        # Nothing is to be read from a side table of long values: text stays in the row.
        server.execute(f"alter table {self.name} alter note set storage plain")
        server.execute(self.procedure.format(name=self.name, note=note, note_after=after))
        server.execute(f"create publication {self.name} for table {self.name}")
        server.execute(f"select pg_create_logical_replication_slot('{self.name}', 'pgoutput')")
        with contextlib.closing(server.connect()) as connection:
            with connection.cursor() as cursor:
                cursor.execute("set synchronous_commit = off")
                cursor.execute(f"call fill_{self.name}({self.transactions}, {self.changes})")
        # A last commit that is flushed, and with it all before.
        server.execute("set synchronous_commit = on; select txid_current()")
        return server.value("select pg_current_wal_flush_lsn()::text")


WORKLOADS = {workload.name: workload for workload in (
    Workload("small", "2 M small changes, 1,000 a transaction", MIXED, 2000, 1000),
    Workload("big", "700 k changes of 1 KB, 1,000 a transaction", MIXED, 700, 1000, LONG),
    Workload("single", "300 k transactions of one row", SINGLE, 300_000, 1),
    Workload("giant", "one transaction of 5 M rows", GIANT, 5000, 1000),
)}
