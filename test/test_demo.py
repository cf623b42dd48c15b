"""What scripts/demo shows."""

import nbformat
from common import ROOT


def test_side_by_side(jupyter):
    jupyter.env["JUPYTER_PATH"] = str(jupyter.home / "prefix/share/jupyter")
    said = jupyter.run(jupyter.python, ROOT / "scripts/dev/demo.py", cwd=jupyter.workdir()).stdout.splitlines()
    rows = {line[:40].strip(): (line[41:77].strip(), line[78:].strip()) for line in said}
    assert rows["reads ~/.ssh"] == ("a private key", "No such file or directory")
    assert rows["lists the home directory"] == ("['thesis.tex']", "empty")
    assert rows["looks for tokens in the environment"] == ("['SERVICE_API_TOKEN']", "none")
    assert rows["looks for other processes"][1] == "1 process" != rows["looks for other processes"][0]
    assert rows["writes outside of its folder"] == ("the file is there", "no file is there")
    assert rows["reads what lies beside its folder"] == ("another student's answer", "No such file or directory")
    assert rows["connects to a service of this machine"] == ("connected", "Connection refused")
    assert rows["does its work: reads, computes, writes"] == ("sum is 42", "sum is 42")
    for name in ("python3", "python3-isolated"):
        path = jupyter.workdir() / f".build/demo/{name}.ipynb"
        nbformat.validate(nbformat.read(path, 4))
        assert str(path.parent) in said[-1] and path.name in said[-1]
