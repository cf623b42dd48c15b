"""A kernel in its sandbox behaves as the plain one does, for every ipykernel.

The numbers are those of the traps that wrappers of kernels fall into; each
test fails without the handling that it names.
"""

import hashlib
import json
import os
import pathlib
import pty
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import COMMANDS, processes, wait_for


def test_parent_poller(each_jupyter, kernels):
    """1: the kernel's parent is process 1; a poller must not take that for an orphan's."""
    kernel = each_jupyter.start("python3-isolated")
    kernels.append(kernel)
    time.sleep(2.5)
    assert kernel.manager.is_alive()
    assert kernel.run("import os; print(os.environ['JPY_PARENT_PID'], os.getppid())") == "1 1"


def test_connection_file_is_a_copy(each_jupyter, kernels):
    """2: ipykernel 6 writes the connection file anew; Jupyter's own stays as it was."""
    kernel = each_jupyter.start("python3-isolated")
    kernels.append(kernel)
    before = json.loads(pathlib.Path(kernel.connection_file).read_text())
    digest = hashlib.sha256(pathlib.Path(kernel.connection_file).read_bytes()).hexdigest()
    assert before["kernel_name"] == "python3-isolated"
    kernel.run(f"open({kernel.connection_file!r}, 'a').write('x')")
    assert hashlib.sha256(pathlib.Path(kernel.connection_file).read_bytes()).hexdigest() == digest


def test_connection_file_in_tmp(each_jupyter):
    """3: nbconvert's connection file lies in a temporary directory, and is found all the same."""
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


def test_runtime_directory_is_hidden(jupyter, kernels):
    """4: the directory of the connection file holds other kernels' keys and the server's token."""
    runtime = jupyter.home / "runtime"
    runtime.mkdir()
    (runtime / "jpserver-1.json").write_text("token")
    kernel = jupyter.start("python3-isolated", connection_file=str(runtime / "kernel-1.json"))
    kernels.append(kernel)
    assert kernel.run(f"import os; print(os.listdir({str(runtime)!r}))") == "['kernel-1.json']"


def test_loopback_is_up(jupyter, kernels):
    """5: a server inside is reachable inside, and nothing outside is."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    assert kernel.run("""
import socket
s = socket.create_server(("127.0.0.1", 0))
socket.create_connection(s.getsockname(), 5); print("inside")
try: socket.create_connection(("192.0.2.1", 80), 5)
except OSError as e: print(e.strerror)
""") == "inside\nNetwork is unreachable"


@pytest.mark.parametrize("mode", ["signal", "message"])
def test_interrupt(each_jupyter, kernels, mode):
    """6 and 7: an interrupt arrives, once, and the kernel lives on."""
    each_jupyter.edit("python3-isolated", lambda spec: spec.update(interrupt_mode=mode))
    kernel = each_jupyter.start("python3-isolated")
    kernels.append(kernel)
    pid = kernel.run("import os; os.getpid()")
    code = "import time\ntry:\n    time.sleep(30)\nexcept KeyboardInterrupt:\n    time.sleep(1); print('cleaned up')"
    threading.Timer(1, kernel.manager.interrupt_kernel).start()
    start = time.monotonic()
    assert kernel.run(code) == "cleaned up"
    assert kernel.status == "ok"
    threading.Timer(1, kernel.manager.interrupt_kernel).start()
    assert "KeyboardInterrupt" in kernel.run("while True: pass")
    assert time.monotonic() - start < 20
    assert kernel.run("import os; os.getpid()") == pid


def launch(jupyter, code, new_session=False):
    """The launcher, started without Jupyter, around a Python that runs code."""
    connection = jupyter.home / "tmp" / "c.json"
    connection.write_text(json.dumps(dict(shell_port=free(), iopub_port=free(), stdin_port=free(), control_port=free(), hb_port=free(),
        ip="127.0.0.1", key="k", transport="tcp", signature_scheme="hmac-sha256")))
    command = [str(COMMANDS / "isolate-kernel"), "--", "/usr/bin/python3", "-c", code, str(connection)]
    return subprocess.Popen(command, cwd=jupyter.workdir(), env=jupyter.env, stdout=subprocess.PIPE, text=True, start_new_session=new_session)


def free():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_signal_to_the_process_alone(jupyter):
    """8: VS Code starts kernels without a group of their own and signals the process."""
    code = "import time, signal\ntry:\n    print('ready', flush=True); time.sleep(30)\nexcept KeyboardInterrupt: print('interrupted', flush=True)\ntime.sleep(86377)"
    launcher = launch(jupyter, code)
    assert launcher.stdout.readline() == "ready\n"
    launcher.send_signal(signal.SIGINT)
    assert launcher.stdout.readline() == "interrupted\n"
    start = time.monotonic()
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(10) == 128 + signal.SIGTERM
    assert time.monotonic() - start < 5
    assert not processes("86377")


def test_terminate_and_reap(jupyter, kernels):
    """9: process 1 reaps, and SIGTERM ends a kernel that does not catch it."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    zombies = kernel.run("""
import os, time
for _ in range(50):
    if os.fork() == 0:
        if os.fork() == 0: os._exit(0)
        os._exit(0)
    os.wait()
time.sleep(0.5)
print(sum(open(f"/proc/{p}/stat").read().rsplit(")")[1].split()[0] == "Z" for p in os.listdir("/proc") if p.isdigit()))
""")
    assert zombies == "0"
    kernel.process.terminate()
    assert kernel.process.wait(10) == 128 + signal.SIGTERM


def test_no_orphans(jupyter, kernels):
    """10: the kernel dies with the launcher, and what it left behind with the kernel."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    kernel.run("import subprocess; subprocess.Popen(['setsid', 'sleep', '86376'])")
    assert wait_for(lambda: processes("86376"))
    kernel.process.kill()
    assert wait_for(lambda: not processes("86376") and not processes(kernel.connection_file))


def test_dies_with_the_front_end(jupyter):
    """10: a front end that is killed leaves no kernel."""
    script = f"""
import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})
import pathlib, conftest, time
j = conftest.Jupyter.__new__(conftest.Jupyter)
j.home = pathlib.Path({str(jupyter.home)!r}); j.python = pathlib.Path({str(jupyter.python)!r}); j.env = {jupyter.env!r}
k = j.start("python3-isolated"); k.run("import subprocess; subprocess.Popen(['sleep', '86375'])")
print("ready", flush=True); time.sleep(60)
"""
    front_end = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert front_end.stdout.readline() == "ready\n"
    assert wait_for(lambda: processes("86375"))
    front_end.kill()
    front_end.wait()
    assert wait_for(lambda: not processes("86375") and not processes(str(COMMANDS / "isolate-kernel")), 10)


def test_ends_with_the_kernel(jupyter, kernels):
    """11: the kernel's end is the launcher's, with its status."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    kernel.client.execute("import os; os._exit(7)")
    assert kernel.process.wait(5) == 7


def test_restart_on_the_same_ports(jupyter, kernels):
    """12: restarts keep the ports, and clients find the new kernel there."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    ports = kernel.manager.ports
    for i in range(20):
        kernel.manager.restart_kernel(now=i % 2 == 1)
        kernel.client.wait_for_ready(timeout=30)
        assert kernel.manager.ports == ports
    assert kernel.run("1 + 1") == "2"


def test_extra_arguments(jupyter, kernels):
    """13: arguments that a front end adds at the end reach the kernel."""
    kernel = jupyter.start("python3-isolated", arguments=["--InteractiveShell.xmode=Plain"])
    kernels.append(kernel)
    assert kernel.run("get_ipython().config.InteractiveShell.xmode").strip("'") == "Plain"


def test_standard_streams_are_no_terminal(jupyter):
    """17: the kernel holds no terminal on which somebody types."""
    code = "import os\nprint([os.readlink(f'/proc/self/fd/{n}').split(':')[0] for n in (0, 1, 2)], flush=True)"
    outer, inner = pty.openpty()
    connection = jupyter.home / "tmp" / "c.json"
    connection.write_text(json.dumps(dict(shell_port=free(), iopub_port=free(), stdin_port=free(), control_port=free(), hb_port=free(),
        ip="127.0.0.1", key="k", transport="tcp", signature_scheme="hmac-sha256")))
    command = ["/usr/bin/python3", "-c", code, str(connection)]
    for prefix, want in (([], "/dev/pts"), ([str(COMMANDS / "isolate-kernel"), "--"], "pipe")):
        subprocess.run(prefix + command, cwd=jupyter.workdir(), env=jupyter.env, stdin=subprocess.DEVNULL, stdout=inner, stderr=inner, check=True)
        line = os.read(outer, 1000).decode()
        assert want in line, line
    assert "/dev/pts" not in line


def test_environment_secrets(jupyter, kernels):
    """20: tokens stay outside, also in what the process file system tells."""
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
    kernel = jupyter.start("python3-isolated", env=env)
    kernels.append(kernel)
    assert kernel.run(search) == "0 autograde"
    plain = jupyter.start("python3", env=env)
    kernels.append(plain)
    assert plain.run(search) != "0 autograde"  # the search can find


def test_history_and_start_up_files(jupyter, kernels):
    """21: the person's own IPython profile is neither run nor written."""
    startup = jupyter.home / ".ipython/profile_default/startup"
    startup.mkdir(parents=True)
    marker = jupyter.workdir() / "marker"
    (startup / "x.py").write_text(f"open({str(marker)!r}, 'w')")
    (jupyter.home / ".ipython/profile_default/history.sqlite").write_bytes(b"")
    started = [jupyter.start("python3-isolated") for _ in range(4)]
    kernels.extend(started)
    for kernel in started:
        assert kernel.run("print('ran')") == "ran"
    assert not marker.exists()
    assert (jupyter.home / ".ipython/profile_default/history.sqlite").read_bytes() == b""
    plain = jupyter.start("python3")
    kernels.append(plain)
    assert marker.exists()  # the plain kernel runs it


def test_no_noise_on_stderr(jupyter, kernels):
    """22: a warning in a test cell would cost the student the points."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    assert kernel.run("import matplotlib.pyplot as plt, pandas; plt.plot([1, 2]); plt.title('x'); plt.savefig('p.png'); plt.close(); print('done')", 120) == "done"


def test_surroundings(each_jupyter, kernels):
    """23: pseudo-terminals, shared memory, processes, names."""
    kernel = each_jupyter.start("python3-isolated")
    kernels.append(kernel)
    assert kernel.run("get_ipython().system('echo hi')").strip() == "hi"
    assert kernel.run("import multiprocessing; multiprocessing.Semaphore(1); print('shm')") == "shm"
    assert kernel.run("import socket; print(socket.gethostbyname(socket.gethostname()))").startswith("127.")
    assert kernel.run("import getpass, pwd, os; print(getpass.getuser() and pwd.getpwuid(os.getuid()).pw_dir == os.environ['HOME'])") == "True"


def test_working_directory(jupyter, kernels):
    """24: the kernel is where the notebook is, whatever PWD says, and HOME is not the real one."""
    real = jupyter.home / "real dir"
    real.mkdir()
    (real / "data.csv").write_text("1,2")
    (jupyter.home / "link").symlink_to(real)
    (jupyter.home / "private").write_text("x")
    kernel = jupyter.start("python3-isolated", cwd=jupyter.home / "link", env={"PWD": "/stale"})
    kernels.append(kernel)
    assert kernel.run("import os; print(os.getcwd()); print(open('data.csv').read()); print(sorted(os.listdir(os.environ['HOME'])))").splitlines()[:2] == [str(real), "1,2"]
    assert kernel.run("import os; print('private' in os.listdir(os.environ['HOME']))") == "False"
    kernel.run("open('made', 'w').write('y')")
    assert (real / "made").read_text() == "y"


def test_nothing_is_left(jupyter, kernels):
    """After runs and a kill: no process, no mount, no file."""
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    for end in ("shutdown", "kill"):
        kernel = jupyter.start("python3-isolated")
        kernel.run("open('/tmp/left', 'w'); open(__import__('os').path.expanduser('~/left'), 'w')")
        if end == "kill":
            kernel.process.kill()
            kernel.process.wait()
        kernel.stop()
        assert wait_for(lambda: not processes(kernel.connection_file))
    assert pathlib.Path("/proc/self/mountinfo").read_text() == mounts
    assert not pathlib.Path("/tmp/left").exists()
    left = {p.name for p in (jupyter.home / "tmp").iterdir()}
    assert not any(name.endswith(".json") for name in left - {pathlib.Path(kernel.connection_file).name})
