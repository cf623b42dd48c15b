"""What list, doctor and verify say of a twin that no longer fits: students' imports would fail in silence."""

import json

import pytest
from common import BUILD
from conftest import COMMANDS, PYTHONS, Jupyter, fresh_home
from test_install import make_base

pytestmark = pytest.mark.once
COMMAND = COMMANDS / "isolate-kernelspec"


@pytest.fixture
def person(tmp_path):
    """A person with an environment of Python's, and a twin of its kernel."""
    jupyter = Jupyter(fresh_home(tmp_path), PYTHONS["ipykernel7"])
    jupyter.run("/usr/bin/python3", "-m", "venv", "--without-pip", jupyter.home / "env")
    outer = next((BUILD / "venv-ipykernel7/lib").iterdir()) / "site-packages"
    (site(jupyter) / "outer.pth").write_text(f"{outer}\n")  # ipykernel, without a download
    python = str(jupyter.home / "env/bin/python")
    make_base(jupyter, "course", {"argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "C", "language": "python"})
    jupyter.run(COMMAND, "install", "course")
    return jupyter


def site(jupyter):
    return next((jupyter.home / "env/lib").iterdir()) / "site-packages"


def states(jupyter, **env):
    """The state by list's table, list --json and doctor, which must be one, and the notes."""
    listed = jupyter.run(COMMAND, "list", env=env)
    by_json = json.loads(jupyter.run(COMMAND, "list", "--json", env=env).stdout)["kernels"]
    by_doctor = json.loads(jupyter.run(COMMAND, "doctor", "--json", check=False, env=env).stdout)["findings"]
    name, state = by_json[0]["name"], by_json[0]["state"]
    assert f" {state} " in listed.stdout
    (finding,) = [f for f in by_doctor if f["name"] == name]
    assert finding["detail"].startswith(state)
    return state, finding, listed.stderr


def test_project_installed_later_to_be_edited_in_place(person):
    """As pip install -e writes it."""
    project = person.home / "projects/mine"
    project.mkdir(parents=True)
    (project / "mine.py").write_text("answer = 42\n")
    assert states(person)[0] == "ok" and states(person)[2] == ""

    (site(person) / "__editable__.mine.pth").write_text(f"{project}\n")
    state, finding, notes = states(person)
    assert state == "needs more" and finding["health"] == "weaker" and finding["remedy"] == "isolate-kernelspec update course-isolated"
    assert notes == f"isolate-kernelspec: note: course-isolated: needs more: {project}; isolate-kernelspec update course-isolated\n"
    verified = person.run(COMMAND, "verify", "course-isolated")
    assert verified.stderr == notes

    person.run(COMMAND, "update", "course-isolated")
    assert states(person)[0] == "ok"
    done = person.run("jupyter", "run", "--kernel", "course-isolated", check=False, input="import mine; print(mine.answer)",
                      cwd=person.workdir())
    assert done.stdout == "42\n", done.stderr


def test_interpreter_that_no_longer_runs(person):
    (site(person) / "broken.pth").write_text("import os; os.write(2, b'no encodings'); os._exit(1)\n")
    state, finding, _ = states(person)
    assert state == "interpreter broken" and finding["health"] == "missing" and "no encodings" in finding["detail"]
    assert person.run(COMMAND, "doctor", check=False).returncode == 1


def test_another_environment_is_active(tmp_path):
    """A twin of the system's python3, while an environment has a python3 of its own."""
    jupyter = Jupyter(fresh_home(tmp_path), PYTHONS["debian"])
    jupyter.run(COMMAND, "install", "python3", "--user")
    assert states(jupyter)[0] == "ok"

    environment = BUILD / "venv-ipykernel7"
    path = f"{environment}/bin:{jupyter.env['PATH']}"
    state, finding, notes = states(jupyter, PATH=path)
    assert state == "another base" and finding["health"] == "weaker"
    assert f"python3 runs {environment.resolve()}" in notes.replace(str(environment), str(environment.resolve())) and "and this twin /usr/bin/python3" in notes
    assert finding["remedy"] == "isolate-kernelspec install python3 makes a twin of the former"
    assert "note: python3-isolated: another base: " in jupyter.run(COMMAND, "verify", "python3-isolated", env={"PATH": path}).stderr

    done = jupyter.run(COMMAND, "install", "python3", "--user", env={"PATH": path})
    assert "Installed" in done.stdout and states(jupyter, PATH=path)[0] == "ok"


def test_twin_that_another_one_hides(tmp_path):
    jupyter = Jupyter(fresh_home(tmp_path), PYTHONS["debian"])
    make_base(jupyter, "course", {"argv": ["/usr/bin/python3", "{connection_file}"], "display_name": "C", "language": "python"})
    jupyter.run(COMMAND, "install", "course")
    done = jupyter.run(COMMAND, "install", "course", "--user")
    first = jupyter.home / "path/kernels/course-isolated"
    assert f"note: Jupyter takes the course-isolated in {first} first; isolate-kernelspec remove course-isolated removes that" in done.stderr


def test_module_that_the_interpreter_lacks(person):
    """No kernel starts, isolated or not: install says so, and what would help."""
    done = person.run(COMMAND, "install", "course")
    assert "no module" not in done.stderr
    (site(person) / "outer.pth").unlink()
    remedy = f"{person.home}/env/bin/python -m pip install ipykernel"
    done = person.run(COMMAND, "install", "course")
    assert f"note: the kernel doesn't start: its interpreter has no module ipykernel_launcher; {remedy}" in done.stderr
    state, finding, notes = states(person)
    assert state == "module missing" and finding["health"] == "missing" and finding["remedy"] == remedy
    assert f"course-isolated: module missing: ipykernel_launcher; {remedy}" in notes
