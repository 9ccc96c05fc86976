#!/usr/bin/env bats
# bats file_tags=root
# Real accounts, deliverers, launchers and clients. See clients/README.
load clients/helper

setup_file() {
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
	require || return 0
	alone
	make_accounts
	unpack_exim
	deliver_all
	start_launchers
}

teardown_file() {
	[ -z "${CANNOT-}" ] || return 0
	stop_launchers
	remove_accounts
}

@test "all that procmail, Exim and dma deliver is there, a message each" {
	local all=("${MAILS[@]}" twin "${MAILS[@]}" no-end) mail
	for mail in "${MAILS[@]}" no-end; do
		[ "$mail" = long ] || all+=("$mail")
	done
	"$HERE/mbox.py" mails "$WORK/delivered" "$WORK/mails" "${all[@]}"
}

@test "procmail, Exim and dma each take a lock of the kernel, whatever else they take" {
	local agent
	export NAME WORK
	restore
	for agent in procmail exim dma; do
		strace -f -y -o calls -e trace=fcntl,flock bash -c "$(declare -f "by_$agent")
			by_$agent" <"$WORK/mails/plain"
		grep -F "<$SPOOL>" calls | grep -E '(F_SETLKW?, \{l_type=F_WRLCK|LOCK_EX).*= 0$'
	done
}

# The unique-ids in $AT/uidl are those of the sessions before.
same_ids() {
	[ -e "$BATS_TEST_TMPDIR/ids" ] || cp "$AT/uidl" "$BATS_TEST_TMPDIR/ids"
	cmp "$AT/uidl" "$BATS_TEST_TMPDIR/ids"
}

@test "curl: LIST says what RETR sends, and RETR sends each message octet for octet" {
	local launcher last
	restore
	"$HERE/mbox.py" list "$WORK/delivered" >"$BATS_TEST_TMPDIR/want"
	last=$(wc -l <"$BATS_TEST_TMPDIR/want")
	for launcher in "${LAUNCHERS[@]}"; do
		echo "# through $launcher"
		anew
		by_curl "$(port "$launcher")" '' | tr -d '\r' | cmp - "$BATS_TEST_TMPDIR/want"
		by_curl "$(port "$launcher")" "[1-$last]" -o "$GOT/#1"
		"$HERE/mbox.py" same "$WORK/delivered" "$GOT"
		by_curl "$(port "$launcher")" '' -X UIDL >"$AT/uidl"
		[ "$(cut -d ' ' -f 2 "$AT/uidl" | sort -u | wc -l)" -eq "$last" ]
		same_ids
		remains "$WORK/delivered"
	done
}

@test "poplib: STAT, LIST, UIDL, RETR and TOP agree, octet for octet" {
	local launcher
	restore
	for launcher in "${LAUNCHERS[@]}"; do
		echo "# through $launcher"
		anew
		by_poplib "$(port "$launcher")" >"$AT/uidl"
		"$HERE/mbox.py" same "$WORK/delivered" "$GOT"
		same_ids
		remains "$WORK/delivered"
	done
}

@test "fetchmail fetches all messages and keeps them, and a second time none" {
	keeps fetchmail again
}

@test "fetchmail --uidl fetches all messages and keeps them, and a second time none" {
	keeps fetchmail_uidl again
}

@test "mpop fetches all messages and keeps them, and a second time none" {
	keeps mpop again
}

@test "mpop fetches all messages into a mailbox and into an exchange folder" {
	keeps mpop_mbox
	keeps mpop_exchange
}

@test "getmail fetches all messages and keeps them, and a second time none" {
	keeps getmail again
}

@test "mutt copies all messages" {
	keeps mutt
}

@test "s-nail copies all messages" {
	keeps snail
}

@test "a client that fetches and deletes all messages gets each, and leaves an empty mailbox" {
	local client
	for client in fetchmail fetchmail_uidl mpop mpop_mbox getmail mutt snail; do
		echo "# $client"
		deletes "$client"
	done
}

@test "DELE removes the messages it names and no octet else" {
	restore
	anew
	by_poplib "$(port inetd)" 2 5 24 33 >/dev/null
	"$HERE/mbox.py" without "$WORK/delivered" 2 5 24 33 >"$AT/want"
	remains "$AT/want"

	restore
	by_curl "$(port systemd)" '' -I -X 'DELE 1'
	"$HERE/mbox.py" without "$WORK/delivered" 1 >"$AT/want"
	remains "$AT/want"

	restore
	anew
	by_fetchmail "$(port socat)" delete --fetchlimit 3
	"$HERE/mbox.py" without "$WORK/delivered" 1 2 3 >"$AT/want"
	remains "$AT/want"
}

# from_mailer DELIVERER: its marked mails, as fast as it goes.
from_mailer() {
	local mail
	for mail in "$BATS_TEST_TMPDIR"/mails/"$1"-*; do
		"by_$1" <"$mail" || return
	done
}

# races DELIVERER COUNT: fetchmail polls and deletes while that many mails come.
# One deliverer alone: procmail and dma have no lock in common.
races() {
	local mailer polls=0 fetched left
	restore
	: >"$SPOOL"
	anew
	mkdir "$BATS_TEST_TMPDIR/mails"
	"$HERE/mails.py" "$BATS_TEST_TMPDIR/mails" "$1" "$2"
	from_mailer "$1" 3>&- 9>&- &
	mailer=$!
	while kill -0 "$mailer" 2>/dev/null; do
		by_fetchmail "$(port tcpserver)" delete
		polls=$((polls + 1))
	done
	wait "$mailer"
	fetched=$(find "$GOT" -type f | wc -l)
	left=$("$HERE/mbox.py" list "$SPOOL" | wc -l)
	echo "# $polls polls, $fetched fetched, $left left"
	[ "$fetched" -gt 0 ]
	[ $((fetched + left)) -eq "$2" ]
	"$HERE/mbox.py" once "$BATS_TEST_TMPDIR/mails" "$SPOOL" "$GOT"/*
}

@test "mail that procmail delivers while fetchmail polls is there exactly once" {
	races procmail 120
}

@test "mail that dma delivers while fetchmail polls is there exactly once" {
	races dma 300
}

@test "mail that Exim delivers while fetchmail polls is there exactly once" {
	races exim 60
}

@test "the login line has the client's address if the launcher passes it on" {
	local launcher want
	restore
	for launcher in tcpserver inetd systemd nofork socat; do
		want=127.0.0.5
		# socat's other end of a socket pair is nobody's address.
		[ "$launcher" != socat ] || want=unknown
		echo "# through $launcher"
		by_curl "$(port "$launcher")" '' --interface 127.0.0.5 >/dev/null
		logged "$launcher" "login, ip=[$want], user=$NAME, method="
	done
}

# answer LAUNCHER [COMMAND]: all that the server sends.
answer() {
	local socket
	exec {socket}<>"/dev/tcp/127.0.0.1/$(port "$1")"
	[ $# -eq 1 ] || printf '%s\r\n' "$2" >&"$socket"
	timeout 10 cat <&"$socket" | tr -d '\r'
	exec {socket}>&-
}

@test "under inetd the client gets POP3 and nothing else, whatever is wrong with the service" {
	[ "$(answer inetd QUIT)" = $'+OK POP3 ready\n+OK bye' ]
	[ "$(answer mistake)" = '' ]
	logged inetd 'usage, missing argument of option -m'
	[ "$(answer unready)" = '-ERR [SYS/PERM] the server is not set up: its log says why' ]
	logged inetd "setup, ip=[127.0.0.1], cannot open $WORK/none"
}
