"""A kernel in its sandbox starts, is signalled and ends as the plain one does.

Most of it is a trap that wrappers of kernels fall into; docs/design.md lists them.
"""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest
import nbformat
from common import notebook, processes, unique, wait_for
from conftest import COMMANDS


def test_parent_poller(each_jupyter, kernels):
    """The kernel's parent is process 1, and ipykernel must not conclude that its front end has died."""
    kernel = each_jupyter.start("python3-isolated")
    kernels.append(kernel)
    time.sleep(2.5)
    assert kernel.manager.is_alive()
    assert kernel.run("import os; print(os.environ['JPY_PARENT_PID'], os.getppid())") == "1 1"


def test_parent_poller_is_there(each_jupyter):
    """The control: told its front end's process ID, the kernel ends by itself, since that is not its parent."""
    spec = each_jupyter.spec("python3-isolated")
    at = spec["argv"].index("--") + 1
    argv = [*spec["argv"][:at], "/usr/bin/env", f"JPY_PARENT_PID={os.getpid()}", *spec["argv"][at:]]
    path = each_jupyter.connection_file()
    done = each_jupyter.run(
        *(a.replace("{connection_file}", path) for a in argv), check=False, cwd=each_jupyter.workdir(), env=spec["env"]
    )
    assert done.returncode == 1 and "Parent appears to have exited" in done.stderr


@pytest.mark.parametrize("mode", ["signal", "message"])
def test_interrupt(each_jupyter, kernels, mode):
    """An interrupt arrives exactly once, and the kernel lives on."""
    each_jupyter.edit("python3-isolated", lambda spec: spec.update(interrupt_mode=mode))
    kernel = each_jupyter.start("python3-isolated")
    kernels.append(kernel)
    pid = kernel.run("import os; os.getpid()")
    interrupt = kernel.manager.interrupt_kernel
    code = "import time\ntry:\n    print('ready', flush=True); time.sleep(30)\nexcept KeyboardInterrupt:\n    time.sleep(1); print('cleaned up')"
    assert kernel.run(code, when_ready=interrupt).split("\n") == ["ready", "cleaned up"]
    assert kernel.status == "ok"
    assert "KeyboardInterrupt" in kernel.run("print('ready', flush=True)\nwhile True: pass", when_ready=interrupt)
    assert kernel.run("import os; os.getpid()") == pid


def launch(jupyter, code):
    """The launcher, started as VS Code does it, around a Python that runs code."""
    command = [str(COMMANDS / "isolate-kernel"), "--", "/usr/bin/python3", "-c", code, jupyter.connection_file()]
    return subprocess.Popen(command, cwd=jupyter.workdir(), env=jupyter.env, stdout=subprocess.PIPE, text=True)


def test_signal_to_the_process_alone(jupyter):
    """VS Code starts kernels without a group of their own and signals the process."""
    mark = unique()
    code = f"import time\ntry:\n    print('ready', flush=True); time.sleep(30)\nexcept KeyboardInterrupt: print('interrupted', flush=True)\ntime.sleep({mark})"
    launcher = launch(jupyter, code)
    assert launcher.stdout.readline() == "ready\n"
    launcher.send_signal(signal.SIGINT)
    assert launcher.stdout.readline() == "interrupted\n"
    start = time.monotonic()
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(10) == -signal.SIGTERM
    assert time.monotonic() - start < 5
    assert not processes(mark)


def test_terminate_and_reap(each_jupyter, kernels):
    """Process 1 reaps, and SIGTERM ends a kernel that doesn't catch it."""
    kernel = each_jupyter.start("python3-isolated")
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
    assert kernel.process.wait(10) == -signal.SIGTERM


def test_no_orphans(each_jupyter, kernels):
    """The kernel dies with the launcher, and with the kernel every process that it started."""
    mark = unique()
    leave = f"import subprocess; subprocess.Popen(['setsid', 'sleep', '{mark}']).pid"
    plain = each_jupyter.start("python3")
    kernels.append(plain)
    left = int(plain.run(leave))
    plain.process.kill()
    plain.process.wait()
    time.sleep(0.5)
    assert processes(mark)  # the control: the plain kernel's outlives it
    os.kill(left, signal.SIGKILL)
    assert wait_for(lambda: not processes(mark))

    kernel = each_jupyter.start("python3-isolated")
    kernels.append(kernel)
    kernel.run(leave)
    assert wait_for(lambda: processes(mark))
    kernel.process.kill()
    assert wait_for(lambda: not processes(mark) and not processes(kernel.connection_file))


def test_dies_with_the_front_end(jupyter):
    """A front end that is killed leaves no kernel behind."""
    mark = unique()
    script = f"""
import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})
import time
from conftest import Jupyter
from pathlib import PosixPath
k = Jupyter({jupyter.home!r}, {jupyter.python!r}, {jupyter.env!r}).start("python3-isolated"); k.run("import subprocess; subprocess.Popen(['sleep', '{mark}'])")
print("ready", flush=True); time.sleep(60)
"""
    front_end = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert front_end.stdout.readline() == "ready\n"
    assert wait_for(lambda: processes(mark))
    front_end.kill()
    front_end.wait()
    assert wait_for(lambda: not processes(mark) and not processes(str(jupyter.home / "tmp")), 10)


def test_ends_with_the_kernel(each_jupyter, kernels):
    """When the kernel ends, the launcher ends with its status."""
    kernel = each_jupyter.start("python3-isolated")
    kernels.append(kernel)
    kernel.client.execute("import os; os._exit(7)")
    assert kernel.process.wait(20) == 7


def test_cell_makes_init_its_tracer(each_jupyter, kernels):
    """A signal then is a stop, which only a tracer can end. What comes of it without an answer: TestTracedProgramOutside."""
    kernel = each_jupyter.start("python3-isolated")
    kernels.append(kernel)
    traced = """
import ctypes, os, signal
signal.signal(signal.SIGUSR1, lambda *_: print("caught"))
assert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0  # PTRACE_TRACEME
os.kill(os.getpid(), signal.SIGUSR1)
"""
    assert kernel.run(traced) == "caught"
    assert kernel.run("print(1 + 1)") == "2"


def test_notebook_of_a_dead_kernel(jupyter):
    """nbclient says at once that the kernel died."""
    book = jupyter.workdir() / "n.ipynb"
    nbformat.write(notebook("import os; os._exit(7)"), book)
    jupyter.env["JUPYTER_PATH"] = str(jupyter.home / "prefix/share/jupyter")
    start = time.monotonic()
    done = jupyter.run("jupyter", "execute", "--kernel_name=python3-isolated", book, check=False)
    assert done.returncode != 0 and "DeadKernelError" in done.stderr
    assert time.monotonic() - start < 30


def test_restart_on_the_same_ports(jupyter, kernels):
    """Restarts keep the ports, and clients find the new kernel there."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    ports = kernel.manager.ports
    for i in range(20):
        kernel.manager.restart_kernel(now=i % 2 == 1)
        kernel.client.wait_for_ready(timeout=30)
        assert kernel.manager.ports == ports
    assert kernel.run("1 + 1") == "2"
    # The control: if somebody else has one of the ports, there is no kernel.
    kernel.process.kill()
    kernel.process.wait()
    with socket.create_server(("127.0.0.1", ports[0])):
        kernel.manager.restart_kernel(now=True)
        assert kernel.process.wait(10) == 125


def test_extra_arguments(jupyter, kernels):
    """Arguments that a front end appends reach the kernel. The control: without them it has no such setting."""
    for arguments, want in (["--InteractiveShell.xmode=Plain"], True), ([], False):
        kernel = jupyter.start("python3-isolated", arguments=arguments)
        kernels.append(kernel)
        assert kernel.run("get_ipython().config.InteractiveShell.get('xmode') == 'Plain'") == str(want)


def places(jupyter):
    """What lies where a program leaves its temporary files."""
    everyone = (pathlib.Path(p) for p in ("/tmp", "/var/tmp", "/dev/shm", f"/run/user/{os.getuid()}"))
    found = {path for place in everyone if place.exists() for path in place.iterdir() if path.lstat().st_uid == os.getuid() and "isolate" in path.name}
    return found | {path for path in jupyter.home.rglob("*") if not path.is_relative_to(jupyter.home / "prefix")}


@pytest.mark.parametrize("end", ["shutdown", "kill", "kill the kernel"])
def test_nothing_is_left(each_jupyter, kernels, end):
    """After a run and after a kill: no process, no mount, no file."""
    each_jupyter.workdir()
    mounts, before = pathlib.Path("/proc/self/mountinfo").read_text(), places(each_jupyter)
    mark = unique()
    kernel = each_jupyter.start("python3-isolated")
    kernels.append(kernel)
    kernel.run(f"""
import os, subprocess
for name in ("/tmp/isolate-{mark}", "/var/tmp/isolate-{mark}", "/dev/shm/isolate-{mark}", os.path.expanduser("~/isolate-{mark}")):
    open(name, "x").close()
subprocess.Popen(["setsid", "sleep", "{mark}"])
""")
    assert kernel.status == "ok"
    assert wait_for(lambda: processes(mark)) and processes(kernel.connection_file)  # they can be found
    if end == "kill":
        kernel.process.kill()
    elif end == "kill the kernel":
        kernel.client.execute("os.kill(os.getpid(), 9)")
    if end != "shutdown":
        kernel.process.wait(10)
    kernel.stop()
    assert wait_for(lambda: not processes(mark) and not processes(kernel.connection_file))
    pathlib.Path(kernel.connection_file).unlink(missing_ok=True)  # Jupyter's own
    assert places(each_jupyter) - before == set()
    assert pathlib.Path("/proc/self/mountinfo").read_text() == mounts
