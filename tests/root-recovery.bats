#!/usr/bin/env bats
# What needs root: to read what the server writes, and to mount file systems.
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
	grep -E 'full|:[^,]*, violations:' figures | sed 's/^/# /' >&3
	return "$status"
}

@test "a power cut in an UPDATE or in a recovery leaves all messages or the undeleted ones" {
	if [ -n "${FAULT_FULL-}" ]; then
		figures powercut --samples 2000
	else
		figures powercut
	fi
}

@test "ext4, xfs, btrfs and tmpfs keep all messages or the undeleted ones, also when they are full" {
	figures filesystems
}
