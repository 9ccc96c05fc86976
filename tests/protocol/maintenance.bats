#!/usr/bin/env bats
# What an admin asks for without a client: -c and -r.
load ../helper

setup_file() {
	command -v strace >/dev/null || { echo "needed: strace" >&2; return 1; }
}

# interrupted CALL N: a session that deletes message 1 and is killed in UPDATE,
# at the Nth CALL.
interrupted() {
	printf 'USER alice\nPASS sesame\nDELE 1\nQUIT\n' >commands
	strace -f -o /dev/null -e "inject=$1:signal=KILL:when=$2" \
		"${SERVER[@]}" <commands >replies 2>>log || :
}

check() {
	"$STDPOP3D" -c "$1" -m spool -d state -u nobody
}

recover() {
	"$STDPOP3D" -r -e -m spool -d state -p passwd -s shadow -u nobody -U 1 2>>log
}

@test "-c shows what would be served, and touches nothing" {
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

@test "-c leaves the time of access as it is, by which new mail is told" {
	message one two | mailbox alice
	touch -a -d '2020-01-01' spool/alice
	touch -m -d '2021-01-01' spool/alice
	times=$(stat -c '%x %y' spool/alice)
	run -0 check alice
	same "$times" "$(stat -c '%x %y' spool/alice)"
}

@test "-c tells where a mailbox is damaged" {
	echo 'no From_ line' | mailbox alice
	run -1 check alice
	same 'journal: none pending
mailbox: damaged at octet 0: no From_ line there' "$(grep -v '^stdpop3d' <<<"$output")"
	printf '\n\r\nno From_ line\n' | mailbox alice
	run -1 check alice
	[[ $output == *'mailbox: damaged at octet 3: no From_ line there'* ]]
	run -1 check nobody-there
	run -1 check ../spool/alice
}

@test "-c says what is hidden" {
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

@test "-c tells of an UPDATE that is pending, and leaves it so" {
	message one two three | mailbox alice
	interrupted fdatasync 2
	cp -p spool/alice kept
	cp state/alice journal
	run -1 check alice
	[[ $output == 'journal: pending, the mailbox is damaged at octet 0 until it is finished'* ]]
	unchanged
	cmp journal state/alice
}

@test "-r finishes what is pending, without a login" {
	message two three | mailbox expected
	message one two three | mailbox alice
	interrupted fdatasync 2
	[ -s state/alice ]
	run -0 recover
	cmp spool/expected spool/alice
	[ ! -s state/alice ]
	[ ! -e spool/alice.lock ]
	records | grep -F 'update recovered, ip=[unknown], user=alice, an interrupted UPDATE is finished'
}

@test "-r reads no journal unconfined" {
	message one two three | mailbox alice
	interrupted fdatasync 2
	strace -f -o trace -e trace=close_range,seccomp,pread64 \
		"$STDPOP3D" -r -e -m spool -d state -p passwd -s shadow -u nobody -U 1 2>>log
	# What comes before the call is the loader's.
	awk '/close_range\(/ { on = 1 }
		/seccomp\(SECCOMP_SET_MODE_FILTER/ { filters++ }
		on && /pread64\(/ { reads++ }
		on && /pread64\(/ && filters < 2 { print; bad = 1 }
		END { exit bad || reads < 2 }' trace
}

@test "-r leaves a maildrop that a session has to that session" {
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
	interrupted fdatasync 2
	cp state/alice journal
	# Another program saves the folder under its own view, in the same file.
	message four | mailbox alice
	keep
	run -0 recover
	unchanged
	[ ! -s state/alice ]
	cmp journal state/alice:aside
	records | grep -F 'journal set aside'
	transaction <<-'END'
		C: STAT
		S: +OK 1 31^M
	END
}

@test "a journal that a machine of another kind wrote, or the disk garbled, is not discarded" {
	local octet
	for octet in 8 16 40 100; do
		message one two three | mailbox alice
		interrupted fdatasync 2
		printf '\377' | dd of=state/alice bs=1 seek=$((4096 + octet)) conv=notrunc status=none
		cp spool/alice torn
		cp state/alice journal
		printf 'USER alice\r\nPASS sesame\r\nQUIT\r\n' | server >replies
		grep -q '^-ERR \[SYS/TEMP\] an interrupted UPDATE cannot be finished yet' replies
		cmp torn spool/alice
		cmp journal state/alice
		: >state/alice
	done
}

@test "a mailbox that is away for a login keeps its journal" {
	message two three | mailbox expected
	message one two three | mailbox alice
	interrupted fdatasync 2
	mv spool/alice away
	transaction <<-'END'
		C: STAT
		S: +OK 0 0^M
	END
	mv away spool/alice
	run -0 recover
	cmp spool/expected spool/alice
}

@test "a journal of another format is left to the build that wrote it, and the maildrop is refused until then" {
	local format
	for format in 1 9 Z; do
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
		cmp kept spool/alice
		cmp journal state/alice
		: >state/alice
	done
}
