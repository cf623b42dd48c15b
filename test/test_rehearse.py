"""An instructor's notebooks, rehearsed before they are graded."""

import json
import os
import signal
import subprocess

import nbformat
import pytest
from common import processes, unique, wait_for
from conftest import COMMANDS, PYTHONS, Jupyter, fresh_home
from real import VENV

# One worker has the twin that these tests share.
pytestmark = pytest.mark.xdist_group("rehearse")


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
                 "with open('written', 'w') as f: f.write('x')\nos.listdir()",
                 "import warnings; warnings.warn('from a file of its own')")
    done = rehearse(jupyter, book)
    assert (done.returncode, done.stdout) == (0, f"{book}: as in the plain kernel\n"), done.stdout + done.stderr
    assert [p.name for p in book.parent.iterdir()] == ["a.ipynb"] and not leftovers(jupyter)


def test_what_fails_as_well(jupyter):
    """An error, a line that nobody types, a cell that never ends and a kernel that dies; the rest goes on."""
    jupyter.env["SET_HERE"] = "1"
    folder = jupyter.home / "failing"
    write(folder / "a-error.ipynb", "1/0", "input()", "print('after')")
    write(folder / "b-endless.ipynb", "while True: pass", "print('after')")
    write(folder / "c-deaf.ipynb", "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(0.1)", "print('after')")
    write(folder / "d-dies.ipynb", "print('before')", "import os; os._exit(3)", "print('after')")
    write(folder / "e-differs.ipynb", "import os\nos.environ['SET_HERE']", ("1", "graded", 2), ("x = os.environ['SET_HERE']", "test", 1))
    (folder / "f-none.ipynb").write_text("{")
    write(folder / "g-r.ipynb", "cat(1)", kernel="ir", language="R")
    done = rehearse(jupyter, folder, "--timeout", "1")
    assert done.returncode == 1
    assert done.stdout.replace(f"{folder}/", "") == """\
a-error.ipynb: fails in the plain kernel as well
  In [1], in the plain kernel as well: raises ZeroDivisionError: division by zero
  In [2], in the plain kernel as well: raises StdinNotImplementedError: raw_input was called, but this frontend does not support input requests.
b-endless.ipynb: fails in the plain kernel as well
  In [1], in the plain kernel as well: raises CellTimeoutError: not done after 1s
c-deaf.ipynb: fails in the plain kernel as well
  In [1], in the plain kernel as well: the kernel goes on in spite of the interrupt
d-dies.ipynb: fails in the plain kernel as well
  In [2], in the plain kernel as well: the kernel died
e-differs.ipynb: 2 cells differ, 1 of 3 points, 2 in the plain kernel
  In [1]: raises KeyError: 'SET_HERE' (SET_HERE: set here, not passed to the twin)
  In [3] test: 0 of 1 points, 1 in the plain kernel; raises KeyError: 'SET_HERE' (SET_HERE: set here, not passed to the twin)
f-none.ipynb: not rehearsed: not a notebook: unexpected end of JSON input
g-r.ipynb: not rehearsed: it is written in r, and python3-isolated runs python; rehearse it with a twin of ir
to mend it: isolate-kernelspec update python3-isolated --env SET_HERE
"""


def test_a_kernel_that_dies_in_the_twin_alone(jupyter):
    (jupyter.home / "outside").write_text("")
    book = write(jupyter.home / "dies/a.ipynb", f"import os; os.path.exists('{jupyter.home}/outside') or os._exit(3)", ("print(1)", "test", 1))
    done = rehearse(jupyter, book)
    assert done.returncode == 1
    assert done.stdout == f"""\
{book}: 2 cells differ, 0 of 1 points, 1 in the plain kernel
  In [1]: the kernel died; the plain kernel goes on
  In [2] test: 0 of 1 points, 1 in the plain kernel
"""


def test_names_and_outputs_steer_no_terminal(jupyter):
    book = write(jupyter.home / "evil/\x1b]0;title\x07\n.ipynb", "import os\nprint('\\x1b[2J\\u202e' if os.path.exists('/root') or os.path.exists('/proc/1/root/etc') else '\\rx\\x9b')",
                 "raise ValueError('\\x1b[2J')" if os.getuid() else "1")
    done = rehearse(jupyter, book)
    assert done.stdout.startswith(f"{book.parent}/\\x1b]0;title\\x07\\n.ipynb: ")
    assert not any(c in done.stdout + done.stderr for c in "\x1b\x07\x9b\r\u202e")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
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
