#!/usr/bin/env bats
# What needs root: to read what the server writes, and to mount file systems.
bats_require_minimum_version 1.5.0

load fault/figures

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
