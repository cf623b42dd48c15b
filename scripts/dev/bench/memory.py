#!/usr/bin/env python3
"""Measure the memory that isolation adds to kernels which are alive together.

Usage: memory.py PLAIN ISOLATED [--count N]

Starts N kernels of each kernelspec, first all plain ones, then all isolated
ones, waits until they are idle, and prints each figure as a line of JSON for
"sandbox table". A size is the proportional set size (PSS): what processes share
counts once. Needs jupyter_client, and root, which may look into a sandbox's init.
"""
import argparse
import os
import subprocess
import tempfile
import time
from statistics import fmean

from figures import absent, emit
from jupyter_client import KernelManager

GOAL = 6  # MiB


class Kernel:
    def __init__(self, name):
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        client = self.manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        client.stop_channels()

    def sizes(self):
        """MiB of the kernel, and of launcher and init together."""
        pids = descendants(self.manager.provisioner.process.pid)
        helpers = [pid for pid in pids if comm(pid).startswith("isolate")]
        return sum(pss(pid) for pid in pids if pid not in helpers), sum(map(pss, helpers))

    def end(self):
        self.manager.shutdown_kernel(now=True)


def descendants(pid):
    pids = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as f:
            for child in f.read().split():
                pids += descendants(int(child))
    return pids


def comm(pid):
    with open(f"/proc/{pid}/comm") as f:
        return f.read().strip()


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:")) / 1024


def measure(name, count):
    """MiB of each kernel, and of each one's helpers, with count of them alive."""
    kernels = []
    try:
        for _ in range(count):
            kernels.append(Kernel(name))
        time.sleep(7)  # the launcher gives memory back after five
        sizes = [kernel.sizes() for kernel in kernels]
    finally:
        for kernel in kernels:
            kernel.end()
    return list(zip(*sizes))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs=2)
    parser.add_argument("--count", type=int, default=50)
    args = parser.parse_args()
    title = f"{args.count} idle kernels, memory of each (PSS)"
    if os.getuid() != 0:
        absent(title, "takes root")
        return
    (plain, _), (isolated, helpers) = (measure(name, args.count) for name in args.names)
    emit(f"{title}: the kernel", "MiB", isolated, plain)
    emit(f"{title}: launcher and init", "MiB", helpers)
    added = fmean(isolated) - fmean(plain) + fmean(helpers)
    emit("memory that isolation adds, each", "MiB", [added], most=GOAL)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        main()
