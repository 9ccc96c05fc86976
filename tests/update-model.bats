#!/usr/bin/env bats
# The UPDATE state against a model of it, and against deliverers.
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	STDPOP3D=$(realpath "${STDPOP3D:-$BATS_TEST_DIRNAME/../build/stdpop3d}")
	export STDPOP3D
}

# figures TOOL [ARGUMENT...]: runs it, and shows what it counted.
figures() {
	local status=0
	"$BATS_TEST_DIRNAME/fault/$1" "${@:2}" >figures 2>&1 || status=$?
	[ "$status" -eq 0 ] || cat figures
	tail -n 1 figures | sed 's/^/# /' >&3
	return "$status"
}

@test "QUIT removes the messages marked as deleted and no other octet, whatever is delivered or killed meanwhile" {
	if [ -n "${FAULT_FULL-}" ]; then
		figures model --rounds 50000
	else
		figures model
	fi
}

@test "mail that is delivered while sessions delete is there exactly once, under the dotlock, fcntl(2) or flock(2)" {
	figures deliver
}
