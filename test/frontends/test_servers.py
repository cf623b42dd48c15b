"""Kernels that a server starts for programs elsewhere: jupyter_server, JupyterHub's, enterprise-gateway."""

import os

import pytest
import requests
from common import BUILD, free_port, processes, wait_for
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
    hub, proxy, single = free_port(), free_port(), free_port()
    config = tmp_path / "jupyterhub_config.py"
    config.write_text(f"""
c.JupyterHub.bind_url = "http://127.0.0.1:{proxy}"
c.JupyterHub.hub_port = {hub}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {str(machine.home)!r}
c.Spawner.notebook_dir = {str(machine.course)!r}
c.Spawner.port = {single}
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = {{"OPEN": "sesame"}}
c.JupyterHub.services = [{{"name": "test", "api_token": "sesame-service"}}]
c.JupyterHub.load_roles = [{{"name": "test", "services": ["test"], "scopes": ["admin:users", "admin:servers", "access:servers"]}}]
c.JupyterHub.db_url = "sqlite:///{tmp_path}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{tmp_path}/cookie"
""")
    url = f"http://127.0.0.1:{proxy}"
    admin = {"Authorization": "token sesame-service"}
    with machine.running(
        "jupyterhub", "-f", config, ready=lambda: answers(f"{url}/hub/api"), log=tmp_path / "hub.log", cwd=tmp_path,
        env={"CONFIGPROXY_AUTH_TOKEN": "sesame"},
    ):
        requests.post(f"{url}/hub/api/users/ada", headers=admin).raise_for_status()
        requests.post(f"{url}/hub/api/users/ada/server", headers=admin).raise_for_status()

        def ready():
            user = requests.get(f"{url}/hub/api/users/ada", headers=admin).json()
            return user["servers"].get("", {}).get("ready")

        assert wait_for(ready, 60), "the single-user server isn't ready"
        k = Kernel(f"http://127.0.0.1:{single}/user/ada", kernel, "sesame-service")
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
