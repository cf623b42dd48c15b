"""Kernels that a server starts for programs elsewhere: jupyter_server, JupyterHub's, enterprise-gateway."""

import os

import pytest
import requests
from common import BUILD, free_port, processes, wait_for
from hub import TOKEN as HUB_TOKEN, hub_server
from machine import Machine, answers
from lab import TOKEN, lab_server
from rest import Kernel

SPY = "import os; print(sorted(k for k, v in os.environ.items() if 'sesame' in v))"


def life(k, machine, seen):
    """Everything that a server lets a client do with a kernel."""
    assert k.run(machine.looks()) == f"{seen}\n"
    k.run("mine = 7")
    looping = k.send("print('looping')\nwhile True: pass")
    k.until(looping, "stream")
    k.interrupt()
    assert k.until(looping, "execute_reply")[1]["ename"] == "KeyboardInterrupt"
    assert k.run("print(mine)") == "7\n"
    k.restart()
    assert k.run("print(mine)") == "NameError"
    k.shut_down()
    assert wait_for(lambda: not processes(k.id), 10), "the kernel has processes left"


def test_jupyter_server(machine, kernel, seen, tmp_path):
    with lab_server(machine, machine.course, tmp_path / "server.log") as url:
        life(Kernel(url, kernel, TOKEN), machine, seen)


def test_jupyterhub(machine, kernel, isolated, seen, tmp_path):
    """A hub's single-user server holds the hub's token in its environment; its kernels must not."""
    with hub_server(machine, tmp_path, 'c.Spawner.environment = {"OPEN": "sesame"}') as url:
        k = Kernel(url, kernel, HUB_TOKEN)
        hubs = "import os; print(sorted(k for k in os.environ if 'HUB' in k or 'OPEN' in k))"
        answer = k.run(hubs)
        assert (answer == "[]\n") == isolated, answer
        assert ("JUPYTERHUB_API_TOKEN" in answer) == (not isolated)
        life(k, machine, seen)


@pytest.fixture(scope="module")
def gateway(kernel, isolated, tmp_path_factory):
    """A machine whose Jupyter is the older one that enterprise-gateway needs."""
    machine = Machine(tmp_path_factory.mktemp("gateway"))
    programs = BUILD / "venv-gateway" / "bin"
    machine.env["PATH"] = f"{programs}{os.pathsep}{machine.env['PATH']}"
    if isolated:
        machine.run("isolate-kernelspec", "install", "--user", "python3")
    return machine


def test_enterprise_gateway(gateway, kernel, isolated, seen, tmp_path):
    """The gateway starts kernels on its own machine with the KERNEL_ variables of its clients."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with gateway.running(
        "jupyter", "enterprisegateway", f"--port={port}", "--EnterpriseGatewayApp.port_retries=0",
        ready=lambda: answers(f"{url}/api"), log=tmp_path / "gateway.log",
    ):
        k = Kernel(url, kernel, env={"KERNEL_USERNAME": "ada", "KERNEL_PASSWORD": "sesame"})
        assert k.run(SPY) == ("[]\n" if isolated else "['KERNEL_PASSWORD']\n")
        life(k, gateway, seen)
