#!/usr/bin/env bats
# bats file_tags=root
# What other programs read in the log: fail2ban, logcheck, contrib/day. The folder's
# logs/sessions makes each kind of log line.
load ../helper

CONTRIB=$TOP/contrib

# Four logs: written by rsyslogd with dates as in Debian 12 and as before it, and
# what -e wrote, as journalctl and as multilog show it.
setup_file() {
	require_packages "$BATS_TEST_DIRNAME/logs/packages" || return 0
	add_login_program
	prepare_sessions "$BATS_FILE_TMPDIR/descriptor"
	"$BATS_TEST_DIRNAME/logs/sessions" "${SERVER[@]}" 2>stderr 3>&- &
	prepare_sessions "$BATS_FILE_TMPDIR/syslog"
	through_syslogd
	wait $!
	cd "$BATS_FILE_TMPDIR" || return
	cat syslog/processes descriptor/processes >processes
	mv syslog/*.log .
	sed "s/^\(stdpop3d\[[0-9]*\]:\)/$(date '+%b %d %T') host \1 &/" descriptor/stderr >journal.log
	sed "s/^/@$(printf '4%015x' "$(date +%s)")075bcd15 /" descriptor/stderr >multilog.log
	cp -R /etc/fail2ban etc
	cp "$CONTRIB"/fail2ban/filter.d/* etc/filter.d
	cp "$CONTRIB"/fail2ban/jail.d/* etc/jail.d
}

# logcheck must not ignore that there is no login program.
add_login_program() {
	getent passwd nobody-reader >/dev/null || useradd --system nobody-reader
	mkdir "$BATS_FILE_TMPDIR/bin"
	cp "$STDPOP3D" "$BATS_FILE_TMPDIR/bin/stdpop3d"
	install -m 4750 -g nobody-reader "$STDPOP3D" "$BATS_FILE_TMPDIR/bin/stdpop3d-login"
	STDPOP3D=$BATS_FILE_TMPDIR/bin/stdpop3d
}

# prepare_sessions FOLDER: what tests/system/logs/sessions needs, in there.
prepare_sessions() {
	local name
	mkdir "$1"
	BATS_TEST_TMPDIR=$1 setup
	cd "$1" || return
	account locked "!$SESAME"
	account expired "$SESAME" '20000:0:99999:7::1:'
	account root "$SESAME" '' 0
	account 'x],ip=[198.51.100.1],user=y' "$SESAME"
	for name in alice audited bob garbage stale idle changed twice busy; do
		[ "$name" = alice ] || account "$name" "$SESAME"
		message one two | mailbox "$name"
	done
	echo garbage | mailbox garbage
	touch -d '10 minutes ago' spool/stale.lock
	echo alice:tanstaaf >secrets
	chmod 600 secrets
}

# through_syslogd: the sessions without -e, in a /dev with rsyslogd's socket.
through_syslogd() {
	local syslogd
	rsyslogd -n -C -i NONE -f "$BATS_TEST_DIRNAME/logs/rsyslog.conf" 3>&- &
	syslogd=$!
	eventually test -S socket
	: >null
	# shellcheck disable=SC2016 # the inner shell expands it
	unshare --mount sh -ec '
		mount --bind /dev/null null
		mount -t tmpfs tmpfs /dev
		ln -s /proc/self/fd /dev/fd
		: >/dev/null
		: >/dev/log
		mount --bind null /dev/null
		mount --bind socket /dev/log
		exec "$@"
	' sh "$BATS_TEST_DIRNAME/logs/sessions" "${SERVER[0]}" "${SERVER[@]:2}" 2>/dev/null
	# At its end it leaves unread what is in the socket still.
	logger --socket socket --tag end 'all are over'
	eventually grep -q 'all are over' iso.log
	eventually grep -q 'all are over' dated.log
	kill "$syslogd"
	wait "$syslogd"
}

# of LOG NAME...: its log lines of the sessions of these names.
of() {
	local log=$BATS_FILE_TMPDIR/$1.log
	shift
	awk -v names=" $* " 'index(names, " " $1 " ") { print "stdpop3d[" $2 "]:" }' \
		"$BATS_FILE_TMPDIR/processes" | grep -F -f - "$log"
}

# counted NAME...: what fail2ban counts of these sessions, as "TIMES ADDRESS", from
# each of the logs; and of the session "wrong", so that it is seen to count.
counted() {
	local log result first=
	for log in dated iso journal multilog; do
		of "$log" wrong "$@" >some.log
		result=$(fail2ban-regex -c "$BATS_FILE_TMPDIR/etc" --usedns no -o ip some.log \
			stdpop3d | sort | uniq -c | awk '{ print $1, $2 }')
		[ "$log" != dated ] || first=$result
		same "$first" "$result" || return
	done
	printf '%s\n' "$first"
}

@test "fail2ban counts each failed login, whatever the reason and the method" {
	same '1 192.0.2.1
1 192.0.2.2
1 192.0.2.3
1 192.0.2.4
1 192.0.2.5
3 192.0.2.8' "$(counted unknown locked expired root tries)"
}

@test "fail2ban counts a client with IPv6, and one whose IPv4 is mapped into it" {
	same '1 192.0.2.1
1 192.0.2.7
1 2001:db8::6' "$(counted six mapped)"
}

@test "fail2ban counts the client that a PROXY header names, or the balancer if it names none" {
	same '1 192.0.2.1
1 192.0.2.9
1 2001:db8::a
1 203.0.113.1' "$(counted proxy-text proxy-binary proxy-unknown)"
}

@test "fail2ban counts nobody when the client has no address" {
	[ "$(of dated pipe | grep -c 'login failed, ip=\[unknown\]')" = 1 ]
	same '1 192.0.2.1' "$(counted pipe)"
}

@test "fail2ban counts no success, no time-out, no busy maildrop, no nonsense, no balancer" {
	same '1 192.0.2.1' "$(counted good quit closed timeout foreign network rubbish no-header vanished garbage \
		killed stale usage setup idle changed first second busy)"
}

@test "no name that a client sends makes fail2ban count another" {
	same '1 192.0.2.1
3 192.0.2.41
3 192.0.2.42
3 192.0.2.43
2 192.0.2.44
2 192.0.2.45
1 192.0.2.46' "$(counted words lines octets user long hostile-account)"
}

@test "no command, PROXY header or variable makes fail2ban count another" {
	same '1 192.0.2.1
1 192.0.2.47
1 192.0.2.48' "$(counted commands two-headers bad-header environment)"
}

@test "no log line names another host except within a user's name" {
	run ! grep -F 'ip=[198.51.100.1' "$BATS_FILE_TMPDIR"/*.log
	same 4 "$(cat "$BATS_FILE_TMPDIR"/*.log | grep -c 'user=x??ip??198.51.100.1??user?y')"
}

@test "the jail of contrib is one that fail2ban takes" {
	cp -R "$BATS_FILE_TMPDIR/etc" .
	: >mail.log
	sed -i "s,/var/log/mail.log,$PWD/mail.log," etc/jail.d/stdpop3d.conf
	printf '[sshd]\nenabled = false\n' >etc/jail.local
	fail2ban-client -c etc --test
	fail2ban-client -c etc -d >dump
	grep -F "['set', 'stdpop3d', 'addfailregex'" dump
	grep -F "['set', 'stdpop3d', 'maxretry', 5]" dump
}

# unusual LOG NAME...: what is left of these sessions' log lines after the rules of
# contrib/logcheck, applied as logcheck does, without dates and processes.
unusual() {
	of "$@" | grep -E --text -v -f "$CONTRIB/logcheck/stdpop3d" |
		sed 's/^.* stdpop3d\[[0-9]*\]: //' | sort -u
}

@test "logcheck ignores everyday log lines" {
	for log in dated iso; do
		[ "$(of $log good | wc -l)" = 2 ]
		[ "$(of $log audited | grep -c removing)" = 2 ]
		[ "$(of $log second | grep -c 'maildrop in use')" = 1 ]
		same '' "$(unusual $log good audited quit closed timeout foreign network rubbish vanished killed idle \
			first second)"
	done
}

@test "logcheck shows every other log line" {
	for log in dated iso; do
		same 'login failed, ip=[192.0.2.1], user=alice, method=PASS
login failed, ip=[192.0.2.2], user=?, method=PASS
login failed, ip=[192.0.2.42], user=?, method=PLAIN
login failed, ip=[192.0.2.46], user=x??ip??198.51.100.1??user?y, method=PLAIN
logout, ip=[192.0.2.74], user=changed, end=failed, retrieved=0/0, deleted=0/0, left=2/58
maildrop busy, ip=[192.0.2.77], user=busy, another program has it locked
maildrop refused, ip=[192.0.2.68], user=garbage, it does not start with a From_ line
no PROXY header, ip=[203.0.113.1]
no login, ip=[192.0.2.42], end=tries
no login, ip=[192.0.2.68], user=garbage, end=refused
no login, ip=[192.0.2.77], user=busy, end=refused
setup, ip=[192.0.2.72], cannot open none, the state directory (option -d; the service account'\''s, mode 0700): No such file or directory
stale dotlock removed, ip=[192.0.2.70], user=stale, stale.lock, five minutes old
usage, unknown option -y' "$(unusual $log wrong unknown lines hostile-account no-header \
			garbage stale usage setup changed busy)"
		same 'login failed, ip=[192.0.2.4], user=expired, method=PASS, reason=expired
login failed, ip=[192.0.2.5], user=root, method=PASS, reason=uid' "$(unusual $log expired root |
			grep failed)"
	done
}

@test "contrib/day sums up a day, from any log" {
	names='good vanished quit closed first second tries unknown six lines hostile-account pipe'
	for log in dated iso journal multilog; do
		# shellcheck disable=SC2086 # one word a name
		of "$log" $names >some.log
		same 'user                     sessions       retrieved/octets         deleted/octets
alice                           1                   2/58                   1/29
bob                             1                    0/0                    0/0
twice                           1                    0/0                    0/0
(no login)                      9

address                  failures
192.0.2.42                      3
192.0.2.8                       3
192.0.2.2                       1
192.0.2.46                      1
2001:db8::6                     1
unknown                         1' "$("$CONTRIB/day" some.log)"
	done
}

@test "contrib/day counts beyond 4 gigabytes, and nothing that another program quotes" {
	record='logout, ip=[192.0.2.1], user=bob, end=quit, retrieved=3/3000000001, deleted=0/0, left=3/3000000001'
	{
		echo "Jan  1 00:00:00 host stdpop3d[1]: $record"
		echo "Jan  1 00:00:00 host stdpop3d[2]: $record"
		echo "Jan  1 00:00:00 host other[3]: stdpop3d[2]: $record"
	} | "$CONTRIB/day" >sums
	grep -E '^bob +2 +6/6000000002 +0/0$' sums
}

# well_formed FILE: what Prometheus asks of its text format, and of counters' names; a
# series comes once, after HELP and TYPE of its family, and the last line ends.
well_formed() {
	[ "$(tail -c 1 "$1" | od -An -c | tr -d ' ')" = '\n' ]
	awk '
	function bad() { print FILENAME ":" FNR ": " $0; failed = 1 }
	/^# HELP [a-z0-9_]+_total [A-Z][^\\]*\.$/ { if ($3 in help) bad(); help[$3] = 1; next }
	/^# TYPE [a-z0-9_]+_total counter$/ {
		if (!($3 in help) || $3 in type) bad()
		type[$3] = 1
		next
	}
	/^[a-z0-9_]+({[a-z]+="[A-Za-z -]+"})? [0-9]+$/ {
		family = series = $0
		sub(/[{ ].*/, "", family)
		sub(/ [0-9]+$/, "", series)
		if (!(family in type) || (family != last && family in begun) || series in seen) bad()
		begun[family] = seen[series] = 1
		last = family
		next
	}
	{ bad() }
	END { exit failed }' "$1"
	! command -v promtool >/dev/null || promtool check metrics <"$1"
}

# sample SERIES...: their numbers in the file "sums".
sample() {
	local series
	for series; do
		sed -n "s/^stdpop3d_$series //p" sums
	done | paste -s -d ' ' -
}

@test "contrib/metrics counts what Prometheus takes, from any log" {
	names='good vanished quit closed first second tries unknown six lines hostile-account pipe
		garbage stale foreign network timeout'
	for log in dated iso journal multilog; do
		# shellcheck disable=SC2086 # one word a name
		of "$log" $names >some.log
		"$CONTRIB/metrics" some.log >sums
		well_formed sums
		same '3 2 1 2 58 1 29' "$(sample 'sessions_total{end="closed"}' \
			'no_login_total{end="tries"}' 'no_login_total{end="timeout"}' \
			retrieved_messages_total retrieved_octets_total deleted_messages_total \
			deleted_octets_total)"
		same '3 5 1 1' "$(sample 'login_failed_total{method="PASS"}' \
			'login_failed_total{method="PLAIN"}' 'login_failed_total{method="LOGIN"}' \
			'login_failed_total{method="APOP"}')"
		same '2 1 1 0 0' "$(sample 'events_total{event="plaintext refused"}' \
			'events_total{event="maildrop refused"}' \
			'events_total{event="stale dotlock removed"}' \
			'events_total{event="bug"}' 'events_total{event="other"}')"
	done
}

@test "contrib/metrics counts beyond 4 gigabytes, and unknown words together" {
	line='logout, ip=[192.0.2.1], user=bob, end=quit, retrieved=3/3000000001, deleted=0/0, left=3/3000000001'
	{
		printf 'Jan  1 00:00:00 host stdpop3d[1]: %s\n' "$line" "$line" "${line/quit/x\"\} 7}" \
			'no login, ip=[192.0.2.1]' 'login failed, method=X' 'forged, a' 'worse"} 1, b' \
			'' 'login, user=bob'
		echo "Jan  1 00:00:00 host other[3]: stdpop3d[2]: $line"
	} | "$CONTRIB/metrics" >sums
	well_formed sums
	same '9000000003 2 1 1 1 3' "$(sample retrieved_octets_total 'sessions_total{end="quit"}' \
		'sessions_total{end="other"}' 'no_login_total{end="other"}' \
		'login_failed_total{method="other"}' 'events_total{event="other"}')"
	"$CONTRIB/metrics" </dev/null >sums
	well_formed sums
	same 0 "$(sed -n '/^stdpop3d/s/.* //p' sums | sort -u)"
}

@test "fail2ban's own tests take the filter with its samples" {
	# As in a tree of its sources, which the program looks for in the current folder.
	cp -R "$(dirname "$(python3 -c 'import fail2ban; print(fail2ban.__file__)')")" fail2ban
	cp -R "$CONTRIB"/fail2ban/tests/files fail2ban/tests
	cp -R /etc/fail2ban config
	cp "$CONTRIB"/fail2ban/filter.d/* config/filter.d
	run -0 fail2ban-testcases testSampleRegexsSTDPOP3D
	[[ $output == *'Ran 1 test '*OK* ]]
}
