#!/usr/bin/env bats
# bats file_tags=root
# The model of UPDATE, explored whole by Spin: see spin/README.
load ../helper
load figures

setup_file() {
	require_packages "$BATS_TEST_DIRNAME/spin/packages" || return 0
}

@test "every order of sessions, deliverers, kills and power cuts leaves all messages or the undeleted ones" {
	figures spin/check
}

@test "each error planted in the model of UPDATE is found" {
	figures spin/check planted
}

@test "the model of UPDATE follows every call that a session does, killed or not" {
	figures spin/check replay
}
