# SPDX-License-Identifier: Apache-2.0
"""Damages a recording the way a faulty replicator or broker would, one error of a chosen class at a time. Offsets are made
dense again: a record that was never produced leaves no hole."""

import collections
import json
import random
import re

import partitions
from envelope import CLOCK_SLACK_MS, RUN, timeless
from findings import KINDS
from recording import Recording
from workload import canonical, sealed

LSN = re.compile(rb'"lsn":(\d+)')
RUN_HEADER = "__debezium.context.runId"


def parts_of(record):
    """[(what, bytes or None)]: key, value, the values of the headers by their numbers."""
    return [("key", record.key), ("value", record.value), *((n, value) for n, (_, value) in enumerate(record.headers))]


def with_part(record, what, data):
    """The record with another key, value or header's value."""
    if what in ("key", "value"):
        return record._replace(**{what: data})
    headers = list(record.headers)
    headers[what] = (headers[what][0], data)
    return record._replace(headers=tuple(headers))


class Mutator:
    """Each method makes one error at a random place: (damaged recording, what was done). LookupError: there is no such place.

    A record that stands there twice, because a run repeated it, can lose one copy without harm, and so can a snapshot that was
    broken off: such ones are left alone where that matters.
    """

    def __init__(self, recording, shape, seed):
        self.recording = recording
        self.tables = shape.tables()
        self.random = random.Random(seed)
        self.logs = recording.by_partition()
        self.copies = collections.Counter(self._copy(record) for record in recording.records)
        self.snapshot = max((self._lsn(record) for record in recording.records if self._is_read(record)), default=0)

    def lost(self):
        """A record is gone, its tombstone with it."""
        place, i = self._pick(lambda record: record.value is not None and self._once(record))
        log = self.logs[place]
        count = 2 if i + 1 < len(log) and log[i + 1].value is None else 1
        return self._with(place, log[:i] + log[i + count:]), f"without {log[i].place()}"

    def lost_transaction(self):
        """All records of one transaction are gone."""
        place, i = self._pick(lambda record: b'"table":"progress"' in (record.value or b"") and b'"op":"u"' in record.value)
        xid = json.loads(self.logs[place][i].value)["source"]["txId"]
        logs = {}
        for partition, log in self.logs.items():
            gone, deleted = set(), None
            for j, record in enumerate(log):
                if record.value is None:
                    if deleted == record.key:
                        gone.add(j)
                    continue
                deleted = None
                value = json.loads(record.value)
                if value["source"]["txId"] == xid and value["op"] != "r":
                    gone.add(j)
                    deleted = record.key if value["op"] == "d" else None
            logs[partition] = [record for j, record in enumerate(log) if j not in gone]
        return self._made(logs), f"without transaction {xid}"

    def lost_tail(self):
        """The last records of a partition are gone."""
        place = self.random.choice([place for place, log in self.logs.items() if log and self._once(log[-1])])
        count = self.random.randint(1, min(20, len(self.logs[place])))
        return self._with(place, self.logs[place][:-count]), f"without the last {count} of {place}"

    def repeated(self):
        """A record stands there again, later; of a logical message nobody could say which run wrote it."""
        place, i = self._pick(lambda record: record.value is not None and record.headers)
        log = self.logs[place]
        at = self.random.randint(i + 1, min(len(log), i + 30))
        while at < len(log) and log[at].value is None:
            at += 1
        return self._with(place, log[:at] + [log[i]] + log[at:]), f"{log[i].place()} again at {at}"

    def order(self):
        """Two records of a partition have changed places."""
        place, i, j = self._pick_pair()
        log = list(self.logs[place])
        log[i], log[j] = log[j], log[i]
        return self._with(place, log), f"{place} {i} and {j} swapped"

    def order_of_a_key(self):
        """Two changes of one key have changed places."""
        place, i = self._pick(lambda record: record.key is not None and self._once(record)
                              and self._later_of_key(record) is not None)
        log = list(self.logs[place])
        j = self._later_of_key(log[i])
        log[i], log[j] = log[j], log[i]
        return self._with(place, log), f"{place} {i} and {j} of key {log[i].key} swapped"

    def altered(self):
        """A byte of a key, a value or a header is another one."""
        while True:
            place, i = self._pick(lambda record: True)
            record = self.logs[place][i]
            what, data = self.random.choice([part for part in parts_of(record) if part[1]])
            at = self.random.randrange(len(data))
            byte = self.random.choice([data[at] ^ 1 << self.random.randrange(8), self._digit_for(data[at])])
            damaged = with_part(record, what, data[:at] + bytes([byte]) + data[at + 1:])
            if not self.free_field(record, damaged):
                return self._replaced(place, i, damaged), f"{record.place()} {what}: byte {at} {data[at]:#x} became {byte:#x}"

    def altered_value(self):
        """A value of a row is another one, in JSON that is as good as before."""
        place, i = self._pick(lambda record: b'"after":{' in (record.value or b""))
        record = self.logs[place][i]
        value = json.loads(record.value)
        columns = [column for column, field in value["after"].items() if isinstance(field, int)]
        column = self.random.choice(columns)
        value["after"][column] += self.random.choice([-1, 1, 10])
        return self._replaced(place, i, record._replace(value=canonical(value))), f"{record.place()} {column}"

    def partition(self):
        """A record is in another partition of its topic, between records of its time."""
        place, i = self._pick(lambda record: self.recording.partitions[record.topic] > 1 and record.value is not None)
        topic, partition = place
        record = self.logs[place][i]
        other = self.random.choice([n for n in range(self.recording.partitions[topic]) if n != partition])
        moved = self.logs[place][i:i + (2 if self._tombstone_follows(place, i) else 1)]
        logs = dict(self.logs)
        logs[place] = logs[place][:i] + logs[place][i + len(moved):]
        at = sum(there.timestamp <= record.timestamp for there in logs[topic, other])
        while at < len(logs[topic, other]) and logs[topic, other][at].value is None:
            at += 1
        logs[topic, other] = logs[topic, other][:at] + [part._replace(partition=other) for part in moved] + logs[topic, other][at:]
        return self._made(logs), f"{record.place()} went to partition {other}"

    def tombstone(self):
        """A delete lacks its tombstone."""
        place, i = self._pick(lambda record: record.value is None and self._once(record))
        return self._with(place, self.logs[place][:i] + self.logs[place][i + 1:]), f"without the tombstone at {place} {i}"

    def stray_tombstone(self):
        """A tombstone where nothing was deleted."""
        place, i = self._pick(lambda record: record.key is not None and b'"op":"d"' not in (record.value or b'"op":"d"')
                              and record.headers)
        log = self.logs[place]
        record = log[i]._replace(value=None, headers=log[i].headers[-4:])
        return self._behind(place, i, record), f"a tombstone behind {log[i].place()}"

    def phantom(self):
        """A row that was never inserted, right in every other way."""
        place, i, made = self._made_up_line()
        return self._behind(place, i, made), f"made up behind {self.logs[place][i].place()}"

    def phantom_transaction(self):
        """A row of a transaction that was rolled back."""
        place, i, made = self._made_up_line(xid=4_000_000_000)
        return self._behind(place, i, made), f"of no transaction behind {self.logs[place][i].place()}"

    def header(self):
        """A header is missing."""
        place, i = self._pick(lambda record: record.headers)
        headers = list(self.logs[place][i].headers)
        name = headers.pop(self.random.randrange(len(headers)))[0]
        return self._replaced(place, i, self.logs[place][i]._replace(headers=tuple(headers))), f"{place} {i} without {name}"

    def hole(self):
        """The topic has lost a record: its offset is missing."""
        place, i = self._pick(lambda record: True)
        records = [record for record in self.recording.records if record is not self.logs[place][i]]
        return Recording(self.recording.partitions, records, self.recording.watermarks), f"a hole at {place} {i}"

    def free_field(self, record, damaged):
        """The name of the field that is another one, and as good as before; empty when the difference is an error. Of these
        the contract says no more than their form, and what they were is written nowhere else."""
        if damaged.key != record.key:
            return ""
        if damaged.headers != record.headers:
            changed = [theirs for ours, theirs in zip(record.headers, damaged.headers) if ours != theirs]
            return "runId" if [name for name, _ in changed] == [RUN_HEADER] and RUN.fullmatch(changed[0][1]) else ""
        try:
            before, after = json.loads(record.value), json.loads(damaged.value)
            if canonical(after) != damaged.value or list(after) != list(before):
                return ""
        except ValueError:
            return ""
        changed = [name for name in before if after[name] != before[name]]
        if changed == ["ts_ms"] and before["op"] == "m" and type(after["ts_ms"]) is int:
            early, late = before["source"]["ts_ms"] - CLOCK_SLACK_MS, record.timestamp + CLOCK_SLACK_MS
            return "ts_ms of a message" if early <= after["ts_ms"] <= late else ""
        if changed == ["source"] and self._is_read(record) and self._alone_in_snapshot(record):
            xid = after["source"].get("txId")
            good = after["source"] == before["source"] | {"txId": xid} and type(xid) is int and xid > 0
            return "txId of a snapshot's only row" if good else ""
        return ""

    # Internals

    def _pick(self, suits):
        found = [(place, i) for place, log in self.logs.items() for i, record in enumerate(log) if suits(record)]
        if not found:
            raise LookupError("no such record")
        return self.random.choice(found)

    def _pick_pair(self):
        """Two places of a partition near to each other, not in the snapshot."""
        while True:
            place, i = self._pick(lambda record: not self._is_read(record) and self._once(record))
            log = self.logs[place]
            j = i + self.random.choice([1, 1, 2, 5, 30])
            if j < len(log) and self._once(log[j]):
                return place, i, j

    def _later_of_key(self, record):
        log = self.logs[record.topic, record.partition]
        for j in range(record.offset + 1, len(log)):
            if log[j].key == record.key:
                return j if self._once(log[j]) and not self._is_read(record) else None
        return None

    @staticmethod
    def _copy(record):
        return record.topic, record.partition, record.key, timeless(record.value)

    @staticmethod
    def _is_read(record):
        return b'"op":"r"' in (record.value or b"")

    @staticmethod
    def _lsn(record):
        return int(LSN.search(record.value)[1])

    def _alone_in_snapshot(self, record):
        return sum(self._is_read(other) and self._lsn(other) == self._lsn(record) for other in self.recording.records) == 1

    def _once(self, record):
        """It matters that it stands there."""
        if self._is_read(record):
            return self._lsn(record) == self.snapshot
        return self.copies[self._copy(record)] == 1

    def _tombstone_follows(self, place, i):
        return i + 1 < len(self.logs[place]) and self.logs[place][i + 1].value is None

    def _digit_for(self, byte):
        digits = b"0123456789"
        if byte not in digits:
            return byte ^ 0x20
        return self.random.choice([digit for digit in digits if digit != byte])

    def _made_up_line(self, xid=None):
        """A place, and a record behind it that inserts a line."""
        place, i = self._pick(lambda record: b'"table":"lines_' in (record.value or b"") and b'"op":"c"' in record.value
                              and len(record.headers) == 4)
        record = self.logs[place][i]
        value = json.loads(record.value)
        row, table = value["after"], self.tables[value["source"]["table"]]
        row["n"] += 10_000_000
        while partitions.of_key(key := canonical({"writer": row["writer"], "n": row["n"]}),
                                self.recording.partitions[record.topic]) != record.partition:
            row["n"] += 1
        if xid:
            row["xid"] = value["source"]["txId"] = xid
        value["after"] = sealed(table, row)
        return place, i, record._replace(key=key, value=canonical(value))

    def _behind(self, place, i, record):
        return self._with(place, self.logs[place][:i + 1] + [record] + self.logs[place][i + 1:])

    def _replaced(self, place, i, record):
        return self._with(place, self.logs[place][:i] + [record] + self.logs[place][i + 1:])

    def _with(self, place, log):
        return self._made(self.logs | {place: log})

    def _made(self, logs):
        records = [record._replace(offset=offset) for log in logs.values() for offset, record in enumerate(log)]
        watermarks = {topic: [(0, len(logs.get((topic, n), []))) for n in range(count)]
                      for topic, count in self.recording.partitions.items()}
        return Recording(self.recording.partitions, records, watermarks)


# What must be found of each; an altered byte may show as anything.
CLASSES = {
    "lost": {"lost"}, "lost_transaction": {"lost"}, "lost_tail": {"lost", "tombstone"}, "repeated": {"repeated"},
    "order": {"order", "tombstone"}, "order_of_a_key": {"order", "tombstone"}, "altered": set(KINDS),
    "altered_value": {"altered"}, "partition": {"partition"}, "tombstone": {"tombstone"}, "stray_tombstone": {"tombstone"},
    "phantom": {"phantom"}, "phantom_transaction": {"phantom"}, "header": {"header"}, "hole": {"hole"},
}
