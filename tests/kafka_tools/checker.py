# SPDX-License-Identifier: Apache-2.0
"""Judges a recording of the workload's topics.

    result = check(recording, truth)
    assert not result.findings, result.report()

    /usr/bin/python3 tests/kafka_tools/checker.py run.topics run.truth
"""

import argparse
import bisect
import collections
import dataclasses
import sys

from envelope import EventReader
from findings import Findings
from history import History
from partition_walk import ANY, BETWEEN_RUNS, NONE, PartitionWalk
from recording import load
from truth import Truth


@dataclasses.dataclass
class Result:
    findings: Findings
    records: int
    repeats: int  # exact repeats that were removed
    superseded: int  # rows of snapshots that were broken off
    runs: collections.Counter  # records by runId
    transactions: dict  # {xid: {(topic, partition): highest offset of its records' first appearance}}, in commit order

    def report(self, limit=20):
        kinds = collections.Counter(finding.kind for finding in self.findings)
        lines = [f"{self.records} records, {self.repeats} repeats, {len(self.runs)} runs, {len(self.transactions)} transactions; "
                 + (", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "nothing found")]
        return "\n".join(lines + [str(finding)[:600] for finding in self.findings[:limit]])


def check(recording, truth, *, repeats=BETWEEN_RUNS, holes=False):
    """Judges a whole run: everything that the truth knows must be there.

    repeats  NONE, BETWEEN_RUNS or ANY
    holes    offsets may be missing: transactions, compaction
    """
    findings = Findings()
    if not recording.complete:
        findings.add("lost", "recording", "it was cut")
    ignored = [topic for topic in recording.partitions if not topic.startswith(f"{truth.prefix}.")]
    reader = EventReader(truth.shape, truth.prefix, recording.partitions, findings)
    walk = PartitionWalk(findings, repeats, holes)
    for (topic, partition), records in recording.by_partition().items():
        if topic not in ignored:
            marks = recording.watermarks.get(topic)
            walk.walk([reader.read(record) for record in records], marks[partition] if marks else None)
    reader.finish()
    history = History(truth, findings)
    history.replay(walk.kept)
    places = {xid: _highest(events) for xid, events in history.transactions.items()}
    return Result(findings, len(recording.records), walk.repeats, history.superseded, walk.runs, places)


def _highest(events):
    found = {}
    for event in events:
        place = (event.record.topic, event.record.partition)
        found[place] = max(found.get(place, -1), event.record.offset)
    return found


def check_told(result, truth, samples):
    """The server was never told of a commit that did not stand in the topics by then: a list of findings.

    samples  [(position the server was told, {(topic, partition): end of the partition looked up after that}), ...]
    """
    findings = Findings()
    ends = [lsn for _, lsn in truth.transactions]
    # Per commit: how far each partition must reach for everything up to it to be there.
    needed, so_far = [], {}
    for xid, _ in truth.transactions:
        for place, offset in result.transactions.get(xid, {}).items():
            so_far[place] = max(so_far.get(place, -1), offset)
        needed.append(dict(so_far))
    for told, reached in samples:
        count = bisect.bisect_right(ends, told)
        if count == 0:
            continue
        for place, offset in needed[count - 1].items():
            if reached.get(place, 0) <= offset:
                findings.add("told", f"{place[0]}/{place[1]}", f"{told:#x} was told, the partition ended at "
                             f"{reached.get(place, 0)}, offset {offset} belongs to it")
    return findings


def main():
    parser = argparse.ArgumentParser(description="Judges a recording of the workload's topics.")
    parser.add_argument("recording")
    parser.add_argument("truth")
    parser.add_argument("--repeats", choices=[NONE, BETWEEN_RUNS, ANY], default=BETWEEN_RUNS)
    parser.add_argument("--holes", action="store_true", help="offsets may be missing: transactions, compaction")
    options = parser.parse_args()
    result = check(load(options.recording), Truth.load(options.truth), repeats=options.repeats, holes=options.holes)
    print(result.report(100))
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main())
