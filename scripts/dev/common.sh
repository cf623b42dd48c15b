# shellcheck shell=sh
# How a script begins: it prints the comment at its head when asked for --help,
# works in the repository's directory, and finds Go.
case ${1:-} in
-h | --help)
	sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
	exit
	;;
esac
cd "$(dirname "$(readlink -f "$0")")"
until [ -e go.mod ]; do cd ..; done

. scripts/dev/install.sh
mkdir -p .build

# A Go that is as new as go.mod asks for: the one in PATH, the one where
# https://go.dev/doc/install puts it, or else one from the Python package index,
# which keeps its files in .build.
PATH=$PATH:/usr/local/go/bin
needed=$(sed -n 's/^go //p' go.mod)
present=$(GOTOOLCHAIN=local go version 2>/dev/null | sed 's/^go version go\([0-9.]*\).*/\1/')
if [ "$(printf '%s\n' "$needed" "$present" | sort -V | head -n 1)" != "$needed" ]; then
	venv go
	PATH=$(echo "$PWD"/.build/venv-go/lib/python3*/site-packages/go/bin):$PATH
	export GOPATH="$PWD/.build/go" GOCACHE="$PWD/.build/go/cache" GOFLAGS=-modcacherw
fi
export PATH CGO_ENABLED=0

# tool NAME [ARG...] runs a developers' tool at the version of tools.mod, which
# keeps them out of go.mod. To raise one:
# go get -tool -modfile=scripts/dev/tools.mod PACKAGE@latest
tool() { go tool -modfile=scripts/dev/tools.mod "$@"; }

# newest_version prints the version that comes first in CHANGELOG.md.
newest_version() { sed -n 's/^## \([0-9][^ ]*\).*/\1/p' CHANGELOG.md | head -n 1; }
