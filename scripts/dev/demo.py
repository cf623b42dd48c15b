"""Executes one notebook of curious cells twice and prints the answers."""

import os
import pathlib
import socketserver
import sys
import textwrap
import threading

import nbformat
from nbclient import NotebookClient

PLANTS = "writes outside its folder"

CELLS = [
    ("reads ~/.ssh", """
import os, pathlib
try:
    print((pathlib.Path.home() / ".ssh/id_ed25519").read_text())
except OSError as e:
    print(e.strerror)
"""),
    ("lists HOME", """
print([name for name in os.listdir(pathlib.Path.home()) if not name.startswith(".")] or "empty")
"""),
    ("looks for tokens in variables", """
print([name for name in os.environ if "TOKEN" in name] or "none")
"""),
    ("looks for processes", """
pids = [p for p in os.listdir("/proc") if p.isdigit()]
print(len(pids), "process" if len(pids) == 1 else "processes")
"""),
    (PLANTS, """
try:
    open("../planted.txt", "w").close()
    print("written")
except OSError as e:
    print(e.strerror)
"""),
    ("reads another student's file", """
try:
    print(open("../other-student.txt").read())
except OSError as e:
    print(e.strerror)
"""),
    ("connects to a local service", """
import socket
try:
    socket.create_connection(("127.0.0.1", int(open("port").read())), 2).close()
    print("connected")
except OSError as e:
    print(e.strerror)
"""),
    ("reads, computes, writes its own", """
rows = [int(n) for n in open("data.csv").read().split(",")]
open("result.txt", "w").write(str(sum(rows)))
print("sum is", sum(rows))
"""),
]


def notebook():
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(source.strip()) for _, source in CELLS]
    return book


def answers(kernel, folder):
    """Executes the notebook with a kernel; its executed copy stays beside the folder."""
    book = notebook()
    quiet = ["--log-level=ERROR"]  # ipykernel warns that its ports aren't encrypted
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(book, kernel_name=kernel, timeout=60, extra_arguments=quiet, resources=resources).execute()
    nbformat.write(book, folder.parent / f"{kernel}.ipynb")
    texts = ["".join(o.get("text", "") for o in cell.outputs).strip() for cell in book.cells]
    # Inside, the place may be the kernel's private one: what counts is which file is there afterwards.
    planted = folder.parent / "planted.txt"
    index = [question for question, _ in CELLS].index(PLANTS)
    texts[index] = "the file is there" if planted.exists() else "no file is there"
    planted.unlink(missing_ok=True)
    return texts


def main():
    place = pathlib.Path(".build/demo").resolve()
    folder = place / "assignment"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.csv").write_text("1,2,39")
    (place / "other-student.txt").write_text("another student's answer")
    # A home made for the demo, so that nobody's real keys end up in a notebook.
    home = place / "home"
    (home / ".ssh").mkdir(parents=True, exist_ok=True)
    (home / ".ssh/id_ed25519").write_text("a private key")
    (home / "thesis.tex").write_text("unfinished")
    os.environ["HOME"] = str(home)
    os.environ["SERVICE_API_TOKEN"] = "a-secret"
    server = socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / "port").write_text(str(server.server_address[1]))

    plain, isolated = answers("python3", folder), answers("python3-isolated", folder)
    width = 22
    line = "{:32} {:22} {:22}"
    print("\n" + line.format("The notebook ...", "in the plain kernel", "in the isolated one"))
    print(line.format("-" * 32, "-" * width, "-" * width))
    for (question, _), a, b in zip(CELLS, plain, isolated):
        rows = [textwrap.wrap(text, width) or [""] for text in (a, b)]
        for i in range(max(map(len, rows))):
            cells = [row[i] if i < len(row) else "" for row in rows]
            print(line.format(question if i == 0 else "", *cells).rstrip())
    server.shutdown()

    refused = sum(a != b for a, b in zip(plain[:-1], isolated))
    works = plain[-1] == isolated[-1]
    print(f"\nThe isolated kernel refused {refused} of {len(CELLS) - 1}, and the notebook's own work {'went on' if works else 'FAILED'}.")
    print("HOME was one made for this demo. The executed notebooks are in .build/demo:")
    print("python3.ipynb and python3-isolated.ipynb.")
    print("\nNext: ./scripts/install, then isolate-kernelspec install python3 in the\nenvironment that Jupyter is installed in.")
    return works and refused == len(CELLS) - 1


if not main():
    sys.exit(1)
