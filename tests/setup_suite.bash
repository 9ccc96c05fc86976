# Runs before the first test: what the tests need is there, or they fail.
# shellcheck shell=bash

setup_suite() {
	local tool package missing=
	while read -r tool package; do
		command -v "$tool" >/dev/null || missing+=" $package"
	done <<-'END'
		cmp diffutils
		flock util-linux
		perl perl-base
		python3 python3
		setpriv util-linux
		strace strace
	END
	if [ -n "$missing" ]; then
		echo "needed: apt-get install$missing" >&2
		return 1
	fi
	# Accounts of the tests look into their own folders only.
	[ "$(id -u)" -ne 0 ] || chmod a+x "$BATS_RUN_TMPDIR"
}
