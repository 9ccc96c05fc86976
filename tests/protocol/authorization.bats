#!/usr/bin/env bats
# RFC 1939 sections 4 and 7, RFC 2449 section 5, RFC 5034, RFC 4616.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
load ../helper

# base64_of FORMAT [ARGUMENT...]: of what printf makes of them.
base64_of() {
	# shellcheck disable=SC2059
	printf "$@" | base64 -w 0
}

# refuses NAME PASSWORD: the one answer to a login that fails.
refuses() {
	dialogue <<END
S: +OK POP3 ready^M
C: USER $1
S: +OK and the password?^M
C: PASS $2
S: $REFUSED
C: QUIT
S: +OK bye^M
END
}

accepts() {
	dialogue <<END
S: +OK POP3 ready^M
C: USER $1
S: +OK and the password?^M
C: PASS $2
S: +OK 0 messages (0 octets)^M
C: QUIT
S: +OK bye^M
END
}

@test "USER and PASS identify the user, and the reply to PASS counts the messages" {
	message one two | mailbox alice
	dialogue <<-'END'
		S: +OK POP3 ready^M
		C: USER alice
		S: +OK and the password?^M
		C: PASS sesame
		S: +OK 2 messages (58 octets)^M
		C: QUIT
		S: +OK bye^M
	END
}

@test "QUIT in the AUTHORIZATION state ends the session and removes nothing" {
	message one | mailbox alice
	keep
	dialogue <<-'END'
		S: +OK POP3 ready^M
		C: QUIT
		S: +OK bye^M
		C: NOOP
	END
	unchanged
}

@test "an unknown name, a wrong and an empty password get the same text" {
	for try in 'alice wrong' 'mallory sesame' 'alice ' 'alice SESAME' 'Alice sesame' \
	    '../alice sesame' '. sesame' "$(printf '%0100d' 0) sesame"; do
		(cd "$(mktemp -d -p "$PWD")" && cp -R ../spool ../state ../passwd ../shadow . &&
			{ [ "$(id -u)" -ne 0 ] || chown nobody state; } &&
			refuses "${try%% *}" "${try#* }" >difference 2>&1 || echo "$try" >>../refused) 3>&- &
	done
	wait
	[ ! -e refused ] || { cat refused ./*/difference; false; }
}

@test "blanks in, before and after a password are part of it" {
	account inner "$(perl -e 'print crypt("open  sesame", q($6$rounds=1000$salt$))')"
	account outer "$(perl -e 'print crypt("  open ", q($6$rounds=1000$salt$))')"
	accepts inner 'open  sesame'
	accepts outer '  open '
	refuses alice 'sesame '
	refuses alice ' sesame'
}

@test "a password may hold any octet but NUL and LF" {
	octets='join("", map(chr, 1..9, 11..255))'
	account odd "$(perl -e 'print crypt('"$octets"', q($6$rounds=1000$salt$))')"
	perl -e 'print "USER odd\r\nPASS ", '"$octets"', "\r\nQUIT\r\n"' | server >replies
	same '+OK 0 messages (0 octets)^M' "$(sed -n 3p replies | cat -v)"
}

@test "what follows a NUL in a password is not ignored" {
	printf 'USER alice\r\nPASS sesame\0junk\r\nQUIT\r\n' | server >replies
	same "$REFUSED" "$(sed -n 3p replies | cat -v)"
}

@test "PASS without an argument or without USER is refused, and costs no try" {
	dialogue <<-'END'
		S: +OK POP3 ready^M
		C: PASS sesame
		S: -ERR USER first^M
		C: USER alice
		S: +OK and the password?^M
		C: PASS
		S: -ERR wrong number of arguments^M
		C: PASS sesame
		S: +OK 0 messages (0 octets)^M
	END
}

@test "USER wants one argument, and the last one counts" {
	dialogue <<-'END'
		S: +OK POP3 ready^M
		C: USER
		S: -ERR wrong number of arguments^M
		C: USER alice bob
		S: -ERR wrong number of arguments^M
		C: USER mallory
		S: +OK and the password?^M
		C: USER alice
		S: +OK and the password?^M
		C: CAPAX
		S: -ERR unknown command^M
		C: PASS sesame
		S: +OK 0 messages (0 octets)^M
	END
}

@test "USER is valid again after a failed PASS, which forgets the name" {
	dialogue <<-END
		S: +OK POP3 ready^M
		C: USER alice
		S: +OK and the password?^M
		C: PASS wrong
		S: $REFUSED
		C: PASS sesame
		S: -ERR USER first^M
		C: USER alice
		S: +OK and the password?^M
		C: PASS sesame
		S: +OK 0 messages (0 octets)^M
	END
}

@test "after three tries, each slower, the connection closes" {
	SECONDS=0
	dialogue <<-END
		S: +OK POP3 ready^M
		C: USER alice
		S: +OK and the password?^M
		C: PASS 1
		S: $REFUSED
		C: AUTH PLAIN $(base64_of '\0alice\0002')
		S: $REFUSED
		C: USER alice
		S: +OK and the password?^M
		C: PASS 3
		S: $REFUSED
		C: USER alice
		C: PASS sesame
	END
	[ "$SECONDS" -ge 6 ]
	same 'no login, ip=[unknown], end=tries' "$(records | tail -n 1)"
}

@test "CAPA lists the same in both states, and does not cancel USER" {
	dialogue <<-'END'
		S: +OK POP3 ready^M
		C: USER alice
		S: +OK and the password?^M
		C: CAPA
		S: +OK capabilities^M
		S: TOP^M
		S: UIDL^M
		S: RESP-CODES^M
		S: AUTH-RESP-CODE^M
		S: PIPELINING^M
		S: IMPLEMENTATION stdpop3d^M
		S: USER^M
		S: SASL PLAIN LOGIN^M
		S: .^M
		C: PASS sesame
		S: +OK 0 messages (0 octets)^M
		C: CAPA
		S: +OK capabilities^M
		S: TOP^M
		S: UIDL^M
		S: RESP-CODES^M
		S: AUTH-RESP-CODE^M
		S: PIPELINING^M
		S: IMPLEMENTATION stdpop3d^M
		S: USER^M
		S: SASL PLAIN LOGIN^M
		S: .^M
		C: CAPA x
		S: -ERR wrong number of arguments^M
	END
}

@test "commands of the other state are refused" {
	dialogue <<-'END'
		S: +OK POP3 ready^M
		C: STAT
		S: -ERR log in first^M
		C: RETR 1
		S: -ERR log in first^M
		C: NOOP
		S: -ERR log in first^M
		C: APOP alice c4c9334bac560ecc979e58001b3e22fb
		S: -ERR no APOP here^M
		C: USER alice
		S: +OK and the password?^M
		C: PASS sesame
		S: +OK 0 messages (0 octets)^M
		C: USER alice
		S: -ERR already logged in^M
		C: PASS sesame
		S: -ERR already logged in^M
		C: AUTH PLAIN
		S: -ERR already logged in^M
		C: APOP alice x
		S: -ERR already logged in^M
	END
}

@test "AUTH without an argument lists the mechanisms" {
	dialogue <<-'END'
		S: +OK POP3 ready^M
		C: AUTH
		S: +OK mechanisms^M
		S: PLAIN^M
		S: LOGIN^M
		S: .^M
		C: AUTH CRAM-MD5
		S: -ERR no such mechanism^M
	END
}

@test "AUTH PLAIN takes an initial response" {
	dialogue <<-END
		S: +OK POP3 ready^M
		C: auth plain $(base64_of '\0alice\0sesame')
		S: +OK 0 messages (0 octets)^M
	END
}

@test "AUTH PLAIN takes the response to an empty challenge" {
	dialogue <<-END
		S: +OK POP3 ready^M
		C: AUTH PLAIN
		S: + ^M
		C: $(base64_of 'alice\0alice\0sesame')
		S: +OK 0 messages (0 octets)^M
	END
}

@test "AUTH LOGIN asks for name and password" {
	dialogue <<-END
		S: +OK POP3 ready^M
		C: AUTH LOGIN
		S: + VXNlcm5hbWU6^M
		C: $(base64_of alice)
		S: + UGFzc3dvcmQ6^M
		C: $(base64_of sesame)
		S: +OK 0 messages (0 octets)^M
	END
}

@test "AUTH LOGIN takes the name as its initial response" {
	dialogue <<-END
		S: +OK POP3 ready^M
		C: AUTH LOGIN $(base64_of alice)
		S: + UGFzc3dvcmQ6^M
		C: $(base64_of sesame)
		S: +OK 0 messages (0 octets)^M
	END
}

@test "AUTH is cancelled by *, and a malformed response costs no try" {
	dialogue <<-END
		S: +OK POP3 ready^M
		C: AUTH PLAIN
		S: + ^M
		C: *
		S: -ERR AUTH cancelled^M
		C: AUTH LOGIN
		S: + VXNlcm5hbWU6^M
		C: *
		S: -ERR AUTH cancelled^M
		C: AUTH LOGIN $(base64_of alice)
		S: + UGFzc3dvcmQ6^M
		C: *
		S: -ERR AUTH cancelled^M
		C: AUTH PLAIN =
		S: -ERR no PLAIN message for oneself^M
		C: AUTH PLAIN
		S: + ^M
		C:
		S: -ERR no PLAIN message for oneself^M
		C: AUTH PLAIN AGFsaWNlAHNlc2FtZQ=
		S: -ERR no base64^M
		C: AUTH PLAIN ****
		S: -ERR no base64^M
		C: AUTH PLAIN
		S: + ^M
		C: AGFs aWNl
		S: -ERR no base64^M
		C: AUTH PLAIN $(base64_of 'alice sesame')
		S: -ERR no PLAIN message for oneself^M
		C: AUTH PLAIN $(base64_of '\0alice')
		S: -ERR no PLAIN message for oneself^M
		C: AUTH PLAIN $(base64_of 'bob\0alice\0sesame')
		S: -ERR no PLAIN message for oneself^M
		C: AUTH PLAIN $(base64_of '\0alice\0sesame')
		S: +OK 0 messages (0 octets)^M
	END
}

@test "blanks after base64 and after the * that cancels are ignored" {
	dialogue <<-END
		S: +OK POP3 ready^M
		C: AUTH LOGIN
		S: + VXNlcm5hbWU6^M
		C: *  
		S: -ERR AUTH cancelled^M
		C: AUTH LOGIN
		S: + VXNlcm5hbWU6^M
		C: $(base64_of alice) 
		S: + UGFzc3dvcmQ6^M
		C: $(base64_of sesame)  
		S: +OK 0 messages (0 octets)^M
	END
}

@test "an HTTP request ends the session before what its body says" {
	local method
	for method in GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH post; do
		: >log
		dialogue <<-END
			S: +OK POP3 ready^M
			C: $method / HTTP/1.1
			S: -ERR this is POP3, not HTTP^M
			C: Host: pop.example.org
			C:
			C: USER alice
			C: PASS sesame
		END
		same 'no login, ip=[unknown], end=http' "$(records)"
	done
	# After login there is nothing to steal, and one unknown command as any other.
	transaction <<-'END'
		C: GET / HTTP/1.1
		S: -ERR unknown command^M
	END
}

@test "a right password while the maildrop is in use counts as a try" {
	connect one
	login one
	SECONDS=0
	dialogue <<-'END'
		S: +OK POP3 ready^M
		C: USER alice
		S: +OK and the password?^M
		C: PASS sesame
		S: -ERR [IN-USE] another session has this maildrop^M
		C: AUTH PLAIN AGFsaWNlAHNlc2FtZQ==
		S: -ERR [IN-USE] another session has this maildrop^M
		C: USER alice
		S: +OK and the password?^M
		C: PASS sesame
		S: -ERR [IN-USE] another session has this maildrop^M
		C: USER alice
	END
	[ "$SECONDS" -ge 6 ]
	same 'no login, ip=[unknown], end=tries' "$(records | tail -n 1)"
	hang_up one
}

@test "the longest message of AUTH PLAIN fits, and a longer line gets one -ERR" {
	account long "$(perl -e 'print crypt("s" x 255, q($6$rounds=1000$salt$))')"
	dialogue <<-END
		S: +OK POP3 ready^M
		C: AUTH PLAIN
		S: + ^M
		C: $(printf '%03000d' 0)
		S: -ERR response too long^M
		C: AUTH PLAIN
		S: + ^M
		C: $(base64_of 'long\0long\0%s' "$(printf '%0255d' 0 | tr 0 s)")
		S: +OK 0 messages (0 octets)^M
	END
}

@test "a NUL within what AUTH carries shortens neither name nor password" {
	dialogue <<-END
		S: +OK POP3 ready^M
		C: AUTH PLAIN $(base64_of '\0alice\0sesame\0')
		S: $REFUSED
		C: AUTH LOGIN $(base64_of 'alice\0x')
		S: + UGFzc3dvcmQ6^M
		C: $(base64_of sesame)
		S: $REFUSED
	END
}

@test "a session that ends within AUTH has not logged in" {
	printf 'AUTH PLAIN\r\n' | server >replies
	same $'+OK POP3 ready^M\n+ ^M' "$(cat -v replies)"
	same 'no login, ip=[unknown], end=closed' "$(records)"
}

# shellcheck disable=SC2016 # what looks like variables is salt
@test "hashes of all kinds of crypt(3) are taken" {
	for salt in '$y$j9T$abcdefgh' '$2b$05$abcdefghijklmnopqrstuu' '$6$abcdefgh$' \
	    '$5$rounds=1000$abcdefgh$' '$1$abcdefgh$' 'ab'; do
		rm -f passwd shadow
		account alice "$(perl -e 'print crypt("sesame", $ARGV[0])' "$salt")"
		accepts alice sesame
	done
}

@test "a hash may stand in the password field of passwd" {
	echo "alice:$SESAME:$OWNER:$GROUP::/:/bin/false" >passwd
	: >shadow
	accepts alice sesame
}

@test "a malformed line of shadow refuses the login, even if passwd has a hash" {
	local line
	echo "alice:$SESAME:$OWNER:$GROUP::/:/bin/false" >passwd
	for line in 'alice:' 'alice:*' "alice:$SESAME:20000:0:99999:7::" \
	    "alice:$SESAME:20000:0:99999:7::::" "alice:$SESAME:2000O:0:99999:7:::" \
	    "alice:$SESAME:20000:0:99999:7:::"$'\r' "alice:$SESAME:20000:0:99999:7:::\\0" \
	    "alice:$SESAME:20000:0:99999:7:::$(printf '%020000d' 0)"; do
		printf '# a comment\n\n%b\n' "$line" >shadow
		: >log
		printf 'USER alice\r\nPASS sesame\r\n' | server >replies
		same "$REFUSED" "$(sed -n 3p replies | cat -v)"
		same 'accounts, ip=[unknown], line 3 of shadow is malformed, and lets nobody in' \
			"$(records | head -n 1)"
		# The octets of the line are not for the log.
		run ! grep -F salt log
	done
}

@test "a malformed line of passwd refuses the login, and no later line of the name counts" {
	local line
	for line in 'alice' "alice:x:$OWNER:$GROUP::/" "alice:x:$OWNER:$GROUP::/:/bin/false:" \
	    "alice:x:-1:$GROUP::/:/bin/false" "alice:x:4294967295:$GROUP::/:/bin/false" \
	    "alice:x:$OWNER:$GROUP::/:/bin/false"$'\r'; do
		printf '%s\n' "$line" "alice:$SESAME:$OWNER:$GROUP::/:/bin/false" >passwd
		: >log
		printf 'USER alice\r\nPASS sesame\r\n' | server >replies
		# Without a colon it is the entry of no name.
		if [ "$line" = alice ]; then
			same '+OK 0 messages (0 octets)^M' "$(sed -n 3p replies | cat -v)"
		else
			same "$REFUSED" "$(sed -n 3p replies | cat -v)"
		fi
		same 'accounts, ip=[unknown], line 1 of passwd is malformed, and lets nobody in' \
			"$(records | head -n 1)"
	done
}

@test "a malformed line affects no other account, and neither does a last line without its end" {
	local file
	for file in passwd shadow; do
		mv "$file" good
		{
			printf '\n# comment\n \n+::::::\n-bob::::::\nbob\nbob:x\nbob:x:a:b:c:d:e\n'
			printf 'bob:x:1:2\0:3:4:5:6:\nbob:x:1:0:9:7:::\r\n'
			printf 'bob:%020000d\n' 0
			printf '%s' "$(cat good)"
		} >"$file"
		rm good
	done
	accepts alice sesame
	same "accounts, ip=[unknown], line 6 of passwd is malformed, and lets nobody in
accounts, ip=[unknown], line 6 of shadow is malformed, and lets nobody in" \
		"$(records | head -n 2)"
	[ "$(grep -c accounts log)" -eq 2 ]
}

# means OPTIONS NAME ACCOUNT: with these options the name is that account's; nobody's, if
# ACCOUNT is empty.
means() {
	: >log
	# shellcheck disable=SC2086 # several words
	printf 'USER %s\r\nPASS sesame\r\n' "$2" | server $1 >replies
	if [ -n "$3" ]; then
		same '+OK 0 messages (0 octets)^M' "$(sed -n 3p replies | cat -v)"
		records | grep -q "^login, ip=\[unknown\], user=$3, "
	else
		same "$REFUSED" "$(sed -n 3p replies | cat -v)"
	fi
}

@test "with -f a name in capitals means an account in small letters, if no account has that name" {
	account Bob "$SESAME"
	account bob "$SESAME"
	account Carol "$SESAME"
	means '' ALICE ''
	means -f ALICE alice
	means -f Alice alice
	means -f alice alice
	means -f Bob Bob
	means -f BOB bob
	# Small letters mean themselves.
	means -f carol ''
	means -f CAROL ''
	means -f alice@example.org ''
}

@test "with -N a domain of the list may follow a name, if no account has the whole name" {
	local both='-N example.org,mail.example.net' long
	account 'bob@example.org' "$SESAME"
	account bob "$SESAME"
	means '' alice@example.org ''
	means "$both" alice@example.org alice
	means "$both" alice@Mail.Example.NET alice
	means "$both" alice alice
	means "$both" bob@example.org 'bob@example.org'
	means "$both" bob@mail.example.net bob
	for name in alice@ alice@example alice@example.org. alice@example.net @example.org \
	    alice@x@example.org alice@example.org@x alice@example.org,mail.example.net \
	    ALICE@example.org 'alice@' /@example.org .@example.org alice.lock@example.org; do
		means "$both" "$name" ''
	done
	means "$both -f" ALICE@EXAMPLE.ORG alice
	# As long as an address may be, and longer.
	long=$(printf '%0251d.org' 0)
	means "-N $long" "alice@$long" alice
	means "-N $long" "$(printf '%064d' 0)@$long" ''
	means "-N $long" "$(printf '%0640d' 0)@$long" ''
}

@test "with -f and -N all ways to log in take the same names" {
	account bob '*'
	printf 'bob:tanstaaf\n' >secrets
	chmod 600 secrets
	SERVER+=(-f -N example.org)
	apop BOB@example.org tanstaaf
	same $'+OK 0 messages (0 octets)\r' "$HEARD"
	printf 'AUTH PLAIN %s\r\n' "$(printf '\0ALICE@example.org\0sesame' | base64 -w 0)" |
		server >replies
	same '+OK 0 messages (0 octets)^M' "$(sed -n 2p replies | cat -v)"
	printf '%s\r\n' 'AUTH LOGIN' "$(printf 'alice@EXAMPLE.org' | base64)" \
		"$(printf sesame | base64)" | server >replies
	same '+OK 0 messages (0 octets)^M' "$(sed -n 4p replies | cat -v)"
}

@test "the first bad line of a file is logged once in a session" {
	account bob "$SESAME" 20000
	sed -i '1i eve' shadow
	printf 'USER bob\nPASS sesame\nUSER bob\nPASS sesame\n' | server >/dev/null
	same 'accounts, ip=[unknown], line 1 of shadow is malformed, and lets nobody in' \
		"$(records | grep accounts)"
}

@test "the lines of shadow may be in another order than those of passwd" {
	local name
	for name in a b c d e f g h; do
		account "$name" "$SESAME"
	done
	tac shadow >turned
	mv turned shadow
	for name in a e h alice; do
		accepts "$name" sesame
	done
}

@test "an account that is made, or a password that is changed, counts for the next session" {
	connect old
	ready old
	account bob "$SESAME"
	says old 'USER bob' 'PASS sesame'
	hears old '+OK and the password?' "${REFUSED%^M}"
	hang_up old
	accepts bob sesame
}

# shellcheck disable=SC2016
@test "locked and empty passwords and hashes of no method let nobody in" {
	account bang "!$SESAME"
	account star '*'
	account empty ''
	account x x
	account odd '$9$nothing$nothing'
	account short a
	account cut '$6$rounds=1000$salt$'
	account blank "$(perl -e 'print crypt("", q($6$rounds=1000$salt$))')"
	for name in bang star empty x odd short cut blank; do
		for password in sesame '' x '*' a; do
			printf 'USER %s\r\nPASS %s\r\nQUIT\r\n' "$name" "$password" |
				server >"$name.$password.reply" 3>&- &
		done
	done
	wait
	for reply in *.reply; do
		same "$REFUSED" "$(sed -n 3p "$reply" | cat -v)"
	done
}

@test "expired accounts and passwords let nobody in" {
	today=$(($(date +%s) / 86400))
	account current "$SESAME" "$((today - 10)):0:20:7:::"
	account grace "$SESAME" "$((today - 22)):0:20:7:5::"
	account later "$SESAME" "$((today - 10)):0:99999:7::$((today + 1)):"
	account account "$SESAME" "$((today - 10)):0:99999:7::$today:"
	account at_once "$SESAME" "0:0:99999:7:::"
	account old "$SESAME" "$((today - 21)):0:20:7:::"
	account graceless "$SESAME" "$((today - 30)):0:20:7:5::"
	accepts current sesame
	accepts grace sesame
	accepts later sesame
	for name in account at_once old graceless; do
		printf 'USER %s\r\nPASS sesame\r\nQUIT\r\n' "$name" | server >"$name.reply" 3>&- &
	done
	wait
	for reply in *.reply; do
		same "$REFUSED" "$(sed -n 3p "$reply" | cat -v)"
	done
}

@test "every refusal of a password costs one crypt(3) of the same method" {
	# shellcheck disable=SC2016
	dear=$(perl -e 'print crypt("sesame", q($6$rounds=300000$salt$))')
	: >passwd
	: >shadow
	account alice "$dear"
	account locked "!$dear"
	account star '*'
	account empty ''
	account expired "$dear" 20000:0:99999:7::20001:
	account root "$dear" '' 0
	# Seconds of processor, since the pause hides what crypt(3) takes of the clock.
	python3 - "${SERVER[@]}" -f -N example.org <<-'END'
		import os, subprocess, sys
		def cost(name, password):
		    server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE,
		        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
		    server.stdin.write(f"USER {name}\r\nPASS {password}\r\nQUIT\r\n".encode())
		    server.stdin.close()
		    replies = server.stdout.read()
		    assert b"-ERR [AUTH]" in replies, (name, replies)
		    _, _, used = os.wait4(server.pid, 0)
		    return used.ru_utime + used.ru_stime
		kinds = [("alice", "wrong"), ("mallory", "x"), ("locked", "sesame"), ("star", "*"),
		    ("empty", ""), ("expired", "sesame"), ("root", "sesame"), ("../alice", "sesame"),
		    ("x" * 200, "sesame"), ("ALICE", "wrong"), ("alice@example.org", "wrong"),
		    ("Mallory@example.org", "x"), ("alice@example.net", "sesame")]
		costs = [cost(*kind) for kind in kinds]
		print(dict(zip(kinds, costs)))
		assert max(costs) < 2 * min(costs)
	END
}

@test "an unknown name and root cost what the name of a user costs, in each session" {
	local cheap
	# shellcheck disable=SC2016
	cheap=$(perl -e 'print crypt("sesame", q($6$rounds=5000$salt$))')
	: >passwd
	: >shadow
	# shellcheck disable=SC2016
	account root "$(perl -e 'print crypt("sesame", q($6$rounds=1000000$salt$))')" '' 0
	account alice "$cheap"
	account bob "$cheap"
	python3 - "${SERVER[@]}" <<-'END'
		import os, subprocess, sys
		def cost(name):
		    server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE,
		        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
		    server.stdin.write(f"USER {name}\r\nPASS wrong\r\nQUIT\r\n".encode())
		    server.stdin.close()
		    assert b"-ERR [AUTH]" in server.stdout.read()
		    _, _, used = os.wait4(server.pid, 0)
		    return used.ru_utime + used.ru_stime
		user = min(cost("alice"), cost("alice"))
		for name in "root", "mallory", "eve", "mallory", "root":
		    assert user / 4 < cost(name) < user * 4, name
	END
}

@test "with -L an account whose shell is not listed in /etc/shells is refused" {
	local shell
	shell=$(grep -m 1 '^/' /etc/shells) || skip 'no /etc/shells'
	: >passwd
	add() {
		echo "$1:x:$OWNER:$GROUP::/:$2" >>passwd
		echo "$1:$SESAME:20000:0:99999:7:::" >>shadow
	}
	add listed "$shell"
	add other "$shell.other"
	add none ''
	for name in listed other none; do
		printf 'USER %s\r\nPASS sesame\r\nQUIT\r\n' "$name" | server -L >"$name.reply" 3>&- &
	done
	wait
	same $'+OK 0 messages (0 octets)\r' "$(sed -n 3p listed.reply)"
	for name in other none; do
		same "$REFUSED" "$(sed -n 3p "$name.reply" | cat -v)"
	done
	# Without the option the shell means nothing.
	printf 'USER other\r\nPASS sesame\r\nQUIT\r\n' | server | grep -q '^+OK 0 messages'
}

@test "of two accounts with the same name the first counts" {
	account alice "$(perl -e 'print crypt("other", q($6$rounds=1000$salt$))')"
	accepts alice sesame
}

@test "of two lines of passwd for one name the first names the owner of the mailbox" {
	message one | mailbox alice
	echo "alice:x:$((OWNER + 1)):$GROUP::/:/bin/false" >>passwd
	printf 'USER alice\nPASS sesame\n' | server | grep -q '^+OK 1 messages'
}

@test "a long name is not cut down to the name of an account" {
	local name
	name=$(printf '%032d' 0 | tr 0 n)
	account "$name" "$SESAME"
	accepts "$name" sesame
	refuses "${name}n" sesame
	dialogue <<-END
		S: +OK POP3 ready^M
		C: AUTH PLAIN $(base64_of '\0%sn\0sesame' "$name")
		S: $REFUSED
		C: AUTH LOGIN $(base64_of '%sn' "$name")
		S: + UGFzc3dvcmQ6^M
		C: $(base64_of sesame)
		S: $REFUSED
	END
}

@test "a name that no state file may have is not the name of an account" {
	local name try=0
	for name in .hid a/b "$(printf '%040d' 0)" '#x' '+x' -x; do
		try=$((try + 1))
		account "$name" "$SESAME"
		printf 'AUTH PLAIN %s\r\n' "$(base64_of '\0%s\0sesame' "$name")" |
			server >"$try.reply" 3>&- &
	done
	wait
	[ "$(cat ./*.reply | wc -l)" -eq 12 ]
	for name in *.reply; do
		same "$REFUSED" "$(sed -n 2p "$name" | cat -v)"
	done
}

@test "as an ordinary user another user is refused as a wrong password is" {
	if [ "$(id -u)" -eq 0 ]; then
		chown nobody . state
		SERVER=(setpriv "--reuid=$(id -u nobody)" --clear-groups "${SERVER[@]}")
		sed -i "s/:$OWNER:/:$(id -u nobody):/" passwd
	fi
	account bob "$SESAME" '' $((OWNER + 1))
	accepts alice sesame
	refuses bob sesame
}

# apop NAME SECRET: the whole of a login by APOP; what was said to it.
apop() {
	local stamp
	[ -e secrets ] || {
		printf '# name:secret\nbob:tan staaf\nalicia:x\nbob2:y\n' >secrets
		chmod 600 secrets
		account bob "$SESAME"
	}
	connect "$1" -a secrets -h pop.example.org
	listen "$1"
	stamp=${HEARD#+OK POP3 ready }
	stamp=${stamp%$'\r'}
	[[ $stamp =~ ^\<[0-9a-f.]+@pop\.example\.org\>$ ]] || same '<...@pop.example.org>' "$stamp"
	says "$1" "APOP $1 $(printf '%s%s' "$stamp" "$2" | md5sum | cut -c -32)"
	listen "$1"
}

@test "APOP identifies the user by a digest over the greeting and the secret" {
	apop bob 'tan staaf'
	same $'+OK 0 messages (0 octets)\r' "$HEARD"
}

@test "APOP with another secret, name or digest is refused" {
	apop bob tanstaaf
	same "$REFUSED" "$(cat -v <<<"$HEARD")"
	apop alice ''
	same "$REFUSED" "$(cat -v <<<"$HEARD")"
}

@test "APOP lets in no account that has expired" {
	account bob "$SESAME" '20000:0:99999:7::20001:'
	printf 'bob:tan staaf\n' >secrets
	chmod 600 secrets
	apop bob 'tan staaf'
	same "$REFUSED" "$(cat -v <<<"$HEARD")"
}

@test "APOP lets in no account that is locked; * only means that no password fits" {
	account locked "!$SESAME"
	account bare '!'
	account star '*'
	printf '%s:x\n' locked bare star >secrets
	chmod 600 secrets
	apop star x
	same $'+OK 0 messages (0 octets)\r' "$HEARD"
	apop locked x
	same "$REFUSED" "$(cat -v <<<"$HEARD")"
	apop bare x
	same "$REFUSED" "$(cat -v <<<"$HEARD")"
	same "login failed, ip=[unknown], user=locked, method=APOP, reason=locked
login failed, ip=[unknown], user=bare, method=APOP, reason=locked" \
		"$(records | grep failed)"
}

@test "APOP lets in no account whose line of shadow is malformed or missing" {
	printf 'alice:x\nbob:x\n' >secrets
	chmod 600 secrets
	echo "bob:x:$OWNER:$GROUP::/:/bin/false" >>passwd
	echo 'alice:*:20000:0:99999:7::' >shadow
	apop alice x
	same "$REFUSED" "$(cat -v <<<"$HEARD")"
	apop bob x
	same "$REFUSED" "$(cat -v <<<"$HEARD")"
	same "login failed, ip=[unknown], user=alice, method=APOP, reason=malformed
login failed, ip=[unknown], user=bob, method=APOP, reason=shadow" "$(records | grep failed)"
}

@test "comments and the rest of a long line in the secrets file are not entries" {
	local long
	long=$(printf '%0600d' 0)
	account cut "$SESAME"
	account tail "$SESAME"
	account "# name" "$SESAME"
	account crlf "$SESAME"
	account nul "$SESAME"
	printf '# name:x\ncut:%s\n%015990dtail:x\n%016384dtail:x\ncrlf:x\r\nnul:x\0y\n' \
		"$long" 0 0 >secrets
	chmod 600 secrets
	# All digits of a secret that was cut, or the end of a line that was.
	apop cut "${long:0:511}"
	same "$REFUSED" "$(cat -v <<<"$HEARD")"
	apop tail x
	same "$REFUSED" "$(cat -v <<<"$HEARD")"
	apop crlf x
	same "$REFUSED" "$(cat -v <<<"$HEARD")"
	apop nul x
	same "$REFUSED" "$(cat -v <<<"$HEARD")"
	apop '#' x
	same "$REFUSED" "$(cat -v <<<"$HEARD")"
	# An entry that cannot be used still means that no password is accepted.
	printf 'USER %s\nPASS sesame\nQUIT\n' cut | server -a secrets >replies
	same "$REFUSED" "$(sed -n 3p replies | cat -v)"
}

@test "APOP wants two arguments and a whole digest" {
	printf 'bob:x\n' >secrets
	chmod 600 secrets
	server -a secrets <<-'END' >replies
		APOP
		APOP bob
		APOP bob a b
		APOP bob c4c9
	END
	same "-ERR wrong number of arguments^M
-ERR wrong number of arguments^M
-ERR wrong number of arguments^M
$REFUSED" "$(tail -n +2 replies | cat -v)"
}

@test "an APOP digest in capitals, or with octets after it, is wrong" {
	local stamp digest
	printf 'alice:x\n' >secrets
	chmod 600 secrets
	connect a -a secrets
	listen a
	stamp=${HEARD#+OK POP3 ready }
	digest=$(printf '%sx' "${stamp%$'\r'}" | md5sum | cut -c -32)
	says a "APOP alice ${digest}0"
	hears a "${REFUSED%^M}"
	says a "APOP alice ${digest^^}"
	hears a "${REFUSED%^M}"
	says a "APOP alice $digest"
	hears a '+OK 0 messages (0 octets)'
	hang_up a
}

@test "a name with a secret cannot log in by PASS" {
	printf 'alice:tanstaaf\n' >secrets
	chmod 600 secrets
	for password in sesame tanstaaf; do
		printf 'USER alice\r\nPASS %s\r\nQUIT\r\n' "$password" |
			server -a secrets >"$password.reply" 3>&- &
	done
	wait
	same "$REFUSED" "$(sed -n 3p sesame.reply | cat -v)"
	same "$REFUSED" "$(sed -n 3p tanstaaf.reply | cat -v)"
}

@test "a name with a secret and no account cannot log in by APOP" {
	printf 'mallory:tanstaaf\n' >secrets
	chmod 600 secrets
	apop mallory tanstaaf
	same "$REFUSED" "$(cat -v <<<"$HEARD")"
}

@test "only with -a the greeting has a timestamp, and a new one each time" {
	run server </dev/null
	same $'+OK POP3 ready\r' "$output"
	printf 'bob:x\n' >secrets
	chmod 600 secrets
	for ((i = 0; i < 10; i++)); do
		server -a secrets </dev/null
	done >greetings
	[ "$(grep -c '^+OK POP3 ready <[0-9a-f.]*@[^ <>]*>'$'\r''$' greetings)" -eq 10 ]
	[ "$(sort -u greetings | wc -l)" -eq 10 ]
}

@test "a secrets file that others can read is refused" {
	printf 'bob:x\n' >secrets
	for mode in 640 604 620 601; do
		chmod "$mode" secrets
		run ! server -a secrets </dev/null
		same $'-ERR [SYS/PERM] the server is not set up: its log says why\r' "$output"
	done
	same "setup, ip=[unknown], secrets must be its owner's alone, and the owner root or whoever runs the server" \
		"$(records | sort -u)"
}

@test "nobody can log in to an account without a name" {
	local name
	account '' "$SESAME"
	for name in / ../x .alice a:b "$(head -c 40 /dev/zero | tr '\0' a)"; do
		printf '%s\r\n' "USER $name" 'PASS sesame' QUIT | server >replies
		same "${REFUSED%^M}"$'\r' "$(sed -n 3p replies)"
	done
}
