# SPDX-License-Identifier: Apache-2.0
"""Records every record of topics as it stands in Kafka, into a file.

    record(kafka.client(), "p.", path)                     everything up to the ends of now

    with Recorder(kafka.client(), "p.", path) as recorder:  from now on, new topics too, until everything is read
        ...
    recording = load(path)

    /usr/bin/python3 tests/kafka_tools/recorder.py 127.0.0.1:9092 p. run.topics
"""

import argparse
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "servers"))

import kafka  # noqa: E402,F401  (knows where the Python client is)
import confluent_kafka  # noqa: E402

from recording import Record, RecordingWriter  # noqa: E402

LOOK_FOR_TOPICS_S = 0.5


class Recorder:
    """Reads in a thread of its own.

    client     properties of librdkafka
    prefix     of the topics' names
    committed  True: without the records of transactions that are open or were aborted
    """

    def __init__(self, client, prefix, path, *, committed=False, patience_s=120):
        self.prefix = prefix
        self.patience_s = patience_s
        self.writer = RecordingWriter(path)
        self.consumer = confluent_kafka.Consumer({
            "log_level": 0, **client, "group.id": "recorder", "enable.auto.commit": False, "enable.partition.eof": True,
            "auto.offset.reset": "error", "isolation.level": "read_committed" if committed else "read_uncommitted",
            "topic.metadata.refresh.interval.ms": 1000, "fetch.wait.max.ms": 20, "check.crcs": True})
        self.read_up_to = {}  # {(topic, partition): the next offset}
        self.count = 0
        self.failure = None
        self.finishing = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.finishing.set()
        self.thread.join()
        if self.failure and kind is None:
            raise self.failure

    def _work(self):
        try:
            self._read()
        except Exception as error:  # the test's own thread raises it
            self.failure = error
        finally:
            self.writer.close()
            self.consumer.close()

    def _read(self):
        next_look = 0.0
        while not self.finishing.is_set():
            if time.monotonic() >= next_look:
                self._find_topics()
                next_look = time.monotonic() + LOOK_FOR_TOPICS_S
            self._take()
        deadline = time.monotonic() + self.patience_s
        while not self._find_topics():
            self._not_after(deadline)
        watermarks = self._watermarks(deadline)
        missing = True
        while missing:
            self._take()
            missing = [(topic, n) for topic, pairs in watermarks.items() for n, (_, high) in enumerate(pairs)
                       if self.read_up_to[topic, n] < high]
            self._not_after(deadline)
        self.writer.end(watermarks)

    def _not_after(self, deadline):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{self.count} records were read, and no end found in {self.patience_s} s")

    def _find_topics(self):
        """Begins to read new ones. False when nobody could be asked."""
        try:
            topics = self.consumer.list_topics(timeout=5).topics
        except confluent_kafka.KafkaException:
            return False  # the broker is away: tests do that
        new = []
        for name, topic in sorted(topics.items()):
            if name.startswith(self.prefix) and (name, 0) not in self.read_up_to and topic.partitions:
                self.writer.topic(name, len(topic.partitions))
                for number in topic.partitions:
                    self.read_up_to[name, number] = 0
                    new.append(confluent_kafka.TopicPartition(name, number, confluent_kafka.OFFSET_BEGINNING))
        if new:
            self.consumer.incremental_assign(new)
        return True

    def _watermarks(self, deadline):
        found = {}
        for topic, number in sorted(self.read_up_to):
            while True:
                try:
                    pair = self.consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, number), timeout=5)
                    break
                except confluent_kafka.KafkaException:
                    self._not_after(deadline)
            found.setdefault(topic, []).append(pair)
        return found

    def _take(self):
        for message in self.consumer.consume(5000, 0.02):
            error = message.error()
            if error is None:
                timestamp_type, timestamp = message.timestamp()
                self.writer.add(Record(message.topic(), message.partition(), message.offset(), timestamp_type, timestamp,
                                       message.key(), message.value(), tuple(message.headers() or ())))
                self.read_up_to[message.topic(), message.partition()] = message.offset() + 1
                self.count += 1
            elif error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                # Behind the last record there may be marks of transactions.
                self.read_up_to[message.topic(), message.partition()] = message.offset()
            elif error.code() == confluent_kafka.KafkaError._AUTO_OFFSET_RESET or error.fatal():
                raise confluent_kafka.KafkaException(error)


def record(client, prefix, path, **options):
    """Everything that stands there now: the number of records."""
    with Recorder(client, prefix, path, **options) as recorder:
        pass
    return recorder.count


def main():
    parser = argparse.ArgumentParser(description="Records every record of the topics whose names begin with a prefix.")
    parser.add_argument("bootstrap")
    parser.add_argument("prefix")
    parser.add_argument("file")
    parser.add_argument("--committed", action="store_true", help="without records of open and aborted transactions")
    options = parser.parse_args()
    count = record({"bootstrap.servers": options.bootstrap}, options.prefix, options.file, committed=options.committed)
    print(f"{count} records")


if __name__ == "__main__":
    main()
