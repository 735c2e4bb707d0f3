# SPDX-License-Identifier: Apache-2.0
"""A workload in the server's log, and rounds in which every contender drains it once."""

import contextlib
import random

from drain import machine


class Log:
    """A workload in the server's log, and copies of the slot at its start."""

    def __init__(self, server, workload):
        self.server = server
        self.workload = workload
        print(f"writing {workload.rows:,} changes: {workload.title}", flush=True)
        self.end = workload.make(server)
        self.copies = 0

    @contextlib.contextmanager
    def slot(self):
        self.copies += 1
        name = f"{self.workload.name}_{self.copies}"
        self.server.execute("select pg_copy_logical_replication_slot(%s, %s)", [self.workload.name, name])
        try:
            yield name
        finally:
            self.server.wait_for(f"select not active from pg_replication_slots where slot_name = '{name}'")
            self.server.execute("select pg_drop_replication_slot(%s)", [name])

    def drop(self):
        self.server.execute("select pg_drop_replication_slot(%s)", [self.workload.name])


def measure(case, log, rounds, patience):
    runs = {contender.name: [] for contender in case.contenders}
    for round_number in range(rounds + 1):
        for contender in random.sample(case.contenders, len(case.contenders)):
            busy = machine.wait_until_idle(patience)
            before = machine.machine_ticks()
            with log.slot() as slot:
                figures = contender.run(log.server, log.workload, slot, log.end)
            figures.steal = (machine.machine_ticks()[2] - before[2]) / 100
            note = "warm-up" if round_number == 0 else f"round {round_number}"
            print(f"  {case.name:8} {note:8} {contender.name:24} {figures.seconds:6.2f} s  "
                  f"{log.workload.rows / figures.seconds / 1000:5.0f} k rows/s  cpu {figures.cpu:5.2f} s  "
                  f"walsender {figures.walsender_cpu:5.2f} s  {figures.peak_rss_mib:4.0f} MiB  steal {figures.steal:.2f} s"
                  + (f"  (machine {busy:.0%} busy before)" if busy > machine.IDLE_BELOW else ""), flush=True)
            if round_number > 0:
                runs[contender.name].append(figures)
    return runs
