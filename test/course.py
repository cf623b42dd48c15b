"""A course of nbgrader's with one assignment, and students of every kind who hand it in."""

import contextlib
import sqlite3

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

STUB = "def squares(n):\n    ### BEGIN SOLUTION\n    return [i ** 2 for i in range(1, n + 1)]\n    ### END SOLUTION\n"
CHECKS = {"small": "assert squares(3) == [1, 4, 9]", "large": "assert squares(1000)[-1] == 1000 ** 2"}
RIGHT = "def squares(n):\n    return [i ** 2 for i in range(1, n + 1)]\n"
WRONG = "def squares(n):\n    return [1, 4, 9]\n"
ENDLESS = "def squares(n):\n    while n > 3: pass\n    return [1, 4, 9]\n"
# What a submission would do to the gradebook, the other submissions, the scheduler
# and the database, whose ports are in PORTS. It prints what it could.
HOSTILE = RIGHT + """
import glob, os, socket
could = [name for name in os.environ if name.startswith(("SLURM", "PG"))]
course, own = os.path.abspath("../../.."), os.getcwd()
for path in sum(map(glob.glob, [course + "/*.*", course + "/[a-z]*/*/ps1/*", os.path.expanduser("~/.pgpass"), "/proc/[0-9]*/environ"]), []):
    try:
        text = open(path, "rb").read()
        could += [path] if not path.startswith((own, "/proc")) or path.startswith("/proc") and b"SLURM_" in text else []
    except OSError:
        pass
for path in [course + "/gradebook.db", course + "/nbgrader_config.py"] + glob.glob(course + "/submitted/*/ps1/*"):
    try:
        open(path, "ab").write(b"# planted")
    except OSError:
        pass
for port in PORTS:
    try:
        socket.create_connection(("127.0.0.1", port), 1)
        could.append(port)
    except OSError:
        pass
print("COULD", could)
"""
# Ends whatever process started it, where it can reach one.
KILLER = RIGHT + """
import os, signal
for process in (os.getppid(), -1):
    try:
        os.kill(process, signal.SIGKILL)
    except OSError:
        pass
"""
KINDS = {"right": RIGHT, "wrong": WRONG, "endless": ENDLESS, "hostile": HOSTILE, "killer": KILLER}


def make(directory):
    """The course's directory, with the source of its assignment."""
    (directory / "source/ps1").mkdir(parents=True)
    (directory / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "course"\nc.ExecutePreprocessor.timeout = 5\n')
    cells = [cell("squares", STUB, solution=True, locked=False)]
    cells += [cell(name, check, grade=True, points=1, locked=True) for name, check in CHECKS.items()]
    book = new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    nbformat.write(book, directory / "source/ps1/hw.ipynb")


def cell(name, source, grade=False, solution=False, **more):
    return new_code_cell(source, metadata={"nbgrader": dict(grade_id=name, grade=grade, solution=solution, task=False, schema_version=3, **more)})


def submit(directory, student, answer):
    """Hands in the released assignment with an answer filled in."""
    book = nbformat.read(directory / "release/ps1/hw.ipynb", 4)
    book.cells[0].source = answer
    folder = directory / "submitted" / student / "ps1"
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, folder / "hw.ipynb")


def scores(database):
    """Each student's points in a gradebook of SQLite's."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        return dict(db.execute(POINTS).fetchall())


POINTS = """
    select submitted_assignment.student_id, sum(grade.auto_score) from grade
    join submitted_notebook on grade.notebook_id = submitted_notebook.id
    join submitted_assignment on submitted_notebook.assignment_id = submitted_assignment.id
    group by submitted_assignment.student_id"""
