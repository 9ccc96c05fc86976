# A machine for the tests alone, and what is done in it. See README.
# shellcheck shell=bash

HERE=$BATS_TEST_DIRNAME/launchers
MACHINE=$BATS_FILE_TMPDIR/machine
RECIPES=/usr/local/share/stdpop3d
NAME=stdpop3d-client
SECRET='two words: Pässe'
SPOOL=/var/mail/$NAME

# --- the machine

load ../base

# Debian's inetds exclude one another, so these are unpacked in the machine only; and so
# is what looks at the server from outside.
fetch_packages() {
	mkdir -p "$MACHINE" "$MACHINE.debs"
	(cd "$MACHINE.debs" && apt-get -q -o APT::Sandbox::User=root download openbsd-inetd inetutils-inetd xinetd \
		monitoring-plugins-basic ufw)
}

boot() {
	[ "$(id -u)" -eq 0 ] || cannot 'not root' || return
	require_packages "$HERE/packages" || return
	fetch_packages
	"$HERE/machine" "$MACHINE" "$STDPOP3D" >"$MACHINE.console" 2>&1 </dev/null 3>&- &
	echo $! >"$MACHINE.pid"
	eventually booted || {
		cat "$MACHINE.console" >&2
		return 1
	}
	have_foreign_addresses
}

# Its processes are those of nspawn's child.
booted() {
	pgrep -P "$(<"$MACHINE.pid")" >"$MACHINE.leader" &&
		inside systemctl is-active --quiet multi-user.target 2>>"$MACHINE.console"
}

shut_down() {
	local pid
	[ -s "$MACHINE.pid" ] || return 0
	pid=$(<"$MACHINE.pid")
	kill "$pid" 2>/dev/null || true
	wait "$pid" || true
	# Others' folders may go while find(1) looks at them.
	find /sys/fs/cgroup -depth -type d -path "*/stdpop3d-machine.$pid*" -exec rmdir {} \; \
		2>/dev/null || :
}

# 192.0.2.0/24 is foreign to the server, and every address of it is the machine's.
have_foreign_addresses() {
	inside ip address add 192.0.2.1/24 dev lo
}

# inside COMMAND...: in the machine, as root.
inside() {
	timeout 300 nsenter --target "$(<"$MACHINE.leader")" --all -- env --ignore-environment \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root LC_ALL=C.UTF-8 "$@"
}

# --- installed as README says

install_account() {
	inside install -D -m 644 "$RECIPES/sysusers.conf" /etc/sysusers.d/stdpop3d.conf
	inside install -D -m 644 "$RECIPES/tmpfiles.conf" /etc/tmpfiles.d/stdpop3d.conf
	inside systemd-sysusers
	inside systemd-tmpfiles --create stdpop3d.conf
	inside install -m 4750 -g stdpop3d-reader /usr/local/sbin/stdpop3d /usr/local/sbin/stdpop3d-login
}

add_reader() {
	inside useradd --no-create-home --shell /bin/sh "$NAME"
	inside chpasswd --crypt-method YESCRYPT <<<"$NAME:$SECRET"
}

install_certificate() {
	inside sh -c 'openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
		-keyout key -out certificate 2>openssl.log &&
		umask 077 && cat key certificate >/etc/ssl/private/pop3s.pem'
}

# --- the maildrop

# deliver TEXT...: the mailbox has these messages and no other.
deliver() {
	local text
	for text; do
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\nSubject: test\n\n%s\n\n' "$text"
	done >"$BATS_TEST_TMPDIR/mailbox"
	# shellcheck disable=SC2016 # the inner shell expands it
	inside sh -c 'cat >"$1" && chown "$2:mail" "$1" && chmod 660 "$1"' \
		deliver "$SPOOL" "$NAME" <"$BATS_TEST_TMPDIR/mailbox"
}

# left TEXT...: that is what the mailbox has.
left() {
	local text
	for text; do
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\nSubject: test\n\n%s\n\n' "$text"
	done | diff - <(inside cat "$SPOOL")
}

# --- launchers and sessions

# launch NAME COMMAND...: what it and its sessions log is in the journal of NAME.
launch() {
	local unit=$1
	shift
	inside systemd-run --quiet --collect --unit="$unit" "$@"
}

stop() {
	inside systemctl stop "$1" 2>/dev/null || true
}

# listens PORT: asks the kernel, since a connection would start a session.
listens() {
	inside grep -hq "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") 0*:0000 0A " \
		/proc/net/tcp /proc/net/tcp6
}

# by_curl URL OPTION...
by_curl() {
	inside timeout 60 curl -sS -u "$NAME:$SECRET" "$@"
}

# logged TEXT: waits until a log line has this text.
logged() {
	eventually is_logged "$1" || {
		echo "not logged: $1" >&2
		records | tail -n 20 >&2
		return 1
	}
}

is_logged() {
	records | grep -F "$1" >&2
}
