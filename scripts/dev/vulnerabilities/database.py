"""Keeps the part of Go's vulnerability database that can concern this module.

    database.py CHECKOUT    of github.com/golang/vulndb: writes known.json
    database.py DIRECTORY   new: lays out a database that govulncheck -db file:// reads

An entry is kept if a version of the standard library or of a required module
that go.mod allows is affected. The database's text is licensed CC BY 4.0.
"""

import json
import pathlib
import subprocess
import sys

KEPT = pathlib.Path(__file__).parent / "known.json"


def version(text):
    """The numbers of a version; a pre-release sorts before its release."""
    numbers, _, pre = text.removeprefix("v").partition("-")
    return [int(n) for n in numbers.split(".")], not pre, pre


def required():
    """The least version of each module that go.mod allows."""
    listed = subprocess.run(["go", "list", "-m", "-json", "all"], capture_output=True, text=True, check=True).stdout
    decoder, modules = json.JSONDecoder(), {}
    while listed.strip():
        module, end = decoder.raw_decode(listed.lstrip())
        listed = listed.lstrip()[end:]
        if not module.get("Main"):
            modules[module["Path"]] = module["Version"]
        else:
            modules["stdlib"] = module["GoVersion"]
    return modules


def concerns(entry, modules):
    for affected in entry["affected"]:
        least = modules.get(affected["package"]["name"])
        for events in (r["events"] for r in affected.get("ranges", []) if least):
            fixed = [event["fixed"] for event in events if "fixed" in event]
            if len(fixed) < sum("introduced" in event for event in events) or any(version(f) > version(least) for f in fixed):
                return True
    return False


def keep(checkout):
    modules = required()
    entries = [json.loads(path.read_text()) for path in sorted(checkout.glob("data/osv/GO-*.json"))]
    entries = [entry for entry in entries if "withdrawn" not in entry and concerns(entry, modules)]
    when = subprocess.run(["git", "-C", checkout, "log", "-1", "--format=%cI"], capture_output=True, text=True, check=True).stdout.strip()
    for entry in entries:
        entry["modified"] = when  # the checkout has none
        for unused in ("details", "references", "credits", "database_specific", "published", "aliases"):
            entry.pop(unused, None)
        entry["affected"] = [a for a in entry["affected"] if a["package"]["name"] in modules]
    KEPT.write_text("[\n" + ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries) + "\n]\n")


def lay_out(directory):
    entries = json.loads(KEPT.read_text())
    modules = {}
    for entry in entries:
        for affected in entry["affected"]:
            fixed = [event["fixed"] for r in affected["ranges"] for event in r["events"] if "fixed" in event]
            modules.setdefault(affected["package"]["name"], {})[entry["id"]] = fixed[-1] if fixed else ""
    index = {
        "db": {"modified": entries[0]["modified"]},
        "modules": [{"path": path, "vulns": [{"id": i, "modified": entries[0]["modified"], "fixed": f} for i, f in sorted(vulns.items())]}
                    for path, vulns in sorted(modules.items())],
        "vulns": [{"id": entry["id"], "modified": entry["modified"]} for entry in entries],
    }
    for folder, files in {"index": index, "ID": {entry["id"]: entry for entry in entries}}.items():
        (directory / folder).mkdir(parents=True)
        for name, content in files.items():
            (directory / folder / f"{name}.json").write_text(json.dumps(content))
    print(entries[0]["modified"][:10])


if (pathlib.Path(sys.argv[1]) / "data/osv").exists():
    keep(pathlib.Path(sys.argv[1]))
else:
    lay_out(pathlib.Path(sys.argv[1]))
