"""What a kernel sees in its sandbox, and what it doesn't.

Most of it is a trap that wrappers of kernels fall into; docs/design.md lists them.
"""

import hashlib
import json
import os
import pathlib
import pty
import subprocess
import time

from conftest import COMMANDS


def test_connection_file_is_a_copy(each_jupyter, kernels):
    """ipykernel 6 rewrites its connection file; Jupyter's own must stay as it was."""
    kernel = each_jupyter.start("python3-isolated")
    kernels.append(kernel)
    before = json.loads(pathlib.Path(kernel.connection_file).read_text())
    digest = hashlib.sha256(pathlib.Path(kernel.connection_file).read_bytes()).hexdigest()
    assert before["kernel_name"] == "python3-isolated"
    scribble = "open(__import__('ipykernel').get_connection_file(), 'a').write('x')"
    assert kernel.run(scribble) == "1"
    assert hashlib.sha256(pathlib.Path(kernel.connection_file).read_bytes()).hexdigest() == digest
    plain = each_jupyter.start("python3")
    kernels.append(plain)
    digest = hashlib.sha256(pathlib.Path(plain.connection_file).read_bytes()).hexdigest()
    plain.run(scribble)
    assert hashlib.sha256(pathlib.Path(plain.connection_file).read_bytes()).hexdigest() != digest  # the control


def test_connection_file_in_tmp(each_jupyter):
    """nbconvert's connection file lies in /tmp, which is another one inside, and must be found there."""
    start = time.monotonic()
    book = each_jupyter.workdir() / "n.ipynb"
    book.write_text(json.dumps({"cells": [{"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "id": "a",
        "source": "from ipykernel import get_connection_file; import os; print('exists', os.path.exists(get_connection_file()))"}],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    interpreter = each_jupyter.python if each_jupyter.python.parent.joinpath("jupyter-nbconvert").exists() else None
    if interpreter is None:  # Debian's has no nbconvert here: the one of the venv runs its kernel
        from conftest import PYTHONS
        interpreter = PYTHONS["ipykernel7"]
    each_jupyter.env["JUPYTER_PATH"] = str(each_jupyter.home / "prefix/share/jupyter")
    each_jupyter.run(interpreter, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace",
                     "--ExecutePreprocessor.kernel_name=python3-isolated", book)
    assert "exists True" in book.read_text()
    assert time.monotonic() - start < 40  # hidden, the client would wait for 60 s


def test_runtime_directory_is_hidden(each_jupyter, kernels):
    """The connection file's directory holds other kernels' keys and the server's token, which stay outside."""
    runtime = each_jupyter.home / "runtime"
    runtime.mkdir()
    (runtime / "jpserver-1.json").write_text("token")
    look = f"import os; print(sorted(os.listdir({str(runtime)!r})))"
    for name, file, want in (("python3-isolated", "kernel-1.json", ["kernel-1.json"]), ("python3", "kernel-2.json", ["jpserver-1.json", "kernel-1.json", "kernel-2.json"])):
        kernel = each_jupyter.start(name, connection_file=str(runtime / file))
        kernels.append(kernel)
        assert kernel.run(look) == str(want)


def test_loopback_is_up(jupyter, kernels):
    """A new network namespace has its loopback interface down: a server inside must be reachable inside, and nothing outside."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    assert kernel.run("""
import socket
s = socket.create_server(("127.0.0.1", 0))
socket.create_connection(s.getsockname(), 5); print("inside")
try: socket.create_connection(("192.0.2.1", 80), 5)
except OSError as e: print(e.strerror)
""") == "inside\nNetwork is unreachable"


def test_standard_streams_are_no_terminal(jupyter):
    """The kernel holds no terminal on which somebody types."""
    code = "import os\nfor n in os.listdir('/proc/self/fd'):\n    try: print(n, os.readlink('/proc/self/fd/' + n))\n    except OSError: pass\nprint('end')"
    outer, inner = pty.openpty()
    command = ["/usr/bin/python3", "-c", code, jupyter.connection_file()]
    for prefix, want in (([], "/dev/pts"), ([str(COMMANDS / "isolate-kernel"), "--"], "pipe")):
        subprocess.run(prefix + command, cwd=jupyter.workdir(), env=jupyter.env, stdin=subprocess.DEVNULL, stdout=inner, stderr=inner, check=True)
        said = ""
        while "end" not in said:
            said += os.read(outer, 1000).decode()
        assert "1 " + want in said, said
    assert "/dev/" not in said.replace("0 /dev/null", ""), said


def test_environment_secrets(each_jupyter, kernels):
    """Tokens stay outside; process 1's environment and command line in /proc don't show them either."""
    secret = "sekret-of-the-hub"
    env = {"JUPYTERHUB_API_TOKEN": secret, "SSH_AUTH_SOCK": "/run/" + secret, "NBGRADER_EXECUTION": "autograde"}
    search = f"""
import glob, os
found = 0
for pattern in ("environ", "cmdline"):
    for path in glob.glob("/proc/[0-9]*/" + pattern):
        try: found += open(path, "rb").read().count(b"{secret[:6]}" + b"{secret[6:]}")
        except OSError: pass
print(found, os.environ.get("NBGRADER_EXECUTION"))
"""
    kernel = each_jupyter.start("python3-isolated", env=env)
    kernels.append(kernel)
    assert kernel.run(search) == "0 autograde"
    plain = each_jupyter.start("python3", env=env)
    kernels.append(plain)
    assert plain.run(search) != "0 autograde"  # the search can find


def test_history_and_start_up_files(each_jupyter, kernels):
    """The person's own IPython profile is neither run nor written."""
    startup = each_jupyter.home / ".ipython/profile_default/startup"
    startup.mkdir(parents=True)
    marker = each_jupyter.workdir() / "marker"
    (startup / "x.py").write_text(f"open({str(marker)!r}, 'w')")
    (each_jupyter.home / ".ipython/profile_default/history.sqlite").write_bytes(b"")
    started = [each_jupyter.start("python3-isolated") for _ in range(4)]
    kernels.extend(started)
    for kernel in started:
        assert kernel.run("print('ran')") == "ran"
    assert not marker.exists()
    assert (each_jupyter.home / ".ipython/profile_default/history.sqlite").read_bytes() == b""
    plain = each_jupyter.start("python3")
    kernels.append(plain)
    assert marker.exists()  # the plain kernel runs it


def test_no_noise_on_stderr(jupyter, kernels):
    """A warning on standard error in a test cell would cost the student the points."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    assert kernel.run("import matplotlib.pyplot as plt, pandas; plt.plot([1, 2]); plt.title('x'); plt.savefig('p.png'); plt.close(); print('done')", 120) == "done"


def test_surroundings(each_jupyter, kernels):
    """Pseudo-terminals, shared memory, /proc, and the names of host and user are there."""
    kernel = each_jupyter.start("python3-isolated")
    kernels.append(kernel)
    assert kernel.run("get_ipython().system('echo hi')").strip() == "hi"
    assert kernel.run("import multiprocessing; multiprocessing.Semaphore(1); print('shm')") == "shm"
    assert kernel.run("import socket; print(socket.gethostbyname(socket.gethostname()))").startswith("127.")
    assert "ipykernel" in kernel.run("print(open(f'/proc/{__import__(\"os\").getpid()}/cmdline').read())")
    assert kernel.run("import socket; print(socket.gethostbyname('localhost'))") == "127.0.0.1"
    assert kernel.run("import getpass, pwd, os; print(getpass.getuser() and pwd.getpwuid(os.getuid()).pw_dir == os.environ['HOME'])") == "True"


def test_working_directory(jupyter, kernels):
    """The kernel's working directory is the notebook's, whatever PWD says, and HOME isn't the real one."""
    real = jupyter.home / "real dir"
    real.mkdir()
    (real / "data.csv").write_text("1,2")
    (jupyter.home / "link").symlink_to(real)
    (jupyter.home / "private").write_text("x")
    kernel = jupyter.start("python3-isolated", cwd=jupyter.home / "link", env={"PWD": "/stale"})
    kernels.append(kernel)
    assert kernel.run("import os; print(os.getcwd()); print(open('data.csv').read()); print(sorted(os.listdir(os.environ['HOME'])))").splitlines()[:2] == [str(real), "1,2"]
    assert kernel.run("import os; print('private' in os.listdir(os.environ['HOME']))") == "False"
    assert kernel.run("print('PWD' in os.environ)") == "False"
    for env in {"PWD": str(jupyter.home / "link")}, {"PWD": "/stale", "JPY_SESSION_NAME": str(jupyter.home / "link/ps1.ipynb")}:
        by_name = jupyter.start("python3-isolated", cwd=jupyter.home / "link", env=env)
        kernels.append(by_name)
        assert by_name.run(f"print(open('{jupyter.home}/link/data.csv').read())") == "1,2"
    kernel.run("open('made', 'w').write('y')")
    assert (real / "made").read_text() == "y"
