#!/usr/bin/env bats
# Clients that mean no good, signals, and a machine that is short of everything.
# shellcheck disable=SC2030,SC2031,SC2034 # each test is a process of its own
load ../helper

# What a session may have in memory at its most, in kB: the manual names it.
MOST_MEMORY=8192
# A sanitizer has its own idea of that.
! grep -q __asan_init "$STDPOP3D" || MOST_MEMORY=999999

# big_mailbox MEGABYTES: one message.
big_mailbox() {
	{
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\nSubject: big\n\n'
		yes 'a line of sixty-three octets and the one that ends it, all alike' |
			head -c "$(($1 * 1048576))"
	} | mailbox alice
}

# memory NAME: the most that its process ever had, in kB.
memory() {
	sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB$/\1/p' "/proc/${PID[$1]}/status"
}

modest() {
	[ "$(memory "$1")" -le "$MOST_MEMORY" ] || same "at most $MOST_MEMORY kB" "$(memory "$1") kB"
}

# ends NAME: its session is over, whatever was said.
ends() {
	eventually is_gone "$1"
	wait "${PID[$1]}"
}

is_gone() {
	local state
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/${PID[$1]}/status" 2>/dev/null) ||
		return 0
	[ -z "$state" ] || [ "$state" = Z ]
}

# naps NAME: how often its process has gone to sleep.
naps() {
	sed -n 's/^voluntary_ctxt_switches:[[:space:]]*//p' "/proc/${PID[$1]}/status"
}

# napped NAME TIMES: as often, or more.
napped() {
	[ "$(naps "$1")" -ge "$2" ]
}

waits() {
	grep -q '^State:.*sleeping' "/proc/${PID[$1]}/status"
}

# socket_client CODE [OPTION...]: Python's, with "client" connected to a session;
# "record(TEXT)" waits for the log line that has it, and peak() is VmHWM.
socket_client() {
	local code=$1
	shift
	python3 -c "
import socket, subprocess, sys, time

client, inner = socket.socketpair()
for end in client, inner:
	end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
log = open('log', 'a')
# Before the server's clock starts, so that its limits are never seen too short.
began = time.monotonic()
server = subprocess.Popen(sys.argv[1:], stdin=inner, stdout=inner, stderr=log)
inner.close()
client.settimeout(20)

def peak():
	with open(f'/proc/{server.pid}/status') as status:
		return int(next(l for l in status if l.startswith('VmHWM')).split()[1])

def login():
	client.sendall(b'USER alice\r\nPASS sesame\r\n')
	text = b''
	while text.count(b'\n') < 3:
		text += client.recv(4096)

# No sooner than that after START, and not as late as by the server's own limits,
# which are ten minutes.
def over(start, least=0):
	assert server.wait(30) == 0
	taken = time.monotonic() - start
	assert taken >= least, taken

$code
" "${SERVER[@]}" "$@"
}

@test "a client that never reads is dropped after -i, and nothing is removed" {
	big_mailbox 8
	keep
	socket_client "
login()
start = time.monotonic()
client.sendall(b'DELE 1\r\nRSET\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n')
time.sleep(0.5)
assert peak() <= $MOST_MEMORY, peak()
over(start, 0.9)
" -i 1
	unchanged
	records | grep -q 'logout, .*end=timeout, retrieved=0/0, deleted=0/0, left=1/'
}

@test "a client that reads an octet a second does not outlast -i for long" {
	big_mailbox 1
	keep
	socket_client "
login()
client.sendall(b'RETR 1\r\nDELE 1\r\nQUIT\r\n')
start = time.monotonic()
while server.poll() is None and time.monotonic() - start < 15:
	client.recv(1)
	time.sleep(1)
assert time.monotonic() - start < 12
assert server.returncode == 0
" -i 2
	unchanged
	records | grep -q 'end=timeout'
}

@test "a client that sends an octet a second gets -l before login, and -i after" {
	message one | mailbox alice
	keep
	socket_client "
start = began
try:
	while server.poll() is None and time.monotonic() - start < 15:
		client.sendall(b'U')
		time.sleep(0.5)
except BrokenPipeError:
	pass
assert server.wait(30) == 0
assert 1.9 < time.monotonic() - start < 12
" -l 2
	records | grep -q 'no login, .*end=timeout'
	socket_client "
login()
start = time.monotonic()
client.sendall(b'DELE 1\r\n')
try:
	while server.poll() is None and time.monotonic() - start < 15:
		client.sendall(b'Q')
		time.sleep(0.5)
except BrokenPipeError:
	pass
assert server.wait(30) == 0
assert 1.9 < time.monotonic() - start < 12
" -i 2
	records | grep -q 'logout, .*end=timeout'
	unchanged
}

@test "-l counts from the start, whatever the client sends meanwhile" {
	socket_client "
start = began
try:
	while server.poll() is None and time.monotonic() - start < 15:
		client.sendall(b'CAPA\r\n')
		client.recv(4096)
		time.sleep(0.2)
except (BrokenPipeError, ConnectionResetError):
	pass
assert server.wait(30) == 0
assert 1.9 < time.monotonic() - start < 12
" -l 2
	records | grep -q 'no login, .*end=timeout'
}

@test "a client that closes its sending direction still gets all replies" {
	message one two | mailbox alice
	socket_client "
client.sendall(b'USER alice\r\nPASS sesame\r\nDELE 1\r\nRETR 2\r\nQUIT\r\n')
client.shutdown(socket.SHUT_WR)
text = b''
while octets := client.recv(4096):
	text += octets
assert b'body of two' in text and text.endswith(b'+OK bye\r\n'), text
over(time.monotonic())
"
	message two | cmp - spool/alice
}

@test "a client that closes without QUIT removes nothing" {
	message one | mailbox alice
	keep
	socket_client "
login()
client.sendall(b'DELE 1\r\n')
client.recv(100)
client.shutdown(socket.SHUT_WR)
over(time.monotonic())
"
	unchanged
	records | grep -q 'logout, .*end=closed, retrieved=0/0, deleted=0/0'
}

# flood CONDITION [OPTION...]: a client sends garbage and reads the replies while
# Python's CONDITION is true of "sent", its octets, and "most", the server's memory.
# A thread reads the replies, and is waited for: a thread that still runs when
# Python ends can abort it.
flood() {
	local condition=$1
	shift
	socket_client "
import os, threading
def hear():
	try:
		while client.recv(65536):
			pass
	except OSError:
		pass
ear = threading.Thread(target=hear)
ear.start()
most = sent = 0
try:
	while $condition:
		client.sendall(os.urandom(65536))
		sent += 65536
		most = max(most, peak())
except (BrokenPipeError, ConnectionResetError, StopIteration):
	pass
try:
	client.shutdown(socket.SHUT_WR)
except OSError:
	pass
ear.join()
assert server.wait(60) == 0
print(sent, most)
" "$@"
}

@test "garbage without end costs no memory" {
	local sent most
	flood 'sent < 16 << 20' -l 600 >figures
	read -r sent most <figures
	[ "$sent" -eq $((16 << 20)) ]
	[ "$most" -le "$MOST_MEMORY" ]
	same 'no login, ip=[unknown], end=closed' "$(records)"
}

@test "garbage without end is ended by -l" {
	flood True -l 1
	same 'no login, ip=[unknown], end=timeout' "$(records)"
}

@test "one line without end is read to its end and costs no memory" {
	connect bob -l 60
	hears bob '+OK POP3 ready'
	head -c 30000000 /dev/zero >&"${TO[bob]}"
	modest bob
	printf '\r\nNOOP\r\n' >&"${TO[bob]}"
	hears bob '-ERR line too long' '-ERR log in first'
	hang_up bob
}

@test "a big message costs no memory" {
	big_mailbox 64
	socket_client "
login()
client.sendall(b'UIDL\r\nTOP 1 5\r\nRETR 1\r\n')
got = 0
while got < 64 << 20:
	got += len(client.recv(1 << 20))
assert peak() <= $MOST_MEMORY, peak()
client.close()
over(time.monotonic())
"
}

@test "a thousand commands in one piece get a thousand replies" {
	{
		printf 'USER alice\r\nPASS sesame\r\n'
		for ((i = 0; i < 1000; i++)); do
			printf 'NOOP\r\n\001\r\nRETR 99999999999999999999\r\nXYZZY\r\n'
		done
		printf 'QUIT\r\n'
	} | server >replies
	[ "$(grep -c '^+OK' replies)" -eq 1004 ]
	[ "$(grep -c '^-ERR' replies)" -eq 3000 ]
}

# signalled NAME SIGNAL: it ends, as it must.
signalled() {
	eventually waits "$1"
	kill -s "$2" "${PID[$1]}"
	ends "$1"
}

@test "a signal in AUTHORIZATION ends the session" {
	local signal
	for signal in TERM HUP INT; do
		connect "$signal"
		hears "$signal" '+OK POP3 ready'
		signalled "$signal" "$signal"
		same 'no login, ip=[unknown], end=signal' "$(records | tail -n 1)"
	done
}

@test "a signal while a failed login is kept waiting ends the session" {
	connect bob
	hears bob '+OK POP3 ready'
	says bob 'USER alice' 'PASS wrong'
	hears bob '+OK and the password?'
	eventually grep -q 'login failed' log
	signalled bob TERM
	same 'no login, ip=[unknown], end=signal' "$(records | tail -n 1)"
}

@test "a signal in TRANSACTION ends the session and removes nothing" {
	local signal
	message one two | mailbox alice
	keep
	for signal in TERM HUP INT; do
		connect "$signal"
		login "$signal"
		says "$signal" 'DELE 1'
		listen "$signal"
		signalled "$signal" "$signal"
		unchanged
		[ ! -e spool/alice.lock ]
		same 'logout, ip=[unknown], user=alice, end=signal, retrieved=0/0, deleted=0/0, left=2/58' \
			"$(records | tail -n 1)"
	done
}

@test "a signal while mail is sent ends the session and removes nothing" {
	big_mailbox 8
	keep
	connect bob
	login bob
	says bob 'DELE 1' RSET 'RETR 1'
	signalled bob TERM
	unchanged
	records | grep -q 'end=signal'
}

@test "a signal during UPDATE lets it finish" {
	needs strace
	local signal
	for signal in TERM HUP INT; do
		message one two three | mailbox alice
		message one three >want
		printf 'USER alice\r\nPASS sesame\r\nDELE 2\r\nQUIT\r\n' >commands
		# Each sync of the mailbox and the journal takes half a second.
		strace -f -o trace -e trace=fdatasync,fsync -e inject=fdatasync,fsync:delay_enter=500000 \
			"${SERVER[@]}" <commands >replies 2>>log 3>&- &
		eventually test -s state/alice
		kill -s "$signal" "$(pgrep -P $!)"
		wait $!
		cmp want spool/alice
		[ ! -e spool/alice.lock ]
		[ ! -s state/alice ]
		records | tail -n 1 | grep -q 'end=quit, retrieved=0/0, deleted=1/29'
		: >log
	done
}

@test "a signal while another program has the lock does not wait for ever" {
	message one | mailbox alice
	exec {held}<>spool/alice
	flock -x "$held"
	connect bob -w 4
	hears bob '+OK POP3 ready'
	says bob 'USER alice'
	hears bob '+OK and the password?'
	says bob 'PASS sesame'
	# A session that waits for the client sleeps once, and one that waits for the lock
	# again and again.
	local before
	before=$(naps bob)
	eventually napped bob $((before + 20))
	signalled bob TERM
	[ ! -e spool/alice.lock ]
	records | grep -q '^maildrop busy'
	exec {held}>&-
}

@test "a session without descriptors 0, 1 or 2 does no harm" {
	local which
	message one | mailbox alice
	keep
	printf 'USER alice\r\nPASS sesame\r\nDELE 1\r\n' >commands
	for which in '0<&-' '1>&-' '2>&-' '0<&- 1>&-' '0<&- 2>&-' '1>&- 2>&-' '0<&- 1>&- 2>&-'; do
		run timeout 20 bash -c "exec \"\$@\" <commands >replies 2>>log $which" closed "${SERVER[@]}"
		[ "$status" -eq 0 ] || [ "$status" -eq 78 ]
		unchanged
		[ ! -e spool/alice.lock ]
		# No descriptor of a file took the place of one that was closed.
		run ! grep -lq 'POP3\|stdpop3d' passwd shadow spool/alice
	done
}

@test "with few descriptors, little memory or a file size limit of zero the server fails in order" {
	needs confinement
	local limit
	message one two three | mailbox alice
	keep
	printf 'USER alice\r\nPASS sesame\r\nDELE 2\r\nQUIT\r\n' >commands
	# The environment lies on the stack, too.
	SERVER=(env -i "ASAN_OPTIONS=${ASAN_OPTIONS-}" "${SERVER[@]}")
	for limit in 'n 3' 'n 4' 'n 5' 'n 6' 'n 7' 'n 8' 'n 9' 'n 10' 'v 3000' 'v 4000' 'v 5000' \
		'v 6000' 'v 8000' 's 16' 's 64'; do
		cp -p kept spool/alice
		: >log
		bash -c "ulimit -$limit && exec \"\$@\"" limited "${SERVER[@]}" \
			<commands >replies 2>>log 3>&- || :
		echo "limit $limit: $(tail -n 1 replies)"
		if [ "$(tail -n 1 replies)" = $'+OK bye\r' ]; then
			message one three | cmp - spool/alice
		else
			unchanged
		fi
		[ ! -e spool/alice.lock ]
		rm -f state/alice
	done
}

@test "a file size limit that is too small for the journal removes nothing" {
	message {1..200} | mailbox alice
	keep
	printf 'USER alice\r\nPASS sesame\r\nDELE 2\r\nQUIT\r\n' >commands
	prlimit --fsize=512:512 "${SERVER[@]}" <commands >replies 2>>log
	unchanged
	same $'-ERR [SYS/TEMP] the deleted messages are not removed\r' "$(tail -n 1 replies)"
	records | grep -q '^update refused'
	server <commands >replies
	same $'+OK bye\r' "$(tail -n 1 replies)"
}

@test "only the log says which of spool, state directory and account files is missing" {
	local what
	for what in spool state passwd; do
		mv "$what" away
		run -78 --separate-stderr server </dev/null
		same $'-ERR [SYS/PERM] the server is not set up: its log says why\r' "$output"
		records | tail -n 1 | grep -q "^setup, .*cannot open $what.*: No such file"
		mv away "$what"
	done
}

@test "a line of NIS in the account files is not an account and does no harm" {
	local line
	for line in + - +nis -nis +@group +:: -%; do
		printf '%s\n' "$line" | tee -a passwd >>shadow
	done
	account bob "$SESAME"
	for line in alice bob; do
		printf 'USER %s\r\nPASS sesame\r\n' "$line" | server | grep -q '^+OK 0 messages'
	done
	for line in + - +nis -nis; do
		printf 'USER %s\r\nPASS sesame\r\n' "$line" | server | grep -qFe "${REFUSED%^M}"
	done
}

@test "account files that hold anything but accounts let nobody in" {
	{
		head -c 100000 /dev/urandom
		printf '\nbob:x:%s\n\nbob\n:x:1:1:::\n' "$OWNER"
		head -c 100000 /dev/zero | tr '\0' a
		printf '\n'
	} >>passwd
	{
		head -c 100000 /dev/urandom
		printf '\n'
	} >>shadow
	account carol "$SESAME"
	printf 'USER bob\r\nPASS sesame\r\n' | server | grep -qFe "${REFUSED%^M}"
	printf 'USER carol\r\nPASS sesame\r\n' | server | grep -q '^+OK 0 messages'
}

# login_times SETTING: each kind of refusal takes the same time, on a machine whose
# accounts have hashes of that setting of crypt(3). Load makes a refusal slower, never
# faster, so the fastest of each kind are compared. Where so many hashes at once take
# longer than the server waits, fewer are tried at a time, and one by one at the last.
login_times() {
	local hash
	hash=$(perl -e 'print crypt("sesame", shift)' "$1")
	: >passwd
	: >shadow
	account root "$hash" '' 0
	account alice "$hash"
	account locked "!$hash"
	account nobody2 '*'
	account empty ''
	account expired "$hash" 20000:0:99999:7::10000:
	account old "$hash" 10000:0:9:7:::
	account must "$hash" 0:0:99999:7:::
	python3 - "${SERVER[@]}" <<-'END'
		import subprocess, sys, threading, time
		kinds = {"unknown": ("mallory", "sesame"), "wrong": ("alice", "wrong"),
		    "locked": ("locked", "sesame"), "star": ("nobody2", "sesame"),
		    "empty": ("empty", "sesame"), "none": ("alice", ""), "expired": ("expired", "sesame"),
		    "old": ("old", "sesame"), "must": ("must", "sesame"), "uid": ("root", "sesame"),
		    "long": ("x" * 200, "sesame"), "slash": ("../alice", "sesame")}
		def attempt(kind, times):
		    name, password = kinds[kind]
		    server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE,
		        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
		    server.stdout.readline()
		    server.stdin.write(f"USER {name}\r\n".encode())
		    server.stdin.flush()
		    server.stdout.readline()
		    start = time.monotonic()
		    server.stdin.write(f"PASS {password}\r\n".encode())
		    server.stdin.flush()
		    answer = server.stdout.readline()
		    times[kind].append(time.monotonic() - start)
		    assert answer == b"-ERR [AUTH] the name or the password is wrong\r\n", (kind, answer)
		    server.communicate()
		times = {kind: [] for kind in kinds}
		for at_once in 12, 12, 12, 4, 4, 4, 1, 1, 1:
		    for first in range(0, len(kinds), at_once):
		        threads = [threading.Thread(target=attempt, args=(kind, times))
		            for kind in list(kinds)[first:first + at_once]]
		        for thread in threads:
		            thread.start()
		        for thread in threads:
		            thread.join()
		    assert len({len(times[kind]) for kind in kinds}) == 1
		    least = {kind: min(times[kind]) * 1000 for kind in kinds}
		    print({kind: round(time, 1) for kind, time in least.items()})
		    # The server counts whole milliseconds.
		    assert min(least.values()) >= 999
		    if len(times["wrong"]) > 2 and max(least.values()) < 1.05 * min(least.values()):
		        sys.exit()
		sys.exit("the times differ")
	END
}

@test "every refusal takes the same time with yescrypt" {
	# shellcheck disable=SC2016
	login_times '$y$j9T$abcdefghijklmnop'
}

@test "every refusal takes the same time with SHA-512" {
	# shellcheck disable=SC2016
	login_times '$6$abcdefghijklmnop'
}

@test "in both states the process is confined, whoever started it" {
	needs confinement
	local filters
	filters=$(sed -n 's/^Seccomp_filters:\t//p' /proc/self/status)
	connect bob
	ready bob
	grep -qx $'NoNewPrivs:\t1' "/proc/${PID[bob]}/status"
	grep -qx $'Seccomp:\t2' "/proc/${PID[bob]}/status"
	grep -qx $'Seccomp_filters:\t'"$((filters + 2))" "/proc/${PID[bob]}/status"
	# No other process of the same user may look inside.
	same 0 "$(stat -c %u "/proc/${PID[bob]}/mem")"
	grep -q '^Max core file size  *0  *0 ' "/proc/${PID[bob]}/limits" ||
		[ ! -r "/proc/${PID[bob]}/limits" ]
	says bob 'USER alice' 'PASS sesame'
	hears bob '+OK and the password?' '+OK 0 messages (0 octets)'
	grep -qx $'Seccomp_filters:\t'"$((filters + 3))" "/proc/${PID[bob]}/status"
	grep -qx $'CapPrm:\t0000000000000000' "/proc/${PID[bob]}/status"
	hang_up bob
}
