#!/usr/bin/env bats
# bats file_tags=root
# Real fronts and real clients: STLS, TLS from the beginning, the PROXY header.
load ../helper

setup_file() {
	require_packages "$BATS_TEST_DIRNAME/fronts/packages" || return 0
	cd "$BATS_FILE_TMPDIR" || return
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
		-keyout key -out certificate 2>openssl.log
	cat key certificate >pem
	export PEM=$BATS_FILE_TMPDIR/pem CERTIFICATE=$BATS_FILE_TMPDIR/certificate
}

# Of some mail, what every client has to show.
fill() {
	message one two | mailbox alice
}

# free_port: one that nobody listens on.
free_port() {
	python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

listens() {
	grep -q "^ *[0-9]*: 0100007F:$(printf %04X "$1") 00000000:0000 0A " /proc/net/tcp
}

# runs COMMAND...: in the background, until it listens on $PORT.
runs() {
	"$@" >>front.out 2>>log </dev/null 3>&- &
	eventually listens "$PORT" || {
		cat front.out log
		return 1
	}
}

by_tcpserver() {
	PORT=$(free_port)
	runs tcpserver -HR -l localhost 127.0.0.1 "$PORT" "$@"
}

by_socat() {
	# socat leaves descriptors open, and tlswrapper insists on 5.
	printf '#!/bin/sh\nexec %s 3>&- 4>&- 5>&- 6>&-\n' "$*" >session
	chmod +x session
	PORT=$(free_port)
	runs socat "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork" "EXEC:$PWD/session"
}

stls_by_tlswrapper() {
	"by_$1" tlswrapper -n -f "$PEM" "${SERVER[@]}" -5
}

stls_by_our_front() {
	"$TOP/tests/protocol/tls/front.py" "$PEM" port "${SERVER[@]}" 2>>log 3>&- &
	eventually test -s port
	PORT=$(<port)
}

tls_by_tlswrapper() {
	by_tcpserver tlswrapper -f "$PEM" "${SERVER[@]}" -t
}

tls_by_stunnel() {
	local name
	PORT=$(free_port)
	# With words in it, execArgs would need a quoting that it has not.
	printf '#!/bin/sh\ncd "%s" && exec %s -t 2>>log\n' "$PWD" "${SERVER[*]}" >session
	chmod +x session
	name=$(command -v stunnel4 || command -v stunnel)
	cat >stunnel.conf <<-END
		foreground = yes
		pid =
		[pop3s]
		accept = 127.0.0.1:$PORT
		cert = $PEM
		exec = $PWD/session
		execArgs = session
	END
	runs "$name" stunnel.conf
}

# all_clients stls|tls: curl, poplib, fetchmail and mpop each fetch the mail.
all_clients() {
	local scheme=pop3 ssl='sslproto tls1.2+' starttls=on file
	[ "$1" = stls ] || {
		scheme=pop3s
		ssl=ssl
		starttls=off
	}
	timeout 30 curl -sS --ssl-reqd --cacert "$CERTIFICATE" -u alice:sesame \
		"$scheme://localhost:$PORT/[1-2]" -o 'curl.#1'
	cat curl.1 curl.2 >got
	is_all
	timeout 30 "$TOP/tests/protocol/tls/fetch.py" "$PORT" "$CERTIFICATE" "$1" >got
	is_all
	(umask 077 && cat >fetchmailrc) <<-END
		set no bouncemail
		set invisible
		poll localhost protocol pop3 port $PORT auth password
		 user alice password sesame is root here $ssl sslcertck sslcertfile $CERTIFICATE
		 fetchall keep norewrite no mimedecode mda "cat >>$PWD/got"
	END
	: >got
	FETCHMAILHOME=$PWD timeout 30 fetchmail --silent --nosyslog \
		--pidfile "$PWD/fetchmail.pid" -f fetchmailrc
	sed -i '/^Received:\|^X-\|^Return-Path:\|^[[:space:]]/d' got
	is_all
	(umask 077 && cat >mpoprc) <<-END
		account default
		host localhost
		port $PORT
		user alice
		password sesame
		auth user
		tls on
		tls_starttls $starttls
		tls_trust_file $CERTIFICATE
		keep on
		received_header off
		uidls_file $PWD/uidls
		delivery mda cat >>$PWD/got
	END
	: >got
	timeout 30 mpop -q -C mpoprc
	is_all
	[ "$(grep -c 'end=quit, retrieved=2/' log)" -ge 3 ]
	for file in passwd shadow; do
		[ -f "$file" ]
	done
}

is_all() {
	grep -v '^From ' spool/alice | grep . >want
	tr -d '\r' <got | grep . | diff want -
}

@test "STLS by tlswrapper under tcpserver, from curl, poplib, fetchmail and mpop" {
	fill
	stls_by_tlswrapper tcpserver
	all_clients stls
}

@test "STLS by tlswrapper under socat, from curl, poplib, fetchmail and mpop" {
	fill
	stls_by_tlswrapper socat
	all_clients stls
}

@test "STLS by a front of UCSPI-TLS, from curl, poplib, fetchmail and mpop" {
	fill
	stls_by_our_front
	all_clients stls
}

@test "TLS from the beginning by tlswrapper, from curl, poplib, fetchmail and mpop" {
	fill
	tls_by_tlswrapper
	all_clients tls
}

@test "TLS from the beginning by stunnel, from curl, poplib, fetchmail and mpop" {
	fill
	tls_by_stunnel
	all_clients tls
}

@test "with tlswrapper and stunnel in front the log has the client's address" {
	fill
	tls_by_tlswrapper
	curl -sS --cacert "$CERTIFICATE" -u alice:sesame --interface 127.0.0.2 \
		"pop3s://localhost:$PORT/" >got
	eventually grep -q 'logout, ip=\[127.0.0.2\], user=alice' log
	: >log
	tls_by_stunnel
	curl -sS --cacert "$CERTIFICATE" -u alice:sesame --interface 127.0.0.3 \
		"pop3s://localhost:$PORT/" >got
	eventually grep -q 'logout, ip=\[127.0.0.3\], user=alice' log
}

@test "input sent along with STLS is not executed, whatever the front" {
	local front
	fill
	for front in stls_by_our_front 'stls_by_tlswrapper tcpserver'; do
		: >log
		$front
		python3 - "$PORT" >got <<-'END'
			import socket, sys
			client = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
			client.recv(1000)
			client.sendall(b"STLS\r\nUSER alice\r\nPASS sesame\r\nSTAT\r\n")
			while octets := client.recv(1000):
			    sys.stdout.buffer.write(octets)
		END
		run ! grep -a messages got
		eventually grep -q 'end=injection' log
	done
}

@test "HAProxy's header names the client, in version 1 and 2" {
	local behind kind=0 option
	fill
	by_tcpserver "${SERVER[@]}" -x
	behind=$PORT
	for option in send-proxy send-proxy-v2 'send-proxy-v2 check check-send-proxy'; do
		kind=$((kind + 1))
		PORT=$(free_port)
		cat >haproxy.cfg <<-END
			defaults
			 mode tcp
			 timeout connect 5s
			 timeout client 30s
			 timeout server 30s
			listen pop3
			 bind 127.0.0.1:$PORT
			 server one 127.0.0.1:$behind $option
		END
		runs haproxy -db -f haproxy.cfg
		curl -sS -u alice:sesame --interface "127.0.1.$kind" "pop3://127.0.0.1:$PORT/1" >got
		grep -q 'body of one' got
		eventually grep -q "logout, ip=\[127.0.1.$kind\], user=alice, end=quit" log
	done
	# The check of a balancer names nobody, and is no mistake.
	eventually grep -q 'no login, ip=\[127.0.0.1\], end=closed' log
	run ! grep 'no PROXY header' log
	# A client without such a header is disconnected.
	printf 'QUIT\r\n' | timeout 60 socat -t 60 - "TCP:127.0.0.1:$behind" >got
	[ ! -s got ]
	eventually grep -q '^stdpop3d.*no PROXY header, ip=\[127.0.0.1\]' log
}
