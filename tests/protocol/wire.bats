#!/usr/bin/env bats
# RFC 1939 section 3, RFC 2449 sections 4 and 6.6: lines, octets and time.
# shellcheck disable=SC2030,SC2031,SC2034,SC2153 # each test is a process of its own
load ../helper

@test "lines may end in LF alone, and keywords may be in either case" {
	message one | mailbox alice
	printf 'user alice\npAsS sesame\nstat\r\nList\nquit\n' | server >replies
	same '+OK POP3 ready^M
+OK and the password?^M
+OK 1 messages (29 octets)^M
+OK 1 29^M
+OK 1 messages (29 octets)^M
1 29^M
.^M
+OK bye^M' "$(cat -v replies)"
}

@test "a line of 2048 octets is accepted, and a longer line gets one -ERR" {
	for length in 2049 2050 4096 8191 8192 8193 100000; do
		transaction <<-END
			C: $(printf 'NOOP%*s' 2044 '')
			S: +OK still here^M
			C: $(printf 'NOOP%*s' $((length - 4)) '')
			S: -ERR line too long^M
			C: NOOP
			S: +OK still here^M
		END
	done
}

@test "a line that is too long gets one -ERR, however it is divided into pieces" {
	connect a
	hears a '+OK POP3 ready'
	for _ in {1..30}; do
		printf '%0100d' 0 >&"${TO[a]}"
		sleep 0.01
	done
	says a '' 'NOOP'
	hears a '-ERR line too long' '-ERR log in first'
	hang_up a
}

@test "a line that comes octet by octet is one line" {
	connect a
	hears a '+OK POP3 ready'
	for octet in C A P A X $'\r' $'\n'; do
		printf %s "$octet" >&"${TO[a]}"
		sleep 0.02
	done
	hears a '-ERR unknown command'
	hang_up a
}

@test "NUL and other control octets make a line malformed" {
	for line in 'NOOP\0' '\0' 'NO\0OP' 'STAT\t' 'LIST\t1' 'NOOP\r' '\rNOOP' 'NOOP\001' 'NOOP\177' \
	    'USER a\033[2J'; do
		# shellcheck disable=SC2059
		printf "USER alice\r\nPASS sesame\r\n$line\r\nNOOP\r\n" | server >replies
		same '-ERR malformed command^M
+OK still here^M' "$(tail -n +4 replies | cat -v)"
	done
}

@test "octets of all values before login get one -ERR for each line, and nothing else" {
	perl -e 'for my $o (0..255) { next if $o == 10; print chr($o), "x\r\n" }' >commands
	server <commands | tail -n +2 >replies
	same '-ERR malformed command^M
-ERR unknown command^M' "$(cat -v replies | sort -u)"
	[ "$(wc -l <replies)" -eq "$(wc -l <commands)" ]
}

@test "10,000 commands sent together are answered in few writes" {
	needs strace
	{
		printf 'USER alice\r\nPASS sesame\r\n'
		yes $'NOOP\r' | head -n 10000
		printf 'QUIT\r\n'
	} >commands
	SERVER=(strace -f -o trace -e 'trace=write,writev,sendto,sendmsg' "${SERVER[@]}")
	server <commands >replies
	[ "$(grep -c '^+OK still here' replies)" -eq 10000 ]
	same '+OK bye^M' "$(tail -n 1 replies | cat -v)"
	# 160,000 octets, into a file 4096 at a time at the least.
	[ "$(grep -c '(1, ' trace)" -le 60 ]
	# In a socket they can leave 64 KiB at a time, or when the input is used up.
	python3 - "${SERVER[@]}" <<-'END'
		import socket, subprocess, sys, threading
		here, there = socket.socketpair()
		server = subprocess.Popen(sys.argv[1:], stdin=there, stdout=there)
		there.close()
		commands = open("commands", "rb").read()
		threading.Thread(target=lambda: here.sendall(commands)).start()
		replies = b""
		while more := here.recv(1 << 16):
		    replies += more
		assert replies == open("replies", "rb").read(), "other replies than to a file"
		assert server.wait() == 0
	END
	[ "$(grep -c '(1, ' trace)" -le 60 ]
}

@test "the dialogue is the same on pipes, files, a socket pair and TCP" {
	message one two three | mailbox alice
	keep
	for command in 'USER alice' 'PASS sesame' STAT LIST UIDL 'RETR 1' 'TOP 2 0' 'DELE 2' QUIT; do
		printf '%s\r\n' "$command"
	done >commands
	server <commands >to_file
	mv spool/alice after
	cp -p kept spool/alice
	# shellcheck disable=SC2002 # a pipe it shall be
	cat commands | server | cat >to_pipe
	cmp after spool/alice
	cmp to_file to_pipe
	for kind in pair tcp; do
		cp -p kept spool/alice
		python3 - "$kind" "${SERVER[@]}" <<-'END'
			import socket, subprocess, sys
			if sys.argv[1] == "pair":
			    here, there = socket.socketpair()
			else:
			    with socket.create_server(("127.0.0.1", 0)) as listener:
			        here = socket.create_connection(listener.getsockname())
			        there, _ = listener.accept()
			server = subprocess.Popen(sys.argv[2:], stdin=there, stdout=there)
			there.close()
			here.sendall(open("commands", "rb").read())
			here.shutdown(socket.SHUT_WR)
			replies = b""
			while more := here.recv(4096):
			    replies += more
			assert server.wait() == 0
			open("to_socket", "wb").write(replies)
		END
		cmp to_file to_socket
		cmp after spool/alice
	done
}

@test "each reply comes without waiting for the next command" {
	message one two | mailbox alice
	connect a
	hears a '+OK POP3 ready'
	says a 'USER alice'
	hears a '+OK and the password?'
	says a 'PASS sesame'
	hears a '+OK 2 messages (58 octets)'
	says a 'RETR 1'
	hears a '+OK 29 octets' 'Subject: one' '' 'body of one' '.'
	says a 'DELE 1'
	hears a '+OK message 1 deleted'
	says a 'QUIT'
	hears a '+OK bye'
	gone a
	message two | cmp - spool/alice
}

@test "RETR sends as many octets as LIST says, with dots anywhere around the ends of buffers" {
	python3 - "${SERVER[@]}" <<-'END'
		import os, subprocess, sys
		HEAD = b"From a\nA: b\n\n"
		TAIL = b"\n.\n..\n.x\n\n.\r\n\r\n..\r\n.\n"
		KIB = 1024

		def body(position):
		    filler = b"".join(b".%d\n" % n for n in range(position // 4))[:position]
		    return filler + TAIL + b"." * 100 + b"\n"

		def lines_of(text):
		    return [l[:-1] if l.endswith(b"\r") else l for l in text.split(b"\n")[:-1]]

		edges = [e * KIB - len(HEAD) for e in (8, 64, 72, 128)]
		bodies = [body(e + n) for e in edges for n in range(-40, 20)]
		mailbox = b"\n".join(HEAD + text for text in bodies)
		open("spool/alice", "wb").write(mailbox)
		if os.getuid() == 0:
		    os.chown("spool/alice", 2000, 2000)
		commands = b"USER alice\nPASS sesame\nLIST\n"
		commands += b"".join(b"RETR %d\n" % (n + 1) for n in range(len(bodies)))
		got = subprocess.run(sys.argv[1:], input=commands, capture_output=True).stdout
		expected, octets = [b""], []
		for text in bodies:
		    sent = [b"A: b", b""] + lines_of(text)
		    octets.append(sum(len(line) + 2 for line in sent))
		    stuffed = [b"." + line if line.startswith(b".") else line for line in sent]
		    expected[0] += b"\r\n".join([b"+OK %d octets" % octets[-1]] + stuffed + [b".", b""])
		listing = b"".join(b"%d %d\r\n" % (n + 1, o) for n, o in enumerate(octets)) + b".\r\n"
		head, rest = got.split(listing, 1)
		assert head.count(b"\r\n") == 4, head[-300:]
		assert rest == expected[0], "other octets than the mailbox has"
	END
}

@test "an idle client is disconnected without a reply, and nothing is removed" {
	message one two | mailbox alice
	keep
	connect a -i 1
	login a
	says a 'DELE 1'
	hears a '+OK message 1 deleted'
	gone a
	unchanged
	same 'logout, ip=[unknown], user=alice, end=timeout, retrieved=0/0, deleted=0/0, left=2/58' \
		"$(records | tail -n 1)"
}

@test "NOOP keeps a client from being idle" {
	connect a -i 6
	login a
	for _ in {1..5}; do
		sleep 1.5
		says a NOOP
		hears a '+OK still here'
	done
	says a QUIT
	hears a '+OK bye'
	gone a
}

@test "a client whose line comes too slowly is idle, too" {
	trap '' PIPE
	connect a -l 1
	hears a '+OK POP3 ready'
	for _ in {1..40}; do
		printf x >&"${TO[a]}" || break
		sleep 0.1
	done 2>/dev/null
	gone a
	same 'no login, ip=[unknown], end=timeout' "$(records)"
}

@test "before login the limit is that of -l, within AUTH too" {
	connect c -l 4
	login c
	connect a -l 4
	connect b -l 4
	says b 'AUTH PLAIN'
	hears a '+OK POP3 ready'
	hears b '+OK POP3 ready' '+ '
	gone a
	gone b
	# It is older than these were.
	says c QUIT
	hears c '+OK bye'
}

@test "a client that stops reading is disconnected, and nothing is removed" {
	{
		message one
		perl -e 'print "From a\n\n", "x\n" x 500000'
	} | mailbox alice
	keep
	connect a -i 1
	login a
	says a 'DELE 1' 'RETR 2' 'QUIT'
	eventually grep -q logout log
	unchanged
	same 'logout, ip=[unknown], user=alice, end=timeout, retrieved=0/0, deleted=0/0, left=2/1500031' \
		"$(records | tail -n 1)"
}

@test "QUIT removes nothing if the client vanishes while a message is sent" {
	perl -e 'print "From a\n\n", "x\n" x 500000' | mailbox alice
	keep
	printf 'USER alice\nPASS sesame\nRETR 1\nDELE 1\nQUIT\n' >commands
	server <commands | head -c 1000 >/dev/null
	unchanged
	# The last message's text, too, has left before the UPDATE.
	message one | mailbox alice
	keep
	python3 - "${SERVER[@]}" <<-'END'
		import signal, socket, subprocess, sys
		here, there = socket.socketpair()
		server = subprocess.Popen(sys.argv[1:], stdin=there, stdout=there, stderr=open("log", "a"))
		there.close()
		here.sendall(b"USER alice\r\nPASS sesame\r\n")
		while b"messages" not in here.recv(4096):
		    pass
		# The server reads no command before the client is gone.
		server.send_signal(signal.SIGSTOP)
		here.sendall(b"RETR 1\r\nDELE 1\r\nQUIT\r\n")
		here.close()
		server.send_signal(signal.SIGCONT)
		assert server.wait() == 0
	END
	same 'end=closed' "$(records | grep -o 'end=[a-z]*' | tail -n 1)"
	unchanged
}

@test "a client that closes one direction still gets all replies" {
	message one two | mailbox alice
	python3 - "${SERVER[@]}" <<-'END'
		import socket, subprocess, sys
		here, there = socket.socketpair()
		server = subprocess.Popen(sys.argv[1:], stdin=there, stdout=there)
		there.close()
		here.sendall(b"USER alice\r\nPASS sesame\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n")
		here.shutdown(socket.SHUT_WR)
		replies = b""
		while more := here.recv(4096):
		    replies += more
		assert replies.endswith(b"\r\n.\r\n+OK message 1 deleted\r\n+OK bye\r\n"), replies
		assert server.wait() == 0
	END
	message two | cmp - spool/alice
}

@test "SIGTERM, SIGINT and SIGHUP end the session without a reply, and remove nothing" {
	message one | mailbox alice
	keep
	for signal in TERM INT HUP; do
		connect "$signal"
		login "$signal"
		says "$signal" 'DELE 1'
		hears "$signal" '+OK message 1 deleted'
		kill "-$signal" "${PID[$signal]}"
		gone "$signal"
		unchanged
		same 'logout, ip=[unknown], user=alice, end=signal, retrieved=0/0, deleted=0/0, left=1/29' \
			"$(records | tail -n 1)"
	done
}

@test "a client on a pipe that reads a little and stops is disconnected, too" {
	perl -e 'print "From a\n\n", "x\n" x 500000' | mailbox alice
	connect a -i 2
	login a
	says a 'RETR 1'
	hears a '+OK 1500002 octets' ''
	# Until the pipe is full, and then as much as makes it ready again.
	eventually pipe_is_full "${FROM[a]}"
	dd bs=4096 count=2 iflag=fullblock status=none <&"${FROM[a]}" >taken
	eventually grep -q 'end=timeout' log
}

# pipe_is_full FD: nothing more goes into the pipe at once.
pipe_is_full() {
	python3 - "$1" <<-'END'
		import fcntl, sys, termios
		waiting = int.from_bytes(fcntl.ioctl(int(sys.argv[1]), termios.FIONREAD, bytes(4)), "little")
		sys.exit(waiting < fcntl.fcntl(int(sys.argv[1]), 1032) - 4096)
	END
}

@test "SIGTERM ends the pause after a refusal" {
	needs strace
	SERVER=(strace -o trace -e trace=ppoll "${SERVER[@]}")
	trap '' PIPE
	connect a
	says a 'USER alice' 'PASS wrong'
	hears a '+OK POP3 ready' '+OK and the password?'
	# It waits for no descriptor.
	eventually grep -qE '^ppoll\((NULL|0), 0' trace
	kill -TERM "$(pgrep -P "${PID[a]}")"
	# The refusal would come at the end of the pause.
	gone a
	same 'end=signal' "$(records | grep -o 'end=[a-z]*')"
}

@test "no reply is lost because input was left unread" {
	python3 - "${SERVER[@]}" <<-'END'
		import socket, subprocess, sys
		for _ in range(20):
		    with socket.create_server(("127.0.0.1", 0)) as listener:
		        here = socket.create_connection(listener.getsockname())
		        there, _ = listener.accept()
		    server = subprocess.Popen(sys.argv[1:], stdin=there, stdout=there)
		    there.close()
		    # More than the server reads at a time: the rest stays in the socket.
		    here.sendall(b"QUIT\r\n" + b"NOOP\r\n" * 5000)
		    replies = b""
		    while more := here.recv(4096):
		        replies += more
		    assert replies == b"+OK POP3 ready\r\n+OK bye\r\n", replies
		    assert server.wait() == 0
	END
}
