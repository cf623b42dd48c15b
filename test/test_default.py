"""A twin in the place of its base: the kernel's own name starts it, in whichever order Jupyter searches."""

import json

import pytest
from common import BUILD
from conftest import COMMANDS, PYTHONS, Jupyter, fresh_home

SPECS = """
import json
from jupyter_client.kernelspec import KernelSpecManager
print(json.dumps({name: s["spec"]["argv"] for name, s in KernelSpecManager().get_all_specs().items()}))
"""


class Environment(Jupyter):
    """A person with an environment of their own, with Jupyter in it, that is active."""

    def __init__(self, home):
        super().__init__(home, PYTHONS["ipykernel7"])
        venv = home / "venv"
        self.run("/usr/bin/python3", "-m", "venv", "--without-pip", venv)
        site, outer = (next((place / "lib").iterdir()) / "site-packages" for place in (venv, BUILD / "venv-ipykernel7"))
        (site / "outer.pth").write_text(f"{outer}\n")  # Jupyter, without another download
        command = venv / "bin/jupyter"
        command.write_text(f"#!{venv}/bin/python3\n")
        command.chmod(0o755)
        self.python = venv / "bin/python3"
        self.env.update(PATH=f"{venv}/bin:/usr/bin:/bin", JUPYTER_PATH="")

    def run(self, *command, **options):
        """Debian's package puts a python3 where every Jupyter finds it; here it is out of the way."""
        hidden = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs none /usr/share/jupyter && exec "$@"', "sh"]
        return super().run(*hidden, *command, **options)

    def specs(self):
        """The commands that Jupyter itself starts, by the kernels' names."""
        return json.loads(self.run("python3", "-c", SPECS).stdout)

    def kernelspec(self, *arguments, **options):
        return self.run(COMMANDS / "isolate-kernelspec", *arguments, **options)


@pytest.mark.parametrize("native, preferred, place", [
    (False, "1", "venv/share"), (False, "0", ".local/share"), (True, "1", "venv/share"),
], ids=["environment first", "user first", "ipykernel's own"])
def test_is_found_first(tmp_path, native, preferred, place):
    person = Environment(fresh_home(tmp_path))
    person.env["JUPYTER_PREFER_ENV_PATH"] = preferred
    if not native:
        person.run("python3", "-m", "ipykernel", "install", "--sys-prefix")
    before = person.specs()
    assert set(before) == {"python3"}

    said = person.kernelspec("install", "python3", "--default").stdout
    assert f"in {person.home}/{place}/jupyter/kernels/python3\n" in said
    plain = said.split()[-1]
    now = person.specs()
    assert set(now) == {"python3", plain}
    assert now["python3"][0] == str(COMMANDS / "isolate-kernel") and now[plain] == [str(person.python), *before["python3"][1:]]
    assert now["python3"][2:] == now[plain]
    person.kernelspec("update", "python3")
    assert person.specs() == now

    # In the other order it would not be first: that is said, or refused.
    other = {"JUPYTER_PREFER_ENV_PATH": str(1 - int(preferred))}
    if place == ".local/share":
        assert "plain kernel first" in person.kernelspec("list", env=other).stdout
        refused = person.kernelspec("install", "python3", "--default", "--user", env=other, check=False)
        assert refused.returncode == 1 and "would not find python3 in" in refused.stderr

    person.kernelspec("remove", "python3")
    assert person.specs() == before
    assert not list(person.home.rglob("*plain*"))
