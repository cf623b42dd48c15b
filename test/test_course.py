"""nbgrader's own course, graded in isolated kernels.

The course is the one that `nbgrader quickstart` makes. Of the students who
hand it in one is right, one wrong, one loops for ever, one plots, one writes to
standard error, one tries to read what isn't theirs, and one to have the
instructor's tools overwrite a file.
"""

import json
import pathlib
import shutil
import sqlite3
import stat

import nbformat
import pytest
from conftest import PYTHONS, Jupyter, fresh_home
from database import Database

# One worker makes the course, and starts with it: it takes longest.
pytestmark = pytest.mark.xdist_group("course")

RIGHT = """
def squares(n):
    if n < 1: raise ValueError("n must be at least 1")
    return [i ** 2 for i in range(1, n + 1)]
"""
WRONG = "def squares(n):\n    return [0] * n\n"
LOOP = "def squares(n):\n    while True: pass\n"
PLOT = """
def squares(n):
    import matplotlib.pyplot as plt, pandas
    if n < 1: raise ValueError("n must be at least 1")
    table = pandas.DataFrame({"n": range(1, n + 1)})
    plt.plot(table.n); plt.title("squares"); plt.savefig("squares.png"); plt.close()
    return [int(i) ** 2 for i in table.n]
"""
NOISE = "import sys\n" + RIGHT.replace("    if n", "    print(n, file=sys.stderr)\n    if n")
READ = RIGHT + """
import glob, os, pathlib
seen = []
for path in ["../../../gradebook.db", "../../../source", "../../../nbgrader_config.py", "../../../submitted", "../../ann", "../../bob/ps1/problem1.ipynb",
             "/proc/1/root" + os.getcwd(), os.path.expanduser("~/.ssh/id_rsa")]:
    try:
        os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1)
        seen.append(path)
    except OSError:
        pass
print("SEEN", seen)
for path in ["../../../nbgrader_config.py", "../../../planted", "../planted"]:
    try:
        open(path, "a").write("# planted")
    except OSError:
        pass
"""
PLANT = RIGHT + """
import os
for name in os.listdir("."):
    if name.endswith(".ipynb"):
        try:
            os.remove(name)
            os.symlink("../../../victim.txt", name)
        except OSError as e:
            print("REFUSED", e.strerror)
"""
STUDENTS = {"ann": RIGHT, "bob": WRONG, "carl": LOOP, "dora": PLOT, "finn": NOISE, "eve": READ, "mallory": PLANT}


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """nbgrader's course with its assignment released: made once, copied by each test."""
    jupyter = Jupyter(fresh_home(tmp_path_factory.mktemp("course")), PYTHONS["ipykernel7"])
    jupyter.run("nbgrader", "quickstart", "course101")
    jupyter.run("nbgrader", "generate_assignment", "ps1", cwd=jupyter.home / "course101")
    return jupyter.home / "course101"


@pytest.fixture
def course(jupyter, released):
    """A course, the isolated kernel for it, and an instructor who has something to lose."""
    jupyter.env["JUPYTER_PATH"] = str(jupyter.home / "prefix/share/jupyter")
    directory = jupyter.home / "course101"
    shutil.copytree(released, directory)
    (directory / "victim.txt").write_text("the instructor's own file")
    (jupyter.home / ".ssh").mkdir()
    (jupyter.home / ".ssh/id_rsa").write_text("the instructor's own key")
    with open(directory / "nbgrader_config.py", "a") as config:
        config.write("\nc.ExecutePreprocessor.timeout = 5\n")
    return directory


def submit(course, student, answer):
    """Hands in the released assignment with the first answer filled in."""
    folder = course / "submitted" / student / "ps1"
    folder.mkdir(parents=True)
    for path in (course / "release/ps1").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    path = folder / "problem1.ipynb"
    book = nbformat.read(path, 4)
    cell = next(c for c in book.cells if c.cell_type == "code" and "def squares" in c.source)
    cell.source = answer
    nbformat.write(book, path)


def autograde(jupyter, course, *arguments, **options):
    return jupyter.run("nbgrader", "autograde", "ps1", "--force", *arguments, cwd=course, **options)


def scores(course):
    """Each student's points, from the gradebook."""
    with sqlite3.connect(course / "gradebook.db") as db:
        rows = db.execute("""
            select submitted_assignment.student_id, sum(coalesce(grade.manual_score, grade.auto_score, 0))
            from grade join submitted_notebook on grade.notebook_id = submitted_notebook.id
            join submitted_assignment on submitted_notebook.assignment_id = submitted_assignment.id
            group by submitted_assignment.student_id""")
        return dict(rows.fetchall())


def text(course, student):
    return (course / "autograded" / student / "ps1/problem1.ipynb").read_text()


def snapshot(course):
    """Every file outside of autograded/ and the gradebook, with its content."""
    return {
        str(p.relative_to(course)): (p.read_bytes(), stat.S_IMODE(p.stat().st_mode))
        for p in course.rglob("*")
        if p.is_file() and "autograded" not in p.parts and p.name not in ("gradebook.db",) and "__pycache__" not in p.parts
    }


def test_same_scores_and_nothing_seen(jupyter, course):
    """Scores are those of the plain kernel, which is the control: it allows what isolation refuses."""
    for student in sorted(set(STUDENTS) - {"mallory"}):
        submit(course, student, STUDENTS[student])
    autograde(jupyter, course)
    plain = scores(course)
    assert "gradebook.db" in text(course, "eve") and "SEEN []" not in text(course, "eve")
    assert "# planted" in (course / "nbgrader_config.py").read_text()
    assert plain["ann"] > plain["bob"] >= plain["carl"]
    assert plain["ann"] == plain["dora"] > plain["finn"]  # what is said on standard error costs points
    for path in (course / "planted", course / "autograded/eve/planted"):
        path.unlink()

    before = snapshot(course)
    autograde(jupyter, course, "--ExecutePreprocessor.kernel_name=python3-isolated")
    isolated = scores(course)
    assert isolated == plain
    assert "SEEN []" in text(course, "eve")
    assert snapshot(course) == before
    assert "TimeoutError" in text(course, "carl") or "Timeout" in text(course, "carl")


def test_host_writer_follows_no_planted_link(jupyter, course):
    """The instructor's own process writes the notebook after the kernel has ended, and must not follow a link there."""
    submit(course, "mallory", STUDENTS["mallory"])
    autograde(jupyter, course, "--ExecutePreprocessor.kernel_name=python3-isolated")
    assert "REFUSED" in text(course, "mallory")
    assert (course / "victim.txt").read_text() == "the instructor's own file"
    autograde(jupyter, course)  # the control: without isolation the file is lost
    assert (course / "victim.txt").read_text() != "the instructor's own file"


def test_kernel_name_in_the_configuration(jupyter, course):
    submit(course, "ann", RIGHT)
    submit(course, "eve", READ)
    with open(course / "nbgrader_config.py", "a") as config:
        config.write("\nc.ExecutePreprocessor.kernel_name = 'python3-isolated'\n")
    autograde(jupyter, course)
    assert "SEEN []" in text(course, "eve")
    book = json.loads(text(course, "ann"))
    assert book["metadata"]["kernelspec"]["name"] != "python3-isolated"


def test_no_sandbox_no_score(jupyter, course):
    """A sandbox that can't be made is an error, never a score of nothing."""
    submit(course, "ann", RIGHT)
    jupyter.edit("python3-isolated", lambda spec: spec["env"].update(MNTDIRS=". /no/such/directory"))
    # As in a terminal or a cell of a notebook, whose kernel would answer with the reason.
    env = {"JPY_SESSION_NAME": str(course / "notebook.ipynb")}
    done = autograde(jupyter, course, "--ExecutePreprocessor.kernel_name=python3-isolated", check=False, env=env)
    assert done.returncode != 0
    assert "/no/such/directory" in done.stderr
    assert not list(pathlib.Path(course).glob("autograded/*/ps1/*.ipynb"))


ASK = RIGHT.replace("    return", "    import subprocess\n    return").replace(
    "[i ** 2 for i in range(1, n + 1)]",
    "[int(line) for line in subprocess.run(['psql', '-X', '-At', '-h', 'localhost', '-p', '{port}', '-U', '{user}', '-d', 'postgres', '-c',"
    " f'select i * i from generate_series(1, {{n}}) i'], capture_output=True, text=True).stdout.split()]")


def test_course_with_a_database(jupyter, course):
    """An answer that asks the course's database has its points where the kernel reaches the database, and none without."""
    with Database() as database:
        answer = ASK.format(port=database.port, user=database.user)
        submit(course, "ann", answer)
        jupyter.install("--name", "with-database", "--connect", f"localhost:{database.port}")
        points = []
        for kernel in ["with-database", "python3-isolated"]:
            autograde(jupyter, course, f"--ExecutePreprocessor.kernel_name={kernel}")
            points.append(scores(course)["ann"])
    assert points[0] > points[1], points
