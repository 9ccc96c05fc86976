#!/usr/bin/env bats
# The maildrop's exclusive lock (RFC 1939 section 4), and other programs: those
# that lock, those that deliver and those that rewrite the mailbox.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
load ../helper

# held_by KIND COMMAND...: runs it while another program has that lock.
held_by() {
	python3 -c '
import fcntl, subprocess, sys
lock = {"flock": fcntl.flock, "fcntl": fcntl.lockf}[sys.argv[1]]
mailbox = open("spool/alice", "r+b")
lock(mailbox, fcntl.LOCK_EX | fcntl.LOCK_NB)
sys.exit(subprocess.run(sys.argv[2:]).returncode)
' "$@"
}

# The result of one login: the reply to PASS.
reply_to_pass() {
	printf 'USER alice\nPASS sesame\n' | server | sed -n 3p | tr -d '\r'
}

no_locks() {
	[ ! -e spool/alice.lock ]
	held_by flock true
	held_by fcntl true
}

@test "another program's fcntl(2) or flock(2) lock makes the maildrop busy" {
	message one | mailbox alice
	keep
	printf 'USER alice\nPASS sesame\nNOOP\n' >commands
	for kind in fcntl flock; do
		held_by "$kind" "${SERVER[@]}" <commands >replies 2>log
		same '+OK POP3 ready^M
+OK and the password?^M
-ERR [IN-USE] another program has the mailbox locked^M' "$(cat -v replies)"
		same 'maildrop busy, ip=[unknown], user=alice, another program has it locked
no login, ip=[unknown], user=alice, end=refused' "$(records)"
		unchanged
		[ ! -e spool/alice.lock ]
	done
	same '+OK 1 messages (29 octets)' "$(reply_to_pass)"
}

@test "a dotlock of another program makes the maildrop busy, and stays" {
	message one | mailbox alice
	keep
	echo 1 >spool/alice.lock
	same '-ERR [IN-USE] another program has the mailbox locked' "$(reply_to_pass)"
	same 1 "$(cat spool/alice.lock)"
	unchanged
	ln -sf nowhere spool/alice.lock
	same '-ERR [IN-USE] another program has the mailbox locked' "$(reply_to_pass)"
	[ -L spool/alice.lock ]
}

@test "with -k a dotlock is none of our business" {
	message one | mailbox alice
	echo 1 >spool/alice.lock
	transaction -k <<-'END'
		C: DELE 1
		S: +OK message 1 deleted^M
		C: QUIT
		S: +OK bye^M
	END
	same 1 "$(cat spool/alice.lock)"
	[ ! -s spool/alice ]
}

@test "a lock that is released in time delays the login only" {
	message one | mailbox alice
	echo 1 >spool/alice.lock
	connect a -w 20
	says a 'USER alice' 'PASS sesame'
	sleep 0.5
	rm spool/alice.lock
	hears a '+OK POP3 ready' '+OK and the password?' '+OK 1 messages (29 octets)'
	hang_up a
}

@test "a dotlock that a killed session of ours left is removed" {
	message one | mailbox alice
	echo 1 >spool/alice.lock
	chmod 404 spool/alice.lock
	chown "$OWNER" spool/alice.lock
	same '+OK 1 messages (29 octets)' "$(reply_to_pass)"
	[ ! -e spool/alice.lock ]
	same 'stale dotlock removed, ip=[unknown], user=alice, alice.lock, left by a session of ours' \
		"$(records | head -n 1)"
}

@test "a dotlock that nobody has touched for five minutes is removed" {
	message one | mailbox alice
	echo 1 >spool/alice.lock
	touch -d '290 seconds ago' spool/alice.lock
	same '-ERR [IN-USE] another program has the mailbox locked' "$(reply_to_pass)"
	touch -d '310 seconds ago' spool/alice.lock
	: >log
	same '+OK 1 messages (29 octets)' "$(reply_to_pass)"
	[ ! -e spool/alice.lock ]
	same 'stale dotlock removed, ip=[unknown], user=alice, alice.lock, five minutes old' \
		"$(records | head -n 1)"
}

@test "no lock on the mailbox is held while the client is waited for" {
	message one two | mailbox alice
	connect a
	login a
	no_locks
	says a 'RETR 1'
	hears a '+OK 29 octets' 'Subject: one' '' 'body of one' '.'
	says a 'DELE 1'
	hears a '+OK message 1 deleted'
	no_locks
	says a 'QUIT'
	hears a '+OK bye'
	gone a
	no_locks
}

@test "no lock is held once a delivery was noticed" {
	message one | mailbox alice
	connect a
	login a
	message two >>spool/alice
	says a 'RETR 1'
	hears a '+OK 29 octets' 'Subject: one' '' 'body of one' '.'
	no_locks
	message six >>spool/alice
	says a 'UIDL 1'
	listen a
	no_locks
	message ten >>spool/alice
	says a 'TOP 1 0'
	hears a '+OK top of the message' 'Subject: one' '' '.'
	no_locks
	hang_up a
}

@test "a second session gets [IN-USE], and only after a right password" {
	message one | mailbox alice
	connect a
	login a
	dialogue <<-END
		S: +OK POP3 ready^M
		C: USER alice
		S: +OK and the password?^M
		C: PASS wrong
		S: $REFUSED
		C: USER alice
		S: +OK and the password?^M
		C: PASS sesame
		S: -ERR [IN-USE] another session has this maildrop^M
		C: QUIT
		S: +OK bye^M
	END
	says a 'DELE 1' 'QUIT'
	hears a '+OK message 1 deleted' '+OK bye'
	gone a
	same '+OK 0 messages (0 octets)' "$(reply_to_pass)"
}

@test "sessions of different maildrops do not disturb each other" {
	account bob "$SESAME"
	message one | mailbox alice
	message two three | mailbox bob
	connect a
	login a
	dialogue <<-'END'
		S: +OK POP3 ready^M
		C: USER bob
		S: +OK and the password?^M
		C: PASS sesame
		S: +OK 2 messages (62 octets)^M
	END
	says a QUIT
	hears a '+OK bye'
}

@test "after kill -9 of a session the next one works at once" {
	message one | mailbox alice
	keep
	connect a
	login a
	says a 'DELE 1'
	hears a '+OK message 1 deleted'
	kill -9 "${PID[a]}"
	wait "${PID[a]}" || :
	unchanged
	# What was left would be waited for all the time that -w grants.
	SERVER+=(-w 30)
	SECONDS=0
	same '+OK 1 messages (29 octets)' "$(reply_to_pass)"
	[ "$SECONDS" -lt 15 ]
}

@test "mail that is delivered during a session is not shown, and kept by UPDATE" {
	message one two | mailbox alice
	connect a
	login a
	message three >>spool/alice
	says a STAT 'LIST 3' 'RETR 2' 'UIDL 2' 'DELE 1'
	hears a '+OK 2 58' '-ERR no such message' \
		'+OK 29 octets' 'Subject: two' '' 'body of two' '.' \
		'+OK 2 74bd59b764fe8fb3e2538bde1e5e81c2' '+OK message 1 deleted'
	message four >>spool/alice
	says a QUIT
	hears a '+OK bye'
	gone a
	message two three four | cmp - spool/alice
}

@test "mail that is delivered during a session is kept when all before it goes" {
	message one two | mailbox alice
	connect a
	login a
	says a 'DELE 1' 'DELE 2'
	hears a '+OK message 1 deleted' '+OK message 2 deleted'
	message three >>spool/alice
	says a QUIT
	hears a '+OK bye'
	gone a
	message three | cmp - spool/alice
}

@test "mail that is delivered into a missing mailbox during a session is kept" {
	connect a
	login a
	message one | mailbox alice
	keep
	says a STAT QUIT
	hears a '+OK 0 0' '+OK bye'
	gone a
	unchanged
}

@test "a deliverer that has the mailbox open during UPDATE loses nothing" {
	message one two | mailbox alice
	exec {deliverer}>>spool/alice
	printf 'USER alice\nPASS sesame\nDELE 1\nQUIT\n' | server >/dev/null
	message three >&"$deliverer"
	message two three | cmp - spool/alice
}

# What mail programs do to a mailbox that has been read: message two is read.
rewritten() {
	message one two | sed 's/^Subject: two/&\nStatus: RO/' >new
	cat new >spool/alice
}

same_length() {
	message one two | sed 's/body of two/BODY OF TWO/' >new
	cat new >spool/alice
}

replaced() {
	message one two three | mailbox new
	mv spool/new spool/alice
}

truncated() {
	: >spool/alice
}

shortened() {
	message one >spool/alice
}

removed() {
	rm spool/alice
}

# refuses_after CHANGE: after it no message is served, none removed.
refuses_after() {
	message one two | mailbox alice
	connect "$1"
	login "$1"
	says "$1" 'RETR 1' 'DELE 1'
	hears "$1" '+OK 29 octets' 'Subject: one' '' 'body of one' '.' '+OK message 1 deleted'
	"$1"
	[ "$1" = removed ] || keep
	says "$1" 'RETR 2' 'TOP 2 0' 'UIDL' 'STAT' 'QUIT'
	changed='-ERR another program has rewritten the mailbox, log in again'
	hears "$1" "$changed" "$changed" "$changed" '+OK 1 29' \
		'-ERR [SYS/TEMP] the deleted messages are not removed'
	gone "$1"
	if [ "$1" = removed ]; then
		[ ! -e spool/alice ]
	else
		unchanged
	fi
	[ ! -e spool/alice.lock ]
	same 'logout, ip=[unknown], user=alice, end=failed, retrieved=1/29, deleted=0/0, left=2/58' \
		"$(records | tail -n 1)"
}

@test "a mailbox that is rewritten meanwhile is not served, and nothing is removed" {
	refuses_after rewritten
}

@test "a mailbox that is rewritten in the same length is not served, and nothing is removed" {
	refuses_after same_length
}

@test "a mailbox that is replaced meanwhile is not served, and nothing is removed" {
	refuses_after replaced
}

@test "a mailbox that is truncated meanwhile is not served, and nothing is removed" {
	refuses_after truncated
}

@test "a mailbox that is shortened meanwhile is not served, and nothing is removed" {
	refuses_after shortened
}

@test "a mailbox that is removed meanwhile is not served, and nothing is made anew" {
	refuses_after removed
}

@test "a mailbox that was only touched is served" {
	message one two | mailbox alice
	connect a
	login a
	touch spool/alice
	says a 'RETR 1' 'DELE 1' 'QUIT'
	hears a '+OK 29 octets' 'Subject: one' '' 'body of one' '.' '+OK message 1 deleted' '+OK bye'
	gone a
	message two | cmp - spool/alice
}

@test "a mailbox that is rewritten within RETR ends the session without the final dot" {
	{
		perl -e 'print "From a\n\n", "x\n" x 1000000, "\n"'
		message one
	} | mailbox alice
	connect a
	login a
	says a 'DELE 2' 'RETR 1' 'QUIT'
	hears a '+OK message 2 deleted' '+OK 3000002 octets' ''
	tr x y <spool/alice >new
	cat new >spool/alice
	keep
	tr -d '\r' <&"${FROM[a]}" >rest
	wait "${PID[a]}"
	[ "$(tail -n 1 rest)" != '+OK bye' ]
	[ "$(tail -n 1 rest)" != '.' ]
	run ! grep -qvx '[xy]*' rest
	unchanged
	same 'end=changed' "$(records | grep -o 'end=[a-z]*' | tail -n 1)"
}

@test "mail that is delivered within RETR costs one reading, and is kept" {
	{
		perl -e 'print "From a\n\n", "x\n" x 1000000, "\n"'
		message one
	} | mailbox alice
	SERVER=(strace -o trace -e trace=pread64 "${SERVER[@]}")
	connect a
	login a
	says a 'RETR 1'
	# The server waits for us again and again.
	for ((n = 0; n < 40; n++)); do
		head -c 70000 <&"${FROM[a]}" >>rest
		message two >>spool/alice
	done
	says a 'DELE 2' 'QUIT'
	tr -d '\r' <&"${FROM[a]}" >>rest
	wait "${PID[a]}"
	tr -d '\r' <rest | sed 1,2d | cmp - <(
		perl -e 'print "x\n" x 1000000'
		printf '.\n+OK message 2 deleted\n+OK bye\n'
	)
	# Once at login, once to be sent, once since it has grown, and in UPDATE.
	[ "$(awk '{ sum += $NF } END { print sum }' trace)" -lt 10000000 ]
	grep -c '^Subject: two' spool/alice | grep -qx 40
	run ! grep -q '^Subject: one' spool/alice
}

@test "a lock that another program keeps at QUIT keeps the messages" {
	message one two | mailbox alice
	keep
	connect a
	login a
	says a 'DELE 1'
	hears a '+OK message 1 deleted'
	echo 1 >spool/alice.lock
	says a QUIT
	hears a '-ERR [SYS/TEMP] the deleted messages are not removed'
	gone a
	unchanged
	same 1 "$(cat spool/alice.lock)"
}

@test "mail delivered in UPDATE by one who took the dotlock for stale is kept, and so is that one's dotlock" {
	local tracer
	message two three four | mailbox expected
	message one two three | mailbox alice
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'DELE 1' QUIT >commands
	# As if the machine had slept, in the sync of the mailbox.
	: >trace
	strace -o trace -e trace=fdatasync -e inject=fdatasync:signal=STOP:when=2 \
		"${SERVER[@]}" <commands >replies 2>>log 3>&- &
	tracer=$!
	eventually grep -q 'stopped by SIGSTOP' trace
	rm spool/alice.lock
	echo 1 >spool/alice.lock
	message four >>spool/alice
	kill -CONT "$(pgrep -P "$tracer")"
	wait "$tracer"
	same $'-ERR [SYS/TEMP] the deleted messages are not all removed yet\r' "$(tail -n 1 replies)"
	same 1 "$(cat spool/alice.lock)"
	rm spool/alice.lock
	transaction <<-'END'
		C: LIST
		S: +OK 3 messages (93 octets)^M
		S: 1 29^M
		S: 2 33^M
		S: 3 31^M
		S: .^M
	END
	cmp spool/expected spool/alice
}
