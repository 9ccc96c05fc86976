#!/usr/bin/env bats
# bats file_tags=root
# What needs root: to read what the server writes, and to mount file systems.
load ../helper
load figures

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

# An ext4 with small inodes has no room for less.
setup_file() {
	require_packages "$BATS_TEST_DIRNAME/packages" || return 0
	truncate -s 64M "$BATS_FILE_TMPDIR/image"
	mkfs.ext4 -q -I 128 "$BATS_FILE_TMPDIR/image" 2>/dev/null
	mkdir "$BATS_FILE_TMPDIR/place"
	mount -o loop "$BATS_FILE_TMPDIR/image" "$BATS_FILE_TMPDIR/place" ||
		cannot 'no mount of a loop device' || return 0
	chmod a+x "$BATS_FILE_TMPDIR"
}

teardown_file() {
	[ -z "${CANNOT-}" ] || return 0
	umount "$BATS_FILE_TMPDIR/place"
}

# large NAME: forty messages of a kind; those of any two names have the same sizes.
large() {
	awk -v name="$1" 'BEGIN {
		for (n = 1; n <= 40; n++) {
			printf "From a@example.org Thu Jan  1 00:00:00 1970\nSubject: %d\n\n", n
			for (i = 0; i < 1000; i++)
				printf "line %6d of %s, message %2d\n", i, i < 3 ? "any" : name, n
			printf "\n"
		}
	}'
}

# answers [OPTION...]: sizes, unique-ids and octets.
answers() {
	printf '%s\r\n' 'USER alice' 'PASS sesame' STAT LIST UIDL 'RETR 1' 'RETR 40' QUIT |
		server "$@"
}

@test "a mailbox that was rewritten within one tick of a slow clock is not taken for the old one" {
	local name spool=$BATS_FILE_TMPDIR/place/spool
	mv spool "$spool"
	ln -s "$spool" spool
	[ "$(id -u)" -ne 0 ] || chmod 2775 "$spool"
	: | mailbox alice
	touch spool/alice
	[[ $(stat -c %z spool/alice) == *.000000000* ]]
	for name in one two six ten; do
		large "$name" >copy
		cat copy >spool/alice
		touch -d '1980-01-01' spool/alice
		answers >first
		answers >second
		answers -n >expected
		cmp expected first
		cmp expected second
		grep -q " of $name, " first
		# As soon as the session is over, with the same size, times and heads.
		sed "s/ of $name, message 40/ of odd, message 40/" copy >other
		cat other >spool/alice
		touch -d '1980-01-01' spool/alice
		printf '%s\r\n' 'USER alice' 'PASS sesame' 'RETR 40' 'DELE 40' QUIT | server >replies
		same $'+OK bye\r' "$(tail -n 1 replies)"
		grep -q ' of odd, message 40' replies
		head -n 39156 other | cmp - spool/alice
	done
	[ -e state/alice:index ]
}
