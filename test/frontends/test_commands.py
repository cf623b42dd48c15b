"""The front ends that are commands: each runs a notebook or a line of code, and ends what it started."""

import re
import signal
import sys

import pexpect
from common import processes, wait_for
from machine import outputs, write_notebook
from jupyter_client import BlockingKernelClient


def test_nbconvert(machine, kernel, seen):
    path = write_notebook(machine.course / "nbconvert.ipynb", "python3", machine.looks(), "print(6 * 7)")
    machine.run(
        "jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", f"--ExecutePreprocessor.kernel_name={kernel}", path
    )
    assert outputs(path) == f"{seen}\n42\n"


def test_jupyter_execute(machine, kernel, seen):
    path = write_notebook(machine.course / "execute.ipynb", "python3", machine.looks(), "print(6 * 7)")
    machine.run("jupyter", "execute", "--inplace", f"--kernel_name={kernel}", path)
    assert outputs(path) == f"{seen}\n42\n"


def test_papermill(machine, kernel, seen):
    path = write_notebook(machine.course / "papermill.ipynb", "python3", machine.looks(), "print(6 * factor)")
    machine.run("papermill", "-k", kernel, "-p", "factor", "7", path, "papermill-out.ipynb")
    assert outputs(machine.course / "papermill-out.ipynb") == f"{seen}\n42\n"


def test_jupyter_console(machine, kernel, seen):
    """A person at a terminal: a line of code, Ctrl-C in a loop, Ctrl-D."""
    console = pexpect.spawn(
        "jupyter",
        ["console", "--simple-prompt", "--kernel", kernel],
        env=machine.env,
        cwd=machine.course,
        encoding="utf-8",
        timeout=30,
    )
    console.expect(r"In \[1\]: ")
    console.sendline(machine.looks())
    console.expect(re.escape(seen))
    console.expect(r"In \[2\]: ")
    console.sendline("print('loop' + 'ing'); exec('while True: pass')")
    console.expect("looping")
    console.sendintr()
    console.expect("KeyboardInterrupt")
    console.expect(r"In \[3\]: ")
    console.sendeof()
    console.expect(r"\[y\]/n|exit")
    console.sendline("y")
    console.expect(pexpect.EOF)
    console.close()
    assert wait_for(lambda: not processes(f"{machine.home}/.local/share/jupyter/runtime"), 10), "the kernel is still there"


def test_jupyter_kernel(machine, kernel, seen, tmp_path):
    """A kernel without a front end, another program connecting to it, Ctrl-C."""
    log = tmp_path / "kernel.log"
    with machine.running(
        "jupyter", "kernel", "--kernel", kernel, ready=lambda: "To connect a client" in log.read_text(), log=log
    ) as server:
        path = re.search(r"/\S+\.json", log.read_text()).group()
        client = BlockingKernelClient(connection_file=path)
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=30)
        printed = []
        client.execute_interactive(machine.looks(), timeout=30, output_hook=lambda m: printed.append(m["content"].get("text", "")))
        client.stop_channels()
        assert "".join(printed) == f"{seen}\n"
        server.send_signal(signal.SIGINT)
        server.wait(15)
    assert not processes(path)


def test_qtconsole(machine, kernel, seen, tmp_path):
    """qtconsole's own widget, manager and client, on a screen that only it sees."""
    picture = tmp_path / "qtconsole.png"
    done = machine.run(
        sys.executable, "qtconsole_session.py", kernel, machine.looks(), picture,
        cwd=__file__.rpartition("/")[0],
        env={"QT_QPA_PLATFORM": "offscreen", "QT_API": "pyside6"},
    )
    assert seen in done.stdout
