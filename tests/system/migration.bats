#!/usr/bin/env bats
# bats file_tags=root
# Coming from popa3d: Debian's, the steps of stdpop3d-migration(7), and clients that
# leave mail on the server. popa3d is unpacked, not installed: that would write to
# inetd.conf and start it, and Debian has one POP3 server at a time.
load ../helper

HERE=$BATS_TEST_DIRNAME/migration

setup_file() {
	require_packages "$HERE/packages" || return 0
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
	cd "$BATS_FILE_TMPDIR" || return
	apt-get -q -o APT::Sandbox::User=root download popa3d
	dpkg-deb -x popa3d_*.deb popa3d
	# The view hides all that is in /var/lib, which may be the build.
	mkdir bin
	cp popa3d/usr/sbin/popa3d "$STDPOP3D" bin
	export PATH=$BATS_FILE_TMPDIR/bin:$PATH
}

# both: the test's folder becomes a machine that has both servers, with their own
# defaults.
both() {
	mkdir pam.d lib lib/popa3d
	mv state lib/stdpop3d
	account popa3d '*' '' 64998
	account stdpop3d '*' '' "$(stat -c %u lib/stdpop3d)"
	cp "$BATS_FILE_TMPDIR/popa3d/etc/pam.d/popa3d" pam.d
	echo 'auth required pam_unix.so' >pam.d/common-auth
	echo 'account required pam_unix.so' >pam.d/common-account
	# shellcheck disable=SC2034 # for the helpers
	SERVER=("$HERE/view" "$PWD" stdpop3d -e)
}

view() {
	"$HERE/view" "$PWD" "$@"
}

# ids COMMAND...: the lines of UIDL by that server, each after its mailbox's name.
ids() {
	# shellcheck disable=SC2016 # the inner shell expands it
	view sh -c 'for box in /var/mail/*; do
		printf "%s\r\n" "USER ${box##*/}" "PASS sesame" UIDL QUIT | "$@" | tr -d "\r" |
			sed -n "s/^[0-9][0-9]* [0-9a-f-]*$/${box##*/} &/p"
	done' ids "$@" 2>>log
}

# mail NAME...: messages as they are delivered; of one name, the same mail.
mail() {
	local name
	for name; do
		cat <<-END
			From a@example.org Thu Jan  1 00:00:00 1970
			Delivered-To: alice@example.org
			Received: from example.org
			 by example.com id $name; Thu, 1 Jan 1970 00:00:00 +0000
			Date: Thu, 1 Jan 1970 00:00:00 +0000
			Message-ID: <$name@example.org>
			Subject: $name

			body of $name

		END
	done
}

# settled: no mailbox is of this second, for which popa3d would wait.
settled() {
	touch -d 2001-01-01 spool/*
}

@test "-3: the unique-ids are popa3d's, with -2, -3 and so on where it has one twice" {
	local box
	both
	mkdir boxes
	"$HERE/mailboxes" boxes 100
	for box in boxes/*; do
		account "${box#*/}" "$SESAME"
		mailbox "${box#*/}" <"$box"
	done
	settled
	ids popa3d | awk '{ n = ++seen[$1, $3]; print $0 (n > 1 ? "-" n : "") }' >want
	ids stdpop3d -e -3 | diff -u want -
	diff -r boxes spool
	# Of each sort there was enough.
	[ "$(cut -d ' ' -f 1 want | sort -u | wc -l)" -eq 100 ]
	[ "$(wc -l <want)" -gt 1000 ]
	[ "$(grep -c -e - want)" -gt 100 ]
}

# --- clients: each fetches from the server of this command line and leaves all
# mail there. What is new is then in $GOT, a file each.

by_fetchmail() {
	local code=0
	(umask 077 && cat >fetchmailrc) <<-END
		set no bouncemail
		set invisible
		poll 127.0.0.1 protocol pop3 uidl timeout 30 auth password
		 plugin "$HERE/view $PWD $*"
		 user "alice" password "sesame" is root here
		 keep norewrite sslproto "" mda "$BATS_TEST_DIRNAME/clients/drop '$GOT'"
	END
	FETCHMAILHOME=$PWD timeout 60 fetchmail --silent --pidfile "$PWD/pid" \
		-f fetchmailrc 2>>log || code=$?
	# 1: there was no mail.
	[ "$code" -le 1 ]
}

by_mpop() {
	local status=0
	rm -f socket
	socat UNIX-LISTEN:socket "EXEC:$HERE/view $PWD $*" 2>>log 3>&- &
	eventually test -S socket
	(umask 077 && cat >mpoprc) <<-END
		account default
		host 127.0.0.1
		socket $PWD/socket
		user alice
		password sesame
		auth user
		tls off
		keep on
		uidls_file $PWD/uidls
		delivery mda "$BATS_TEST_DIRNAME/clients/drop '$GOT'"
	END
	timeout 60 mpop -q -C mpoprc || {
		status=$?
		# It may wait for a client yet.
		kill "$!" 2>/dev/null || :
	}
	wait "$!" || :
	return "$status"
}

# fetches CLIENT SERVER... -- NAME...: the new mail is of these names.
fetches() {
	local client=$1 server=()
	shift
	while [ "$1" != -- ]; do
		server+=("$1")
		shift
	done
	shift
	GOT=$PWD/got
	rm -rf "$GOT"
	mkdir "$GOT"
	settled
	echo "# by_$client from ${server[*]}: $*"
	"by_$client" "${server[@]}"
	same "$*" "$(cat "$GOT"/* 2>/dev/null | sed -n 's/^Subject: //p' | sort | paste -s -d ' ')"
}

@test "a client that leaves mail at popa3d fetches nothing again with -3, and new mail once" {
	local client
	both
	for client in fetchmail mpop; do
		mail a b c | mailbox alice
		fetches "$client" popa3d -- a b c
		fetches "$client" stdpop3d -e -3 --
		mail d >>spool/alice
		fetches "$client" stdpop3d -e -3 -- d
		fetches "$client" stdpop3d -e -3 --
		# And the way back.
		fetches "$client" popa3d --
	done
}

@test "a client that leaves mail at popa3d fetches all of it once more without -3" {
	both
	mail a b c | mailbox alice
	fetches mpop popa3d -- a b c
	fetches mpop stdpop3d -e -- a b c
	fetches mpop stdpop3d -e --
}

@test "of messages to which popa3d gave one unique-id, all but the first are fetched once more" {
	local client
	both
	for client in fetchmail mpop; do
		mail a twin twin b twin | mailbox alice
		fetches "$client" popa3d -- a b twin twin twin
		fetches "$client" stdpop3d -e -3 -- twin twin
		fetches "$client" stdpop3d -e -3 --
	done
}

@test "the loop over all mailboxes in stdpop3d-migration(7) shows damage, and changes nothing" {
	local loop
	both
	loop=$(sed -n '/^for box in .*stdpop3d -c/p' "$TOP/man/stdpop3d-migration.7")
	mail a b | mailbox alice
	mail a | sed 's/$/\r/' | mailbox crlf
	echo 'no From_ line' | mailbox damaged
	mailbox empty </dev/null
	find spool lib -printf '%p %i %m %s %T@ %C@\n' | sort >before
	cp -R spool copy
	view sh -c "$loop" >looked
	same '2 messages, 1 messages, 0 messages' "$(grep -o '[0-9]* messages' looked | paste -s -d , |
		sed 's/,/, /g')"
	[ "$(grep -c '^journal: none pending' looked)" -eq 4 ]
	[ "$(grep -c '^mailbox: damaged at octet 0' looked)" -eq 1 ]
	view stdpop3d -c alice
	view stdpop3d -c crlf
	view stdpop3d -c empty
	run -1 view stdpop3d -c damaged
	find spool lib -printf '%p %i %m %s %T@ %C@\n' | sort | diff before -
	diff -r copy spool
}

# removes NUMBER COMMAND...: a session with that server that removes a message.
removes() {
	printf '%s\r\n' 'USER alice' 'PASS sesame' "DELE $1" QUIT >commands
	shift
	view "$@" <commands >replies 2>>log
	[ "$(grep -c '^+OK' replies)" -eq 5 ]
}

@test "a mailbox can go from popa3d to stdpop3d and back, and each leaves nothing in it" {
	both
	mail a b c d | mailbox alice
	settled
	ids popa3d >first
	[ "$(wc -l <first)" -eq 4 ]
	removes 1 popa3d
	mail b c d | cmp - spool/alice
	removes 2 stdpop3d -e -3
	mail b d | cmp - spool/alice
	settled
	same "$(sed -n '2s/ 2 / 1 /p; 4s/ 4 / 2 /p' first)" "$(ids popa3d)"
	same alice "$(ls -A spool)"
}

logged_in() {
	[ "$(grep -c '^+OK' answers)" -eq 3 ]
}

# The other way round popa3d looks at the time of modification alone, in seconds.
@test "a session of popa3d removes nothing once a session of stdpop3d has removed a message" {
	both
	mail a b c d | mailbox alice
	settled
	{
		printf 'USER alice\r\nPASS sesame\r\n'
		# It has read the mailbox.
		eventually logged_in && removes 1 stdpop3d -e
		printf 'DELE 2\r\nQUIT\r\n'
	} | view popa3d >answers || :
	same 4 "$(grep -c '^+OK' answers)"
	mail b c d | cmp - spool/alice
}

@test "a session of stdpop3d removes nothing once a session of popa3d has removed a message" {
	both
	mail a b c | mailbox alice
	settled
	connect pop
	login pop
	removes 1 popa3d
	says pop 'DELE 2' QUIT
	listen pop
	listen pop
	[[ $HEARD == -ERR* ]]
	gone pop
	mail b c | cmp - spool/alice
}
