#!/usr/bin/env bats
# bats file_tags=root
# What the kernel lets a session do in each state, asked from inside of it.
# shellcheck disable=SC2030,SC2031,SC2034 # each test is a process of its own
load ../helper
load sandbox/helper

@test "the forbidden calls are not refused to a process that is not confined" {
	local pid
	mkfifo pipe
	sleep 600 3>&- >pipe &
	cat pipe 3>&- >/dev/null &
	pid=$!
	bystander
	eventually grep -q '^State:.*sleeping' "/proc/$pid/status"
	run answers 'EPERM|EACCES' "$pid" < <(always_refused)
	[ "$status" -eq 1 ]
	# Each of them.
	same "$(always_refused | wc -l)" "${#lines[@]}"
}

@test "in AUTHORIZATION the process is the service account, with two capabilities" {
	local pid filters
	filters=$(status self Seccomp_filters)
	# A launcher may have groups that the server must not keep.
	SERVER=(setpriv "--groups=0,4,20" "${SERVER[@]}")
	connect bob
	ready bob
	pid=${PID[bob]}
	same "$(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -u nobody)" "$(status "$pid" Uid)"
	same "$(id -g nobody) $(id -g nobody) $(id -g nobody) $(id -g nobody)" "$(status "$pid" Gid)"
	same "$(stat -c %g spool)" "$(status "$pid" Groups)"
	same 00000000000000c0 "$(status "$pid" CapEff)"
	same 00000000000000c0 "$(status "$pid" CapPrm)"
	same 0000000000000000 "$(status "$pid" CapInh)"
	same 0000000000000000 "$(status "$pid" CapAmb)"
	same 1 "$(status "$pid" NoNewPrivs)"
	same 2 "$(status "$pid" Seccomp)"
	same $((filters + 2)) "$(status "$pid" Seccomp_filters)"
	says bob QUIT
	hears bob '+OK bye'
	gone bob
}

@test "in TRANSACTION the process is the user, with no capability" {
	local pid filters
	filters=$(status self Seccomp_filters)
	message one | mailbox alice
	connect bob
	login bob
	pid=${PID[bob]}
	same '2000 2000 2000 2000' "$(status "$pid" Uid)"
	same '2000 2000 2000 2000' "$(status "$pid" Gid)"
	# The spool belongs to mail, which alone can make a dotlock.
	same "$(getent group mail | cut -d : -f 3)" "$(status "$pid" Groups)"
	same 0000000000000000 "$(status "$pid" CapEff)"
	same 0000000000000000 "$(status "$pid" CapPrm)"
	same 1 "$(status "$pid" NoNewPrivs)"
	same 2 "$(status "$pid" Seccomp)"
	same $((filters + 3)) "$(status "$pid" Seccomp_filters)"
	hang_up bob
}

@test "no group is kept where the spool's mode does not ask for it" {
	local mode
	for mode in 1777 0755; do
		chmod "$mode" spool
		connect "c$mode"
		login "c$mode"
		same '' "$(status "${PID[c$mode]}" Groups)"
		hang_up "c$mode"
	done
	chgrp root spool
	chmod 2775 spool
	connect bob
	login bob
	same '' "$(status "${PID[bob]}" Groups)"
	hang_up bob
}

@test "with -k nothing is made in the spool, so no group is kept for that and nothing removed" {
	message one | mailbox alice
	message one | OWNER=2001 mailbox carol
	connect bob -k
	login bob
	same '' "$(status "${PID[bob]}" Groups)"
	answers 'EPERM|EACCES' "${PID[bob]}" <<-'END'
		openat SPOOL s:dave 0xc1 0404
		unlinkat SPOOL s:carol 0
		unlinkat SPOOL s:alice 0
	END
	hang_up bob
}

@test "no octet of a mailbox, journal or index is read before the last filter is in force" {
	local file
	head -c 2000000 /dev/zero | tr '\0' x | cat <(message one) - | mailbox alice
	SERVER=(strace -f -y -o trace -e 'trace=seccomp,landlock_restrict_self,read,pread64' "${SERVER[@]}")
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT | "${SERVER[@]}" >replies 2>>log
	head -c 9000 /dev/zero >state/alice
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT | "${SERVER[@]}" -3 >replies 2>>log
	for file in spool/alice state/alice state/alice:index; do
		grep -qF "/$file>" trace
	done
	[ "$(grep -c 'seccomp(SECCOMP_SET_MODE_FILTER' trace)" -eq 3 ]
	[ "$(grep -c 'landlock_restrict_self' trace)" -eq 2 ]
	awk '/seccomp\(SECCOMP_SET_MODE_FILTER/ { filters++ }
		/pread64.*\/(spool|state)\// && filters < 3 { print; bad = 1 }
		END { exit bad }' trace
}

@test "in AUTHORIZATION every call that is not needed is refused, and the session goes on" {
	local pid
	account carol "$SESAME" '' 2001
	message one | OWNER=2001 mailbox carol
	bystander
	connect bob
	ready bob
	pid=${PID[bob]}
	answers 'EPERM|EACCES' "$pid" < <(always_refused)
	answers 'EPERM|EACCES' "$pid" < <(seldom_allowed)
	answers 'EPERM|EACCES' "$pid" <<-'END'
		openat SPOOL s:carol 0
		openat SPOOL s:carol 2
		openat SPOOL s:../decoy 0
		unlinkat SPOOL s:../decoy 0
		setresuid 999 999 999
		setresuid 2002 2002 2002
		setresuid 2000 2000 2001
		setresuid 2001 2000 2000
		setresuid -1 -1 -1
		setresgid 42 42 42
		setresgid 2000 2000 42
		setresgid -1 -1 42
		setgroups 1 x:08000000
		setgroups 1 x:2a000000
		openat SPOOL s:planted 0xc1 06755
		openat SPOOL s:planted 0xc1 04404
		openat SPOOL s:planted 0x41 0644
		openat SPOOL s:planted 0x41 0666
		openat SPOOL s:. 0x410001 0600
		openat SPOOL s:. 0x410002 0600
		capset x:2205082000000000 x:ffffffffffffffff00000000ffffffffffffffff00000000
		capset x:2205082000000000 x:c100000000000000c100000000000000c100000000000000
	END
	enters bob
	hang_up bob
}

@test "in AUTHORIZATION the process cannot signal others of the service account" {
	bystander
	connect bob
	ready bob
	answers EPERM "${PID[bob]}" <<-'END'
		tgkill BYSTANDER BYSTANDER 0
		tkill BYSTANDER 0
		prlimit64 BYSTANDER 7 0 x:00000000000000000000000000000000
	END
	hang_up bob
}

@test "in TRANSACTION every call that is not needed is refused, and the session goes on" {
	local pid
	message one | mailbox alice
	account carol "$SESAME" '' 2001
	message one | OWNER=2001 mailbox carol
	bystander
	connect bob
	login bob
	pid=${PID[bob]}
	answers 'EPERM|EACCES' "$pid" < <(always_refused)
	answers 'EPERM|EACCES' "$pid" < <(seldom_allowed)
	answers EPERM "$pid" <<-'END'
		setresuid 2001 2001 2001
		setresuid -1 -1 -1
		setresgid 2001 2001 2001
		setgroups 0 0
		setgroups 1 x:00000000
		capset x:2205082000000000 x:c000000000000000c000000000000000c000000000000000
		seccomp 2 0 x:00000000
		landlock_create_ruleset 0 0 1
		landlock_restrict_self -1 0
		openat SPOOL s:alice 0
		openat SPOOL s:alice 2
		openat SPOOL s:carol 0
		openat -100 s:OUTSIDE/fourth 0xc1 0404
		openat SPOOL s:alice 0x41 0404
		openat SPOOL s:dave 0xc1 0600
		openat SPOOL s:dave 0xc2 0404
		openat SPOOL s:dave 0xc1 02404
		unlinkat -100 s:OUTSIDE/decoy 0
	END
	answers 'EPERM|EACCES' "$pid" <<-'END'
		openat SPOOL s:../decoy 0
		openat SPOOL s:../outside/fifth 0xc1 0404
		unlinkat SPOOL s:../decoy 0
		unlinkat SPOOL s:../outside/decoy 0
	END
	# What is there is not made anew, and what is needed is allowed.
	same EEXIST "$(inject "$pid" openat "$(descriptor "$pid" spool)" s:alice 0xc1 0404)"
	[ "$(inject "$pid" openat "$(descriptor "$pid" spool)" s:alice.lock 0xc1 0404)" -gt 2 ]
	same 0 "$(inject "$pid" unlinkat "$(descriptor "$pid" spool)" s:alice.lock 0)"
	says bob 'DELE 1' QUIT
	hears bob '+OK message deleted' '+OK bye' || hears bob '+OK bye'
	gone bob
}

@test "in TRANSACTION nothing that exists is opened, not even for its path alone" {
	local pid
	connect bob
	login bob
	pid=${PID[bob]}
	answers 'EPERM|EACCES' "$pid" <<-'END'
		openat SPOOL s:../decoy 0x200000
		openat SPOOL s:../decoy 0x2000c0
		openat SPOOL s:/etc/shadow 0x2000c0
	END
	hang_up bob
}

@test "a system call by another architecture's entry ends the process" {
	local pid state want
	mkfifo pipe
	sleep 600 3>&- >pipe &
	cat pipe 3>&- >/dev/null &
	pid=$!
	eventually grep -q '^State:.*sleeping' "/proc/$pid/status"
	want=$(inject -i "$pid" 20)
	# A machine may have no other way: there nobody gets a number.
	if [ "$want" = "$pid" ]; then
		want='killed by SYS'
	else
		same 'stopped by SEGV' "$want"
	fi
	for state in authorization transaction; do
		connect "$state"
		if [ "$state" = transaction ]; then
			login "$state"
		else
			ready "$state"
		fi
		pid=${PID[$state]}
		same "$want" "$(inject -i "$pid" 20)"
	done
}

@test "Landlock is in force: what ids and modes allow is refused" {
	local pid
	mkdir outside
	chmod 777 outside
	connect bob
	ready bob
	pid=${PID[bob]}
	same EACCES "$(inject "$pid" openat -100 "s:$PWD/outside/new" 0xc1 0600)"
	same EACCES "$(inject "$pid" openat -100 s:/etc/passwd 0)"
	hang_up bob
	[ -z "$(ls outside)" ]
}

@test "-S works where the kernel can confine, and logs nothing" {
	connect bob -S
	login bob
	hang_up bob
	run ! grep -q 'sandbox.*kernel' log
}

@test "without Landlock a log line says so, and the session is served" {
	SERVER=("$BATS_FILE_TMPDIR/without" landlock_create_ruleset ENOSYS "${SERVER[@]}")
	dialogue <<-'END'
		S: +OK POP3 ready^M
		C: USER alice
		S: +OK and the password?^M
		C: PASS sesame
		S: +OK 0 messages (0 octets)^M
		C: QUIT
		S: +OK bye^M
	END
	[ "$(all_records | grep -c '^sandbox, .*this kernel')" -eq 1 ]
}

@test "without Landlock -S refuses to work" {
	SERVER=("$BATS_FILE_TMPDIR/without" landlock_create_ruleset ENOSYS "${SERVER[@]}")
	run -78 --separate-stderr server -S </dev/null
	same $'-ERR [SYS/PERM] the server is not set up: its log says why\r' "$output"
	all_records | grep -q '^sandbox, .*this kernel'
}

# confined_in_part CALL ERROR: one log line says that the kernel lacks something, the
# session is served, and with -S it is not.
confined_in_part() {
	local server=("${SERVER[@]}")
	SERVER=("$BATS_FILE_TMPDIR/without" "$1" "$2" "${SERVER[@]}")
	: >log
	printf 'USER alice\r\nPASS sesame\r\nQUIT\r\n' | server >replies
	same $'+OK bye\r' "$(tail -n 1 replies)"
	[ "$(all_records | grep -c '^sandbox, .*this kernel')" -eq 1 ]
	run -78 --separate-stderr server -S </dev/null
	SERVER=("${server[@]}")
}

@test "a kernel in which Landlock is off, or without seccomp, confines in part and that is logged" {
	confined_in_part landlock_create_ruleset EOPNOTSUPP
	confined_in_part seccomp ENOSYS
	confined_in_part seccomp EINVAL
}

@test "if the kernel rejects a filter, the session ends before the greeting" {
	SERVER=("$BATS_FILE_TMPDIR/without" seccomp EPERM "${SERVER[@]}")
	run -78 --separate-stderr server </dev/null
	records | grep -q '^sandbox, .*cannot be confined: Operation not permitted'
}

@test "without Landlock the filter still refuses what exists after login" {
	local pid
	SERVER=("$BATS_FILE_TMPDIR/without" landlock_create_ruleset ENOSYS "${SERVER[@]}")
	message one | mailbox alice
	bystander
	connect bob
	login bob
	pid=${PID[bob]}
	answers 'EPERM|EACCES' "$pid" <<-'END'
		openat -100 s:/etc/passwd 0
		openat SPOOL s:alice 2
		openat SPOOL s:../decoy 0
		execve s:/nonexistent 0 0
		socket 1 1 0
		setresuid 2001 2001 2001
	END
	hang_up bob
}

@test "no core file is written, and other processes of the account cannot read the memory" {
	local limits
	connect bob
	ready bob
	limits=$(grep 'Max core file size' "/proc/${PID[bob]}/limits" | tr -s ' ')
	same 'Max core file size 0 0 bytes' "${limits% }"
	same 0 "$(stat -c %u "/proc/${PID[bob]}/mem")"
	run ! setpriv --reuid=nobody --regid=nogroup --clear-groups \
		ls "/proc/${PID[bob]}/fd"
	hang_up bob
}

@test "what a launcher leaves open is closed" {
	connect bob 7</etc/hostname 100</etc/hostname
	ready bob
	run ! descriptor "${PID[bob]}" /etc/hostname
	hang_up bob
}

@test "before the first octet is read the account files are closed" {
	local file
	connect bob
	ready bob
	for file in passwd shadow; do
		run ! descriptor "${PID[bob]}" "$file"
	done
	hang_up bob
}

@test "before login only the hashes of served accounts are in memory" {
	local served unserved
	served=$(openssl passwd -6 -salt firstsalt correcthorse)
	unserved=$(openssl passwd -6 -salt othersalt batterystaple)
	: >shadow
	: >passwd
	account root "$unserved" '' 0
	account alice "$served"
	account daemon "$unserved" '' 999
	echo "nobody:$unserved:20000:0:::::" >>shadow
	account noshell "$unserved"
	sed -i "s,/:.*,/:$(grep -m 1 '^/' /etc/shells)," passwd
	sed -i '$s,/:.*,/:/bin/false,' passwd
	(umask 077 && echo root:tr0ubad0r >secrets)
	SECRETS=(firstsalt)
	connect one -L -U 1000 -a secrets
	listen one
	says one NOOP
	hears one '-ERR log in first'
	run no_secrets "${PID[one]}"
	[ "$status" -eq 1 ]
	SECRETS=(othersalt "${unserved##*$}" tr0ubad0r)
	no_secrets "${PID[one]}"
	hang_up one
}

@test "after login no password and no hash is in memory" {
	local hash1 hash2 hash3 plain
	hash1=$(openssl passwd -6 -salt firstsalt correcthorse)
	hash2=$(openssl passwd -6 -salt othersalt batterystaple)
	hash3=$(openssl passwd -6 -salt thirdsalt tr0ubad0r)
	: >shadow
	: >passwd
	account before "$hash2"
	account alice "$hash1"
	account behind "$hash2"
	# A line that is no account's is read, too.
	echo "malformed:$hash3:20000:0:" >>shadow
	plain=$(printf '\0alice\0correcthorse' | base64)
	# The end of a name that was overwritten in part would do, too.
	SECRETS=(thorse wrongpassword "${hash1##*$}" "${hash2##*$}" firstsalt othersalt
		"${hash3##*$}" thirdsalt "$plain")

	# That the search finds something, before.
	connect one
	ready one
	says one 'USER correcthorse'
	hears one '+OK and the password?'
	run no_secrets "${PID[one]}"
	[ "$status" -eq 1 ]
	says one 'PASS wrongpassword' 'USER alice' 'PASS correcthorse'
	hears one "${REFUSED%^M}" '+OK and the password?' '+OK 0 messages (0 octets)'
	no_secrets "${PID[one]}"
	hang_up one

	connect two
	hears two '+OK POP3 ready'
	says two "AUTH PLAIN $plain"
	hears two '+OK 0 messages (0 octets)'
	no_secrets "${PID[two]}"
	hang_up two

	connect three
	hears three '+OK POP3 ready'
	says three 'AUTH LOGIN' "$(printf alice | base64)" "$(printf correcthorse | base64)"
	hears three '+ VXNlcm5hbWU6' '+ UGFzc3dvcmQ6' '+OK 0 messages (0 octets)'
	no_secrets "${PID[three]}"
	hang_up three
}

@test "after APOP its secrets are not in memory" {
	local timestamp digest
	(umask 077 && printf 'alice:correcthorse\nbob:batterystaple\n' >secrets)
	SECRETS=(correcthorse batterystaple)
	connect bob -a secrets
	listen bob
	timestamp=${HEARD#*<}
	timestamp="<${timestamp%%>*}>"
	digest=$(printf '%s' "${timestamp}correcthorse" | md5sum | cut -d ' ' -f 1)
	says bob "APOP alice $digest"
	hears bob '+OK 0 messages (0 octets)'
	no_secrets "${PID[bob]}"
	hang_up bob
}

# not_set_up: the server refuses to work, and says why to its log only.
not_set_up() {
	run -78 --separate-stderr server </dev/null
	same $'-ERR [SYS/PERM] the server is not set up: its log says why\r' "$output"
	tail -n 1 log | grep -q 'setup, '
}

@test "a state directory of another owner or mode is refused" {
	local mode
	for mode in 701 710 750 755 1777; do
		chmod "$mode" state
		not_set_up
	done
	chmod 700 state
	chown root state
	not_set_up
	chown nobody state
	run -0 server < <(printf 'QUIT\r\n')
}

@test "root cannot be the service account, nor an account in root's group" {
	SERVER+=(-u root)
	not_set_up
	{
		cat /etc/passwd
		echo 'half:x:65533:0::/:/bin/false'
	} >accounts
	# Nobody else sees this file.
	SERVER=(unshare --mount sh -c 'mount --bind accounts /etc/passwd && exec "$@"' sh
		"${SERVER[@]}" -u half)
	chown 65533 state
	not_set_up
}

@test "a service account that does not exist is refused" {
	SERVER+=(-u nosuchaccount)
	not_set_up
}

@test "the environment opens nothing once the client is heard" {
	message one | mailbox alice
	export TZ=:../../../../etc/shadow LANG=../../etc/shadow LC_ALL=de_DE LOCPATH=/etc \
		NLSPATH=/etc/shadow HOSTALIASES=/etc/shadow MALLOC_CHECK_=3 TMPDIR=/etc
	SERVER=(strace -f -o trace -e trace=%file "${SERVER[@]}")
	dialogue <<-'END'
		S: +OK POP3 ready^M
		C: USER alice
		S: +OK and the password?^M
		C: PASS sesame
		S: +OK 1 messages (29 octets)^M
		C: QUIT
		S: +OK bye^M
	END
	# The service account is looked up last.
	sed '1,/"\/etc\/passwd"/d' trace | grep -E 'open|exec' >opened
	cat opened
	run ! grep -vE 'openat\([0-9]+, "alice' opened
	run ! grep -F /etc/shadow opened
}

# confined_alike MAKE-ARGUMENT... BINARY: what make makes of these is static, and
# confined like the other.
confined_alike() {
	local pid
	# A copy, since it is built in the tree.
	mkdir tree
	cp -R "$TOP/"{Makefile,contrib,src,tests} tree
	make -s -C tree "${@:1:$#-1}" >build.log 2>&1 || { cat build.log; false; }
	SERVER[0]=$PWD/tree/${!#}
	run ldd "${SERVER[0]}"
	[[ $output != *.so* ]]
	message one | mailbox alice
	bystander
	connect bob -S
	ready bob
	pid=${PID[bob]}
	answers 'EPERM|EACCES' "$pid" < <(always_refused)
	same 00000000000000c0 "$(status "$pid" CapEff)"
	says bob 'USER alice' 'PASS sesame'
	hears bob '+OK and the password?' '+OK 1 messages (29 octets)'
	answers 'EPERM|EACCES' "$pid" < <(always_refused)
	same 0000000000000000 "$(status "$pid" CapEff)"
	same '2000 2000 2000 2000' "$(status "$pid" Uid)"
	says bob 'RETR 1' 'DELE 1' QUIT
	gone_well bob
	[ ! -s spool/alice ]
	# It may ask for the time in other ways: a mailbox that is quite new.
	message one | mailbox alice
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'STAT' QUIT |
		timeout 20 "${SERVER[@]}" -S >replies 2>>log
	[ "$(tail -n 1 replies)" = $'+OK bye\r' ]
}

@test "the static binary against musl is confined alike" {
	confined_alike musl build/musl/stdpop3d
}

@test "the static binary against glibc is confined alike" {
	confined_alike LDFLAGS=-static-pie build/stdpop3d
}

# gone_well NAME: the rest of what the server says, to its end.
gone_well() {
	while listen "$1"; do :; done
	same $'+OK bye\r' "$HEARD" || [ -z "$HEARD" ]
}
