#!/usr/bin/env bats
# bats file_tags=root
# contrib's units, as they stand but for -S, under a systemd of its own. See
# launchers/README.
load launchers/helper

UNITS=(pop3.socket pop3@.service pop3s.socket pop3s@.service stdpop3d-recover.service)

setup_file() {
	boot || {
		[ -n "${CANNOT-}" ]
		return
	}
	install_account
	add_reader
	install_certificate
	install_units
}

teardown_file() {
	shut_down
}

# With -S, so that a session which is not confined completely does not come about.
install_units() {
	local unit
	for unit in "${UNITS[@]}"; do
		inside cp "$RECIPES/$unit" /etc/systemd/system
	done
	configure strict 'ExecStart=' 'ExecStart=/usr/local/sbin/stdpop3d -S'
	inside systemctl enable --quiet --now pop3.socket stdpop3d-recover.service
}

# All log lines: journald cannot name the unit of a process that is gone already.
records() {
	inside journalctl --quiet --output=cat --identifier=stdpop3d
}

teardown() {
	[ -z "${CANNOT-}" ] || return 0
	# What a test has added.
	inside rm -f /etc/systemd/system/pop3@.service.d/test.conf
	inside systemctl daemon-reload
}

# configure NAME LINE...: for sessions from now on.
configure() {
	printf '%s\n' '[Service]' "${@:2}" |
		inside install -D -m 644 /dev/stdin "/etc/systemd/system/pop3@.service.d/$1.conf"
	inside systemctl daemon-reload
}

@test "systemd-analyze finds nothing wrong with the units" {
	inside systemd-analyze verify --man=no "${UNITS[@]}"
}

# hardly_exposed MOST UNIT: in tenths. The way to the login program takes a little more.
hardly_exposed() {
	inside systemd-analyze security --no-pager --threshold="$1" "$2" >"$BATS_TEST_TMPDIR/out"
	echo "# $(tail -n 1 "$BATS_TEST_TMPDIR/out")"
}

@test "systemd-analyze security calls the services hardly exposed" {
	hardly_exposed 17 pop3@.service
	hardly_exposed 19 pop3s@.service
	hardly_exposed 13 stdpop3d-recover.service
}

# serves ADDRESS: a session of that client fetches mail.
serves() {
	by_curl pop3://127.0.0.1/1 --interface "$1" | tr -d '\r' |
		diff - <(printf 'Subject: test\n\none\n')
}

@test "the drop-in that pop3@.service describes does without the login program" {
	local lines
	deliver one
	mapfile -t lines < <(sed -n 's/^#\t//p' "$TOP/contrib/pop3@.service")
	[ "${lines[0]}" = '[Service]' ]
	configure test "${lines[@]:1}"
	hardly_exposed 13 pop3@.service
	serves 127.0.0.11
	logged 'sandbox, ip=[127.0.0.11], no login program, the launcher has forbidden new privileges'
	logged "logout, ip=[127.0.0.11], user=$NAME, end=quit, retrieved=1/"
}

# needed ADDRESS RECORD LINE...: with these lines a session writes this log line.
needed() {
	configure test "${@:3}"
	serves "$1" || :
	logged "$2"
}

@test "what pop3@.service does not deny is needed" {
	deliver one
	needed 127.0.0.12 'sandbox, ip=[127.0.0.12], no login program, the launcher has forbidden new privileges' \
		NoNewPrivileges=yes
	needed 127.0.0.13 'sandbox, ip=[127.0.0.13], no login program, the launcher has taken CAP_SYS_ADMIN' \
		CapabilityBoundingSet=~CAP_SYS_ADMIN
	needed 127.0.0.14 'setup, ip=[127.0.0.14], cannot open /var/lib/stdpop3d' \
		CapabilityBoundingSet=~CAP_DAC_READ_SEARCH
	needed 127.0.0.15 'setup, ip=[127.0.0.15], cannot become the reader' \
		CapabilityBoundingSet=~CAP_SETUID
	needed 127.0.0.16 'setup, ip=[127.0.0.16], cannot open /var/lib/stdpop3d' PrivateUsers=yes
	needed 127.0.0.17 'setup, ip=[127.0.0.17], cannot become the reader' \
		SystemCallErrorNumber=EPERM SystemCallFilter=~@privileged
}

@test "sysusers.conf and tmpfiles.conf make both accounts and the state directory" {
	local account
	[ "$(inside stat -c '%a %U %G' /var/lib/stdpop3d)" = '700 stdpop3d stdpop3d' ]
	for account in stdpop3d stdpop3d-reader; do
		[ "$(inside getent passwd "$account" | cut -d : -f 6,7)" = /nonexistent:/usr/sbin/nologin ]
		[[ $(inside getent shadow "$account" | cut -d : -f 2) == '!'* ]]
		[ "$(inside id -gn "$account")" = "$account" ]
	done
}

@test "a session under pop3@.service is confined completely, with the login program" {
	deliver one two three
	by_curl pop3://127.0.0.1/2 --interface 127.0.0.5 | tr -d '\r' |
		diff - <(printf 'Subject: test\n\ntwo\n')
	by_curl pop3://127.0.0.1/ -I -X 'DELE 2' --interface 127.0.0.6
	left one three
	by_curl 'pop3://[::1]/2' --interface ::1 | tr -d '\r' |
		diff - <(printf 'Subject: test\n\nthree\n')
	logged "logout, ip=[127.0.0.5], user=$NAME, end=quit, retrieved=1/22"
	logged "logout, ip=[127.0.0.6], user=$NAME, end=quit, retrieved=0/0, deleted=1/22"
	logged "logout, ip=[::1], user=$NAME, end=quit, retrieved=1/"
	run ! grep 'sandbox, ip=\[\(127.0.0.[56]\|::1\|192.0.2.8\)\]' <(records)
}

@test "-S ends the session where the unit hides Landlock" {
	deliver one
	configure test SystemCallErrorNumber=ENOSYS SystemCallFilter=~landlock_create_ruleset
	run -8 by_curl pop3://127.0.0.1/1 --interface 127.0.0.7
	logged 'sandbox, ip=[127.0.0.7], this kernel cannot confine the process completely'
}

@test "the kernel confirms what the process may before and after login" {
	local reader user
	deliver one
	reader=$(inside id -u stdpop3d-reader)
	user=$(inside id -u "$NAME")
	inside python3 - "$NAME" "$SECRET" <"$HERE/status.py" >"$BATS_TEST_TMPDIR/status"
	# 0xc0: CAP_SETGID and CAP_SETUID, which the login program gets and the reader has not.
	diff - "$BATS_TEST_TMPDIR/status" <<-END
		AUTHORIZATION Uid $reader $reader $reader $reader
		AUTHORIZATION Groups
		AUTHORIZATION CapPrm 0000000000000000
		AUTHORIZATION CapEff 0000000000000000
		AUTHORIZATION CapBnd 00000000000000c0
		AUTHORIZATION NoNewPrivs 0
		AUTHORIZATION Seccomp 2
		TRANSACTION Uid $user $user $user $user
		TRANSACTION Groups $(inside getent group mail | cut -d : -f 3)
		TRANSACTION CapPrm 0000000000000000
		TRANSACTION CapEff 0000000000000000
		TRANSACTION CapBnd 00000000000000c0
		TRANSACTION NoNewPrivs 1
		TRANSACTION Seccomp 2
	END
}

@test "pop3.socket limits the sessions of one address and in all" {
	deliver
	inside timeout 200 python3 - 110 10 60 <"$HERE/crowd.py" | diff - <(
		echo '10 from one address, one more is closed'
		echo '60 in all, one more is closed'
		echo '60 are answered'
		echo 'after one has gone, one more gets +OK POP3 ready'
	)
}

@test "a flood of connections does not stop pop3.socket" {
	inside python3 - <<-'PYTHON'
		import socket
		for _ in range(400):
		    socket.create_connection(("127.0.0.1", 110)).close()
	PYTHON
	deliver one
	eventually by_curl pop3://127.0.0.1/1
	inside systemctl is-active pop3.socket
}

@test "stdpop3d-recover.service finishes an UPDATE that was cut short" {
	deliver one two three
	# shellcheck disable=SC2016 # the inner shell expands it
	inside sh -c 'printf "%s\r\n" "USER $1" "PASS $2" "DELE 1" QUIT | strace -qq -f -o /dev/null \
		-e inject=fdatasync:signal=KILL:when=3 stdpop3d -e >/dev/null 2>&1 || true' \
		interrupted "$NAME" "$SECRET"
	inside test -s "/var/lib/stdpop3d/$NAME"
	run ! left two three
	inside systemctl start stdpop3d-recover
	left two three
	inside test ! -s "/var/lib/stdpop3d/$NAME"
	logged "update recovered, ip=[unknown], user=$NAME, an UPDATE interrupted in state MOVING is finished"
	inside systemctl --quiet is-enabled stdpop3d-recover
}

@test "a session under pop3s@.service, with tlswrapper in front, fetches and deletes" {
	inside systemctl enable --quiet --now pop3s.socket
	deliver one two three
	by_curl pop3s://localhost/2 --ipv4 --cacert /certificate --interface 192.0.2.8 | tr -d '\r' |
		diff - <(printf 'Subject: test\n\ntwo\n')
	by_curl pop3s://localhost/ -I -X 'DELE 2' --cacert /certificate
	left one three
	logged "logout, ip=[192.0.2.8], user=$NAME, end=quit, retrieved=1/22"
	run ! grep 'sandbox, ip=\[\(127.0.0.[56]\|::1\|192.0.2.8\)\]' <(records)
}

@test "the plugins of monitoring see both ports, and the certificate's last day" {
	local plugins=/usr/lib/nagios/plugins
	inside systemctl enable --quiet --now pop3s.socket
	[[ $(inside $plugins/check_pop -H 127.0.0.1) == 'POP OK - '*'[+OK POP3 ready]'* ]]
	[[ $(inside $plugins/check_spop -H localhost) == 'SPOP OK - '* ]]
	# The certificate is good for two days.
	run -1 inside $plugins/check_spop -H localhost -D 14
	[[ $output == *WARNING* ]]
}

@test "ufw takes the profiles of contrib" {
	# The program itself asks for the kernel's packet filter first.
	inside python3 - "$RECIPES/ufw.profile" >"$BATS_TEST_TMPDIR/ports" <<-'END'
		import gettext, os, shutil, sys
		gettext.install("ufw")
		import ufw.applications
		os.mkdir("/profiles")
		shutil.copy(sys.argv[1], "/profiles/stdpop3d")
		profiles = ufw.applications.get_profiles("/profiles")
		for name in sorted(profiles):
		    print(name, *ufw.applications.get_ports(profiles[name]))
	END
	diff "$BATS_TEST_TMPDIR/ports" <(printf '%s\n' 'stdpop3d 110/tcp' 'stdpop3d-tls 995/tcp')
}

# recipe TEXT: the lines of the manual's example that has this text, which is an
# extended regular expression.
recipe() {
	awk -v text="$1" '/^\.Bd/ { lines = ""; next }
		/^\.Ed/ && lines ~ text { printf "%s", lines } { lines = lines $0 "\n" }' \
		"$TOP/man/stdpop3d.8" | sed 's/\\e$/\\/'
}

# session_of NAME PASSWORD ADDRESS: the Subject of the first message, or curl's complaint.
session_of() {
	inside timeout 60 curl -sS -u "$1:$2" pop3://127.0.0.1/1 --interface "$3" 2>&1 |
		sed -n 's/\r$//; /^Subject: \|denied/p'
}

@test "the manual's recipes for passwords of mail alone, many names and credentials work" {
	local who dropin=/etc/systemd/system/pop3@.service.d/test.conf
	deliver one
	# The password is asked for; and this server ends at once.
	{
		recipe 'umask 077' | sed "s/openssl passwd -6/& 'for mail'/; s/alice/$NAME/"
		recipe 'nologin vmail'
		recipe 'nologin vmail' | sed -n 's/bob/carol/; /^echo/,$p'
		for who in bob carol; do
			echo "echo \"$who@example.org:\$(openssl passwd -6 'of $who'):::::::\" >>/etc/stdpop3d/shadow"
		done
	} | sed 's/^stdpop3d/: &/' | inside sh -e
	inside stat -c %a /etc/stdpop3d/shadow | grep -qx 600
	for who in bob carol; do
		printf 'From a Thu Jan  1 00:00:00 1970\nSubject: to %s\n\n' "$who" |
			inside sh -c "cat >/var/vmail/$who@example.org"
	done
	inside sh -c 'chown vmail: /var/vmail/* && chmod 600 /var/vmail/*'

	configure test ExecStart= 'ExecStart=/usr/local/sbin/stdpop3d -s /etc/stdpop3d/shadow'
	[ "$(session_of "$NAME" 'for mail' 127.0.0.21)" = 'Subject: test' ]
	[[ $(session_of "$NAME" "$SECRET" 127.0.0.22) == *denied* ]]

	recipe LoadCredential= | inside sh -c "cat >$dropin"
	inside systemctl daemon-reload
	[ "$(session_of bob@example.org 'of bob' 127.0.0.23)" = 'Subject: to bob' ]
	[ "$(session_of carol@example.org 'of carol' 127.0.0.26)" = 'Subject: to carol' ]
	[[ $(session_of "$NAME" 'for mail' 127.0.0.24) == *denied* ]]
	logged 'logout, ip=[127.0.0.23], user=bob@example.org, end=quit, retrieved=1/'
	run ! grep 'sandbox, ip=\[127.0.0.2' <(records)

	inside sh -c 'cd /etc/stdpop3d && systemd-creds encrypt --name=shadow shadow sealed && rm shadow'
	inside sed -i 's/LoadCredential=shadow:.*/LoadCredentialEncrypted=shadow:\/etc\/stdpop3d\/sealed/' \
		$dropin
	inside systemctl daemon-reload
	[ "$(session_of bob@example.org 'of bob' 127.0.0.25)" = 'Subject: to bob' ]
}
