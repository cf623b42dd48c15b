"""A home with a Jupyter in it and what the tests do there: run programs, read and write notebooks."""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import urllib.request

import nbformat
import pytest
from common import BUILD, notebook, wait_for

# Only the test may configure the Jupyter that it starts.
FOREIGN = re.compile(r"JUPYTER|JPY_|IPYTHON|XDG_|MNTDIRS|NBGRADER|VIRTUAL_ENV|PYTHON")


class Machine:
    """A home directory made for the tests, with a Jupyter in it and the programs of this virtual environment."""

    def __init__(self, home):
        self.home = home
        self.course = home / "course"
        self.course.mkdir(parents=True)
        self.secret = home / "secret.txt"
        self.secret.write_text("what no kernel may see\n")
        self.env = {k: v for k, v in os.environ.items() if not FOREIGN.match(k)}
        self.env.update(
            HOME=str(home),
            PATH=os.pathsep.join([os.path.dirname(sys.executable), str(BUILD / "bin"), os.environ["PATH"]]),
        )

    def run(self, *argv, check=True, timeout=60, env=None, **options):
        """Run a program to its end in the course's directory; its output is in the error when it fails."""
        options.setdefault("cwd", self.course)
        done = subprocess.run(
            [str(a) for a in argv],
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=timeout,
            **options,
        )
        if check and done.returncode != 0:
            pytest.fail(f"{argv} exited {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    @contextlib.contextmanager
    def running(self, *argv, ready, log, env=None, timeout=60, **options):
        """Run a server until the block ends. It is ready when the function ready is true."""
        options.setdefault("cwd", self.course)
        with open(log, "w") as out:
            server = subprocess.Popen(
                [str(a) for a in argv],
                env={**self.env, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                **options,
            )
        try:
            assert wait_for(lambda: server.poll() is not None or ready(), timeout), f"{argv[0]} isn't ready, see {log}"
            assert server.poll() is None, pathlib.Path(log).read_text()
            yield server
        finally:
            server.terminate()
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()

    def looks(self):
        """Code whose output is True where it sees the home directory's files, False in a sandbox."""
        return f"import os; print('sees secret:', os.path.exists({str(self.secret)!r}))"


def answers(url, headers=None):
    """Whether a web server answers at url."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=5).close()
    except OSError:
        return False
    return True


def write_notebook(path, kernel, *sources):
    """Write a notebook of code cells that asks for the kernel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook(*sources, kernel=kernel), path)
    return path


def outputs(path):
    """All that the cells of a stored notebook printed."""
    notebook = nbformat.read(path, as_version=4)
    return "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
