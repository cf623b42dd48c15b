"""What scripts/demo shows."""

import nbformat
from common import ROOT


def test_side_by_side(jupyter):
    jupyter.env["JUPYTER_PATH"] = str(jupyter.home / "prefix/share/jupyter")
    said = jupyter.run(jupyter.python, ROOT / "scripts/dev/demo.py", cwd=jupyter.workdir()).stdout.splitlines()
    assert max(map(len, said)) <= 80
    rows = {}
    for line in said:
        question, *answers = line[:32].strip(), line[33:55].strip(), line[56:].strip()
        if question:
            rows[question] = answers
        elif line:  # an answer goes on
            last = list(rows)[-1]
            rows[last] = [f"{a} {b}".strip() for a, b in zip(rows[last], answers)]
    assert rows["reads ~/.ssh"] == ["a private key", "No such file or directory"]
    assert rows["lists HOME"] == ["['thesis.tex']", "empty"]
    assert rows["looks for tokens in variables"] == ["['SERVICE_API_TOKEN']", "none"]
    assert rows["looks for processes"][1] == "1 process" != rows["looks for processes"][0]
    assert rows["writes outside its folder"] == ["the file is there", "no file is there"]
    assert rows["reads another student's file"] == ["another student's answer", "No such file or directory"]
    assert rows["connects to a local service"] == ["connected", "Connection refused"]
    assert rows["reads, computes, writes its own"] == ["sum is 42", "sum is 42"]
    for name in ("python3", "python3-isolated"):
        path = jupyter.workdir() / f".build/demo/{name}.ipynb"
        nbformat.validate(nbformat.read(path, 4))
        assert path.name in "".join(said)
    assert "The isolated kernel refused 7 of 7, and the notebook's own work went on." in said
