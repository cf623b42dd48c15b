#!/usr/bin/env python3
"""Keeps the part of Go's vulnerability database that can concern this module.

An entry is kept if it affects a version of the standard library or of a
required module that go.mod allows. The database's text is licensed CC BY 4.0.
"""

import argparse
import json
import pathlib
import subprocess

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
    """Writes known.json from the whole database."""
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
    """Writes known.json as the files of a database, and prints the date it is from."""
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("keep", help=f"write {KEPT.name} from a checkout of github.com/golang/vulndb")
    command.add_argument("directory", metavar="CHECKOUT", type=pathlib.Path)
    command.set_defaults(run=keep)
    command = commands.add_parser("lay-out", help="write a database that govulncheck -db file:// reads, and print its date")
    command.add_argument("directory", metavar="DIRECTORY", type=pathlib.Path, help="is made")
    command.set_defaults(run=lay_out)
    args = parser.parse_args()
    args.run(args.directory)


if __name__ == "__main__":
    main()
