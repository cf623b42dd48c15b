"""An assignment graded as a job array of Slurm's, by share/slurm/autograde.py.

Slurm, its nodes, the database and nbgrader are real, and the course is course.py's.
A node dies, a task is killed, a submission is hostile: the scores are those of one
plain nbgrader that grades one submission after another.
"""

import json
import os
import re
import shutil
import signal
import subprocess

import course
import pytest
from common import BUILD, ROOT, wait_for
from conftest import COMMANDS, Jupyter, fresh_home
from database import BIN, Database
from slurm import Slurm

pytestmark = pytest.mark.xdist_group("cluster")
PYTHON = BUILD / "venv-cluster/bin/python"
SCRIPT = ROOT / "share/slurm/autograde.py"
STUDENTS = {"ann": "right", "bob": "wrong", "carl": "endless", "eve": "hostile", "kim": "killer"}


@pytest.fixture(scope="module")
def cluster():
    with Slurm() as slurm:
        yield slurm


@pytest.fixture(scope="module")
def database():
    with Database() as server:
        yield server


@pytest.fixture(scope="module")
def made(tmp_path_factory, cluster, database):
    """An instructor with a course whose assignment is handed in, and what plain grading gives; copied by each test."""
    person = Jupyter(fresh_home(tmp_path_factory.mktemp("cluster")), PYTHON)
    person.install()
    directory = person.home / "made"
    directory.mkdir()
    course.make(directory)
    person.run("nbgrader", "generate_assignment", "ps1", cwd=directory)
    for student, kind in STUDENTS.items():
        course.submit(directory, student, course.KINDS[kind].replace("PORTS", str([cluster.port, database.port])))

    plain = person.home / "plain"
    shutil.copytree(directory, plain)
    # Plain, the killer would end nbgrader; isolated, it is as right as ann.
    person.run("nbgrader", "autograde", "ps1", "--CourseDirectory.student_id_exclude=kim", cwd=plain)
    scores = course.scores(plain / "gradebook.db")
    assert scores == {"ann": 2, "bob": 1, "carl": 1, "eve": 2}
    assert "gradebook.db" in could(plain) and str(cluster.port) in could(plain)  # the control: it can, if nothing isolates it
    person.plain = scores | {"kim": scores["ann"]}
    return person


@pytest.fixture
def instructor(made, cluster, tmp_path):
    """The same, with a course of its own and Slurm's commands."""
    made.course = tmp_path / "course"
    shutil.copytree(made.home / "made", made.course)
    made.env |= cluster.env | {"JUPYTER_PATH": str(made.home / "prefix/share/jupyter")}
    made.env["PATH"] = f"{COMMANDS}:{PYTHON.parent}:/usr/bin:/bin"
    return made


def could(directory):
    """What the hostile submission says that it could do."""
    return re.search(r"COULD (\[.*\])", (directory / "autograded/eve/ps1/hw.ipynb").read_text())[1]


def start(instructor, *options):
    command = [str(PYTHON), str(SCRIPT), "ps1", "--per-task", "3", *options]
    return subprocess.Popen(command, cwd=instructor.course, env=instructor.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def end(process, status):
    said = process.communicate(timeout=120)[0]
    assert process.returncode == status, said
    return said


def grading(instructor, student):
    """The task that grades a student now, as JOB_NUMBER."""
    for path in (instructor.course / "slurm/ps1/tasks").glob("*.txt"):
        if path.read_text().endswith(f"grading {student}\n"):
            return path.stem


def attempts(instructor):
    """How often each student's grading was begun."""
    said = "".join(p.read_text() for p in (instructor.course / "slurm/ps1/tasks").glob("*.txt"))
    return {student: said.count(f"grading {student}\n") for student in STUDENTS}


def test_a_node_dies(instructor, cluster):
    """Its task goes on elsewhere and repeats only the submission that it was at; SQLite is written by one process."""
    running = start(instructor)
    task = wait_for(lambda: grading(instructor, "carl"), 60)
    node = cluster.run("squeue", "--noheader", f"--jobs={task}", "--format=%N")
    cluster.lose(node)
    try:
        said = end(running, 0)
    finally:
        cluster.boot(node)
    assert said.endswith("ps1: 5 graded, 0 failed, 0 missing\n")
    assert course.scores(instructor.course / "gradebook.db") == instructor.plain
    assert attempts(instructor) == {"ann": 1, "bob": 1, "carl": 2, "eve": 1, "kim": 1}
    assert could(instructor.course) == "[]"
    assert not [p for p in instructor.course.glob("*.*") if b"# planted" in p.read_bytes()]

    course.submit(instructor.course, "ann", course.WRONG)  # once more, and nobody else
    assert "grades 1 of 5 submissions" in end(start(instructor), 0)
    assert course.scores(instructor.course / "gradebook.db") == instructor.plain | {"ann": 1}
    assert attempts(instructor)["bob"] == 1

    # As if the assignment had been generated again meanwhile, with another cell.
    path = instructor.course / "slurm/ps1/students/bob.json"
    record = json.loads(path.read_text())
    del record["found"]["notebooks"]["hw"]["grades"]["large"]
    path.write_text(json.dumps(record | {"state": "graded"}))
    said = end(start(instructor), 1)
    assert "failed   bob  the assignment has a part 'large' now that it hadn't when this was graded\n" in said
    assert "ps1: 4 graded, 1 failed, 0 missing\n" in said


def test_a_task_is_killed(instructor, cluster, database):
    """What it had not graded is named, and repeated alone; the gradebook is PostgreSQL's."""
    url = f"postgresql://{database.user}:SECRET@localhost:{database.port}/postgres"
    with open(instructor.course / "nbgrader_config.py", "a") as config:
        config.write(f"c.CourseDirectory.db_url = {url!r}\n")
    (instructor.course / "gradebook.db").unlink()
    instructor.run("nbgrader", "generate_assignment", "ps1", "--force", cwd=instructor.course)
    instructor.run("nbgrader", "db", "student", "add", "zoe", cwd=instructor.course)
    running = start(instructor)
    task = wait_for(lambda: grading(instructor, "carl"), 60)
    cluster.run("scancel", task)
    said = end(running, 1)
    assert re.search(rf"^failed   carl  task {task} ended while it graded this: CANCELLED; see slurm/ps1/tasks/{task}.txt$", said, re.MULTILINE), said
    assert said.count("failed   ") == 1 and "missing  zoe\n" in said

    said = end(start(instructor), 0)
    assert "grades 1 of 5 submissions" in said and "ps1: 5 graded, 0 failed, 1 missing\n" in said
    assert attempts(instructor) == {"ann": 1, "bob": 1, "carl": 2, "eve": 1, "kim": 1}
    assert could(instructor.course) == "[]"
    rows = subprocess.run([BIN / "psql", "-At", "-F", " ", "-c", course.POINTS, url], capture_output=True, text=True, check=True).stdout
    assert {line.split()[0]: float(line.split()[1]) for line in rows.splitlines()} == instructor.plain


def test_a_submission_says_and_hands_in_anything(instructor):
    """A link in it isn't followed, and what it says is a line of text for the terminal."""
    shutil.rmtree(instructor.course / "submitted")
    course.submit(instructor.course, "lin", course.RIGHT)
    os.symlink(instructor.course / "gradebook.db", instructor.course / "submitted/lin/ps1/data.csv")
    course.submit(instructor.course, "sam", course.RIGHT + r"""
import os
os.write(2, b"isolate-kernel: \x1b]2;all is well\x07\r\n" + b"\n" * 2**20)  # more than pipes on the way hold
os._exit(1)
""")
    course.submit(instructor.course, "jay", course.RIGHT)
    (instructor.course / "submitted/jay/ps1/hw.ipynb").write_text("no notebook")
    said = end(start(instructor), 1)
    assert "failed   jay  nbformat.reader.NotJSONError: Notebook does not appear to be JSON: 'no notebook'\n" in said
    assert "failed   lin  data.csv is a link, which is not graded; remove it\n" in said
    assert "failed   sam  isolate-kernel: \\x1b]2;all is well\\x07" in said and "\x1b" not in said
    assert not os.path.exists(instructor.course / "autograded/lin")
    assert (instructor.course / "slurm/ps1").stat().st_mode & 0o077 == 0

    (instructor.course / "submitted/\x1b[2Jzed/ps1").mkdir(parents=True)
    assert r"submitted/\x1b[2Jzed has a character in its name that can't be printed; rename it" in end(start(instructor), 2)


@pytest.mark.once
@pytest.mark.parametrize(
    "change, options, word",
    [
        (lambda i: i.env.update(PATH="/usr/sbin"), [], "there is no sbatch here; run this on a login node"),
        (lambda i: (i.course / "gradebook.db").unlink(), [], "the gradebook has no assignment ps1; nbgrader generate_assignment ps1"),
        (lambda i: i.env.update(JUPYTER_PATH=""), [], "there is no kernel python3-isolated here; isolate-kernelspec install python3"),
        (lambda i: configure(i, "c.ExecutePreprocessor.kernel_name = 'python3'"), [], "the kernel python3 is not isolated; in nbgrader_config.py set"),
        (lambda i: None, ["--", "--partition=none"], "sbatch: "),
        (lambda i: shutil.rmtree(i.course / "submitted"), [], "nobody has handed in ps1: there is no "),
        (lambda i: None, ["--partition=all"], "error: there is no option --partition=all; those of sbatch come behind --"),
    ],
    ids=["no Slurm", "no assignment", "no twin", "plain kernel", "no such partition", "no submission", "no --"],
)
def test_nothing_is_submitted(instructor, change, options, word):
    change(instructor)
    assert f"autograde.py: {word}" in end(start(instructor, *options), 2)
    assert not os.path.exists(instructor.course / "autograded")


@pytest.mark.once
def test_what_no_node_has(instructor, cluster):
    """An array that can't start is said to be one, and so is how it ends; then the same command grades."""
    running = start(instructor, "--", "--mem=900G")
    said = ""
    while "may never start" not in said:
        said += running.stdout.readline()
        assert running.poll() is None, said
    job = re.search(r"scancel (\d+), then", said)[1]
    running.send_signal(signal.SIGINT)
    assert f"Job {job} goes on; scancel {job} ends it." in end(running, 130)
    cluster.run("scancel", job)
    assert wait_for(lambda: not cluster.run("squeue", "--noheader"), 30)
    shutil.rmtree(instructor.course / "submitted/carl")  # the slow one
    assert "ps1: 4 graded, 0 failed, 1 missing\n" in end(start(instructor), 0)


@pytest.mark.once
def test_another_python(instructor):
    done = subprocess.run(["/usr/bin/python3", "-I", SCRIPT, "ps1"], cwd=instructor.course, capture_output=True, text=True)
    assert done.returncode == 2 and re.fullmatch(r"autograde.py: /usr/bin/python3\S* has no \w+; start this with the Python that has nbgrader\n", done.stderr), done.stderr


def configure(instructor, line):
    with open(instructor.course / "nbgrader_config.py", "a") as config:
        config.write(line + "\n")
