"""Grades one submission of nbgrader's own course, plain and isolated, and compares the scores."""

import pathlib
import shutil
import sqlite3
import subprocess
import tempfile

import nbformat

ANSWER = """
def squares(n):
    if n < 1: raise ValueError("n must be at least 1")
    return [i ** 2 for i in range(1, n + 1)]
"""


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stdout}{done.stderr}")


def graded(course, kernel):
    run("nbgrader", "autograde", "ps1", "--force", f"--ExecutePreprocessor.kernel_name={kernel}", cwd=course)
    with sqlite3.connect(course / "gradebook.db") as book:
        return book.execute("select sum(coalesce(manual_score, auto_score, 0)), count(*) from grade").fetchone()


with tempfile.TemporaryDirectory(dir=pathlib.Path.home()) as place:
    run("nbgrader", "quickstart", "course101", cwd=place)
    course = pathlib.Path(place) / "course101"
    run("nbgrader", "generate_assignment", "ps1", cwd=course)
    folder = course / "submitted/ann/ps1"
    shutil.copytree(course / "release/ps1", folder)
    book = nbformat.read(folder / "problem1.ipynb", 4)
    next(c for c in book.cells if c.cell_type == "code" and "def squares" in c.source).source = ANSWER
    nbformat.write(book, folder / "problem1.ipynb")
    plain, isolated = graded(course, "python3"), graded(course, "python3-isolated")
    print(f"plain {plain[0]} points in {plain[1]} cells, isolated {isolated[0]} in {isolated[1]}")
    if plain != isolated or not plain[0]:
        raise SystemExit("the scores differ")
