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

@test "fingerprint: each octet counts, and the values never change" {
	"$UNITS/fingerprint"
}

@test "what is read of a mailbox that has grown, and the numbers of equal unique-ids" {
	"$UNITS/index"
}

@test "lock: a dotlock is touched however long the disk takes, and login waits for a clock tick" {
	"$UNITS/lock"
}

@test "mbox: the fast scan finds what a simple one finds" {
	"$UNITS/mbox"
}

@test "md5: the test suite of RFC 1321 and the example of RFC 1939" {
	"$UNITS/md5"
}

@test "network: lists are taken strictly, and each prefix holds what it must" {
	"$UNITS/network"
}

@test "roster: it holds hashes of served accounts only, and files that grow are refused" {
	"$UNITS/roster"
}

@test "siphash: the vectors of another implementation" {
	"$UNITS/siphash"
}

@test "standin: a name keeps its hash in each session, and few names move to another" {
	"$UNITS/standin"
}

@test "uniqueid: unique-ids never change" {
	"$UNITS/uniqueid"
}

@test "wire: RETR and TOP send as many octets as were counted" {
	"$UNITS/wire"
}

@test "each unit test runs here" {
	for program in "$UNITS"/*; do
		[ ! -x "$program" ] || grep -qF "\"\$UNITS/${program##*/}\"" "$BATS_TEST_FILENAME"
	done
}
