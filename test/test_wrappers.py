"""Kernels whose command only leads to their program: the twin starts, or it isn't installed, and why is said."""

import os
import shutil
import signal
import subprocess

import pytest
from common import BUILD, wait_for
from conftest import COMMANDS, PYTHONS, Jupyter, fresh_home
from test_install import make_base
from test_verify import PROBES, PROTOCOL, left_behind, verify


@pytest.fixture
def person(tmp_path):
    """A person with an environment of Python's in the home directory, and nothing isolated yet."""
    jupyter = Jupyter(fresh_home(tmp_path), PYTHONS["ipykernel7"])
    jupyter.run("/usr/bin/python3", "-m", "venv", "--without-pip", jupyter.home / "envs/mine")
    site = next((jupyter.home / "envs/mine/lib").iterdir()) / "site-packages"
    outer = next((BUILD / "venv-ipykernel7/lib").iterdir()) / "site-packages"
    (site / "outer.pth").write_text(f"{outer}\n")  # ipykernel, without a download
    (jupyter.home / "work").mkdir()
    (jupyter.home / "secret").write_text("x")
    return jupyter


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def base(jupyter, *argv):
    make_base(jupyter, "wrapped", {"argv": list(argv), "display_name": "W", "language": "python", "metadata": {"debugger": True}})


def install(jupyter, *arguments, check=True, **options):
    return jupyter.run(COMMANDS / "isolate-kernelspec", "install", "wrapped", "--prefix", jupyter.home / "prefix", *arguments, check=check, **options)


KERNEL = "python -m ipykernel_launcher -f {connection_file}"


def by_activating(home):
    return ["bash", "-c", f"source {home}/envs/mine/bin/activate && exec {KERNEL}"]


def by_a_script_in_home(home):
    return [script(home / "wrap.sh", f'#!/bin/sh\nexec {home}/envs/mine/bin/python "$@"\n'), "-m", "ipykernel_launcher", "-f", "{connection_file}"]


def by_a_script_in_bin(home):
    script(home / "lib.sh", f"PATH={home}/envs/mine/bin:$PATH\n")
    return [script(home / "bin/start kernel", f'#!/usr/bin/env bash\n. ~/lib.sh\nexec python "$@"\n'), "-m", "ipykernel_launcher", "-f", "{connection_file}"]


def by_env(home):
    return ["env", "COURSE=cs101", f"{home}/envs/mine/bin/{KERNEL.split()[0]}", *KERNEL.split()[1:]]


def by_nice(home):
    return ["/usr/bin/nice", "-n", "3", "stdbuf", "-oL", f"{home}/envs/mine/bin/python", *KERNEL.split()[1:]]


def by_a_login_shell(home):
    (home / ".profile").write_text(f"export PATH={home}/envs/mine/bin:$PATH\n")
    return ["bash", "-lc", f"exec {KERNEL}"]


def as_a_child(home):
    return ["sh", "-c", f"{home}/envs/mine/bin/{KERNEL}; exit $?"]


def by_what_another_program_prints(home):
    """As conda does: a function of the shell evaluates what the manager prints, which is a program of its own."""
    shutil.copytree(home / "envs/mine", home / "manager", symlinks=True)
    script(home / "manager/bin/manage", f'#!{home}/manager/bin/python\nimport settings\nprint(settings.text)\n')
    (next((home / "manager/lib").iterdir()) / "settings.py").write_text(f"text = 'export PATH={home}/envs/mine/bin:$PATH'\n")
    (next((home / "manager/lib").iterdir()) / "site-packages/here.pth").write_text(str(next((home / "manager/lib").iterdir())) + "\n")
    script(home / "manager/etc/profile.d/manage.sh", f'activate() {{ eval "$({home}/manager/bin/manage)"; }}\n')
    return ["bash", "-c", f"source {home}/manager/etc/profile.d/manage.sh && activate && exec {KERNEL}"]


def by_a_manager_of_projects(home):
    """As poetry run and pipenv run do: a program of Python's, in an environment of its own, that starts another Python."""
    shutil.copytree(home / "envs/mine", home / ".local/pipx/venvs/manager", symlinks=True)
    manager = script(home / ".local/pipx/venvs/manager/bin/manager", f"""#!{home}/.local/pipx/venvs/manager/bin/python
import os, sys
python = "{home}/envs/mine/bin/" + sys.argv[2]
os.execv(python, [python, *sys.argv[3:]])
""")
    (home / ".local/bin").mkdir()
    (home / ".local/bin/manager").symlink_to(manager)
    return [f"{home}/.local/bin/manager", "run", *KERNEL.split()]


def by_a_script_of_python(home):
    script(home / "start.py", f"""
import subprocess, sys
sys.exit(subprocess.call(["{home}/envs/mine/bin/python", "-m", "ipykernel_launcher", *sys.argv[1:]]))
""")
    return ["/usr/bin/python3", str(home / "start.py"), "-f", "{connection_file}"]


WAYS = [by_activating, by_a_script_in_home, by_a_script_in_bin, by_env, by_nice, by_a_login_shell, as_a_child, by_what_another_program_prints,
        by_a_manager_of_projects, by_a_script_of_python]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_twin_starts(person, way):
    base(person, *way(person.home))
    install(person)
    entries = person.spec("wrapped-isolated")["env"]["MNTDIRS_KERNEL"].split(" ")
    assert f"ro,try:{person.home}" not in entries and str(person.home / "secret") not in str(entries)
    kernel = person.start("wrapped-isolated", cwd=person.home / "work")
    try:
        assert kernel.run("import sys; print(sys.prefix)") == str(person.home / "envs/mine")
        assert "FileNotFound" in kernel.run(f"open({str(person.home / 'secret')!r})")
    finally:
        kernel.stop()


def test_twin_holds(person):
    base(person, *by_activating(person.home))
    install(person)
    assert verify(person, "wrapped-isolated") == (0, PROBES | PROTOCOL, set())


def test_control(person):
    """Without what was found out the twin doesn't start."""
    base(person, *by_activating(person.home))
    install(person)
    person.edit("wrapped-isolated", lambda spec: spec["env"].update(MNTDIRS_KERNEL=""))
    done = person.run(COMMANDS / "isolate-kernelspec", "verify", "wrapped-isolated", check=False,
                      env={"JUPYTER_PATH": f"{person.home / 'path'}:{person.home / 'prefix/share/jupyter'}"})
    assert done.returncode == 1 and "ended at its start" in done.stderr


def test_files_of_the_home_directory_are_named(person):
    base(person, *by_a_login_shell(person.home))
    done = install(person)
    assert f"note: its command reads {person.home}/.profile, and so can what runs in the kernel" in done.stderr
    assert f"ro,try:{person.home}/.profile" in person.spec("wrapped-isolated")["env"]["MNTDIRS_KERNEL"].split(" ")


def test_file_that_nobody_else_can_read(person):
    """A key that the command reads on its way stays hidden, and the kernel starts without it; one that it needs can be named."""
    key = person.home / ".keys/token"
    script(key, "export TOKEN=t\n")
    key.chmod(0o600)
    base(person, "bash", "-c", f". {key} 2>/dev/null; exec {person.home}/envs/mine/bin/{KERNEL}")
    done = install(person)
    assert f"note: its command reads {key}, which only you can read and kernels don't see; --mount ro:{key} shows it" in done.stderr
    assert ".keys" not in person.spec("wrapped-isolated")["env"]["MNTDIRS_KERNEL"]

    shutil.rmtree(person.home / "path/kernels/wrapped")
    base(person, "bash", "-c", f"set -e; . {key}; exec {person.home}/envs/mine/bin/{KERNEL}")
    done = install(person, check=False)
    assert done.returncode == 1 and "wrapped would not start isolated" in done.stderr and f"; --mount ro:{key} shows what only you can read; or let the argv" in done.stderr
    assert install(person, "--mount", f"ro:{key}").returncode == 0


@pytest.mark.once
def test_function_of_the_shell_that_is_not_let_in(person):
    """As module(1): what the environment defines stays outside. Nothing is installed, and why is said, and what would work."""
    base(person, "bash", "-c", f"module load mine && exec {KERNEL}")
    env = {"BASH_FUNC_module%%": f"() {{ PATH={person.home}/envs/mine/bin:$PATH; }}"}
    done = install(person, check=False, env=env)
    assert done.returncode == 1 and done.stdout == ""
    assert "would not start isolated: the kernel ended at its start: " in done.stderr and "module: command not found" in done.stderr
    assert done.stderr.rstrip().endswith(f"name what it comes to: {person.home}/envs/mine/bin/python -m ipykernel_launcher -f '{{connection_file}}'")
    assert not (person.home / "prefix").exists()
    # Said and done, it works.
    shutil.rmtree(person.home / "path/kernels/wrapped")
    base(person, f"{person.home}/envs/mine/bin/python", *KERNEL.split()[1:])
    install(person)
    assert verify(person, "wrapped-isolated") == (0, PROBES | PROTOCOL, set())


@pytest.mark.once
def test_kernel_that_does_not_start_plainly(person):
    """That is no fault of the twin's."""
    base(person, "bash", "-c", "echo no licence >&2; exit 1 # {connection_file}")
    done = install(person)
    assert "note: the kernel doesn't start without isolation either: it ends at its start: no licence" in done.stderr


def test_without_a_sandbox(person):
    """Where none can be made nothing can be tried."""
    base(person, *by_activating(person.home))
    done = person.run("unshare", "--user", "--map-root-user", "sh", "-c", 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "sh",
                      COMMANDS / "isolate-kernelspec", "install", "wrapped", "--prefix", person.home / "prefix")
    assert "note: it wasn't tried: make namespaces: " in done.stderr
    assert (person.home / "prefix/share/jupyter/kernels/wrapped-isolated/kernel.json").exists()


@pytest.mark.once
def test_update_keeps_what_works(person):
    """A wrapper that changed in a way that no twin can follow leaves the twin as it was."""
    path = person.home / "wrap.sh"
    base(person, *by_a_script_in_home(person.home))
    install(person)
    before = person.spec("wrapped-isolated")
    script(path, f'#!/bin/bash\nmodule && exec {person.home}/envs/mine/bin/python "$@"\n')
    env = {"BASH_FUNC_module%%": "() { true; }", "JUPYTER_PATH": f"{person.home / 'path'}:{person.home / 'prefix/share/jupyter'}"}
    done = person.run(COMMANDS / "isolate-kernelspec", "update", "wrapped-isolated", check=False, env=env)
    assert done.returncode == 1 and "wrapped would not start isolated" in done.stderr
    assert person.spec("wrapped-isolated") == before


@pytest.mark.once
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP])
def test_install_ended_by_a_signal(person, sig):
    """Nothing is left of what install started, and nothing is installed."""
    base(person, "bash", "-c", f"sleep 600; exec {KERNEL}")
    installing = subprocess.Popen([COMMANDS / "isolate-kernelspec", "install", "wrapped", "--user"], env=person.env, cwd=person.home,
                                  stderr=subprocess.PIPE, text=True)
    assert wait_for(lambda: any("sleep" in line for line in left_behind(person)))
    installing.send_signal(sig)
    _, complaint = installing.communicate(timeout=20)
    assert installing.returncode in (-sig, 128 + sig) and complaint == ""
    assert wait_for(lambda: left_behind(person) == [], 5), left_behind(person)
    assert os.listdir(person.home / "tmp") == [] and not (person.home / ".local/share/jupyter/kernels/wrapped-isolated").exists()


@pytest.mark.once
def test_directory_in_the_command(person):
    """A profile that the command names is there."""
    profile = person.home / "profiles/course"
    script(profile / "startup/00.py", "answer = 42\n")
    base(person, f"{person.home}/envs/mine/bin/python", *KERNEL.split()[1:], f"--profile-dir={profile}")
    done = install(person)
    assert f"note: {profile}, which its command names, is a copy inside: what a kernel writes there is lost" in done.stderr
    kernel = person.start("wrapped-isolated", cwd=person.home / "work")
    try:
        assert kernel.run("print(answer)") == "42"
        kernel.run(f"open({str(profile / 'startup/01.py')!r}, 'w').write('x')")
        assert sorted(p.name for p in profile.rglob("*.py")) == ["00.py"]
    finally:
        kernel.stop()
