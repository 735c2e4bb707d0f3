# SPDX-License-Identifier: Apache-2.0
"""Everything that stood in some topics, in one compact file: what a recorder writes and a checker reads.

    gzip of  "millrace topics 1\\n"  frame*
    frame    'T' u16 topic, u16 partitions, name                              before the topic's first record
             'H' u16 count, (u16 size, name, i32 size or -1 for null, value)* a set of headers; numbered from 0
             'R' u16 topic, i32 partition, i64 offset, i8 timestamp type, i64 timestamp in ms,
                 i32 key size or -1 for null, i32 value size or -1, u32 set of headers, key, value
             'E' {"topic": [[low, high], ...]}   watermarks by partition, as JSON: nothing is missing up to these
    name     u16 size, UTF-8;  JSON: u32 size, UTF-8;  numbers are little-endian

A file without its end (the recorder died) reads up to where it was cut, and says so.
"""

import gzip
import json
import struct
import zlib
from typing import NamedTuple

MAGIC = b"millrace topics 1\n"
TOPIC = struct.Struct("<HHH")
RECORD = struct.Struct("<HiqbqiiI")
SIZE = struct.Struct("<i")
SHORT = struct.Struct("<H")
NULL = -1


class Record(NamedTuple):
    """A record as it stands in Kafka; bytes are those of the broker."""

    topic: str
    partition: int
    offset: int
    timestamp_type: int  # 1: the producer's clock (CreateTime), 2: the broker's
    timestamp: int  # ms
    key: bytes | None
    value: bytes | None
    headers: tuple = ()  # ((name, bytes or None), ...)

    def place(self):
        return f"{self.topic}/{self.partition}@{self.offset}"


class Recording:
    """Records of some topics, each partition's in the order of its offsets."""

    def __init__(self, partitions, records, watermarks=None, complete=True):
        self.partitions = partitions  # {topic: count}
        self.records = records
        self.watermarks = watermarks or {}  # {topic: [(low, high), ...]}
        self.complete = complete

    def by_partition(self):
        """{(topic, partition): [records]}, the empty ones too."""
        found = {(topic, n): [] for topic, count in self.partitions.items() for n in range(count)}
        for record in self.records:
            found.setdefault((record.topic, record.partition), []).append(record)
        return found

    def save(self, path):
        with RecordingWriter(path) as writer:
            for topic, count in self.partitions.items():
                writer.topic(topic, count)
            for record in self.records:
                writer.add(record)
            if self.complete:
                writer.end(self.watermarks)


class RecordingWriter:
    """Writes a recording record by record."""

    def __init__(self, path):
        self._file = gzip.open(path, "wb", compresslevel=3)
        self._file.write(MAGIC)
        self._topics = {}
        self._headers = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def topic(self, name, partitions):
        if name not in self._topics:
            self._topics[name] = len(self._topics)
            text = name.encode()
            self._file.write(b"T" + TOPIC.pack(self._topics[name], partitions, len(text)) + text)

    def add(self, record):
        """A record of a topic that was announced."""
        topic, partition, offset, timestamp_type, timestamp, key, value, headers = record
        if headers not in self._headers:
            self._headers[headers] = len(self._headers)
            self._file.write(b"H" + SHORT.pack(len(headers)) + b"".join(map(_header, headers)))
        self._file.write(b"R" + RECORD.pack(
            self._topics[topic], partition, offset, timestamp_type, timestamp, NULL if key is None else len(key),
            NULL if value is None else len(value), self._headers[headers]) + (key or b"") + (value or b""))

    def end(self, watermarks):
        text = json.dumps(watermarks).encode()
        self._file.write(b"E" + SIZE.pack(len(text)) + text)

    def close(self):
        self._file.close()


def _header(header):
    name, value = header
    text = name.encode()
    return SHORT.pack(len(text)) + text + SIZE.pack(NULL if value is None else len(value)) + (value or b"")


class NotARecording(ValueError):
    pass


def load(path):
    """Reads a recording."""
    topics, names, header_sets, records = {}, {}, [], []
    with gzip.open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise NotARecording(f"{path} is no recording of topics")

        def take(size):
            data = file.read(size)
            if len(data) != size:
                raise EOFError
            return data

        def unpack(layout):
            return layout.unpack(take(layout.size))

        def sized(size):
            return None if size == NULL else take(size)

        try:
            while True:
                kind = take(1)
                if kind == b"R":
                    topic, partition, offset, timestamp_type, timestamp, key, value, headers = unpack(RECORD)
                    records.append(Record(names[topic], partition, offset, timestamp_type, timestamp, sized(key),
                                          sized(value), header_sets[headers]))
                elif kind == b"H":
                    header_sets.append(tuple((take(unpack(SHORT)[0]).decode(), sized(unpack(SIZE)[0]))
                                             for _ in range(unpack(SHORT)[0])))
                elif kind == b"T":
                    topic, partitions, size = unpack(TOPIC)
                    names[topic] = take(size).decode()
                    topics[names[topic]] = partitions
                elif kind == b"E":
                    watermarks = json.loads(take(unpack(SIZE)[0]))
                    watermarks = {topic: [tuple(pair) for pair in pairs] for topic, pairs in watermarks.items()}
                    return Recording(topics, records, watermarks)
                else:
                    raise NotARecording(f"{path}: frame {kind!r}")
        except (EOFError, zlib.error):
            return Recording(topics, records, complete=False)
