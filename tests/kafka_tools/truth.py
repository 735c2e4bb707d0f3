# SPDX-License-Identifier: Apache-2.0
"""What the source knows at the end of a run: the rows, and which transactions committed in which order."""

import dataclasses
import json

from workload import Shape


@dataclasses.dataclass
class Truth:
    shape: Shape
    prefix: str  # topic.prefix
    rows: dict  # {table: [row, ...]}
    transactions: list  # [(xid, LSN of the commit's end), ...] all of the writers' in the order of the commits

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(self), file)

    @staticmethod
    def load(path):
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        return Truth(Shape(**found["shape"]), found["prefix"], found["rows"],
                     [tuple(transaction) for transaction in found["transactions"]])


def lsn_number(text):
    """0/16B3748 as a number."""
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)
