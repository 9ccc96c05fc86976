#!/usr/bin/env bats
# bats file_tags=root
# The packages of contrib: built here, and Debian's led through its life in
# systems of its own, each a fresh copy of a bare one.

load ../base

HERE=$TOP/tests/system
VERSION=$(sed -n 's/^.define OPTIONS_VERSION "\(.*\)"/\1/p' "$TOP/src/options.h")

setup_file() {
	require_packages "$HERE/packaging/packages" || return 0
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
	cd "$BATS_FILE_TMPDIR" || return
	pack
	bare_system >bare.log 2>&1 3>&- &
	(
		umask 022
		TZ=UTC LC_ALL=C built first -F
		built next -b
	) 3>&- &
	(
		umask 077
		# shellcheck disable=SC2030
		export TZ=FAR-13:45 LC_ALL=C.UTF-8 HOME=/nonexistent
		built elsewhere/and/deeper -b setpriv --reuid=65534 --regid=65534 --clear-groups
	) 3>&- &
	wait
}

# pack: the sources, as make dist names them.
pack() {
	mkdir "stdpop3d-$VERSION"
	tar -C "$TOP" --exclude=./.git --exclude=./build -c . |
		tar -C "stdpop3d-$VERSION" --no-same-owner -x
	tar --owner=0 --group=0 -czf sources.tar.gz "stdpop3d-$VERSION"
}

bare_system() {
	# shellcheck disable=SC1091
	. /etc/os-release
	mmdebstrap --variant=minbase --include=adduser,curl,netbase,openbsd-inetd "$VERSION_CODENAME" bare
}

# built FOLDER WHAT [COMMAND...]: dpkg-buildpackage by COMMAND there; "next" has a
# higher version.
built() {
	local folder=$1 what=$2 tree="$1/stdpop3d-$VERSION"
	shift 2
	mkdir -p "$folder"
	tar -C "$folder" --no-same-permissions --touch -xzf sources.tar.gz
	cp sources.tar.gz "$folder/stdpop3d_$VERSION.orig.tar.gz"
	cp -r "$tree/contrib/debian" "$tree"
	if [ "$folder" = next ]; then
		sed "s/-1)/-2)/" "$tree/contrib/debian/changelog" >"$tree/debian/changelog"
		cat "$tree/contrib/debian/changelog" >>"$tree/debian/changelog"
	fi
	if [ $# -gt 0 ]; then
		chmod a+x "${folder%%/*}" "${folder%/*}"
		chown -R 65534:65534 "$folder"
	fi
	(cd "$tree" && "$@" dpkg-buildpackage -us -uc "$what") >"$folder.log" 2>&1
}

package() {
	echo "$BATS_FILE_TMPDIR/$1"/stdpop3d_*.deb
}

# fresh: a bare system of this test's own, with a user, reader, whose password is
# sesame, and who has two messages.
fresh() {
	ROOT=$BATS_TEST_TMPDIR/root
	cp -a "$BATS_FILE_TMPDIR/bare" "$ROOT"
	within useradd --no-create-home reader
	within chpasswd <<<reader:sesame
	message one two >"$ROOT/var/mail/reader"
	within chown reader:mail /var/mail/reader
	chmod 660 "$ROOT/var/mail/reader"
}

within() {
	chroot "$ROOT" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"
}

install_package() {
	cp "$(package "$1")" "$ROOT/package.deb"
	within dpkg --install /package.deb
	rm "$ROOT/package.deb"
}

message() {
	local name
	for name; do
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\nSubject: %s\n\nbody\n\n' "$name"
	done
}

# left NAME...: these messages are in the mailbox and nothing else.
left() {
	message "$@" | cmp - "$ROOT/var/mail/reader"
}

# status PACKAGE
status() {
	# shellcheck disable=SC2016
	within dpkg-query --show --showformat '${db:Status-Abbrev}${Version}' stdpop3d
}

deletion='USER reader\r\nPASS sesame\r\nDELE 1\r\nQUIT\r\n'

# with_proc COMMAND...: where the system has a /proc, by which the server finds itself.
with_proc() {
	# shellcheck disable=SC2016 # the inner shell expands it
	unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec "$@"' "$ROOT" "$@"
}

# deletes_one [COMMAND...]: a session, under COMMAND, that deletes message 1.
deletes_one() {
	# shellcheck disable=SC2059
	printf "$deletion" | with_proc "$@" chroot "$ROOT" /usr/sbin/stdpop3d -e
}

# login_program: its mode, owner and group.
login_program() {
	within stat -c '%a %U %G' /usr/sbin/stdpop3d-login
}

# interrupted: such a session, killed in its UPDATE.
interrupted() {
	deletes_one strace -o /dev/null -e inject=fdatasync:signal=KILL:when=3 || :
	[ -s "$ROOT/var/lib/stdpop3d/reader" ]
	run ! left one two
	run ! left two
}

# greeted: a session that goes on while something else happens.
greeted() {
	mkfifo "$BATS_TEST_TMPDIR/to" "$BATS_TEST_TMPDIR/from"
	with_proc chroot "$ROOT" /usr/sbin/stdpop3d -e <"$BATS_TEST_TMPDIR/to" >"$BATS_TEST_TMPDIR/from" 3>&- &
	exec 7>"$BATS_TEST_TMPDIR/to" 8<"$BATS_TEST_TMPDIR/from"
	hear 1 '+OK'
}

# begin: one that is in.
begin() {
	greeted
	printf 'USER reader\r\nPASS sesame\r\nSTAT\r\n' >&7
	hear 3 '+OK 2 '
}

# hear N START: the Nth line from now starts so.
hear() {
	local line n
	for ((n = 0; n < $1; n++)); do
		IFS= read -r -t 20 -u 8 line
	done
	[[ $line == "$2"* ]]
}

finish() {
	printf 'DELE 1\r\nQUIT\r\n' >&7
	hear 2 '+OK'
	exec 7>&- 8<&-
	wait
	left two
}

teardown() {
	local running
	running=$(jobs -p)
	# shellcheck disable=SC2086
	[ -z "$running" ] || kill $running 2>/dev/null || :
}

@test "an unpacked archive makes the same archive and Debian's package, without git" {
	local here=$BATS_TEST_TMPDIR
	mkdir "$here/bin"
	printf '#!/bin/sh\nexit 1\n' >"$here/bin/git"
	chmod +x "$here/bin/git"
	# shellcheck disable=SC2030
	export PATH="$here/bin:$PATH"
	tar -C "$here" -xzf "$BATS_FILE_TMPDIR/sources.tar.gz"
	cd "$here/stdpop3d-$VERSION"
	make -s dist
	diff <(tar -tzf "$BATS_FILE_TMPDIR/sources.tar.gz" | sort) \
		<(tar -tzf "stdpop3d-$VERSION.tar.gz" | sort)
	make -s deb >"$here/log" 2>&1 || {
		cat "$here/log"
		return 1
	}
	dpkg-deb --contents build/deb/stdpop3d_"$VERSION"-1_*.deb | grep -q '/usr/sbin/stdpop3d$'
}

@test "make install adds the login program for a group, and make uninstall removes all" {
	local to=$BATS_TEST_TMPDIR/to
	make -s -C "$TOP" install DESTDIR="$to"
	[ "$(ls "$to/usr/local/sbin")" = stdpop3d ]
	make -s -C "$TOP" install DESTDIR="$to" LOGIN_GROUP=mail
	[ "$(stat -c '%a %U %G' "$to/usr/local/sbin/stdpop3d-login")" = '4750 root mail' ]
	cmp "$to/usr/local/sbin/stdpop3d" "$to/usr/local/sbin/stdpop3d-login"
	make -s -C "$TOP" uninstall DESTDIR="$to"
	[ -z "$(find "$to" -type f)" ]
}

@test "Debian: the build is the same at another place, by another user, at another time" {
	cd "$BATS_FILE_TMPDIR"
	tail -n 5 first.log elsewhere/and/deeper.log
	for name in stdpop3d stdpop3d-dbgsym; do
		cmp first/"${name}_$VERSION"-1_*.deb elsewhere/and/deeper/"${name}_$VERSION"-1_*.deb
	done
}

@test "Debian: lintian finds nothing, at its most pedantic" {
	# An older lintian does not know the newest policy.
	run -0 lintian --allow-root --suppress-tags newer-standards-version --info --display-info --pedantic --display-experimental \
		--fail-on error,warning,info,pedantic,experimental \
		"$BATS_FILE_TMPDIR/first/stdpop3d_$VERSION"-1_*.changes
	[ -z "$output" ]
}

@test "Debian: installation makes the accounts and the state directory, and nothing listens" {
	local account
	fresh
	cp "$ROOT/etc/inetd.conf" "$BATS_TEST_TMPDIR"
	install_package first
	for account in stdpop3d stdpop3d-reader; do
		[[ $(within getent passwd "$account") == \
			"$account":x:*:'POP3 server'*:/nonexistent:/usr/sbin/nologin ]]
		[ "$(within id -u "$account")" -lt 1000 ]
		[ "$(within id -Gn "$account")" = "$account" ]
		[[ $(within getent shadow "$account") == "$account":!:* ]]
	done
	[ "$(within stat -c '%a %U %G %F' /var/lib/stdpop3d)" = '700 stdpop3d stdpop3d directory' ]
	[ "$(find "$ROOT/etc/systemd" -name 'pop3*' -o -name 'stdpop3d*')" = \
		"$ROOT/etc/systemd/system/multi-user.target.wants/stdpop3d-recover.service" ]
	cmp "$BATS_TEST_TMPDIR/inetd.conf" "$ROOT/etc/inetd.conf"
}

@test "Debian: a session of the package has its password judged by the login program" {
	fresh
	install_package first
	[ "$(login_program)" = '4750 root stdpop3d-reader' ]
	deletes_one 2>"$BATS_TEST_TMPDIR/log"
	left two
	grep -q 'logout, .*user=reader, end=quit' "$BATS_TEST_TMPDIR/log"
	run ! grep sandbox "$BATS_TEST_TMPDIR/log"
}

@test "Debian: what the admin says of the login program survives an upgrade and a purge" {
	fresh
	install_package first
	within dpkg-statoverride --update --add root root 0755 /usr/sbin/stdpop3d-login
	install_package next
	[ "$(login_program)" = '755 root root' ]
	message one two >"$ROOT/var/mail/reader"
	deletes_one 2>"$BATS_TEST_TMPDIR/log"
	left two
	grep -q 'sandbox, .*no login program' "$BATS_TEST_TMPDIR/log"
	within dpkg --purge stdpop3d
	within dpkg-statoverride --list /usr/sbin/stdpop3d-login
	within dpkg-statoverride --remove /usr/sbin/stdpop3d-login
	install_package next
	[ "$(login_program)" = '4750 root stdpop3d-reader' ]
}

@test "Debian: every file is in its place, and none names /usr/local" {
	local files
	fresh
	install_package first
	files=$(within dpkg --listfiles stdpop3d)
	for unit in pop3.socket pop3@.service pop3s.socket pop3s@.service stdpop3d-recover.service; do
		grep -qxE "(/usr)?/lib/systemd/system/$unit" <<<"$files"
	done
	for file in /usr/sbin/stdpop3d /usr/sbin/stdpop3d-login /usr/share/man/man8/stdpop3d.8.gz \
		/usr/share/doc/stdpop3d/examples/inetd.conf /usr/share/doc/stdpop3d/examples/my-mail; do
		grep -qx "$file" <<<"$files"
	done
	while read -r file; do
		[ ! -f "$ROOT$file" ] || [ "$file" = /usr/share/doc/stdpop3d/README.gz ] ||
			run ! zgrep -F /usr/local "$ROOT$file"
	done <<<"$files"
}

@test "Debian: an upgrade leaves a session alone, and keeps the state files" {
	fresh
	install_package first
	begin
	install_package next
	[ "$(status)" = "ii $VERSION-2" ]
	[ "$(within stat -c '%a %U' /var/lib/stdpop3d)" = '700 stdpop3d' ]
	[ "$(login_program)" = '4750 root stdpop3d-reader' ]
	finish
	message one two >"$ROOT/var/mail/reader"
	deletes_one
	left two
}

@test "Debian: during an upgrade a session before login is answered to try again" {
	fresh
	install_package first
	greeted
	install_package next
	printf 'USER reader\r\nPASS sesame\r\n' >&7
	hear 2 '-ERR [SYS/TEMP]'
	deletes_one
	left two
}

@test "Debian: an upgrade leaves a pending UPDATE for the next login" {
	fresh
	install_package first
	interrupted
	cp "$ROOT/var/lib/stdpop3d/reader" "$BATS_TEST_TMPDIR"
	install_package next
	cmp "$BATS_TEST_TMPDIR/reader" "$ROOT/var/lib/stdpop3d/reader"
	printf 'USER reader\nPASS sesame\nQUIT\n' | within stdpop3d -e
	left two
}

@test "Debian: removal finishes a pending UPDATE" {
	fresh
	install_package first
	interrupted
	within dpkg --remove stdpop3d
	left two
	[ ! -s "$ROOT/var/lib/stdpop3d/reader" ]
	[ ! -e "$ROOT/usr/sbin/stdpop3d" ]
}

@test "Debian: purge keeps a pending UPDATE that cannot be finished, and a new installation does it" {
	fresh
	install_package first
	interrupted
	: >"$ROOT/var/lib/stdpop3d/other"
	sed -i '/^reader:/s/^/#/' "$ROOT/etc/passwd"
	cp "$ROOT/var/lib/stdpop3d/reader" "$BATS_TEST_TMPDIR"
	run -0 within dpkg --purge stdpop3d
	[[ $output == *'not every pending UPDATE'*'/var/lib/stdpop3d is kept'*reader* ]]
	[ "$(ls "$ROOT/var/lib/stdpop3d")" = reader ]
	cmp "$BATS_TEST_TMPDIR/reader" "$ROOT/var/lib/stdpop3d/reader"
	sed -i '/^#reader:/s/^#//' "$ROOT/etc/passwd"
	install_package first
	within stdpop3d -e -r
	left two
}

@test "Debian: purge leaves a session and its state file alone" {
	fresh
	install_package first
	begin
	run -0 within dpkg --purge stdpop3d
	[[ $output == *'/var/lib/stdpop3d is kept'*reader* ]]
	[ -e "$ROOT/var/lib/stdpop3d/reader" ]
	finish
}

# inventory: every file and its content, but for what dpkg and useradd note.
inventory() {
	find "$ROOT" \( -path '*/var/lib/dpkg' -o -path '*/var/log' -o -path '*/run' \
		-o -path '*/etc/*passwd*' -o -path '*/etc/*group*' -o -path '*/etc/*shadow*' \
		-o -path '*/etc/sub?id*' \) -prune -o -printf '%p %m %U %G %l\n' \
		-type f -fprint0 "$BATS_TEST_TMPDIR/files" | sort
	sort -z "$BATS_TEST_TMPDIR/files" | xargs -0 cksum
}

@test "Debian: purge leaves nothing but the accounts, locked" {
	fresh
	inventory >"$BATS_TEST_TMPDIR/before"
	install_package first
	deletes_one
	message one two >"$ROOT/var/mail/reader"
	within dpkg --purge stdpop3d
	inventory | diff "$BATS_TEST_TMPDIR/before" -
	[[ $(within getent shadow stdpop3d) == stdpop3d:!:* ]]
	[[ $(within getent shadow stdpop3d-reader) == stdpop3d-reader:!:* ]]
	run ! within dpkg-query --show stdpop3d
}

@test "Debian: the package's own test, curl through an inetd, passes" {
	fresh
	within userdel reader
	rm "$ROOT/var/mail/reader"
	install_package first
	# Port 110 and the network are this test's own.
	timeout 120 unshare --net sh -c 'ip link set lo up && exec "$@"' sh \
		autopkgtest --test-name=inetd --ignore-restrictions=isolation-container \
		--no-built-binaries \
		"$BATS_FILE_TMPDIR/first/stdpop3d-$VERSION/" -- chroot "$ROOT"
}

@test "RPM: rpmbuild makes a package of the archive, and rpmlint finds nothing" {
	local top=$BATS_TEST_TMPDIR/top
	ln "$BATS_FILE_TMPDIR/sources.tar.gz" "$BATS_TEST_TMPDIR/stdpop3d-$VERSION.tar.gz"
	rpmbuild -ta --nodeps --define "_topdir $top" "$BATS_TEST_TMPDIR/stdpop3d-$VERSION.tar.gz" \
		>"$BATS_TEST_TMPDIR/log" 2>&1 || {
		tail "$BATS_TEST_TMPDIR/log"
		return 1
	}
	run -0 rpm -qp --queryformat \
		'[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILESIZES} %{FILENAMES}\n]' \
		"$top"/RPMS/*/"stdpop3d-$VERSION"-1*.rpm
	[[ $output =~ 'drwx------ stdpop3d stdpop3d '[0-9]+' /var/lib/stdpop3d' ]]
	[[ $output =~ '-rwxr-xr-x root root '([0-9]+)' /usr/sbin/stdpop3d'$'\n' ]]
	[[ $output == *"-rwsr-x--- root stdpop3d-reader ${BASH_REMATCH[1]} /usr/sbin/stdpop3d-login"* ]]
	run -0 rpmlint --config "$HERE/packaging/rpmlint.toml" "$top"/RPMS/*/*.rpm "$top"/SRPMS/*.rpm \
		"$TOP/contrib/stdpop3d.spec"
	echo "$output"
	[[ $output == *' 0 errors, 0 warnings'* ]]
}

# apk STEP: a function of the APKBUILD as abuild calls it, where the accounts are root.
apk() (
	cd "$srcdir/stdpop3d-$VERSION" || return
	# shellcheck disable=SC2016,SC2031
	env -i PATH="$PATH" CFLAGS=-O2 LDFLAGS=-Wl,-z,now TOP="$TOP" srcdir="$srcdir" pkgdir="$pkgdir" bash -euc '
		. "$TOP/contrib/alpine/APKBUILD"
		install() {
			local words=() word
			for word; do
				[[ $word != stdpop3d && $word != stdpop3d-reader ]] || word=root
				words+=("$word")
			done
			command install "${words[@]}"
		}
		$0' "$1"
)

@test "Alpine: the APKBUILD and its scripts build, check and pack" {
	local srcdir=$BATS_TEST_TMPDIR/src pkgdir=$BATS_TEST_TMPDIR/pkg
	mkdir "$srcdir" "$pkgdir"
	tar -C "$srcdir" -xzf "$BATS_FILE_TMPDIR/sources.tar.gz"
	shellcheck --shell=dash --exclude=SC2034,SC2154 "$TOP/contrib/alpine/APKBUILD"
	shellcheck "$TOP"/contrib/alpine/stdpop3d.pre-*
	apk build
	apk check
	apk package
	[ "$("$pkgdir/usr/sbin/stdpop3d" -V)" = "stdpop3d $VERSION" ]
	[ "$(stat -c %a "$pkgdir/var/lib/stdpop3d")" = 700 ]
	[ "$(stat -c %a "$pkgdir/usr/sbin/stdpop3d-login")" = 4750 ]
	cmp "$pkgdir/usr/sbin/stdpop3d" "$pkgdir/usr/sbin/stdpop3d-login"
	run ! grep -rF /usr/local --exclude=README "$pkgdir"
}
