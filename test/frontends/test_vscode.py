"""VS Code starts kernels in its own way: no client library, no process group, no SIGKILL.

This does what its extension does (microsoft/vscode-jupyter, src/kernels/raw): VS Code itself is not in
any package registry.
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import uuid

import psutil
import pytest
from common import free_port, processes, wait_for
from jupyter_client import BlockingKernelClient

HIDDEN_NAMES = re.compile(r"python 3|python 3 \(ipykernel\)|python\d*\.?\d*", re.IGNORECASE)


class VSCode:
    def __init__(self, machine, kernel):
        jupyter = machine.home / ".local/share/jupyter"
        places = [jupyter / "kernels", pathlib.Path(sys.prefix) / "share/jupyter/kernels"]
        self.spec = json.loads(next(f for d in places if (f := d / kernel / "kernel.json").exists()).read_text())
        runtime = jupyter / "runtime"
        runtime.mkdir(parents=True, exist_ok=True)
        self.file = runtime / f"kernel-v2-{uuid.uuid4()}.json"
        names = ["shell", "iopub", "stdin", "control", "hb"]
        self.ports = [free_port() for _ in names]
        connection = {"version": 5, "ip": "127.0.0.1", "key": str(uuid.uuid4()), "transport": "tcp",
                      "signature_scheme": "hmac-sha256", "kernel_name": kernel}
        connection.update({f"{name}_port": port for name, port in zip(names, self.ports)})
        self.file.write_text(json.dumps(connection))
        self.process = subprocess.Popen(
            self.argv(), env=self.env(machine.env), cwd=machine.course,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def argv(self):
        """Only the first argument with the placeholder gets the file's path, and nothing else is replaced."""
        argv = list(self.spec["argv"])
        first = next(i for i, a in enumerate(argv) if "{connection_file}" in a)
        argv[first] = argv[first].replace("{connection_file}", str(self.file))
        return argv

    def env(self, base):
        """In a variable of kernel.json, a reference to an unknown variable becomes nothing."""
        refer = re.compile(r"\$\{(\w+)\}")
        own = {k: refer.sub(lambda m: base.get(m[1], ""), v) for k, v in self.spec.get("env", {}).items()}
        return {**base, **own}

    def open(self, port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    def connect(self):
        for port in self.ports[:2]:
            assert wait_for(lambda port=port: self.open(port), 30), f"port {port} isn't open"
        client = BlockingKernelClient(connection_file=str(self.file))
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=30)
        return client

    def interrupt(self):
        os.kill(self.process.pid, signal.SIGINT)

    def shut_down(self):
        """SIGTERM to every descendant and then to the process itself; there is no second try."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            child.terminate()
        self.process.terminate()


@pytest.fixture
def code(machine, kernel):
    code = VSCode(machine, kernel)
    yield code
    code.process.kill()
    code.process.wait()


def run(client, code):
    printed = []
    reply = client.execute_interactive(code, timeout=30, stop_on_error=False, output_hook=lambda m: printed.append(m["content"].get("text", "")))
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(printed)


def printed_by(client, request):
    """What the next message prints, if it is about the request."""
    message = client.get_iopub_msg(timeout=10)
    return message["content"].get("text") if message["parent_header"].get("msg_id") == request else None


def test_runs_interrupts_and_ends(machine, code, seen):
    client = code.connect()
    assert run(client, machine.looks()) == f"{seen}\n"
    run(client, "mine = 7")
    # With stop_on_error, which VS Code doesn't set, a kernel drops what comes soon after an interrupt.
    looping = client.execute("print('looping', flush=True)\nwhile True: pass", stop_on_error=False)
    while printed_by(client, looping) != "looping\n":
        pass
    code.interrupt()
    assert client.get_shell_msg(timeout=10)["content"]["ename"] == "KeyboardInterrupt"
    assert run(client, "print(mine)") == "7\n"
    client.stop_channels()
    code.shut_down()
    code.process.wait(10)
    assert wait_for(lambda: not processes(str(code.file)), 10), "processes are left"


def test_is_listed(code):
    """VS Code hides kernels with a common name, and Python kernels whose interpreter it doesn't know."""
    assert not HIDDEN_NAMES.fullmatch(code.spec["display_name"])
    assert os.access(code.spec["metadata"]["interpreter"]["path"], os.X_OK)
    assert os.access(code.spec["argv"][0], os.X_OK)
    assert "python" not in os.path.basename(code.spec["argv"][0])
    assert sum(a.count("{") for a in code.spec["argv"]) == 1


@pytest.mark.parametrize("query", [["-c", "print(1)"], ["/tmp/interpreterInfo.py"], ["-I", "-m", "pip", "list"], []])
def test_launcher_is_no_python(machine, code, query):
    """VS Code may take a kernel's program for a Python and ask it what it is; the launcher ends with an error."""
    done = machine.run(code.spec["argv"][0], *query, check=False, timeout=20)
    assert done.returncode == 125 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
