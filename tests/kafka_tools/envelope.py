# SPDX-License-Identifier: Apache-2.0
"""A record of the workload as an event, and whatever can be said against the record alone: bytes that are not canonical,
fields that contradict each other, the wrong partition, headers."""

import base64
import binascii
import collections
import dataclasses
import json
import re

import partitions
from recording import Record
from workload import PAD_UNCHANGED, canonical, seal_is_right

ROW_FIELDS = ["before", "after", "source", "transaction", "op", "ts_ms", "ts_us", "ts_ns"]
MESSAGE_FIELDS = ["op", "ts_ms", "source", "transaction", "message"]
SOURCE_FIELDS = ["version", "connector", "name", "ts_ms", "snapshot", "db", "sequence", "ts_us", "ts_ns", "schema", "table",
                 "txId", "lsn", "xmin", "origin", "origin_lsn"]
CONTEXT = [f"__debezium.context.{name}" for name in ("connectorLogicalName", "taskId", "connectorName", "runId")]
RUN = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SEQUENCE = re.compile(r'\[(null|"[1-9]\d*"),"([1-9]\d*)"\]')
SNAPSHOT_MARKERS = {"true", "first", "first_in_data_collection", "last_in_data_collection", "last"}
PROCESSING_TIME = re.compile(rb'"ts_ms":\d+,"ts_us":\d+,"ts_ns":\d+\}')  # the one at the end; a source's is followed by more
MESSAGE_TIME = re.compile(rb'"op":"m","ts_ms":\d+,')
CLOCK_SLACK_MS = 60_000


@dataclasses.dataclass(slots=True, eq=False)
class Event:
    record: Record
    op: str = ""  # r c u d m; t is a tombstone; empty: unreadable
    table: str = ""
    key: tuple = ()
    before: dict | None = None
    after: dict | None = None
    xid: int = 0
    lsn: int = 0
    previous: int = 0  # the last commit before this transaction's
    time_us: int = 0
    run: bytes | None = None
    own_headers: tuple = ()
    message: tuple = ()  # prefix, text
    identity: tuple = ()  # equal for exact repeats: everything but processing time and run

    @property
    def moved(self):
        """newkey, oldkey, or nothing when the key did not change."""
        return self.own_headers[0][0].rpartition(".")[2] if self.own_headers else ""


def timeless(value):
    """A record's value without its processing time."""
    if value is None:
        return None
    return PROCESSING_TIME.sub(b"}", MESSAGE_TIME.sub(b'"op":"m",', value))


class EventReader:
    """Reads records; what is wrong with one goes to `findings`."""

    def __init__(self, shape, prefix, partition_counts, findings):
        self.tables = shape.tables()
        self.prefix = prefix
        self.counts = partition_counts
        self.findings = findings
        self.constants = collections.defaultdict(lambda: collections.defaultdict(list))  # {what: {text: [place]}}

    def read(self, record):
        event = Event(record)
        self._headers(event)
        try:
            if record.value is None:
                event.op = "t"
                self._tombstone(event)
            else:
                self._value(event)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError, binascii.Error) as error:
            self.findings.add("altered", record, f"unreadable: {type(error).__name__} {error}")
            event.op = ""
        headers = event.own_headers
        event.identity = (record.topic, record.partition, record.key, timeless(record.value), headers)
        return event

    def finish(self):
        """What must be the same everywhere, and is not somewhere."""
        for what, texts in self.constants.items():
            usual = max(texts, key=lambda text: len(texts[text]))
            for text, places in texts.items():
                if text != usual:
                    for place in places:
                        self.findings.add("altered", place, f"{what} is {text!r:.80}, elsewhere {usual!r:.80}")

    def _check(self, event, right, text, kind="altered"):
        if not right:
            self.findings.add(kind, event.record, text)

    def _headers(self, event):
        headers = event.record.headers
        if event.record.topic == f"{self.prefix}.message":
            return self._check(event, not headers, f"a message with headers {headers}", "header")
        names = [name for name, _ in headers]
        if names[-4:] != CONTEXT or len(headers) > 5:
            self.findings.add("header", event.record, f"headers are {names}")
        else:
            values = [value for _, value in headers[-4:]]
            self._check(event, values[:3] == [self.prefix.encode(), b"0", b"postgresql"], f"headers say {values}", "header")
            if values[3] is not None and RUN.fullmatch(values[3]):
                event.run = values[3]
            else:
                self.findings.add("header", event.record, f"runId is {values[3]!r}")
        event.own_headers = tuple(header for header in headers if header[0] not in CONTEXT)
        for name, _ in event.own_headers:
            self._check(event, name in ("__debezium.newkey", "__debezium.oldkey"), f"header {name!r}", "header")

    def _tombstone(self, event):
        table = self._table_of_topic(event.record.topic)
        event.table = table.name
        event.key = self._key(event, table)
        self._check(event, event.moved != "oldkey", "a tombstone with an old key", "header")

    def _table_of_topic(self, topic):
        begin = f"{self.prefix}.public."
        if not topic.startswith(begin) or topic[len(begin):] not in self.tables:
            raise ValueError("no topic of the workload")
        return self.tables[topic[len(begin):]]

    def _json(self, event, text, what):
        found = json.loads(text)
        self._check(event, canonical(found) == text, f"{what} is not as the product writes JSON")
        if isinstance(found, dict) and list(found) == ["schema", "payload"]:
            self.constants[f"schema of the {what} in {event.record.topic}"][canonical(found["schema"])].append(event.record.place())
            return found["payload"]
        return found

    def _key(self, event, table):
        record = event.record
        if not table.key:
            self._check(event, record.key is None, "a key where there is none")
            return ()
        if record.key is None:
            raise ValueError("no key")
        fields = self._json(event, record.key, "key")
        self._check(event, tuple(fields) == table.key, f"key has the fields {list(fields)}")
        right = partitions.of_key(record.key, self.counts[record.topic])
        self._check(event, record.partition == right, f"belongs into partition {right}", "partition")
        return tuple(fields[column] for column in table.key)

    def _value(self, event):
        value = self._json(event, event.record.value, "value")
        event.op = value["op"]
        fields = MESSAGE_FIELDS if event.op == "m" else ROW_FIELDS
        self._check(event, list(value) == fields, f"fields are {list(value)}")
        self._check(event, value["transaction"] is None, "a transaction block")
        self._clocks(event, value)
        self._source(event, value["source"])
        if event.op == "m":
            self._message(event, value["message"])
        else:
            self._row(event, value)

    def _clocks(self, event, value):
        ms = value["ts_ms"]
        us, ns = (ms * 1000, ms * 1_000_000) if event.op == "m" else (value["ts_us"], value["ts_ns"])
        self._check(event, {type(clock) for clock in (ms, us, ns)} == {int} and ms == us // 1000 and ns == us * 1000,
                    f"processing times {ms}, {us}, {ns}")
        self._check(event, value["source"]["ts_ms"] - CLOCK_SLACK_MS <= ms <= event.record.timestamp + CLOCK_SLACK_MS,
                    f"processed at {ms}, committed at {value['source']['ts_ms']}, sent at {event.record.timestamp}")

    def _source(self, event, source):
        self._check(event, list(source) == SOURCE_FIELDS, f"source has the fields {list(source)}")
        for name in ("version", "db"):
            self.constants[f"source.{name}"][source[name]].append(event.record.place())
        same = {"connector": "postgresql", "name": self.prefix, "xmin": None, "origin": None, "origin_lsn": None}
        for name, right in same.items():
            self._check(event, source[name] == right, f"source.{name} is {source[name]!r}")
        event.time_us = source["ts_us"]
        self._check(event, source["ts_ms"] == event.time_us // 1000 and source["ts_ns"] == event.time_us * 1000,
                    "times of the source contradict each other")
        markers = SNAPSHOT_MARKERS if event.op == "r" else {"false"}
        self._check(event, source["snapshot"] in markers, f"source.snapshot is {source['snapshot']!r}")
        sequence = SEQUENCE.fullmatch(source["sequence"])
        if not sequence:
            raise ValueError(f"sequence {source['sequence']!r}")
        event.previous = 0 if sequence[1] == "null" else int(sequence[1].strip('"'))
        event.lsn, event.xid = source["lsn"], source["txId"]
        self._check(event, type(event.lsn) is int and event.lsn == int(sequence[2]), "lsn and sequence contradict each other")
        self._check(event, type(event.xid) is int and event.xid > 0, f"txId is {event.xid!r}")
        event.table = source["table"]
        self._check(event, event.op != "m" or event.table == "", f"a message of table {event.table!r}")
        schema = "" if event.op == "m" else "public"
        topic = f"{self.prefix}.{'message' if event.op == 'm' else f'public.{event.table}'}"
        self._check(event, source["schema"] == schema, f"source.schema is {source['schema']!r}")
        self._check(event, event.record.topic == topic, f"belongs into {topic}", "partition")

    def _message(self, event, message):
        self._check(event, list(message) == ["prefix", "content"], f"message has the fields {list(message)}")
        content = base64.b64decode(message["content"], validate=True)
        self._check(event, base64.b64encode(content).decode() == message["content"], "Base64 is not canonical")
        event.message = (message["prefix"], content.decode())
        key = self._json(event, event.record.key, "key")
        self._check(event, key == {"prefix": message["prefix"]}, f"key is {key}")
        right = partitions.of_key(event.record.key, self.counts[event.record.topic])
        self._check(event, event.record.partition == right, f"belongs into partition {right}", "partition")

    def _row(self, event, value):
        # The topic, not the source block, says which table it is: the two were compared.
        table = self._table_of_topic(event.record.topic)
        event.table = table.name
        event.before, event.after = value["before"], value["after"]
        event.key = self._key(event, table)
        if event.op not in ("r", "c", "u", "d"):
            raise ValueError(f"op is {event.op!r}")
        if not table.key:
            right = partitions.of_position(table.qualified, event.lsn, self.counts[event.record.topic])
            self._check(event, event.record.partition == right, f"belongs into partition {right}", "partition")
        self._check(event, (event.after is None) == (event.op == "d"), "after does not fit op")
        before_is_due = event.op == "d" or event.op == "u" and table.identity_full
        self._check(event, (event.before is not None) == before_is_due, "before does not fit op")
        for image in (event.before, event.after):
            if image is not None:
                self._image(event, table, image)
        if event.before is not None and event.op == "d" and not table.identity_full:
            rest = [column for column in table.columns if column not in table.key and event.before[column] is not None]
            self._check(event, not rest, f"before has {rest}, which are not in the log")
        elif event.before is not None:
            self._check(event, seal_is_right(event.before), "before's seal is broken")
        if event.after is not None and event.op != "r":
            self._check(event, event.after["xid"] == event.xid, f"txId {event.xid}, but the row was written by {event.after['xid']}")
        expected = {"": True, "newkey": event.op == "d", "oldkey": event.op == "c"}
        self._check(event, expected.get(event.moved, False), f"header {event.moved} on {event.op}", "header")

    def _image(self, event, table, image):
        if list(image) != list(table.columns):
            raise ValueError(f"columns are {list(image)}")
        for column, value in image.items():
            if value is not None and type(value) is not (str if table.columns[column] == "text" else int):
                raise ValueError(f"{column} is {value!r}")
        if table.key:
            self._check(event, table.key_of(image) == event.key, f"key {event.key} of the row {table.key_of(image)}")
        if PAD_UNCHANGED not in image.values() and image is event.after:
            self._check(event, seal_is_right(image), "the row's seal is broken")
