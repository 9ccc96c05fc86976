#!/usr/bin/env bats
# bats file_tags=root
# Two hosts that serve one spool on GlusterFS, with HAProxy in front: see cluster/README.

load ../base

setup_file() {
	require_packages "$BATS_TEST_DIRNAME/cluster/packages" || return 0
	grep -qw fuse /proc/filesystems ||
		cannot "no FUSE in the kernel (modprobe fuse)" || :
}

# hosts ARGUMENT...: its figures go to the terminal.
hosts() {
	local status=0
	# Its first process does not end by SIGTERM.
	timeout -k 1 600 "$BATS_TEST_DIRNAME/cluster/run" "$@" >"$BATS_TEST_TMPDIR/figures" 2>&1 3>&- ||
		status=$?
	[ "$status" -eq 0 ] || cat "$BATS_TEST_TMPDIR/figures"
	grep -E '^(traffic|kills|cuts):' "$BATS_TEST_TMPDIR/figures" | sed 's/^/# /' >&3 || :
	return "$status"
}

@test "each lock on one host excludes the same on another, and so does a session" {
	hosts locks
}

@test "a session on another host sees at once what one host did to a mailbox" {
	hosts views
}

@test "with the file system's defaults it does not: the options are needed" {
	local try
	# They are good for a second: a slow machine may need more than one try.
	for try in 1 2 3; do
		run hosts --volume - --mount - views
		[[ $output == *'delivered during a session, small: WRONG'* ]] && break
		echo "# try $try"
	done
	[ "$status" -ne 0 ]
	[[ $output == *'delivered during a session, small: WRONG'* ]]
}

@test "mail that is delivered and deleted on two hosts at once is there once" {
	hosts --seconds 10 traffic
}

@test "a host that dies in an UPDATE leaves all messages or the undeleted ones to the other" {
	hosts --kills 8 --cuts 6 kills cuts
}
