# shellcheck shell=bash

# eventually COMMAND...: waits until it succeeds, for a minute.
eventually() {
	local try
	for ((try = 0; try < 600; try++)); do
		! "$@" || return 0
		sleep 0.1
	done
	"$@"
}
