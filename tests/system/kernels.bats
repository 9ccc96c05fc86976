#!/usr/bin/env bats
# bats file_tags=root
# The server on other machines than this one: see kernels/boot and kernels/init.
# Once is enough, hence the tag.

load ../base

# boots WANT ARCHITECTURE SUITE [PARAMETER...]: all is well there, and the output
# has WANT, too.
boots() {
	local want=$1
	shift
	"$BATS_TEST_DIRNAME/kernels/boot" "$@" >"$BATS_TEST_TMPDIR/console" 2>&1 || {
		cat "$BATS_TEST_TMPDIR/console"
		return 1
	}
	grep -q "$want" "$BATS_TEST_TMPDIR/console"
}

@test "on 64-bit ARM a session with -S works, and every call that is not needed is refused" {
	boots ', Landlock: yes, wrong: 0$' arm64 bookworm
}

@test "a kernel without Landlock is logged once, refused under -S, and still filters" {
	boots ', Landlock: no, wrong: 0$' arm64 bookworm lsm=yama
}
