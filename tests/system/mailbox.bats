#!/usr/bin/env bats
# bats file_tags=root
# What other programs write into a mailbox, and what they see in it: Dovecot, which is
# unpacked and not installed, mutt and s-nail.
load ../helper

HERE=$BATS_TEST_DIRNAME/mailbox

setup_file() {
	require_packages "$HERE/packages" || return 0
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
	cd "$BATS_FILE_TMPDIR" || return
	apt-get -q -o APT::Sandbox::User=root download dovecot-core dovecot-imapd dovecot-pop3d
	for package in ./*.deb; do
		dpkg-deb -x "$package" dovecot
	done
	# 2.4 is configured otherwise, and writes no mbox for much longer.
	[[ $(dpkg-deb -f dovecot-core_*.deb Version) == 1:2.3.* ]] || cannot 'no Dovecot 2.3'
}

dovecot() {
	"$HERE/dovecot" "$BATS_FILE_TMPDIR/dovecot" "$PWD" "$OWNER" "$@" 2>>log
}

# mails: a folder of messages with lines in them that start with "From ".
mails() {
	local body
	mkdir mails
	head='From: a@example.org\nTo: alice@example.org\nDate: Thu, 1 Jan 1970 00:00:00 +0000\n'
	for body in 'plain' 'one\n\nFrom b@example.org Thu Jan  1 00:00:00 1970\nSubject: forged\n\nx' \
	    'From b@example.org Thu Jan  1 00:00:00 1970\n\ntwo' 'From now on\n\nFrom now on\n' \
	    'end\n\nFrom b@example.org Thu Jan  1 00:00:00 1970' 'last' '\n\n' 'x\n\n\nFrom \n\n\n'; do
		# shellcheck disable=SC2059
		printf "${head}Subject: $((++n))\nMessage-ID: <$n@example.org>\n\n$body\n" >"mails/$n"
	done
}

# seen: the bodies that stdpop3d sends of all messages, each after a line with the number.
seen() {
	local count n
	printf 'USER alice\r\nPASS sesame\r\nSTAT\r\nQUIT\r\n' | server >replies
	count=$(sed -n '4s/+OK \([0-9]*\) .*/\1/p' replies)
	for ((n = 1; n <= count; n++)); do
		printf '%s\r\n' 'USER alice' 'PASS sesame' "RETR $n" QUIT | server >replies
		echo "# $n"
		tail -n +5 replies | bodies
	done
}

# seen_by_dovecot: the same of Dovecot.
seen_by_dovecot() {
	local count n
	count=$(printf 'STAT\r\nQUIT\r\n' | dovecot pop3 | sed -n '1s/+OK \([0-9]*\) .*/\1/p')
	for ((n = 1; n <= count; n++)); do
		printf '%s\r\n' "RETR $n" QUIT | dovecot pop3 >replies
		echo "# $n"
		tail -n +2 replies | bodies
	done
}

bodies() {
	tr -d '\r' | sed -n '1,/^$/{/^Subject:/p;d}; /^\.$/q; p'
}

# by_mutt KEYS: mutt with the mailbox of alice, and these keys.
by_mutt() {
	cat >muttrc <<-END
		set folder = "$PWD"
		set copy = no
		set confirmappend = no
		set confirmcreate = no
		set quit = yes
		set move = no
		set sort = mailbox-order
		set pipe_split = yes
		set pipe_decode = no
		set pipe_sep = ""
		set wait_key = no
		set hostname = example.org
		push "$1"
	END
	# A terminal where nobody types.
	[ -p keys ] || mkfifo keys
	TERM=xterm HOME=$PWD timeout 60 script -qec "mutt -n -F muttrc -f spool/alice" /dev/null \
		<>keys >terminal
}

# seen_by_mutt: the same of mutt, which hands each message to a program.
seen_by_mutt() {
	cat >take <<-'END'
		#!/bin/sh
		n=$(($(cat taken) + 1))
		echo "$n" >taken
		cat >"taken.$n"
	END
	chmod +x take
	echo 0 >taken
	by_mutt '<tag-pattern>~A<enter><tag-prefix><pipe-message>./take<enter><exit>'
	for ((n = 1; n <= $(cat taken); n++)); do
		echo "# $n"
		bodies <"taken.$n"
	done
}

@test "messages and their numbers are Dovecot's, in a mailbox that it and its lda wrote" {
	mails
	mailbox alice </dev/null
	for file in mails/*; do
		dovecot dovecot-lda -f sender@example.org <"$file"
	done
	seen_by_dovecot >theirs
	same 8 "$(grep -c '^# ' theirs)"
	seen | diff -u theirs -
	"$HERE/imap.py" append mails/* | dovecot imap >replies
	same 8 "$(grep -c '^a OK' replies)"
	seen_by_dovecot >theirs
	same 16 "$(grep -c '^# ' theirs)"
	seen | diff -u theirs -
	# And after messages were removed.
	printf 'USER alice\r\nPASS sesame\r\nDELE 2\r\nDELE 3\r\nDELE 10\r\nQUIT\r\n' | server >replies
	same '+OK bye' "$(tail -n 1 replies | tr -d '\r')"
	seen_by_dovecot >theirs
	same 13 "$(grep -c '^# ' theirs)"
	seen | diff -u theirs -
}

@test "messages and their numbers are mutt's, in a mailbox that it wrote" {
	mails
	mkdir box box/new box/cur box/tmp
	for file in mails/*; do
		cp "$file" "box/new/${file#mails/}.1.host"
	done
	mailbox alice </dev/null
	mv spool/alice empty
	mv box spool/alice
	by_mutt "<tag-pattern>~A<enter><tag-prefix><copy-message>$PWD/written<enter><exit>"
	rm -r spool/alice
	mailbox alice <written
	[ "$(grep -c '^Content-Length: ' spool/alice)" -eq 8 ]
	grep -q '^From b@' spool/alice
	seen_by_mutt >theirs
	same 8 "$(grep -c '^# ' theirs)"
	seen | diff -u theirs -
}

@test "the pseudo message of a mailbox that Dovecot emptied is hidden, and keeps its validity" {
	local validity
	message one two | mailbox alice
	printf 'UIDL\r\nDELE 1\r\nDELE 2\r\nQUIT\r\n' | dovecot pop3 >replies
	validity=$(sed -n 's/^1 ........\(........\)\r$/\1/p' replies)
	grep -q 'FOLDER INTERNAL DATA' spool/alice
	keep
	transaction <<-'END'
		C: STAT
		S: +OK 0 0^M
		C: QUIT
		S: +OK bye^M
	END
	unchanged
	message three four >>spool/alice
	transaction <<-'END'
		C: LIST
		S: +OK 2 messages (64 octets)^M
		S: 1 33^M
		S: 2 31^M
		S: .^M
		C: DELE 1
		S: +OK message 1 deleted^M
		C: QUIT
		S: +OK bye^M
	END
	printf 'UIDL\r\nQUIT\r\n' | dovecot pop3 >replies
	same "$validity" "$(sed -n 's/^1 ........\(........\)\r$/\1/p' replies)"
}

# ids: the unique-ids.
ids() {
	printf 'USER alice\r\nPASS sesame\r\nUIDL\r\nQUIT\r\n' | server >replies
	sed -n '5,/^\./p' replies | sed '$d' | tr -d '\r'
}

@test "what mutt, s-nail and Dovecot note in mail changes no unique-id" {
	message one two three | mailbox alice
	ids >before
	same 3 "$(wc -l <before)"
	printf 'UIDL\r\nRETR 1\r\nQUIT\r\n' | dovecot pop3 >replies
	# shellcheck disable=SC2016 # a keyword of IMAP
	"$HERE/imap.py" say 'STORE 1:2 +FLAGS (\Flagged \Answered work)' | dovecot imap >replies
	grep -q '^X-Keywords: .*work' spool/alice
	ids | diff before -
	by_mutt '<first-entry><flag-message><next-entry><edit-label>label<enter><sync-mailbox><quit>'
	grep -q '^X-Label: label$' spool/alice
	ids | diff before -
	printf 'type 1\nflag 2\nanswered 3\nquit\n' | HOME=$PWD s-nail -n '-#' -f spool/alice >/dev/null
	same 3 "$(grep -c '^Status: ' spool/alice)"
	ids | diff before -
}
