#!/usr/bin/env bats
# The index of the last session against a plain reading of the mailbox.
bats_require_minimum_version 1.5.0

load fault/figures

@test "sessions with the last one's index tell and remove what the mailbox holds, whatever became of either" {
	if [ -n "${FAULT_FULL-}" ]; then
		figures cache --rounds 20000 --forgeries 20000
	else
		figures cache --rounds 300 --forgeries 200
	fi
}
