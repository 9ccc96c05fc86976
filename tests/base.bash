# What every file of tests stands on, also a file with a setup of its own.
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

# require_packages FILE: for setup_file. False, and the file's tests are skipped with
# this reason, unless all packages that FILE names are installed.
require_packages() {
	local package missing='' here
	# Debian may give a library another name, which then provides the old one.
	here=$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' 2>/dev/null |
		sed -n 's/([^)]*)//g; s/,//g; s/^installed //p' | tr -s ' ' '\n')
	for package in $(<"$1"); do
		grep -qxF "$package" <<<"$here" || missing+=" $package"
	done
	[ -z "$missing" ] || cannot "not installed:$missing"
}

# cannot REASON: for setup_file, in which bats cannot skip. Returns 1.
cannot() {
	export CANNOT=$1
	return 1
}

# able: for setup. Skips if setup_file found a reason to.
able() {
	[ -z "${CANNOT-}" ] || skip "$CANNOT"
}

setup() {
	able
}
