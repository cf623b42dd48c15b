"""A kernel without a network that Jupyter still reaches."""

import json
import pathlib
import socket
import threading
import time

import pytest
import zmq
from common import BUILD, wait_for
from conftest import COMMANDS
from jupyter_client.blocking import BlockingKernelClient

PROBE = """
import socket
def reach(family, address):
    s = socket.socket(family)
    s.settimeout(5)
    try:
        s.connect(address)
        return True
    except OSError:
        return False
"""


def test_nothing_of_the_host_is_reached(jupyter, kernels):
    """Not a listener on the loopback interface, nor an abstract socket, nor another kernel's output."""
    tcp = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind("\0isolate-test-" + str(tcp.getsockname()[1]))
    abstract.listen()
    neighbour = jupyter.start("python3")
    isolated = jupyter.start("python3-isolated")
    kernels.extend([neighbour, isolated])
    question = PROBE + f"""
print(reach(socket.AF_INET, ("127.0.0.1", {tcp.getsockname()[1]})),
      reach(socket.AF_UNIX, {abstract.getsockname()!r}),
      reach(socket.AF_INET, ("127.0.0.1", {neighbour.manager.iopub_port})))
server = socket.create_server(("127.0.0.1", 0))
print(reach(socket.AF_INET, server.getsockname()))
"""
    assert isolated.run(question) == "False False False\nTrue"
    assert neighbour.run(question) == "True True True\nTrue"  # the control


def test_opted_out(jupyter, kernels):
    """--network host shares it, and says so in its help."""
    jupyter.install("--network", "host", "--name", "open")
    tcp = socket.create_server(("127.0.0.1", 0))
    kernel = jupyter.start("open")
    kernels.append(kernel)
    assert kernel.run(PROBE + f"print(reach(socket.AF_INET, ('127.0.0.1', {tcp.getsockname()[1]})))") == "True"


def test_connection_file_inside(jupyter, kernels):
    """The address is the loopback's; whatever else the file says is passed on as it is."""
    kernel = jupyter.start("python3-isolated", ip="0.0.0.0", transport_encryption="required")
    kernels.append(kernel)
    outside = json.loads(pathlib.Path(kernel.connection_file).read_text())
    inside = json.loads(kernel.run(f"print(open({kernel.connection_file!r}).read())"))
    assert outside.pop("ip") == "0.0.0.0" and inside.pop("ip") == "127.0.0.1"
    assert inside == outside and inside["curve_secretkey"]


def existing(kernel):
    """Another client, as jupyter console --existing makes one."""
    client = BlockingKernelClient(connection_file=kernel.connection_file)
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    return client


def test_several_clients(each_jupyter, kernels):
    kernel = each_jupyter.start("python3-isolated")
    kernels.append(kernel)
    clients = [existing(kernel) for _ in range(4)]
    for i, client in enumerate(clients):
        said = []
        client.execute_interactive(f"print({i})", timeout=30, output_hook=lambda m: said.append(m["content"].get("text")))
        assert f"{i}\n" in said
    assert all(client.hb_channel.is_beating() for client in clients)
    for client in clients:
        client.stop_channels()
    assert kernel.run("1 + 1") == "2"


def test_probes(jupyter, kernels):
    """VS Code connects and closes to see whether ports are open; others reset or say nothing."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    for port in kernel.manager.ports:
        for _ in range(50):
            socket.create_connection(("127.0.0.1", port)).close()
        silent = socket.create_connection(("127.0.0.1", port))
        reset = socket.create_connection(("127.0.0.1", port))
        reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        reset.close()
        silent.shutdown(socket.SHUT_WR)
    assert kernel.run("1 + 1") == "2"


def test_large_output(jupyter, kernels):
    """100 MB arrive whole."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    size = 0

    def count(message):
        nonlocal size
        if message["msg_type"] == "display_data":
            size += len(message["content"]["data"]["text/plain"])

    kernel.client.execute_interactive("for _ in range(10): display({'text/plain': 'x' * 10_000_000}, raw=True)", timeout=120, output_hook=count)
    assert size == 100_000_000


def test_slow_reader(jupyter, kernels):
    """A client that doesn't read costs the launcher no memory, and the others nothing."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    context = zmq.Context()
    slow = context.socket(zmq.SUB)
    slow.setsockopt(zmq.RCVHWM, 1)
    slow.setsockopt(zmq.RCVBUF, 4096)
    slow.subscribe(b"")
    slow.connect(f"tcp://127.0.0.1:{kernel.manager.iopub_port}")
    time.sleep(0.5)
    kernel.run("for _ in range(40): display({'text/plain': 'x' * 1_000_000}, raw=True)", 60)
    status = pathlib.Path(f"/proc/{kernel.process.pid}/status").read_text()
    resident = int(status.split("VmRSS:")[1].split()[0])
    assert resident < 64_000, f"{resident} KiB"
    assert kernel.run("1 + 1") == "2"
    context.destroy(linger=0)


def test_input(jupyter, kernels):
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    said = []
    kernel.client.execute_interactive("print(input('name? '))", timeout=30, allow_stdin=True,
        stdin_hook=lambda m: kernel.client.input("Ada"), output_hook=lambda m: said.append(m["content"].get("text")))
    assert "Ada\n" in said


def control_request(kernel, kind, content):
    message = kernel.client.session.msg(kind, content)
    kernel.client.control_channel.send(message)
    return kernel.client.control_channel.get_msg(timeout=30)["content"]


def test_debugger(jupyter, kernels):
    """debugpy listens inside; the front end asks on the control channel."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    reply = control_request(kernel, "debug_request", {"type": "request", "seq": 1, "command": "initialize",
        "arguments": {"clientID": "t", "adapterID": "", "pathFormat": "path", "linesStartAt1": True, "columnsStartAt1": True}})
    assert reply["success"], reply
    reply = control_request(kernel, "debug_request", {"type": "request", "seq": 2, "command": "attach", "arguments": {}})
    assert reply.get("success"), reply


def test_subshell(jupyter, kernels):
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    reply = control_request(kernel, "create_subshell_request", {})
    assert reply["status"] == "ok" and reply["subshell_id"]


def test_crash_and_autorestart(jupyter, kernels):
    """A kernel that crashes is started again on its ports, and the client finds it there."""
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    ports = kernel.manager.ports
    for _ in range(3):
        kernel.client.execute("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
        assert wait_for(lambda: not kernel.manager.is_alive(), 10)
        kernel.manager.restart_kernel()
        kernel.client.wait_for_ready(timeout=30)
        assert kernel.manager.ports == ports
    assert kernel.run("1 + 1") == "2"


def test_ipc(each_jupyter, kernels):
    """With transport ipc the sockets are where clients expect them; the kernel doesn't see their directory."""
    runtime = each_jupyter.home / "r"
    runtime.mkdir()
    (runtime / "secret").write_text("x")
    kernel = each_jupyter.start("python3-isolated", transport="ipc", connection_file=str(runtime / "k.json"))
    kernels.append(kernel)
    assert kernel.run(f"import os; print(os.listdir({str(runtime)!r}))") == "['k.json']"
    assert len(list(runtime.glob("k-ipc-*"))) == 5
    kernel.stop()
    assert wait_for(lambda: not list(runtime.glob("k-ipc-*")))


def test_client_that_comes_first(jupyter, kernels):
    """A client that connects before the kernel listens is held, not refused."""
    started = threading.Event()
    refused = []

    def connect(port):
        while not started.is_set():
            time.sleep(0.001)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                s = socket.create_connection(("127.0.0.1", port), 1)
            except OSError:
                time.sleep(0.001)
                continue
            s.settimeout(15)
            try:  # the first bytes of ZeroMQ's greeting come from the kernel itself
                refused.append(s.recv(1) != b"\xff")
            except OSError:
                refused.append(True)
            return

    manager = jupyter.start("python3-isolated")
    kernels.append(manager)
    port = manager.manager.shell_port
    manager.manager.shutdown_kernel(now=True, restart=True)
    thread = threading.Thread(target=connect, args=[port])
    thread.start()
    started.set()
    manager.manager.start_kernel(cwd=str(jupyter.workdir()), env=jupyter.env)
    thread.join()
    assert refused == [False]


OTHERS = {
    "ir": (None, "cat(1 + 1)", "2"),
    "deno": ({"argv": [str(BUILD / "venv-ipykernel7/bin/deno"), "jupyter", "--kernel", "--conn", "{connection_file}"],
              "display_name": "Deno", "language": "typescript"}, "console.log(1 + 1)", "2"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_kernels(jupyter, kernels, name):
    """R, and a kernel that speaks TCP only."""
    spec, code, want = OTHERS[name]
    if spec:
        directory = jupyter.home / "path/kernels" / name
        directory.mkdir(parents=True)
        (directory / "kernel.json").write_text(json.dumps(spec))
    jupyter.run(COMMANDS / "isolate-kernelspec", "install", name, "--prefix", jupyter.home / "prefix")
    kernel = jupyter.start(name + "-isolated")
    kernels.append(kernel)
    # The client may not have subscribed yet; then it also misses the plain kernel's output.
    assert wait_for(lambda: kernel.run(code, 60) == want, 10)
    kernel.manager.restart_kernel(now=True)
    kernel.client.wait_for_ready(timeout=60)
    assert wait_for(lambda: kernel.run(code, 60) == want, 10)
