"""Installing an isolated twin, for the interpreters that people have."""

import json
import shutil
import subprocess

import pytest
from common import BUILD, processes
from conftest import COMMANDS, PYTHONS, Jupyter, free_ports, fresh_home


def make_base(jupyter, name, spec):
    """Installs a base spec on this person's JUPYTER_PATH."""
    directory = jupyter.home / "path/kernels" / name
    directory.mkdir(parents=True)
    (directory / "kernel.json").write_text(json.dumps(spec))
    return directory


def install(jupyter, name, *arguments, check=True, **options):
    return jupyter.run(COMMANDS / "isolate-kernelspec", "install", name, "--prefix", jupyter.home / "prefix", *arguments, check=check, **options)


def test_python_is_the_one_that_runs_jupyter(jupyter, kernels):
    """The "python" of a kernel.json is the one that runs Jupyter, not the first in PATH."""
    decoy = jupyter.home / "decoy"
    decoy.mkdir()
    for name in ("python", "python3"):
        (decoy / name).write_text("#!/bin/sh\nexit 3\n")
        (decoy / name).chmod(0o755)
    make_base(jupyter, "bare", {"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Bare", "language": "python"})
    install(jupyter, "bare")
    kernel = jupyter.start("bare-isolated", env={"PATH": f"{decoy}:{jupyter.env['PATH']}"})
    kernels.append(kernel)
    assert kernel.run("import sys; print(sys.prefix)") == str(jupyter.python.parent.parent)


def test_native_kernel(tmp_path, kernels):
    """ipykernel provides python3 even if no kernel.json does."""
    venv = tmp_path / "venv"
    shutil.copytree(BUILD / "venv-ipykernel6", venv, symlinks=True)
    shutil.rmtree(venv / "share/jupyter/kernels/python3")
    for script in (venv / "bin").iterdir():  # their first lines hold the path of the environment
        if script.is_file() and not script.is_symlink():
            text = script.read_bytes()
            if text.startswith(b"#!"):
                script.write_bytes(text.replace(str(BUILD / "venv-ipykernel6").encode(), str(venv).encode()))
    jupyter = Jupyter(fresh_home(tmp_path), venv / "bin/python")
    # Debian's package puts a python3 where every Jupyter finds it.
    jupyter.run("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs none /usr/share/jupyter && exec "$@"', "sh",
                COMMANDS / "isolate-kernelspec", "install", "python3", "--prefix", jupyter.home / "prefix")
    assert jupyter.spec("python3-isolated")["metadata"]["isolate"]["base_dir"].endswith("ipykernel/resources")
    kernel = jupyter.start("python3-isolated")
    kernels.append(kernel)
    assert kernel.run("import sys; print(sys.prefix)") == str(venv)


def test_resources_and_unknown_keys(jupyter):
    """Unknown keys and logos are copied, and front ends list the twin. A link that leads out of the directory is not followed."""
    base = make_base(jupyter, "strange", {"argv": ["python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Strange", "language": "python", "codemirror_mode": "x", "metadata": {"mine": [1]}})
    (jupyter.home / "logo.svg").write_text("<svg/>")
    (base / "logo-svg.svg").write_text("<svg/>")
    (base / "logo-32x32.png").symlink_to("logo-svg.svg")
    (base / "logo-64x64.png").symlink_to("../../../logo.svg")
    said = install(jupyter, "strange", "--display-name", "Odd").stderr
    clone = jupyter.home / "prefix/share/jupyter/kernels/strange-isolated"
    for name in "logo-svg.svg", "logo-32x32.png":
        assert (clone / name).read_text() == "<svg/>" and not (clone / name).is_symlink()
    assert not (clone / "logo-64x64.png").exists() and "not copied from" in said and "logo-64x64.png" in said
    spec = jupyter.spec("strange-isolated")
    assert spec["codemirror_mode"] == "x" and spec["metadata"]["mine"] == [1] and spec["display_name"] == "Odd"
    listed = json.loads(jupyter.run("jupyter", "kernelspec", "list", "--json",
                                    env={"JUPYTER_PATH": str(jupyter.home / "prefix/share/jupyter")}).stdout)
    assert "strange-isolated" in listed["kernelspecs"]
    assert [a.format(connection_file="x") for a in spec["argv"]]  # as jupyverse does


def test_removed_without_a_trace(jupyter):
    """Jupyter's own remove is a complete uninstall."""
    env = {"JUPYTER_PATH": str(jupyter.home / "prefix/share/jupyter")}
    jupyter.run("jupyter", "kernelspec", "remove", "-f", "python3-isolated", env=env)
    assert list((jupyter.home / "prefix").rglob("*isolate*")) == []


def test_interpreter_in_the_hidden_home(tmp_path, kernels):
    """A virtual environment in HOME, with an editable package, is visible and can't be changed."""
    home = fresh_home(tmp_path)
    jupyter = Jupyter(home, PYTHONS["ipykernel7"])
    venv, project = home / "envs/my env", home / "projects/mine"
    jupyter.run("/usr/bin/python3", "-m", "venv", "--system-site-packages", venv)
    site = next((venv / "lib").iterdir()) / "site-packages"
    outer = next((BUILD / "venv-ipykernel7/lib").iterdir()) / "site-packages"
    (site / "outer.pth").write_text(f"{outer}\n")  # ipykernel, without another download
    (project / "mine").mkdir(parents=True)
    (project / "mine/__init__.py").write_text("answer = 42\n")
    (site / "mine.pth").write_text(f"{project}\n")
    (home / "secret").write_text("x")
    make_base(jupyter, "venv", {"argv": [str(venv / "bin/python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "V", "language": "python"})
    install(jupyter, "venv")
    kernel = jupyter.start("venv-isolated")
    kernels.append(kernel)
    assert kernel.run("import sys, mine; print(sys.prefix, mine.answer)") == f"{venv} 42"
    assert "Read-only" in kernel.run(f"open({str(site / 'x.py')!r}, 'w')")
    assert "FileNotFound" in kernel.run(f"open({str(home / 'secret')!r})")


@pytest.mark.parametrize("place", ["--user", "--sys-prefix", None])
def test_places(tmp_path, place):
    """Where a twin is installed, and what is printed."""
    home = fresh_home(tmp_path)
    jupyter = Jupyter(home, PYTHONS["ipykernel7"])
    make_base(jupyter, "base", {"argv": ["python3", "{connection_file}"], "display_name": "B", "language": "python"})
    wanted = {
        "--user": home / ".local/share/jupyter/kernels/x-1",
        "--sys-prefix": BUILD.resolve() / "venv-ipykernel7/share/jupyter/kernels/x-1",
        None: home / "path/kernels/x-1",
    }[place]
    try:
        done = jupyter.run(COMMANDS / "isolate-kernelspec", "install", "base", "--name", "X-1", *([place] if place else []))
        assert done.stdout == f"Installed kernelspec x-1 in {wanted}\n"
        assert (wanted / "kernel.json").exists()
    finally:
        shutil.rmtree(wanted, ignore_errors=True)


def test_destination_that_cannot_be_written(jupyter):
    done = install(jupyter, "python3", "--prefix", "/proc/nowhere", check=False)
    assert done.returncode == 1 and "can't be written" in done.stderr or "no such" in done.stderr.lower()


def test_launcher_that_is_not_there(jupyter, tmp_path):
    alone = tmp_path / "isolate-kernelspec"
    shutil.copy(COMMANDS / "isolate-kernelspec", alone)
    done = jupyter.run(alone, "install", "python3", check=False)
    assert done.returncode == 1 and "isolate-kernel is not there" in done.stderr and done.stderr.count("\n") == 1


def start_by_hand(jupyter, argument, cwd=None, **env):
    """The launcher as a front end starts it, with a connection file of any content."""
    return subprocess.run([str(COMMANDS / "isolate-kernel"), "--", "/usr/bin/python3", "-c", "print('ran')", argument],
        cwd=cwd or jupyter.workdir(), env={**jupyter.env, **env}, capture_output=True, text=True, timeout=20)


PORTS = {"shell_port": 2001, "iopub_port": 2002, "stdin_port": 2003, "control_port": 2004, "hb_port": 2005,
         "ip": "127.0.0.1", "key": "", "transport": "tcp", "signature_scheme": "hmac-sha256"}


@pytest.mark.parametrize("content, reason", [
    (None, "no such file"),
    ("{", "not a JSON object"),
    (json.dumps({"registration_port": 1, "kernel_id": "x", "key": ""}), "registration file"),
    (json.dumps({**PORTS, "transport": "smoke"}), "neither tcp nor ipc"),
    (json.dumps({**PORTS, "ip": "192.0.2.1"}), "annot assign requested address"),
    (json.dumps({**PORTS, "shell_port": 70000}), "not a port"),
])
def test_bad_connection_files(jupyter, content, reason):
    """One line, the reason within its first 100 characters, status 125, no kernel."""
    path = jupyter.home / "tmp/c.json"
    if content is not None:
        path.write_text(content)
    done = start_by_hand(jupyter, str(path))
    assert done.returncode == 125 and "ran" not in done.stdout
    assert done.stderr.count("\n") == 1 and reason in done.stderr[:100].replace("\n", " ") or reason in done.stderr
    assert "; " in done.stderr  # a remedy


def test_ports_that_are_taken(jupyter):
    import socket
    with socket.create_server(("127.0.0.1", 0)) as taken:
        path = jupyter.home / "tmp/c.json"
        path.write_text(json.dumps({**PORTS, **free_ports(), "hb_port": taken.getsockname()[1]}))
        done = start_by_hand(jupyter, str(path))
    assert done.returncode == 125 and "in use" in done.stderr[:100] and "ran" not in done.stdout


def test_home_as_working_directory(jupyter):
    """HOME, and a directory above it, would show the person's keys."""
    path = jupyter.home / "tmp/c.json"
    path.write_text(json.dumps({**PORTS, **free_ports()}))
    for directory in (jupyter.home, jupyter.home.parent):
        done = start_by_hand(jupyter, str(path), cwd=directory)
        assert done.returncode == 125 and "home directory" in done.stderr and "ran" not in done.stdout


def test_all_missing_sources_are_named(jupyter):
    path = jupyter.home / "tmp/c.json"
    path.write_text(json.dumps({**PORTS, **free_ports()}))
    done = start_by_hand(jupyter, str(path), MNTDIRS=". /no/1 /no/2 try:/no/3")
    assert done.returncode == 125 and "/no/1, /no/2:" in done.stderr and "/no/3" not in done.stderr
    assert not processes(str(path))
