#!/usr/bin/env bats
# contrib/replace-dovecot: what it says, writes and refuses, from what doveconf prints.
load ../base

# A host below root/, with a spool; contrib/ is a copy in which from-dovecot is this one.
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	cp -r "$TOP/contrib" contrib
	mkdir -p root/var/mail root/run/systemd/system root/usr/bin
	cat >contrib/from-dovecot <<-'END'
		[ -d "$1" ] || exit 64
		printf 'alice:1700000000:12\nbob:1700000001:3\n'
	END
	cat >doveconf <<-'END'
		cat conf
		exit "$(cat status)"
	END
	echo 0 >status
	export ROOT=$PWD/root DOVECONF="sh doveconf"
	unset DOMAINS
}

# replace [ARGUMENT...]: runs it on what is in conf.
replace() {
	run --separate-stderr sh contrib/replace-dovecot "$@"
}

# said: the output, without blanks in front.
said() {
	printf '%s\n' "$output" | sed 's/^ *//'
}

# says LINE: a line of the output is this one.
says() {
	said | grep -qxF -e "$1" && return
	printf 'not said: %s\n%s\n%s\n' "$1" "$output" "${stderr-}"
	return 1
}

never() {
	! said | grep -F -e "$1"
}

# debian: Debian 12's, as doveconf prints it with dovecot-pop3d.
debian() {
	cat >conf <<-'END'
		# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf
		# OS: Linux 6.1.0-18-amd64 x86_64 Debian 12.5
		# Hostname: mail.example.org
		mail_location = mbox:~/mail:INBOX=/var/mail/%u
		mail_privileged_group = mail
		namespace inbox {
		  inbox = yes
		  location =
		  mailbox Drafts {
		    special_use = \Drafts
		  }
		  mailbox "Sent Messages" {
		    special_use = \Sent
		  }
		  prefix =
		}
		passdb {
		  driver = pam
		}
		protocols = " pop3"
		ssl_cert = </etc/dovecot/private/dovecot.pem
		ssl_client_ca_dir = /etc/ssl/certs
		ssl_key = </etc/dovecot/private/dovecot.key
		userdb {
		  driver = passwd
		}
	END
}

# but SED-SCRIPT: changes conf, and it must be a change.
but() {
	cp conf before
	sed -i "$1" conf
	! cmp -s before conf
}

# refused WORDS: exit 1 with these words, and nothing is written.
refused() {
	replace
	[ "$status" = 1 ]
	grep -F -e "$1" <<<"$stderr" || { echo "$stderr"; return 1; }
	grep -qxF 'Nothing was written.' <<<"$stderr"
	[ -z "$output" ]
	[ ! -e stdpop3d-move ]
}

# exec_of FILE: what the unit runs.
exec_of() {
	sed -n 's/^ExecStart=//p' "stdpop3d-move/$1"
}

@test "Debian's default: units that go on with ids and folded names" {
	debian
	touch root/usr/bin/tlswrapper
	chmod +x root/usr/bin/tlswrapper
	replace
	[ "$status" = 0 ]
	[ "$(ls stdpop3d-move)" = "$(printf '%s\n' pop3.socket pop3@.service pop3s.socket \
		pop3s@.service unique-ids)" ]
	[ "$(exec_of pop3@.service)" = '/usr/bin/tlswrapper -n -f /etc/ssl/private/pop3s.pem /usr/local/sbin/stdpop3d -5 -D /etc/stdpop3d/unique-ids -f' ]
	[ "$(exec_of pop3s@.service)" = '/usr/bin/tlswrapper -f /etc/ssl/private/pop3s.pem /usr/local/sbin/stdpop3d -t -D /etc/stdpop3d/unique-ids -f' ]
	for unit in pop3@.service pop3s@.service; do
		diff <(grep -vE '^(ExecStart|Description)=|^# S?TLS' "$TOP/contrib/pop3s@.service") \
			<(grep -vE '^(ExecStart|Description)=|^# S?TLS' "stdpop3d-move/$unit")
	done
	grep -qx 'Description=POP3 with STLS, a session' 'stdpop3d-move/pop3@.service'
	cmp "$TOP/contrib/pop3.socket" stdpop3d-move/pop3.socket
	cmp "$TOP/contrib/pop3s.socket" stdpop3d-move/pop3s.socket
	printf 'alice:1700000000:12\nbob:1700000001:3\n' | cmp - stdpop3d-move/unique-ids
}

@test "Debian's default without tlswrapper: units that go on with ids and folded names" {
	debian
	replace
	[ "$status" = 0 ]
	[ "$(exec_of pop3@.service)" = '/usr/local/sbin/stdpop3d -D /etc/stdpop3d/unique-ids -f' ]
	diff <(grep -v ^ExecStart "$TOP/contrib/pop3@.service") \
		<(grep -v ^ExecStart stdpop3d-move/pop3@.service)
}

@test "STLS goes on where tlswrapper is there, without the port with TLS too" {
	debian
	touch root/usr/bin/tlswrapper
	chmod +x root/usr/bin/tlswrapper
	printf 'service pop3-login {\n  inet_listener pop3s {\n    port = 0\n  }\n}\n' >>conf
	replace
	[ "$(ls stdpop3d-move)" = "$(printf '%s\n' pop3.socket pop3@.service unique-ids)" ]
	[[ $(exec_of pop3@.service) == '/usr/bin/tlswrapper -n -f '* ]]
	says 'STLS is by tlswrapper -n, with a weakness that the port with TLS at once has not: see'
	says '(umask 077; cat /etc/dovecot/private/dovecot.key /etc/dovecot/private/dovecot.pem >/etc/ssl/private/pop3s.pem)'
	never 'STLS is not offered'
	never 'only clients on this host'
	rm -r stdpop3d-move
	but '/^ssl_cert/d'
	refused 'ssl_cert names no file'
	but 's/^protocols/ssl = no\n&/'
	replace
	[ "$(exec_of pop3@.service)" = '/usr/local/sbin/stdpop3d -D /etc/stdpop3d/unique-ids -f' ]
	never STLS
}

@test "Debian's default: what is said" {
	debian
	replace
	says 'mail_location = mbox:~/mail:INBOX=/var/mail/%u: the mailboxes are in /var/mail.'
	says 'passdb pam, userdb passwd: the users are those of the system.'
	says 'pop3-login without TLS at once: 110.'
	says 'pop3-login with TLS at once: 995.'
	says 'ssl = yes, certificate /etc/dovecot/private/dovecot.pem, key /etc/dovecot/private/dovecot.key.'
	says 'are refused from other hosts.'
	says 'Other protocols, which go on: none.'
	says 'pop3_uidl_format = %08Xu%08Xv: -D goes on with these unique-ids.'
	says 'STLS is not offered on the port without TLS: that takes systemd and the package tlswrapper,'
	never DOMAINS
}

@test "POP3 alone: Dovecot is stopped" {
	debian
	replace
	says 'systemctl disable --now dovecot.socket dovecot'
	says 'systemctl enable --now dovecot'
	never 'protocols ='
}

@test "where IMAP goes on, Dovecot keeps running, and -D would lose mail" {
	debian
	touch root/usr/bin/tlswrapper
	chmod +x root/usr/bin/tlswrapper
	but 's/ pop3/ imap pop3 sieve/'
	replace
	[ "$status" = 0 ]
	says 'Other protocols, which go on: imap sieve.'
	says 'Clients that leave mail on the server fetch all of it once more. -D would avoid that, but'
	says "printf '\\nprotocols = imap sieve # stdpop3d\\n' >>/etc/dovecot/dovecot.conf && systemctl restart dovecot"
	says "sed -i '/ # stdpop3d\$/d' /etc/dovecot/dovecot.conf && systemctl restart dovecot"
	[ "$(exec_of pop3@.service)" = '/usr/bin/tlswrapper -n -f /etc/ssl/private/pop3s.pem /usr/local/sbin/stdpop3d -5 -f' ]
	[ "$(exec_of pop3s@.service)" = '/usr/bin/tlswrapper -f /etc/ssl/private/pop3s.pem /usr/local/sbin/stdpop3d -t -f' ]
	[ ! -e stdpop3d-move/unique-ids ]
	never from-dovecot
	never /etc/stdpop3d
	never doveadm
	but 's/^protocols/auth_username_format = %u\ndisable_plaintext_auth = no\n&/'
	replace
	[ "$(exec_of pop3@.service)" = '/usr/bin/tlswrapper -n -f /etc/ssl/private/pop3s.pem /usr/local/sbin/stdpop3d -5 -P any' ]
	[ "$(exec_of pop3s@.service)" = '/usr/bin/tlswrapper -f /etc/ssl/private/pop3s.pem /usr/local/sbin/stdpop3d -t' ]
	rm -r root/run stdpop3d-move
	replace
	[ "$(cut -f 7- stdpop3d-move/inetd.conf | sort -u)" = 'stdpop3d -P any' ]
	[ "$(grep ^execArgs stdpop3d-move/stunnel.conf)" = 'execArgs = stdpop3d -t' ]
}

@test "what writes no mail may go on with -D" {
	debian
	but 's/ pop3/ pop3 sieve/'
	replace
	says "printf '\\nprotocols = sieve # stdpop3d\\n' >>/etc/dovecot/dovecot.conf && systemctl restart dovecot"
	[ "$(exec_of pop3@.service)" = '/usr/local/sbin/stdpop3d -D /etc/stdpop3d/unique-ids -f' ]
	debian
	cat >>conf <<-'END'
		service auth {
		  unix_listener /var/spool/postfix/private/auth {
		    mode = 0660
		  }
		}
	END
	replace
	says "printf '\\nprotocols = none # stdpop3d\\n' >>/etc/dovecot/dovecot.conf && systemctl restart dovecot"
	[ "$(exec_of pop3@.service)" = '/usr/local/sbin/stdpop3d -D /etc/stdpop3d/unique-ids -f' ]
	says 'It must not deliver mail (dovecot-lda) any more: with -D some of it could be lost.'
	never 'disable --now dovecot'
}

@test "ids are made anew after Dovecot has stopped, and before the sockets start" {
	debian
	replace
	diff <(grep -oE 'doveadm index|disable --now dovecot|from-dovecot /var/mail|enable --now pop3.*|^To undo it:|index of each INBOX|enable --now dovecot|force-resync' <<<"$output") - <<-'END'
		doveadm index
		disable --now dovecot
		from-dovecot /var/mail
		enable --now pop3.socket
		To undo it:
		index of each INBOX
		enable --now dovecot
		force-resync
	END
}

@test "each mailbox of the spool is indexed, where its user may look" {
	mkdir -p at/box bin "root$PWD/at"
	ln -s "$PWD/at/box" "root$PWD/at/box"
	touch at/box/alice at/box/bob
	# shellcheck disable=SC2016 # the script expands it
	printf '#!/bin/sh\necho "$PWD $*" >>%s/ran\n' "$PWD" >bin/doveadm
	chmod +x bin/doveadm
	debian
	but "s,INBOX=/var/mail/,INBOX=$PWD/at/box/,"
	replace
	for command in index force-resync; do
		PATH=$PWD/bin:$PATH sh -c "$(said | grep -F "doveadm $command")"
	done
	diff ran - <<-'END'
		/ index -u alice INBOX
		/ index -u bob INBOX
		/ force-resync -u alice INBOX
		/ force-resync -u bob INBOX
	END
}

@test "modes are 644, of the ids 600" {
	debian
	(umask 077 && sh contrib/replace-dovecot)
	[ "$(cd stdpop3d-move && stat -c '%a %n' ./*)" = '644 ./pop3.socket
644 ./pop3@.service
644 ./stunnel.conf
600 ./unique-ids' ]
}

@test "a second run changes no octet, and says so" {
	debian
	replace
	says "Written: $PWD/stdpop3d-move/unique-ids"
	never 'Nothing changed'
	(cd stdpop3d-move && stat -c '%i %y %n' ./*) >first
	replace
	[ "$status" = 0 ]
	says "Nothing changed: $PWD/stdpop3d-move has the same files already."
	never Written:
	(cd stdpop3d-move && stat -c '%i %y %n' ./*) | diff first -
	[ -z "$(find stdpop3d-move -name '.*')" ]
}

@test "what a second run would write over is kept" {
	debian
	replace
	echo '# mine' >>stdpop3d-move/pop3.socket
	replace
	says "Kept: $PWD/stdpop3d-move/pop3.socket.old"
	says "Written: $PWD/stdpop3d-move/pop3.socket"
	[ "$(tail -n 1 stdpop3d-move/pop3.socket.old)" = '# mine' ]
	but 's/^ssl_cert/ssl = no\n&/'
	replace
	says "Not for this Dovecot, and of an earlier run: $PWD/stdpop3d-move/stunnel.conf"
	[ -e stdpop3d-move/stunnel.conf ]
}

@test "names: folded, as they are, without their domain" {
	debian
	# format, domains, options
	while read -r format domains options; do
		debian
		[ "$format" = - ] || but "s/^mail_loc/auth_username_format = $format\n&/"
		DOMAINS=${domains#-} replace
		[ "$status" = 0 ]
		[ "$(exec_of pop3@.service)" = \
			"/usr/local/sbin/stdpop3d -D /etc/stdpop3d/unique-ids${options:+ $options}" ]
	done <<-'END'
		-    -                        -f
		%Lu  -                        -f
		%u   -
		%u   example.org
		%Ln  example.org,example.com  -f -N example.org,example.com
		%n   example.org              -N example.org
		%n   -
	END
	says 'Names with a domain are refused, which Dovecot takes: start again with'
}

@test "passwords in the clear go on only where Dovecot allowed them" {
	debian
	but 's/^mail_loc/disable_plaintext_auth = no\n&/'
	replace
	[ "$(exec_of pop3@.service)" = \
		'/usr/local/sbin/stdpop3d -D /etc/stdpop3d/unique-ids -f -P any' ]
	says 'are allowed from other hosts.'
	never 'only clients on this host'
	# Dovecot then refuses them anyway.
	but 's/^ssl_cert/ssl = required\n&/'
	replace
	[ "$(exec_of pop3@.service)" = \
		'/usr/local/sbin/stdpop3d -D /etc/stdpop3d/unique-ids -f' ]
	says 'are refused from other hosts.'
	says 'Until then only clients on this host can log in there, and others need the port with TLS.'
}

@test "another spool and another least user-ID" {
	debian
	mkdir root/spool
	but 's,INBOX=/var/mail/%u,INBOX=/spool/%n:INDEX=MEMORY,; s/^protocols/first_valid_uid = 200\n&/'
	replace
	[ "$(exec_of pop3@.service)" = \
		'/usr/local/sbin/stdpop3d -D /etc/stdpop3d/unique-ids -f -m /spool -U 200' ]
	grep -qx 'ReadWritePaths=/spool /var/lib/stdpop3d' stdpop3d-move/pop3@.service
	never '-U 500'
	but 's/first_valid_uid = 200/first_valid_uid = 1000/'
	replace
	[ "$(exec_of pop3@.service)" = \
		'/usr/local/sbin/stdpop3d -D /etc/stdpop3d/unique-ids -f -m /spool' ]
	never '-U 500'
}

@test "stunnel takes Dovecot's certificate and key where there is no tlswrapper" {
	debian
	replace
	diff <(sed '/^;/d' stdpop3d-move/stunnel.conf) - <<-'END'
		foreground = no
		pid = /run/stunnel-pop3s.pid
		[pop3s]
		accept = :::995
		cert = /etc/dovecot/private/dovecot.pem
		key = /etc/dovecot/private/dovecot.key
		exec = /usr/local/sbin/stdpop3d
		execArgs = stdpop3d -t -D /etc/stdpop3d/unique-ids -f
	END
}

@test "tlswrapper gets key and certificate in one file" {
	debian
	touch root/usr/bin/tlswrapper
	chmod +x root/usr/bin/tlswrapper
	replace
	says '(umask 077; cat /etc/dovecot/private/dovecot.key /etc/dovecot/private/dovecot.pem >/etc/ssl/private/pop3s.pem)'
	says 'systemctl daemon-reload && systemctl enable --now pop3.socket pop3s.socket'
	says 'systemctl disable --now pop3.socket pop3s.socket'
	[ ! -e stdpop3d-move/stunnel.conf ]
}

@test "listeners: their ports and addresses, and those that are off" {
	debian
	cat >>conf <<-'END'
		service pop3-login {
		  inet_listener pop3 {
		    port = 0
		  }
		  inet_listener other {
		    address = 192.0.2.1, 2001:db8::1
		    port = 1110
		  }
		  inet_listener pop3s {
		    address = 192.0.2.2 2001:db8::2
		    port = 1995
		    ssl = yes
		  }
		}
	END
	replace
	says 'pop3-login without TLS at once: 192.0.2.1:1110 [2001:db8::1]:1110.'
	[ "$(grep ^ListenStream stdpop3d-move/pop3.socket)" = 'ListenStream=192.0.2.1:1110
ListenStream=[2001:db8::1]:1110' ]
	[ "$(grep ^accept stdpop3d-move/stunnel.conf)" = 'accept = 192.0.2.2:1995
accept = 2001:db8::2:1995' ]
	[ "$(grep -c '^\[' stdpop3d-move/stunnel.conf)" = 2 ]
	rm -r stdpop3d-move
	but 's/port = 1110/port = 0/'
	replace
	says 'pop3-login without TLS at once: nowhere.'
	[ ! -e stdpop3d-move/pop3.socket ]
	but 's/port = 1995/port = 0/'
	rm -r stdpop3d-move
	refused 'pop3-login listens nowhere'
}

@test "listen holds for listeners without an address" {
	debian
	but 's/^mail_loc/listen = *\n&/'
	replace
	[ "$(grep ^ListenStream stdpop3d-move/pop3.socket)" = ListenStream=0.0.0.0:110 ]
	[ "$(grep ^accept stdpop3d-move/stunnel.conf)" = 'accept = 0.0.0.0:995' ]
	but 's/^listen.*/listen = localhost/'
	rm -r stdpop3d-move
	refused 'addresses of listeners must be numbers here'
}

@test "what has no counterpart here is said, and what is not set is not" {
	debian
	replace
	: >lines
	while IFS='|' read -r setting line; do
		never "$line"
		but "s,^protocols,$setting\n&,"
		echo "$line" >>lines
	done <<-'END'
		last_valid_uid = 2000|last_valid_uid is not known: accounts above it can log in.
		auth_mechanisms = plain cram-md5|auth_mechanisms = plain cram-md5: only PLAIN and LOGIN are offered, and USER.
		pop3_save_uidl = yes|pop3_save_uidl = yes: what got its unique-id under another pop3_uidl_format is fetched again.
		login_trusted_networks = 10.0.0.0/8|login_trusted_networks: clients there need TLS, too, unless you give these networks to -P.
		login_access_sockets = tcpwrap|login_access_sockets: put tcpd in front if hosts.allow and hosts.deny are to hold.
		pop3_enable_last = yes|pop3_enable_last = yes: LAST is an unknown command.
		mail_plugins = quota|mail_plugins = quota: stdpop3d has none of them.
		mbox_write_locks =|Dovecot takes no lock that stdpop3d takes: set mbox_write_locks = dotlock fcntl if it goes on.
		local 192.0.2.1 {\n  ssl_cert = </b\n}|What is set for some addresses or names only (local, local_name, remote) is lost.
	END
	replace
	[ "$status" = 0 ]
	while IFS= read -r line; do
		says "$line"
	done <lines
	[ "$(wc -l <lines)" = 9 ]
}

@test "without TLS there is neither a front nor a word of STLS" {
	debian
	but 's/^ssl_cert/ssl = no\n&/'
	replace
	[ "$(ls stdpop3d-move)" = "$(printf '%s\n' pop3.socket pop3@.service unique-ids)" ]
	says 'pop3-login with TLS at once: nowhere.'
	never STLS
}

@test "without systemd there are lines for inetd" {
	debian
	rmdir root/run/systemd/system
	but 's/^mail_loc/disable_plaintext_auth = no\n&/'
	replace
	[ "$(ls stdpop3d-move)" = "$(printf '%s\n' inetd.conf stunnel.conf unique-ids)" ]
	expand -t 1 stdpop3d-move/inetd.conf | diff - <(cat <<-'END'
		110 stream tcp4 nowait.200 root /usr/local/sbin/stdpop3d stdpop3d -D /etc/stdpop3d/unique-ids -f -P any
		110 stream tcp6 nowait.200 root /usr/local/sbin/stdpop3d stdpop3d -D /etc/stdpop3d/unique-ids -f -P any
	END
	)
	never systemctl
}

@test "what is set for POP3 alone counts for POP3" {
	debian
	printf 'protocol %s {\n  pop3_uidl_format = %%f\n}\n' imap >>conf
	replace
	[ "$status" = 0 ]
	rm -r stdpop3d-move
	but 's/^protocol imap/protocol pop3/'
	refused 'pop3_uidl_format = %f'
	but 's/^protocol pop3/protocol !imap/'
	refused 'pop3_uidl_format = %f'
}

@test "refused: mailboxes that are not one spool of mbox" {
	while IFS='|' read -r location words; do
		debian
		but "s|^mail_location.*|mail_location = $location|"
		refused "$words"
	done <<-'END'
		maildir:~/Maildir|serves mbox only
		mdbox:~/mdbox|serves mbox only
		mbox:~/mail|without INBOX=
		mbox:~/mail:INBOX=~/inbox|the file of a user's name
		mbox:~/mail:INBOX=~/mail/%u|not in users' homes
		mbox:~/mail:INBOX=%h/inbox|the file of a user's name
		mbox:~/mail:INBOX=/var/mail/%d/%n|the mailboxes of one folder
		mbox:~/mail:INBOX=/var/mail/%d|the file of a user's name
		mbox:~/mail:INBOX=/var/mail/%1u/%u|the mailboxes of one folder
		mbox:~/mail:INBOX=/nowhere/%u|/nowhere is not a folder
		|mail_location is not set
	END
	debian
	but 's|^  location =|& maildir:~/Maildir|'
	refused 'serves mbox only'
	debian
	but 's|INBOX=/var/mail/%u|INBOX=/var/mail/%Lu|; s/^passdb/auth_username_format = %u\n&/'
	refused "the file of a user's name"
}

@test "refused: users who are not the system's" {
	for driver in ldap sql passwd-file static; do
		debian
		but "s/driver = pam/driver = $driver/"
		refused "passdb with driver = $driver"
		debian
		but "s/driver = passwd/driver = $driver/"
		refused "userdb with driver = $driver"
	done
	# One more after a good one.
	debian
	printf 'passdb {\n  driver = sql\n}\n' >>conf
	refused 'passdb with driver = sql'
	debian
	but '/^passdb/,/^}/d'
	refused 'no passdb is set'
	debian
	but 's/driver = passwd/&\n  override_fields = mail=maildir:~/'
	refused override_fields
	debian
	but 's/driver = pam/&\n  deny = yes/'
	refused 'deny or master = yes'
	debian
	but 's/driver = pam/&\n  username_filter = a*/'
	refused username_filter
}

@test "refused: unique-ids that cannot go on, with the reason" {
	debian
	but 's/^protocols/pop3_uidl_format = %g\n&/'
	refused '-D goes on with ids of the format %08Xu%08Xv only, and -3'
	debian
	but 's/^protocols/pop3_reuse_xuidl = yes\n&/'
	refused 'pop3_reuse_xuidl = yes'
	debian
	but 's/^protocols/pop3_delete_type = flag\n&/'
	refused 'flagged as deleted'
	debian
	but 's/^protocols/mail_plugins = " quota pop3_migration"\n&/'
	refused "the unique-ids are another server's"
}

@test "refused: names and listeners that stdpop3d has no word for" {
	while IFS='|' read -r setting words; do
		debian
		but "s|^protocols|$setting\n&|"
		refused "$words"
	done <<-'END'
		auth_username_format = %Ln@example.org|auth_username_format = %Ln@example.org
		auth_username_translation = "/@"|auth_username_translation
		auth_ssl_require_client_cert = yes|auth_ssl_require_client_cert
		first_valid_uid = many|this is no number
	END
	debian
	printf 'service pop3-login {\n  inet_listener pop3 {\n    haproxy = yes\n  }\n}\n' >>conf
	refused 'haproxy = yes'
	debian
	but 's/^ssl_key.*/ssl_key = # hidden, use -P to show it/'
	refused 'ssl_key names no file'
	debian
	but 's/ pop3/ imap/'
	refused 'Dovecot serves no POP3 here'
}

@test "refused: output that is garbled, cut, or of another version" {
	debian
	but 's/^# 2.3/# 2.4/'
	refused 'cannot be understood'
	debian
	but '1d'
	refused 'cannot be understood'
	debian
	but "\$d"
	refused 'cannot be understood'
	debian
	but 's/^  driver = pam/}/'
	refused 'cannot be understood'
	debian
	but 's/^  driver = pam/driver pam/'
	refused 'line 18: neither a setting nor a section'
	: >conf
	refused 'cannot be understood'
	debian
	echo 89 >status
	refused 'doveconf failed'
}

@test "refused: words that would be more than a name in a unit" {
	debian
	DOMAINS='a.org -P' refused 'names of hosts'
	replace 'a folder'
	[ "$status" = 1 ]
	replace one two
	[ "$status" = 64 ]
	but "s|ssl_key = .*|ssl_key = </etc/a key|"
	refused 'names of letters'
}

@test "refused: from-dovecot failed; what it reports is no failure" {
	debian
	echo 'echo alice:1:2; echo "bob: no number" >&2; exit 1' >contrib/from-dovecot
	replace
	[ "$status" = 0 ]
	[ "$stderr" = 'bob: no number' ]
	says 'Clients fetch once more what from-dovecot named above.'
	echo alice:1:2 | cmp - stdpop3d-move/unique-ids
	rm -r stdpop3d-move contrib/from-dovecot
	refused 'from-dovecot failed'
}

@test "a folder that cannot be had, or a unit that is another, leaves nothing" {
	debian
	replace "$PWD/no/folder"
	[ "$status" = 1 ]
	[ ! -e no ]
	sed -i 's/^ExecStart=.*/ExecStart=true/' contrib/pop3@.service
	replace
	[ "$status" = 1 ]
	grep -F 'pop3@.service cannot be used' <<<"$stderr"
	[ ! -e stdpop3d-move ]
	mkdir stdpop3d-move
	replace
	[ "$status" = 1 ]
	[ -z "$(ls -A stdpop3d-move)" ]
}

@test "the options written are such as stdpop3d takes" {
	debian
	mkdir root/spool
	but 's,/var/mail/,/spool/,; s/^protocols/first_valid_uid = 200\ndisable_plaintext_auth = no\nauth_username_format = %Ln\n&/'
	DOMAINS=example.org replace
	read -ra words <<<"$(exec_of pop3@.service)"
	[ "${words[*]:1}" = '-D /etc/stdpop3d/unique-ids -f -N example.org -m /spool -U 200 -P any' ]
	run "$STDPOP3D" "${words[@]:1}" -V
	[ "$status" = 0 ]
	run "$STDPOP3D" "${words[@]:1}" -Z
	[ "$status" = 64 ]
}
