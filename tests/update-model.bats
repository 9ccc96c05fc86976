#!/usr/bin/env bats
# The UPDATE state against a model of it, and against deliverers.
bats_require_minimum_version 1.5.0

load fault/figures

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
