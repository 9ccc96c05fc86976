#!/usr/bin/env bats
# bats file_tags=root
# The login program: before login a session is an account without power, which can do
# no more than have a password judged.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a process of its own
load ../helper
load sandbox/helper

eval "$(declare -f setup | sed '1s/setup/house/')"

setup() {
	house
	installed "$STDPOP3D"
	chown 801:801 state
	{
		cat /etc/passwd
		echo 'pop3:x:801:801::/nonexistent:/usr/sbin/nologin'
		echo 'pop3-reader:x:802:802::/nonexistent:/usr/sbin/nologin'
	} >accounts
	in_house "$PWD/bin/stdpop3d"
}

# installed PROGRAM: that, and the login program beside it.
installed() {
	mkdir -p bin
	install -m 755 "$1" bin/stdpop3d
	install -m 4750 -g 802 "$1" bin/stdpop3d-login
}

# The accounts are seen by the server alone.
in_house() {
	# shellcheck disable=SC2016 # the inner shell expands it
	SERVER=(unshare --mount sh -c 'mount --bind accounts /etc/passwd && exec "$@"' sh
		"$@" -e -m spool -d state -p passwd -s shadow -u pop3 -U 1 -w 1)
}

as_reader() {
	setpriv --reuid=802 --regid=802 --clear-groups env PATH=/usr/bin:/bin "$@"
}

@test "what a break-in gains in each stage is what README says" {
	run -0 --separate-stderr "$BATS_TEST_DIRNAME/sandbox/breakin"
	same "$(grep -A 20 '^| tried |' "$TOP/README" | grep '^|')" "$output"
}

@test "a server that nothing confines gives away what README says is kept" {
	cp -R "$TOP/"{Makefile,src} .
	make -s OS=plain BUILD=plain
	STDPOP3D=plain/stdpop3d run -0 --separate-stderr "$BATS_TEST_DIRNAME/sandbox/breakin"
	# All but the vault, which is not there.
	same '| the vault: to read, change, enlarge or open it |  |  |  |' \
		"$(tail -n +3 <<<"$output" | grep -v gained)"
}

@test "the reader has no capability, no group, no hash and no way back" {
	SECRETS=("${SESAME##*$}")
	# A launcher may have groups that the server must not keep.
	SERVER=(setpriv '--groups=0,4,42' "${SERVER[@]}")
	connect bob
	ready bob
	same '802 802 802 802' "$(status "${PID[bob]}" Uid)"
	same '802 802 802 802' "$(status "${PID[bob]}" Gid)"
	same '' "$(status "${PID[bob]}" Groups)"
	for set in CapInh CapPrm CapEff CapAmb; do
		same 0000000000000000 "$(status "${PID[bob]}" "$set")"
	done
	same 00000000000000c0 "$(status "${PID[bob]}" CapBnd)"
	same 2 "$(status "${PID[bob]}" Seccomp)"
	no_secrets "${PID[bob]}"
	same 0 "$(stat -c %u "/proc/${PID[bob]}/mem")"
	run ! as_reader ls "/proc/${PID[bob]}/fd"
	hang_up bob
	run ! grep sandbox log
}

@test "after a failed try the process is the reader again, and nothing of the login program is left in its memory" {
	local secret=wrongpassword
	SECRETS=("${SESAME##*$}" "$secret")
	connect bob
	ready bob
	says bob 'USER alice' "PASS $secret"
	hears bob '+OK and the password?' "${REFUSED%^M}"
	says bob NOOP
	hears bob '-ERR log in first'
	same '802 802 802 802' "$(status "${PID[bob]}" Uid)"
	same 0000000000000000 "$(status "${PID[bob]}" CapPrm)"
	same '' "$(status "${PID[bob]}" Groups)"
	no_secrets "${PID[bob]}"
	run ! grep -a "$secret" "/proc/${PID[bob]}/fd/41"
	says bob 'USER alice' 'PASS sesame'
	hears bob '+OK and the password?' '+OK 0 messages (0 octets)'
	same '2000 2000 2000 2000' "$(status "${PID[bob]}" Uid)"
	same 0000000000000000 "$(status "${PID[bob]}" CapPrm)"
	same 1 "$(status "${PID[bob]}" NoNewPrivs)"
	same stdpop3d "$(cat "/proc/${PID[bob]}/comm")"
	SECRETS+=(sesame)
	no_secrets "${PID[bob]}"
	run ! test -e "/proc/${PID[bob]}/fd/40"
	hang_up bob
}

@test "commands sent along with the password are executed after login" {
	message one two | mailbox alice
	printf '%s\r\n' 'USER alice' 'PASS no' 'USER alice' 'PASS sesame' STAT 'DELE 1' QUIT |
		server >replies
	same "$(printf '%s\r\n' '+OK POP3 ready' '+OK and the password?' "${REFUSED%^M}" \
		'+OK and the password?' '+OK 2 messages (58 octets)' '+OK 2 58' \
		'+OK message 1 deleted' '+OK bye')" "$(cat replies)"
	message two | cmp - spool/alice
	same "login failed, ip=[unknown], user=alice, method=PASS
login, ip=[unknown], user=alice, method=PASS, messages=2, octets=58
logout, ip=[unknown], user=alice, end=quit, retrieved=0/0, deleted=1/29, left=1/29" "$(records)"
}

@test "APOP, PLAIN and LOGIN are judged by the login program, with the greeting's timestamp" {
	local timestamp digest
	(umask 077 && echo bob:tanstaaf >secrets)
	account bob '*'
	connect one -a secrets
	listen one
	timestamp="<${HEARD#*<}"
	timestamp=${timestamp%%>*}'>'
	digest=$(printf '%s' "${timestamp}tanstaaf" | md5sum | cut -d ' ' -f 1)
	says one "APOP bob ${digest/[0-9a-f]/x}" "APOP bob $digest"
	hears one "${REFUSED%^M}" '+OK 0 messages (0 octets)'
	hang_up one
	connect two
	ready two
	says two "AUTH PLAIN $(printf '\0alice\0sesame' | base64)"
	hears two '+OK 0 messages (0 octets)'
	hang_up two
	connect three
	ready three
	says three 'AUTH LOGIN' "$(printf alice | base64)" "$(printf sesame | base64)" STAT
	hears three '+ VXNlcm5hbWU6' '+ UGFzc3dvcmQ6' '+OK 0 messages (0 octets)' '+OK 0 0'
	hang_up three
}

@test "a try within TLS is judged, and the session goes on within TLS" {
	mkfifo control inside.to inside.from
	# shellcheck disable=SC1083,SC2093,SC2102 # it knows no such place for a number
	exec {CONTROL}<>control {TO[inside]}<>inside.to {FROM[inside]}<>inside.from
	SERVER=(env SSLCTLFD=10 SSLREADFD=11 SSLWRITEFD=12 "${SERVER[@]}")
	connect outside 10<>control 11<>inside.to 12<>inside.from
	ready outside
	says outside 'USER alice' 'PASS no'
	hears outside '+OK and the password?' "${REFUSED%^M}"
	says outside STLS
	hears outside '+OK begin TLS'
	IFS= read -r -N 1 -t 20 -u "$CONTROL" HEARD
	same y "$HEARD"
	says inside 'USER alice' 'PASS no' 'USER alice' 'PASS sesame'
	hears inside '+OK and the password?' "${REFUSED%^M}" '+OK and the password?' \
		'+OK 0 messages (0 octets)'
	says inside QUIT
	hears inside '+OK bye'
}

@test "a try within TLS by tlswrapper -n is judged, and there is no second STLS" {
	local control
	mkfifo control
	exec {control}<>control
	connect outside -5 5<>control
	ready outside
	says outside STLS
	IFS= read -r -t 20 -u "$control" HEARD
	same '+OK begin TLS'$'\r' "$HEARD"
	says outside 'USER alice' 'PASS no' STLS 'USER alice' 'PASS sesame'
	hears outside '+OK and the password?' "${REFUSED%^M}" '-ERR no STLS here' \
		'+OK and the password?' '+OK 0 messages (0 octets)'
	hang_up outside
}

@test "names in capitals and with a domain are judged by the login program, too" {
	printf '%s\r\n' 'USER ALICE@example.org' 'PASS sesame' QUIT |
		server -f -N example.com,example.org >replies
	same $'+OK bye\r' "$(tail -n 1 replies)"
	records | grep -q '^login, ip=\[unknown\], user=alice, '
}

@test "the address of a PROXY header is logged by the login program, too" {
	printf '%s\r\n' 'PROXY TCP4 192.0.2.7 192.0.2.1 1 2' 'USER alice' 'PASS no' 'USER alice' \
		'PASS sesame' QUIT | server -x -P any >replies
	same $'+OK bye\r' "$(tail -n 1 replies)"
	same 'login failed, ip=[192.0.2.7], user=alice, method=PASS
login, ip=[192.0.2.7], user=alice, method=PASS, messages=0, octets=0
logout, ip=[192.0.2.7], user=alice, end=quit, retrieved=0/0, deleted=0/0, left=0/0' "$(records)"
}

# The list is in the vault, and the second refusal comes from the login program's image.
@test "a network of -P counts for the reader, and its lack for the login program's log" {
	export TCPREMOTEIP
	for TCPREMOTEIP in 192.0.2.7 ::ffff:192.0.2.7; do
		: >log
		printf '%s\r\n' 'USER alice' 'PASS no' 'USER alice' 'PASS sesame' QUIT |
			server -P 2001:db8::/32,192.0.2.0/24 >replies
		same $'+OK bye\r' "$(tail -n 1 replies)"
		records | grep -q '^login, ip=\[192.0.2.7\], user=alice, '
	done
	: >log
	echo alice:secret >secrets
	chmod 600 secrets
	TCPREMOTEIP=198.51.100.7
	printf '%s\r\n' 'APOP alice 00000000000000000000000000000000' 'USER alice' QUIT |
		server -a secrets -P 2001:db8::/32,192.0.2.0/24 >replies
	same "login failed, ip=[198.51.100.7], user=alice, method=APOP
plaintext refused, ip=[198.51.100.7], there is no TLS, and the client is not known to be on this host or in a network of -P
no login, ip=[198.51.100.7], end=quit" "$(records)"
}

# syslogd KIND: syslog's socket of that kind in the current folder, whose log is read.
syslogd() {
	rm -f socket
	python3 -c '
import socket, sys
log = socket.socket(socket.AF_UNIX, getattr(socket, sys.argv[1]))
log.bind("socket")
if sys.argv[1] == "SOCK_STREAM":
    log.listen()
    log, _ = log.accept()
octets = b""
while b"logout" not in octets:
    octets += log.recv(4096) + b"\n"
print(octets.replace(b"\0", b"\n").decode())' "$1" >heard 3>&- &
	SYSLOGD=$!
	eventually test -S socket
}

@test "the login program logs to syslog by the same socket" {
	local kind
	: >null
	# shellcheck disable=SC2016 # the inner shell expands it
	SERVER=(unshare --mount sh -ec 'mount --bind accounts /etc/passwd
		mount --bind /dev/null null
		mount -t tmpfs tmpfs /dev
		touch /dev/null /dev/log
		mount --bind null /dev/null
		mount --bind socket /dev/log
		exec "$@"' sh "${SERVER[@]:6:1}" "${SERVER[@]:8}")
	for kind in SOCK_DGRAM SOCK_STREAM; do
		syslogd "$kind"
		printf '%s\r\n' 'USER alice' 'PASS no' 'USER alice' 'PASS sesame' QUIT | server >replies
		wait "$SYSLOGD"
		same '<21>stdpop3d[N]: login failed, ip=[unknown], user=alice, method=PASS
<22>stdpop3d[N]: login, ip=[unknown], user=alice, method=PASS, messages=0, octets=0
<22>stdpop3d[N]: logout, ip=[unknown], user=alice, end=quit, retrieved=0/0, deleted=0/0, left=0/0' \
			"$(sed 's/\[[0-9]*\]/[N]/' heard | sed '/^$/d')"
	done
}

@test "the reader that executes the login program by itself has three tries, with pauses" {
	local begun=$SECONDS try
	connect bob
	ready bob
	for try in 1 2 3; do
		same executed "$(inject "${PID[bob]}" execveat 42 s: 0 0 0x1000)"
		hears bob "${REFUSED%^M}"
		[ "$try" -eq 3 ] || { says bob NOOP && hears bob '-ERR log in first'; }
	done
	gone bob
	[ $((SECONDS - begun)) -ge 6 ]
	[ "$(records | grep -c '^login failed, ')" -eq 3 ]
	records | grep -q '^no login, ip=\[unknown\], end=tries$'
}

# swapped DESCRIPTOR CALL...: the reader closes it, and does what may give it the number.
swapped() {
	local name=swapped$1$#
	connect "$name"
	ready "$name"
	same 0 "$(inject "${PID[$name]}" close "$1")"
	[ $# -eq 1 ] || [ "$(inject "${PID[$name]}" "${@:2}")" -ge 0 ]
	says "$name" 'USER alice' 'PASS sesame'
	hears "$name" '+OK and the password?'
	# The process is over, and has said nothing else.
	run ! listen "$name"
	records | tail -n 1 | grep -q '^setup, .*the login program was not executed as it must be$'
	wait "${PID[$name]}" || [ $? -eq 78 ]
}

@test "descriptors that are not what root held are noticed" {
	local library
	library=$(realpath /lib/*-linux-gnu/libc.so.6)
	connect bob
	ready bob
	spool=$(descriptor "${PID[bob]}" spool)
	state=$(descriptor "${PID[bob]}" state)
	hang_up bob
	swapped "$spool"
	swapped "$state"
	swapped "$spool" openat -100 "s:$library" 0
}

@test "a reader that cannot execute the login program reports that to client and log" {
	local fd
	for fd in 41 42; do
		connect "c$fd"
		ready "c$fd"
		same 0 "$(inject "${PID[c$fd]}" close "$fd")"
		says "c$fd" 'USER alice' 'PASS sesame'
		hears "c$fd" '+OK and the password?' \
			'-ERR [SYS/TEMP] logins are out of order: the log says why'
		gone "c$fd"
		records | tail -n 2 | head -n 1 |
			grep -q '^setup, .*cannot execute the login program: Bad file descriptor$'
	done
}

@test "a reader whose login program has lost its mode, as in an upgrade, reports that" {
	local mode
	for mode in 750 600 0; do
		connect "m$mode"
		ready "m$mode"
		chmod "$mode" bin/stdpop3d-login
		says "m$mode" 'USER alice' 'PASS sesame'
		hears "m$mode" '+OK and the password?' \
			'-ERR [SYS/TEMP] logins are out of order: the log says why'
		gone "m$mode"
		records | tail -n 2 | head -n 1 |
			grep -q '^setup, .*cannot execute the login program: Permission denied$'
		chmod 4750 bin/stdpop3d-login
	done
}

@test "only a vault that root made is believed" {
	local owner mode seals
	gcc -D_GNU_SOURCE -I"$TOP/src" -o forge "$BATS_TEST_DIRNAME/sandbox/forge.c"
	chmod a+rx . bin
	run -0 --separate-stderr ./forge 0 600 7 9999999999999 bin/stdpop3d-login
	same "${REFUSED%^M}"$'\r' "$output"
	# Whatever the reader does, a try after the time is refused.
	run -0 --separate-stderr ./forge 0 600 7 1 bin/stdpop3d-login
	same '' "$output"
	[[ $stderr == *' no login, ip=[], end=timeout' ]]
	while read -r owner mode seals; do
		run -78 --separate-stderr ./forge "$owner" "$mode" "$seals" 9999999999999 bin/stdpop3d-login
		same '' "$output"
		[[ $stderr == *' the login program was executed without a vault of root'"'"'s' ]]
	done <<-'END'
		802 600 7
		801 600 7
		0 666 7
		0 640 7
		0 600 0
		0 600 3
		0 600 15
	END
}

@test "the reader is refused every call that it does not need, and the session goes on" {
	account carol "$SESAME" '' 2001
	message one | OWNER=2001 mailbox carol
	bystander 802
	connect bob
	ready bob
	answers 'EPERM|EACCES' "${PID[bob]}" < <(always_refused)
	answers 'EPERM|EACCES' "${PID[bob]}" < <(seldom_allowed)
	answers 'EPERM|EACCES|EBADF' "${PID[bob]}" <<-'END'
		openat SPOOL s:carol 0
		openat SPOOL s:carol 2
		openat SPOOL s:dave 0xc1 0404
		openat SPOOL s:dave 0xc1 06755
		openat SPOOL s:../state/alice 0x42 0600
		openat SPOOL s:../state/alice 0
		unlinkat SPOOL s:carol 0
		setresuid 2000 2000 2000
		setresuid 801 801 801
		setresgid 8 8 8
		setgroups 1 x:08000000
		capset x:2205082000000000 x:c000000000000000c000000000000000c000000000000000
		execveat -100 s:/bin/sh 0 0 0
		execveat 42 s:/bin/su 0 0 0x1000
		execveat 42 s: 0 0 0
		mmap 0 4096 7 1 41 0
		prlimit64 0 7 x:00000000000000000000000000000000 0
		fcntl 41 1033 1
		fcntl 40 0 3
	END
	# What everybody may read is no secret of a mailbox's owner, and README says so.
	chmod 644 spool/carol
	[ "$(inject "${PID[bob]}" openat "$(descriptor "${PID[bob]}" spool)" s:carol 0)" -gt 2 ]
	enters bob
	hang_up bob
}

# failing CALL ERROR WHICH: strace's words for that.
failing() {
	printf '%s\r\n' 'USER alice' 'PASS no' 'USER alice' 'PASS sesame' QUIT |
		strace -o /dev/null -e "inject=$1:error=$2:when=$3" "${SERVER[@]}" >replies 2>log
}

@test "what fails on the way to the login program lets nobody in, and is logged" {
	needs strace
	failing memfd_create ENOMEM 1+ || [ $? -eq 78 ]
	same $'-ERR [SYS/PERM] the server is not set up: its log says why\r' "$(cat replies)"
	records | grep -q '^setup, .*cannot prepare the login program: Cannot allocate memory$'
	# The first call writes the orders, the second the attempt.
	failing pwrite64 ENOSPC 1 || [ $? -eq 78 ]
	same $'-ERR [SYS/PERM] the server is not set up: its log says why\r' "$(tail -n 1 replies)"
	records | grep -q '^setup, .*orders: No space left on device$'
	failing pwrite64 ENOSPC 2
	same $'-ERR [SYS/TEMP] logins are out of order: the log says why\r' "$(tail -n 1 replies)"
	# The reader, the service account, the reader again.
	failing setresuid EAGAIN 1 || [ $? -eq 78 ]
	same $'-ERR [SYS/PERM] the server is not set up: its log says why\r' "$(cat replies)"
	failing setresuid EAGAIN 2 || [ $? -eq 78 ]
	same $'-ERR [SYS/PERM] the server is not set up: its log says why\r' "$(tail -n 1 replies)"
	failing setresuid EAGAIN 3
	records | grep -q '^setup, .*cannot become the reader: Resource temporarily unavailable$'
	records | tail -n 1 | grep -q '^no login, .*end=failed$'
	run ! grep messages replies
}

@test "the login program is refused every call that it does not need, while a refusal waits" {
	local failures
	bystander 801
	cat >failures.c <<-'END'
		#include <stdio.h>
		#include "handover.h"
		int main(void) { printf("%zu", offsetof(struct orders, failures)); }
	END
	gcc -D_GNU_SOURCE -I"$TOP/src" -o failures failures.c
	failures=$(./failures)
	connect bob
	ready bob
	# What root may: as after ten failures the pause is one of a thousand seconds.
	printf '\n' | dd of="/proc/${PID[bob]}/fd/40" bs=1 seek="$failures" conv=notrunc status=none
	says bob 'USER alice' 'PASS no'
	hears bob '+OK and the password?'
	eventually grep -q 'login failed' log
	eventually grep -q '^State:.S' "/proc/${PID[bob]}/status"
	same 00000000000000c0 "$(status "${PID[bob]}" CapPrm)"
	answers 'EPERM|EACCES' "${PID[bob]}" <<-'END'
		openat -100 s:/etc/shadow 0
		openat -100 s:OUTSIDE/decoy 0
		setresuid 0 0 0
		setresuid -1 0 -1
		setresgid 0 0 0
		socket 1 1 0
		execve s:/bin/sh 0 0
		execveat -100 s:/bin/su 0 0 0
		ptrace 0x4206 BYSTANDER 0 0
		kill BYSTANDER 0
	END
	kill "${PID[bob]}"
	gone bob
	records | grep -q '^no login, .*end=signal$'
}

@test "a closed or foreign vault lets nobody in" {
	connect bob
	ready bob
	same 0 "$(inject "${PID[bob]}" close 40)"
	same executed "$(inject "${PID[bob]}" execveat 42 s: 0 0 0x1000)"
	run ! listen bob
	wait "${PID[bob]}" || [ $? -eq 78 ]
	# A process that can execute the program can hand it files of its own.
	chmod a+rx . bin
	run -0 as_reader python3 "$BATS_TEST_DIRNAME/sandbox/forge.py" bin/stdpop3d-login
	same 'all are refused' "$(tail -n 1 <<<"$output")"
}

@test "nobody but the reader can execute the login program" {
	chmod a+rx . bin
	for uid in 801 2000 65534; do
		run -126 setpriv --reuid="$uid" --regid="$uid" --clear-groups env bin/stdpop3d-login
	done
	run -78 --separate-stderr as_reader bin/stdpop3d-login </dev/null
	same '' "$output"
}

@test "the time for a login ends for the login program, too" {
	connect bob -l 2
	ready bob
	kill -STOP "${PID[bob]}"
	says bob 'USER alice' 'PASS sesame'
	sleep 3
	kill -CONT "${PID[bob]}"
	while listen bob; do [[ $HEARD != *messages* ]]; done
	records | grep -q '^no login, ip=\[unknown\], end=timeout$'
}

# falls_back REASON: the server is one program for all, says why, and serves.
falls_back() {
	: >log
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT | server >replies
	same $'+OK bye\r' "$(tail -n 1 replies)"
	same "sandbox, ip=[unknown], no login program, $1" "$(all_records | grep '^sandbox, .*login')"
}

# by COMMAND...: the server by way of a command, with the accounts.
by() {
	in_house "$@" "$PWD/bin/stdpop3d"
}

@test "a missing need of the login program is found at the start, and logged" {
	local mode wrong="it is not root's and of the reader's group, with mode 4750"
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT | server >replies
	same $'+OK bye\r' "$(tail -n 1 replies)"
	run ! grep sandbox log
	by setpriv --no-new-privs
	falls_back 'the launcher has forbidden new privileges'
	by setpriv --bounding-set -sys_admin
	falls_back 'the launcher has taken CAP_SYS_ADMIN or CAP_SETPCAP away'
	by setpriv --bounding-set -setpcap
	falls_back 'the launcher has taken CAP_SYS_ADMIN or CAP_SETPCAP away'
	by "$BATS_FILE_TMPDIR/without" landlock_create_ruleset ENOSYS
	falls_back 'the launcher has forbidden new privileges'
	in_house "$PWD/bin/stdpop3d"
	for mode in 755 4755 4751 4770 6750 2750; do
		chmod "$mode" bin/stdpop3d-login
		falls_back "$wrong"
	done
	chown 0:801 bin/stdpop3d-login
	chmod 4750 bin/stdpop3d-login
	falls_back "$wrong"
	chown 2000:802 bin/stdpop3d-login
	chmod 4750 bin/stdpop3d-login
	falls_back "$wrong"
	chown 0:802 bin/stdpop3d-login
	chmod 4750 bin/stdpop3d-login
	echo >>bin/stdpop3d-login
	falls_back 'it is of another build than this program'
	rm bin/stdpop3d-login
	falls_back 'there is none beside this program'
	ln -s "$STDPOP3D" bin/stdpop3d-login
	falls_back "$wrong"
	sed -i /pop3-reader/d accounts
	falls_back 'there is no account for the reader'
}

@test "on a nosuid mount there is no login program" {
	mkdir elsewhere
	mount -t tmpfs -o nosuid,mode=755 tmpfs elsewhere
	cp -p bin/* elsewhere
	in_house "$PWD/elsewhere/stdpop3d"
	falls_back 'it is on a nosuid mount'
	umount elsewhere
}

# judged [COMMAND...]: a wrong and a right password, by the login program; COMMAND runs
# the server.
judged() {
	printf '%s\r\n' 'USER alice' 'PASS no' 'USER alice' 'PASS sesame' QUIT |
		"$@" "${SERVER[@]}" >replies 2>>log
	same "$(printf '%s\r\n' '+OK POP3 ready' '+OK and the password?' "${REFUSED%^M}" \
		'+OK and the password?' '+OK 0 messages (0 octets)' '+OK bye')" "$(cat replies)"
	run ! grep 'no login program' log
}

@test "where the kernel makes memory files that cannot be executed, the vault is known" {
	[ -e /proc/sys/vm/memfd_noexec ] || skip 'no vm.memfd_noexec here'
	local way
	for way in 1 2; do
		# shellcheck disable=SC2016 # the inner shell expands it
		judged unshare --mount --pid --fork sh -c 'mount -t proc proc /proc &&
			echo "$1" >/proc/sys/vm/memfd_noexec && shift && exec "$@"' sh "$way"
	done
}

@test "the login program of another C library, or a static one, is loaded, too" {
	command -v musl-gcc >/dev/null || skip 'no musl-gcc'
	cp -R "$TOP/"{Makefile,src,contrib} .
	make -s musl
	installed build/musl/stdpop3d
	judged
	make -s BUILD=build/static LDFLAGS=-static-pie 2>make.log
	installed build/static/stdpop3d
	judged
}

@test "a launcher's soft limits on descriptors and processes keep nobody out" {
	local name
	ulimit -S -n 32 -u 1
	# The sessions that exceed the limit become the reader after others did.
	for name in one two three; do
		connect "$name"
		ready "$name"
	done
	judged
	for name in one two three; do
		hang_up "$name"
	done
}

@test "with too few descriptors there is no login program, and the log says so" {
	ulimit -n 32
	SERVER=(setpriv --inh-caps=-sys_resource --bounding-set=-sys_resource "${SERVER[@]}")
	run -0 server <<<QUIT
	grep 'no login program, the launcher allows too few descriptors$' log
}

@test "five capabilities are enough for a login program" {
	SERVER=(setpriv
		'--bounding-set=-all,+setuid,+setgid,+dac_read_search,+sys_admin,+setpcap'
		"${SERVER[@]}")
	printf '%s\r\n' 'USER alice' 'PASS no' 'USER alice' 'PASS sesame' QUIT | server >replies
	same $'+OK bye\r' "$(tail -n 1 replies)"
	run ! grep sandbox log
}

@test "a reader whose group is the spool's is not taken, and the log says so" {
	sed -i '/^pop3-reader:/s/:802:802:/:802:8:/' accounts
	chgrp mail bin/stdpop3d-login
	chmod 4750 bin/stdpop3d-login
	run -0 server <<<QUIT
	grep "no login program, the reader's group is the spool's\$" log
}

@test "where root's programs gain no power there is no login program, and the log says so" {
	SERVER=(setpriv '--inh-caps=+all,-sys_resource' '--ambient-caps=+all,-sys_resource'
		--securebits=+noroot "${SERVER[@]}")
	dialogue <<-'END'
		S: +OK POP3 ready^M
		C: USER alice
		S: +OK and the password?^M
		C: PASS sesame
		S: +OK 0 messages (0 octets)^M
	END
	grep "no login program, the launcher's securebits give root's programs no power\$" log
}

@test "a signal left pending ends the login program before the verdict" {
	needs strace
	printf '%s\r\n' 'USER alice' 'PASS no' |
		strace -o /dev/null -e 'inject=execveat:signal=TERM' "${SERVER[@]}" >replies 2>>log
	same 'no login, ip=[unknown], end=signal' "$(records)"
	same "$(printf '%s\r\n' '+OK POP3 ready' '+OK and the password?')" "$(cat replies)"
}

@test "the reader hands on no environment" {
	connect bob
	ready bob
	# An empty one, and one with a variable.
	same EPERM "$(inject "${PID[bob]}" execveat 42 s: 0 x:0000000000000000 0x1000)"
	same EPERM "$(inject "${PID[bob]}" execveat 42 s: 0 0x100000000 0x1000)"
	hang_up bob
}

@test "after login nothing is executed, neither a program nor the mailbox" {
	local mailbox
	message one | mailbox alice
	connect bob
	ready bob
	says bob 'USER alice' 'PASS sesame'
	hears bob '+OK and the password?' '+OK 1 messages (29 octets)'
	mailbox=$(find "/proc/${PID[bob]}/fd" -lname "$PWD/spool/alice" -printf %f)
	same EPERM "$(inject "${PID[bob]}" mmap 0 4096 5 1 "$mailbox" 0)"
	same EPERM "$(inject "${PID[bob]}" mmap 0 4096 5 2 "$mailbox" 0)"
	same EPERM "$(inject "${PID[bob]}" execveat 42 s: 0 0 0x1000)"
	run -0 inject "${PID[bob]}" mmap 0 4096 1 2 "$mailbox" 0
	hang_up bob
}
