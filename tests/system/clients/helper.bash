# The accounts, the deliverers, the launchers and the clients.
# shellcheck shell=bash

HERE=$BATS_TEST_DIRNAME/clients
WORK=$BATS_FILE_TMPDIR
NAME=stdpop3d-client
SECRET='two words: Pässe'
SPOOL=/var/mail/$NAME
STATE=/var/lib/stdpop3d
MAILS=(attachment blanks dots empty-lines from lines long nobody octets plain twin)
LAUNCHERS=(tcpserver inetd systemd socat)

# --- what the machine must have, and gets

load ../base

require() {
	[ "$(id -u)" -eq 0 ] || cannot 'not root' || return
	require_packages "$HERE/packages"
}

# The machine's accounts and mail are for one run of these tests at a time.
alone() {
	exec 9>/run/lock/stdpop3d-clients
	flock -w 600 9
}

# As the manual asks an administrator to do, except for what is there already.
make_accounts() {
	# An earlier run may have been killed.
	remove_accounts
	if ! getent passwd stdpop3d >/dev/null; then
		useradd --system --no-create-home --shell /usr/sbin/nologin stdpop3d
		: >"$WORK/made-account"
	fi
	if [ ! -d "$STATE" ]; then
		install -d -m 700 -o stdpop3d -g stdpop3d "$STATE"
		: >"$WORK/made-state"
	fi
	useradd --create-home --home-dir "$WORK/home" --shell /bin/sh "$NAME"
	echo "$NAME:$SECRET" | chpasswd --crypt-method YESCRYPT
	# procmail sleeps for 8 seconds whenever the mailbox is locked.
	echo 'LOCKSLEEP=1' >"$WORK/home/.procmailrc"
	chown "$NAME:" "$WORK/home/.procmailrc"
}

remove_accounts() {
	if getent passwd "$NAME" >/dev/null; then
		userdel "$NAME"
	fi
	rm -f "$SPOOL" "$SPOOL.lock" "$STATE/$NAME" "$STATE/$NAME:aside"
	[ ! -e "$WORK/made-state" ] || rmdir "$STATE"
	[ ! -e "$WORK/made-account" ] || userdel stdpop3d
}

# --- deliverers: each takes a mail from standard input

by_procmail() {
	{ echo 'From sender@example.com Mon Nov  2 10:00:00 2026' && cat; } |
		procmail -d "$NAME"
}

by_dma() {
	dma -D -i -f sender@example.com "$NAME"
}

# Debian's mail servers exclude one another, so Exim is unpacked, not installed.
unpack_exim() {
	mkdir -p "$WORK/exim/deb" "$WORK/exim/etc/exim4" "$WORK/exim/spool" "$WORK/exim/log"
	(cd "$WORK/exim/deb" && apt-get -q download exim4-daemon-light)
	dpkg -x "$WORK"/exim/deb/*.deb "$WORK/exim/root"
	{
		cat /etc/passwd
		echo 'Debian-exim:x:64999:64999::/nonexistent:/usr/sbin/nologin'
	} >"$WORK/exim/etc/passwd"
	{
		cat /etc/group
		echo 'Debian-exim:x:64999:'
	} >"$WORK/exim/etc/group"
	chown 64999:64999 "$WORK/exim/spool" "$WORK/exim/log"
	cat >"$WORK/exim/etc/exim4/exim4.conf" <<-END
		exim_path = $WORK/exim/root/usr/sbin/exim4
		spool_directory = $WORK/exim/spool
		log_file_path = $WORK/exim/log/%slog
		primary_hostname = localhost
		domainlist local_domains = localhost
		never_users =
		keep_environment =
		begin routers
		local:
		  driver = accept
		  check_local_user
		  transport = mbox
		begin transports
		mbox:
		  driver = appendfile
		  file = /var/mail/\$local_part_data
		  group = mail
		  mode = 0660
		  mode_fail_narrower = false
		  lock_interval = 1s
		  delivery_date_add
		  envelope_to_add
		  return_path_add
	END
}

# Exim trusts no other configuration than the one in /etc, so it is shown a file of this test there.
by_exim() {
	# shellcheck disable=SC2016 # the inner shell expands it
	unshare --mount sh -c '
		mount -t overlay -o lowerdir="$1/etc:/etc" overlay /etc &&
		exec "$1/root/usr/sbin/exim4" -odi -oi -f sender@example.com "$2@localhost"
	' by_exim "$WORK/exim" "$NAME"
}

# All mails by each; dma comes last, because it leaves no empty line after its mail.
deliver_all() {
	local mail
	mkdir "$WORK/mails"
	"$HERE/mails.py" "$WORK/mails"
	for mail in "${MAILS[@]}" twin; do
		by_procmail <"$WORK/mails/$mail"
	done
	for mail in "${MAILS[@]}" no-end; do
		by_exim <"$WORK/mails/$mail"
	done
	for mail in "${MAILS[@]}" no-end; do
		# dma takes no line over 998 octets.
		[ "$mail" = long ] || by_dma <"$WORK/mails/$mail"
	done
	cp -p "$SPOOL" "$WORK/delivered"
}

# --- launchers

# start NAME COMMAND...: with its log in a file.
start() {
	local name=$1
	shift
	"$@" >"$WORK/$name.out" 2>"$WORK/$name.log" </dev/null 3>&- 9>&- &
	echo $! >>"$WORK/pids"
}

port() {
	cat "$WORK/$1.port"
}

choose_ports() {
	/usr/bin/python3 - "$WORK" "$@" <<-'END'
		import pathlib, socket, sys
		held = []
		for name in sys.argv[2:]:
		    held.append(socket.create_server(("127.0.0.1", 0)))
		    number = held[-1].getsockname()[1]
		    pathlib.Path(sys.argv[1], f"{name}.port").write_text(f"{number}\n")
	END
}

wait_for_port() {
	eventually listens "$(port "$1")" || {
		echo "$1 does not listen" >&2
		return 1
	}
}

# Told by the kernel, since a connection would start a session.
listens() {
	grep -q "^ *[0-9]*: 0100007F:$(printf %04X "$1") 00000000:0000 0A " /proc/net/tcp
}

start_launchers() {
	local name
	choose_ports "${LAUNCHERS[@]}" nofork mistake unready
	start tcpserver tcpserver -HR -l localhost 127.0.0.1 "$(port tcpserver)" "$STDPOP3D" -e
	start systemd systemd-socket-activate --accept --inetd \
		-l "127.0.0.1:$(port systemd)" "$STDPOP3D" -e
	start socat socat "TCP-LISTEN:$(port socat),bind=127.0.0.1,reuseaddr,fork" \
		"EXEC:$STDPOP3D -e"
	start nofork socat "TCP-LISTEN:$(port nofork),bind=127.0.0.1,reuseaddr,fork" \
		"EXEC:$STDPOP3D -e,nofork"
	start_inetd
	for name in "${LAUNCHERS[@]}" nofork mistake unready; do
		wait_for_port "$name"
	done
}

# What inetd starts logs to /dev/log, where it finds a socket of this test.
start_inetd() {
	cat >"$WORK/inetd.conf" <<-END
		127.0.0.1:$(port inetd) stream tcp nowait root $STDPOP3D stdpop3d
		127.0.0.1:$(port mistake) stream tcp nowait root $STDPOP3D stdpop3d -m
		127.0.0.1:$(port unready) stream tcp nowait root $STDPOP3D stdpop3d -d $WORK/none
	END
	start syslog socat -u "UNIX-RECV:$WORK/syslog.socket,mode=666" STDOUT
	eventually test -S "$WORK/syslog.socket" || return
	if [ ! -e /dev/log ]; then
		: >/dev/log
		: >"$WORK/made-log"
	fi
	# shellcheck disable=SC2016 # the inner shell expands it
	start inetd unshare --mount sh -c '
		mount --bind "$1/syslog.socket" "$(readlink -f /dev/log)" &&
		exec inetd -i -R 0 "$1/inetd.conf"
	' inetd "$WORK"
}

stop_launchers() {
	local pid
	[ -e "$WORK/pids" ] || return 0
	while read -r pid; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done <"$WORK/pids"
	[ ! -e "$WORK/made-log" ] || rm -f /dev/log
}

# records LAUNCHER: all log lines of its sessions.
records() {
	case $1 in
	inetd) tr '<' '\n' <"$WORK/syslog.out" ;;
	*) cat "$WORK/$1.log" ;;
	esac
}

# logged LAUNCHER TEXT: one of them has this text, soon.
logged() {
	eventually is_logged "$@" || {
		echo "not logged: $2" >&2
		records "$1" | tail -n 20 >&2
		return 1
	}
}

is_logged() {
	records "$1" | grep -F "$2"
}

# --- the maildrop

# The mailbox as it was delivered, in the same file.
restore() {
	cat "$WORK/delivered" >"$SPOOL"
	touch -r "$WORK/delivered" "$SPOOL"
	MAILBOX=$(identity)
}

identity() {
	stat -c 'inode %i owner %u:%g mode %a' "$SPOOL"
}

# remains FILE: the mailbox is still the same file, and has these octets.
remains() {
	cmp "$1" "$SPOOL"
	[ "$(identity)" = "$MAILBOX" ] || {
		echo "was $MAILBOX" "is $(identity)" >&2
		return 1
	}
	# Nothing removed, nothing modified.
	! cmp -s "$WORK/delivered" "$SPOOL" || [ ! "$SPOOL" -nt "$WORK/delivered" ]
	[ ! -e "$SPOOL.lock" ]
}

# --- clients: CLIENT PORT keep|delete; what was fetched is then in $GOT

# A new client, that has fetched nothing yet.
anew() {
	AT=$(mktemp -d "$BATS_TEST_TMPDIR/XXXXXX")
	again
}

# The same client, later.
again() {
	GOT=$AT/got
	rm -rf "$GOT"
	mkdir "$GOT"
}

# Each writes its configuration with the password, which not all read if others can.
configure() {
	(umask 077 && cat >"$AT/$1")
}

# by_curl PORT PATH OPTION...
by_curl() {
	local url="pop3://127.0.0.1:$1/$2"
	shift 2
	timeout 60 curl -sS -u "$NAME:$SECRET" "$url" "$@"
}

by_poplib() {
	local port=$1
	shift
	timeout 60 "$HERE/fetch.py" "$port" "$NAME" "$SECRET" "$GOT" "$@"
}

by_fetchmail() {
	local keep=keep code=0
	[ "$2" = keep ] || keep='no keep'
	configure fetchmailrc <<-END
		set no bouncemail
		set invisible
		poll 127.0.0.1 protocol pop3 port $1 timeout 30 auth password
		 user "$NAME" password "$SECRET" is root here
		 $keep norewrite no mimedecode pass8bits sslproto ""
		 mda "$HERE/drop '$GOT'"
	END
	FETCHMAILHOME=$AT timeout 120 fetchmail --silent --pidfile "$AT/pid" \
		-f "$AT/fetchmailrc" "${@:3}" 2>"$AT/errors" || code=$?
	# 1: there was no mail; 13: --fetchlimit was reached.
	case $code in
	0 | 1 | 13) ;;
	*)
		cat "$AT/errors" >&2
		tail -n 20 "$WORK"/*.log >&2
		return 1
		;;
	esac
}

by_fetchmail_uidl() {
	by_fetchmail "$@" --uidl
}

# by_mpop PORT keep|delete [DELIVERY]
by_mpop() {
	local keep=off
	[ "$2" != keep ] || keep=on
	configure mpoprc <<-END
		defaults
		account default
		host 127.0.0.1
		port $1
		user $NAME
		password $SECRET
		auth user
		tls off
		keep $keep
		received_header off
		uidls_file $AT/uidls
		delivery ${3:-mda "$HERE/drop '$GOT'"}
	END
	timeout 60 mpop -q -C "$AT/mpoprc"
}

by_mpop_exchange() {
	by_mpop "$1" "$2" "exchange $GOT"
}

by_mpop_mbox() {
	rmdir "$GOT"
	by_mpop "$1" "$2" "mbox $GOT"
}

by_getmail() {
	local delete=true
	[ "$2" != keep ] || delete=false
	configure getmailrc <<-END
		[retriever]
		type = SimplePOP3Retriever
		server = 127.0.0.1
		port = $1
		username = $NAME
		password = $SECRET
		[destination]
		type = MDA_external
		path = $HERE/drop
		arguments = ("$GOT",)
		allow_root_commands = true
		[options]
		read_all = false
		delete = $delete
		delivered_to = false
		received = false
		verbose = 0
	END
	timeout 60 getmail --getmaildir="$AT" --rcfile=getmailrc
}

by_mutt() {
	local then='<exit>'
	[ "$2" = keep ] || then='<delete-pattern>~A<enter><quit>'
	rmdir "$GOT"
	# Where the folder of its mailboxes is missing, mutt asks whether to make it, and
	# takes the first of the pushed keys for the answer.
	configure muttrc <<-END
		set folder = "$AT"
		set ssl_force_tls = no
		set ssl_starttls = no
		set pop_pass = "$SECRET"
		set copy = no
		set confirmappend = no
		set confirmcreate = no
		set delete = yes
		set quit = yes
		set wait_key = no
		set mbox_type = mbox
		set message_cachedir = ""
		push "<tag-pattern>~A<enter><tag-prefix><copy-message>$GOT<enter>$then"
	END
	# It wants a terminal, and one where nobody types: at the end of its input
	# script(1) would type Ctrl-D.
	mkfifo "$AT/keys"
	TERM=xterm timeout 60 script -qec \
		"mutt -n -F '$AT/muttrc' -f pop://$NAME@127.0.0.1:$1/" /dev/null \
		<>"$AT/keys" >"$AT/terminal"
}

by_snail() {
	local command=copy end=exit
	[ "$2" = keep ] || command=move end=quit
	rmdir "$GOT"
	printf '%s * %s\n%s\n' "$command" "$GOT" "$end" |
		timeout 60 s-nail -n '-#' -S v15-compat -S "password=$SECRET" \
		-f "pop3://$NAME@127.0.0.1:$1"
}

# fetched_all: and if not, what was logged and what the client showed.
fetched_all() {
	"$HERE/mbox.py" has "$WORK/delivered" "$GOT" || {
		tail -n 20 "$WORK"/*.log
		[ ! -e "$AT/terminal" ] || cat -v "$AT/terminal"
		return 1
	} >&2
}

# keeps CLIENT [again]: it has all mail from each launcher, and leaves it there;
# with "again" a second run fetches nothing.
keeps() {
	local launcher
	restore
	for launcher in "${LAUNCHERS[@]}"; do
		echo "# $1 through $launcher"
		anew
		"by_$1" "$(port "$launcher")" keep
		fetched_all
		remains "$WORK/delivered"
		[ "${2:-}" = again ] || continue
		again
		"by_$1" "$(port "$launcher")" keep
		[ ! -e "$GOT" ] || [ -z "$(find "$GOT" -type f)" ]
		remains "$WORK/delivered"
	done
}

# deletes CLIENT: it has all mail, and nothing is left.
deletes() {
	restore
	anew
	"by_$1" "$(port tcpserver)" delete
	fetched_all
	remains /dev/null
}
