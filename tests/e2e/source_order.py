# SPDX-License-Identifier: Apache-2.0
"""The judge of order: a second slot, read with the server's own test_decoding, says what was committed and in which order."""

import re

ROW = re.compile(r"table public\.(\w+): (INSERT|UPDATE|DELETE): (?:old-key: .*? new-tuple: )?writer\[integer\]:(\d+) n\[integer\]:(\d+)")
OPERATION = {"INSERT": "c", "UPDATE": "u", "DELETE": "d"}
COUNTED = "create table {0} (writer int, n int, v int default 0, pad text default '', primary key (writer, n));"


class SourceOrder:
    """Watches tables made with COUNTED from the moment it is made."""

    def __init__(self, server, slot="judge"):
        self.server = server
        self.slot = slot
        server.execute("select pg_create_logical_replication_slot(%s, 'test_decoding')", [slot])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.server.running:
            self.server.execute("select pg_drop_replication_slot(%s)", [self.slot])

    def changes(self, table):
        """Every (operation, writer, n) of the table since the beginning, in the order of the commits."""
        rows = self.server.execute("select data from pg_logical_slot_peek_changes(%s, null, null, 'include-xids', 'off')",
                                   [self.slot])
        found = (ROW.match(row[0]) for row in rows)
        return [(OPERATION[match[2]], int(match[3]), int(match[4])) for match in found if match and match[1] == table]


def changes_of(events):
    """The same of the events of one table; tombstones carry no change."""
    return [(event["value"]["op"], event["key"]["writer"], event["key"]["n"]) for event in events if event["value"]]


def first_difference(left, right):
    """Where two lists part, for people: long lists make no readable assertion."""
    for i, (a, b) in enumerate(zip(left, right)):
        if a != b:
            return f"at {i} of {len(left)} and {len(right)}: {left[max(0, i - 2):i + 3]} and {right[max(0, i - 2):i + 3]}"
    return "" if len(left) == len(right) else f"{len(left)} and {len(right)} long; the longer one goes on with " + repr(
        max(left, right, key=len)[min(len(left), len(right)):][:3])


def assert_transactions_stay_together(events):
    """No transaction's events stand between another's, and positions never go back."""
    ended, current, last = set(), None, (0, 0)
    for event in events:
        if event["value"] is None or event["value"]["op"] == "r":
            continue
        source = event["value"]["source"]
        if source["txId"] != current:
            assert source["txId"] not in ended, f"transaction {source['txId']} comes in two parts"
            ended.add(current)
            current = source["txId"]
