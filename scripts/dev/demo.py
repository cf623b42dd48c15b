"""Executes one notebook of curious cells twice and prints the answers."""

import os
import pathlib
import socketserver
import textwrap
import threading

import nbformat
from nbclient import NotebookClient

PLANTS = "writes outside of its folder"

CELLS = [
    ("reads ~/.ssh", """
import os, pathlib
try:
    print((pathlib.Path.home() / ".ssh/id_ed25519").read_text())
except OSError as e:
    print(e.strerror)
"""),
    ("lists the home directory", """
print([name for name in os.listdir(pathlib.Path.home()) if not name.startswith(".")] or "empty")
"""),
    ("lists /home", """
try:
    print(os.listdir("/home") or "empty")
except OSError as e:
    print(e.strerror)
"""),
    ("looks for tokens in the environment", """
print([name for name in os.environ if "TOKEN" in name] or "none")
"""),
    ("looks for other processes", """
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
    ("reads what lies beside its folder", """
try:
    print(open("../other-student.txt").read())
except OSError as e:
    print(e.strerror)
"""),
    ("connects to a service of this machine", """
import socket
try:
    socket.create_connection(("127.0.0.1", int(open("port").read())), 2).close()
    print("connected")
except OSError as e:
    print(e.strerror)
"""),
    ("does its work: reads, computes, writes", """
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
    NotebookClient(book, kernel_name=kernel, timeout=60, resources={"metadata": {"path": str(folder)}}).execute()
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
    width = 34
    line = "{:40} {:36} {:36}"
    print("\n" + line.format("The notebook ...", "in the plain kernel", "in the isolated one"))
    print(line.format("-" * 38, "-" * width, "-" * width))
    for (question, _), a, b in zip(CELLS, plain, isolated):
        rows = [textwrap.wrap(text, width) or [""] for text in (a, b)]
        for i in range(max(map(len, rows))):
            cells = [row[i] if i < len(row) else "" for row in rows]
            print(line.format(question if i == 0 else "", *cells).rstrip())
    print(f"\nHOME is {home} here.")
    print(f"The executed notebooks: {place}/python3.ipynb and python3-isolated.ipynb")
    server.shutdown()


main()
