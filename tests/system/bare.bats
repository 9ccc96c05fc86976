#!/usr/bin/env bats
# bats file_tags=root
# README's two commands, word for word, on bare machines: nothing but Debian's
# smallest system, and in a container. Root and a user both see the session; the tests
# are run by one of the two in each suite.
load ../base

HERE=$BATS_TEST_DIRNAME/bare

setup_file() {
	require_packages "$HERE/packages" || return 0
	# A root that was just made serves all tests of its suite.
	mkdir "$BATS_FILE_TMPDIR/roots"
}

# command_of TARGET: README's line that ends with this make.
command_of() {
	sed -n "s/^    \(apt-get update .*make $1\)\$/\1/p" "$TOP/README"
}

# machine SUITE: makes $ROOT such a system, with the sources in /home/reader, who is a
# user of it.
machine() {
	ROOT=$BATS_FILE_TMPDIR/roots/$1
	[ ! -e "$ROOT" ] || return 0
	# A mirror may be a copy of some weeks ago.
	mmdebstrap --quiet --variant=minbase --include=adduser \
		--aptopt='Acquire::Check-Valid-Until "false"' "$1" "$ROOT"
	chroot "$ROOT" adduser --quiet --disabled-password --gecos '' reader
	mkdir "$ROOT/home/reader/stdpop3d"
	tar -C "$TOP" -c --exclude=./.git --exclude=./build . |
		tar -C "$ROOT/home/reader/stdpop3d" -x --no-same-owner
	chroot "$ROOT" chown -R reader:reader /home/reader/stdpop3d
}

# tried SUITE USER CHECK: what that user types in a fresh machine; CHECK is the second
# command, or nothing. Root's tests run as nobody, so a suite's are run by one of the two.
tried() {
	machine "$1"
	cp "$HERE/try" "$ROOT/try"
	"$TOP/tests/system/enter" "$ROOT" "$BATS_TEST_TMPDIR/machine" \
		/try "$2" "$(command_of demo)" "${3-}" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- || judge failed
	judge "${3:+tested}"
}

# judge [failed|tested]: the session was shown after no word of a compiler, and no test
# failed.
judge() {
	[ "$1" != failed ] || cat "$BATS_TEST_TMPDIR/out"
	sed -n 's/^machine: /# /p' "$BATS_TEST_TMPDIR/out" >&3
	[ "$1" != failed ]
	grep -q '^machine: no noise, and a session' "$BATS_TEST_TMPDIR/out"
	[ -z "$1" ] || grep -q '^[0-9]* passed, 0 failed, [0-9]* skipped$' "$BATS_TEST_TMPDIR/out"
}

@test "Debian 12, root" {
	tried bookworm root "$(command_of check)"
}

@test "Debian 12, a user" {
	tried bookworm reader
}

@test "Debian 13, root" {
	tried trixie root
}

@test "Debian 13, a user" {
	tried trixie reader "$(command_of check)"
}

@test "Debian testing, root" {
	tried testing root
}

@test "Debian testing, a user" {
	tried testing reader "$(command_of check)"
}

@test "Debian 13, a container with the default confinement, root" {
	machine trixie
	cp "$HERE/try" "$ROOT/try"
	# crun(1) wants the one hierarchy of cgroups, whatever this kernel has besides.
	# What podman(1) takes away by default, docker leaves: three capabilities.
	unshare --mount sh -c 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh \
		podman --cgroup-manager=cgroupfs run --rm --network=host --cgroups=disabled \
		--cap-add=MKNOD,NET_RAW,AUDIT_WRITE --rootfs "$ROOT:O" \
		/try root "$(command_of demo)" "$(command_of check)" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- ||
		judge failed
	judge tested
}
