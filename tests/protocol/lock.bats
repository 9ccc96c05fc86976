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

# stopped_at CALL N: a session on the file commands, stopped when its Nth CALL is done.
# goes_on: it does, to its end.
stopped_at() {
	needs strace
	: >trace
	strace -o trace -e "trace=$1,openat" -e "inject=$1:signal=STOP:when=$2" "${INJECT[@]}" \
		"${SERVER[@]}" <commands >replies 2>>log 3>&- &
	TRACER=$!
	eventually grep -q 'stopped by SIGSTOP' trace
}

goes_on() {
	kill -CONT "$(pgrep -P "$TRACER")"
	wait "$TRACER"
}

# without_room ERROR [MORE]: INJECT is what makes the making of alice's dotlock fail so, in
# a session that opens MORE files than a plain one.
without_room() {
	needs strace
	local first
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT >login
	server <login >/dev/null
	strace -o opened -e trace=openat,pread64 "${SERVER[@]}" <login >/dev/null 2>>log
	first=$(grep '^openat' opened | grep -n 'O_WRONLY|O_CREAT|O_EXCL' | head -n 1)
	INJECT=(-e "inject=openat:error=$1:when=$((${first%%:*} + ${2-0}))+")
	: >log
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
	same 'maildrop busy, ip=[unknown], user=alice, another program has alice.lock' \
		"$(records | head -n 1)"
}

@test "a file that is not a dotlock is left alone, however old, and the log says what it is" {
	local kind
	message one | mailbox alice
	for kind in 'a symbolic link' 'a directory' 'a file with more in it' 'a special file'; do
		rm -rf spool/alice.lock
		case $kind in
		*link) ln -s nowhere spool/alice.lock ;;
		*directory) mkdir spool/alice.lock ;;
		*more*) message two | mailbox alice.lock ;;
		*special*) mkfifo spool/alice.lock ;;
		esac
		[ "$kind" != 'a file with more in it' ] || chmod 404 spool/alice.lock
		touch -h -d '1 day ago' spool/alice.lock
		: >log
		same '-ERR [IN-USE] another program has the mailbox locked' "$(reply_to_pass)"
		[ -e spool/alice.lock ] || [ -L spool/alice.lock ]
		same "maildrop busy, ip=[unknown], user=alice, alice.lock is $kind, not a dotlock, and must be moved away" \
			"$(records | head -n 1)"
	done
}

@test "the mailbox of an account NAME.lock is not taken for the dotlock of NAME, and the account is refused" {
	local uid=$OWNER
	[ "$(id -u)" -ne 0 ] || uid=2001
	account alice.lock "$SESAME" '' "$uid"
	message one | mailbox alice
	message two three | OWNER=$uid mailbox alice.lock
	touch -d '1 day ago' spool/alice.lock
	same '-ERR [IN-USE] another program has the mailbox locked' "$(reply_to_pass)"
	message two three | cmp - spool/alice.lock
	: >log
	printf 'USER alice.lock\nPASS sesame\n' | server | sed -n 3p | grep -q '^-ERR \[AUTH\]'
	same 'login failed, ip=[unknown], user=?, method=PASS, name=dotlock' "$(records | head -n 1)"
}

@test "a stale dotlock that the user may not remove is logged, with the cure" {
	needs strace
	message one | mailbox alice
	: >spool/alice.lock
	touch -d '310 seconds ago' spool/alice.lock
	# As in a sticky spool.
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT >commands
	strace -o trace -e trace=unlinkat -e inject=unlinkat:error=EPERM \
		"${SERVER[@]}" <commands >replies 2>>log
	grep -q '^-ERR \[IN-USE\]' replies
	same 'maildrop busy, ip=[unknown], user=alice, alice.lock is stale, and root must remove it, for the user may not: Operation not permitted' \
		"$(records | head -n 1)"
	[ -e spool/alice.lock ]
}

@test "a dotlock that another program takes while the old one is judged is not removed" {
	needs strace
	local looks
	message one | mailbox alice
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT >commands
	server <commands >replies
	echo 1 >spool/alice.lock
	touch -d '310 seconds ago' spool/alice.lock
	strace -o looks -e trace=newfstatat,unlinkat "${SERVER[@]}" <commands >replies 2>>log
	looks=$(sed '/^unlinkat/,$d' looks | grep -c '^newfstatat')
	echo 1 >spool/alice.lock
	touch -d '310 seconds ago' spool/alice.lock
	stopped_at newfstatat $((looks - 1))
	rm spool/alice.lock
	echo 2 >spool/alice.lock
	goes_on
	grep -q '^-ERR \[IN-USE\]' replies
	same 2 "$(cat spool/alice.lock)"
}

@test "if a mailbox is replaced before it is locked, the new one is served" {
	message one | mailbox alice
	message two | mailbox new
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'RETR 1' 'DELE 1' QUIT >commands
	# The state file is locked first.
	stopped_at flock 2
	mv spool/new spool/alice
	goes_on
	same '+OK 1 messages (29 octets)^M
+OK 29 octets^M
Subject: two^M
^M
body of two^M
.^M
+OK message 1 deleted^M
+OK bye^M' "$(tail -n +3 replies | cat -v)"
	[ ! -s spool/alice ]
	[ ! -e spool/alice.lock ]
	# The locks on the old one were given back first.
	run ! grep stale log
}

@test "a spool in which no dotlock can be made is logged, with the cure" {
	message one | mailbox alice
	keep
	chmod 555 spool
	same '-ERR [SYS/TEMP] the mailbox cannot be opened' "$(reply_to_pass)"
	same 'maildrop, ip=[unknown], user=alice, cannot make a dotlock in spool: let its group write there, or use -k if no program makes dotlocks: Permission denied' \
		"$(records | head -n 1)"
	printf 'USER alice\nPASS sesame\n' | server -k | grep -q '^+OK 1 messages'
	chmod 755 spool
	unchanged
}

@test "without room for a dotlock mail can be read, and is not removed" {
	needs strace
	local error
	message one two | mailbox alice
	keep
	for error in ENOSPC EDQUOT; do
		without_room "$error"
		printf '%s\r\n' 'USER alice' 'PASS sesame' 'RETR 1' 'DELE 1' QUIT >commands
		strace -o trace -e trace=openat "${INJECT[@]}" "${SERVER[@]}" <commands >replies 2>>log
		same '+OK 2 messages (58 octets)^M
+OK 29 octets^M
Subject: one^M
^M
body of one^M
.^M
+OK message 1 deleted^M
-ERR [SYS/TEMP] the deleted messages are not removed^M' "$(tail -n +3 replies | cat -v)"
		same 'no room for a dotlock in spool, so mail can be read and not removed:
no room for a dotlock in spool, so nothing can be removed:' \
			"$(records | grep -o 'no room.*:')"
		unchanged
	done
}

@test "without room for a dotlock an interrupted UPDATE is not finished" {
	needs strace
	message one two three | mailbox alice
	# The file where a journal goes that is set aside.
	without_room ENOSPC 1
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'DELE 1' QUIT >commands
	strace -o trace -e trace=fdatasync -e inject=fdatasync:signal=KILL:when=3 \
		"${SERVER[@]}" <commands >replies 2>>log || :
	rm spool/alice.lock
	keep
	cp state/alice journal
	strace -o trace -e trace=openat "${INJECT[@]}" "${SERVER[@]}" <login >replies 2>>log
	same $'-ERR [SYS/TEMP] an interrupted UPDATE cannot be finished yet\r' "$(tail -n 1 replies)"
	grep -q 'so mail can be read' log
	unchanged
	cmp journal state/alice
	server <login | grep -q '^+OK 2 messages'
}

@test "without room for a dotlock a deliverer at work makes the maildrop busy" {
	message one two | mailbox alice
	without_room ENOSPC
	cp login commands
	# It has found room, and is in the middle of a mail when the last octets are read,
	stopped_at pread64 "$(grep -c '^pread64' opened)"
	echo 1 >spool/alice.lock
	goes_on
	same $'-ERR [IN-USE] another program has the mailbox locked\r' "$(tail -n 1 replies)"
	rm spool/alice.lock
	# or was.
	stopped_at pread64 "$(grep -c '^pread64' opened)"
	message three >>spool/alice
	goes_on
	same $'-ERR [IN-USE] another program has the mailbox locked\r' "$(tail -n 1 replies)"
}

@test "with -k a dotlock is ignored" {
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

@test "a dotlock that a killed session left is removed" {
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

@test "a message of a mailbox that has grown is looked at without a lock" {
	needs strace
	message one two | mailbox alice
	connect a
	login a
	message three >>spool/alice
	echo 1 >spool/alice.lock
	says a 'RETR 1' 'TOP 2 0' 'UIDL 2'
	hears a '+OK 29 octets' 'Subject: one' '' 'body of one' '.' \
		'+OK top of the message' 'Subject: two' '' '.' '+OK 2 178aefa02c8d05d8386249211632d671'
	rm spool/alice.lock
	message four >>spool/alice
	says a 'DELE 1' QUIT
	hears a '+OK message 1 deleted' '+OK bye'
	gone a
	message two three four | cmp - spool/alice
}

# nothing_said_locked: a session on standard input writes nothing to the client while it
# has a lock on the mailbox. The state file is the first that it locks.
nothing_said_locked() {
	strace -o trace -e trace=flock,write "${SERVER[@]}" >replies 2>>log
	awk -F '[(,]' '
		$1 == "flock" && state == "" { state = $2 }
		$1 == "flock" && $2 != state { locked = $3 ~ /LOCK_EX/ && / = 0$/; seen += locked }
		$1 == "write" && $2 == 1 && locked { print; bad = 1 }
		END { exit bad || !seen }' trace
}

@test "nothing is written to the client while a lock is held" {
	needs strace
	local less reply
	message one two | mailbox alice
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'RETR 1' 'DELE 1' QUIT | nothing_said_locked
	same $'+OK bye\r' "$(tail -n 1 replies)"
	# A refusal that fills the buffer of 64 kilobytes, which must be sent at once.
	echo 'no From_ line' | mailbox alice
	reply=$'-ERR unknown command\r\n'
	for less in 1 2 3; do
		{
			yes x | head -n $(((65536 - 16 - 23) / ${#reply} - less))
			printf 'USER alice\nPASS sesame\n'
		} >commands
		nothing_said_locked <commands
		same $'-ERR [SYS/PERM] the mailbox is not one that can be served\r' "$(tail -n 1 replies)"
	done
}

@test "the maildrop is free before the client has its reply to QUIT" {
	needs strace
	message one | mailbox alice
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT >commands
	strace -o trace -e trace=flock,write "${SERVER[@]}" <commands >replies 2>>log
	awk -F '[(,]' '
		$1 == "flock" && state == "" { state = $2 }
		$1 == "flock" && $2 == state { locked = $3 ~ /LOCK_EX/ }
		$1 == "write" && $2 == 1 { held = locked }
		END { exit held || state == "" }' trace
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

@test "mail that is delivered during a session is not shown, and UPDATE keeps it" {
	message one two | mailbox alice
	connect a
	login a
	message three >>spool/alice
	says a STAT 'LIST 3' 'RETR 2' 'UIDL 2' 'DELE 1'
	hears a '+OK 2 58' '-ERR no such message' \
		'+OK 29 octets' 'Subject: two' '' 'body of two' '.' \
		'+OK 2 178aefa02c8d05d8386249211632d671' '+OK message 1 deleted'
	message four >>spool/alice
	says a QUIT
	hears a '+OK bye'
	gone a
	message two three four | cmp - spool/alice
}

@test "mail that is delivered during a session is kept when all mail before it is removed" {
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

# What mail programs do to a mailbox that has been read, and to message two.
longer() {
	message one two | sed 's/^Subject: two/&\nStatus: RO/' >new
	cat new >spool/alice
}

another() {
	message one two | sed 's/body of two/BODY OF TWO/' >new
	cat new >spool/alice
}

shortened() {
	message one >spool/alice
}

gone_on_with() {
	echo 'and one line more' >>spool/alice
}

# And to the whole.
replaced() {
	message one two three | mailbox new
	mv spool/new spool/alice
}

removed() {
	rm spool/alice
}

truncated() {
	: >spool/alice
}

moved() {
	message two three >new
	cat new >spool/alice
}

CHANGED='-ERR another program has changed the mailbox, log in again'

# after CHANGE: a session "pop" in which message one was read and marked before it.
after() {
	message one two | mailbox alice
	connect pop
	login pop
	says pop 'RETR 1' 'DELE 1'
	hears pop '+OK 29 octets' 'Subject: one' '' 'body of one' '.' '+OK message 1 deleted'
	"$1"
	[ "$1" = removed ] || keep
}

# refuses_two CHANGE: afterwards message two is not served, and is not removed.
refuses_two() {
	after "$1"
	says pop 'RETR 2' 'TOP 2 0' STAT 'DELE 2' QUIT
	hears pop "$CHANGED" "$CHANGED" '+OK 1 29' '+OK message 2 deleted' \
		'-ERR [SYS/TEMP] the deleted messages are not removed'
	gone pop
	rm pop.to pop.from
	if [ "$1" = removed ]; then
		[ ! -e spool/alice ]
	else
		unchanged
	fi
	[ ! -e spool/alice.lock ]
	same 'logout, ip=[unknown], user=alice, end=failed, retrieved=1/29, deleted=0/0, left=2/58' \
		"$(records | tail -n 1)"
	# However often it is met.
	same 1 "$(records | grep -c 'maildrop changed')"
	: >log
}

# serves_one CHANGE: message one, which is as it was, is removed, and nothing else.
serves_one() {
	after "$1"
	says pop RSET 'TOP 1 0' 'DELE 1' QUIT
	hears pop '+OK 2 messages (58 octets)' '+OK top of the message' 'Subject: one' '' '.' \
		'+OK message 1 deleted' '+OK bye'
	gone pop
	rm pop.to pop.from
	tail -c +$(($(message one | wc -c) + 1)) kept | cmp - spool/alice
}

@test "a message that has become longer is not served or removed, and the others are" {
	refuses_two longer
	serves_one longer
}

@test "a message that has become another one is not served or removed, and the others are" {
	refuses_two another
	serves_one another
}

@test "a message that somebody goes on writing is not served or removed, and the others are" {
	refuses_two gone_on_with
	serves_one gone_on_with
}

@test "a message that does not begin any more is not served, though another was before it" {
	message one two three | mailbox alice
	connect pop
	login pop
	printf X | dd of=spool/alice bs=1 seek="$(message one two | wc -c)" conv=notrunc status=none
	# Message two has no end any more.
	says pop 'TOP 1 0' 'TOP 3 0' 'TOP 2 0' QUIT
	hears pop '+OK top of the message' 'Subject: one' '' '.' "$CHANGED" "$CHANGED" '+OK bye'
}

@test "a mailbox that has become shorter loses nothing" {
	local change
	# Though message one is as it was: what stays must be there.
	for change in shortened truncated; do
		after "$change"
		says pop QUIT
		hears pop '-ERR [SYS/TEMP] the deleted messages are not removed'
		gone pop
		rm pop.to pop.from
		unchanged
		records | grep -q 'maildrop changed'
		: >log
	done
	refuses_two shortened
	refuses_two truncated
}

@test "a mailbox that lost the end of a message that stays is not moved, though what goes is whole" {
	{
		message one
		perl -e 'print "From a\n\n", "x\n" x 5000, "\n"'
	} | mailbox alice
	connect pop
	login pop
	says pop 'DELE 1'
	hears pop '+OK message 1 deleted'
	truncate -s 5000 spool/alice
	keep
	says pop QUIT
	hears pop '-ERR [SYS/TEMP] the deleted messages are not removed'
	gone pop
	unchanged
	records | grep -q 'maildrop changed'
}

@test "a mailbox in which messages have moved is not served, and nothing is removed" {
	refuses_two moved
}

@test "a mailbox that was replaced or removed is not served, and nothing is made anew" {
	refuses_two replaced
	refuses_two removed
}

@test "a message in which a mail program notes a flag in place is served and removed" {
	message one two three | sed 's/^Subject/Status: NO\n&/' | mailbox alice
	connect a
	login a
	sed -i.old '0,/Status: NO/s//Status: RO/' spool/alice
	cat spool/alice >new
	mv spool/alice.old spool/alice
	dd if=new of=spool/alice conv=notrunc status=none
	says a 'RETR 1' 'RETR 3' 'DELE 1' QUIT
	hears a '+OK 41 octets' 'Status: RO' 'Subject: one' '' 'body of one' '.' \
		'+OK 45 octets' 'Status: NO' 'Subject: three' '' 'body of three' '.' \
		'+OK message 1 deleted' '+OK bye'
	gone a
	message two three | sed 's/^Subject/Status: NO\n&/' | cmp - spool/alice
}

@test "a mailbox of which only the times have changed is served" {
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

@test "mail that is delivered within RETR costs one reading of that message, and is kept" {
	needs strace
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
	# Once at login, once to be looked at, once to be sent, and in UPDATE.
	[ "$(awk '{ sum += $NF } END { print sum }' trace)" -lt 10000000 ]
	grep -c '^Subject: two' spool/alice | grep -qx 40
	run ! grep -q '^Subject: one' spool/alice
}

@test "a deliverer may end the last message with the empty line that it lacks" {
	local end
	for end in $'\n' $'\r\n'; do
		message one two | head -c -1 | mailbox alice
		connect pop
		login pop
		{
			printf %s "$end"
			message three
		} >>spool/alice
		says pop 'RETR 2' 'DELE 2' QUIT
		hears pop '+OK 29 octets' 'Subject: two' '' 'body of two' '.' \
			'+OK message 2 deleted' '+OK bye'
		gone pop
		rm pop.to pop.from
		message one three | cmp - spool/alice
	done
}

@test "a disk that fails while a message is looked at again is not taken for another program" {
	needs strace
	local calls=9999 way server=("${SERVER[@]}")
	# The last octets that are read are those after the message.
	for way in whole failing; do
		message one two | mailbox alice
		: >trace
		SERVER=(strace -o trace -e trace=pread64
			-e "inject=pread64:error=EIO:when=$calls" "${server[@]}")
		connect $way
		login $way
		message three >>spool/alice
		says $way 'RETR 1' QUIT
		if [ $way = whole ]; then
			hears $way '+OK 29 octets' 'Subject: one' '' 'body of one' '.' '+OK bye'
		else
			hears $way '-ERR [SYS/TEMP] the mailbox cannot be read' '+OK bye'
		fi
		gone $way
		calls=$(grep -c '^pread64' trace)
	done
	records | grep -q 'maildrop, .*cannot read the mailbox: Input/output error'
	run ! grep -q 'maildrop changed' log
}

@test "once mail was delivered, only what is sent is read again" {
	needs strace
	{
		message one
		perl -e 'print "From a\n\n", "x\n" x 500000'
	} | mailbox alice
	SERVER=(strace -o trace -e trace=pread64 "${SERVER[@]}")
	connect a
	login a
	message two >>spool/alice
	for _ in {1..20}; do
		says a 'RETR 1'
		hears a '+OK 29 octets' 'Subject: one' '' 'body of one' '.'
	done
	hang_up a
	[ "$(awk '{ sum += $NF } END { print sum }' trace)" -lt 1200000 ]
}

@test "a large message that is rewritten while it is sent gets no end" {
	needs strace
	local calls=0 way reader server=("${SERVER[@]}")
	{
		message one
		printf 'From a\nSubject: large\n\n'
		perl -e 'print "line\n" x 40000, "\n"'
	} | mailbox alice
	keep
	# First undisturbed; then stopped as it looks again, after all was sent.
	for way in whole cut; do
		cat kept >spool/alice
		: >trace
		SERVER=(strace -o trace -e trace=pread64
			-e "inject=pread64:signal=STOP:when=$((calls > 0 ? calls - 4 : 9999))" "${server[@]}")
		connect $way
		login $way
		message three >>spool/alice
		says $way 'RETR 2' QUIT
		tr -d '\r' <&"${FROM[$way]}" >rest &
		reader=$!
		if [ $way = cut ]; then
			eventually grep -q 'stopped by SIGSTOP' trace
			sed 's/^Subject: large/Subject: LARGE/' kept >new
			dd if=new of=spool/alice conv=notrunc status=none
			kill -CONT "$(pgrep -P "${PID[$way]}")"
		fi
		wait "$reader" "${PID[$way]}"
		calls=$(grep -c '^pread64' trace)
		[ $way = cut ] || tail -n 2 rest | cmp - <(printf '.\n+OK bye\n')
	done
	run ! grep -qx '\.' rest
	same 'end=changed' "$(records | grep -o 'end=[a-z]*' | tail -n 1)"
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

@test "a deliverer that takes the dotlock for stale in UPDATE loses neither its mail nor its dotlock" {
	message two three four | mailbox expected
	message one two three | mailbox alice
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'DELE 1' QUIT >commands
	# As if the machine had slept, in the sync of the mailbox.
	stopped_at fdatasync 3
	same "$(pgrep -P "$TRACER")" "$(cat spool/alice.lock)"
	rm spool/alice.lock
	echo 1 >spool/alice.lock
	message four >>spool/alice
	goes_on
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
