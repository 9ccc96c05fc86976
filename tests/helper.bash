# What the tests stand on: a spool, a state directory and account files of their
# own, and ways to talk to the server. See README.
# shellcheck shell=bash

load ../base

# shellcheck disable=SC2034 # for unit.bats
UNITS=$(dirname "$STDPOP3D")/unit
# shellcheck disable=SC2034 # for the tests: the reply to a failed login
REFUSED='-ERR [AUTH] the name or the password is wrong^M'

# crypt(3)'s "sesame", by a cheap method.
# shellcheck disable=SC2016
SESAME='$6$rounds=1000$salt$GK3yib7Lb94CdPqNt0xP5RxgvpEWVn9CfnufX04biOKhvXzbBUvzy01KX.g/08wFRTJ2aRZ.lH3NQTM08sbo9.'

# In every test: alice, whose password is sesame, and no mail.
setup() {
	able
	# The accounts of the tests, which are not root, must get to the test's folder.
	[ "$EUID" -ne 0 ] || chmod a+x "$BATS_RUN_TMPDIR"
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	OWNER=$(id -u)
	GROUP=$(id -g)
	mkdir spool
	mkdir -m 700 state
	if [ "$OWNER" -eq 0 ]; then
		OWNER=2000
		GROUP=2000
		chown nobody state
		chgrp mail spool
		chmod 2775 spool
	fi
	touch log passwd shadow
	account alice "$SESAME"
	SERVER=("$STDPOP3D" -e -m spool -d state -p passwd -s shadow -u nobody -U 1 -w 1)
}

# A failed test leaves no process.
teardown() {
	local left
	left=$(jobs -p)
	# shellcheck disable=SC2086 # one word a process
	[ -z "$left" ] || kill $left 2>/dev/null || :
}

# needs WHAT: skips the test, with the reason, if a try shows that this machine cannot do it.
needs() {
	case $1 in
	strace)
		strace -o /dev/null true 2>/dev/null || skip 'strace cannot trace a process'
		;;
	novdso)
		gcc -D_GNU_SOURCE -O -o novdso "$TOP/tests/novdso.c"
		./novdso true || skip 'ptrace(2) cannot take the vDSO away here'
		;;
	confinement)
		"${SERVER[@]}" -S </dev/null >/dev/null 2>&1 || skip 'no Landlock or no seccomp here'
		;;
	esac
}

# account NAME HASH [DATES [UID]]: another line of passwd and shadow, where DATES
# are the fields of shadow(5) after the hash.
account() {
	echo "$1:x:${4:-$OWNER}:$GROUP::/:/bin/false" >>passwd
	echo "$1:$2:${3:-20000:0:99999:7:::}" >>shadow
}

# mailbox NAME: standard input becomes NAME's mailbox.
mailbox() {
	cat >"spool/$1"
	chmod 600 "spool/$1"
	[ "$(id -u)" -ne 0 ] || chown "$OWNER:$GROUP" "spool/$1"
}

# message NAME...: small messages of 23 octets and two for each octet of NAME.
message() {
	local name
	for name; do
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\n'
		printf 'Subject: %s\n\nbody of %s\n\n' "$name" "$name"
	done
}

# keep: copies the mailbox of alice. unchanged: fails if the mailbox differs from the copy.
keep() {
	cp -p spool/alice kept
}

unchanged() {
	cmp kept spool/alice
}

# server [OPTION...]: one session on standard input and output.
server() {
	"${SERVER[@]}" "$@" 2>>log
}

# records: prints the log lines without the process-ID, and without the lines that a kernel
# without Landlock or seccomp, or root without a login program, adds to each session.
records() {
	all_records | grep -vE '^sandbox, .*(this kernel cannot confine the process completely$|no login program, )' || :
}

all_records() {
	sed 's/^stdpop3d\[[0-9]*\]: //' log
}

# same EXPECTED REAL: fails, and prints the difference, if the two texts differ.
same() {
	diff -u --label expected <(printf '%s\n' "$1") --label real <(printf '%s\n' "$2")
}

# dialogue [OPTION...]: standard input is a dialogue as in the RFCs. The lines of
# the client (C:) are sent, and all that the server says is compared with its
# lines (S:), where ^M is a CR.
dialogue() {
	local script real
	script=$(cat)
	sed -n 's/^C: \?\(.*\)/\1\r/p' <<<"$script" >commands
	server "$@" <commands >replies
	real=$(cat -v replies | sed 's/^/S: /')
	same "$(grep '^S:' <<<"$script")" "$real"
}

# transaction [OPTION...]: alice logs in, and the dialogue on standard input comes after.
transaction() {
	local script real
	script=$(cat)
	{
		printf 'USER alice\r\nPASS sesame\r\n'
		sed -n 's/^C: \?\(.*\)/\1\r/p' <<<"$script"
	} >commands
	server "$@" <commands >replies
	[ "$(head -n 3 replies | cut -c -4 | tr -d '\n')" = '+OK +OK +OK ' ] || {
		cat replies log
		return 1
	}
	real=$(tail -n +4 replies | cat -v | sed 's/^/S: /')
	same "$(grep '^S:' <<<"$script")" "$real"
}

# A session that waits for what the client says next. Each of these takes its name first:
#
# connect NAME [OPTION...]   starts it
# says NAME LINE...          the client says each line
# hears NAME LINE...         the server's next lines, without CRLF, are these
# ready NAME                 the greeting, and all that the server does before a command
# answer NAME                prints a multi-line response, from status line to dot
# login NAME                 alice logs in
# gone NAME                  the server says nothing more and ends well
# hang_up NAME               the client closes the connection
declare -gA TO FROM PID

connect() {
	local name=$1 to from
	shift
	mkfifo "$name.to" "$name.from"
	"${SERVER[@]}" "$@" <"$name.to" >"$name.from" 2>>log 3>&- &
	PID[$name]=$!
	exec {to}>"$name.to" {from}<"$name.from"
	TO[$name]=$to
	FROM[$name]=$from
}

says() {
	local fd=${TO[$1]}
	shift
	printf '%s\r\n' "$@" >&"$fd"
}

listen() {
	IFS= read -r -t 60 -u "${FROM[$1]}" HEARD
}

hears() {
	local name=$1 line
	shift
	for line; do
		listen "$name"
		same "$line"$'\r' "$HEARD"
	done
}

# After the greeting, the server reads the accounts and sets the last filter before login.
ready() {
	hears "$1" '+OK POP3 ready'
	says "$1" NOOP
	hears "$1" '-ERR log in first'
}

answer() {
	until
		listen "$1"
		printf '%s\n' "$HEARD"
		[ "$HEARD" = $'.\r' ]
	do :; done
}

login() {
	says "$1" 'USER alice' 'PASS sesame'
	for _ in 1 2 3; do
		listen "$1"
		[[ $HEARD == +OK* ]] || same '+OK...' "$HEARD"
	done
}

gone() {
	local status=0
	IFS= read -r -t 60 -u "${FROM[$1]}" HEARD || status=$?
	# 1 is end of file, and more than 128 no patience left.
	[ "$status" -eq 1 ]
	same '' "$HEARD"
	wait "${PID[$1]}"
}

hang_up() {
	local fd=${TO[$1]}
	exec {fd}>&-
	gone "$1"
}
