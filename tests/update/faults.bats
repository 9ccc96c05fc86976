#!/usr/bin/env bats
# UPDATE loses nothing (RFC 1939 section 6), and neither does what the last session
# left to the next one: each tool of this folder tries a choice of what can go
# wrong, and everything with FAULT_FULL=1. See README.
load ../helper
load figures

@test "an UPDATE that is killed or gets an error at any call leaves all messages or the undeleted ones" {
	figures faults
}

@test "each call that a kernel or file system may lack has a decided outcome" {
	figures answers
}

@test "a journal that lies is discarded or left alone, and the mailbox is not touched" {
	figures forgeries
}

@test "when another program has changed the mailbox since, the journal is set aside and the maildrop is as that program left it" {
	figures foreign
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

@test "sessions with a saved index serve and remove what the mailbox holds, whatever happened to either" {
	if [ -n "${FAULT_FULL-}" ]; then
		figures cache --rounds 20000 --forgeries 20000
	else
		figures cache --rounds 300 --forgeries 200
	fi
}

@test "a tool that cannot trace reports that it cannot run, and claims nothing" {
	local tool
	gcc -D_GNU_SOURCE -O -o without "$TOP/tests/without.c"
	for tool in answers faults forgeries foreign model cache powercut; do
		run -77 ./without ptrace EPERM "$BATS_TEST_DIRNAME/$tool"
		[[ ${lines[-1]} == 'cannot run here: '* ]]
		[[ $output != *VIOLATION* ]]
	done
}
