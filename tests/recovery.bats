#!/usr/bin/env bats
# What an UPDATE that was cut short leaves (RFC 1939 section 6), and what the
# next login makes of it. FAULT_FULL=1 tries everything instead of a choice.
bats_require_minimum_version 1.5.0

load fault/figures

@test "an UPDATE killed before or after any call, or told of an error, leaves all messages or the undeleted ones" {
	figures faults
}

@test "when another program has changed the mailbox since, the journal is set aside and the maildrop is as that program left it" {
	figures foreign
}
