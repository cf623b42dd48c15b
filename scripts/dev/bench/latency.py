#!/usr/bin/env python3
"""Measure what a kernel's sandbox costs Jupyter.

Usage: latency.py PLAIN ISOLATED NO_DEBUGGER [--runs N]

Starts the kernels, named by their kernelspecs, in turns, the last of which only
starts, and prints each figure as a line of JSON for "sandbox table". Needs jupyter_client.
"""
import argparse
import os
import subprocess
import tempfile
import time

from figures import emit
from jupyter_client import KernelManager

OUTPUT = "for _ in range(100): print('x' * 999_999)"  # 100 MB with the newlines


class Kernel:
    def __init__(self, name):
        self.manager = KernelManager(kernel_name=name)
        start = time.perf_counter()
        self.manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client = self.manager.blocking_client()
        self.client.start_channels(hb=False)
        self.client.kernel_info()
        self.client.get_shell_msg(timeout=60)
        self.launch = time.perf_counter() - start
        self.client.wait_for_ready(timeout=60)

    def round_trip(self):
        """Seconds from an execute_request to its reply."""
        start = time.perf_counter()
        self.client.execute("1+1")
        self.client.get_shell_msg(timeout=60)
        took = time.perf_counter() - start
        while self.client.get_iopub_msg(timeout=60)["content"].get("execution_state") != "idle":
            pass
        return took

    def output(self):
        """Seconds until 100 MB of output are here."""
        got = 0

        def count(message):
            nonlocal got
            if message["msg_type"] == "stream":
                got += len(message["content"]["text"])

        start = time.perf_counter()
        self.client.execute_interactive(OUTPUT, output_hook=count, timeout=60)
        took = time.perf_counter() - start
        assert got == 100_000_000, f"{got} bytes arrived"
        return took

    def end(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs=3)
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    launch, round_trip, output = ([], [], []), ([], []), ([], [])
    for run in range(args.runs + 1):
        kernels = []
        lean = Kernel(args.names[2])
        lean.end()
        if run:
            launch[2].append(lean.launch)
        for name, times in zip(args.names, launch):
            kernels.append(Kernel(name))
            if run:  # the first one reads its files from the disk
                times.append(kernels[-1].launch)
            if run % 3:  # the other figures need fewer runs
                kernels.pop().end()
        for kernel, times in zip(kernels, output):
            times.append(kernel.output())
        for _ in range(100 if kernels else 0):
            for kernel, times in zip(kernels, round_trip):
                times.append(kernel.round_trip())
        for kernel in kernels:
            kernel.end()
    plain, isolated, lean = launch
    emit("launch to first kernel_info reply", "s", isolated, plain, ratios=[0.95])
    emit("the same with `--no-debugger`", "s", lean, plain, ratios=[0.82])
    emit("execute_request `1+1`", "ms", *reversed(round_trip), scale=1e3, ratios=[1.05])
    emit("100 MB of output", "s", *reversed(output), ratios=[1.1])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        main()
