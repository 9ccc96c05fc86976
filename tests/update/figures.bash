# For the tests that run a tool of this folder and show what it counted.
# shellcheck shell=bash

# figures TOOL [ARGUMENT...]: its lines with figures go to the terminal.
figures() {
	local status=0
	"$BATS_TEST_DIRNAME/$1" "${@:2}" >figures 2>&1 || status=$?
	[ "$status" -ne 77 ] || skip "$(sed -n 's/^cannot run here: //p' figures | paste -sd ';')"
	[ "$status" -eq 0 ] || cat figures
	{ grep -E 'spool full|directory full|:[^,]*, violations:|^rounds:|^messages delivered:' figures ||
		:; } | sed 's/^/# /' >&3
	return "$status"
}
