#!/usr/bin/env bats
# What a launcher, an administrator or a machine may hand to a session that is not
# as it should be. Clocks that jump are in system/kernels/init.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
load ../helper

# expect_session: alice's messages one and two become two, by a session that all
# of this is done to: a command that the server's command line is appended to.
expect_session() {
	message one two | mailbox alice
	printf 'USER alice\r\nPASS sesame\r\nRETR 2\r\nDELE 1\r\nQUIT\r\n' >commands
	"$@" "${SERVER[@]}" <commands >replies 2>>log
	same $'+OK bye\r' "$(tail -n 1 replies)"
	message two | cmp - spool/alice
	[ ! -e spool/alice.lock ]
	[ ! -s state/alice ]
}

# over NAME: the session ends, for the reason that is logged, with nothing removed.
over() {
	wait "${PID[$1]}"
	records | tail -n 1 | grep -q "end=$2"
	unchanged
	[ ! -e spool/alice.lock ]
}

@test "signals that the launcher ignores or blocks still end a session" {
	local signal
	message one | mailbox alice
	keep
	SERVER=(env --ignore-signal={TERM,HUP,INT} --block-signal={TERM,HUP,INT} "${SERVER[@]}" -i 5)
	for signal in TERM HUP INT; do
		connect "$signal"
		login "$signal"
		says "$signal" 'DELE 1'
		listen "$signal"
		kill -s "$signal" "${PID[$signal]}"
		over "$signal" signal
	done
}

@test "a client whose pipe is gone ends the session, and nothing is removed" {
	local fd
	message one | mailbox alice
	keep
	SERVER=(env --default-signal=PIPE "${SERVER[@]}")
	connect bob
	login bob
	fd=${FROM[bob]}
	exec {fd}<&-
	says bob 'DELE 1'
	over bob closed
}

@test "an output that takes nothing ends the session, and nothing is removed" {
	message one | mailbox alice
	keep
	printf 'USER alice\r\nPASS sesame\r\nDELE 1\r\nQUIT\r\n' >commands
	server <commands >/dev/full
	records | tail -n 1 | grep -q 'no login, .*end=closed'
	unchanged
}

@test "an input that cannot be read counts as closed" {
	message one | mailbox alice
	keep
	server </ >replies
	same $'+OK POP3 ready\r' "$(cat replies)"
	server 0>>commands >replies
	same $'+OK POP3 ready\r' "$(cat replies)"
	same 'no login, ip=[unknown], end=closed' "$(records | sort -u)"
	unchanged
}

@test "a log that takes nothing costs no mail and no session" {
	local reader log
	printf 'USER alice\r\nPASS sesame\r\nDELE 1\r\nQUIT\r\n' >commands
	message one two | mailbox alice
	"${SERVER[@]}" <commands >replies 2>/dev/full
	same $'+OK bye\r' "$(tail -n 1 replies)"
	message two | cmp - spool/alice

	# A pipe whose reader is gone.
	message one two | mailbox alice
	mkfifo pipe
	exec {reader}<>pipe
	exec {log}>pipe
	exec {reader}<&-
	env --default-signal=PIPE "${SERVER[@]}" <commands >replies 2>&"$log"
	same $'+OK bye\r' "$(tail -n 1 replies)"
	message two | cmp - spool/alice
}

@test "the launcher's umask changes no file's mode" {
	local mask
	for mask in 000 077 777; do
		rm -f state/alice
		expect_session bash -c "umask $mask; exec \"\$@\"" masked
		same "600 600" "$(stat -c %a state/alice spool/alice | xargs)"
	done
}

@test "without the kernel's vDSO an account that has expired is refused, and others are not" {
	needs novdso
	gcc -D_GNU_SOURCE -O -o without "$TOP/tests/without.c"
	account expired "$SESAME" '20000:0:99999:7::20001:'
	account old "$SESAME" '19000:0:30:7:::'
	printf '%s\r\n' 'USER expired' 'PASS sesame' 'USER old' 'PASS sesame' 'USER alice' \
		'PASS sesame' >commands
	./novdso "${SERVER[@]}" <commands >replies 2>>log
	same "$REFUSED
$REFUSED
+OK 0 messages (0 octets)^M" "$(sed -n '3p;5p;7p' replies | cat -v)"

	# A clock that cannot be read lets nobody in.
	: >log
	./without clock_gettime EPERM ./novdso "${SERVER[@]}" <commands >replies 2>>log
	run ! grep '^+OK [0-9]' replies
	same 'no login, ip=[unknown], end=clock' "$(records)"
}

@test "neither an environment nor a working folder is needed" {
	SERVER=("${SERVER[@]/#spool/$PWD/spool}")
	SERVER=("${SERVER[@]/#state/$PWD/state}")
	SERVER=("${SERVER[@]/#passwd/$PWD/passwd}")
	SERVER=("${SERVER[@]/#shadow/$PWD/shadow}")
	# A sanitizer needs its options.
	# shellcheck disable=SC2016 # for the inner shell
	expect_session env -i ASAN_OPTIONS="${ASAN_OPTIONS:-}" bash -c 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"' "$PWD/gone"
}

@test "resource limits of zero on what is not needed change nothing" {
	expect_session prlimit --nproc=0 --memlock=0 --sigpending=0 --msgqueue=0 --locks=0 --rtprio=0
}

@test "a session that was stopped for longer than -i ends when it goes on" {
	message one | mailbox alice
	keep
	connect bob -i 1
	login bob
	says bob 'DELE 1'
	listen bob
	kill -s STOP "${PID[bob]}"
	sleep 1.5
	kill -s CONT "${PID[bob]}"
	over bob timeout
}

@test "a spool that is replaced within a session keeps its mail, and so does the new one" {
	message one two | mailbox alice
	connect bob
	login bob
	says bob 'DELE 1'
	listen bob
	mv spool old
	cp -Rp old spool
	cp -p old/alice kept
	says bob QUIT
	hears bob '+OK bye'
	gone bob
	message two | cmp - old/alice
	unchanged
	[ ! -e old/alice.lock ]
	[ ! -e spool/alice.lock ]
}

@test "a shadow file that the server cannot read is not reported as a wrong password" {
	chmod 000 shadow
	if [ "$(id -u)" -eq 0 ]; then
		# Root without the power to read what it likes.
		SERVER=(setpriv "--bounding-set=-dac_override,-dac_read_search" "${SERVER[@]}")
		chown 2000 shadow
	fi
	run -78 --separate-stderr server </dev/null
	same $'-ERR [SYS/PERM] the server is not set up: its log says why\r' "$output"
	same 'setup, ip=[unknown], cannot open shadow: Permission denied' "$(records)"
}

@test "an account file that is a link to itself is reported to the log only" {
	local file
	for file in passwd shadow; do
		mv "$file" away
		ln -s "$file" "$file"
		run -78 --separate-stderr server </dev/null
		same $'-ERR [SYS/PERM] the server is not set up: its log says why\r' "$output"
		records | tail -n 1 | grep -q "^setup, .*cannot open $file: Too many levels"
		mv away "$file"
	done
}

@test "an account file that is a folder or a FIFO lets nobody in, and the log says why" {
	local file make
	for file in passwd shadow; do
		for make in mkdir mkfifo; do
			mv "$file" away
			"$make" "$file"
			printf 'USER alice\r\nPASS sesame\r\nQUIT\r\n' | server >replies || :
			run ! grep '^+OK [0-9]' replies
			grep -q '^-ERR \[SYS/PERM\] the server is not set up' replies
			records | grep -q "^setup, .*cannot open $file: Invalid argument"
			rm -d "$file"
			mv away "$file"
		done
	done
}

# update_of TIME_OF_ACCESS TIME_OF_MODIFICATION: of a mailbox with such times. What they
# are then is in accessed and modified.
update_of() {
	message one two | mailbox alice
	touch -a -d "$1" spool/alice
	touch -m -d "$2" spool/alice
	printf 'USER alice\r\nPASS sesame\r\nDELE 1\r\nQUIT\r\n' | server |
		tail -n 1 | grep -q '^+OK bye'
	# Before anything is read.
	accessed=$(stat -c %x spool/alice)
	modified=$(stat -c %y spool/alice)
	message two | cmp - spool/alice
	local now seconds
	now=$(date +%s)
	seconds=$(date -d "$modified" +%s)
	[ "$seconds" -ge $((now - 60)) ]
	[ "$seconds" -le "$now" ]
}

@test "UPDATE makes no unread mail and hides none, whatever the times of the mailbox" {
	local time accessed modified
	for time in 1902-01-01T00:00:00.5Z 1969-12-31T23:59:59.5Z 2026-01-01T00:00:00.5Z; do
		update_of "$time" "${time/.5/.6}"
		[[ $accessed < $modified ]]
		same "$(date -d "$time" +%s.%N)" "$(date -d "$accessed" +%s.%N)"
		update_of "${time/.5/.6}" "$time"
		[[ ! $accessed < $modified ]]
	done
	update_of 2038-01-19T03:14:08Z 2200-01-01T00:00:00Z
	update_of 2200-01-01T00:00:00Z 2038-01-19T03:14:08Z
}

@test "without the vDSO, where the time is a system call, a session works and its clocks are right" {
	needs novdso
	SERVER=("$PWD/novdso" "${SERVER[@]}")
	account bob "$SESAME" '20000:0:99999:7::20001:'
	printf 'USER bob\r\nPASS sesame\r\nQUIT\r\n' | server >replies
	same "$REFUSED" "$(sed -n 3p replies | cat -v)"
	message one two three | mailbox alice
	touch spool/alice.lock
	printf 'USER alice\r\nPASS sesame\r\nQUIT\r\n' | server >replies
	grep -q '^-ERR \[IN-USE\]' replies
	# Old enough for anybody's.
	touch -d '-301 seconds' spool/alice.lock
	transaction <<-'END'
		C: RETR 2
		S: +OK 29 octets^M
		S: Subject: two^M
		S: ^M
		S: body of two^M
		S: .^M
		C: DELE 1
		S: +OK message 1 deleted^M
		C: QUIT
		S: +OK bye^M
	END
	same "$(message two three)" "$(cat spool/alice)"
	records | grep -q 'stale dotlock removed'
}

# removes_first [COMMAND...]: alice deletes her first message; what QUIT gets.
removes_first() {
	printf 'USER alice\r\nPASS sesame\r\nDELE 1\r\nQUIT\r\n' >commands
	"$@" "${SERVER[@]}" <commands >replies 2>>log
	tail -n 1 replies | tr -d '\r'
}

NOT_REMOVED='-ERR [SYS/TEMP] the deleted messages are not removed'

@test "a soft limit on file size cuts no UPDATE short, and a hard limit refuses the UPDATE at once" {
	{
		message two three
		yes 'a line of the last message' | head -c 50000
	} >expected
	{
		message one
		yes 'a line of the first message' | head -c 150000
		printf '\n\n'
		cat expected
	} | mailbox alice
	keep
	# More than the journal, less than the mailbox.
	same "$NOT_REMOVED" "$(removes_first prlimit --fsize=100000:100000)"
	unchanged
	printf 'USER alice\r\nPASS sesame\r\nQUIT\r\n' | server >replies
	unchanged
	same '+OK bye' "$(removes_first prlimit --fsize=512:)"
	cmp expected spool/alice
}

@test "an UPDATE that the state directory has no room for is refused at once" {
	gcc -D_GNU_SOURCE -O -o without "$TOP/tests/without.c"
	message one two three | mailbox alice
	keep
	same "$NOT_REMOVED" "$(removes_first ./without fallocate ENOSPC)"
	unchanged
	same '+OK bye' "$(removes_first)"
	same "$(message two three)" "$(cat spool/alice)"
}
