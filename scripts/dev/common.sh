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

PATH=$PATH:/usr/local/go/bin # where https://go.dev/doc/install puts it
export PATH CGO_ENABLED=0
command -v go >/dev/null || { echo "${0##*/}: go is not installed; see https://go.dev/doc/install" >&2; exit 1; }

# tool NAME [ARG...] runs a developers' tool at the version of tools.mod, which
# keeps them out of go.mod. To raise one:
# go get -tool -modfile=scripts/dev/tools.mod PACKAGE@latest
tool() { go tool -modfile=scripts/dev/tools.mod "$@"; }
