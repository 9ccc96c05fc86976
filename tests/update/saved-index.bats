#!/usr/bin/env bats
# The index that a session leaves to the next one, "NAME:index" in the state
# directory. It is a hint, whatever it says and whatever became of it.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
load ../helper

INDEX=state/alice:index
COUNT=40

# letters FIRST LAST: messages of 35 kilobytes each.
letters() {
	awk -v first="$1" -v last="$2" 'BEGIN {
		for (n = first; n <= last; n++) {
			printf "From a@example.org Thu Jan  1 00:00:00 1970\nSubject: letter %05d\n", n
			printf "X-Status: --\n\n"
			for (i = 0; i < 1000; i++)
				printf "line %6d of letter %05d, as it is\n", i, n
			printf "\n"
		}
	}'
}

# indexed: alice has a large mailbox, and its index was kept.
indexed() {
	letters 1 "$COUNT" | mailbox alice
	quick
	[ -s "$INDEX" ]
}

# quick [COMMAND...]: a session of these commands and QUIT; its replies in the
# file of that name.
quick() {
	printf '%s\r\n' 'USER alice' 'PASS sesame' "$@" QUIT | server "${OPTIONS[@]}" >replies
}

# answers [OPTION...]: all that a client can be told of the mailbox.
answers() {
	{
		printf 'USER alice\r\nPASS sesame\r\nSTAT\r\nLIST\r\nUIDL\r\n'
		for ((n = 1; n <= COUNT + 3; n++)); do
			printf '%s\r\n' "RETR $n" "TOP $n 3"
		done
		echo QUIT
	} | server "$@"
}

# truth: the session answers as it does without an index, and as the file is.
truth() {
	answers >told
	answers -n >expected
	cmp expected told
	"${SERVER[@]}" -c alice | awk '/^[0-9]+ octets=/ { sub("octets=", ""); print $1, $2 }' >octets
	"${SERVER[@]}" -c alice | awk '/^[0-9]+ octets=/ { sub("unique-id=", ""); print $1, $5 }' >ids
	diff octets <(listing LIST told)
	diff ids <(listing UIDL told)
	[ "$(tail -n 1 told)" = $'+OK bye\r' ]
}

# listing COMMAND REPLIES: the lines of that listing.
listing() {
	local which='^\+OK [0-9]+ messages \([0-9]+ octets\)$'
	[ "$1" = LIST ] || which='^\+OK [0-9]+ unique-ids$'
	tail -n +5 "$2" | tr -d '\r' | awk -v which="$which" '
		$0 ~ which { on = 1; next }
		on && /^\.$/ { exit }
		on'
}

# reads [COMMAND...]: such a session; how many octets of the mailbox it read, by
# any call, and how many of them before the login was done.
reads() {
	local server=("${SERVER[@]}")
	SERVER=(strace -f -o trace -e 'trace=openat,read,readv,pread64,preadv,mmap,write' "${SERVER[@]}")
	quick "$@"
	SERVER=("${server[@]}")
	awk '{ sub(/^[0-9]+ +/, "") }
		/^openat.*O_NOATIME/ { fd = $NF; next }
		/^write\(2,/ && fd != "" { done = 1 }
		fd != "" && $0 ~ "^(read|readv|pread64|preadv)[(]" fd "," {
			all += $NF
			if (!done)
				login += $NF
		}
		fd != "" && $0 ~ "^mmap[(].*, " fd ", " { all = login = "mapped" }
		END { print all + 0, login + 0 }' trace
}

# spares_login: the next login does not read the mailbox.
spares_login() {
	same '0 0' "$(reads STAT LIST UIDL)"
}

# reads_all: it reads all of it, and the beginnings of some messages twice at the most.
reads_all() {
	local all login size
	size=$(stat -c %s spool/alice)
	read -r all login <<<"$(reads "$@")"
	[ "$login" -ge "$size" ]
	[ "$login" -le $((size + COUNT * 4096)) ]
	[ "$all" -ge "$login" ]
}

# is_hint: after something was done to the index, sessions tell the truth and
# the last one leaves a right index again.
is_hint() {
	truth
	spares_login
}

@test "an unchanged mailbox is not read at all at the next login" {
	needs strace
	letters 1 "$COUNT" | mailbox alice
	reads_all STAT
	spares_login
	# Nor is it after its octets have left the memory.
	dd if=spool/alice iflag=nocache count=0 status=none
	spares_login
	truth
	spares_login
}

@test "of a mailbox that was appended to, the last message and what is new are read" {
	needs strace
	local all login
	indexed
	letters 41 43 >new
	cat new >>spool/alice
	read -r all login <<<"$(reads STAT LIST)"
	[ "$login" -gt "$(stat -c %s new)" ]
	[ "$login" -le $(($(stat -c %s new) + $(letters 40 40 | wc -c) + 5 * 4096)) ]
	# What is saved is known by then.
	same "$login" "$all"
	spares_login
	truth
}

@test "mail that begins in the middle of the last line, or continues the last message, is served as a scan serves it" {
	letters 1 "$COUNT" | head -c -2 | mailbox alice
	quick
	printf '\n\n' >>spool/alice
	letters 41 41 >>spool/alice
	truth
	printf 'From the start of no message, since the line before is not empty\n' >>spool/alice
	truth
	printf '\nFrom b@example.org Thu Jan  1 00:00:00 1970\n' >>spool/alice
	truth
	printf 'Subject: in parts\n\nbody\n' >>spool/alice
	truth
}

@test "option -n saves no index and reads none" {
	needs strace
	letters 1 "$COUNT" | mailbox alice
	OPTIONS=(-n)
	quick
	[ ! -e "$INDEX" ]
	OPTIONS=()
	quick
	[ -s "$INDEX" ]
	OPTIONS=(-n)
	reads_all
}

@test "no index is saved of a small mailbox, or of many small messages" {
	letters 1 20 | mailbox alice
	quick
	[ ! -e "$INDEX" ]
	letters 1 20 | head -c 1048575 | mailbox alice
	quick
	[ ! -e "$INDEX" ]
	perl -e 'print "From a\nSubject: $_\n\nbody of $_\n\n" for 1 .. 40000' | mailbox alice
	[ "$(stat -c %s spool/alice)" -gt 1048576 ]
	quick
	[ ! -s "$INDEX" ]
	: | mailbox alice
	quick
	rm spool/alice
	quick
	same $'+OK bye\r' "$(tail -n 1 replies)"
	[ ! -s "$INDEX" ]
}

@test "an index of more than 64 megabytes is not saved, however large the mailbox is" {
	local messages
	# Seven octets each, and a hole that makes them few for so large a mailbox.
	for messages in 1600000 1700000; do
		yes $'From \n' | head -c $((messages * 7)) | mailbox alice
		truncate -s 700M spool/alice
		quick
		same $'+OK bye\r' "$(tail -n 1 replies)"
		[ "$(stat -c %s "$INDEX")" -le $((64 * 1024 * 1024 + 4096)) ]
		[ "$messages" != 1600000 ] || [ -s "$INDEX" ]
		rm "$INDEX"
	done
}

@test "a session that ends otherwise than by QUIT saves no index" {
	letters 1 "$COUNT" | mailbox alice
	connect closed
	login closed
	hang_up closed
	[ ! -s "$INDEX" ]
	connect killed
	login killed
	kill "${PID[killed]}"
	gone killed
	[ ! -s "$INDEX" ]
	connect idle -i 1
	login idle
	gone idle
	[ ! -s "$INDEX" ]
	connect sent
	says sent QUIT
	listen sent
	listen sent
	[ ! -s "$INDEX" ]
}

@test "an UPDATE that removed mail drops the saved index" {
	indexed
	quick 'DELE 2' RSET
	[ -s "$INDEX" ]
	quick 'DELE 2'
	same $'+OK bye\r' "$(tail -n 1 replies)"
	[ ! -s "$INDEX" ]
	{
		letters 1 1
		letters 3 "$COUNT"
	} | cmp - spool/alice
	is_hint
}

@test "octets, unique-ids and messages are the same with a saved index, without, and by -c" {
	needs strace
	indexed
	truth
	letters 41 43 >>spool/alice
	truth
	letters 1 1 >>spool/alice
	letters 1 2 >>spool/alice
	truth
	grep -q -- '-3' told
	spares_login
}

@test "a session with -3 does not use the index of a session without, and the other way round" {
	indexed
	for option in -3 -t -3 -t; do
		answers "$option" >told
		answers "$option" -n >expected
		cmp expected told
	done
	quick UIDL
	cp replies own
	OPTIONS=(-3)
	quick UIDL
	run ! cmp -s own replies
}

@test "the pseudo message stays hidden when mail is appended after it" {
	needs strace
	{
		printf 'From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n'
		printf "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\n"
		printf 'This text is not a message.\n\n'
		letters 1 "$COUNT"
	} | mailbox alice
	quick
	spares_login
	truth
	letters 41 41 >>spool/alice
	truth
	run ! grep -q 'FOLDER INTERNAL DATA' told
}

@test "a mailbox that another program rewrote is scanned, and its unique-ids are its own" {
	indexed
	letters 51 $((COUNT + 50)) >copy
	cat copy >spool/alice
	is_hint
	sed -i 's/^X-Status: --/X-Status: -----/' copy
	cat copy >spool/alice
	is_hint
	letters 1 30 >copy
	cat copy >spool/alice
	is_hint
}

@test "a saved index that is missing, cut off or too long is ignored" {
	local size length
	indexed
	cp -p "$INDEX" right
	size=$(stat -c %s right)
	quick LIST UIDL
	cp replies known
	rm "$INDEX"
	is_hint
	for length in 0 1 7 8 9 100 $((size - 40 * COUNT - 1)) $((size - 40 * COUNT)) \
	    $((size - 40 * COUNT + 1)) $((size - 41)) $((size - 40)) $((size - 39)) $((size - 1)) \
	    $((size + 1)) $((size + 40)) 1000000; do
		truncate -s "$length" "$INDEX"
		quick LIST UIDL
		cmp known replies
		cmp right "$INDEX"
	done
	is_hint
}

@test "a saved index with one wrong octet is ignored" {
	local size at
	indexed
	cp -p "$INDEX" right
	size=$(stat -c %s right)
	quick LIST UIDL
	cp replies known
	for ((at = 0; at < size; at += at < 192 ? 5 : 61)); do
		perl -e 'open F, "+<", $ARGV[0]; seek F, $ARGV[1], 0; read F, $c, 1;
			seek F, $ARGV[1], 0; print F chr(ord($c) ^ 1 << $ARGV[1] % 8)' "$INDEX" "$at"
		run ! cmp -s right "$INDEX"
		quick LIST UIDL
		cmp known replies
		cmp right "$INDEX"
	done
}

@test "another user's index is ignored, and so is the index of an earlier file" {
	account bob "$SESAME"
	indexed
	letters 51 $((50 + COUNT)) | mailbox bob
	printf 'USER bob\r\nPASS sesame\r\nQUIT\r\n' | server >/dev/null
	[ -s state/bob:index ]
	cat state/bob:index >"$INDEX"
	is_hint
	cp -p "$INDEX" old
	letters 51 $((50 + COUNT)) >copy
	cat copy >spool/alice
	quick
	cat old >"$INDEX"
	is_hint
}

@test "an older index is used if mail was only appended since, and else ignored" {
	local size
	indexed
	cp "$INDEX" old
	letters 41 42 >>spool/alice
	quick
	cat old >"$INDEX"
	is_hint
	quick 'DELE 1' 'DELE 40'
	letters 43 46 >>spool/alice
	cat old >"$INDEX"
	is_hint
	size=$(stat -c %s spool/alice)
	quick 'DELE 1' 'DELE 2'
	cat old >"$INDEX"
	is_hint
	# As long as it was, by other mail.
	size=$((size - $(stat -c %s spool/alice)))
	letters 60 69 | head -c "$size" >>spool/alice
	cat old >"$INDEX"
	is_hint
}

@test "the times of the saved index do not matter" {
	needs strace
	indexed
	touch -d '1980-01-01' "$INDEX"
	spares_login
	touch -d '2080-01-01' "$INDEX"
	letters 51 $((50 + COUNT)) >copy
	cat copy >spool/alice
	touch -d '2080-01-01' "$INDEX"
	is_hint
}

@test "a file in the place of the saved index that is not the server's is left alone" {
	indexed
	echo precious >elsewhere
	chmod 666 elsewhere
	rm "$INDEX"
	mkdir "$INDEX"
	truth
	[ -d "$INDEX" ]
	rmdir "$INDEX"
	ln -s ../elsewhere "$INDEX"
	truth
	ln -sf ../nowhere "$INDEX"
	truth
	[ ! -e nowhere ]
	rm "$INDEX"
	mkfifo -m 666 "$INDEX"
	truth
	rm "$INDEX"
	ln elsewhere "$INDEX"
	[ "$(id -u)" -ne 0 ] || chown nobody elsewhere
	truth
	same precious "$(cat elsewhere)"
	rm "$INDEX"
	echo precious >"$INDEX"
	chmod 0 "$INDEX"
	[ "$(id -u)" -ne 0 ] || chown nobody "$INDEX"
	truth
	chmod 600 "$INDEX"
	same precious "$(cat "$INDEX")"
	is_hint
}

@test "a saved index that another session still holds is not used and not touched" {
	local fd
	indexed
	cp "$INDEX" right
	letters 51 $((50 + COUNT)) >copy
	cat copy >spool/alice
	exec {fd}<"$INDEX"
	flock "$fd"
	truth
	cmp right "$INDEX"
	exec {fd}<&-
	is_hint
}

@test "a session that is slow to save its index delays no other, and an index saved late is not believed" {
	needs strace
	local server=("${SERVER[@]}")
	letters 1 "$COUNT" | mailbox alice
	SERVER=(strace -f -o trace -e 'trace=pwrite64,ftruncate'
		-e inject=ftruncate:delay_enter=5000000 "${SERVER[@]}")
	connect slow
	login slow
	says slow QUIT
	hears slow '+OK bye'
	SERVER=("${server[@]}")
	quick 'DELE 3'
	same $'+OK bye\r' "$(tail -n 1 replies)"
	letters 41 43 >>spool/alice
	[ ! -s "$INDEX" ]
	gone slow
	[ -s "$INDEX" ]
	is_hint
}

@test "an index that cannot be written is dropped, and one log line says so" {
	needs strace
	letters 1 "$COUNT" | mailbox alice
	(
		ulimit -f 1
		printf 'USER alice\r\nPASS sesame\r\nQUIT\r\n' | server | cat >replies
	)
	same $'+OK bye\r' "$(tail -n 1 replies)"
	same 'index, ip=[unknown], user=alice, cannot be kept: File too large' "$(records | tail -n 1)"
	[ ! -s "$INDEX" ]
	is_hint
	for call in pwrite64 ftruncate; do
		for error in ENOSPC EIO EDQUOT; do
			letters 51 $((50 + COUNT)) >copy
			cat copy >spool/alice
			: >log
			printf 'USER alice\r\nPASS sesame\r\nQUIT\r\n' | strace -f -o trace \
				-e inject=$call:error=$error "${SERVER[@]}" 2>>log >replies
			same $'+OK bye\r' "$(tail -n 1 replies)"
			same 1 "$(records | grep -c 'index, .*cannot be kept')"
			truth
		done
	done
	is_hint
}

@test "a session that is killed while it saves the index has done what it answered" {
	needs strace
	local call when
	for call in ftruncate:1 pwrite64:1 pwrite64:2; do
		letters 1 "$COUNT" | mailbox alice
		when=${call#*:}
		printf 'USER alice\r\nPASS sesame\r\nQUIT\r\n' | strace -f -o trace \
			-e "inject=${call%:*}:signal=KILL:when=$when" "${SERVER[@]}" 2>>log >replies || :
		same $'+OK bye\r' "$(tail -n 1 replies)"
		grep -q 'killed by SIGKILL' trace
		is_hint
		letters 51 $((50 + COUNT)) >copy
		cat copy >spool/alice
		is_hint
	done
}

# without_shown: the file "copy" without the message whose octets are in "shown".
without_shown() {
	python3 -c '
import sys
copy, shown = (open(name, "rb").read() for name in ("copy", "shown"))
text = copy.index(shown)
begin = copy.rindex(b"From ", 0, text)
sys.stdout.buffer.write(copy[:begin] + copy[text + len(shown) + 1:])'
}

# The ways in which a program may rewrite a mailbox that stays as large as it is.
# All of them leave message 7 as another one.
in_place() {
	dd if=copy of=spool/alice conv=notrunc status=none
}

in_place_with_times() {
	cp -p spool/alice before
	in_place
	touch -r before spool/alice
}

by_rename_with_times() {
	cp -p spool/alice spool/new
	cat copy >spool/new
	touch -r spool/alice spool/new
	mv spool/new spool/alice
}

truncated_and_grown() {
	cp -p spool/alice before
	: >spool/alice
	cat copy >>spool/alice
	touch -r before spool/alice
}

swapped_through_its_inode() {
	local inode
	inode=$(stat -c %i spool/alice)
	truncated_and_grown
	[ "$inode" = "$(stat -c %i spool/alice)" ]
}

@test "if another program rewrites messages and keeps size and times, the session serves what the file holds" {
	local way edit
	# Other heads, other bodies with other lines, flags, and another order.
	for edit in \
	    's/^Subject: letter 00007/Subject: lettre 00007/' \
	    's/^line    500 of letter 00007/From    500 of letter 00007/' \
	    's/^line    500 of letter 00007, as/line \n\nFrom of letter 00007, as/' \
	    's/^line      0 of letter 00007, as it/line      0 of letter 00007,\n\nasit/' \
	    '/letter 00007$/,/^$/s/^X-Status: --/X-Status: RD/'; do
		for way in in_place in_place_with_times by_rename_with_times truncated_and_grown \
		    swapped_through_its_inode; do
			indexed
			sed "$edit" spool/alice >copy
			[ "$(stat -c %s copy)" = "$(stat -c %s spool/alice)" ]
			run ! cmp -s copy spool/alice
			"$way"
			cmp copy spool/alice
			truth
			"$way"
			quick 'RETR 7' 'DELE 7'
			same $'+OK bye\r' "$(tail -n 1 replies)"
			# What was shown is what went, octet by octet.
			sed '1,4d' replies | sed '/^\.\r$/,$d' | tr -d '\r' >shown
			without_shown | cmp - spool/alice
		done
	done
}

# refuses_one NUMBER: this message is another one now, of the same size, and mail was
# appended: the session is told of the old one, serves and removes every other
# message, and says so when it is asked for this one.
refuses_one() {
	cp -p spool/alice is
	quick "RETR $1" "RETR $(($1 - 1))" 'DELE 1' "DELE $1"
	same 1 "$(grep -c '^-ERR another program has changed the mailbox' replies)"
	same $'-ERR [SYS/TEMP] the deleted messages are not removed\r' "$(tail -n 1 replies)"
	cmp is spool/alice
}

@test "messages that were replaced by others of the same sizes are noticed, appended to or not" {
	needs strace
	local more
	for more in 0 1; do
		indexed
		letters 1 20 >copy
		letters 71 71 >>copy
		letters 22 "$COUNT" >>copy
		in_place_with_times
		[ "$more" = 0 ] || letters 41 41 >>spool/alice
		[ "$more" = 1 ] || reads_all
		[ "$more" = 0 ] || refuses_one 21
		is_hint
		indexed
		letters 1 39 >copy
		letters 72 72 >>copy
		in_place_with_times
		[ "$more" = 0 ] || letters 41 41 >>spool/alice
		is_hint
		indexed
		{
			letters 5 "$COUNT"
			letters 1 4
		} >copy
		in_place_with_times
		[ "$more" = 0 ] || letters 41 41 >>spool/alice
		is_hint
	done
}

# reports FIRST LAST: messages of one size whose first 170 octets are the same.
reports() {
	awk -v first="$1" -v last="$2" 'BEGIN {
		for (n = first; n <= last; n++) {
			printf "From cron@example.org  Thu Jan  1 00:00:00 1970\n"
			printf "Return-Path: <cron@example.org>\nX-Original-To: alice\n"
			printf "Delivered-To: alice@example.org\n"
			printf "Received: by mail.example.org (Postfix, from userid 0)\n"
			printf "\tid %06d; Thu, 1 Jan 1970 00:00:00 +0000\n\n", n
			for (i = 0; i < 1000; i++)
				printf "line %6d of report %05d, as it is\n", i, n
			printf "\n"
		}
	}'
}

@test "messages of one size that begin alike are distinguished when some were removed and others appended" {
	reports 1 "$COUNT" | mailbox alice
	quick
	[ -s "$INDEX" ]
	{
		reports 1 3
		reports 7 $((COUNT + 5))
	} >copy
	cat copy >spool/alice
	is_hint
}

@test "a mailbox rewritten in a session that did not read it is not served, and nothing is removed" {
	local way
	for way in in_place in_place_with_times truncated_and_grown by_rename_with_times; do
		rm -f "$INDEX"
		indexed
		connect "$way"
		login "$way"
		sed 's/^line    500 of letter 00007, as/line \n\nFrom of letter 00007, as/' spool/alice >copy
		"$way"
		if [ "$way" != by_rename_with_times ]; then
			says "$way" 'RETR 7'
			hears "$way" '-ERR another program has changed the mailbox, log in again'
		fi
		says "$way" 'DELE 7' QUIT
		hears "$way" '+OK message 7 deleted' \
			'-ERR [SYS/TEMP] the deleted messages are not removed'
		gone "$way"
		cmp copy spool/alice
		is_hint
	done
}

@test "before mail is removed, the saved index is compared with the mailbox" {
	indexed
	# A body that became another within its message's bounds, and mail after it:
	# it is not read again at login.
	sed 's/^line    500 of letter 00007, as/line \n\nFrom of letter 00007, as/' spool/alice >copy
	in_place
	letters 41 41 >>spool/alice
	cp spool/alice copy
	quick 'DELE 7' 'DELE 9'
	same $'-ERR [SYS/TEMP] the deleted messages are not removed\r' "$(tail -n 1 replies)"
	cmp copy spool/alice
	records | grep -q 'maildrop changed, .*another program rewrote the mailbox'
	is_hint
}

@test "before mail is removed, its unique-id is compared, too" {
	# What identifies it is behind the octets that are compared at login.
	letters 1 "$COUNT" | sed "s/^Subject: /X-Long: $(printf 'x%.0s' {1..600})\n&/" | mailbox alice
	quick
	[ -s "$INDEX" ]
	sed 's/^Subject: letter 00007$/Subject: another 0007/' spool/alice >copy
	in_place
	letters 41 41 >>spool/alice
	cp spool/alice copy
	quick 'DELE 7'
	same $'-ERR [SYS/TEMP] the deleted messages are not removed\r' "$(tail -n 1 replies)"
	cmp copy spool/alice
	is_hint
}

@test "a message that became two is not sent as one, whatever the index says" {
	needs strace
	indexed
	sed 's/^line    500 of letter 00007, as/line \n\nFrom of letter 00007, as/' spool/alice >copy
	in_place
	letters 41 41 >>spool/alice
	# Nor by a session that finds the file as the one before it left it.
	quick STAT
	spares_login
	quick 'RETR 6' 'TOP 7 0' 'RETR 7'
	same 1 "$(grep -c $'^\\.\r$' replies)"
	same 2 "$(grep -c '^-ERR another program has changed the mailbox' replies)"
	is_hint
}

@test "a message that has another number of lines is not sent as what it was" {
	indexed
	sed 's/^line    500 of letter 00007, as/line    500 of letter 00007,\nas/' spool/alice >copy
	in_place
	letters 41 41 >>spool/alice
	quick 'RETR 6' 'RETR 7'
	same 1 "$(grep -c $'^\\.\r$' replies)"
	same 1 "$(grep -c '^-ERR another program has changed the mailbox' replies)"
	is_hint
}

@test "octets that were looked at are not read anew to be sent" {
	needs strace
	indexed
	letters 41 41 >>spool/alice
	# With the first message the beginning of the second is read.
	printf '%s\r\n' 'USER alice' 'PASS sesame' 'RETR 1' 'RETR 2' QUIT |
		strace -o trace -e trace=pread64 "${SERVER[@]}" >replies 2>>log
	same $'+OK bye\r' "$(tail -n 1 replies)"
	# The last look is that at what follows the second.
	[ "$(grep '^pread64' trace | tail -n 1 | awk '{ print $NF }')" -le 7 ]
}

# two_in_one: message 2 has become two, and the next login does not read it.
two_in_one() {
	indexed
	cp -p spool/alice original
	sed 's/^line    500 of letter 00002, as/line \n\nFrom of letter 00002, as/' original >copy
	in_place
	letters 41 41 >>spool/alice
	spares_scan
}

@test "a message that has changed is not sent, and the others are" {
	two_in_one
	quick 'RETR 1' 'RETR 2' 'RETR 3' 'RETR 1' 'TOP 3 1'
	same 4 "$(grep -c $'^\\.\r$' replies)"
	same 1 "$(grep -c '^-ERR another program has changed the mailbox' replies)"
	same $'+OK bye\r' "$(tail -n 1 replies)"
	# The index that was wrong is gone.
	is_hint
}

@test "octets that were read with an earlier message are not sent after the mailbox has changed" {
	two_in_one
	connect pop
	login pop
	# With it the beginning of message 2 is read.
	says pop 'RETR 1'
	answer pop >first
	letters 1 1 | sed '1d;$d' | diff - <(sed '1d;$d' first | tr -d '\r')
	cp original copy
	in_place
	says pop 'RETR 2'
	answer pop >second
	letters 2 2 | sed '1d;$d' | diff - <(sed '1d;$d' second | tr -d '\r')
	hang_up pop
}

@test "a flag in the last message, with mail after it, makes no later session refuse anything" {
	needs strace
	indexed
	sed 's/^line    500 of letter 00040, as it is$/&, and more/' spool/alice >copy
	cat copy >spool/alice
	spares_scan
	connect pop
	login pop
	letters 41 41 >>spool/alice
	says pop 'DELE 1' QUIT
	hears pop '+OK message 1 deleted' '+OK bye'
	gone pop
	is_hint
}

# spares_scan: the next login does not read all of the mailbox.
spares_scan() {
	local login size
	size=$(stat -c %s spool/alice)
	read -r _ login <<<"$(reads STAT)"
	[ "$login" -lt $((size / 4)) ]
}

@test "an UPDATE by a saved index reads what it moves, and nothing else" {
	needs strace
	local all size
	indexed
	size=$(stat -c %s spool/alice)
	read -r all _ <<<"$(reads 'DELE 39')"
	[ "$all" -lt $((size / 4)) ]
	is_hint
	size=$(stat -c %s spool/alice)
	read -r all _ <<<"$(reads 'DELE 2')"
	[ "$all" -lt $((size + size / 4)) ]
	is_hint
}

@test "the mail that an index describes is on the disk before the index is saved" {
	needs strace
	letters 1 "$COUNT" | mailbox alice
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT |
		strace -o trace -e trace=openat,fdatasync,pwrite64 "${SERVER[@]}" >replies 2>>log
	awk -F '[(,]' '
		/^openat.*O_NOATIME/ { sub(/.*= /, ""); mailbox = $0 }
		$1 == "fdatasync" && $2 + 0 == mailbox { synced = 1 }
		$1 == "pwrite64" && / = [0-9]{3,}$/ { exit !synced }' trace
	grep -q '^pwrite64' trace
	# And if it is not, no index is.
	rm "$INDEX"
	: >log
	printf '%s\r\n' 'USER alice' 'PASS sesame' QUIT |
		strace -o trace -e inject=fdatasync:error=EIO "${SERVER[@]}" >replies 2>>log
	same $'+OK bye\r' "$(tail -n 1 replies)"
	[ ! -s "$INDEX" ]
	records | grep -q 'index, .*cannot be kept: Input/output error'
}

# padded OCTETS: one message that long, with its empty line.
padded() {
	local head=$'From pad@example.org Thu Jan  1 00:00:00 1970\nSubject: pad\n\n'
	printf '%s' "$head"
	head -c $(($1 - ${#head} - 2)) /dev/zero | tr '\0' x
	printf '\n\n'
}

@test "a message may start and be continued anywhere in a block that is read" {
	local before
	for before in 0 1 2 3 4 5 6; do
		{
			padded $((8 * 128 * 1024 - before))
			letters 1 1
		} | mailbox alice
		quick
		[ -s "$INDEX" ]
		letters 2 2 >>spool/alice
		truth
		quick 'DELE 2'
		[ "$(tail -n 1 replies)" = $'+OK bye\r' ]
		{
			padded $((8 * 128 * 1024 - before))
			letters 2 2
		} | cmp - spool/alice
	done
}

@test "a delivery in the session is served even if the last message before it is short" {
	local octets
	for octets in 0 5 26 27 28 37 63; do
		{
			padded $((1024 * 1024 + octets))
			printf 'From a Thu Jan  1 00:00:00 1970\n\nb\n\n'
		} | mailbox alice
		quick
		[ -s "$INDEX" ]
		letters 2 2 >>spool/alice
		connect "$octets"
		login "$octets"
		letters 3 3 >>spool/alice
		says "$octets" 'TOP 2 9'
		listen "$octets"
		[[ $HEARD == +OK* ]]
		until [ "$HEARD" = $'.\r' ]; do listen "$octets"; done
		says "$octets" QUIT
		hears "$octets" '+OK bye'
		gone "$octets"
		truth
	done
}

# promise OCTETS: a message that promises as many; its own text is 35 kilobytes, in which
# there is another one.
promise() {
	letters 7 7 | sed "2s/^/Content-Length: $1\n/; 500s/^/\nFrom b\n\n/"
}

@test "a Content-Length that ended at the end of the file means the same with mail after it" {
	needs strace
	local length
	length=$(($(promise 1 | sed '1,/^$/d' | wc -c) - 1))
	for empty in '' $'\n'; do
		{
			letters 1 "$COUNT"
			promise "$length" | head -c -1
			printf %s "$empty"
		} | mailbox alice
		truth
		spares_login
		same "$((COUNT + 1))" "$(listing UIDL told | wc -l)"
		listing UIDL told >before
		{
			[ "$empty" ] || echo
			letters 42 43
		} >>spool/alice
		truth
		same "$((COUNT + 3))" "$(listing UIDL told | wc -l)"
		head -n $((COUNT + 1)) ids | cmp before -
		spares_login
	done
}

@test "a Content-Length that comes true when mail is appended is believed with a saved index, too" {
	needs strace
	local length more
	more=$(letters 41 42 | wc -c)
	for less in 0 1 7 100; do
		# In the midst, so that no end of the mailbox is read again for its own sake.
		letters 2 "$COUNT" >rest
		length=$(($(promise 1 | sed '1,/^$/d' | wc -c) + $(stat -c %s rest) + more - less))
		{
			promise "$length"
			cat rest
		} | mailbox alice
		truth
		spares_login
		same "$((COUNT + 1))" "$(listing UIDL told | wc -l)"
		listing UIDL told >before
		letters 41 41 >>spool/alice
		truth
		same "$((COUNT + 2))" "$(listing UIDL told | wc -l)"
		letters 42 42 >>spool/alice
		truth
		[ "$less" -le 1 ] || {
			same "$((COUNT + 3))" "$(listing UIDL told | wc -l)"
			continue
		}
		same 1 "$(listing UIDL told | wc -l)"
		# A client that has fetched the message as it was fetches it again.
		[ "$(cut -d ' ' -f 2 ids)" != "$(head -n 1 before | cut -d ' ' -f 2)" ]
		spares_login
	done
}

@test "boundaries stay what they were at login, whatever a Content-Length says by then" {
	local length
	letters 41 41 >new
	length=$(($(promise 1 | sed '1,/^$/d' | wc -c) + $(stat -c %s new)))
	for index in no yes; do
		letters 1 "$COUNT" | mailbox alice
		promise "$length" >>spool/alice
		[ "$index" = no ] || quick
		connect $index
		login $index
		cat new >>spool/alice
		says $index "RETR $((COUNT + 1))"
		answer $index >replies
		[ "$(grep -c 'of letter 00007' replies)" -gt 400 ]
		run ! grep -q 'of letter 00041' replies
		says $index "DELE $((COUNT + 2))" QUIT
		hears $index "+OK message $((COUNT + 2)) deleted" '+OK bye'
		gone $index
		cmp new <(tail -c "$(stat -c %s new)" spool/alice)
		run ! grep -q '^From b' spool/alice
	done
}
