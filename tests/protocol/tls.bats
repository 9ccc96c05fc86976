#!/usr/bin/env bats
# RFC 2595 section 4, with fronts of our own, and the PROXY protocol's header.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
load ../helper

# behind_front: what follows is asked through a front of UCSPI-TLS, which is four
# pipes: "outside" for the session, and "inside" once TLS would have begun.
behind_front() {
	SERVER=(env SSLCTLFD=10 SSLREADFD=11 SSLWRITEFD=12 "${SERVER[@]}")
	mkfifo control inside.to inside.from
	# shellcheck disable=SC1083,SC2093,SC2102 # it knows no such place for a number
	exec {CONTROL}<>control {TO[inside]}<>inside.to {FROM[inside]}<>inside.from
	connect outside 10<>control 11<>inside.to 12<>inside.from
	hears outside '+OK POP3 ready'
}

# begins_tls: STLS is granted, and the front is asked to begin.
begins_tls() {
	says outside STLS
	hears outside '+OK begin TLS'
	IFS= read -r -N 1 -t 20 -u "$CONTROL" HEARD
	same y "$HEARD"
}

# capabilities NAME: in CAPABILITIES, one a line.
capabilities() {
	CAPABILITIES=
	says "$1" CAPA
	hears "$1" '+OK capabilities'
	while listen "$1" && [ "$HEARD" != $'.\r' ]; do
		CAPABILITIES+=${HEARD%$'\r'}$'\n'
	done
}

offers() {
	capabilities "$1"
	grep -qx "$2" <<<"$CAPABILITIES"
}

# with_front ENVIRONMENT [OPTION...]: whether STLS is in CAPA, and what it gets.
with_front() {
	local environment=$1
	shift
	SERVER=(env "${SERVER[@]}")
	# shellcheck disable=SC2086 # several words
	printf 'CAPA\r\nSTLS\r\n' | env $environment "${SERVER[@]}" "$@" \
		10>front.control 11</dev/null 12>/dev/null 2>>log | tr -d '\r' |
		sed -n '/^STLS$/p; /TLS$/p; /STLS here$/p' | sort -u
}

@test "STLS is offered only if all three descriptors of a front are there" {
	local all='SSLCTLFD=10 SSLREADFD=11 SSLWRITEFD=12' lacking
	same $'+OK begin TLS\nSTLS' "$(with_front "$all")"
	same y "$(cat front.control)"
	for lacking in 'A=B' 'SSLCTLFD=10 SSLREADFD=11' 'SSLCTLFD=10 SSLWRITEFD=12' \
		'SSLREADFD=11 SSLWRITEFD=12' "$all SSLCTLFD=99" "$all SSLREADFD=99" \
		"$all SSLWRITEFD=99" "$all SSLCTLFD=" "$all SSLCTLFD=-1" "$all SSLCTLFD=10x" \
		"$all SSLCTLFD=18446744073709551626"; do
		same '-ERR no STLS here' "$(with_front "$lacking")"
		same '' "$(cat front.control)"
	done
}

@test "STLS is not offered when TLS is on already" {
	same '-ERR no STLS here' "$(with_front 'SSLCTLFD=10 SSLREADFD=11 SSLWRITEFD=12' -t)"
	same '-ERR no STLS here' "$(with_front A=B -t)"
}

@test "descriptors of a front may have any numbers, even those that the server uses" {
	mkfifo to from
	same $'+OK begin TLS\nSTLS' "$(with_front 'SSLCTLFD=5 SSLREADFD=3 SSLWRITEFD=4' \
		5>other.control 3</dev/null 4>/dev/null)"
	same y "$(cat other.control)"
}

@test "CAPA lists STLS before it and not after it, and STLS is granted once" {
	behind_front
	offers outside STLS
	begins_tls
	capabilities inside
	run ! grep -x STLS <<<"$CAPABILITIES"
	says inside STLS
	hears inside '-ERR no STLS here'
	login_inside
	says inside STLS
	hears inside '-ERR already logged in'
	says inside QUIT
	hears inside '+OK bye'
	gone outside
}

login_inside() {
	says inside 'USER alice' 'PASS sesame'
	hears inside '+OK and the password?' '+OK 0 messages (0 octets)'
}

@test "STLS after login is refused" {
	behind_front
	says outside 'USER alice' 'PASS sesame'
	hears outside '+OK and the password?' '+OK 0 messages (0 octets)'
	capabilities outside
	run ! grep -x STLS <<<"$CAPABILITIES"
	says outside STLS
	hears outside '-ERR already logged in'
	hang_up outside
}

@test "a name given before STLS is forgotten" {
	behind_front
	says outside 'USER alice'
	hears outside '+OK and the password?'
	begins_tls
	says inside 'PASS sesame'
	hears inside '-ERR USER first'
	login_inside
	says inside QUIT
	hears inside '+OK bye'
	gone outside
}

@test "input sent together with STLS ends the session, and is not executed" {
	behind_front
	in_one_piece outside 'STLS\r\nUSER alice\r\nPASS sesame\r\n'
	gone outside
	same 'no login, ip=[unknown], end=injection' "$(records | tail -n 1)"
	behind_delayed_front
	in_one_piece outside 'STLS\r\nCAPA\r\n'
	gone outside
	same 'no login, ip=[unknown], end=injection' "$(records | tail -n 1)"
	[ ! -s control.delayed ]
}

@test "input sent in the clear before the front begins TLS ends the session, and is not executed" {
	needs strace
	# What the server asks chance for before it asks the front to begin takes a while.
	SERVER=(strace -f -o /dev/null -e inject=getrandom:delay_exit=2000000 "${SERVER[@]}")
	behind_delayed_front
	says outside STLS
	sleep 0.2
	says outside CAPA
	gone outside
	same 'no login, ip=[unknown], end=injection' "$(records | tail -n 1)"
	[ ! -s control.delayed ]
}

# in_one_piece NAME FORMAT: bash's own printf would write line by line.
in_one_piece() {
	# shellcheck disable=SC2059
	printf "$2" >piece
	cat piece >&"${TO[$1]}"
}

behind_delayed_front() {
	rm -f outside.to outside.from
	connect outside -5 5>control.delayed
	hears outside '+OK POP3 ready'
}

@test "-5 asks for TLS on descriptor 5, and the session continues" {
	behind_delayed_front
	offers outside STLS
	says outside 'USER alice' STLS
	hears outside '+OK and the password?'
	eventually grep -q . control.delayed
	says outside 'PASS sesame' STLS 'USER alice' 'PASS sesame' STLS
	hears outside '-ERR USER first' '-ERR no STLS here' '+OK and the password?' \
		'+OK 0 messages (0 octets)' '-ERR already logged in'
	hang_up outside
	same $'+OK begin TLS\r' "$(cat control.delayed)"
}

@test "descriptor 5 means nothing without -5, and -5 nothing without it" {
	same '-ERR no STLS here' "$(with_front A=B 5>control.delayed)"
	same '' "$(cat control.delayed)"
	same '-ERR no STLS here' "$(with_front A=B -5 5>&-)"
}

@test "a front that is gone ends the session" {
	local front control
	SERVER=(env SSLCTLFD=10 SSLREADFD=11 SSLWRITEFD=12 "${SERVER[@]}")
	mkfifo control
	exec {front}<>control
	exec {control}>control
	exec {front}<&-
	connect outside 10>&"$control" 11</dev/null 12>/dev/null
	hears outside '+OK POP3 ready'
	says outside STLS
	hears outside '+OK begin TLS'
	gone outside
	same 'no login, ip=[unknown], end=tls' "$(records | tail -n 1)"
}

@test "another host is offered passwords after STLS only" {
	local line
	export TCPREMOTEIP=192.0.2.7
	behind_front
	capabilities outside
	run ! grep -E '^(USER|SASL)' <<<"$CAPABILITIES"
	grep -qx STLS <<<"$CAPABILITIES"
	for line in 'USER alice' 'PASS sesame' 'AUTH' 'AUTH PLAIN AGFsaWNlAHNlc2FtZQ==' 'AUTH LOGIN'; do
		says outside "$line"
		hears outside '-ERR no passwords in the clear: turn on TLS (SSL) in your mail program'
	done
	begins_tls
	capabilities inside
	grep -qx USER <<<"$CAPABILITIES"
	grep -qx 'SASL PLAIN LOGIN' <<<"$CAPABILITIES"
	login_inside
	says inside QUIT
	hears inside '+OK bye'
	gone outside
	records | grep -q '^login, ip=\[192.0.2.7\], user=alice'
}

@test "nothing that a client sends makes the server believe that TLS is on" {
	local try
	export TCPREMOTEIP=192.0.2.7
	for try in 'STLS' 'STARTTLS' 'SSLCTLFD=1' 'PROXY TCP4 127.0.0.1 127.0.0.1 1 2' \
		'XCLIENT ADDR=127.0.0.1' 'AUTH EXTERNAL' 'CAPA'; do
		printf '%s\r\nUSER alice\r\nPASS sesame\r\n' "$try" | server >replies
		grep -q '^-ERR no passwords in the clear' replies
		run ! grep -q ' messages ' replies
	done
	# Behind a balancer its header is believed, but not what it says of TLS.
	printf 'PROXY TCP4 192.0.2.8 127.0.0.1 1 2\r\nUSER alice\r\n' | server -x |
		grep -q '^-ERR no passwords in the clear'
	printf '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\xc0\0\2\x09\x7f\0\0\1\0\1\0\2\x20\0\5\7\0\0\0\0USER alice\r\n' |
		server -x | grep -q '^-ERR no passwords in the clear'
	records | grep -q 'ip=\[192.0.2.9\]'
}

@test "-t and -P let another host send a password in the clear, and nothing else does" {
	needs confinement
	local option
	export TCPREMOTEIP=2001:db8::7
	for option in -t "-P any" "-P 10.0.0.0/8,2001:db8::/32"; do
		# shellcheck disable=SC2086 # words
		printf 'USER alice\r\nPASS sesame\r\n' | server $option | grep -q '^+OK 0 messages'
	done
	printf 'USER alice\r\nPASS sesame\r\n' | server -S | grep -q '^-ERR no passwords'
}

# said_to ADDRESS NETWORKS [OPTION...]: the reply to a client there that sends a name.
said_to() {
	: >log
	TCPREMOTEIP=$1 server -P "${@:2}" <<<'USER alice' | sed -n '2s/\r$//p'
}

@test "a network of -P may send passwords in the clear, and nobody else" {
	local yes='+OK and the password?' address
	local no='-ERR no passwords in the clear: turn on TLS (SSL) in your mail program'
	while read -r address; do
		same "$yes" "$(said_to "$address" 192.168.0.0/16,fe80::/10)"
		run ! grep -q plaintext log
	done <<-'END'
		192.168.0.0
		192.168.255.255
		::ffff:192.168.3.4
		fe80::1
		fe80::1%eth0
		febf::1
		127.0.0.1
		::1
	END
	while read -r address; do
		same "$no" "$(said_to "$address" 192.168.0.0/16,fe80::/10)"
		[[ $(records) == 'plaintext refused, ip=['*'], there is no TLS, and the client is not known to be on this host or in a network of -P'* ]]
	done <<-'END'
		192.167.255.255
		192.169.0.0
		::ffff:192.169.0.0
		fec0::1
		c0a8::
		2001:db8::7
		192.168.0.0/16
		mail.example.org
		0.0.0.0
	END
	# A client whose address is unknown is in no network, however large, but may be anybody.
	same "$no" "$(said_to - 0.0.0.0/0,::/0)"
	same "$yes" "$(said_to - any)"
	# A pipe without an address is on this host, as ever; and the last -P counts.
	server -P 192.168.0.0/16 <<<'USER alice' | grep -q '^+OK and the password'
	same "$no" "$(said_to 192.168.0.1 any -P 10.0.0.0/8)"
}

@test "behind a balancer the network of the header's address counts, not the balancer's" {
	local ours=192.168.0.9 text
	export TCPREMOTEIP=$ours
	while read -r text; do
		# shellcheck disable=SC2059
		printf "${text}USER alice\r\n" | server -x -P 192.168.0.0/16,fe80::/10 |
			grep -q '^-ERR no passwords in the clear'
	done <<-END
		PROXY TCP4 192.0.2.7 192.168.0.1 1024 110\r\n
		PROXY TCP6 2001:db8::7 ::1 1024 110\r\n
		PROXY UNKNOWN\r\n
		$V2\x21\x11\0\x0c\xc0\0\2\7\xc0\xa8\0\1\4\0\0\x6e
		$V2\x21\0\0\0
		$V2\x21\x31\0\0
	END
	export TCPREMOTEIP=192.0.2.7
	while read -r text; do
		# shellcheck disable=SC2059
		printf "${text}USER alice\r\n" | server -x -P 192.168.0.0/16,fe80::/10 |
			grep -q '^+OK and the password'
	done <<-END
		PROXY TCP4 192.168.0.7 192.0.2.1 1024 110\r\n
		PROXY TCP6 ::ffff:192.168.0.7 ::1 1024 110\r\n
		PROXY TCP6 fe80::1 ::1 1024 110\r\n
		$V2\x21\x11\0\x0c\xc0\xa8\xff\7\xc0\0\2\1\4\0\0\x6e
	END
}

@test "poplib begins TLS by a front of UCSPI-TLS" {
	message one two | mailbox alice
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key -out certificate 2>openssl.log
	cat certificate key >pem
	PEER=192.0.2.7 "$BATS_TEST_DIRNAME/tls/front.py" pem port "${SERVER[@]}" 2>>log 3>&- &
	eventually test -s port
	"$BATS_TEST_DIRNAME/tls/fetch.py" "$(cat port)" certificate stls >got
	sed '/^From /d' spool/alice | grep . >want
	grep . got | cmp - want
	records | grep -q '^logout, ip=\[192.0.2.7\], user=alice, end=quit, retrieved=2/'
}

# header TEXT [OPTION...]: what the server says to a header, given as to printf,
# and the log line of a session with one QUIT.
header() {
	local text=$1
	shift
	: >log
	# shellcheck disable=SC2059 # it is meant to be a format
	{
		printf "$text"
		printf 'QUIT\r\n'
	} | server -x "$@" | tr -d '\r'
	records
}

# Signature of version 2.
V2='\r\n\r\n\0\r\nQUIT\n'

@test "a PROXY header of version 1 or 2 names the client" {
	local served=$'+OK POP3 ready\n+OK bye\nno login, ip=[%s], end=quit' text address
	export TCPREMOTEIP=198.51.100.1
	while read -r address text; do
		# shellcheck disable=SC2059
		same "$(printf "$served" "$address")" "$(header "$text")"
	done <<-END
		192.0.2.7 PROXY TCP4 192.0.2.7 127.0.0.1 1024 110\r\n
		2001:db8::7 PROXY TCP6 2001:db8::7 ::1 1024 110\r\n
		2001:db8:1111:2222:3333:4444:5555:6666 PROXY TCP6 2001:0db8:1111:2222:3333:4444:5555:6666 2001:0db8:1111:2222:3333:4444:5555:6666 65535 65535\r\n
		198.51.100.1 PROXY UNKNOWN\r\n
		198.51.100.1 PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n
		192.0.2.7 $V2\x21\x11\0\x0c\xc0\0\2\7\x7f\0\0\1\4\0\0\x6e
		192.0.2.7 $V2\x21\x11\0\x10\xc0\0\2\7\x7f\0\0\1\4\0\0\x6e\4\0\1\0
		2001:db8::7 $V2\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\4\0\0\x6e
		198.51.100.1 $V2\x20\0\0\0
		198.51.100.1 $V2\x20\x11\0\x0c\xc0\0\2\7\x7f\0\0\1\4\0\0\x6e
		198.51.100.1 $V2\x21\0\0\0
		198.51.100.1 $V2\x21\x31\0\0
	END
}

@test "a client that the PROXY header does not name is another host" {
	local text
	export TCPREMOTEIP=127.0.0.1
	for text in 'PROXY UNKNOWN\r\n' "$V2"'\x21\0\0\0'; do
		# shellcheck disable=SC2059
		printf "${text}USER alice\r\n" | server -x | grep -q '^-ERR no passwords in the clear'
	done
	# The balancer's own connection comes from no client.
	# shellcheck disable=SC2059
	printf "$V2"'\x20\0\0\0USER alice\r\n' | server -x | grep -q '^+OK and the password'
}

@test "without a proper PROXY header the client gets nothing, and that is logged" {
	local text
	while read -r text; do
		same 'no PROXY header, ip=[unknown]' "$(header "$text")"
	done <<-END
		USER alice\r\n
		QUIT\r\nNOOP\r\nNOOP\r\n
		proxy TCP4 192.0.2.7 127.0.0.1 1024 110\r\n
		PROXY\r\nNOOP\r\nNOOP\r\n
		PROXY TCP4\r\nNOOP\r\n
		PROXY TCP4 192.0.2.7\r\n
		PROXY TCP4  192.0.2.7 127.0.0.1 1024 110\r\n
		PROXY TCP4 mail.example.org 127.0.0.1 1024 110\r\n
		PROXY TCP4 192.0.2.256 127.0.0.1 1024 110\r\n
		PROXY TCP5 192.0.2.7 127.0.0.1 1024 110\r\n
		PROXY UNKNOWNS\r\n
		PROXY TCP4 192.0.2.7\0 127.0.0.1 1024 110\r\n
		PROXY UNKNOWN $(printf 'x%.0s' {1..94})\r\n
		PROX
		\r\n\r\n\0\r\nQUIR
		$V2\x31\x11\0\x0c\xc0\0\2\7\x7f\0\0\1\4\0\0\x6e
		$V2\x22\x11\0\x0c\xc0\0\2\7\x7f\0\0\1\4\0\0\x6e
		$V2\x21\x11\0\x0b\xc0\0\2\7\x7f\0\0\1\4\0\0
		$V2\x21\x21\0\x0c\xc0\0\2\7\x7f\0\0\1\4\0\0\x6e
		$V2\x21\x11\xff\xff
		$V2\x21
		$V2
	END
}

@test "a connection that ends before or within a PROXY header is one that was closed" {
	local text
	while read -r text; do
		# shellcheck disable=SC2059
		printf "$text" | server -x >replies
		same '' "$(cat replies)"
		same 'no login, ip=[unknown], end=closed' "$(records | tail -n 1)"
	done <<-END

		PROX
		PROXY TCP4 192.0.2.7 127.0.0.1 1024 110
		$V2\x21\x11\0\xff\xc0\0\2\7\x7f\0\0\1\4\0\0\x6e
		$V2\x21
		$V2
	END
}

@test "a client that sends a command instead of a PROXY header is not left waiting" {
	connect bob -x
	printf 'Q' >&"${TO[bob]}"
	gone bob
	same 'no PROXY header, ip=[unknown]' "$(records)"
}

@test "a PROXY header of version 2 may be 1024 octets long, and no longer" {
	local length
	for length in 1024 1025 16384 65535; do
		# shellcheck disable=SC2059
		{
			printf "$V2\x21\x11$(printf '\\x%02x\\x%02x' $((length / 256)) $((length % 256)))"
			printf '\xc0\0\2\7\x7f\0\0\1\4\0\0\x6e'
			head -c $((length - 12)) /dev/zero | tr '\0' x
			printf 'QUIT\r\n'
		} >input
		: >log
		server -x <input >replies
		if [ "$length" = 1024 ]; then
			same 'no login, ip=[192.0.2.7], end=quit' "$(records)"
		else
			same 'no PROXY header, ip=[unknown]' "$(records)"
			same '' "$(cat replies)"
		fi
	done
}

@test "a PROXY header of version 1 is malformed if any of its fields is" {
	local text
	while read -r text; do
		same 'no PROXY header, ip=[unknown]' "$(header "$text")"
	done <<-'END'
		PROXY TCP4 192.0.2.7 \r\n
		PROXY TCP4 192.0.2.7 127.0.0.1\r\n
		PROXY TCP4 192.0.2.7 127.0.0.1 1024\r\n
		PROXY TCP4 192.0.2.7 localhost 1024 110\r\n
		PROXY TCP4 192.0.2.7 127.0.0.1 1024 65536\r\n
		PROXY TCP4 192.0.2.7 127.0.0.1 1024 110x\r\n
		PROXY TCP4 2001:db8::7 ::1 1024 110\r\n
		PROXY TCP6 192.0.2.7 127.0.0.1 1024 110\r\n
		PROXY TCP4 192.0.2.7 127.0.0.1 1024 110 x\r\n
	END
}

@test "a PROXY header may come in pieces, and commands may follow it at once" {
	local octet
	connect bob -x
	for octet in P R O X Y ' ' T C P 4 ' ' 192.0 .2 .7 ' ' 127.0.0.1 ' ' 1 ' ' 2 $'\r'; do
		printf %s "$octet" >&"${TO[bob]}"
		sleep 0.02
	done
	printf '\nQUIT\r\n' >&"${TO[bob]}"
	hears bob '+OK POP3 ready' '+OK bye'
	gone bob
	same 'no login, ip=[192.0.2.7], end=quit' "$(records)"
}

@test "a client that sends half a PROXY header is disconnected after the time of -l" {
	connect bob -x -l 1
	printf 'PROXY TCP4 192.0.2.7 ' >&"${TO[bob]}"
	gone bob
	same 'no login, ip=[unknown], end=timeout' "$(records)"
}
