# SPDX-License-Identifier: Apache-2.0
"""What must hold in each partition: offsets without holes, repeats only where they may be, tombstones behind their deletes,
the source's order."""

import collections

RANKS = {("d", ""): 0, ("d", "newkey"): 0, ("t", ""): 1, ("t", "newkey"): 1}
NONE, BETWEEN_RUNS, ANY = "none", "between_runs", "any"


class PartitionWalk:
    """Walks partitions one by one. `kept` are the events without repeats.

    repeats  NONE: no record may come again; BETWEEN_RUNS: a run may repeat what an earlier one wrote; ANY
    """

    def __init__(self, findings, repeats=BETWEEN_RUNS, holes=False):
        self.findings = findings
        self.repeats_allowed = repeats
        self.holes_allowed = holes
        self.kept = []
        self.repeats = 0
        self.runs = collections.Counter()

    def walk(self, events, watermarks=None):
        """One partition's events in the order of their offsets."""
        self._offsets(events, watermarks)
        kept = self._without_repeats(events)
        self._tombstones(kept)
        self._order(kept, "")
        # Each run on its own is in order, too: what it repeats stands in the order in which it stood before.
        for run in {event.run for event in events} - {None}:
            self._order([event for event in events if event.run == run], "of one run ")
        self.kept += kept

    def _offsets(self, events, watermarks):
        if self.holes_allowed or not events:
            return
        expected = watermarks[0] if watermarks else events[0].record.offset
        for event in events:
            if event.record.offset != expected:
                self.findings.add("hole", event.record, f"offset {expected} was to come")
            expected = event.record.offset + 1
        if watermarks and watermarks[1] != expected:
            self.findings.add("hole", events[-1].record, f"the partition ends at {watermarks[1]}")

    def _without_repeats(self, events):
        kept, first = [], {}  # {identity: (where it stood first, the runs that wrote it)}
        raw = None
        for event in events:
            self.runs[event.run] += 1
            if event.op == "t":
                self._place_tombstone(event, kept[-1] if kept else None, raw)
            raw = event
            if event.identity not in first:
                first[event.identity] = (event.record.offset, {event.run})
                kept.append(event)
                continue
            self.repeats += 1
            offset, runs = first[event.identity]
            if self.repeats_allowed == NONE:
                self.findings.add("repeated", event.record, f"stands at {offset}, too")
            elif self.repeats_allowed == BETWEEN_RUNS and event.run is not None and event.run in runs:
                self.findings.add("repeated", event.record, f"stands there already, from {offset} on, written by the same run")
            runs.add(event.run)
        return kept

    def _place_tombstone(self, event, last_kept, raw):
        """A tombstone is told apart by the delete before it, and takes its place in the source from there."""
        for before in (last_kept, raw):
            if before is not None and before.op == "d" and before.record.key == event.record.key:
                event.identity += before.identity
                event.xid, event.lsn, event.previous, event.time_us = before.xid, before.lsn, before.previous, before.time_us
                if before.own_headers != event.own_headers:
                    self.findings.add("header", event.record, f"{event.own_headers}, its delete has {before.own_headers}")
                return
        self.findings.add("tombstone", event.record, f"a tombstone of {event.record.key} without a delete before it")
        event.op = ""

    def _tombstones(self, kept):
        for event, following in zip(kept, [*kept[1:], None]):
            if event.op == "d" and (following is None or following.op != "t" or following.record.key != event.record.key):
                self.findings.add("tombstone", event.record, f"the delete of {event.key} has none")

    def _order(self, events, of_run):
        last_place, last = (-1,), None
        for event in events:
            if not event.op:
                continue
            place = (0,) if event.op == "r" else (1, event.previous, event.lsn, RANKS.get((event.op, event.moved), 2))
            if place < last_place:
                self.findings.add("order", event.record, f"{place} {of_run}comes behind {last_place} at {last.record.offset}")
            elif place == last_place and place != (0,) and event.op == "c" and event.after.get("writer") == last.after.get("writer") \
                    and event.after.get("n", 1) <= last.after.get("n", 0):
                self.findings.add("order", event.record, f"line {event.after.get('n')} {of_run}comes behind {last.after.get('n')}")
            last_place, last = place, event
