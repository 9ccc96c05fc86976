#!/usr/bin/env bats
# bats file_tags=root
# The way to the login program on hosts that are set up otherwise, and under a reader
# that prepares it ill.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
load ../helper

setup_file() {
	require_packages "$BATS_TEST_DIRNAME/sandbox/packages" || return 0
	gcc -D_GNU_SOURCE -O -o "$BATS_FILE_TMPDIR/inject" "$BATS_TEST_DIRNAME/sandbox/inject.c"
}

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
	# shellcheck disable=SC2016 # the inner shell expands it
	SERVER=(unshare --mount sh -c 'mount --bind accounts /etc/passwd && exec "$@"' sh
		"$PWD/bin/stdpop3d" -e -m spool -d state -p passwd -s shadow -u pop3 -U 1 -w 1)
}

# installed PROGRAM: that, and the login program beside it.
installed() {
	mkdir -p bin
	install -m 755 "$1" bin/stdpop3d
	install -m 4750 -g 802 "$1" bin/stdpop3d-login
}

inject() {
	"$BATS_FILE_TMPDIR/inject" "$@"
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

@test "the login program of a C library that has other calls is loaded, too" {
	command -v musl-gcc >/dev/null || skip 'no musl-gcc'
	cp -R "$TOP/"{Makefile,src,contrib} .
	make -s musl
	installed build/musl/stdpop3d
	judged
}

@test "a launcher's soft limits on descriptors and processes keep nobody out" {
	local name
	ulimit -S -n 32 -u 1
	# Those who exceed the limit become the reader after others did.
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
