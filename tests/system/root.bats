#!/usr/bin/env bats
# bats file_tags=root
# What only root can set up: other owners, other uids, the service account.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153 # each test is a process of its own
load ../helper

# reply_to_pass OPTION...: the reply to alice's right password.
reply_to_pass() {
	printf 'USER alice\nPASS sesame\n' | server "$@" | sed -n 3p | tr -d '\r'
}

wrong=${REFUSED%^M}
unserved='-ERR [SYS/PERM] the mailbox is not one that can be served'

@test "uid 0 and uids below the least one are refused as a wrong password is" {
	rm passwd shadow
	account alice "$SESAME" '' 0
	same "$wrong" "$(reply_to_pass)"
	same "$wrong" "$(reply_to_pass -U 1)"
	rm passwd shadow
	account alice "$SESAME" '' 999
	same "$wrong" "$(reply_to_pass -U 1000)"
	same '+OK 0 messages (0 octets)' "$(reply_to_pass -U 999)"
	SERVER=("$STDPOP3D" -e -m spool -d state -p passwd -s shadow -u nobody)
	same "$wrong" "$(reply_to_pass)"
}

@test "uid 0 is refused by APOP, too" {
	rm passwd shadow
	account alice "$SESAME" '' 0
	printf 'alice:tanstaaf\n' >secrets
	chmod 600 secrets
	connect a -a secrets
	listen a
	stamp=${HEARD#+OK POP3 ready }
	says a "APOP alice $(printf '%stanstaaf' "${stamp%$'\r'}" | md5sum | cut -c -32)"
	hears a "$wrong"
}

@test "with -L neither an empty line nor a comment of /etc/shells is a shell" {
	printf '# shells\n\n/bin/sh\n' >shells
	# Nobody else sees this file.
	SERVER=(unshare --mount sh -c 'mount --bind shells /etc/shells && exec "$@"' sh "${SERVER[@]}")
	for shell in '' '# shells' /bin/sh; do
		echo "alice:x:$OWNER:$GROUP::/:$shell" >passwd
		reply_to_pass -L
	done >replies
	same "$wrong
$wrong
+OK 0 messages (0 octets)" "$(cat replies)"
}

@test "a front's own address is not the client's, where the client's cannot be read" {
	unshare --net python3 - "${SERVER[@]}" <<-'END'
		import fcntl, os, socket, struct, subprocess, sys
		HERE, SIOCSIFADDR, SIOCSIFFLAGS, IFF_UP = "198.51.100.1", 0x8916, 0x8914, 1
		with socket.socket() as s:
		    fcntl.ioctl(s, SIOCSIFADDR, struct.pack("16sHH4s8x", b"lo", socket.AF_INET, 0,
		        socket.inet_aton(HERE)))
		    fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
		listener = socket.create_server((HERE, 0))
		address = listener.getsockname()
		for variable, network, answer in (
		    (None, "198.51.100.0/24", b"+OK"),
		    ("", "198.51.100.0/24", b"-ERR"),
		    ("mail.example.org", "198.51.100.0/24", b"-ERR"),
		    ("192.0.2.7", "198.51.100.0/24", b"-ERR"),
		    ("192.0.2.7", "192.0.2.0/24", b"+OK"),
		):
		    client = socket.create_connection(address)
		    peer, _ = listener.accept()
		    environment = dict(os.environ)
		    if variable is not None:
		        environment["REMOTE_HOST"] = variable
		    server = subprocess.Popen(sys.argv[1:] + ["-P", network], stdin=peer, stdout=peer,
		        stderr=subprocess.DEVNULL, env=environment)
		    peer.close()
		    client.sendall(b"USER alice\r\nQUIT\r\n")
		    replies = client.makefile("rb").readlines()
		    assert replies[1].startswith(answer), (variable, network, replies)
		    server.wait()
	END
}

@test "an account in root's group is not served" {
	sed -i 's/:2000:2000:/:2000:0:/' passwd
	same '-ERR [SYS/PERM] this account cannot be served' "$(reply_to_pass)"
	same 'maildrop refused, ip=[unknown], user=alice, the account is root or in its group' \
		"$(records | head -n 1)"
}

@test "a mailbox of another owner is refused and left alone" {
	message one | mailbox alice
	for owner in 0 2001 65534; do
		chown "$owner" spool/alice
		keep
		same "$unserved" "$(reply_to_pass)"
		unchanged
		same 'maildrop refused, ip=[unknown], user=alice, owned by somebody else' \
			"$(records | tail -n 2 | head -n 1)"
	done
}

@test "a device is refused and not opened" {
	mknod spool/alice c 1 3
	chown "$OWNER" spool/alice
	same "$unserved" "$(reply_to_pass)"
	same 'maildrop refused, ip=[unknown], user=alice, not a regular file' \
		"$(records | tail -n 2 | head -n 1)"
}

@test "a state directory of another owner than the service account is refused" {
	chown root state
	run -78 server <<<QUIT
	same 'setup, ip=[unknown], state must belong to the service account and have mode 0700' \
		"$(records)"
}

@test "a secrets file of anybody but root is refused" {
	printf 'bob:x\n' >secrets
	chmod 600 secrets
	chown 2000 secrets
	run -78 server -a secrets <<<QUIT
	same "setup, ip=[unknown], secrets must be its owner's alone, and the owner root or whoever runs the server" \
		"$(records)"
}

@test "a service account that is missing or root is refused" {
	run -78 server -u nobody_at_all <<<QUIT
	same 'setup, ip=[unknown], no account nobody_at_all in /etc/passwd to run as' "$(records)"
	: >log
	run -78 server -u root <<<QUIT
	same 'setup, ip=[unknown], account root is root' "$(records)"
}

@test "before login the process is the service account, and then the user" {
	ids_are() {
		same "$(printf '%s\t' "$1" "$1" "$1" "$1")" \
			"$(sed -n 's/^Uid:\t\(.*\)/\1\t/p' "/proc/${PID[a]}/status")"
	}
	nobody=$(id -u nobody)
	message one | mailbox alice
	connect a
	hears a '+OK POP3 ready'
	ids_are "$nobody"
	says a 'USER alice' 'PASS sesame'
	hears a '+OK and the password?' '+OK 1 messages (29 octets)'
	ids_are 2000
	says a QUIT
	hears a '+OK bye'
}

@test "UPDATE keeps owner, group and mode, and needs no right to the spool but its group's" {
	message one two | mailbox alice
	chgrp mail spool/alice
	chmod 660 spool/alice
	chmod 2770 spool
	before=$(stat -c '%u %g %a %i' spool/alice)
	transaction <<-'END'
		C: DELE 1
		S: +OK message 1 deleted^M
		C: QUIT
		S: +OK bye^M
	END
	same "$before" "$(stat -c '%u %g %a %i' spool/alice)"
	message two | cmp - spool/alice
}

@test "a spool that anybody may write to, with the sticky bit, is served" {
	message one two | mailbox alice
	chown root:root spool
	chmod 1777 spool
	transaction <<-'END'
		C: DELE 1
		S: +OK message 1 deleted^M
		C: QUIT
		S: +OK bye^M
	END
	message two | cmp - spool/alice
}

@test "a dotlock with our mode that is not the user's is another program's" {
	message one | mailbox alice
	echo 1 >spool/alice.lock
	chmod 404 spool/alice.lock
	same '-ERR [IN-USE] another program has the mailbox locked' "$(reply_to_pass)"
	[ -e spool/alice.lock ]
}

@test "without -l a client has a minute to log in" {
	command -v strace >/dev/null || skip 'not installed: strace'
	# The time limit is what the first waiting is for. Of others strace sees no memory.
	strace -o trace -e trace=ppoll "${SERVER[@]}" </dev/null >/dev/null 2>>log
	grep -m 1 ppoll trace | grep -E 'tv_sec=(60|59),'
}

@test "a service account in root's group, or with a malformed line, is refused" {
	local line
	# Nobody else sees this file.
	SERVER=(unshare --mount sh -c 'mount --bind etc-passwd /etc/passwd && exec "$@"' sh
		"${SERVER[@]}" -u service)
	while IFS='|' read -r line reason; do
		printf '# service:x:1:1::/:/\n\n%s\n' "$line" >etc-passwd
		: >log
		run -78 server <<<QUIT
		same "setup, ip=[unknown], $reason" "$(records)"
	done <<-'END'
		service:x:65534:0::/:/bin/false|account service is root
		service:x:0:65534::/:/bin/false|account service is root
		service:x:65534:65534::/|line 3 of /etc/passwd is malformed: account service
		service:x:4294967295:65534::/:/|line 3 of /etc/passwd is malformed: account service
		service|no account service in /etc/passwd to run as
	END
}
