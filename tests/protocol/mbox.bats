#!/usr/bin/env bats
# What a mailbox is: the manual's section MAILDROP.
load ../helper

# keeps_but NUMBER...: the messages are removed, and the mailbox is then what
# standard input says.
keeps_but() {
	{
		printf 'USER alice\nPASS sesame\n'
		printf 'DELE %s\n' "$@"
		echo QUIT
	} | server >replies
	same '+OK bye^M' "$(tail -n 1 replies | cat -v)"
	cmp - spool/alice
}

@test "a message starts at a From_ line at the beginning or after an empty line" {
	mailbox alice <<-'END'
		From a Thu Jan  1 00:00:00 1970
		From: a
		Subject: 1

		From here it is a message, too
		Subject: 2

		body
		From here it is no message
		>From nor here
		 From nor here

		From: nor here

		from nor here

		Fromage

	END
	transaction <<-'END'
		C: STAT
		S: +OK 2 149^M
		C: RETR 1
		S: +OK 23 octets^M
		S: From: a^M
		S: Subject: 1^M
		S: ^M
		S: .^M
		C: RETR 2
		S: +OK 126 octets^M
		S: Subject: 2^M
		S: ^M
		S: body^M
		S: From here it is no message^M
		S: >From nor here^M
		S:  From nor here^M
		S: ^M
		S: From: nor here^M
		S: ^M
		S: from nor here^M
		S: ^M
		S: Fromage^M
		S: .^M
	END
}

@test "a mailbox with CRLF line ends is served the same" {
	message one two | sed 's/$/\r/' | mailbox alice
	transaction <<-'END'
		C: LIST
		S: +OK 2 messages (58 octets)^M
		S: 1 29^M
		S: 2 29^M
		S: .^M
		C: RETR 1
		S: +OK 29 octets^M
		S: Subject: one^M
		S: ^M
		S: body of one^M
		S: .^M
	END
	message two | sed 's/$/\r/' >expected
	keeps_but 1 <expected
}

@test "CRLF and LF may be mixed, and a CR alone does not end a line" {
	printf 'From a\r\nA: b\nC: d\r\n\nx\ry\n.\r\n\r\nFrom b\nA: b\n\r\nz\r\r\n\n' | mailbox alice
	transaction <<-'END'
		C: LIST
		S: +OK 2 messages (34 octets)^M
		S: 1 22^M
		S: 2 12^M
		S: .^M
		C: RETR 1
		S: +OK 22 octets^M
		S: A: b^M
		S: C: d^M
		S: ^M
		S: x^My^M
		S: ..^M
		S: .^M
		C: RETR 2
		S: +OK 12 octets^M
		S: A: b^M
		S: ^M
		S: z^M^M
		S: .^M
	END
}

@test "a missing last line end is supplied, and counted" {
	message one | head -c -2 | mailbox alice
	keep
	transaction <<-'END'
		C: LIST 1
		S: +OK 1 29^M
		C: RETR 1
		S: +OK 29 octets^M
		S: Subject: one^M
		S: ^M
		S: body of one^M
		S: .^M
		C: QUIT
		S: +OK bye^M
	END
	unchanged
}

@test "one empty line before the next message is not part of a body" {
	printf 'From a\nA: b\n\nx\n\n\n\nFrom b\nA: b\n\nx\n' | mailbox alice
	transaction <<-'END'
		C: RETR 1
		S: +OK 15 octets^M
		S: A: b^M
		S: ^M
		S: x^M
		S: ^M
		S: ^M
		S: .^M
		C: RETR 2
		S: +OK 11 octets^M
		S: A: b^M
		S: ^M
		S: x^M
		S: .^M
	END
}

@test "a message without a body is sent with an empty line, even if it has none" {
	printf 'From a\nA: b\n\nFrom b\nC: d\n\n\nFrom c\n\nFrom d\nE: f' | mailbox alice
	transaction <<-'END'
		C: LIST
		S: +OK 4 messages (26 octets)^M
		S: 1 8^M
		S: 2 8^M
		S: 3 2^M
		S: 4 8^M
		S: .^M
		C: RETR 1
		S: +OK 8 octets^M
		S: A: b^M
		S: ^M
		S: .^M
		C: RETR 2
		S: +OK 8 octets^M
		S: C: d^M
		S: ^M
		S: .^M
		C: RETR 3
		S: +OK 2 octets^M
		S: ^M
		S: .^M
		C: RETR 4
		S: +OK 8 octets^M
		S: E: f^M
		S: ^M
		S: .^M
		C: TOP 4 5
		S: +OK top of the message^M
		S: E: f^M
		S: ^M
		S: .^M
	END
}

@test "a mailbox with nothing but a From_ line is one message without text" {
	printf 'From a' | mailbox alice
	transaction <<-'END'
		C: RETR 1
		S: +OK 2 octets^M
		S: ^M
		S: .^M
		C: DELE 1
		S: +OK message 1 deleted^M
		C: QUIT
		S: +OK bye^M
	END
	[ ! -s spool/alice ]
}

@test "lines that start with a dot are byte-stuffed, and the added dot is not counted" {
	printf 'From a\n.A: b\n\n.\n..\n.x\nx.\n' | mailbox alice
	transaction <<-'END'
		C: RETR 1
		S: +OK 24 octets^M
		S: ..A: b^M
		S: ^M
		S: ..^M
		S: ...^M
		S: ..x^M
		S: x.^M
		S: .^M
	END
}

# pseudo SENDER FIELD...: what a program writes to keep data of the folder in.
pseudo() {
	printf 'From %s Thu Jan  1 00:00:00 1970\n' "$1"
	shift
	printf '%s\n' "$@" "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA" '' \
		'This text is part of the internal format of your mail folder.' ''
}

@test "the pseudo message of c-client and of Dovecot is hidden, and kept by UPDATE" {
	local data='From: Mail System Internal Data <MAILER-DAEMON@example.org>'
	# shellcheck disable=SC2034 # by their names
	local c_client=(MAILER-DAEMON "$data" 'X-IMAP: 1 2') \
		mutt=('MAILER-DAEMON ' 'X-IMAPbase: 1 2') dovecot=('MAILER_DAEMON ' "$data" 'X-IMAP: 1 2') \
		bare=('MAILER_DAEMON ' "$data")
	for which in c_client mutt dovecot bare; do
		local -n fields=$which
		pseudo "${fields[@]}" >hidden
		{
			cat hidden
			message one two
		} | mailbox alice
		transaction <<-'END'
			C: STAT
			S: +OK 2 58^M
			C: LIST
			S: +OK 2 messages (58 octets)^M
			S: 1 29^M
			S: 2 29^M
			S: .^M
			C: RETR 1
			S: +OK 29 octets^M
			S: Subject: one^M
			S: ^M
			S: body of one^M
			S: .^M
			C: LIST 3
			S: -ERR no such message^M
		END
		{
			cat hidden
			message two
		} >expected
		keeps_but 1 <expected
		keeps_but 1 <hidden
		transaction <<-'END'
			C: STAT
			S: +OK 0 0^M
		END
	done
}

@test "mail that was delivered is never taken for the pseudo message" {
	{
		pseudo MAILER-DAEMON 'To: alice@example.org'
		message one
	} | mailbox alice
	transaction <<-'END'
		C: LIST
		S: +OK 2 messages (177 octets)^M
		S: 1 148^M
		S: 2 29^M
		S: .^M
	END
	for sign in Received Return-Path Delivered-To received; do
		{
			pseudo MAILER-DAEMON 'X-IMAP: 1 2' "$sign: <>"
			message one
		} | mailbox alice
		printf 'USER alice\nPASS sesame\nSTAT\n' | server >replies
		[[ "$(sed -n 4p replies)" == '+OK 2 '* ]]
	done
	# The sender's address, and what comes after the header, say nothing.
	{
		pseudo alice@example.org 'X-IMAP: 1 2'
		pseudo MAILER-DAEMON 'X-IMAP: 1 2'
	} | mailbox alice
	printf 'USER alice\nPASS sesame\nSTAT\n' | server >replies
	[[ "$(sed -n 4p replies)" == '+OK 2 '* ]]
	# Mail that went into it is not hidden with it.
	message one >mail
	body=$(pseudo x | sed '1,/^$/d' | cat - mail | wc -c)
	pseudo MAILER-DAEMON 'X-IMAP: 1 2' "Content-Length: $body" | cat - mail | mailbox alice
	printf 'USER alice\nPASS sesame\nRETR 1\n' | server >replies
	grep -q 'body of one' replies
}

@test "empty lines before the first message belong to no message, and stay" {
	for lead in '\n' '\r\n' '\n\n\r\n\n'; do
		# shellcheck disable=SC2059
		printf "$lead" >lead
		{
			cat lead
			message one two
		} | mailbox alice
		transaction <<-'END'
			C: LIST
			S: +OK 2 messages (58 octets)^M
			S: 1 29^M
			S: 2 29^M
			S: .^M
			C: RETR 1
			S: +OK 29 octets^M
			S: Subject: one^M
			S: ^M
			S: body of one^M
			S: .^M
		END
		{
			cat lead
			message two
		} >expected
		keeps_but 1 <expected
		keeps_but 1 <lead
		transaction <<-'END'
			C: STAT
			S: +OK 0 0^M
			C: UIDL
			S: +OK 0 unique-ids^M
			S: .^M
			C: QUIT
			S: +OK bye^M
		END
		cmp lead spool/alice
		message three >>spool/alice
		transaction <<-'END'
			C: STAT
			S: +OK 1 33^M
		END
	done
	{
		printf '\n\n'
		pseudo MAILER-DAEMON 'X-IMAP: 1 2'
		message one
	} | mailbox alice
	transaction <<-'END'
		C: STAT
		S: +OK 1 29^M
	END
}

# surrounded: alice has a message, then standard input, then another message.
surrounded() {
	{
		message one
		cat
		message two
	} | mailbox alice
}

@test "a From_ line that is too long or has a NUL or CR is text" {
	# Of an old Macintosh; and of a disk that lost a block.
	for text in 'From a@example.org Thu\rSubject: one\r\rbody\r' \
	    "From a@example.org Thu$(printf '\\0%.0s' {1..60})Subject: one\n\nx\n" \
	    "\nFrom $(printf 'x%.0s' {1..1019})\nSubject: one\n\nx\n" \
	    "From $(printf 'x%.0s' {1..1020})"; do
		# shellcheck disable=SC2059
		printf "$text" | mailbox alice
		keep
		not_served 'it does not start with a From_ line'
		unchanged
		# Among other mail it is part of the message before it, and sent with that.
		# shellcheck disable=SC2059
		printf "$text\n\n" | surrounded
		printf 'USER alice\nPASS sesame\nSTAT\nRETR 1\n' | server >replies
		[[ "$(sed -n 4p replies)" == '+OK 2 '* ]]
		grep -aq 'From ' replies
		! [[ $text == *Subject* ]] || grep -aq 'Subject: one' <(tail -n +8 replies)
	done
	# The longest, CRLF and all, and one at the end of the file that has no end.
	printf 'From %s\r\n\r\nbody\r\n\r\n' "$(printf 'x%.0s' {1..1017})" | surrounded
	transaction <<-'END'
		C: LIST
		S: +OK 3 messages (66 octets)^M
		S: 1 29^M
		S: 2 8^M
		S: 3 29^M
		S: .^M
	END
	printf 'From a' >>spool/alice
	transaction <<-'END'
		C: STAT
		S: +OK 4 68^M
	END
}

# promising LENGTH: a message as dovecot-lda and mutt write it, with another one in its
# body of 29 octets, and an empty line at the end.
promising() {
	printf 'From a Thu Jan  1 00:00:00 1970\nSubject: one\nContent-Length: %s\n\n' "$1"
	printf 'text\n\nFrom b\nSubject: two\n\nx\n\n'
}

@test "a Content-Length that ends where a message may end keeps From_ lines in the body" {
	# 30 have the empty line.
	for length in 29 30; do
		for three in '' three; do
			# shellcheck disable=SC2086 # nothing is no message
			{
				promising "$length"
				message $three
			} | mailbox alice
			printf 'USER alice\nPASS sesame\nLIST\nRETR 1\nDELE 1\nQUIT\n' | server >replies
			same "1 71^M" "$(sed -n 5p replies | cat -v)"
			same 'text^M
^M
From b^M
Subject: two^M
^M
x^M
.^M
+OK message 1 deleted^M
+OK bye^M' "$(tail -n 9 replies | cat -v)"
			# shellcheck disable=SC2086
			message $three | cmp - spool/alice
		done
	done
	# Nor need there be one at the end of the file, or more than a line's end.
	for length in 28 29; do
		promising "$length" | head -c -$((30 - length)) | mailbox alice
		printf 'USER alice\nPASS sesame\nLIST\nQUIT\n' | server >replies
		same "1 71^M" "$(sed -n 5p replies | cat -v)"
	done
	promising 29 | sed 's/$/\r/; s/: 29/: 35/' | mailbox alice
	message three >>spool/alice
	printf 'USER alice\nPASS sesame\nSTAT\nQUIT\n' | server >replies
	[[ "$(sed -n 4p replies)" == '+OK 2 '* ]]
}

@test "a Content-Length that lies is ignored" {
	# lies FIELD...: with these in place of the Content-Length there are two messages.
	lies() {
		local fields
		fields=$(printf '%s\\n' "$@")
		promising 29 | sed "s/^Content-Length: 29$/${fields%\\n}/" >one
		message three >mail
		for behind in /dev/null mail; do
			cat one "$behind" | mailbox alice
			printf 'USER alice\nPASS sesame\nLIST 2\n' | server >replies
			same '+OK 2 19^M' "$(sed -n 4p replies | cat -v)"
		done
	}
	lies 'A: b'
	for length in 0 1 5 27 7777 99999999999999999999; do
		lies "Content-Length: $length"
	done
	lies 'Content-Length: -29'
	lies 'Content-Length: 29x'
	lies 'Content-Length: 0x1d'
	lies 'Content-Length:' ' 29'
	lies 'Content-Length : 29'
	lies 'X-Content-Length: 29'
	# Which of them is right nobody knows.
	lies 'Content-Length: 29' 'Content-Length: 29'
	lies 'Content-Length: 1' 'Content-Length: 29'
	# Nor is one in the body or in a message before it believed.
	printf 'From a\nA: b\n\nContent-Length: 29\n\n' >body
	promising 29 | tail -n +5 >>body
	mailbox alice <body
	printf 'USER alice\nPASS sesame\nLIST 2\n' | server >replies
	same '+OK 2 19^M' "$(sed -n 4p replies | cat -v)"
}

@test "a Content-Length makes no message start where none would start without it" {
	# A deliverer quotes "From " after an empty line only.
	printf 'From a\nContent-Length: 5\n\ntext\nFrom b\nSubject: forged\n\nx\n\n' | mailbox alice
	transaction <<-'END'
		C: STAT
		S: +OK 1 57^M
	END
}

@test "octets of all values are served as they are" {
	perl -e 'print "From a\nA: b\n\n", map(chr, 0..255), "\n"' | mailbox alice
	perl -e 'print "A: b\r\n\r\n", map(chr, 0..9), "x", map(chr, 11..255), "\r\n.\r\n"' |
		sed 's/\tx/\t\r\n/' >expected
	printf 'USER alice\nPASS sesame\nRETR 1\n' | server >replies
	same '+OK 267 octets^M' "$(sed -n 4p replies | cat -v)"
	tail -n +5 replies | cmp expected -
}

@test "a line of a megabyte is served whole" {
	perl -e 'print "From a\nA: b\n\n", "." x 1048576, "\n\nFrom b\n\nx\n"' | mailbox alice
	printf 'USER alice\nPASS sesame\nRETR 1\nRETR 2\n' | server >replies
	same '+OK 1048586 octets^M' "$(sed -n 4p replies | cat -v)"
	perl -e 'print "A: b\r\n\r\n.", "." x 1048576, "\r\n.\r\n+OK 5 octets\r\n\r\nx\r\n.\r\n"' >expected
	tail -n +5 replies | cmp expected -
}

@test "an empty mailbox is an empty maildrop" {
	mailbox alice </dev/null
	transaction <<-'END'
		C: STAT
		S: +OK 0 0^M
		C: QUIT
		S: +OK bye^M
	END
	[ -f spool/alice ]
}

# not_served WHY: the login is refused, quickly, for that reason.
not_served() {
	: >log
	SECONDS=0
	dialogue -w 30 <<-'END'
		S: +OK POP3 ready^M
		C: USER alice
		S: +OK and the password?^M
		C: PASS sesame
		S: -ERR [SYS/PERM] the mailbox is not one that can be served^M
		C: NOOP
	END
	[ "$SECONDS" -lt 15 ]
	same "maildrop refused, ip=[unknown], user=alice, $1
no login, ip=[unknown], user=alice, end=refused" "$(records)"
}

@test "a file that does not start with a From_ line is refused and left alone" {
	for text in 'x' '\nx' '\n \nFrom a\n\nx\n' '\r\r\nFrom a\n\nx\n' 'from a\n' '>From a\n\nx\n' ' From a\n' 'From' '\0' '\n\0' '\xef\xbb\xbfFrom a\n\nx\n' \
	    'SQLite format 3'; do
		# shellcheck disable=SC2059
		printf "$text" | mailbox alice
		keep
		not_served 'it does not start with a From_ line'
		unchanged
	done
}

@test "a file that is not regular is refused and not opened" {
	mkdir spool/alice
	not_served 'not a regular file'
	rmdir spool/alice
	mkfifo spool/alice
	not_served 'not a regular file'
	rm spool/alice
	message one | mailbox other
	ln -s other spool/alice
	not_served 'not a regular file'
	ln -sf missing spool/alice
	not_served 'not a regular file'
}

@test "a file with two names is refused" {
	message one | mailbox alice
	keep
	ln spool/alice spool/other
	not_served 'more than one link'
	unchanged
}

@test "a mailbox that begins with many small messages is served in little address space" {
	{
		perl -e 'print "From a\n\nb\n\n" x 20000'
		printf 'From a\n\n'
	} | mailbox alice
	truncate -s 300M spool/alice
	# A sanitizer needs more.
	grep -q __asan_init "$STDPOP3D" || ulimit -v 12000
	transaction <<-'END'
		C: LIST 20000
		S: +OK 20000 5^M
		C: LIST 20001
		S: +OK 20001 314352796^M
	END
}

@test "without memory for all messages none is served" {
	needs strace
	local before
	! grep -q __asan_init "$STDPOP3D" || skip 'a sanitizer ends without memory'
	perl -e 'print "From a\n\nb\n\n" x 100000' | mailbox alice
	printf '%s\r\n' 'USER alice' 'PASS sesame' STAT >commands
	strace -o trace -e trace=openat,mmap,brk "${SERVER[@]}" <commands >replies 2>>log
	# What is asked for once the mailbox is open.
	before=$(sed '/"alice", .*O_NOATIME/,$d' trace)
	: >log
	strace -o /dev/null -e trace=mremap,mmap,brk -e inject=mremap:error=ENOMEM \
		-e "inject=mmap:error=ENOMEM:when=$(($(grep -c '^mmap' <<<"$before") + 2))+" \
		-e "inject=brk:retval=0:when=$(($(grep -c '^brk' <<<"$before") + 1))+" \
		"${SERVER[@]}" <commands >replies 2>>log
	[[ "$(sed -n 3p replies)" == '-ERR [SYS/TEMP] '* ]]
	same 3 "$(wc -l <replies)"
	records | grep -q 'maildrop, .*cannot index the mailbox: Cannot allocate memory'
}
