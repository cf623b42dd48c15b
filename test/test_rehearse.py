"""An instructor's notebooks, rehearsed before they are graded."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess

import nbformat
import pytest
from common import BUILD, processes, unique, wait_for
from conftest import COMMANDS, PYTHONS, Jupyter, fresh_home
from test_install import make_base

# One worker has the twin that most of these tests share.
shared = pytest.mark.xdist_group("rehearse")


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    person = Jupyter(fresh_home(tmp_path_factory.mktemp("rehearse")), PYTHONS["ipykernel7"])
    person.env["JUPYTER_PATH"] = str(person.home / "prefix/share/jupyter")
    person.install()
    return person


def write(path, *cells, kernel="python3", language="python"):
    """A notebook of code cells; a cell with points is (source, grade_id, points), one with tags (source, [tag])."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": kernel, "language": language, "display_name": kernel}})
    for cell in cells:
        source, *rest = [cell] if isinstance(cell, str) else cell
        made = nbformat.v4.new_code_cell(source)
        if len(rest) == 2:
            made.metadata["nbgrader"] = {"grade": True, "solution": False, "locked": True, "task": False, "schema_version": 3,
                                         "grade_id": rest[0], "points": rest[1]}
        elif rest:
            made.metadata["tags"] = rest[0]
        book.cells.append(made)
    nbformat.write(book, path)
    return path


def rehearse(jupyter, *arguments, **options):
    return jupyter.run(COMMANDS / "isolate-kernelspec", "rehearse", "python3-isolated", *arguments, check=False, **options)


def leftovers(jupyter):
    return list((jupyter.home / ".local/share/jupyter").glob("rehearse-*"))


@shared
def test_what_differs_from_run_to_run_is_no_difference(jupyter):
    """Times, addresses, processes, random figures and the plots of them; what nbclient leaves out; and an error that is meant."""
    book = write(jupyter.home / "varying/a.ipynb",
                 "import os, random, sys, time\nprint(time.time(), time.ctime(), os.getpid(), random.random(), object())",
                 "import numpy as np, matplotlib.pyplot as plt\nplt.plot(np.random.rand(9)); plt.title(time.time()); plt.show()",
                 "import pandas; pandas.DataFrame({'x': np.random.rand(3)})",
                 "from IPython.display import display, clear_output\nh = display(1, display_id=True); h.update(random.random())",
                 "print('gone'); clear_output(wait=True); print('stays')",
                 "def f(): pass\nf",
                 ("raise ValueError(random.random())", ["raises-exception"]),
                 ("open('/no/such/file')", ["skip-execution"]),
                 "sys.stdout.write(str([random.choice('abc') for _ in range(20)]))",
                 "with open('written', 'w') as f: f.write('x')\nsorted(os.listdir())",
                 "import warnings; warnings.warn('from a file of its own')")
    done = rehearse(jupyter, book)
    assert (done.returncode, done.stdout) == (0, f"{book}: as in the plain kernel\n"), done.stdout + done.stderr
    assert [p.name for p in book.parent.iterdir()] == ["a.ipynb"] and not leftovers(jupyter)


@pytest.mark.once
@shared
def test_what_fails_as_well(jupyter):
    """An error, a line that nobody types and a kernel that dies aren't differences; the rest goes on."""
    jupyter.env["SET_HERE"] = "1"
    folder = jupyter.home / "failing"
    write(folder / "a-error.ipynb", "1/0", "input()", "print('after')")
    write(folder / "b-dies.ipynb", "print('before')", "import os; os._exit(3)", "print('after')")
    write(folder / "c-differs.ipynb", "import os\nos.environ['SET_HERE']", ("1", "graded", 2), ("x = os.environ['SET_HERE']", "test", 1))
    (folder / "d-none.ipynb").write_text("{")
    write(folder / "e-r.ipynb", "cat(1)", kernel="ir", language="R")
    done = rehearse(jupyter, folder)
    assert done.returncode == 1
    assert done.stdout.replace(f"{folder}/", "") == """\
a-error.ipynb: fails in the plain kernel as well
  In [1], in the plain kernel as well: raises ZeroDivisionError: division by zero
  In [2], in the plain kernel as well: raises StdinNotImplementedError: raw_input was called, but this frontend does not support input requests.
b-dies.ipynb: fails in the plain kernel as well
  In [2], in the plain kernel as well: the kernel died
c-differs.ipynb: 2 cells differ, 1 of 3 points, 2 in the plain kernel
  In [1]: raises KeyError: 'SET_HERE' (SET_HERE: set here, not passed to the twin)
  In [3] test: 0 of 1 points, 1 in the plain kernel; raises KeyError: 'SET_HERE' (SET_HERE: set here, not passed to the twin)
d-none.ipynb: not rehearsed: not a notebook: unexpected end of JSON input
e-r.ipynb: not rehearsed: it is written in r, and python3-isolated runs python; rehearse it with a twin of ir
to mend it: isolate-kernelspec update python3-isolated --env SET_HERE
"""


@pytest.mark.once
@shared
def test_cells_that_never_end(jupyter):
    """One ends by the interrupt, and the next follows; at one that doesn't the next notebook follows."""
    folder = jupyter.home / "endless"
    write(folder / "a-endless.ipynb", "while True: pass", "open('/no/such/file')")
    write(folder / "b-deaf.ipynb", "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(0.1)", "print('after')")
    done = rehearse(jupyter, folder, "--timeout", "2")
    assert done.returncode == 0
    assert done.stdout.replace(f"{folder}/", "") == """\
a-endless.ipynb: fails in the plain kernel as well
  In [1], in the plain kernel as well: raises CellTimeoutError: not done after 2s
  In [2], in the plain kernel as well: raises FileNotFoundError: [Errno 2] No such file or directory: '/no/such/file'
b-deaf.ipynb: fails in the plain kernel as well
  In [1], in the plain kernel as well: the kernel goes on in spite of the interrupt
"""


@pytest.mark.once
@shared
def test_a_kernel_that_dies_in_the_twin_alone(jupyter):
    outside = jupyter.home / "outside/file"
    outside.parent.mkdir()
    outside.write_text("")
    book = write(jupyter.home / "dies/a.ipynb", f"import os; os.path.exists('{outside}') or os._exit(3)", ("print(1)", "test", 1))
    done = rehearse(jupyter, book)
    assert done.returncode == 1
    assert done.stdout == f"""\
{book}: 2 cells differ, 0 of 1 points, 1 in the plain kernel
  In [1]: the kernel died; the plain kernel goes on
  In [2] test: 0 of 1 points, 1 in the plain kernel
looked for and not shown: {outside}
to mend it: isolate-kernelspec update python3-isolated --mount ro:{outside.parent}
"""


@pytest.mark.once
@shared
def test_kernels_that_do_not_start(jupyter):
    """Which of the two it is, and why; the next notebook is tried all the same."""
    folder = jupyter.home / "not-starting"
    for name in "a", "b":
        write(folder / name / "a.ipynb", "print(1)")
    jupyter.install("--name", "mountless")
    jupyter.edit("mountless", lambda spec: spec["env"].update(MNTDIRS=". no-such-directory"))
    done = jupyter.run(COMMANDS / "isolate-kernelspec", "rehearse", "mountless", folder, check=False)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and all("/a.ipynb: not rehearsed: mountless doesn't start: the kernel ended at its start: " in line for line in lines)
    assert all("no-such-directory" in line for line in lines), done.stdout


@pytest.mark.once
@shared
def test_a_service(jupyter):
    """A service of this machine is named, with the command that lets notebooks reach it, which --mend doesn't run."""
    jupyter.install("--name", "server")
    with socket.create_server(("127.0.0.1", 0)) as service:
        port = service.getsockname()[1]
        book = write(jupyter.home / "service/a.ipynb", f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 5).close()")
        done = jupyter.run(COMMANDS / "isolate-kernelspec", "rehearse", "server", book, "--mend", check=False)
        assert done.returncode == 1 and "raises ConnectionRefusedError" in done.stdout
        said = re.search(rf"^not reached: 127\.0\.0\.1:{port}; (.*) lets students' notebooks reach it, too$", done.stdout, re.MULTILINE)
        jupyter.run("sh", "-c", f'PATH="{COMMANDS}:$PATH"; {said[1]}')
        done = jupyter.run(COMMANDS / "isolate-kernelspec", "rehearse", "server", book, check=False)
        assert (done.returncode, done.stdout) == (0, f"{book}: as in the plain kernel\n")


@shared
def test_names_and_outputs_steer_no_terminal(jupyter):
    book = write(jupyter.home / "evil/\x1b]0;title\x07\n.ipynb", "import os\nprint('\\x1b[2J\\u202e' if os.path.exists('/root') or os.path.exists('/proc/1/root/etc') else '\\rx\\x9b')",
                 "raise ValueError('\\x1b[2J')" if os.getuid() else "1")
    done = rehearse(jupyter, book)
    assert done.stdout.startswith(f"{book.parent}/\\x1b]0;title\\x07\\n.ipynb: ")
    assert not any(c in done.stdout + done.stderr for c in "\x1b\x07\x9b\r\u202e")


@shared
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left(jupyter, ending):
    """Kernels end with the command and copies are removed; after SIGKILL by the next."""
    mark = unique()
    book = write(jupyter.home / f"endless{mark}/a.ipynb", f"import subprocess; subprocess.run(['sleep', '{mark}'])")
    running = subprocess.Popen([COMMANDS / "isolate-kernelspec", "rehearse", "python3-isolated", book], env=jupyter.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert wait_for(lambda: any("sleep" in line.split(" ")[0] for line in processes(mark).values()))
    assert len(leftovers(jupyter)) == 1
    running.send_signal(ending)
    assert running.wait(20) == -ending
    if ending == signal.SIGKILL:
        rehearse(jupyter, write(jupyter.home / "none/a.ipynb"))
        for process in processes(mark):  # a plain kernel's own are nobody's
            os.kill(process, signal.SIGKILL)
    assert wait_for(lambda: not processes(mark)) and not leftovers(jupyter)


@pytest.mark.once
def test_another_language(tmp_path):
    """R's own outputs and errors."""
    jupyter = Jupyter(fresh_home(tmp_path), PYTHONS["debian"])
    jupyter.env["JUPYTER_PATH"] = str(jupyter.home / "prefix/share/jupyter")
    jupyter.run(COMMANDS / "isolate-kernelspec", "install", "ir", "--prefix", jupyter.home / "prefix")
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    book = write(jupyter.home / "r/a.ipynb", "runif(3); Sys.time()", "x <- 6 * 7; x", f"d <- read.csv('{tmp_path}/data.csv'); nrow(d)", "plot(1:3)",
                 "Sys.getenv('SET_FOR_R')", kernel="ir", language="R")
    done = jupyter.run(COMMANDS / "isolate-kernelspec", "rehearse", "ir-isolated", book, "--json", check=False, env={"SET_FOR_R": "1"})
    report = json.loads(done.stdout)
    cells = {c["cell"]: c for c in report["notebooks"][0]["cells"]}
    assert set(cells) == {3, 5} and "cannot open" in cells[3]["says"][0], done.stdout
    assert cells[5]["variables"] == ["SET_FOR_R"]


@pytest.mark.once
@shared
def test_no_work_of_others_is_shown(jupyter):
    """A file in the course's own directory is shown alone, without the gradebook and all students' work; nor is that run."""
    course = jupyter.home / "course102"
    book = write(course / "source/ps1/a.ipynb", "print(open('../../../config.txt').read())")
    for name in ["nbgrader_config.py", "gradebook.db", "config.txt", "submitted/bob/ps1/nbgrader_config.py"]:
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text("")
    done = rehearse(jupyter, book)
    assert done.returncode == 1 and f"--mount ro:{course}/config.txt\n" in done.stdout, done.stdout + done.stderr
    assert not re.search(rf"ro:{course}(/source|/submitted)?[\s']", done.stdout), done.stdout

    handed_in = write(course / "submitted/bob/ps1/a.ipynb", f"open('{course}/ran', 'w')")
    done = rehearse(jupyter, handed_in)
    assert done.returncode == 1 and "where students' notebooks are" in done.stdout and not (course / "ran").exists(), done.stdout


COURSE = {
    "an unseeded figure, a time, a plot": "import random, time, matplotlib.pyplot as plt\nprint(random.random(), time.ctime()); plt.plot([random.random(), 1]); plt.show()",
    "a module beside the notebook": "import helper\nassert helper.answer == 42",
    "a project that is installed to be edited in place": "import mine\nassert mine.answer == 42",
    "data outside of the course": "assert open(OUTSIDE).read() == 'outside'",
    "data of the course": "assert open('../../../data/inside.csv').read() == 'inside'",
    "a directory that is listed": "import os\nassert sorted(os.listdir('../../../data')) == ['inside.csv', 'more.csv']",
    "a variable": "assert os.environ['COURSE_LEVEL'] == '3'",
}


@pytest.fixture
def course(tmp_path):
    """A course that uses all of this, a kernel of its own environment and a twin that was made too early."""
    jupyter = Jupyter(fresh_home(tmp_path), PYTHONS["ipykernel7"])
    home = jupyter.home
    jupyter.env["COURSE_LEVEL"] = "3"
    jupyter.run("/usr/bin/python3", "-m", "venv", "--without-pip", home / "env")
    site = next((home / "env/lib").iterdir()) / "site-packages"
    outer = next((BUILD / "venv-ipykernel7/lib").iterdir()) / "site-packages"
    (site / "outer.pth").write_text(f"{outer}\n")  # ipykernel, without a download
    make_base(jupyter, "course", {"argv": [str(home / "env/bin/python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "C", "language": "python"})
    jupyter.run(COMMANDS / "isolate-kernelspec", "install", "course")

    files = {"srv/big.csv": "outside", "course101/data/inside.csv": "inside", "course101/data/more.csv": "", "course101/source/ps1/helper.py": "answer = 42\n",
             "course101/nbgrader_config.py": "c = get_config()\nc.CourseDirectory.course_id = 'course101'\n", "project/mine.py": "answer = 42\n",
             "project/setup.py": "from setuptools import setup\nsetup(name='mine', py_modules=['mine'])\n"}
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    jupyter.run(home / "env/bin/python", "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation", "--no-deps", "-e", home / "project")

    cells = [(source.replace("OUTSIDE", repr(f"{home}/srv/big.csv")), f"cell{i}", i + 1) for i, source in enumerate(COURSE.values())]
    write(home / "course101/source/ps1/problem.ipynb", *cells, kernel="course")
    jupyter.run("nbgrader", "generate_assignment", "ps1", cwd=home / "course101")
    shutil.copytree(home / "course101/release/ps1", home / "course101/submitted/ann/ps1")
    return jupyter


def graded(jupyter, *arguments):
    """Ann's points by cell, as nbgrader gives them."""
    directory = jupyter.home / "course101"
    jupyter.run("nbgrader", "autograde", "ps1", "--force", *arguments, cwd=directory)
    with sqlite3.connect(directory / "gradebook.db") as db:
        rows = db.execute("select base_cell.name, grade.auto_score from grade join base_cell on grade.cell_id = base_cell.id")
        return dict(rows.fetchall())


@pytest.mark.once
def test_mended_by_what_it_says(course):
    """A rehearsed and mended twin gives the plain kernel's scores, and no others before."""
    isolated = "--ExecutePreprocessor.kernel_name=course-isolated"
    plain = graded(course)
    assert plain == {f"cell{i}": i + 1 for i in range(len(COURSE))}
    assert graded(course, isolated) == {**plain, "cell2": 0, "cell3": 0, "cell4": 0, "cell5": 0, "cell6": 0}  # the control

    before = {p: p.stat().st_mtime_ns for p in (course.home / "course101").rglob("*")}
    done = course.run(COMMANDS / "isolate-kernelspec", "rehearse", "course-isolated", "course101/source/ps1", "--mend", check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0 and "In [3] cell2: 0 of 3 points, 3 in the plain kernel; raises ModuleNotFoundError" in done.stdout
    assert {p: p.stat().st_mtime_ns for p in (course.home / "course101").rglob("*")} == before
    assert graded(course, isolated) == plain
