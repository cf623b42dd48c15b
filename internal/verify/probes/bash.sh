probe() { if "${@:2}" >/dev/null 2>&1; then echo "probe $1 open"; else echo "probe $1 held"; fi; }
contains() { for f in $1; do while IFS= read -r -d '' x || [ -n "$x" ]; do case $x in *"$2"*) return 0;; esac; done <"$f"; done; return 1; }
exists() { [ -e "$1" ]; }
slurp() { read -r x <"$1"; }
put() { echo x >"$1"; }
privileged() { while read -r k v; do case $k in CapEff:|CapBnd:) [ "${v//0/}" = "" ] || return 0;; NoNewPrivs:) [ "$v" = 1 ] || return 0;; esac; done </proc/self/status; return 1; }
tcp() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }
probe read slurp %SECRET%
probe write put %TARGET%
probe keys exists %KEYS%
probe processes contains "/proc/[0-9]*/cmdline" %DECOY%
probe environment contains "/proc/[0-9]*/environ" %TOKEN%
probe network tcp %PORT%
probe privileges privileged
