# What every file of tests stands on, those with a setup of their own too.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The program under test, as a path that holds in every folder.
STDPOP3D=$(realpath -m "${STDPOP3D:-$TOP/build/stdpop3d}")
export STDPOP3D

# eventually COMMAND...: waits until it succeeds, for a minute.
eventually() {
	local try
	for ((try = 0; try < 600; try++)); do
		! "$@" || return 0
		sleep 0.1
	done
	"$@"
}

# require_packages FILE: skips, with what to type, unless all that it names are here.
require_packages() {
	local package missing=
	for package in $(<"$1"); do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null |
			grep -qx installed || missing+=" $package"
	done
	[ -z "$missing" ] || skip "not installed:$missing"
}
