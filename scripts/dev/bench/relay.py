#!/usr/bin/env python3
"""Measure what the launcher's relay costs: a bare ZeroMQ echo and a bulk transfer.

Usage: relay.py LAUNCHER [--pairs N]

Runs this file as a "kernel", once plain and once under LAUNCHER, both at the
same time, and asks them in turns. Prints each figure as a line of JSON for
"sandbox table". Needs pyzmq.
"""
import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

from figures import emit

CHANNELS = ["shell", "iopub", "stdin", "control", "hb"]


def kernel(path):
    """Echo on the shell port; on the iopub port send as much as is asked for."""
    import ctypes
    import signal
    import threading
    import zmq

    # A bench that fails or is interrupted leaves no kernel behind (prctl(2)).
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    with open(path) as f:
        connection = json.load(f)
    context = zmq.Context()
    echo, bulk = context.socket(zmq.ROUTER), context.socket(zmq.ROUTER)
    echo.bind(f"tcp://{connection['ip']}:{connection['shell_port']}")
    bulk.bind(f"tcp://{connection['ip']}:{connection['iopub_port']}")

    def send_bulk():
        chunk = b"x" * (1 << 20)
        while True:
            who, count = bulk.recv_multipart()
            for _ in range(int(count)):
                bulk.send_multipart([who, chunk])

    threading.Thread(target=send_bulk, daemon=True).start()
    while True:
        echo.send_multipart(echo.recv_multipart())


class Peer:
    """A running kernel and a client of it."""

    def __init__(self, launcher, directory):
        import zmq

        held = [socket.socket() for _ in CHANNELS]
        for s in held:
            s.bind(("127.0.0.1", 0))
        connection = {c + "_port": s.getsockname()[1] for c, s in zip(CHANNELS, held)}
        for s in held:
            s.close()
        connection.update(ip="127.0.0.1", transport="tcp", key="", signature_scheme="hmac-sha256")
        path = os.path.join(directory, "kernel-%d.json" % connection["shell_port"])
        with open(path, "w") as f:
            json.dump(connection, f)
        argv = [sys.executable, os.path.abspath(__file__), "--kernel", path]
        env = dict(os.environ)
        if launcher:
            argv = [launcher, "--network", "none", "--", *argv]
            env["MNTDIRS"] = "ro:" + os.path.dirname(os.path.abspath(__file__))
            env["MNTDIRS_KERNEL"] = f"ro:{sys.prefix} ro:{sys.base_prefix}"
        self.process = subprocess.Popen(argv, env=env, cwd=os.path.dirname(os.path.abspath(__file__)))
        self.context = zmq.Context()
        self.echo, self.bulk = self.context.socket(zmq.DEALER), self.context.socket(zmq.DEALER)
        self.echo.connect(f"tcp://127.0.0.1:{connection['shell_port']}")
        self.bulk.connect(f"tcp://127.0.0.1:{connection['iopub_port']}")
        self.ask(b"ready")

    def ask(self, message):
        start = time.perf_counter()
        self.echo.send(message)
        self.echo.recv()
        return time.perf_counter() - start

    def fetch(self, mebibytes):
        start = time.perf_counter()
        self.bulk.send(b"%d" % mebibytes)
        for _ in range(mebibytes):
            self.bulk.recv()
        return time.perf_counter() - start

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.context.destroy(linger=0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("launcher")
    parser.add_argument("--pairs", type=int, default=10, help="kernels started each way; where the "
                        "scheduler puts a pair's threads decides its times, so few say little")
    args = parser.parse_args()
    echo, bulk = ([], []), ([], [])
    message = b"x" * 500
    for _ in range(args.pairs):
        with tempfile.TemporaryDirectory() as directory:
            peers = Peer(None, directory), Peer(args.launcher, directory)
            for _ in range(5):
                for peer, times in zip(peers, echo):
                    times += [peer.ask(message) for _ in range(220)][20:]
            for _ in range(3):
                for peer, times in zip(peers, bulk):
                    times.append(peer.fetch(100))
            for peer in peers:
                peer.end()
    emit("bare ZeroMQ echo of 500 bytes", "µs", *reversed(echo), scale=1e6, ratios=[1.7])
    emit("100 MiB by bare ZeroMQ", "s", *reversed(bulk))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--kernel":
        kernel(sys.argv[2])
    main()
