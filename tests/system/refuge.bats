#!/usr/bin/env bats
# bats file_tags=root
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# Coming from Dovecot 2.3, which is unpacked and not installed: contrib/from-dovecot, the
# option -D, and a client that leaves mail on the server.
load ../helper

setup_file() {
	require_packages "$BATS_TEST_DIRNAME/refuge/packages" || return 0
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
	cd "$BATS_FILE_TMPDIR" || return
	apt-get -q -o APT::Sandbox::User=root download dovecot-core dovecot-imapd dovecot-pop3d
	for package in ./*.deb; do
		dpkg-deb -x "$package" dovecot
	done
	# Dovecot 2.4 has another configuration.
	[[ $(dpkg-deb -f dovecot-core_*.deb Version) == 1:2.3.* ]] || cannot 'no Dovecot 2.3'
}

# dovecot PROGRAM...: with its index in a file, as it is by default.
dovecot() {
	INDEX='' "$BATS_TEST_DIRNAME/mailbox/dovecot" "$BATS_FILE_TMPDIR/dovecot" "$PWD" "$OWNER" \
		"$@" 2>>log
}

# --- sessions of each server: the responses to these commands

at_dovecot() {
	printf '%s\r\n' "$@" QUIT | dovecot pop3 | tr -d '\r'
}

at_stdpop3d() {
	printf '%s\r\n' 'USER alice' 'PASS sesame' "$@" QUIT | server -D adopted | tail -n +4 |
		tr -d '\r'
}

# ids SERVER: message-numbers and unique-ids.
ids() {
	"$1" UIDL | sed -n '/^[0-9]/p'
}

# fetches SERVER NAME...: the client leaves mail there, fetches what has a unique-id that it
# has not seen, and these are the messages.
fetches() {
	local at=$1 retrieve=()
	shift
	touch seen
	ids "$at" >now
	mapfile -t retrieve < <(awk 'FILENAME == "seen" { seen[$1]; next } !($2 in seen) { print "RETR", $1 }' \
		seen now)
	# A server that sends an id twice hides mail.
	same '' "$(cut -d ' ' -f 2 now | sort | uniq -d)"
	cut -d ' ' -f 2 now >>seen
	: >got
	[ "${#retrieve[@]}" -eq 0 ] || "$at" "${retrieve[@]}" >got
	same "$(printf '%s\n' "$@")" "$(sed -n 's/^Subject: //p' got)"
}

adopt() {
	"$TOP/contrib/from-dovecot" spool >adopted 2>reported
}

# adopted: Dovecot has numbered all mail, some that lay there and some by its lda, and the
# client has fetched it. What Dovecot says is in "theirs".
adopted() {
	local name
	message {1..150} twin twin {151..298} | mailbox alice
	fetches at_dovecot {1..150} twin twin {151..298}
	for name in lda forged; do
		printf 'Subject: %s\nX-UID: 7\n\nbody\n\nFrom here on\nX-UID: 8\n\nbody\n' "$name" |
			dovecot dovecot-lda -f a@example.org
	done
	fetches at_dovecot lda forged
	ids at_dovecot >theirs
	same 302 "$(wc -l <theirs)"
	adopt
	same '' "$(cat reported)"
	same 1 "$(wc -l <adopted)"
}

@test "a client that leaves mail at Dovecot fetches nothing again with -D, and new mail once" {
	adopted
	keep
	ids at_stdpop3d | diff theirs -
	fetches at_stdpop3d
	unchanged
	# New are these alone, whatever their senders forged.
	message new >>spool/alice
	message low last high | sed '/^Subject: low/aX-UID: 1
		/^Subject: last/aX-UID: 302
		/^Subject: high/aX-UID: 303' >>spool/alice
	fetches at_stdpop3d new low last high
	fetches at_stdpop3d
	same 302 "$(ids at_stdpop3d | grep -c ' [0-9a-f]\{16\}$')"
	same 4 "$(ids at_stdpop3d | grep -c ' [0-9a-f]\{32\}$')"
}

@test "without -D such a client fetches all of it once more" {
	adopted
	: >adopted
	fetches at_stdpop3d {1..150} twin twin {151..298} lda forged
	fetches at_stdpop3d
}

# remain: what is left has the ids that it had.
remain() {
	cut -d ' ' -f 2 theirs >had
	ids at_stdpop3d | cut -d ' ' -f 2 >have
	same "$1" "$(wc -l <have)"
	# In the same order, too.
	grep -xFf have had | diff - have
}

@test "Dovecot's ids stay whichever messages are deleted, the first and the last too" {
	local all=()
	adopted
	same '+OK message 1 deleted' "$(at_stdpop3d 'DELE 1' | head -n 1)"
	run ! grep -q '^X-IMAPbase:' spool/alice
	remain 301
	at_stdpop3d 'DELE 301' >/dev/null
	remain 300
	at_stdpop3d 'DELE 150' 'DELE 151' >/dev/null
	remain 298
	fetches at_stdpop3d
	mapfile -t all < <(ids at_stdpop3d | sed -n 's/ .*//; 100d; s/^/DELE /p')
	at_stdpop3d "${all[@]}" >/dev/null
	remain 1
	fetches at_stdpop3d
	message new >>spool/alice
	fetches at_stdpop3d new
}

@test "where Dovecot goes on to write, -D changes the id of a message that becomes the first" {
	adopted
	at_stdpop3d 'DELE 1' >/dev/null
	remain 301
	ids at_dovecot >/dev/null
	ids at_stdpop3d >after
	same "$(sed -n 1p theirs)" "$(sed -n 1p after)"
	same "$(sed '1,2d; s/.* //' theirs)" "$(sed '1d; s/.* //' after)"
	# Without -D nothing changes.
	: >adopted
	ids at_stdpop3d >before
	at_stdpop3d 'DELE 1' >/dev/null
	ids at_dovecot >/dev/null
	same "$(sed '1d; s/.* //' before)" "$(ids at_stdpop3d | cut -d ' ' -f 2)"
}

# What Dovecot does then is written in stdpop3d-migration(7).
@test "back at Dovecot with its index, all but a new first message has the ids that it gave" {
	adopted
	at_stdpop3d 'DELE 2' 'DELE 100' 'DELE 302' >/dev/null
	ids at_dovecot | cut -d ' ' -f 2 >back
	sed '2d; 100d; 302d; s/.* //' theirs | diff - back
	at_stdpop3d 'DELE 1' >/dev/null
	ids at_dovecot | cut -d ' ' -f 2 >again
	sed 1d back | diff - again | grep -c '^[<>]' >differ || :
	same 2 "$(cat differ)"
	diff <(sed 1,2d back) <(sed 1d again)
}

# past SECOND: Dovecot makes a UIDVALIDITY of the time.
past() {
	[ "$(date +%s)" -gt "$1" ]
}

@test "back at Dovecot without its index, no message has an id that another one had" {
	adopted
	: >spool/alice
	message new newer >>spool/alice
	# With its index Dovecot takes them for the first ones that it knew.
	ids at_dovecot | cut -d ' ' -f 2 >back
	grep -qxFf <(cut -d ' ' -f 2 theirs) back
	rm -rf dovecot.mail/.imap/INBOX
	message new newer >spool/alice
	eventually past "$(cut -d : -f 2 adopted)"
	fetches at_dovecot new newer
}

@test "what Dovecot numbered in a session that was killed is reported, and doveadm index writes it" {
	local own=("${SERVER[@]}") line
	message one two | mailbox alice
	fetches at_dovecot one two
	message three four >>spool/alice
	SERVER=("$BATS_TEST_DIRNAME/mailbox/dovecot" "$BATS_FILE_TMPDIR/dovecot" "$PWD" "$OWNER" pop3)
	export INDEX=''
	connect pop
	says pop UIDL
	answer pop >killed
	# The numbers stand in the mail only when a session is over.
	adopt && return 1
	same 'alice: 2 of 4 messages have no number of Dovecot'\''s' "$(cat reported)"
	kill -9 "${PID[pop]}"
	wait "${PID[pop]}" || :
	SERVER=("${own[@]}")
	adopt && return 1
	same 'alice: 2 of 4 messages have no number of Dovecot'\''s' "$(cat reported)"
	sed -n 's/\r$//; s/^[0-9]* \(.*\)/\1/p' killed >>seen
	fetches at_stdpop3d three four
	line=$(sed -n 's/.*\(doveadm index\) -u .* \(INBOX\);.*/dovecot ..\/..\/bin\/\1 \2/p' \
		"$TOP/man/stdpop3d-migration.7")
	[ -n "$line" ]
	eval "$line"
	adopt
	same '' "$(cat reported)"
	sed -n 's/\r$//; /^[0-9]/p' killed | diff - <(ids at_stdpop3d)
}

@test "from-dovecot ignores files that are not mailboxes, and reports what Dovecot has not numbered" {
	local base='/^Subject: one/aX-IMAPbase: 1795824158 0000000002'
	mkdir spool/folder
	message one >spool/.hidden
	ln -s unseen spool/link
	: >spool/empty
	: >spool/alice.lock
	message one two three >spool/unseen
	message one | sed '/^Subject/aX-IMAPbase: 4294967296 1' >spool/wide
	message one | sed '/^Subject/aX-IMAPbase: 0 1' >spool/zero
	message one | sed '/^Subject/aX-IMAPbase: 12' >spool/short
	message one | sed '/^Subject/aX-IMAPbase: 0x12 -1' >spool/words
	message one two | sed '/^Subject: two/aX-IMAPbase: 12 1' >spool/second
	message one | sed '/^body/iX-IMAPbase: 12 1' >spool/body
	echo text >spool/text
	message one | sed "$base" >spool/a:b
	message one two three | sed "$base
		/^Subject: one/ax-uid:1
		/^Subject: two/aX-UID: 1
		/^Subject: three/aX-UID: 3" >spool/rising
	message one two | sed "$base Work \$Later
		/^Subject: one/aX-UID: 0000000001   
		/^Subject: two/aX-UID: 2" | sed 's/$/\r/' >spool/crlf
	cp -Rp spool before
	run -1 --separate-stderr "$TOP/contrib/from-dovecot" spool
	diff -r before spool
	same $'crlf:1795824158:2\nrising:1795824158:2' "$output"
	# shellcheck disable=SC2154 # bats sets it
	diff <(sort <<<"$stderr") - <<-'END'
		a:b: this cannot be the name of an account
		body: Dovecot has numbered none of 1 messages
		rising: 2 of 3 messages have no number of Dovecot's
		second: Dovecot has numbered none of 2 messages
		short: X-IMAPbase is garbled
		text: this is no mailbox
		unseen: Dovecot has numbered none of 3 messages
		wide: X-IMAPbase is garbled
		words: X-IMAPbase is garbled
		zero: X-IMAPbase is garbled
	END
	run -64 "$TOP/contrib/from-dovecot"
	run -64 "$TOP/contrib/from-dovecot" nowhere
}

@test "from-dovecot takes the numbers of a mailbox that Dovecot emptied" {
	message one two | mailbox alice
	fetches at_dovecot one two
	at_dovecot 'DELE 1' 'DELE 2' >/dev/null
	grep -q '^X-IMAP: ' spool/alice
	adopt
	[[ $(cat adopted) == alice:*:2 ]]
	message three >>spool/alice
	adopt && return 1
	same "alice: 1 of 1 messages have no number of Dovecot's" "$(cat reported)"
	fetches at_dovecot three
	adopt
	ids at_dovecot | diff - <(ids at_stdpop3d)
	fetches at_stdpop3d
}

@test "from-dovecot counts as messages what stdpop3d and Dovecot count" {
	local lda='Subject: lda\n\nbody\nFrom me\n\nFrom here on\nX-UID: 8\n\nFrom there\n\nbody\n'
	message one | sed 's/^body.*/&\nFrom me/' | mailbox alice
	# shellcheck disable=SC2059
	printf "$lda" | dovecot dovecot-lda -f a@example.org
	message two three four five six seven | sed '/^Subject: three/aContent-Length: 9999
		/^Subject: six/aContent-Length: 12' >>spool/alice
	same 8 "$(ids at_dovecot | wc -l)"
	# shellcheck disable=SC2059
	printf "$lda" | dovecot dovecot-lda -f a@example.org
	adopt
	same 9 "$(ids at_stdpop3d | wc -l)"
	ids at_dovecot | diff - <(ids at_stdpop3d)
	sed -i '$d; /^Subject: seven/,/^X-UID/{/^X-UID/d}' spool/alice
	adopt && return 1
	same "alice: 1 of 9 messages have no number of Dovecot's" "$(cat reported)"
}

# --- side by side: IMAP by Dovecot, POP3 by stdpop3d, one mailbox

# by_imap COMMAND...: a session of Dovecot's on INBOX.
by_imap() {
	"$BATS_TEST_DIRNAME/mailbox/imap.py" say "$@" | dovecot imap >said
	same "$#" "$(grep -c '^c OK' said)"
}

# appends NAME...: mail that IMAP appends.
appends() {
	local name
	for name; do
		printf 'Subject: %s\nX-UID: 2\n\nbody\n\nFrom here on\n' "$name" >"$name"
	done
	"$BATS_TEST_DIRNAME/mailbox/imap.py" append "$@" | dovecot imap >said
	same "$#" "$(grep -c '^a OK' said)"
}

# loses: Dovecot's index.
loses() {
	rm -rf dovecot.mail/.imap/INBOX
}

# stay NAME...: these are the messages here, and each has the id that it had.
stay() {
	local count commands
	touch names
	count=$(ids at_stdpop3d | wc -l)
	same "$#" "$count"
	mapfile -t commands < <(seq -f 'TOP %g 0' 1 "$count")
	at_stdpop3d "${commands[@]}" | sed -n 's/^Subject: //p' >subjects
	same "$(printf '%s\n' "$@")" "$(<subjects)"
	ids at_stdpop3d | cut -d ' ' -f 2 | paste -d ' ' subjects - >have
	# Of each name that was there before, the line is the same.
	awk 'NR == FNR { id[$1] = $2; next } $1 in id && id[$1] != $2 { print; bad = 1 }
		END { exit bad }' names have
	sort -u names have >all
	mv all names
}

beside() {
	: >adopted
	message {1..20} | mailbox alice
	appends from-imap
	fetches at_stdpop3d {1..20} from-imap
	stay {1..20} from-imap
}

@test "beside IMAP without -D, each id stays and each mail is fetched once, index warm and cold" {
	local index new=0 first=1
	beside
	for index in true loses; do
		# What it writes: flags, keywords, and all numbers anew.
		$index
		by_imap 'STORE 1:* +FLAGS (\Seen \Flagged work)' 'STORE 2 -FLAGS (\Flagged)' CHECK
		grep -q '^X-Keywords: .*work' spool/alice
		fetches at_stdpop3d
		stay $(seq $first 20) from-imap $(seq -f new%g $new)
		$index
		message "new$((++new))" >>spool/alice
		fetches at_stdpop3d "new$new"
		appends "new$((++new))"
		fetches at_stdpop3d "new$new"
		stay $(seq $first 20) from-imap $(seq -f new%g $new)
		# Both delete, the first message too, and one does not see what the other did.
		$index
		at_stdpop3d 'DELE 1' >/dev/null
		$index
		by_imap 'STORE 1 +FLAGS (\Deleted)' EXPUNGE
		at_stdpop3d 'DELE 1' >/dev/null
		by_imap 'STORE 1 +FLAGS (\Deleted)' EXPUNGE
		first=$((first + 4))
		fetches at_stdpop3d
		stay $(seq $first 20) from-imap $(seq -f new%g $new)
	done
	[ "$(grep -c '^X-IMAPbase:' spool/alice)" = 1 ]
}

# still NAME MESSAGE: the open session sends this message, or says that it cannot, and ends.
still() {
	says "$1" "RETR $2" QUIT
	cat <&"${FROM[$1]}" >answered
	wait "${PID[$1]}"
	grep -q "^Subject: $2" answered || grep -q '^-ERR' answered
}

@test "beside IMAP, a session here into which Dovecot writes sends what it listed, or an error" {
	beside
	connect one
	says one 'USER alice' 'PASS sesame' UIDL
	answer one >/dev/null
	appends more
	still one 2
	fetches at_stdpop3d more
	connect two
	says two 'USER alice' 'PASS sesame' UIDL
	answer two >/dev/null
	by_imap 'STORE 3 +FLAGS (\Answered)' 'STORE 5 +FLAGS (\Deleted)' EXPUNGE
	still two 2
	fetches at_stdpop3d
	stay {1..4} {6..20} from-imap more
	# Mail that is appended and no more, as by an MTA, does not matter to it.
	connect three
	says three 'USER alice' 'PASS sesame' UIDL
	answer three >/dev/null
	message last >>spool/alice
	still three 2
	grep -q '^Subject: 2' answered
	fetches at_stdpop3d last
}

@test "beside IMAP, a session of Dovecot's sees what was deleted here once it selects INBOX again" {
	local own=("${SERVER[@]}")
	beside
	SERVER=("$BATS_TEST_DIRNAME/mailbox/dovecot" "$BATS_FILE_TMPDIR/dovecot" "$PWD" "$OWNER" imap)
	export INDEX=''
	connect imap
	SERVER=("${own[@]}")
	says imap 's SELECT INBOX'
	until_tagged s
	grep -q '^\* 21 EXISTS' heard
	at_stdpop3d 'DELE 2' 'DELE 21' >/dev/null
	message new >>spool/alice
	says imap 'c NOOP' 'u UNSELECT' 's SELECT INBOX'
	until_tagged s
	grep -q '^\* 20 EXISTS' heard
	says imap 'd STORE 1 +FLAGS (\Deleted)' 'e EXPUNGE' 'z LOGOUT'
	until_tagged e
	wait "${PID[imap]}"
	fetches at_stdpop3d new
	stay {3..20} new
}

# until_tagged TAG: the lines up to Dovecot's answer to that command.
until_tagged() {
	: >heard
	HEARD=
	until [[ $HEARD == "$1 OK"* ]]; do
		listen imap || return
		echo "$HEARD" >>heard
	done
}

@test "beside IMAP with -D, the index lost and all numbered anew: fetched once more, and nothing missed" {
	adopted
	at_stdpop3d 'DELE 1' >/dev/null
	fetches at_stdpop3d
	loses
	eventually past "$(cut -d : -f 2 adopted)"
	message new >>spool/alice
	ids at_dovecot >/dev/null
	# The first message has the number of the one that is gone.
	grep -qx 'X-UID: 1 *' spool/alice
	fetches at_stdpop3d {2..150} twin twin {151..298} lda forged new
	fetches at_stdpop3d
	records | grep -q "^unique-ids, .*none is Dovecot's"
}
