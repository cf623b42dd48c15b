# shellcheck shell=sh
# How a script installs what it needs: Debian packages on the machine, and what
# test/versions.txt lists in virtual environments below .build.

# Debian's own interpreter, if there is one: every user can read it, unlike many
# an interpreter in somebody's home directory.
python=/usr/bin/python3
[ -x $python ] || python=$(command -v python3) || { echo "${0##*/}: python3 is not installed; install it with your package manager" >&2; exit 1; }

# packages NAME... installs Debian packages as root; an ordinary user is told
# which ones are missing.
packages() {
	missing=
	for package; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || { echo "${0##*/}: these are missing:$missing; install them with your package manager" >&2; exit 1; }
	[ "$(id -u)" = 0 ] || { echo "${0##*/}: these are missing:$missing; sudo apt-get install$missing" >&2; exit 1; }
	# shellcheck disable=SC2086
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >&2
}

# venv NAME makes the virtual environment .build/venv-NAME with what
# test/versions.txt lists for it, and again when the list or the interpreter has
# changed.
venv() {
	versions=$(sed -n "/^\[$1]/,/^\[/{/==/p}" test/versions.txt)
	stamp=$({ echo "$versions"; $python --version; pwd; } | sha256sum)
	[ "$(cat ".build/venv-$1/stamp" 2>/dev/null)" = "$stamp" ] && return
	echo "${0##*/}: installing test/versions.txt's [$1] into .build/venv-$1" >&2
	$python -c 'import ensurepip' 2>/dev/null || packages python3-venv
	rm -rf ".build/venv-$1"
	$python -m venv ".build/venv-$1"
	echo "$versions" >".build/venv-$1/versions.txt"
	".build/venv-$1/bin/pip" install --quiet --disable-pip-version-check -r ".build/venv-$1/versions.txt"
	echo "$stamp" >".build/venv-$1/stamp"
}
