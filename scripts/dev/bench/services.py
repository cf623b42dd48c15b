#!/usr/bin/env python3
"""Measure what services cost that a sandbox reaches by name: its start, a bulk transfer, database queries.

Usage: services.py ISOLATE [--pairs N]

Takes turns with the same without the services, and without a sandbox. Prints each
figure as a line of JSON for "sandbox table". Needs Debian's postgresql.
"""
import argparse
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

from figures import emit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "test"))
from database import Database  # noqa: E402

BULK = 1 << 30
FETCH = f"""
import socket
s = socket.create_connection(("127.0.0.1", PORT))
buffer, left = bytearray(1 << 20), {BULK}
import time
start = time.perf_counter()
while left:
    left -= s.recv_into(buffer)
print(time.perf_counter() - start)
"""


def serve(listener):
    chunk = b"x" * (1 << 20)
    while True:
        connection, _ = listener.accept()
        with connection:
            for _ in range(BULK >> 20):
                connection.sendall(chunk)


def timed(command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def turns(count, *measures):
    """Runs the measures in turns, and returns the values of each."""
    return zip(*([measure() for measure in measures] for _ in range(count)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("isolate")
    parser.add_argument("--pairs", type=int, default=10)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        os.chmod(place, 0o755)
        os.chdir(place)
        names = [word for name in "abcd" for word in ("--allow-host", f"{name}.example.org")]
        named, none = turns(20 * args.pairs, lambda: timed([args.isolate, *names, "true"]), lambda: timed([args.isolate, "true"]))
        emit("`isolate true` with four hosts, to none", "ms", named, none, 1000, ratios=[1.04])

        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=serve, args=[listener], daemon=True).start()
        port = str(listener.getsockname()[1])
        fetch = ["python3", "-c", FETCH.replace("PORT", port)]
        relayed, direct = turns(
            args.pairs, lambda: float(subprocess.check_output([args.isolate, "--connect", f"127.0.0.1:{port}", *fetch])), lambda: float(subprocess.check_output(fetch)))
        emit("1 GiB from a service, to directly", "s", relayed, direct, ratios=[2.5])

        queries = pathlib.Path("queries.sql")
        queries.write_text("select 1;\n" * 2000)
        with Database() as database:
            psql = ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(database.port), "-U", database.user, "-d", "postgres", "-f", "queries.sql"]
            asked, directly = turns(args.pairs, lambda: timed([args.isolate, "--connect", f"127.0.0.1:{database.port}", *psql]), lambda: timed(psql))
        emit("2,000 queries to PostgreSQL, to directly", "s", asked, directly, ratios=[2.2])


main()
