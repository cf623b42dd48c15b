"""Puts the files of a system package where they belong: stage.py BUILT STAGE VERSION.

usr/ is for every package; deb/usr/ holds what Debian wants in a place of its own,
other/usr/ what rpm and apk have in theirs.
"""

import email.utils
import gzip
import os
import pathlib
import shutil
import sys

built, stage, version = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
name = "isolate-kernel"


def put(source, target, mode=0o644):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def pack(data, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(data, 9, mtime=0))


shutil.rmtree(stage, ignore_errors=True)
for command in (built / "bin").iterdir():
    put(command, stage / "usr/bin" / command.name, 0o755)
for page in (built / "share/man/man1").iterdir():
    pack(page.read_bytes(), stage / f"usr/share/man/man1/{page.name}.gz")
for shell in ("bash-completion/completions", "fish/vendor_completions.d"):
    for completion in (built / "share" / shell).iterdir():
        put(completion, stage / "usr/share" / shell / completion.name)
for completion in (built / "share/zsh/site-functions").iterdir():
    put(completion, stage / "other/usr/share/zsh/site-functions" / completion.name)
    put(completion, stage / "deb/usr/share/zsh/vendor-completions" / completion.name)
for script in (built / "share/isolate-kernel").iterdir():
    put(script, stage / f"usr/share/{name}" / script.name)

doc = stage / "usr/share/doc" / name
put("packaging/index.md", doc / "README.md")
date = email.utils.formatdate(int(os.environ["SOURCE_DATE_EPOCH"]))
maintainer = next(line for line in open("packaging/nfpm.yaml") if line.startswith("maintainer:")).split(":", 1)[1].split("#")[0].strip()
pack(f"{name} ({version}) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- {maintainer}  {date}\n".encode(),
     stage / f"deb/usr/share/doc/{name}/changelog.gz")
put("LICENSE", stage / f"deb/usr/share/doc/{name}/copyright")
put("LICENSE", stage / f"other/usr/share/licenses/{name}/LICENSE")
pack(pathlib.Path("CHANGELOG.md").read_bytes(), doc / "CHANGELOG.md.gz")
overrides = stage / "deb/usr/share/lintian/overrides" / name
overrides.parent.mkdir(parents=True)
overrides.write_text(f"# Go's programs are.\n{name}: statically-linked-binary\n")
