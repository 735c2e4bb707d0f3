# SPDX-License-Identifier: Apache-2.0
"""What a checker says."""

from typing import NamedTuple

KINDS = {
    "lost": "a committed change is not there",
    "phantom": "something is there that was never committed",
    "repeated": "a record stands there again where that is not allowed",
    "order": "records of a partition do not stand in the source's order",
    "altered": "bytes are not what was written",
    "partition": "a record is in another partition or topic than it belongs to",
    "tombstone": "a delete without its tombstone, or a tombstone without its delete",
    "header": "headers are missing or are not what they should be",
    "hole": "offsets of a partition are missing: the topic lost records",
    "told": "the server was told a position ahead of what stood in the topics",
}


class Finding(NamedTuple):
    kind: str
    where: str
    text: str

    def __str__(self):
        return f"{self.kind}: {self.where}: {self.text}"


class Findings(list):
    def add(self, kind, where, text):
        assert kind in KINDS
        self.append(Finding(kind, where if isinstance(where, str) else where.place(), text))

    @property
    def kinds(self):
        return {finding.kind for finding in self}
