#!/usr/bin/env bats
# What an admin asks for without a client: -c and -r.
load ../helper

# interrupted CALL N: a session that deletes message 1 and is killed in UPDATE,
# at the Nth CALL.
interrupted() {
	needs strace
	printf 'USER alice\nPASS sesame\nDELE 1\nQUIT\n' >commands
	strace -f -o /dev/null -e "inject=$1:signal=KILL:when=$2" \
		"${SERVER[@]}" <commands >replies 2>>log || :
}

check() {
	"$STDPOP3D" -c "$1" -m spool -d state -u nobody
}

recover() {
	"$STDPOP3D" -r -e -m spool -d state -p passwd -s shadow -u nobody -U 1 "$@" 2>>log
}

@test "-c shows what would be served, and changes nothing" {
	needs confinement
	message one two | mailbox alice
	keep
	run -0 check alice
	printf 'UIDL\n' >ids
	printf 'USER alice\nPASS sesame\nUIDL\n' | server | tr -d '\r' >replies
	same "journal: none pending
mailbox: 142 octets, 2 messages, 58 octets as sent
1 octets=29 begin=0 end=71 unique-id=$(sed -n 's/^1 //p' replies)
2 octets=29 begin=71 end=142 unique-id=$(sed -n 's/^2 //p' replies)" "$output"
	unchanged
}

@test "-c leaves the access time as it is, by which programs detect new mail" {
	message one two | mailbox alice
	touch -a -d '2020-01-01' spool/alice
	touch -m -d '2021-01-01' spool/alice
	times=$(stat -c '%x %y' spool/alice)
	run -0 check alice
	same "$times" "$(stat -c '%x %y' spool/alice)"
}

@test "-c reports where a mailbox is damaged" {
	echo 'no From_ line' | mailbox alice
	run -1 check alice
	same 'journal: none pending
mailbox: damaged at octet 0: no From_ line there' "$(grep -v '^stdpop3d' <<<"$output")"
	printf '\n\r\nno From_ line\n' | mailbox alice
	run -1 check alice
	[[ $output == *'mailbox: damaged at octet 3: no From_ line there'* ]]
}

# checks STATUS LINE [OPTION...]: -c of alice ends so and prints this line.
checks() {
	local ended=0
	"$STDPOP3D" -m spool -d state -p passwd -s shadow -u nobody -U 1 "${@:3}" >shown 2>&1 || ended=$?
	same "$1" "$ended"
	grep -F -- "$2" shown
	[[ $(<shown) != *ip=* ]]
}

@test "-c distinguishes no mailbox, no user, no permission, no spool and no state directory" {
	checks 0 'mailbox: none yet, which is an empty maildrop' -c alice
	checks 1 'mailbox: none, and no account that is served has this name' -c mallory
	message one | mailbox alice
	# Not a name, even where there is such a file.
	mkdir -p spool/sub
	cp spool/alice spool/sub/alice
	checks 1 "not a mailbox's name: sub/alice" -c sub/alice
	checks 78 'cannot open none, the spool (option -m): No such file or directory' -c alice -m none
	checks 78 'cannot open none, the state directory (option -d; ' -c alice -d none
	checks 78 'cannot open none' -c mallory -p none
	if [ "$(id -u)" -ne 0 ]; then
		chmod 0 spool/alice
		checks 1 'cannot open the mailbox: Permission denied' -c alice
		chmod 0 state
		checks 1 'cannot open state, the state directory (option -d; ' -c alice
		chmod 700 state
	fi
	[ ! -e state/alice ]
}

@test "-c reports NUL octets at the end and a header that no empty line ends" {
	message one | mailbox alice
	printf 'From a@example.org Thu Jan  1 00:00:00 1970\nSubject: cut sho' >>spool/alice
	checks 1 '2 odd: no empty line ends its header' -c alice
	message one | mailbox alice
	head -c 20 /dev/zero >>spool/alice
	checks 1 'mailbox: odd: 20 NUL octets at its end' -c alice
	head -c 10000 /dev/zero >>spool/alice
	checks 1 'mailbox: odd: 4096 or more NUL octets at its end' -c alice
}

@test "-c reads the mailbox and the journal only when it is fully confined" {
	needs confinement
	needs strace
	message one two three | mailbox alice
	interrupted fdatasync 3
	strace -f -o trace -e trace=close_range,seccomp,pread64 \
		"$STDPOP3D" -c alice -m spool -d state -u nobody >shown 2>&1 || :
	grep -q '^mailbox: ' shown
	awk '/close_range\(/ { on = 1 }
		/seccomp\(SECCOMP_SET_MODE_FILTER/ { filters++ }
		on && /pread64\(/ { reads++ }
		on && /pread64\(/ && filters < 2 { print; bad = 1 }
		END { exit bad || reads < 2 }' trace
}

@test "-r says which part of the set-up is missing, and exits with 78" {
	local what
	for what in '-m none' '-d none' '-p none'; do
		: >log
		# shellcheck disable=SC2086
		run -78 recover $what
		records | grep -F 'setup, ip=[unknown], cannot open none'
	done
	: >log
	chmod 755 state
	run -78 recover
	records | grep -F 'setup, ip=[unknown], state must belong to the service account'
}

@test "a user who stops the process that recovers the mailbox does not hold up -r" {
	needs confinement
	needs strace
	local held other
	! grep -q __asan_init "$STDPOP3D" || skip 'a sanitizer wants to be loaded first'
	gcc -shared -fPIC -O -o hasten.so "$TOP/tests/hasten.c"
	account bob "$SESAME"
	message one two three | mailbox alice
	cp spool/alice spool/bob
	[ "$(id -u)" -ne 0 ] || chown "$OWNER:$GROUP" spool/bob
	interrupted fdatasync 3
	sed -i s/alice/bob/ commands
	strace -f -o /dev/null -e inject=fdatasync:signal=KILL:when=3 \
		"${SERVER[@]}" <commands >replies 2>>log || :
	[ -s state/alice ]
	[ -s state/bob ]
	# The first one waits for the lock until it was stopped; which it is does not matter.
	exec {held}<>spool/alice {other}<>spool/bob
	flock "$held"
	flock "$other"
	LD_PRELOAD=$PWD/hasten.so "$STDPOP3D" -r -e -m spool -d state -p passwd -s shadow -u nobody \
		-U 1 -w 60 2>>log 3>&- {held}>&- {other}>&- &
	RECOVERY=$!
	stop_child() {
		local child
		read -r child <"/proc/$RECOVERY/task/$RECOVERY/children"
		if [ "$(id -u)" -eq 0 ]; then
			setpriv --reuid="$OWNER" --regid="$GROUP" --clear-groups kill -STOP "$child"
		else
			kill -STOP "$child"
		fi
	}
	eventually stop_child
	exec {held}>&- {other}>&-
	status=0
	wait "$RECOVERY" || status=$?
	same 1 "$status"
	same 1 "$(find state -size +0 | grep -c -e alice -e bob)"
	same 1 "$(records | grep -c 'its recovery was killed by signal 9')"
	run -0 recover
	same "$(message two three)" "$(cat spool/alice)"
	same "$(message two three)" "$(cat spool/bob)"
}

@test "-r reports a journal whose mailbox is not there, and keeps it" {
	message one two three | mailbox alice
	interrupted fdatasync 3
	rm spool/alice
	run -1 recover
	[ -s state/alice ]
	records | grep -F 'update interrupted, ip=[unknown], user=alice, there is no mailbox; its journal stays'
}

@test "-c reports the message that is hidden" {
	{
		printf "\nFrom MAILER_DAEMON  Thu Jan  1 00:00:00 1970\nX-IMAP: 1 2\n"
		printf "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\nx\n\n"
	} | mailbox alice
	hidden="hidden: octets 1 to $(stat -c %s spool/alice), internal data of another program"
	run -0 check alice
	[[ $output == *$'\n'"$hidden" ]]
	message one >>spool/alice
	run -0 check alice
	[[ $output == *$'\n'"$hidden"$'\n1 octets=29 '* ]]
}

@test "-c reports a pending UPDATE, and does not finish it" {
	needs confinement
	message one two three | mailbox alice
	interrupted fdatasync 3
	cp -p spool/alice kept
	cp state/alice journal
	run -1 check alice
	[[ $output == 'journal: pending, the mailbox is damaged at octet 0 until it is finished'* ]]
	unchanged
	cmp journal state/alice
}

@test "-r finishes a pending UPDATE, without a login" {
	message two three | mailbox expected
	message one two three | mailbox alice
	interrupted fdatasync 3
	[ -s state/alice ]
	run -0 recover
	cmp spool/expected spool/alice
	[ ! -s state/alice ]
	[ ! -e spool/alice.lock ]
	records | grep -F 'update recovered, ip=[unknown], user=alice, an UPDATE interrupted in state MOVING is finished'
}

# left: a killed session of alice's left a dotlock.
left() {
	: >spool/alice.lock
	chmod 404 spool/alice.lock
	chown "$OWNER" spool/alice.lock
}

@test "-r removes the dotlock of a killed session, with no UPDATE pending, and no other" {
	message one | mailbox alice
	printf 'USER alice\nPASS sesame\nQUIT\n' | server >replies
	left
	run -0 recover
	[ ! -e spool/alice.lock ]
	same 'stale dotlock removed, ip=[unknown], user=alice, alice.lock, left by a session of ours' \
		"$(records | tail -n 1)"
	# Without its mailbox too.
	rm spool/alice
	left
	run -0 recover
	[ ! -e spool/alice.lock ]
	echo 1 >spool/alice.lock
	run -0 recover
	[ -e spool/alice.lock ]
	# In a spool where the user may not: the admin must know.
	rm spool/alice.lock
	left
	chmod 555 spool
	run -1 recover
	chmod 2775 spool
	same 'maildrop, ip=[unknown], user=alice, alice.lock is stale, and root must remove it, for the user may not: Permission denied' \
		"$(records | tail -n 1)"
	# A session that lives has it; and -k has nothing to do with dotlocks.
	rm spool/alice.lock
	connect a
	login a
	left
	run -0 recover
	[ -e spool/alice.lock ]
	hang_up a
	run -0 recover -k
	[ -e spool/alice.lock ]
}

@test "-r reads no journal unconfined" {
	needs confinement
	needs strace
	message one two three | mailbox alice
	interrupted fdatasync 3
	strace -f -o trace -e trace=close_range,seccomp,pread64 \
		"$STDPOP3D" -r -e -m spool -d state -p passwd -s shadow -u nobody -U 1 2>>log
	# What comes before the call is the loader's.
	awk '/close_range\(/ { on = 1 }
		/seccomp\(SECCOMP_SET_MODE_FILTER/ { filters++ }
		on && /pread64\(/ { reads++ }
		on && /pread64\(/ && filters < 2 { print; bad = 1 }
		END { exit bad || reads < 2 }' trace
}

@test "-r leaves a maildrop alone while a session has it" {
	message one two | mailbox alice
	connect pop
	login pop
	printf 'not a journal' >state/alice
	run -0 recover
	[ "$(cat state/alice)" = 'not a journal' ]
	hang_up pop
}

@test "-r with nothing pending does nothing" {
	message one | mailbox alice
	keep
	run -0 recover
	unchanged
	[ ! -e state/alice ]
}

@test "-r fails and says so when a journal is pending for no account" {
	printf 'something' >state/ghost
	chmod 600 state/ghost
	[ "$(id -u)" -ne 0 ] || chown nobody state/ghost
	run -1 recover
	records | grep -F 'maildrop refused, ip=[unknown], user=ghost, a journal is pending for no account'
}

@test "a journal that does not fit the mailbox any more is set aside" {
	message one two three | mailbox alice
	interrupted fdatasync 3
	cp state/alice journal
	# Another program saves the folder under its own view, in the same file.
	message four | mailbox alice
	keep
	run -1 recover
	unchanged
	[ ! -s state/alice ]
	cmp journal state/alice:aside
	records | grep -F 'journal set aside'
	checks 1 'journal: alice:aside holds what was set aside' -c alice
	transaction <<-'END'
		C: STAT
		S: +OK 1 31^M
	END
	# What was set aside is no journal, and the next one that is comes after it.
	: >log
	run -0 recover
	same '' "$(records)"
	message one two three | mailbox alice
	interrupted fdatasync 3
	cat state/alice >>journal
	message four | mailbox alice
	run -1 recover
	cmp journal state/alice:aside
}

@test "what is set aside is on the disk before the journal is cleared" {
	needs strace
	message one two three | mailbox alice
	interrupted fdatasync 3
	message four | mailbox alice
	strace -f -o trace -e trace=pwrite64,fdatasync,ftruncate \
		"$STDPOP3D" -r -e -m spool -d state -p passwd -s shadow -u nobody -U 1 2>>log || :
	awk '{ sub(/^[0-9]+ +/, "") }
		match($0, /\([0-9]+/) { fd = substr($0, RSTART + 1, RLENGTH - 1) }
		/^pwrite64/ { aside = fd; synced = 0 }
		/^fdatasync/ && aside != "" && fd == aside { synced = 1 }
		/^ftruncate/ { cleared++; if (!synced) bad = 1 }
		END { exit bad || aside == "" || cleared != 1 }' trace
}

@test "the journals set aside take at most 16 megabytes, and the last one is among them" {
	message one two three | mailbox alice
	interrupted fdatasync 3
	cp state/alice journal
	message four | mailbox alice
	run -1 recover
	head -c "$((16 * 1024 * 1024 - $(stat -c %s journal)))" /dev/zero >state/alice:aside
	cat journal >state/alice
	run -1 recover
	same $((16 * 1024 * 1024)) "$(stat -c %s state/alice:aside)"
	tail -c "$(stat -c %s journal)" state/alice:aside | cmp - journal
	cat journal >state/alice
	run -1 recover
	cmp journal state/alice:aside
}

@test "a state file that is a link, has two names or another owner is not used" {
	message one two | mailbox alice
	keep
	: >state/other
	chmod 600 state/other
	[ "$(id -u)" -ne 0 ] || chown nobody state/other
	refused() {
		printf 'USER alice\r\nPASS sesame\r\nDELE 1\r\nQUIT\r\n' | server >replies
		grep -q '^-ERR \[SYS/TEMP\] the state file cannot be opened' replies
		unchanged
		rm state/alice
	}
	ln -s other state/alice
	refused
	ln state/other state/alice
	refused
	mkfifo state/alice
	[ "$(id -u)" -ne 0 ] || chown nobody state/alice
	refused
	if [ "$(id -u)" -eq 0 ]; then
		: >state/alice
		chmod 666 state/alice
		refused
	fi
	same 0 "$(stat -c %s state/other)"
}

@test "QUIT removes mail where the file system cannot set space aside" {
	local error
	gcc -D_GNU_SOURCE -O -o without "$TOP/tests/without.c"
	message two three >expected
	for error in EOPNOTSUPP ENOSYS; do
		message one two three | mailbox alice
		printf 'USER alice\r\nPASS sesame\r\nDELE 1\r\nQUIT\r\n' >commands
		./without fallocate "$error" "${SERVER[@]}" <commands >replies 2>>log
		same $'+OK bye\r' "$(tail -n 1 replies)"
		cmp expected spool/alice
	done
}

@test "a journal that a machine of another kind wrote, or the disk garbled, is not discarded" {
	local octet
	for octet in 8 16 40 90; do
		message one two three | mailbox alice
		interrupted fdatasync 3
		printf '\377' | dd of=state/alice bs=1 seek="$octet" conv=notrunc status=none
		cp spool/alice torn
		cp state/alice journal
		printf 'USER alice\r\nPASS sesame\r\nQUIT\r\n' | server >replies
		grep -q '^-ERR \[SYS/TEMP\] an interrupted UPDATE cannot be finished yet' replies
		records | grep -F 'another kind of machine wrote the journal, or it is damaged; logins are refused'
		checks 1 'journal: unreadable: another kind of machine wrote it, or it is damaged' -c alice
		run -1 recover
		cmp torn spool/alice
		cmp journal state/alice
		: >state/alice
	done
}

@test "a journal is kept while its mailbox is missing" {
	message two three | mailbox expected
	message one two three | mailbox alice
	interrupted fdatasync 3
	mv spool/alice away
	transaction <<-'END'
		C: STAT
		S: +OK 0 0^M
	END
	mv away spool/alice
	run -0 recover
	cmp spool/expected spool/alice
}

@test "a journal of another format is left to the build that wrote it, and the maildrop is refused until it is gone" {
	local format
	for format in 2 9 Z; do
		message one two | mailbox alice
		keep
		# The file is the server's.
		printf 'USER alice\r\nPASS sesame\r\nQUIT\r\n' | server >replies
		{
			printf 'stdpop3%s' "$format"
			head -c 9000 /dev/zero
		} >state/alice
		cp state/alice journal
		printf 'USER alice\r\nPASS sesame\r\nQUIT\r\n' | server >replies
		grep -q '^-ERR \[SYS/TEMP\] an interrupted UPDATE cannot be finished yet' replies
		records | grep -F 'another version wrote the journal; logins are refused until it is mended'
		checks 1 'journal: unreadable: another version wrote it' -c alice
		cmp kept spool/alice
		cmp journal state/alice
		# What the manual says that an administrator does.
		mv state/alice away
		printf 'USER alice\r\nPASS sesame\r\nQUIT\r\n' | server >replies
		same '+OK 2 messages (58 octets)' "$(sed -n 3p replies | tr -d '\r')"
	done
}
