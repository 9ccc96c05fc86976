#!/usr/bin/env bats
# The log: what is written, whose words it may hold, and which address it shows.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153 # each test is a process of its own
load ../helper

# said_to COMMAND: the last reply to a session of that one command.
said_to() {
	printf '%s\r\n' "$1" | server "${@:2}" | tail -n 1 | tr -d '\r'
}

@test "each log line starts with the program's name and process-ID" {
	needs confinement
	server </dev/null >/dev/null
	[[ $(tail -n 1 log) =~ ^stdpop3d\[[0-9]+\]:\ no\ login,\ ip=\[unknown\],\ end=closed$ ]]
}

@test "login and logout count the messages" {
	message one two three | mailbox alice
	printf 'USER alice\nPASS sesame\nRETR 1\nRETR 1\nTOP 2 0\nDELE 1\nDELE 3\nQUIT\n' |
		server >/dev/null
	same 'login, ip=[unknown], user=alice, method=PASS, messages=3, octets=91
logout, ip=[unknown], user=alice, end=quit, retrieved=2/58, deleted=2/62, left=1/29' "$(records)"
}

@test "a session without QUIT logs that" {
	message one | mailbox alice
	printf 'USER alice\nPASS sesame\nDELE 1\n' | server >/dev/null
	same 'login, ip=[unknown], user=alice, method=PASS, messages=1, octets=29
logout, ip=[unknown], user=alice, end=closed, retrieved=0/0, deleted=0/0, left=1/29' "$(records)"
}

@test "a session without a login logs how it ended" {
	printf 'QUIT\n' | server >/dev/null
	same 'no login, ip=[unknown], end=quit' "$(records)"
}

@test "a failed login logs the name of an account, and no other name" {
	{
		printf 'USER alice\nPASS wrong\n'
		printf 'AUTH PLAIN %s\n' "$(printf '\0sesame\0sesame' | base64)"
	} | TCPREMOTEIP=192.0.2.1 server -P any >/dev/null
	same 'login failed, ip=[192.0.2.1], user=alice, method=PASS
login failed, ip=[192.0.2.1], user=?, method=PLAIN
no login, ip=[192.0.2.1], end=closed' "$(records)"
}

@test "the method of each login is logged" {
	printf 'AUTH PLAIN %s\n' "$(printf '\0alice\0sesame' | base64)" | server >/dev/null
	printf 'AUTH LOGIN\n%s\n%s\n' "$(printf alice | base64)" "$(printf sesame | base64)" |
		server >/dev/null
	same 'login, ip=[unknown], user=alice, method=PLAIN, messages=0, octets=0
login, ip=[unknown], user=alice, method=LOGIN, messages=0, octets=0' "$(records | grep ^login)"
}

@test "no octet that a stranger sent gets into the log" {
	printf 'USER al\033[2Jice\nUSER a,\n\xff\xfe\n' >commands
	printf 'USER alice\nPASS wrong\n' >>commands
	printf 'USER ip=[192.0.2.7],user=root\nPASS secret\n' >>commands
	server <commands >/dev/null
	same 'login failed, ip=[unknown], user=alice, method=PASS
login failed, ip=[unknown], user=?, method=PASS
no login, ip=[unknown], end=closed' "$(records)"
}

@test "octets of an account's name that could deceive are made harmless" {
	account 'al ice,x=[1]' "$SESAME"
	printf 'AUTH PLAIN %s\n' "$(printf '\0al ice,x=[1]\0sesame' | base64 -w 0)" |
		server >/dev/null
	same 'login, ip=[unknown], user=al?ice?x??1?, method=PLAIN, messages=0, octets=0' \
		"$(records | head -n 1)"
}

@test "a log line has printable octets only, whatever it reports" {
	server -p $'no\nfile\033\xff' </dev/null >/dev/null || :
	same 'setup, ip=[unknown], cannot open no?file??: No such file or directory' "$(records)"
}

# peer_is ADDRESS: the log line of a session shows this address.
peer_is() {
	: >log
	"${@:2}" "${SERVER[@]}" </dev/null 2>log >/dev/null
	same "no login, ip=[$1], end=closed" "$(records)"
}

@test "the client's address is TCPREMOTEIP, else REMOTE_ADDR, else REMOTE_HOST" {
	peer_is 192.0.2.1 env TCPREMOTEIP=192.0.2.1 REMOTE_ADDR=192.0.2.2 REMOTE_HOST=192.0.2.3
	peer_is 192.0.2.2 env REMOTE_ADDR=192.0.2.2 REMOTE_HOST=192.0.2.3
	peer_is 192.0.2.3 env REMOTE_HOST=192.0.2.3
	peer_is 192.0.2.3 env TCPREMOTEIP= REMOTE_ADDR=example.org REMOTE_HOST=192.0.2.3
	peer_is unknown env TCPREMOTEIP= REMOTE_ADDR=192.0.2 REMOTE_HOST=example.org
	peer_is unknown env REMOTE_ADDR='192.0.2.1 ' REMOTE_HOST='x], user=root'
	peer_is fe80::1 env TCPREMOTEIP=fe80::1%eth0
	peer_is 2001:db8::1 env TCPREMOTEIP=2001:DB8:0:0:0:0:0:1
	peer_is 192.0.2.1 env TCPREMOTEIP=::ffff:192.0.2.1
	peer_is unknown env TCPREMOTEIP=0.0.0.0
}

@test "a client whose address is set and cannot be read is on another host" {
	local text
	for text in '' '[::1]' 127.0.0.1:1024 '[127.0.0.1]' localhost '127.0.0.1 ' 0.0.0.0 % \
	    "$(printf '%0100d' 0)"; do
		same '-ERR no passwords in the clear: turn on TLS (SSL) in your mail program' \
			"$(TCPREMOTEIP=$text said_to 'USER alice')"
		# Nor does another variable, which the front's own may be, make it this one.
		same '-ERR no passwords in the clear: turn on TLS (SSL) in your mail program' \
			"$(TCPREMOTEIP=$text REMOTE_HOST=127.0.0.1 said_to 'USER alice')"
	done
	same '+OK and the password?' "$(TCPREMOTEIP=::1%lo said_to 'USER alice')"
	# Nor is it what the socket knows, which is the front.
	over_tcp $'USER alice\r\n' env REMOTE_HOST=localhost "${SERVER[@]}" 2>>log >replies
	grep -q '^-ERR no passwords' replies
}

@test "a refused password in the clear is logged, once a session" {
	export TCPREMOTEIP=192.0.2.1
	printf 'USER alice\nPASS sesame\nAUTH PLAIN\nQUIT\n' | server >/dev/null
	same 'plaintext refused, ip=[192.0.2.1], there is no TLS, and the client is not known to be on this host
no login, ip=[192.0.2.1], end=quit' "$(records)"
}

@test "a failed login with the right password logs what else is wrong, and the client gets the usual words" {
	local shell name reason user
	shell=$(grep -m 1 '^/' /etc/shells) || skip 'no /etc/shells'
	account must "$SESAME" '0:0:99999:7:::'
	account old "$SESAME" '19000:0:30:7:::'
	account expired "$SESAME" '20000:0:99999:7::19000:'
	account apop "$SESAME"
	account low "$SESAME" '' 1
	sed -i "s,/bin/false,$shell," passwd
	account noshell "$SESAME"
	account Bob "$SESAME"
	echo 'apop:tanstaaf' >secrets
	chmod 600 secrets
	SERVER+=(-L -U 2 -a secrets)
	printf '%s\n' 'must reason=change' 'old reason=old' 'expired reason=expired' \
		'apop reason=apop' 'low reason=uid' 'noshell reason=shell' 'bob name=case' \
		'alice@example.org name=domain' 'mallory' 'alice' >cases
	while read -r name reason; do
		printf '%s\r\n' "USER $name" 'PASS wrong' "USER $name" 'PASS sesame' QUIT |
			"${SERVER[@]}" 2>"$name.log" >"$name.said" 3>&- &
	done <cases
	wait
	while read -r name reason; do
		user=$name
		grep -qi "^$name:" passwd && [ "$name" != bob ] || user='?'
		# Of one that is not served the password is never asked for, nor is it a secret.
		first=
		[[ ! $reason =~ ^(name=|reason=(uid|shell)) ]] || first=", $reason"
		sed -i 's/^stdpop3d\[[0-9]*\]: //' "$name.log"
		same "login failed, ip=[unknown], user=$user, method=PASS$first" \
			"$(grep 'login failed' "$name.log" | sed -n 1p)"
		[ "$name" = alice ] || {
			same "login failed, ip=[unknown], user=$user, method=PASS${reason:+, }$reason" \
				"$(grep 'login failed' "$name.log" | sed -n 2p)"
			same "$REFUSED" "$(sed -n 5p "$name.said" | cat -v)"
		}
		same "$REFUSED" "$(sed -n 3p "$name.said" | cat -v)"
	done <cases
	same '+OK 0 messages (0 octets)^M' "$(sed -n 5p alice.said | cat -v)"
}

# over_tcp COMMANDS COMMAND...: runs it on a TCP connection from 127.0.0.1, and
# prints what it says.
over_tcp() {
	python3 -c '
import socket, subprocess, sys
with socket.create_server(("127.0.0.1", 0)) as listener:
    here = socket.create_connection(listener.getsockname())
    there, _ = listener.accept()
server = subprocess.Popen(sys.argv[2:], stdin=there, stdout=there)
there.close()
here.sendall(sys.argv[1].encode())
here.shutdown(socket.SHUT_WR)
while more := here.recv(4096):
    sys.stdout.buffer.write(more)
' "$@"
}

@test "without these variables the client's address is that of the socket" {
	over_tcp QUIT "${SERVER[@]}" 2>log
	same 'no login, ip=[127.0.0.1], end=closed' "$(records)"
	: >log
	over_tcp QUIT env TCPREMOTEIP=192.0.2.1 "${SERVER[@]}" 2>log
	same 'no login, ip=[192.0.2.1], end=closed' "$(records)"
}

@test "a client on another host without TLS is refused before any password, and CAPA lists no way to log in" {
	export TCPREMOTEIP=192.0.2.1
	refused='-ERR no passwords in the clear: turn on TLS (SSL) in your mail program^M'
	dialogue <<-END
		S: +OK POP3 ready^M
		C: USER alice
		S: $refused
		C: PASS sesame
		S: $refused
		C: AUTH
		S: $refused
		C: AUTH PLAIN $(printf '\0alice\0sesame' | base64)
		S: $refused
		C: AUTH LOGIN
		S: $refused
		C: CAPA
		S: +OK capabilities^M
		S: TOP^M
		S: UIDL^M
		S: RESP-CODES^M
		S: AUTH-RESP-CODE^M
		S: PIPELINING^M
		S: IMPLEMENTATION stdpop3d^M
		S: .^M
		C: QUIT
		S: +OK bye^M
	END
}

@test "-t or -P lets a client on another host log in" {
	for address in 192.0.2.1 2001:db8::1 ::ffff:192.0.2.1 10.0.0.1; do
		export TCPREMOTEIP=$address
		same '-ERR no passwords in the clear: turn on TLS (SSL) in your mail program' \
			"$(said_to 'USER alice')"
		same '+OK and the password?' "$(said_to 'USER alice' -t)"
		same '+OK and the password?' "$(said_to 'USER alice' -P any)"
	done
}

@test "a client on loopback or without an address may log in" {
	same '+OK and the password?' "$(said_to 'USER alice')"
	for address in 127.0.0.1 127.1.2.3 ::1 ::ffff:127.0.0.1; do
		export TCPREMOTEIP=$address
		same '+OK and the password?' "$(said_to 'USER alice')"
	done
}

@test "a client on another host may log in by APOP without TLS" {
	export TCPREMOTEIP=192.0.2.1
	printf 'alice:tanstaaf\n' >secrets
	chmod 600 secrets
	connect a -a secrets
	listen a
	stamp=${HEARD#+OK POP3 ready }
	says a "APOP alice $(printf '%stanstaaf' "${stamp%$'\r'}" | md5sum | cut -c -32)"
	hears a '+OK 0 messages (0 octets)'
	hang_up a
	same 'login, ip=[192.0.2.1], user=alice, method=APOP, messages=0, octets=0' \
		"$(records | head -n 1)"
}

# with_id TEXT: a mail that has this in its header, as to printf.
with_id() {
	printf 'From a@example.org Thu Jan  1 00:00:00 1970\nSubject: x\n%bX-Last: y\n\nbody\n\n' "$1"
}

# ids [OPTION...]: the Message-IDs in the log of a session that removes three messages.
ids() {
	: >log
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'DELE 1' 'DELE 2' 'DELE 3' "${LAST-QUIT}" |
		server "$@" >replies
	records | sed -n 's/^removing, .*, message-id=//p'
}

@test "-A logs each message that QUIT removes, by its unique-id, octets and Message-ID" {
	{
		with_id 'Message-ID: <1@example.org>\n'
		with_id 'message-id:\t<2/x+y=z@example.org> (comment)\n'
		with_id ''
		message kept
	} | mailbox alice
	keep
	printf '%s\r\n' 'USER alice' 'PASS sesame' UIDL QUIT | server | sed -n '5,7s/\r$//p' >ids
	same '' "$(ids)"
	mailbox alice <kept
	same '' "$(LAST='NOOP' ids -A)"
	unchanged
	TCPREMOTEIP=127.0.0.1 same '<1@example.org>
<2/x+y=z@example.org>
?' "$(TCPREMOTEIP=127.0.0.1 ids -A)"
	same "$(cut -d ' ' -f 2 ids)" "$(records | sed -n 's/^removing, .*unique-id=\([^,]*\),.*/\1/p')"
	same '' "$(records | grep '^removing' |
		grep -vE '^removing, ip=\[127.0.0.1\], user=alice, unique-id=[0-9a-f]{32}, octets=[0-9]+, message-id=[^ ,]+$')"
	records | tail -n 1 | grep -q 'end=quit, .*deleted=3/'
}

@test "no Message-ID can look like another field, or like none" {
	{
		with_id 'Message-ID: <1@x>,user=bob, ip=[192.0.2.1]\n'
		with_id 'Message-ID:\r\n \n\t<2@x\0\xff\x1b"\x27\\(>\r\n'
		with_id 'Message-ID:\nMessage-ID: <second@x>\n'
	} | mailbox alice
	same '<1@x>?user=bob?
<2@x???????>
?' "$(ids -A)"
	{
		with_id "Message-ID: <$(printf 'x%.0s' {1..300})>\\n"
		with_id "X-Long: $(head -c 16384 /dev/zero | tr '\0' x)\\nMessage-ID: <late@x>\\n"
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\nMessage-ID:'
	} | mailbox alice
	same "<$(printf 'x%.0s' {1..199})
?
?" "$(ids -A)"
}

@test "with -A, the end says that messages which were logged are not removed" {
	message one two | mailbox alice
	connect a -A
	hears a '+OK POP3 ready'
	says a 'USER alice' 'PASS sesame' 'DELE 1'
	hears a '+OK and the password?' '+OK 2 messages (58 octets)' '+OK message 1 deleted'
	# UPDATE does not get the lock.
	exec {held}<>spool/alice
	flock "$held"
	says a QUIT
	listen a
	[[ $HEARD == '-ERR [SYS/TEMP] the deleted messages are not removed'* ]]
	records | grep -q '^removing, .*, octets=29, message-id=?$'
	records | tail -n 1 | grep -q 'end=failed, retrieved=0/0, deleted=0/0, left=2/58$'
}
