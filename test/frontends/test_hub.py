"""Servers that isolate the kernels of every user, with the settings that docs/jupyterhub.md has."""

import json
import re

import pytest
import requests
from common import ROOT
from hub import TOKEN as HUB_TOKEN, hub_server
from lab import TOKEN, lab_server
from machine import Machine, outputs, write_notebook
from playwright.sync_api import expect
from rest import Kernel


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A user who has a kernel of their own, on a machine with an isolated python3 for everybody."""
    machine = Machine(tmp_path_factory.mktemp("hub") / "home")
    own = machine.home / ".local/share/jupyter/kernels/own"
    own.mkdir(parents=True)
    argv = ["python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (own / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Own", "language": "python"}))
    prefix = machine.home.parent / "isolated"
    machine.path = {"JUPYTER_PATH": f"{prefix}/share/jupyter"}
    machine.run("isolate-kernelspec", "install", "python3", "--default", "--prefix", prefix, env=machine.path)
    guide = (ROOT / "docs/jupyterhub.md").read_text()
    machine.hub, machine.manager = (code.replace("/opt/isolated", str(prefix)) for code in re.findall(r"```python\n(.*?)```", guide, re.S))
    return machine


def names(url, token):
    answer = requests.get(f"{url}/api/kernelspecs", headers={"Authorization": f"token {token}"})
    assert answer.ok, answer.text
    return set(answer.json()["kernelspecs"])


def is_isolated(machine, url, name, token):
    k = Kernel(url, name, token)
    answer = k.run(machine.looks())
    k.shut_down()
    return {"sees secret: False\n": True, "sees secret: True\n": False}[answer]


def test_hub_offers_isolated_kernels_only(machine, tmp_path):
    with hub_server(machine, tmp_path, machine.hub) as url:
        assert names(url, HUB_TOKEN) == {"python3"}
        assert is_isolated(machine, url, "python3", HUB_TOKEN)


def test_server_starts_twins_only(browser, machine, tmp_path):
    """JupyterLab asks about a notebook that names another kernel, and the server doesn't start it for anybody."""
    config = tmp_path / "jupyter_server_config.py"
    config.write_text(machine.manager)
    with lab_server(machine, machine.course, tmp_path / "server.log", env={**machine.path, "JUPYTER_CONFIG_PATH": str(tmp_path)}) as url:
        assert names(url, TOKEN) == {"python3"}
        assert is_isolated(machine, url, "python3", TOKEN)
        asked = {"headers": {"Authorization": f"token {TOKEN}"}}
        assert not requests.post(f"{url}/api/kernels", json={"name": "own"}, **asked).ok
        write_notebook(machine.course / "own.ipynb", "own", machine.looks())
        page = browser.new_page()
        page.goto(f"{url}/lab/tree/own.ipynb?token={TOKEN}&reset")
        expect(page.locator(".jp-Dialog")).to_contain_text("Select Kernel", timeout=30_000)
        assert requests.get(f"{url}/api/kernels", **asked).json() == []
        page.close()


def test_control_without_the_settings(machine, tmp_path):
    """Without them a server offers the plain python3 and the user's own kernel, and starts both."""
    with lab_server(machine, machine.course, tmp_path / "server.log") as url:
        assert {"python3", "own"} <= names(url, TOKEN)
        assert not is_isolated(machine, url, "python3", TOKEN)
        assert not is_isolated(machine, url, "own", TOKEN)


@pytest.mark.parametrize("isolated", [True, False], ids=["hub's environment", "control"])
def test_nbconvert_in_a_terminal(machine, isolated):
    path = write_notebook(machine.course / f"{isolated}.ipynb", "python3", machine.looks())
    machine.run("jupyter", "nbconvert", "--execute", "--inplace", "--to", "notebook", path, env=machine.path if isolated else None)
    assert outputs(path) == f"sees secret: {not isolated}\n"
