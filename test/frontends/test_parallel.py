"""Submissions graded side by side, by the line that docs/jupyter.md shows."""

import re
import sqlite3
import subprocess

from course import ASSIGNMENT, POINTS, Course
from common import ROOT

STUDENTS = [f"student{n:02}" for n in range(40)]

# Right up to the student's own number, unless another student's kernel has changed the file.
ANSWER = """
import pathlib
mine = pathlib.Path("/tmp/mine")
assert not mine.exists()
mine.write_text("{n}")
def square(n):
    return n * n if n <= {n} and mine.read_text() == "{n}" else -1
"""


def test_many_at_a_time(machine, kernel, isolated):
    course = Course(machine, "parallel-course", kernel)
    for n, student in enumerate(STUDENTS):
        course.submit(student, ANSWER.format(n=n))
    done = grade(course)
    assert done.returncode == 0 and "locked" not in done.stderr, done.stderr
    right = {student: min(n + 1, POINTS) for n, student in enumerate(STUDENTS)}
    # Plain kernels see each other's files.
    assert (scores(course) == right) == isolated


def test_one_that_fails_is_told(machine, kernel):
    """A submission that can't be graded makes the whole line fail, and the others are graded."""
    course = Course(machine, "failing-course", kernel)
    course.submit("good", ANSWER.format(n=3))
    course.submit("bad", ANSWER.format(n=3))
    (course.root / "submitted/bad" / ASSIGNMENT / "squares.ipynb").write_text("no notebook")
    assert grade(course).returncode == 123
    assert scores(course)["good"] == 4


def grade(course):
    """Runs docs/jupyter.md's line for this assignment."""
    line = re.search(r"^    (ls submitted \| xargs .*)$", (ROOT / "docs/jupyter.md").read_text(), re.MULTILINE)[1]
    line = line.replace("ps1", ASSIGNMENT).replace(" --ExecutePreprocessor.kernel_name=python3-isolated", "")
    return subprocess.run(line, shell=True, cwd=course.root, env=course.machine.env, capture_output=True, text=True, timeout=600)


def scores(course):
    """Each student's points, as they are in nbgrader's database."""
    with sqlite3.connect(course.root / "gradebook.db") as gradebook:
        return dict(gradebook.execute(
            "select student_id, sum(auto_score) from submitted_assignment assignment"
            " join submitted_notebook notebook on notebook.assignment_id = assignment.id"
            " join grade on grade.notebook_id = notebook.id group by student_id"
        ))
