# SPDX-License-Identifier: Apache-2.0
"""The transactions as the topics tell them, done again one after the other: each must be whole (its mark says what is in it),
follow its writer's last one, and leave the rows, the registers and the bank as it says; at the end all is as on the server."""

import collections
import json

from workload import PAD_UNCHANGED, chain, change_digest, digest_text, seal_is_right

# Of one position: a message's is the end of its entry in the log, where the next change's begins; a change of key is three records.
RANKS = {"m": 0, "d": 1, "t": 2}


class History:
    """Takes the kept events of all partitions, in any order."""

    def __init__(self, truth, findings):
        self.tables = truth.shape.tables()
        self.findings = findings
        self.truth = truth
        self.bank = truth.shape.accounts * truth.shape.balance
        self.rows = {name: {} for name in self.tables}
        self.committed = dict(truth.transactions)  # behind the snapshot
        self.transactions = {}  # {xid: events}, in the order of the commits
        self.superseded = 0  # rows of snapshots that were broken off

    def replay(self, events):
        self._snapshot([event for event in events if event.op == "r"])
        for xid, found in self._by_commit([event for event in events if event.op in "cudtm" and event.op]):
            self.transactions[xid] = found
            self._transaction(xid, found)
        self._compare_with_the_server()

    def _snapshot(self, reads):
        if not reads:
            return
        snapshots = collections.defaultdict(list)
        for event in reads:
            snapshots[event.lsn].append(event)
        for lsn, found in snapshots.items():
            for what in ("xid", "previous", "time_us"):
                self._common(found, what, f"the snapshot at {lsn}")
        # One that was broken off came before; a position of one row alone is a damaged one.
        last = max(snapshots, key=lambda lsn: (len(snapshots[lsn]) > 1, lsn))
        for event in reads:
            if event.lsn != last:
                self.superseded += 1
                continue
            rows, key = self.rows[event.table], self._identify(event, event.after)
            if key in rows:
                self.findings.add("phantom", event.record, f"the snapshot holds {event.table} {key} twice")
            rows[key] = event.after
        # A snapshot holds the first transactions up to some place: the last of each writer's, up to the last of those.
        seen = {row["xid"] for row in self.rows["progress"].values()}
        order = list(self.committed)
        while order and order[-1] not in seen:
            order.pop()
        for xid in order:
            del self.committed[xid]

    def _by_commit(self, events):
        """[(xid, events in their order)], in the order of the commits."""
        groups = collections.defaultdict(list)
        for event in events:
            groups[event.xid].append(event)
        places = {}
        for xid, found in groups.items():
            self._common(found, "time_us", f"transaction {xid}")
            places[xid] = self._common(found, "previous", f"transaction {xid}")
            found.sort(key=lambda event: (event.lsn, RANKS.get(event.op, 3)))
        at = {}
        for xid, previous in places.items():
            if previous in at:
                self.findings.add("altered", groups[xid][0].record,
                                  f"transactions {xid} and {at[previous]} follow the same commit {previous}")
            at[previous] = xid
        self._follow_commits(groups, places)
        return sorted(groups.items(), key=lambda item: places[item[0]])

    def _common(self, events, what, where):
        """What all of these events must say alike: the value that most of them have."""
        usual = collections.Counter(getattr(event, what) for event in events).most_common(1)[0][0]
        for event in events:
            if getattr(event, what) != usual:
                self.findings.add("altered", event.record, f"{what} is {getattr(event, what)}, elsewhere in {where} {usual}")
        return usual

    def _follow_commits(self, groups, places):
        """Each transaction names the commit before it; the first one behind the snapshot has seen none."""
        before = 0
        for xid, end in self.committed.items():
            if xid in places and places[xid] != before:
                self.findings.add("altered", groups[xid][0].record,
                                  f"transaction {xid} follows the commit {places[xid]}, on the server {before}")
            before = end

    def _identify(self, event, row):
        return self.tables[event.table].identify(row)

    def _transaction(self, xid, events):
        self.changes, self.total, moving = 0, 0, {}
        mark = None
        for event in events:
            if event.op == "t":
                continue
            if mark is not None:
                self.findings.add("order", event.record, f"comes behind the mark of transaction {xid}")
            if event.op == "m":
                self._message(event)
            elif event.op == "d":
                old = self._take(event, event.key)
                if event.moved:
                    moving[event.own_headers[0][1]] = (event, old)
                else:
                    self._count("d", event.table, event.key, None)
            elif event.table == "progress":
                mark = event
            elif event.moved:
                self._arrive(event, moving)
            else:
                self._put(event)
        for event, _ in moving.values():
            self.findings.add("lost", event.record, "the row was moved to another key and did not arrive there")
        self._whole(xid, events, mark)
        total = sum(row["balance"] for row in self.rows["accounts"].values())
        if total != self.bank:
            self.findings.add("lost", events[0].record, f"behind transaction {xid} the bank holds {total}, not {self.bank}")
            self.bank = total

    def _count(self, kind, table, key, row):
        self.changes += 1
        self.total += change_digest(kind, table, key, row)

    def _take(self, event, key):
        row = self.rows[event.table].pop(key, None)
        if row is None:
            self.findings.add("lost", event.record, f"{event.op} of {event.table} {key}, which is not there")
        elif event.before is not None and self.tables[event.table].identity_full and event.before != row:
            self.findings.add("altered", event.record, f"before is {event.before}, the row was {row}")
        return row

    def _store(self, event, key, old):
        """Puts the event's row; what is not in the log comes from the old row."""
        row = event.after
        if PAD_UNCHANGED in row.values():
            row = {column: (old or {}).get(column) if value == PAD_UNCHANGED else value for column, value in row.items()}
            if not seal_is_right(row):
                self.findings.add("altered", event.record, "with the value that is not in the log, the row's seal is broken")
        if old is not None and row.get("version", 0) != old.get("version", -1) + 1:
            self.findings.add("lost", event.record, f"version {row.get('version')} follows {old.get('version')}")
        self.rows[event.table][key] = row
        return row

    def _put(self, event):
        key = self._identify(event, event.after)
        old = None
        if event.op == "u":
            old = self._take(event, key)
        elif key in self.rows[event.table]:
            self.findings.add("phantom", event.record, f"a new {event.table} {key}, which is there already")
        row = self._store(event, key, old)
        self._count(event.op, event.table, key, row)

    def _arrive(self, event, moving):
        """The second half of a change of key."""
        left, old = moving.pop(event.record.key, (None, None))
        if left is None:
            self.findings.add("lost", event.record, "the row comes from another key, where it was not deleted")
            return
        if left.record.key != event.own_headers[0][1]:
            self.findings.add("header", event.record, f"old key {event.own_headers[0][1]}, deleted was {left.record.key}")
        row = self._store(event, self._identify(event, event.after), old)
        self._count("k", event.table, left.key, row)

    def _message(self, event):
        prefix, text = event.message
        try:
            said = json.loads(text)
            if (said["xid"], said["changes"], said["digest"]) != (event.xid, self.changes, digest_text(self.total)):
                # The mark behind it tells lost from altered.
                self.findings.add("altered", event.record, f"the message says {text}, before it came {self.changes} changes "
                                  f"with {digest_text(self.total)}")
        except (ValueError, KeyError, TypeError) as error:
            self.findings.add("altered", event.record, f"message {text!r}: {error}")
        self._count("m", "", (prefix,), text)

    def _whole(self, xid, events, mark):
        """The mark says what the transaction holds, and which one of its writer it is."""
        first = events[0].record
        known = xid in self.committed
        if mark is None:
            self.findings.add("lost" if known else "phantom", first, f"transaction {xid} has no mark; {len(events)} events")
            return
        if not known:
            self.findings.add("phantom", first, f"transaction {xid} did not commit")
        said, rows = mark.after, self.rows["progress"]
        before = rows.get(mark.key)
        rows[mark.key] = said
        if before is None:
            self.findings.add("lost", mark.record, f"writer {mark.key} was not there before")
        else:
            if said["txn"] != before["txn"] + 1:
                kind = "lost" if said["txn"] > before["txn"] else "phantom"
                self.findings.add(kind, mark.record, f"transaction {said['txn']} of writer {mark.key} follows {before['txn']}")
            elif said["chain"] != chain(before["chain"], said["txn"], said["digest"]):
                self.findings.add("altered", mark.record, f"the chain of writer {mark.key} is broken")
        if said["changes"] != self.changes:
            kind = "lost" if said["changes"] > self.changes else "phantom"
            self.findings.add(kind, first, f"transaction {xid} holds {self.changes} changes, its mark says {said['changes']}")
        elif said["digest"] != digest_text(self.total):
            self.findings.add("altered", first, f"transaction {xid}: its changes are not those of its mark")

    def _compare_with_the_server(self):
        for xid, lsn in self.committed.items():
            if xid not in self.transactions:
                self.findings.add("lost", f"transaction {xid}", f"committed at {lsn:#x}, nothing of it is there")
        known = [xid for xid in self.transactions if xid in self.committed]
        if known != [xid for xid in self.committed if xid in self.transactions]:
            self.findings.add("order", "transactions", "they do not follow each other as they committed")
        for name, table in self.tables.items():
            right = {table.identify(row): row for row in self.truth.rows[name]}
            found = self.rows[name]
            for key in right.keys() | found.keys():
                if key not in found:
                    self.findings.add("lost", f"{name} {key}", "at the end it is on the server, and not in the topics")
                elif key not in right:
                    self.findings.add("phantom", f"{name} {key}", "at the end it is in the topics, and not on the server")
                elif right[key] != found[key]:
                    self.findings.add("lost", f"{name} {key}", f"at the end it is {found[key]}, on the server {right[key]}")
