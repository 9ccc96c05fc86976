#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# RFC 1939 section 7, UIDL: ids that stay what they are, in every session.
load ../helper

# ids: the lines of UIDL in a session of its own.
ids() {
	printf 'USER alice\nPASS sesame\nUIDL\n' | server >replies
	sed -n '5,/^\./p' replies | sed '$d' | tr -d '\r'
}

@test "UIDL lists all unique-ids, and with an argument one of them" {
	message one two | mailbox alice
	transaction <<-'END'
		C: UIDL
		S: +OK 2 unique-ids^M
		S: 1 907a1a159955e5ae5c80334cbbe51358^M
		S: 2 178aefa02c8d05d8386249211632d671^M
		S: .^M
		C: UIDL 2
		S: +OK 2 178aefa02c8d05d8386249211632d671^M
	END
}

@test "unique-ids are the same in every version" {
	mailbox alice <<-'END'
		From alice@example.org  Thu Jan  1 00:00:00 1970
		Return-Path: <alice@example.org>
		Date: Thu, 1 Jan 1970 00:00:00 +0000
		From: Alice <alice@example.org>
		To: bob@example.org
		Subject: a message with
		 a folded line
		Message-ID: <1@example.org>

		Hello Bob,

		.this is it.

		From MAILER-DAEMON  Fri Jan  2 00:00:00 1970
		Subject: no body

		From c Fri Jan  2 00:00:00 1970

	END
	same '1 f698090ef01d98f76787fb4760d86869
2 1257dbf47e970c57aba5fc70ee5aad7e
3 f1c4cbca6c46af6ee2e6841941824107' "$(ids)"
}

# ignored: what the manual says is left out; of a pattern, a name.
ignored() {
	sed -n '/^.Sh UNIQUE-IDS/,/^.Sh LOCKING/s/^\.It Li "\?\([^"]*\)"\?$/\1/p' "$TOP/man/stdpop3d.8" |
		tr -d , | sed 's/\*/Any/g'
}

@test "the manual lists the header lines that unique-ids leave out" {
	same "$(sed -n '/^static const char \*const ignored/,/^};/s/"/\n/gp' "$TOP/src/uniqueid.c" |
		grep -E '^[A-Z][A-Za-z-]*$' | sed 's/-$/-Any/' | sort)" "$(ignored | tr ' ' '\n' | sort)"
	same 20 "$(ignored | wc -w)"
}

@test "unique-ids stay when a mail program writes its own lines into the header" {
	message one two | mailbox alice
	before=$(ids)
	for field in $(ignored) Status status x-uid CONTENT-LENGTH X-VM-v5-Data x-evolution-source; do
		message one two | sed "s/^Subject: .*/&\n$field: 1 x\n\tfolded/" | mailbox alice
		same "$before" "$(ids)"
		message one two | sed "s/^Subject: /$field: \n&/" | mailbox alice
		same "$before" "$(ids)"
	done
}

# The other half is in saved-index.bats: it has another unique-id before it is joined.
@test "a Content-Length that keeps From_ lines in the body is part of the unique-id" {
	joined() {
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\nSubject: one\n'
		printf 'Content-Length: %d\n\ntext\n\nFrom b\n\n%sx\n\n' "$1" "$2"
	}
	joined 16 '' | mailbox alice
	first=$(ids)
	same 1 "$(wc -l <<<"$first")"
	# However it is written, and whatever else is noted.
	joined 16 '' | sed 's/^Content-Length: /Status: RO\ncontent-LENGTH:/' | mailbox alice
	same "$first" "$(ids)"
	joined 26 "$(printf 'y%.0s' {1..10})" | mailbox alice
	second=$(ids)
	[ "$first" != "$second" ]
	joined 16 '' | sed 's/^From b/Form b/' | mailbox alice
	[ "$first" != "$(ids)" ]
	# popa3d knows nothing of it.
	joined 16 '' | mailbox alice
	same '+OK 2 *' "$(printf 'USER alice\nPASS sesame\nSTAT\n' | server -3 | sed -n '4s/ [0-9]*.$/ */p')"
}

@test "a message with another header line or body has another unique-id" {
	message one | mailbox alice
	before=$(ids)
	for change in 's/^Subject/X-Subject/' 's/^Subject/X-Labels: x\n&/' 's/^Subject/X-VM: x\n&/' \
	    's/^Subject/X-Evolutionary: x\n&/' 's/^Subject/In-Reply-To: x\n&/' 's/body of/Body of/' 's/1970/1971/' 's/^Subject/X: y\n&/'; do
		message one | sed "$change" | mailbox alice
		[ "$before" != "$(ids)" ]
	done
}

@test "a unique-id does not depend on the messages before and after, or on their deletion" {
	message one two three | mailbox alice
	before=$(ids | cut -d ' ' -f 2)
	printf 'USER alice\nPASS sesame\nDELE 1\nQUIT\n' | server >/dev/null
	same "$(tail -n 2 <<<"$before")" "$(ids | cut -d ' ' -f 2)"
	message four >>spool/alice
	same "$(tail -n 2 <<<"$before")" "$(ids | head -n 2 | cut -d ' ' -f 2)"
	printf 'USER alice\nPASS sesame\nDELE 3\nQUIT\n' | server >/dev/null
	same "$(tail -n 2 <<<"$before")" "$(ids | cut -d ' ' -f 2)"
}

@test "a message has its unique-id with or without a line end at the end of the file" {
	message one two | mailbox alice
	before=$(ids)
	message one two | head -c -1 | mailbox alice
	same "$before" "$(ids)"
	message one two | head -c -2 | mailbox alice
	same "$before" "$(ids)"
}

@test "equal messages are numbered in file order" {
	one=907a1a159955e5ae5c80334cbbe51358
	two=178aefa02c8d05d8386249211632d671
	message one two one one two | mailbox alice
	same "1 $one
2 $two
3 $one-2
4 $one-3
5 $two-2" "$(ids)"
	for _ in {1..300}; do
		message one
	done | mailbox alice
	ids >all
	[ "$(cut -d ' ' -f 2 all | sort -u | wc -l)" -eq 300 ]
	same "300 $one-300" "$(tail -n 1 all)"
}

@test "copies of a message keep their numbers until the session ends" {
	message one one one | mailbox alice
	transaction <<-'END'
		C: DELE 1
		S: +OK message 1 deleted^M
		C: UIDL
		S: +OK 2 unique-ids^M
		S: 2 907a1a159955e5ae5c80334cbbe51358-2^M
		S: 3 907a1a159955e5ae5c80334cbbe51358-3^M
		S: .^M
	END
}

@test "a unique-id is 1 to 70 octets of 0x21 to 0x7E" {
	for ((i = 0; i < 100; i++)); do
		message $((i % 10))
	done | mailbox alice
	[ "$(ids | grep -cE '^[0-9]+ [!-~]{1,70}$')" -eq 100 ]
}

# numbered X-UID...: a message each, with that in its X-UID line; without one for "none".
numbered() {
	local uid
	for uid; do
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\nSubject: %s\n' "$((++NUMBERED))"
		[ "$uid" = none ] || printf 'X-UID: %s\n' "$uid"
		printf '\nbody\n\n'
	done
}

# adopted LIST: the ids, of which those that Dovecot's number makes are shown as
# "uid/validity", and all others as "own".
adopted() {
	ids | awk '{ if (length($2) == 32) printf " own"
		else if (length($2) == 16) printf " %s/%s", substr($2, 1, 8), substr($2, 9)
		else printf " %s", $2 }'
}

@test "-D: messages that Dovecot had keep its unique-ids, all others have their own" {
	local own
	SERVER+=(-D dovecot)
	echo 'alice:1700000000:1000' >dovecot
	numbered 1 5 none 7 999 1000 1001 none | mailbox alice
	same ' 00000001/6553f100 00000005/6553f100 own 00000007/6553f100 000003e7/6553f100 000003e8/6553f100 own own' \
		"$(adopted)"
	# What is its own is what it is without.
	own=$(ids | sed -n '3p; 7,8p')
	SERVER=("${SERVER[@]:0:${#SERVER[@]}-2}")
	same "$own" "$(ids | sed -n '3p; 7,8p')"
	same ' own own own own own own own own' "$(adopted)"
}

@test "-D: a number that does not rise, is forged, garbled or not in the header is ignored" {
	SERVER+=(-D dovecot)
	echo 'alice:1:4294967295' >dovecot
	numbered 5 4 5 6 0 -1 +7 7x '' '7 8' 0x7 99999999999 4294967296 4294967295 4294967295 |
		mailbox alice
	same ' 00000005/00000001 own own 00000006/00000001 own own own own own own own own own ffffffff/00000001 own' \
		"$(adopted)"
	{
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\nx-uid:\t 3 \nX-UID: 4\n\nbody\n\n'
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\nSubject: x\n\nX-UID: 5\n\n'
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\nX-UID-x: 6\nXX-UID: 6\nX-UIDL: 6\n\n.\n\n'
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\r\nX-UID: 7\r\n\r\nbody\r\n\r\n'
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\nX-UID:\n 8\n\nbody\n\n'
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\nX-UID: 9'
	} | mailbox alice
	same ' 00000003/00000001 own own 00000007/00000001 own own' "$(adopted)"
}

@test "-D: unique-ids stay when the first message is removed, or the last, or all but one" {
	SERVER+=(-D dovecot)
	echo 'alice:1:9' >dovecot
	numbered 1 2 3 4 5 6 | mailbox alice
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'DELE 1' 'DELE 6' QUIT | server >/dev/null
	same ' 00000002/00000001 00000003/00000001 00000004/00000001 00000005/00000001' "$(adopted)"
	# New mail has no number; if it is forged, that of a message which is gone at most.
	NUMBERED=10 numbered none 5 1 8 10 >>spool/alice
	same ' 00000002/00000001 00000003/00000001 00000004/00000001 00000005/00000001 own own own 00000008/00000001 own' \
		"$(adopted)"
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'DELE 1' 'DELE 2' 'DELE 3' QUIT | server >/dev/null
	same ' 00000005/00000001 own own own 00000008/00000001 own' "$(adopted)"
}

@test "-D: the saved index records whose unique-ids it holds" {
	SERVER+=(-D dovecot)
	echo 'alice:1:2' >dovecot
	numbered 1 2 3 | awk '/^body$/ { for (i = 0; i < 9000; i++) print "a line of forty-four octets with its end, no" }
		{ print }' | mailbox alice
	same ' 00000001/00000001 00000002/00000001 own' "$(adopted)"
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT | server >/dev/null
	[ -s state/alice:index ]
	same ' 00000001/00000001 00000002/00000001 own' "$(adopted)"
	# Mail that is appended goes on where the index ends.
	NUMBERED=5 numbered 1 2 >>spool/alice
	same ' 00000001/00000001 00000002/00000001 own own own' "$(adopted)"
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT | server >/dev/null
	echo 'alice:1:3' >dovecot
	same ' 00000001/00000001 00000002/00000001 00000003/00000001 own own' "$(adopted)"
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT | server >/dev/null
	echo 'alice:2:3' >dovecot
	same ' 00000001/00000002 00000002/00000002 00000003/00000002 own own' "$(adopted)"
	# What goes is compared with what the index said.
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT | server >/dev/null
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'DELE 1' 'DELE 4' QUIT | server >replies
	same $'+OK bye\r' "$(tail -n 1 replies)"
	same ' 00000002/00000002 00000003/00000002 own' "$(adopted)"
}

# based LINE...: these lines follow the first From_ line.
based() {
	local line
	for line; do
		printf '1a\\\n%s\n' "$line"
	done | sed -f - kept >based
	mailbox alice <based
}

@test "-D: where Dovecot has numbered the mailbox anew, none of its numbers is believed" {
	local line own=' own own own' theirs=' 00000001/00000007 00000002/00000007 00000003/00000007'
	SERVER+=(-D dovecot)
	echo 'alice:7:9' >dovecot
	numbered 1 2 3 >kept
	# shellcheck disable=SC2016 # a keyword of Dovecot's begins so
	for line in 'X-IMAPbase: 8 3' 'X-IMAPbase: 8 0000000003 Work $Later' 'x-imapbase:8  3 ' \
	    'X-IMAP: 4294967295 0' $'X-IMAPbase:\t6 3' $'X-IMAPbase: 8 3\r'; do
		: >log
		based "$line"
		same "$own" "$(adopted)"
		same 1 "$(records | grep -cE "^unique-ids, ip=\\[unknown\\], user=alice, none is Dovecot's: UIDVALIDITY is [0-9]+ in the mailbox, 7 in the file of -D$")"
	done
	: >log
	for line in 'X-IMAPbase: 7 3' 'X-IMAPbase: 0000000007 12 Work' 'X-IMAP: 7 3' 'X-IMAPbase: 8' \
	    'X-IMAPbase: 0 3' 'X-IMAPbase: 8x 3' 'X-IMAPbase: -8 3' 'X-IMAPbase: 4294967296 3' \
	    'X-IMAPbase: 8 x' 'X-IMAPbase: 8 4294967296' 'X-IMAPbases: 8 3' 'X-IMAP : 8 3' ' X-IMAPbase: 8 3'; do
		based "$line"
		same "$theirs" "$(adopted)"
	done
	based 'X-IMAPbase: 7 3' 'X-IMAPbase: 8 3'
	same "$theirs" "$(adopted)"
	run ! grep unique-ids log
	based 'X-IMAPbase: x 3' 'X-IMAPbase: 8 3' 'X-IMAPbase: 7 3'
	same "$own" "$(adopted)"
}

@test "-D: only the first header of the mailbox says that Dovecot has numbered it anew" {
	local theirs=' 00000001/00000007 00000002/00000007 00000003/00000007'
	SERVER+=(-D dovecot)
	echo 'alice:7:9' >dovecot
	numbered 1 2 3 >kept
	for line in 1 2 3; do
		sed "/^Subject: $line/,/^body/s/^body/X-IMAPbase: 8 3/" kept | mailbox alice
		same "$theirs" "$(adopted)"
	done
	for line in 2 3; do
		sed "/^Subject: $line/aX-IMAPbase: 8 3" kept | mailbox alice
		same "$theirs" "$(adopted)"
	done
	# Its message goes, and the one after it is the first.
	sed '/^Subject: 3/aX-IMAPbase: 8 3' kept | mailbox alice
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'DELE 1' QUIT | server >/dev/null
	same ' 00000002/00000007 00000003/00000007' "$(adopted)"
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'DELE 1' QUIT | server >/dev/null
	same ' own' "$(adopted)"
	# Empty lines before it belong to no message, and what is hidden comes first.
	{ printf '\n\r\n'; sed '/^Subject: 1/aX-IMAPbase: 8 3' kept; } | mailbox alice
	same ' own own own' "$(adopted)"
	for line in 7 8; do
		{
			printf 'From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n'
			printf "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
			printf 'X-IMAP: %d 3\n\ntext\n\n' "$line"
			cat kept
		} | mailbox alice
		[ "$line" = 7 ] || theirs=' own own own'
		same "$theirs" "$(adopted)"
		"${SERVER[@]}" -c alice 2>/dev/null | sed -n 's/.* unique-id=//p' |
			diff <(ids | cut -d ' ' -f 2) -
	done
	: | mailbox alice
	same '' "$(adopted)"
	printf 'From a@example.org Thu Jan  1 00:00:00 1970\nX-UID: 1\nX-IMAPbase: 8 3' | mailbox alice
	same ' 00000001/00000007' "$(adopted)"
}

@test "-D: the saved index is not believed where Dovecot has numbered the mailbox anew" {
	local theirs=' 00000001/00000007 00000002/00000007 00000003/00000007'
	SERVER+=(-D dovecot)
	echo 'alice:7:9' >dovecot
	numbered 1 2 3 | awk '/^body$/ { for (i = 0; i < 9000; i++) print "a line of forty-four octets with its end, no" }
		{ print }' >kept
	based "X-Trace: $(printf 'x%.0s' {1..600})" 'X-IMAPbase: 7 3'
	same "$theirs" "$(adopted)"
	printf '%s\r\n' 'USER alice' 'PASS sesame' UIDL QUIT | server >/dev/null
	[ -s state/alice:index ]
	same "$theirs" "$(adopted)"
	# One digit becomes another where a mailbox that has grown is not looked at again.
	printf 8 | dd of=spool/alice conv=notrunc bs=1 status=none \
		seek=$(($(head -n 2 spool/alice | wc -c) + 12))
	grep -qx 'X-IMAPbase: 8 3' spool/alice
	NUMBERED=5 numbered 4 >>spool/alice
	same ' own own own own' "$(adopted)"
	printf '%s\r\n' 'USER alice' 'PASS sesame' UIDL QUIT | server >/dev/null
	same ' own own own own' "$(adopted)"
	echo 'alice:8:9' >dovecot
	same "${theirs//7/8} 00000004/00000008" "$(adopted)"
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'DELE 4' QUIT | server >replies
	same $'+OK bye\r' "$(tail -n 1 replies)"
	same "${theirs//7/8}" "$(adopted)"
}

@test "-D: -c shows the same unique-ids, and -3 makes those of the other messages" {
	SERVER+=(-D dovecot)
	echo 'alice:1:2' >dovecot
	numbered 1 none 2 | mailbox alice
	ids | awk '{ print $2 }' >told
	"${SERVER[@]}" -c alice | sed -n 's/.* unique-id=//p' | diff - told
	SERVER+=(-3)
	same '0000000100000001 0000000200000001' "$(ids | sed -n '1p; 3p' | cut -d ' ' -f 2 | xargs)"
	run -0 ids
	[[ ${lines[1]} =~ ^2\ [0-9a-f]{16}$ ]]
}

@test "-D: a malformed line of the file gives no message a number, and affects no other line" {
	local line
	SERVER+=(-D dovecot)
	numbered 1 2 | mailbox alice
	for line in 'alice' 'alice:1' 'alice:1:' 'alice::2' 'alice:x:2' 'alice:1:x' 'alice:1:2:3' \
	    'alice:1:4294967296' 'alice:-1:2' 'alice: 1:2' 'alice:1:2 ' 'bob:1:2' '#alice:1:2' '' \
	    'alice:1:0' $'alice:1:2\r'; do
		printf '%s\n' "$line" >dovecot
		same ' own own' "$(adopted)"
	done
	printf '%s\n' 'nobody:1:2' 'alice:1:1' 'alice:1:2' >dovecot
	: >log
	same ' 00000001/00000001 own' "$(adopted)"
	records | grep -qx 'accounts, ip=\[unknown\], line 3 of dovecot is malformed, and gives no message an id'
}

@test "-D: a file that is missing, or that others may write to, is refused" {
	SERVER+=(-D dovecot)
	run -78 server </dev/null
	records | grep -q '^setup, .*cannot open dovecot: No such file or directory$'
	echo 'alice:1:2' >dovecot
	for mode in 620 602 666; do
		chmod "$mode" dovecot
		run -78 server </dev/null
		records | tail -n 1 |
			grep -q '^setup, .*dovecot must be its owner.s alone to write to, and the owner root'
	done
	chmod 644 dovecot
	run -0 server </dev/null
}
