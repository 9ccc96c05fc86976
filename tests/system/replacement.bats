#!/usr/bin/env bats
# bats file_tags=root
# contrib/replace-dovecot on what Debian's doveconf prints, unpacked and not installed, of
# Debian's own settings; and the commands that it prints.
load ../helper

setup_file() {
	require_packages "$BATS_TEST_DIRNAME/refuge/packages" || return 0
	# As the package makes them: doveconf asks for them.
	for account in dovecot dovenull; do
		getent passwd "$account" >/dev/null || useradd --system --user-group "$account"
	done
	cd "$BATS_FILE_TMPDIR" || return
	apt-get -q -o APT::Sandbox::User=root download dovecot-core
	for package in ./*.deb; do
		dpkg-deb -x "$package" dovecot
	done
	[[ $(dpkg-deb -f dovecot-core_*.deb Version) == 1:2.3.* ]] || cannot 'no Dovecot 2.3'
}

# settings PROTOCOL...: Debian's, with these of its packages, for the spool of the test.
settings() {
	local protocol from=$BATS_FILE_TMPDIR/dovecot/usr/share/dovecot
	export LD_LIBRARY_PATH=$BATS_FILE_TMPDIR/dovecot/usr/lib/dovecot
	export DOVECONF="$BATS_FILE_TMPDIR/dovecot/usr/bin/doveconf -c $PWD/etc/dovecot.conf"
	export ROOT=$PWD/root
	mkdir -p root/run/systemd/system "root$PWD" etc/protocols.d
	ln -s "$PWD/spool" "root$PWD/spool"
	cp -r "$from/conf.d" etc
	for protocol; do
		# As the package does when it is installed.
		echo "protocols = \$protocols $protocol" >"etc/protocols.d/${protocol}d.protocol"
	done
	sed 's,/usr/share/dovecot/protocols.d,protocols.d,' "$from/dovecot.conf" >etc/dovecot.conf
	sed -i "s,INBOX=/var/mail/,INBOX=$PWD/spool/," etc/conf.d/10-mail.conf
	mkdir bin
	echo "echo \"\$*\" >>ran" >bin/systemctl
	chmod +x bin/systemctl
}

replace() {
	sh "$TOP/contrib/replace-dovecot" move >said
}

# doveconf ARGUMENT...
doveconf() {
	# shellcheck disable=SC2086 # a command with its arguments
	$DOVECONF "$@"
}

@test "Debian's settings are read, and alice's ids go on with the unit's options" {
	settings pop3
	printf '%s\n' 'From a@example.org Thu Jan  1 00:00:00 1970' \
		'X-IMAPbase: 1700000000 0000000009' 'X-UID: 9' '' 'one' '' | mailbox alice
	replace
	grep -F 'passdb pam, userdb passwd: the users are those of the system.' said
	grep -F 'pop3-login with TLS at once: 995.' said
	same alice:1700000000:9 "$(<move/unique-ids)"
	same "/usr/local/sbin/stdpop3d -D /etc/stdpop3d/unique-ids -f -m $PWD/spool" \
		"$(sed -n 's/^ExecStart=//p' move/pop3@.service)"
	same 'key = /etc/dovecot/private/dovecot.key' "$(grep ^key move/stunnel.conf)"
	read -ra options < <(sed -n 's/^ExecStart=[^ ]* //p' move/pop3@.service)
	options[1]=move/unique-ids
	printf '%s\r\n' 'USER ALICE' 'PASS sesame' UIDL QUIT | server "${options[@]}" >replies
	grep -qxF $'1 000000096553f100\r' replies
}

@test "the commands take POP3 out of Dovecot's settings, and put it back" {
	settings imap pop3
	doveconf -n >before
	replace
	grep -F 'Other protocols, which go on: imap.' said
	export PATH=$PWD/bin:$PATH
	sh -c "$(grep '^  printf' said)"
	same imap "$(doveconf -h protocols)"
	run -1 sh "$TOP/contrib/replace-dovecot" other
	[[ $output == *'Dovecot serves no POP3 here'* ]]
	[ ! -e other ]
	sh -c "$(grep '^  sed' said)"
	doveconf -n | diff before -
	[ "$(grep -c 'restart dovecot' ran)" = 2 ]
}
