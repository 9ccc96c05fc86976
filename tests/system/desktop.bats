#!/usr/bin/env bats
# bats file_tags=root
# contrib/my-mail, run by an ordinary user with a user manager of systemd, in a machine of
# our own: see launchers/README.
# shellcheck disable=SC2030,SC2031 # each test has variables of its own
load launchers/helper
HOUSE=/home/$NAME
CONFIG=$HOUSE/.config/stdpop3d-my-mail
STATE=$HOUSE/.local/state/stdpop3d-my-mail
UNITS=$HOUSE/.config/systemd/user
SAID=$BATS_FILE_TMPDIR/said

setup_file() {
	require_packages "$BATS_TEST_DIRNAME/desktop/packages" || return 0
	boot || {
		[ -n "${CANNOT-}" ]
		return
	}
	inside useradd --no-create-home --home-dir "$HOUSE" --shell /bin/sh "$NAME"
	inside install -d -m 700 -o "$NAME" "$HOUSE"
	inside chmod 2775 /var/mail
}

teardown_file() {
	shut_down
}

teardown() {
	[ -z "${CANNOT-}" ] || return 0
	inside systemctl stop taker 2>/dev/null || :
	! managed || my_mail remove
	inside rm -f "$SPOOL" "$SPOOL.lock"
	inside chmod 2775 /var/mail
}

# as COMMAND...: the user, as in a login without a user manager.
as() {
	inside runuser -u "$NAME" -- env -C "$HOUSE" HOME="$HOUSE" "${VARIABLES[@]}" "$@"
}

manager() {
	inside loginctl enable-linger "$NAME"
	eventually managed
}

managed() {
	VARIABLES=(XDG_RUNTIME_DIR="/run/user/$(inside id -u "$NAME")")
	as systemctl --user is-active --quiet default.target 2>/dev/null
}

# my_mail ARGUMENT...: what it says is kept, if it sets something up.
my_mail() {
	managed
	as "$RECIPES/my-mail" "$@"
}

set_up() {
	manager
	my_mail "$@" >"$SAID"
	cat "$SAID"
	PORT=$(typed Port)
	PASSWORD=$(typed Password)
}

# typed FIELD: what a user is told to type there.
typed() {
	sed -n "s/^    $1  *//p" "$SAID"
}

by_user_curl() {
	as curl -sS --max-time 60 -u "$(typed Username):$PASSWORD" "pop3://$(typed 'Server, hostname'):$PORT/$1" "${@:2}"
}

# house: all that is in the user's home, with modes and contents.
house() {
	inside find "$HOUSE" -printf '%p %m %u %T@ %l\n' -type f -exec cksum {} +
}

# nothing_there: ~/.config and ~/.local may stay, empty.
nothing_there() {
	inside find "$HOUSE" -mindepth 1 ! -path "$HOUSE/.config" ! -path "$HOUSE/.local" | diff /dev/null -
}

@test "without a user manager it says so, and changes nothing" {
	house >"$BATS_TEST_TMPDIR/before"
	VARIABLES=()
	for argument in '' 2000 remove; do
		# shellcheck disable=SC2086 # an argument or none
		run -1 as "$RECIPES/my-mail" $argument
		[[ $output == *'no systemd user manager'*'nothing was changed'* ]]
	done
	house | diff "$BATS_TEST_TMPDIR/before" -
}

@test "root is told that this is for a user, and a wrong argument is refused" {
	manager
	run -1 inside "$RECIPES/my-mail"
	[[ $output == *'for an ordinary user'* ]]
	for argument in 80 1023 65536 x ''; do
		run -64 my_mail "$argument"
		[[ $output == usage:* ]]
	done
	run -64 my_mail remove 2000
	nothing_there
}

@test "what it prints is enough for curl and mpop to fetch the mail" {
	deliver one two three
	set_up
	[ "$PORT" = 1110 ]
	by_user_curl 2 | tr -d '\r' | diff - <(printf 'Subject: test\n\ntwo\n')
	as sh -c 'umask 077; cat >mpoprc' <<-END
		account default
		host 127.0.0.1
		port $PORT
		user $NAME
		password $PASSWORD
		auth user
		tls off
		keep on
		received_header off
		delivery mbox $HOUSE/fetched
	END
	as mpop -q -C "$HOUSE/mpoprc"
	[ "$(inside grep -c '^Subject: test' "$HOUSE/fetched")" = 3 ]
	left one two three
	by_user_curl '' -I -X 'DELE 2'
	left one three
	inside journalctl --quiet --output=cat --identifier=stdpop3d |
		grep -F "logout, ip=[127.0.0.1], user=$NAME, end=quit, retrieved=0/0, deleted=1/22"
	inside rm -r "$HOUSE"/{mpoprc,fetched,.mpop_uidls}
}

@test "its files are the user's alone, and the password is in none of them" {
	set_up
	inside find "$CONFIG" "$STATE" -printf '%y %m %u %f\n' | sort | diff - <(
		echo "d 700 $NAME stdpop3d-my-mail"
		echo "d 700 $NAME stdpop3d-my-mail"
		printf "f 600 $NAME %s\n" passwd shadow "$NAME"
	)
	[[ $PASSWORD =~ ^[a-z2-7]{4}(-[a-z2-7]{4}){3}$ ]]
	run -1 inside grep -rF "$PASSWORD" "$HOUSE"
	inside grep -q "^$NAME:\\\$6\\\$[^:]*:::::::\$" "$CONFIG/shadow"
}

@test "it listens on 127.0.0.1 alone, and nobody gets in without the password" {
	deliver one
	set_up
	inside grep -hi "$(printf :%04X "$PORT") 0*:0000 0A" /proc/net/tcp /proc/net/tcp6 |
		grep -vc ' 0100007F:' | grep -x 0
	run -67 inside curl -sS -u "$NAME:$SECRET" "pop3://127.0.0.1:$PORT/1"
	PASSWORD=$PASSWORD- run -67 by_user_curl 1
	left one
}

@test "a second run says what is there, and changes nothing" {
	set_up 2000
	[ "$PORT" = 2000 ]
	house >"$BATS_TEST_TMPDIR/before"
	run -0 my_mail
	[[ $output == *'set up already, and nothing was changed'*' 2000'* ]]
	[[ $output != *"$PASSWORD"* ]]
	run -0 my_mail 3000
	house | diff "$BATS_TEST_TMPDIR/before" -
	by_user_curl ''
	as systemctl --user --quiet stop stdpop3d-my-mail.socket
	run -1 my_mail
	[[ $output == *'nothing listens at the moment'* ]]
	inside rm "$CONFIG/shadow"
	run -1 my_mail
	[[ $output == *'some of it is there already'* ]]
}

@test "a port that is taken is not taken again" {
	manager
	inside systemd-run --quiet --collect --unit=taker socat TCP-LISTEN:1110,fork,reuseaddr OPEN:/dev/null
	eventually listens 1110
	run -1 my_mail 1110
	[[ $output == *'port 1110 is taken; nothing was changed'* ]]
	nothing_there
	set_up
	[ "$PORT" = 1111 ]
	by_user_curl ''
}

@test "where the mailbox cannot be served it says why, and takes back what it made" {
	deliver one
	manager
	inside chown root "$SPOOL"
	run -1 my_mail
	[[ $output == *'maildrop refused'*'removed again'* ]]
	nothing_there
	run ! listens 1110
}

@test "openssl makes the hash where there is no perl" {
	manager
	inside install -D -m 755 /dev/stdin "$HOUSE/bin/perl" <<<$'#!/bin/sh\nexit 1'
	VARIABLES+=(PATH="$HOUSE/bin:/usr/bin:/bin")
	as "$RECIPES/my-mail" >"$SAID"
	PORT=$(typed Port)
	PASSWORD=$(typed Password)
	by_user_curl ''
	inside cp "$HOUSE/bin/perl" "$HOUSE/bin/openssl"
	as "$RECIPES/my-mail" remove
	run -1 as "$RECIPES/my-mail"
	[[ $output == *'neither perl nor openssl'*'nothing was changed'* ]]
	inside rm -r "$HOUSE/bin"
	nothing_there
}

@test "in a spool where users make no files it says that there are no dotlocks" {
	deliver one two
	set_up
	grep -F 'You may not make files in /var/mail' "$SAID"
	inside grep -q '^ExecStart=.* -k ' "$UNITS/stdpop3d-my-mail@.service"
	by_user_curl '' -I -X 'DELE 1'
	left two
}

@test "in a spool where users may make files it takes dotlocks" {
	deliver one two
	inside chmod 3777 /var/mail
	set_up
	run ! grep -F 'You may not make files' "$SAID"
	inside touch "$SPOOL.lock"
	run -67 by_user_curl '' -I -X 'DELE 1'
	inside rm "$SPOOL.lock"
	by_user_curl '' -I -X 'DELE 1'
	left two
}

@test "in a clone it serves by the program that make has built there" {
	local server=/usr/local/sbin/stdpop3d built=${RECIPES%/*}/build/stdpop3d
	deliver one
	inside install -D "$server" "$built"
	inside mv "$server" "$server.away"
	set_up
	by_user_curl 1
	inside mv "$server.away" "$server"
	inside grep -q "^ExecStart=$built " "$UNITS/stdpop3d-my-mail@.service"
	inside rm -r "${built%/*}"
}

@test "remove leaves nothing of it behind" {
	deliver one
	set_up
	by_user_curl 1
	my_mail remove
	nothing_there
	run ! listens "$PORT"
	left one
	run -0 my_mail remove
	[ "$output" = 'Nothing is there to be removed.' ]
}

# interrupted: a session is killed in UPDATE, which removes the first message.
interrupted() {
	# shellcheck disable=SC2016 # the inner shell expands it
	as sh -c 'printf "%s\r\n" "USER $1" "PASS $2" "DELE 1" QUIT | strace -qq -f -o /dev/null \
		-e inject=fdatasync:signal=KILL:when=3 $(sed -n s/^ExecStart=//p "$3") || true' \
		interrupted "$NAME" "$PASSWORD" "$UNITS/stdpop3d-my-mail@.service"
	inside test -s "$STATE/$NAME"
	run ! left one two
}

@test "remove finishes an UPDATE first" {
	deliver one two
	set_up
	interrupted
	my_mail remove
	left two
	nothing_there
}

@test "remove keeps the journal of an UPDATE that cannot be finished" {
	deliver one two
	set_up
	interrupted
	inside cat "$STATE/$NAME" >"$BATS_TEST_TMPDIR/journal"
	inside chown root "$SPOOL"
	run -1 my_mail remove
	[[ $output == *'is not finished'* ]]
	inside cat "$STATE/$NAME" | cmp "$BATS_TEST_TMPDIR/journal"
	run ! listens "$PORT"
	inside chown "$NAME" "$SPOOL"
	my_mail remove
	left two
	nothing_there
}
