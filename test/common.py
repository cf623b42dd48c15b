"""What the tests here and those of front ends have in common."""

import contextlib
import os
import pathlib
import random
import socket
import time

import nbformat

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"


def processes(mark):
    """The command lines of all other processes that contain mark, by process ID."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if mark in line and int(path.parent.name) != os.getpid():
                found[int(path.parent.name)] = line
    return found


def unique():
    """A number of seconds to sleep that marks the processes of one test."""
    return f"86400.{os.getpid()}{time.monotonic_ns()}"


def wait_for(condition, seconds=20):
    """Waits until condition() is true, and returns it; after the time, the false value."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return value


def free_port():
    """A free port, below those that the system gives to connections: many of these are made while a test runs."""
    while True:
        port = random.randrange(10000, 32000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def notebook(*cells, kernel="python3"):
    """A notebook of code cells that asks for the kernel."""
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    return nbformat.v4.new_notebook(metadata={"kernelspec": spec}, cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
