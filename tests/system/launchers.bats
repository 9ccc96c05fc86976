#!/usr/bin/env bats
# bats file_tags=root
# Each launcher started from its recipe in contrib, as it stands, in a machine
# for the tests alone. See launchers/README.
load launchers/helper

setup_file() {
	boot || {
		[ -n "${CANNOT-}" ]
		return
	}
	install_account
	add_reader
	install_certificate
}

teardown_file() {
	shut_down
}

setup() {
	able
	UNIT=
}

teardown() {
	[ -z "$UNIT" ] || stop "$UNIT"
}

# runs PORT COMMAND...: until it listens there. It is a unit of its own, to have its
# own log lines, and the launcher before it ends.
runs() {
	[ -z "$UNIT" ] || stop "$UNIT"
	UNIT=launcher-$BATS_TEST_NUMBER-$((++STARTED))
	launch "$UNIT" "${@:2}"
	eventually listens "$1"
}

# records: the log lines of the last launcher's sessions.
records() {
	inside journalctl --quiet --output=cat --unit="$UNIT"
}

# works [URL]: a session by curl from 127.0.0.5 fetches a message, and its log lines
# have that address.
works() {
	works_from 127.0.0.5 "${1:-pop3://127.0.0.1}" --insecure
}

# works_from ADDRESS URL [OPTION...]
works_from() {
	deliver 'one message' 'and another'
	by_curl "$2/2" "${@:3}" --interface "$1" | tr -d '\r' |
		diff - <(printf 'Subject: test\n\nand another\n')
	logged "login, ip=[$1], user=$NAME, method="
	logged "logout, ip=[$1], user=$NAME, end=quit, retrieved=1/"
	# contrib/try has no login program beside its copy of the server.
	[ "${LOGIN-yes}" = no ] || run ! grep -F 'no login program' <(records)
}

# crowd PORT PER_SOURCE ALL: what becomes of sessions above the limits.
crowd() {
	inside timeout 200 python3 - "$@" <"$HERE/crowd.py"
}

same() {
	diff -u --label expected <(printf '%s\n' "$1") --label real <(printf '%s\n' "$2")
}

@test "openbsd-inetd serves from contrib/inetd.conf" {
	inside cp "$RECIPES/inetd.conf" /etc/inetd.conf
	runs 110 inetd -i
	works
	inside sed -i 's/^#pop3/pop3/' /etc/inetd.conf
	runs 110 inetd -i
	works
	works_from ::1 'pop3://[::1]'
}

@test "inetutils-inetd serves from contrib/inetd.conf" {
	inside cp "$RECIPES/inetd.conf" /etc/inetd.conf
	# Without -d it goes into the background.
	runs 110 inetutils-inetd -d
	works
	inside sed -i -e '/^pop3/d' -e 's/^#pop3/pop3/' /etc/inetd.conf
	runs 110 inetutils-inetd -d
	works
	works_from ::1 'pop3://[::1]'
}

@test "xinetd serves from contrib/xinetd when it is enabled" {
	inside install -D -m 644 "$RECIPES/xinetd" /etc/xinetd.d/pop3
	inside sed -i 's/\(disable.*= \)yes/\1no/' /etc/xinetd.d/pop3
	runs 110 xinetd -dontfork
	works
	works_from ::1 'pop3://[::1]'
	same '10 from one address, one more is closed
60 in all, one more is closed
60 are answered
after one has gone, one more gets +OK POP3 ready' "$(crowd 110 10 60)"
}

@test "tcpserver serves from contrib/tcpserver.run" {
	runs 110 "$RECIPES/tcpserver.run"
	works
	same '40 in all, one more waits
40 are answered
after one has gone, one more gets +OK POP3 ready' "$(crowd 110 40 40)"
}

@test "tcpsvd serves from contrib/tcpsvd.run" {
	runs 110 "$RECIPES/tcpsvd.run"
	works
	same '10 from one address, one more gets -ERR [SYS/TEMP] too many sessions from your address
60 in all, one more waits
60 are answered
after one has gone, one more gets +OK POP3 ready' "$(crowd 110 10 60)"
}

@test "tcpserver and tlswrapper serve STLS from contrib/tcpserver-stls.run" {
	runs 110 "$RECIPES/tcpserver-stls.run"
	works_from 192.0.2.5 pop3://localhost --ipv4 --ssl-reqd --cacert /certificate
	# Without TLS there is no login from abroad.
	run -67 by_curl pop3://127.0.0.1 --interface 192.0.2.5
}

@test "stunnel serves from contrib/stunnel.conf" {
	# It goes into the background, as the recipe has it.
	runs 995 --property=Type=forking stunnel "$RECIPES/stunnel.conf"
	works_from 192.0.2.5 pop3s://localhost --ipv4 --cacert /certificate
}

@test "contrib/try serves the machine's accounts from any launcher" {
	local launcher curl url
	for launcher in inetd inetutils-inetd xinetd tcpserver tcpsvd socat \
		systemd-socket-activate stunnel tlswrapper; do
		echo "# $launcher"
		url=pop3://127.0.0.1:1110
		case $launcher in
		stunnel | tlswrapper) url=pop3s://localhost:1110 ;;
		esac
		runs 1110 --setenv=BUILD=/usr/local/sbin "$RECIPES/try" -r "$launcher" 1110
		LOGIN=no works "$url"
	done
}

@test "contrib/try serves a sample maildrop from any launcher, as an ordinary user" {
	local launcher curl
	# The jail of tlswrapper is for root to make.
	for launcher in inetd inetutils-inetd xinetd tcpserver tcpsvd socat \
		systemd-socket-activate stunnel; do
		echo "# $launcher"
		runs 1110 --uid=nobody --setenv=BUILD=/usr/local/sbin "$RECIPES/try" "$launcher" 1110
		eventually is_logged Ctrl-C
		curl=$(records | sed -n 's,^    \(curl.*\)/ .*,\1,p')
		inside timeout 20 sh -c "$curl/1 -sS" | grep -q 'Subject: forty jars of oil'
		inside timeout 20 sh -c "$curl/1 -sS -I -X DELE"
		inside timeout 20 sh -c "$curl/ -sS" | tr -d '\r' | diff - <(echo '1 108')
		logged 'user=demo, end=quit, retrieved=0/0, deleted=1/'
	done
}

@test "contrib/try leaves no file and no process" {
	inside sh -c 'ls /tmp >/before'
	runs 1110 --setenv=BUILD=/usr/local/sbin "$RECIPES/try" xinetd 1110
	run -1 inside env BUILD=/usr/local/sbin "$RECIPES/try" tcpserver 1110
	[ "$output" = 'port 1110 is taken' ]
	stop "$UNIT"
	run ! listens 1110
	inside sh -c 'ls /tmp | diff /before -'
}
