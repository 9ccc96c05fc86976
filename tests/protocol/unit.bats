#!/usr/bin/env bats
# The rooms that are pure, each by a program of tests/unit.
load ../helper

@test "accounts: files are read as this C library reads them, and each bad line is seen" {
	"$UNITS/accounts"
}

@test "authorization: a refusal is answered at the end of a whole step" {
	"$UNITS/authorization"
}

@test "command: words, message-numbers and base64 are taken strictly" {
	"$UNITS/command"
}

@test "credentials: a clock that cannot be read lets nobody in" {
	"$UNITS/credentials"
}

@test "fingerprint: it notices each octet, and its value stays" {
	"$UNITS/fingerprint"
}

@test "lock: a dotlock is touched however long the disk takes, and a tick of the clock is waited for" {
	"$UNITS/lock"
}

@test "mbox: the scan sees what a plain reading sees" {
	"$UNITS/mbox"
}

@test "md5: the test suite of RFC 1321 and the example of RFC 1939" {
	"$UNITS/md5"
}

@test "network: lists are taken strictly, and each prefix holds what it must" {
	"$UNITS/network"
}

@test "roster: who is not served has no hash there, and files that grow are refused" {
	"$UNITS/roster"
}

@test "siphash: the vectors of another implementation" {
	"$UNITS/siphash"
}

@test "standin: a name has one account's hash in each session, and few move" {
	"$UNITS/standin"
}

@test "uniqueid: unique-ids stay what they are" {
	"$UNITS/uniqueid"
}

@test "wire: what is sent of a message is what was counted, for RETR and TOP" {
	"$UNITS/wire"
}

@test "each unit test has its place here" {
	for program in "$UNITS"/*; do
		[ ! -x "$program" ] || grep -qF "\"\$UNITS/${program##*/}\"" "$BATS_TEST_FILENAME"
	done
}
