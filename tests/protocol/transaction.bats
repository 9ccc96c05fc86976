#!/usr/bin/env bats
# RFC 1939 section 5 and 7: the TRANSACTION state.
load ../helper

setup_three() {
	message one two three | mailbox alice
}

@test "an empty maildrop has no messages" {
	transaction <<-'END'
		C: STAT
		S: +OK 0 0^M
		C: LIST
		S: +OK 0 messages (0 octets)^M
		S: .^M
		C: UIDL
		S: +OK 0 unique-ids^M
		S: .^M
		C: LIST 1
		S: -ERR no such message^M
		C: RETR 1
		S: -ERR no such message^M
		C: QUIT
		S: +OK bye^M
	END
	[ ! -e spool/alice ]
}

@test "STAT and LIST count octets as RETR sends them" {
	setup_three
	transaction <<-'END'
		C: STAT
		S: +OK 3 91^M
		C: LIST
		S: +OK 3 messages (91 octets)^M
		S: 1 29^M
		S: 2 29^M
		S: 3 33^M
		S: .^M
		C: LIST 3
		S: +OK 3 33^M
		C: RETR 3
		S: +OK 33 octets^M
		S: Subject: three^M
		S: ^M
		S: body of three^M
		S: .^M
	END
}

@test "RETR sends the message alone, and does not mark it" {
	setup_three
	keep
	transaction <<-'END'
		C: RETR 2
		S: +OK 29 octets^M
		S: Subject: two^M
		S: ^M
		S: body of two^M
		S: .^M
		C: STAT
		S: +OK 3 91^M
		C: QUIT
		S: +OK bye^M
	END
	unchanged
}

@test "DELE keeps the numbers of the other messages" {
	setup_three
	transaction <<-'END'
		C: DELE 2
		S: +OK message 2 deleted^M
		C: STAT
		S: +OK 2 62^M
		C: LIST
		S: +OK 2 messages (62 octets)^M
		S: 1 29^M
		S: 3 33^M
		S: .^M
		C: UIDL
		S: +OK 2 unique-ids^M
		S: 1 907a1a159955e5ae5c80334cbbe51358^M
		S: 3 5cc633aed1191a729f67ad58e4f7ccd3^M
		S: .^M
	END
}

@test "a deleted message does not exist for any command" {
	setup_three
	transaction <<-'END'
		C: DELE 2
		S: +OK message 2 deleted^M
		C: LIST 2
		S: -ERR no such message^M
		C: UIDL 2
		S: -ERR no such message^M
		C: RETR 2
		S: -ERR no such message^M
		C: TOP 2 0
		S: -ERR no such message^M
		C: DELE 2
		S: -ERR no such message^M
	END
}

@test "RSET unmarks all messages" {
	setup_three
	keep
	transaction <<-'END'
		C: DELE 1
		S: +OK message 1 deleted^M
		C: DELE 3
		S: +OK message 3 deleted^M
		C: RSET
		S: +OK 3 messages (91 octets)^M
		C: STAT
		S: +OK 3 91^M
		C: DELE 3
		S: +OK message 3 deleted^M
		C: RSET
		S: +OK 3 messages (91 octets)^M
		C: QUIT
		S: +OK bye^M
	END
	unchanged
}

@test "NOOP does nothing" {
	transaction <<-'END'
		C: NOOP
		S: +OK still here^M
	END
}

@test "QUIT removes exactly the messages marked deleted" {
	for doomed in 1 2 3 '1 2' '1 3' '2 3' '1 2 3'; do
		setup_three
		{
			printf 'USER alice\nPASS sesame\n'
			# shellcheck disable=SC2086
			printf 'DELE %s\n' $doomed
			echo QUIT
		} | server >replies
		same $'+OK bye^M' "$(tail -n 1 replies | cat -v)"
		names=(one two three)
		for number in $doomed; do
			unset "names[number - 1]"
		done
		message "${names[@]}" | cmp - spool/alice
	done
}

@test "QUIT leaves an empty mailbox, with its owner, mode and inode" {
	setup_three
	before=$(stat -c '%u %g %a %i' spool/alice)
	transaction <<-'END'
		C: DELE 1
		S: +OK message 1 deleted^M
		C: DELE 2
		S: +OK message 2 deleted^M
		C: DELE 3
		S: +OK message 3 deleted^M
		C: STAT
		S: +OK 0 0^M
		C: LIST
		S: +OK 0 messages (0 octets)^M
		S: .^M
		C: QUIT
		S: +OK bye^M
		C: NOOP
	END
	same "$before" "$(stat -c '%u %g %a %i' spool/alice)"
	[ ! -s spool/alice ]
}

@test "a session that closes without QUIT removes nothing" {
	setup_three
	keep
	transaction <<-'END'
		C: DELE 1
		S: +OK message 1 deleted^M
	END
	unchanged
}

@test "QUIT without a line end is not a command" {
	setup_three
	keep
	printf 'USER alice\r\nPASS sesame\r\nDELE 1\r\nQUIT' | server >replies
	same '+OK message 1 deleted^M' "$(tail -n 1 replies | cat -v)"
	unchanged
}

@test "QUIT with an argument is an error, and removes nothing" {
	setup_three
	keep
	transaction <<-'END'
		C: DELE 1
		S: +OK message 1 deleted^M
		C: QUIT now
		S: -ERR wrong number of arguments^M
	END
	unchanged
}

@test "a message-number is decimal digits from 1 to the number of messages" {
	setup_three
	for number in 0 4 00 4294967296 4294967297 18446744073709551616 18446744073709551617 \
	    99999999999999999999999999999999999999999; do
		printf 'LIST %s\nRETR %s\nDELE %s\nTOP %s 0\nUIDL %s\n' "$number" "$number" "$number" \
			"$number" "$number"
	done >numbers
	for number in +1 -1 -0 1x x1 0x1 1.0 1,2 1e0 one; do
		printf 'LIST %s\nRETR %s\nDELE %s\nTOP %s 0\nUIDL %s\n' "$number" "$number" "$number" \
			"$number" "$number"
	done >>numbers
	{
		printf 'USER alice\nPASS sesame\n'
		cat numbers
	} | server | tail -n +4 | cut -d ' ' -f 1 >replies
	[ "$(wc -l <replies)" -eq "$(wc -l <numbers)" ]
	same '-ERR' "$(sort -u replies)"
}

@test "leading zeros and blanks around a message-number change nothing" {
	setup_three
	transaction <<-'END'
		C: LIST 03
		S: +OK 3 33^M
		C: LIST   3  
		S: +OK 3 33^M
		C: STAT 
		S: +OK 3 91^M
	END
}

@test "missing, superfluous and malformed arguments are errors" {
	setup_three
	transaction <<-'END'
		C: STAT 1
		S: -ERR wrong number of arguments^M
		C: NOOP 1
		S: -ERR wrong number of arguments^M
		C: RSET 1
		S: -ERR wrong number of arguments^M
		C: LIST 1 2
		S: -ERR wrong number of arguments^M
		C: UIDL 1 2
		S: -ERR wrong number of arguments^M
		C: RETR
		S: -ERR wrong number of arguments^M
		C: RETR 
		S: -ERR wrong number of arguments^M
		C: RETR 1 2
		S: -ERR wrong number of arguments^M
		C: DELE
		S: -ERR wrong number of arguments^M
		C: DELE 1 2
		S: -ERR wrong number of arguments^M
		C: TOP
		S: -ERR wrong number of arguments^M
		C: TOP 1
		S: -ERR wrong number of arguments^M
		C: TOP 1 2 3
		S: -ERR wrong number of arguments^M
		C: TOP 1 x
		S: -ERR not a number of lines^M
		C: TOP 1 -1
		S: -ERR not a number of lines^M
		C: TOP 1 +1
		S: -ERR not a number of lines^M
		C: RETR x
		S: -ERR not a message-number^M
		C: STAT
		S: +OK 3 91^M
	END
}

@test "an unknown command is an error" {
	transaction <<-'END'
		C: LAST
		S: -ERR unknown command^M
		C: RPOP alice
		S: -ERR unknown command^M
		C: XTND XMIT
		S: -ERR unknown command^M
		C: STATS
		S: -ERR unknown command^M
		C: STA
		S: -ERR unknown command^M
		C:
		S: -ERR malformed command^M
		C:  NOOP
		S: -ERR malformed command^M
		C: GET / HTTP/1.1
		S: -ERR unknown command^M
		C: NOOP
		S: +OK still here^M
	END
}

@test "TOP sends the header, the empty line and so many lines of the body" {
	mailbox alice <<-'END'
		From a@example.org Thu Jan  1 00:00:00 1970
		Subject: top

		1
		.2

		4

		From b@example.org Thu Jan  1 00:00:00 1970
		Subject: header only

	END
	transaction <<-'END'
		C: TOP 1 0
		S: +OK top of the message^M
		S: Subject: top^M
		S: ^M
		S: .^M
		C: TOP 1 1
		S: +OK top of the message^M
		S: Subject: top^M
		S: ^M
		S: 1^M
		S: .^M
		C: TOP 1 3
		S: +OK top of the message^M
		S: Subject: top^M
		S: ^M
		S: 1^M
		S: ..2^M
		S: ^M
		S: .^M
		C: TOP 1 4
		S: +OK top of the message^M
		S: Subject: top^M
		S: ^M
		S: 1^M
		S: ..2^M
		S: ^M
		S: 4^M
		S: .^M
		C: TOP 1 99999999999999999999999999
		S: +OK top of the message^M
		S: Subject: top^M
		S: ^M
		S: 1^M
		S: ..2^M
		S: ^M
		S: 4^M
		S: .^M
		C: TOP 2 0
		S: +OK top of the message^M
		S: Subject: header only^M
		S: ^M
		S: .^M
	END
}

@test "DELE of each second of many messages removes these and no others" {
	seq 1 1000 | while read -r n; do message "$n"; done | mailbox alice
	{
		printf 'USER alice\nPASS sesame\n'
		printf 'DELE %s\n' {1..999..2}
		echo QUIT
	} | server >replies
	same '+OK bye^M' "$(tail -n 1 replies | cat -v)"
	seq 2 2 1000 | while read -r n; do message "$n"; done | cmp - spool/alice
}

# Messages of a dozen to 200,000 octets, and what the server shall answer to RETR of all of
# them, and to RETR and TOP of them in disorder.
many_sizes() {
	perl -e '
		srand 1;
		sub lines { join "", map { ($_ % 7 ? "" : ".") . "line $_ of $_[0]\n" } 1 .. $_[1] }
		for my $n (1 .. 300) {
			my $count = $n % 60 ? int rand 90 : int rand 12000;
			$text[$n] = ["Subject: $n\n\n", lines($n, $count)];
			print "From a\n$text[$n][0]$text[$n][1]\n";
		}
		open C, ">commands"; open E, ">expected";
		for my $n (1 .. 300, map { int rand(300) + 1 } 1 .. 600) {
			my $top = ++$asked > 300 && rand() < 0.5;
			my ($head, $body) = @{$text[$n]};
			my $lines = () = "$head$body" =~ /\n/g;
			printf C $top ? "TOP $n 3\n" : "RETR $n\n";
			printf E $top ? "+OK top of the message\r\n" :
			    "+OK %d octets\r\n", length("$head$body") + $lines;
			$body = join "", ($body =~ /.*\n/g)[0 .. 2] if $top;
			(my $text = "$head$body") =~ s/^\./../mg;
			$text =~ s/\n/\r\n/g;
			print E "$text.\r\n";
		}'
}

@test "messages of all sizes are served alike, in any order, together or one by one" {
	many_sizes | mailbox alice
	{
		printf 'USER alice\nPASS sesame\n'
		cat commands
	} | server >replies
	tail -n +4 replies | cmp expected -
	# Each is asked for when the one before has come.
	python3 - "${SERVER[@]}" >replies 2>>log <<-'END'
		import subprocess, sys
		server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
		def ask(line):
		    server.stdin.write(line)
		    server.stdin.flush()
		server.stdout.readline()
		for line in b"USER alice\n", b"PASS sesame\n":
		    ask(line)
		    assert server.stdout.readline().startswith(b"+OK")
		for line in open("commands", "rb").readlines()[:400]:
		    ask(line)
		    text = b""
		    while not text.endswith(b"\r\n.\r\n"):
		        octets = server.stdout.read1(65536)
		        assert octets, (line, text)
		        text += octets
		    sys.stdout.buffer.write(text)
		server.stdin.close()
		assert server.stdout.read() == b"" and server.wait() == 0
	END
	head -c "$(wc -c <replies)" expected | cmp replies -
	same 400 "$(grep -cx $'\\.\r' replies)"
}
