"""What a notebook shows if there is no kernel or it has ended, and which programs get only an error."""

import contextlib
import json
import os
import queue
import signal
import time

import pytest
from common import notebook, processes, wait_for
from conftest import COMMANDS

REASON = "no such file or directory"
REMEDY = "remove it from the mounts"


class Session:
    """A kernel as jupyter_server starts one for a notebook that a person has opened."""

    def __init__(self, jupyter, **options):
        self.notebook = jupyter.workdir() / "notebook.ipynb"
        connection_file = options.pop("connection_file", str(jupyter.home / "tmp/kernel-1.json"))  # short: ipc paths have 107 bytes
        env = {"JPY_SESSION_NAME": str(self.notebook), "JUPYTER_PATH": str(jupyter.home / "prefix/share/jupyter"), **options.pop("env", {})}
        self.kernel = jupyter.start("python3-isolated", env=env, connection_file=connection_file, **options)
        self.client = self.kernel.client

    def ask(self, kind, channel="shell", **content):
        """The content of the reply."""
        message = self.client.session.msg(kind, content)
        socket = getattr(self.client, f"{channel}_channel")
        socket.send(message)
        return self.reply(message["header"]["msg_id"], socket)

    def reply(self, message_id, socket=None):
        """The content of the reply to a request, usually one of the shell channel. More messages may follow."""
        while True:
            reply = (socket or self.client.shell_channel).get_msg(timeout=10)
            if reply["parent_header"].get("msg_id") == message_id:
                return reply["content"]

    def published(self, message_id, until="idle", timeout=10):
        """What the kernel publishes for a request until it is in the state, or for the time: pairs of kind and content."""
        found = []
        end = time.monotonic() + timeout
        with contextlib.suppress(queue.Empty):
            while True:
                message = self.client.get_iopub_msg(timeout=max(0, end - time.monotonic()))
                if message["parent_header"].get("msg_id") == message_id:
                    found.append((message["msg_type"], message["content"]))
                    if found[-1] == ("status", {"execution_state": until}):
                        break
        return found


@pytest.fixture
def sessions():
    """Stops what a test appends to it."""
    started = []
    yield started
    for session in started:
        session.kernel.stop()


@pytest.fixture
def broken(jupyter):
    """A person whose kernel needs a directory that is gone."""
    data = jupyter.home / "data"
    data.mkdir()
    jupyter.install("--mount", data)
    data.rmdir()
    return jupyter


def test_every_cell_says_why(broken, sessions):
    session = Session(broken)
    sessions.append(session)
    for count in (1, 2):
        cell = session.client.execute("print('never')")
        published = session.published(cell)
        assert [kind for kind, _ in published] == ["status", "execute_input", "error", "status"]
        error = published[2][1]
        reply = session.reply(cell)
        assert reply["status"] == "error" and reply["execution_count"] == count
        for told in (error, reply):
            text = "\n".join(told["traceback"])
            assert REASON in text and REMEDY in text and told["ename"] == "SandboxError"
            assert REASON in told["evalue"] and REMEDY in told["evalue"]
    silent = session.client.execute("1", silent=True)
    assert [kind for kind, _ in session.published(silent)] == ["status", "status"]


def test_the_command_line_says_nothing(broken, sessions):
    """All users can read it, in /proc."""
    session = Session(broken)
    sessions.append(session)
    assert REASON in session.kernel.run("1")
    command, *arguments, end = open(f"/proc/{session.kernel.process.pid}/cmdline").read().split("\0")
    assert os.path.basename(command) == "isolate-kernelspec" and arguments == ["error-kernel"] and end == ""


def test_a_mistake_in_kernel_json_is_told(jupyter, sessions):
    jupyter.edit("python3-isolated", lambda spec: spec["argv"].insert(1, "--memroy=1G"))
    session = Session(jupyter)
    sessions.append(session)
    assert session.kernel.run("1") == 'SandboxError: read the options: "--memroy" is no option; isolate-kernel --help lists them'
    session.kernel.process.terminate()
    assert session.kernel.process.wait(5) == 125


def test_the_rest_of_the_protocol(broken, sessions):
    session = Session(broken)
    sessions.append(session)
    info = session.ask("kernel_info_request")
    assert info["status"] == "ok" and info["implementation"] == "isolate" and REASON in info["banner"]
    assert info["language_info"]["name"] == "python" and info["language_info"]["file_extension"] == ".py"
    assert session.ask("kernel_info_request", "control") == info
    assert session.ask("complete_request", code="pri", cursor_pos=3)["matches"] == []
    assert session.ask("inspect_request", code="print", cursor_pos=3, detail_level=0)["found"] is False
    assert session.ask("is_complete_request", code="print(")["status"] == "complete"
    assert session.ask("history_request", hist_access_type="tail", n=10, output=False, raw=True)["history"] == []
    assert session.ask("comm_info_request")["comms"] == {}
    assert session.ask("interrupt_request", "control")["status"] == "ok"
    assert session.ask("debug_request", "control", type="request", command="initialize")["status"] == "error"
    session.client.hb_channel.unpause()
    assert not wait_for(lambda: not session.client.hb_channel.is_beating(), 2)
    # An interrupt doesn't end it, a shutdown does.
    session.kernel.manager.interrupt_kernel()
    assert session.ask("kernel_info_request") == info
    process = session.kernel.process
    assert session.ask("shutdown_request", "control", restart=False) == {"status": "ok", "restart": False}
    assert process.wait(5) == 0


def test_the_notebooks_language_stays_as_it_is(broken, sessions):
    mine = {"name": "python", "version": "3.9.1", "mimetype": "text/x-python", "file_extension": ".py", "mine": [1]}
    book = notebook("1")
    book.metadata["language_info"] = mine
    (broken.workdir() / "notebook.ipynb").write_text(json.dumps(book))
    session = Session(broken)
    sessions.append(session)
    assert session.ask("kernel_info_request")["language_info"] == mine


@pytest.mark.parametrize("options", [{}, {"transport": "ipc"}], ids=["tcp", "ipc"])
def test_restart(broken, sessions, options):
    session = Session(broken, **options)
    sessions.append(session)
    assert REASON in session.kernel.run("print(6 * 7)")
    session.kernel.manager.restart_kernel()
    session.client.wait_for_ready(timeout=60)
    assert REASON in session.kernel.run("print(6 * 7)")
    (broken.home / "data").mkdir()
    session.kernel.manager.restart_kernel()
    session.client.wait_for_ready(timeout=60)
    assert session.kernel.run("print(6 * 7)") == "42"


# A front end that starts a kernel, with more variables than its own, and runs a cell in it.
FRONT_END = """
import json, os, sys
from jupyter_client.manager import KernelManager
connection_file, variables = sys.argv[1:]
manager = KernelManager(kernel_name="python3-isolated", connection_file=connection_file)
manager.start_kernel(env={**os.environ, **json.loads(variables)})
client = manager.blocking_client()
client.start_channels()
try:
    client.wait_for_ready(timeout=30)
    print(client.execute_interactive("1", timeout=30, output_hook=print)["content"]["ename"])
    manager.shutdown_kernel()
except RuntimeError:
    print("status", manager.provisioner.process.wait())
"""


@pytest.mark.parametrize(
    ("born", "set_", "file", "told"),
    [
        pytest.param({}, {"JPY_SESSION_NAME": "/a.ipynb"}, "kernel-1.json", True, id="a server's"),
        pytest.param({"JPY_SESSION_NAME": "/outer.ipynb"}, {"JPY_SESSION_NAME": "/a.ipynb"}, "kernel-1.json", True, id="a server's in a notebook"),
        pytest.param({}, {}, "kernel-1.json", False, id="no notebook"),
        pytest.param({}, {"JPY_SESSION_NAME": ""}, "kernel-1.json", False, id="no notebook's name"),
        pytest.param({"JPY_SESSION_NAME": "/a.ipynb"}, {}, "kernel-1.json", False, id="inherited from a notebook"),
        pytest.param({}, {"JPY_SESSION_NAME": "/a.ipynb"}, "tmp1.json", False, id="nbclient's connection file"),
        pytest.param({}, {"JPY_SESSION_NAME": "/a.ipynb", "NBGRADER_EXECUTION": "autograde"}, "kernel-1.json", False, id="nbgrader"),
        pytest.param({}, {"JPY_SESSION_NAME": "/a.ipynb", "NBGRADER_VALIDATING": "1"}, "kernel-1.json", False, id="nbgrader validate"),
    ],
)
def test_who_is_told(broken, born, set_, file, told):
    env = {**born, "JUPYTER_PATH": str(broken.home / "prefix/share/jupyter")}
    done = broken.run(broken.python, "-c", FRONT_END, broken.home / "tmp" / file, json.dumps(set_), env=env, cwd=broken.workdir())
    assert done.stdout.splitlines()[-1] == ("SandboxError" if told else "status 125")
    assert REASON in done.stderr and REMEDY in done.stderr


def test_a_launcher_that_jupyter_did_not_start_tells_nobody(broken):
    """A launcher that isn't the front end's child, or has no isolate-kernelspec beside it."""
    spec = broken.spec("python3-isolated")
    path = broken.home / "tmp/kernel-1.json"
    os.rename(broken.connection_file(), path)
    argv = [a.replace("{connection_file}", str(path)) for a in spec["argv"]]
    env = {**spec["env"], "JPY_SESSION_NAME": "/a.ipynb"}
    assert broken.run(*argv, check=False, cwd=broken.workdir(), env={**env, "JPY_PARENT_PID": "1"}).returncode == 125
    assert broken.run(*argv, check=False, cwd=broken.workdir(), env=env).returncode == 125
    alone = broken.home / "isolate-kernel"
    alone.write_bytes((COMMANDS / "isolate-kernel").read_bytes())
    alone.chmod(0o755)
    done = broken.run(alone, *argv[1:], check=False, cwd=broken.workdir(), env={**env, "JPY_PARENT_PID": str(os.getpid())})
    assert done.returncode == 125 and done.stderr.count("\n") == 1 and REASON in done.stderr


@pytest.fixture
def limited(jupyter):
    """A person whose kernel may compute for a few seconds, a limit that any user can set on any machine."""
    jupyter.install("--cpu-time", "3s")
    return jupyter


LIMIT = "the CPU time limit of 3s (--cpu-time)"
HUNGRY = "while True: pass"
KILLED = (-signal.SIGKILL, -signal.SIGXCPU)  # by a control group, by the kernel


def test_a_kernel_killed_by_a_limit_says_so_in_its_cell_once(limited, sessions):
    session = Session(limited)
    sessions.append(session)
    other = session.kernel.manager.blocking_client()
    other.start_channels()
    other.wait_for_ready(timeout=30)
    cells = [session.client.execute(code) for code in ("print('fine')", HUNGRY, "print('later')")]
    errors = {session.client: [], other: []}

    def listen():
        """A client has to read in order to subscribe again after it lost its connection (libzmq)."""
        for client, found in errors.items():
            with contextlib.suppress(queue.Empty):
                while True:
                    message = client.get_iopub_msg(timeout=0.05)
                    if message["msg_type"] == "error":
                        found.append(message)
        return session.kernel.process.poll() is not None

    assert wait_for(listen, 20) and listen()
    assert session.kernel.process.wait() in KILLED
    for found in errors.values():
        assert [m["parent_header"]["msg_id"] for m in found] == [cells[1]]
        assert found[0]["content"]["ename"] == "KernelKilled" and LIMIT in found[0]["content"]["evalue"]
    other.stop_channels()
    session.kernel.manager.restart_kernel()
    session.client.wait_for_ready(timeout=60)
    assert session.kernel.run("print(6 * 7)") == "42"


def test_a_kernel_killed_by_a_limit_ends_at_once_where_nobody_looks(limited, capfd):
    """Its status and the line on standard error are the same as in a notebook."""
    kernel = limited.start("python3-isolated")
    kernel.client.execute(HUNGRY)
    assert kernel.process.wait(20) in KILLED
    assert f"isolate-kernel: ended at {LIMIT}" in capfd.readouterr().err
    with pytest.raises(queue.Empty):
        while kernel.client.get_iopub_msg(timeout=1)["msg_type"] != "error":
            pass
    kernel.stop()


def test_the_error_kernel_ends_with_its_front_end(broken):
    """Even with one that is killed."""
    path = broken.home / "tmp/kernel-7.json"
    script = FRONT_END.replace("client.wait_for_ready(timeout=30)", "client.wait_for_ready(timeout=30); os.kill(os.getpid(), 9)")
    env = {"JUPYTER_PATH": str(broken.home / "prefix/share/jupyter")}
    done = broken.run(
        broken.python, "-c", script, path, json.dumps({"JPY_SESSION_NAME": "/a.ipynb"}), env=env, cwd=broken.workdir(), check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert wait_for(lambda: not processes(str(path)))


MANAGER = """
import sys
from jupyter_client import MultiKernelManager
from jupyter_core.paths import jupyter_runtime_dir

manager = MultiKernelManager(**eval(sys.argv[1]))
name = manager.start_kernel(kernel_name="python3-isolated", **eval(sys.argv[2]))
client = manager.get_kernel(name).client()
client.start_channels()
try:
    client.wait_for_ready(timeout=30)
    client.execute_interactive("print('answer', 6*7)")
finally:
    manager.shutdown_all(now=True)
"""


def test_several_kernels_of_a_program(jupyter):
    """MultiKernelManager puts connection files into the working directory by itself, and what the error names helps."""
    jupyter.install()
    jupyter.env["JUPYTER_PATH"] = str(jupyter.home / "prefix/share/jupyter")
    work = jupyter.workdir()
    (work / "elsewhere").mkdir()
    (jupyter.home / ".local/share/jupyter/runtime").mkdir(parents=True)  # as a server makes it
    command = [jupyter.python, "-c", MANAGER]

    refused = jupyter.run(*command, "{}", "{}", cwd=work, check=False)
    assert "answer" not in refused.stdout
    assert f"isolate-kernel: mount {work}: connection files of other kernels lie there; " in refused.stderr
    assert "MultiKernelManager(connection_dir=jupyter_core.paths.jupyter_runtime_dir()), or start the kernel in another directory" in refused.stderr

    for options, start in (("dict(connection_dir=jupyter_runtime_dir())", "{}"), ("{}", "dict(cwd='elsewhere')")):
        assert "answer 42" in jupyter.run(*command, options, start, cwd=work).stdout
