#!/bin/bash
# The command line of the original isolate.sh: -m, --mnt, -b, -v, --no-net (the
# host's network), then words that a shell inside reads as one command. MNTDIRS,
# MNTDIRS_BASE, NI_BASEDIR, NI_QUIET, NI_TMPFS_SIZE and VERBOSE mean what they did.
options=(${NI_TMPFS_SIZE:+--tmp-size "$NI_TMPFS_SIZE"})
while case $1 in
	-m | --mnt | -b) options+=("$1" "$2") && shift ;;
	-h | --help) echo "usage: isolate.sh [-m MNTDIRS] [-v] [--no-net] [WORD...]" && exit ;;
	-v) options+=(-v) ;;
	--no-net) options+=(--network host) ;;
	*) false ;;
esac do shift; done
[ "$1" != -- ] || shift
[ -n "$NI_QUIET" ] || echo "$(whoami) in $PWD${1:+: running command $*}"
PATH=$PATH:$(dirname "$0")/../.build/bin exec isolate "${options[@]}" -- ${1:+bash -c "$*"}
