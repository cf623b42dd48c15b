"""Kernels that the provisioner isolates without a twin, in each program that takes its kernels from jupyter_client."""

import json
import pathlib
import shutil
import subprocess
import sys
import urllib.request

import nbformat
import pytest
from common import ROOT, free_port, notebook, wait_for
from conftest import COMMANDS

NAME = "isolate-provisioner"
DEFAULT = {"JUPYTER_DEFAULT_PROVISIONER_NAME": NAME}
LOOK = "import os, pathlib; print((pathlib.Path.home() / 'secret').exists(), os.path.exists('beside'))"
ISOLATED, PLAIN = "False True\n", "True True\n"


@pytest.fixture
def person(jupyter, tmp_path):
    """Has the provisioner installed, a secret, and a notebook that looks for it."""
    site = tmp_path / "site"
    shutil.copytree(ROOT / "provisioner/isolate_kernel", site / "isolate_kernel")
    about = site / "isolate_kernel-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: isolate-kernel\nVersion: 0\n")
    (about / "entry_points.txt").write_text(
        f"[jupyter_client.kernel_provisioners]\n{NAME} = isolate_kernel.provisioner:IsolateProvisioner\n"
        "a-subclass = subclass:Subclass\n"
    )
    jupyter.env |= {
        "PYTHONPATH": str(site), "PATH": f"{COMMANDS}:{jupyter.env['PATH']}", "JUPYTER_PATH": str(jupyter.home / "prefix/share/jupyter"),
    }
    (jupyter.home / "secret").write_text("a key")
    (jupyter.workdir() / "beside").write_text("")
    nbformat.write(notebook(LOOK), jupyter.workdir() / "x.ipynb")
    return jupyter


def executed(person, *arguments, env=None, check=True, code=LOOK):
    """What the notebook's cell printed in jupyter execute."""
    path = person.workdir() / "x.ipynb"
    nbformat.write(notebook(code), path)
    done = person.run(person.python.parent / "jupyter", "execute", "--inplace", *arguments, path, env=env or {}, check=check)
    outputs = nbformat.read(path, 4).cells[0].outputs
    return outputs[0].text if outputs else done.stderr


def stanza(person, name=NAME, **config):
    """A kernelspec of its own that names the provisioner."""
    directory = person.home / "prefix/share/jupyter/kernels/guarded"
    directory.mkdir(parents=True, exist_ok=True)
    spec = {
        "argv": ["python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "guarded", "language": "python",
        "metadata": {"kernel_provisioner": {"provisioner_name": name, "config": config}}, "env": {"OWN": "set"},
    }
    (directory / "kernel.json").write_text(json.dumps(spec))
    return directory


def test_listed(person):
    assert NAME in person.run(person.python.parent / "jupyter", "kernelspec", "provisioners").stdout


def test_a_kernelspec_that_names_it(person):
    stanza(person, spec_options=["--env", "TOLD=yes", "--tmp-size", "10M"])
    assert executed(person, "--kernel_name=guarded") == ISOLATED
    said = executed(person, "--kernel_name=guarded", code="import os; print(os.environ['OWN'], os.environ['TOLD'])")
    assert said == "set yes\n"


@pytest.mark.once
def test_a_subclass(person):
    """It stands in a kernelspec with a name of its own."""
    pathlib.Path(person.env["PYTHONPATH"], "subclass.py").write_text(
        "from isolate_kernel.provisioner import IsolateProvisioner\nclass Subclass(IsolateProvisioner):\n    pass\n"
    )
    stanza(person, name="a-subclass")
    assert executed(person, "--kernel_name=guarded") == ISOLATED


@pytest.mark.once
def test_the_default_of_a_variable(person):
    """jupyter execute and nbconvert; without the variable the secret is there."""
    assert executed(person, env=DEFAULT) == ISOLATED
    assert executed(person) == PLAIN
    done = person.run(person.python.parent / "jupyter", "nbconvert", "--execute", "--to", "markdown", "--stdout", person.workdir() / "x.ipynb", env=DEFAULT)
    assert ISOLATED.strip() in done.stdout


@pytest.mark.once
def test_the_setting_that_jupyter_execute_ignores(person):
    """Its docs and doctor warn of this setting: the kernel is plain."""
    assert executed(person, f"--KernelProvisionerFactory.default_provisioner_name={NAME}") == PLAIN


@pytest.mark.once
def test_jupyter_server(person):
    """A kernel of its REST interface, started and restarted."""
    port = free_port()
    server = subprocess.Popen(
        [person.python.parent / "jupyter", "server", "--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=t", "--ServerApp.open_browser=False"],
        cwd=person.workdir(), env=person.env | DEFAULT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )

    def ask(path, data=None):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/{path}?token=t", data=data)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def up():
        try:
            return ask("status")
        except OSError:
            return None

    try:
        assert wait_for(up, 60)
        kernel = ask("kernels", json.dumps({"name": "python3"}).encode())
        ask(f"kernels/{kernel['id']}/restart", b"{}")
        said = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True).stdout
        assert any("isolate-kernel" in line and kernel["id"] in line for line in said.splitlines())
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.once
def test_a_twin_is_not_isolated_twice(person):
    person.install()
    assert executed(person, "--kernel_name=python3-isolated", env=DEFAULT) == ISOLATED


@pytest.mark.once
def test_a_twin_needs_no_provisioner(person):
    """install takes the stanza out, for front ends that know none."""
    stanza(person)
    person.run("isolate-kernelspec", "install", "guarded", "--prefix", person.home / "prefix")
    assert "kernel_provisioner" not in person.spec("guarded-isolated")["metadata"]
    assert executed(person, "--kernel_name=guarded-isolated") == ISOLATED


@pytest.mark.parametrize("options, reason", [
    (["--memroy", "1G"], '"--memroy" is no option'), (["--", "sh"], "put nothing but options"), (["--mount", "{prefix}"], "has a brace"),
])
def test_no_kernel_where_it_cannot_be_isolated(person, options, reason):
    stanza(person, spec_options=options)
    said = executed(person, "--kernel_name=guarded", check=False)
    assert reason in said and ISOLATED not in said and PLAIN not in said


@pytest.mark.once
def test_no_kernel_without_the_commands(person, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/isolate-kernelspec").symlink_to("/bin/false")
    said = executed(person, env=DEFAULT | {"PATH": f"{tmp_path}/bin:{person.python.parent}:/usr/bin:/bin"}, check=False)
    assert "wrap ended with 1" in said and PLAIN not in said


@pytest.mark.once
def test_what_is_installed_later_is_seen(person, tmp_path):
    """The answer that is kept from one start to the next holds until the interpreter's packages change."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    site = next(environment.glob("lib/python3*/site-packages"))
    (site / "more.pth").write_text(str(next(person.python.parent.parent.glob("lib/python3*/site-packages"))) + "\n")
    package = tmp_path / "project/fresh"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")

    directory = stanza(person)
    spec = json.loads((directory / "kernel.json").read_text())
    spec["argv"][0] = str(environment / "bin/python")
    (directory / "kernel.json").write_text(json.dumps(spec))
    kept = person.home / ".cache/isolate-kernel"
    look = "import importlib.util; print(importlib.util.find_spec('fresh') is not None)"

    def found():
        return executed(person, "--kernel_name=guarded", code=look)

    assert found() == "False\n"
    before = [(path, path.read_bytes()) for path in kept.iterdir()]
    assert found() == "False\n" and [(path, path.read_bytes()) for path in kept.iterdir()] == before and len(before) == 1
    (site / "project.pth").write_text(f"{package.parent}\n")
    assert found() == "True\n"
