# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of processes and of the machine."""

import pathlib
import platform
import time

IDLE_BELOW = 0.12


def cpu_seconds(pid):
    """CPU of all threads of a process, ended ones included, to the nanosecond where the kernel keeps it."""
    try:
        ticks = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        exact = [int(task.joinpath("schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return max(sum(map(int, ticks)) / 100, sum(exact) / 1e9)


def status_kib(pid, name):
    """A figure of /proc/PID/status in KiB: VmHWM is the most memory the process ever had."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return None


def forget_peak(pid):
    """VmHWM starts over."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def machine_ticks():
    """(busy, idle, steal) of the machine in ticks; waiting for the disk is idle."""
    user, nice, system, idle, wait, irq, softirq, steal = map(
        int, pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9])
    return user + nice + system + irq + softirq, idle + wait, steal


def wait_until_idle(patience):
    """Returns how busy the machine was in the half second in which it was given up on waiting, or had become idle."""
    until = time.monotonic() + patience
    while True:
        before = machine_ticks()
        time.sleep(0.5)
        busy, idle, steal = (after - then for after, then in zip(machine_ticks(), before))
        share = (busy + steal) / max(1, busy + idle + steal)
        if share < IDLE_BELOW or time.monotonic() > until:
            return share


def describe():
    """Lines for a report."""
    model = next((line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    cores = len(list(pathlib.Path("/sys/devices/system/cpu").glob("cpu[0-9]*")))
    return [f"{cores} cores of {model}", f"Linux {platform.release()}"]
