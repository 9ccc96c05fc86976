#!/usr/bin/env bats
# bats file_tags=root
# A host on which Debian's Dovecot 2.3 serves POP3 by its own unit and settings is taken over
# by the commands that contrib/replace-dovecot prints, and given back. It is a machine of its
# own, see launchers/README; Dovecot is unpacked in there, and made as its packages make it.
# shellcheck disable=SC2016 # a shell in the machine expands it
load launchers/helper

CLIENTS=(getmail fetchmail fetchmail-uidl mpop phone)
USERS=(alice bob carol)

fetch_packages() {
	mkdir -p "$MACHINE" "$MACHINE.debs"
	(cd "$MACHINE.debs" &&
		apt-get -q -o APT::Sandbox::User=root download dovecot-core dovecot-imapd dovecot-pop3d)
	[[ $(dpkg-deb -f "$MACHINE.debs"/dovecot-core_*.deb Version) == 1:2.3.* ]] ||
		cannot 'no Dovecot 2.3'
}

setup_file() {
	local file user
	for file in launchers refuge clients; do
		require_packages "$BATS_TEST_DIRNAME/$file/packages" || return 0
	done
	boot || {
		[ -n "${CANNOT-}" ]
		return
	}
	install_account
	tar -C "$BATS_TEST_DIRNAME" -c takeover -C clients drop | inside tar -C / -x --no-same-owner
	inside sh -c "$(declare -f install_dovecot); install_dovecot"
	for user in "${USERS[@]}"; do
		inside useradd --create-home --shell /bin/sh "$user"
	done
	printf "%s:$SECRET\n" "${USERS[@]}" | inside chpasswd --crypt-method YESCRYPT
}

teardown_file() {
	shut_down
}

# As the scripts of its packages do it, in the machine.
install_dovecot() {
	set -e
	useradd --system --user-group --home-dir /usr/lib/dovecot --shell /usr/sbin/nologin dovecot
	useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin dovenull
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
		-keyout /etc/dovecot/private/dovecot.key -out /etc/dovecot/private/dovecot.pem
	cp /etc/dovecot/private/dovecot.pem /certificate
}

# fresh PROTOCOL...: Dovecot serves these, by Debian's settings; there is no mail, and no
# client has fetched any.
fresh() {
	inside sh -s "$@" <<-'END'
		set -e
		systemctl stop dovecot pop3.socket pop3s.socket 2>/dev/null || :
		rm -rf /etc/dovecot/conf.d /root/move /home/*/mail /var/mail/* /etc/stdpop3d
		rm -f /etc/systemd/system/pop3* /usr/share/dovecot/protocols.d/*
		systemctl daemon-reload
		cp -r /usr/share/dovecot/conf.d /usr/share/dovecot/dovecot.conf /etc/dovecot
		for protocol; do
			echo "protocols = \$protocols $protocol" >/usr/share/dovecot/protocols.d/${protocol}d.protocol
		done
		rm -rf /clients
		mkdir /clients
		cp /takeover/* /drop /clients
		for user in alice bob carol; do
			install -d -o $user /clients/$user
			echo $user >/clients/$user/login
			: >/clients/$user/want
			: >/clients/$user/there
		done
		systemctl start dovecot
	END
}

# came USER SERIAL...: it lies there, and no client has fetched it yet.
came() {
	inside sh -c 'user=$0; printf "%s\n" "$@" | tee -a "/clients/$user/there" >>"/clients/$user/want"' "$@"
}

# fill USER COUNT: mail of all kinds, as an MTA delivers it; the 50th comes twice.
fill() {
	inside sh -c '/clients/mails.py "$1" "$2" >>"/var/mail/$1" && chown "$1:mail" "/var/mail/$1" &&
		chmod 660 "/var/mail/$1"' fill "$1" "$2"
	mapfile -t serials < <(seq -f "$1-%g" 1 "$2")
	came "$1" "${serials[@]}" "$1-50"
}

# mail SERIAL: as it comes to a deliverer; what it says looks like the start of a mail.
mail() {
	printf 'From: a@example.org\nSubject: %s\nX-Serial: %s\nX-UID: 1\n\none\n\nFrom here on\n\ntwo\n' "$1" "$1"
}

# deliver BY USER NAME
deliver() {
	case $1 in
	lda) mail "$2-$3" | inside /usr/lib/dovecot/dovecot-lda -f a@example.org -d "$2" ;;
	mutt) mail "$2-$3" | inside /clients/by_mutt "$2" ;;
	procmail) { echo 'From a@example.org Thu Jan  1 00:00:00 1970' && mail "$2-$3"; } |
		inside procmail -d "$2" ;;
	esac
	came "$2" "$2-$3"
}

# fetched WHERE CLIENT...: these clients of each user have fetched what came, and nothing else.
fetched() {
	inside /clients/polls "$@"
	for user in "${USERS[@]}"; do
		inside sh -c ': >"/clients/$1/want"' fetched "$user"
	done
}

# delete first|last|others: that message of each user's, or all but the first.
delete() {
	local user place line
	case $1 in
	first) place=0 line=1 ;;
	last) place=-1 line="\$" ;;
	others) place=1:99999 line="2,\$" ;;
	esac
	for user in "${USERS[@]}"; do
		inside runuser -u "$user" -- /clients/phone.py "$user" "$SECRET" - - DELETE $place
		inside sed -i "${line}d" "/clients/$user/there"
	done
}

# again USER: all that lies there will be fetched once more.
again() {
	inside cp "/clients/$1/there" "/clients/$1/want"
}

again_all() {
	for user in "${USERS[@]}"; do
		again "$user"
	done
}

# commands FILE FROM TO: those that replace-dovecot printed between these lines.
commands() {
	sed -n "/^$2/,/^$3/p" "$1" | sed -n 's/^  \([^ ]\)/\1/p'
}

# takes_over [VARIABLE=VALUE...]: the change, by the printed commands.
takes_over() {
	inside env --chdir=/root "$@" sh "$RECIPES/replace-dovecot" move >said
	commands said 'To make' 'To undo' >making
	commands said 'To undo' "\$" | grep -v '^remove ' >undo
	inside env --chdir=/root sh -ex <making >made 2>&1 || {
		cat made
		return 1
	}
}

# gives_back: the same of the other way.
gives_back() {
	# As stdpop3d-migration(7) says where the commands say it.
	grep -q "^  remove Dovecot's index of each INBOX" said
	inside sh -c 'rm -rf /home/*/mail/.imap/INBOX'
	inside env --chdir=/root sh -ex <undo
}

@test "what clients have fetched from Debian's Dovecot they fetch from stdpop3d no more" {
	local user
	cd "$BATS_TEST_TMPDIR" || return
	fresh pop3
	# Names in capitals, as Dovecot takes them.
	echo ALICE | inside tee /clients/alice/login
	# Dovecot leaves a message of its own in a mailbox that it empties.
	mail carol-0 | inside /usr/lib/dovecot/dovecot-lda -d carol
	inside runuser -u carol -- /clients/phone.py carol "$SECRET" - - DELETE 0
	inside grep 'FOLDER INTERNAL DATA' /var/mail/carol
	for user in "${USERS[@]}"; do
		fill "$user" 100
		deliver lda "$user" lda
		deliver mutt "$user" mutt
		deliver procmail "$user" procmail
	done
	fetched plain "${CLIENTS[@]}"
	delete first
	delete last
	fetched plain "${CLIENTS[@]}"
	# Dovecot has not seen this one yet.
	deliver procmail alice unseen

	takes_over
	[ "$(inside grep -c ^X-UID: /var/mail/alice)" -gt 102 ]
	fetched plain "${CLIENTS[@]}"
	for user in "${USERS[@]}"; do
		deliver procmail "$user" procmail2
		deliver mutt "$user" mutt2
	done
	fetched plain "${CLIENTS[@]}"
	delete first
	fetched plain "${CLIENTS[@]}"
	delete last
	fetched plain "${CLIENTS[@]}"

	gives_back
	# Where Dovecot's data went with the first message, it numbers anew. Where it stayed, what
	# came meanwhile is new to Dovecot.
	again alice
	again bob
	echo carol-procmail2 | inside tee /clients/carol/want
	fetched plain fetchmail mpop phone
	delete last
	deliver lda bob lda2
	fetched plain fetchmail mpop phone

	takes_over
	fetched plain fetchmail mpop phone
	delete others
	fetched plain fetchmail mpop phone
	for user in "${USERS[@]}"; do
		deliver procmail "$user" procmail3
		[ 2 = "$(inside grep -c ^X-Serial: "/var/mail/$user")" ]
	done
	fetched plain fetchmail mpop phone
}

@test "names with capitals or a domain, STLS and TLS go on with the same settings, and the same certificate" {
	local user
	cd "$BATS_TEST_TMPDIR" || return
	fresh pop3
	inside sh -c 'echo auth_username_format = %Ln >>/etc/dovecot/dovecot.conf && systemctl restart dovecot'
	echo ALICE | inside tee /clients/alice/login
	echo bob@example.org | inside tee /clients/bob/login
	echo Carol@Example.ORG | inside tee /clients/carol/login
	for user in "${USERS[@]}"; do
		fill "$user" 50
	done
	fetched stls fetchmail
	again_all
	fetched tls mpop
	again_all
	fetched stls curl
	again_all
	fetched tls curl
	takes_over DOMAINS=example.org
	inside openssl s_client -connect localhost:995 </dev/null 2>errors | openssl x509 >certificate
	inside cat /etc/dovecot/private/dovecot.pem | diff - certificate
	inside openssl s_client -starttls pop3 -connect localhost:110 </dev/null 2>errors | openssl x509 >certificate
	inside cat /etc/dovecot/private/dovecot.pem | diff - certificate
	fetched stls fetchmail
	fetched tls mpop
	again_all
	fetched stls curl
	again_all
	fetched tls curl
}

@test "without tlswrapper the port with TLS goes on by stunnel, with the same settings" {
	cd "$BATS_TEST_TMPDIR" || return
	fresh pop3
	inside mv /usr/bin/tlswrapper /usr/bin/tlswrapper.away
	for user in "${USERS[@]}"; do
		fill "$user" 50
	done
	fetched tls fetchmail
	again_all
	fetched tls mpop
	takes_over
	fetched tls fetchmail mpop
	again_all
	fetched tls curl
	inside openssl s_client -connect localhost:995 </dev/null 2>errors | openssl x509 >certificate
	inside cat /etc/dovecot/private/dovecot.pem | diff - certificate
	gives_back
	fetched tls fetchmail mpop
	inside mv /usr/bin/tlswrapper.away /usr/bin/tlswrapper
}

# by_imap: each user's first message is deleted by IMAP, and all others are flagged.
by_imap() {
	local user
	for user in "${USERS[@]}"; do
		inside python3 - "$user" "$SECRET" <<-'END'
			import imaplib, sys
			session = imaplib.IMAP4("localhost")
			session.authenticate("PLAIN", lambda _: "\0".join(["", *sys.argv[1:]]).encode())
			session.select()
			session.store("1:*", "+FLAGS", "(\\Answered work)")
			session.store("1", "+FLAGS", "(\\Deleted)")
			session.expunge()
			session.logout()
		END
		inside sed -i 1d "/clients/$user/there"
	done
}

@test "where IMAP stays at Dovecot, POP3 moves without -D: mail is fetched once more, and then once" {
	local user
	cd "$BATS_TEST_TMPDIR" || return
	fresh imap pop3
	for user in "${USERS[@]}"; do
		fill "$user" 50
	done
	fetched plain mpop phone
	takes_over
	grep -q 'Other protocols, which go on: imap.' said
	run -1 inside grep -e ' -D' /etc/systemd/system/pop3@.service /etc/systemd/system/pop3s@.service
	again_all
	fetched plain mpop phone
	by_imap
	fetched plain mpop phone
	delete first
	by_imap
	for user in "${USERS[@]}"; do
		deliver procmail "$user" new
		inside grep -q '^X-Keywords: .*work' "/var/mail/$user"
	done
	fetched plain mpop phone
	inside sh -ex <undo
	again_all
	fetched plain phone
}
