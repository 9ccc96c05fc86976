#!/usr/bin/env bats
# The command line, and what must be there before the first octet is read.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153 # each test is a process of its own
load ../helper

# not_set_up RECORD: the server says so, to the client and in its log.
not_set_up() {
	: >log
	run -78 server <<<'USER alice'
	same $'-ERR [SYS/PERM] the server is not set up: its log says why\r' "$output"
	same "setup, ip=[unknown], $1" "$(records)"
}

@test "-V prints the version" {
	run -0 "$STDPOP3D" -V
	[[ $output =~ ^stdpop3d\ [0-9]+\.[0-9]+(\.[0-9]+)?$ ]]
}

@test "a wrong command line gets the mistake and the usage, with status 64" {
	while IFS='|' read -r arguments text; do
		# shellcheck disable=SC2086
		run -64 --separate-stderr "$STDPOP3D" $arguments </dev/null
		same '' "$output"
		# shellcheck disable=SC2154
		same "stdpop3d: $text" "${stderr_lines[0]}"
		[[ ${stderr_lines[1]} == 'usage: stdpop3d '* ]]
	done <<-'END'
		-y|unknown option -y
		-?|unknown option -?
		-m|missing argument of option -m spool (where the mailboxes are)
		-i|missing argument of option -i seconds (the time for a command, once logged in)
		-P|missing argument of option -P networks (take passwords in the clear from there, or from any)
		x|unexpected argument: x
		-e -- x|unexpected argument: x
		-i 0|not a number in range: 0
		-i x|not a number in range: x
		-i -1|not a number in range: -1
		-i 86401|not a number in range: 86401
		-l 1s|not a number in range: 1s
		-l 0|not a number in range: 0
		-w 99999999999999999999|not a number in range: 99999999999999999999
		-w +1|not a number in range: +1
		-U 0|not a number in range: 0
		-N ,|no list of domains: ,
		-N a,,b|no list of domains: a,,b
		-N a,|no list of domains: a,
		-N a@b|no list of domains: a@b
		-P -t|no network (192.168.0.0/16,fe80::/10 is a list, any is all): -t
		-Pt|no network (192.168.0.0/16,fe80::/10 is a list, any is all): t
		-P 10.0.0.0/8,any|no network (192.168.0.0/16,fe80::/10 is a list, any is all): any
		-P 192.168.0.7,fe80::/10|a network without its length, as /32 or /128 of one address: 192.168.0.7
		-P 10.0.0.0/8,192.168.0.1/16|a network in which bits after its length are set: 192.168.0.1/16
		-P fe80::/010|a network whose length is not a number in range: fe80::/010
		-P ::ffff:10.0.0.0/104|a network of IPv4 that is written as one of IPv6: ::ffff:10.0.0.0/104
		-U 4294967295|not a number in range: 4294967295
	END
}

@test "a missing passwd file, spool or state directory is reported to client and log" {
	local complete=("${SERVER[@]}")
	SERVER=("${complete[@]}" -p none)
	not_set_up 'cannot open none: No such file or directory'
	SERVER=("${complete[@]}" -m none)
	not_set_up 'cannot open none, the spool (option -m): No such file or directory'
	SERVER=("${complete[@]}" -d none)
	not_set_up 'cannot open none, the state directory (option -d; the service account'\''s, mode 0700): No such file or directory'
	SERVER=("${complete[@]}" -a none)
	not_set_up 'cannot open none: No such file or directory'
	SERVER=("${complete[@]}" -d passwd)
	not_set_up 'cannot open passwd, the state directory (option -d; the service account'\''s, mode 0700): Not a directory'
}

@test "a missing shadow file is reported to client and log, and is not a failed login" {
	SERVER+=(-s shadwo)
	not_set_up 'cannot open shadwo: No such file or directory'
}

@test "a start under a user-ID that cannot log in is reported to client and log" {
	local uid
	uid=$(id -u)
	if [ "$uid" -eq 0 ]; then
		uid=$(id -u nobody)
		chown nobody . state
		SERVER=(setpriv "--reuid=$uid" --clear-groups "${SERVER[@]}")
	fi
	echo "mail:x:$uid:$GROUP::/:/bin/false" >passwd
	SERVER+=(-u mail)
	not_set_up "started with user-ID $uid, which is not that of a user in passwd: start it as root"
	echo "alice:x:$((uid + 1)):$GROUP::/:/bin/false" >passwd
	not_set_up "started with user-ID $uid, which is not that of a user in passwd: start it as root"
	echo "alice:x:$uid:$GROUP::/:/bin/false" >>passwd
	run -0 server <<<QUIT
}

@test "--help describes each option, and --version prints the version" {
	local letter
	run -0 "$STDPOP3D" --version
	same "$("$STDPOP3D" -V)" "$output"
	run -0 --separate-stderr "$STDPOP3D" --help
	# shellcheck disable=SC2013 # one word a line
	for letter in $(sed -n 's/^\.It Fl \(.\).*/\1/p' "$TOP/man/stdpop3d.8"); do
		[[ $output =~ $'\n  '-$letter\ [a-z]*\ +[^$'\n']+ ]]
	done
	same "$(sed -n 's/^\.It Fl \(.\).*/\1/p' "$TOP/man/stdpop3d.8" | sort)" \
		"$(sed -n 's/^  -\(.\) .*/\1/p' <<<"$output" | sort)"
	run -64 "$STDPOP3D" --help x
}

@test "a state directory that others may read is refused" {
	for mode in 750 701 770 777; do
		chmod "$mode" state
		not_set_up 'state must belong to the service account and have mode 0700'
	done
	chmod 700 state
	run -0 server <<<QUIT
}

@test "nothing is written to descriptor 2 where that is the client's socket" {
	message one | mailbox alice
	for options in "" -e -y '-i x' '-d none' '-e -d none'; do
		# shellcheck disable=SC2086
		python3 - "${SERVER[@]}" $options <<-'END'
			import socket, subprocess, sys
			here, there = socket.socketpair()
			server = subprocess.Popen(sys.argv[1:], stdin=there, stdout=there, stderr=there)
			there.close()
			replies = b""
			try:
			    here.sendall(b"USER alice\r\nPASS wrong\r\nUSER alice\r\nPASS sesame\r\n")
			    here.shutdown(socket.SHUT_WR)
			    while more := here.recv(4096):
			        replies += more
			except ConnectionError:
			    pass
			for line in replies.decode().splitlines():
			    assert line.startswith(("+OK ", "-ERR ")), line
			server.wait()
		END
	done
}

@test "with descriptors closed at the start, no file of the server is taken for the client" {
	message one | mailbox alice
	keep
	"${SERVER[@]}" <&- >replies 2>>log
	"${SERVER[@]}" </dev/null >&- 2>>log || :
	"${SERVER[@]}" </dev/null 2>&- || :
	"${SERVER[@]}" <&- >&- 2>&- || :
	unchanged
	same "$(printf '%s\n' "alice:$SESAME:20000:0:99999:7:::")" "$(cat shadow)"
}

@test "-e writes log lines to descriptor 2, and without -e none go there" {
	server </dev/null >/dev/null
	[ -s log ]
	SERVER=("$STDPOP3D" "${SERVER[@]:2}")
	: >log
	server </dev/null >/dev/null
	[ ! -s log ]
}
