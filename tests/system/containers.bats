#!/usr/bin/env bats
# bats file_tags=root
# contrib/container: README's commands, word for word, and compose.yaml, with podman and
# Debian's own packages: the image that Containerfile begins with is made here.
load ../base

HERE=$BATS_TEST_DIRNAME/containers
CLONE=$BATS_FILE_TMPDIR/clone
CONTAINER=$CLONE/contrib/container

setup_file() {
	[ "$(id -u)" -eq 0 ] || cannot 'not root' || return 0
	require_packages "$HERE/packages" || return 0
	cd "$BATS_FILE_TMPDIR" || return
	mkdir clone
	tar -C "$TOP" -c --exclude=./.git --exclude=./build . | tar -C clone -x --no-same-owner
	# Nested in a container, crun(1) may neither raise limits nor make groups of processes.
	printf '%s\n' '[containers]' 'cgroups = "disabled"' \
		'[engine]' 'cgroup_manager = "cgroupfs"' >containers.conf
	printf '%s\n' '[storage]' 'driver = "overlay"' \
		"graphroot = \"$PWD/store\"" "runroot = \"$PWD/run\"" >storage.conf
	hold
	mmdebstrap --quiet --variant=minbase trixie base.tar
	online podman import --quiet base.tar docker.io/library/debian:trixie-slim
	(cd clone && online sh -c "$(readme 'podman build')") >build.log 2>&1 || {
		tail build.log
		return 1
	}
	make_accounts
}

teardown_file() {
	[ -z "${CANNOT-}" ] || return 0
	inside podman rm --all --force
	kill "$(<"$BATS_FILE_TMPDIR/mounts.pid")" "$(<"$BATS_FILE_TMPDIR/network.pid")"
}

teardown() {
	[ -z "${CANNOT-}" ] || return 0
	inside podman rm --all --force >/dev/null
	inside podman volume prune --force >/dev/null
}

# hold: namespaces that stay while the tests run: for the mounts of all containers, with
# the one hierarchy of groups that crun(1) wants; and for the ports of those that run.
hold() {
	unshare --mount sh -c 'mount -t cgroup2 none /sys/fs/cgroup && touch mounts &&
		exec sleep infinity' 3>&- &
	echo $! >mounts.pid
	eventually test -e mounts
	online unshare --net sh -c 'ip link set lo up && touch network &&
		exec sleep infinity' 3>&- &
	eventually test -e network
	pgrep -P "$!" >network.pid || echo $! >network.pid
}

settings() {
	env BUILDAH_ISOLATION=chroot CONTAINERS_CONF="$BATS_FILE_TMPDIR/containers.conf" \
		CONTAINERS_STORAGE_CONF="$BATS_FILE_TMPDIR/storage.conf" "$@"
}

# online COMMAND...: among those mounts, in the network of the machine.
online() {
	settings nsenter --mount="/proc/$(<"$BATS_FILE_TMPDIR/mounts.pid")/ns/mnt" --wd="$PWD" "$@"
}

# inside COMMAND...: among those mounts, in the network of the containers.
inside() {
	settings nsenter --mount="/proc/$(<"$BATS_FILE_TMPDIR/mounts.pid")/ns/mnt" \
		--net="/proc/$(<"$BATS_FILE_TMPDIR/network.pid")/ns/net" --wd="$PWD" "$@"
}

# readme START: README's command that starts so, with its further lines.
readme() {
	START="    $1" awk 'index($0, ENVIRON["START"]) == 1 { found = 1 }
		found { print }
		found && !/\\$/ { exit }' "$TOP/README"
}

# As README says, for a user whose password is sesame.
make_accounts() {
	local command
	for command in 'mkdir accounts' '(umask 077'; do
		# Without a terminal openssl(1) asks standard input.
		(cd clone && setsid sh -euc "$(readme "$command")" <<<$'sesame\nsesame')
	done
	cp -R clone/accounts "$CONTAINER"
}

# README's command, and one that forbids no new privileges.
STRICT=$(readme 'podman run')
LAX=${STRICT/--security-opt=no-new-privileges/}

# start COMMAND: until the server answers.
start() {
	(cd "$CLONE" && inside sh -euc "$1") 3>&-
	eventually answers
}

answers() {
	by_curl '' >/dev/null 2>&1
}

by_curl() {
	inside curl -sS --max-time 60 -u alice:sesame "pop3://127.0.0.1/$1" "${@:2}"
}

# volume NAME: where it is.
volume() {
	inside podman volume inspect --format '{{.Mountpoint}}' "$1"
}

message() {
	local name
	for name; do
		printf 'From a@example.org Thu Jan  1 00:00:00 1970\nSubject: test\n\n%s\n\n' "$name"
	done
}

# deliver NAME...: the mailbox of alice has these messages; left: and no others.
deliver() {
	local spool
	spool=$(volume mail)
	message "$@" >"$spool/alice"
	chown 1000:8 "$spool/alice"
	chmod 660 "$spool/alice"
}

left() {
	message "$@" | diff - "$(volume mail)/alice"
}

# serves: alice fetches a message and deletes another, with a dotlock.
serves() {
	deliver one two three
	by_curl 2 | tr -d '\r' | diff - <(printf 'Subject: test\n\ntwo\n')
	by_curl '' -I -X 'DELE 2'
	left one three
	run -67 inside curl -sS -u alice:wrong pop3://127.0.0.1/1
	touch "$(volume mail)/alice.lock"
	run -67 by_curl 1
	[[ $(logs) == *'logout, ip=[127.0.0.1], user=alice, end=quit, retrieved=1/22'* ]]
}

logs() {
	inside podman logs pop3 2>&1
}

@test "the image has the server, the launcher, its libraries and two account files" {
	inside podman create --name look stdpop3d
	inside podman export look | tar -tv | sed 's/ -> .*//' | awk '/^[-l]/ { print $6 }' |
		sort >"$BATS_TEST_TMPDIR/files"
	grep -vE '^(etc|dev|run|proc|sys)/|^lib.*/(libc|ld-linux.*)\.so\.[0-9]$' \
		"$BATS_TEST_TMPDIR/files" |
		diff - <(printf '%s\n' usr/bin/tcpsvd usr/local/sbin/stdpop3d usr/local/sbin/stdpop3d-login)
	inside podman export look | tar -x -C "$BATS_TEST_TMPDIR" usr/local
	run ! grep -q interpreter <(readelf -l "$BATS_TEST_TMPDIR/usr/local/sbin/stdpop3d")
	inside podman export look | tar --numeric-owner -tv | grep -E '^-rwsr-x--- 0/101 .*stdpop3d-login$'
	run -0 inside podman image inspect --format '{{.Size}}' stdpop3d
	echo "# $output octets" >&3
	[ "$output" -lt 6500000 ]
}

@test "README's command serves from a read-only image without new privileges" {
	start "$STRICT"
	serves
	[[ $(logs) == *'no login program, the launcher has forbidden new privileges'* ]]
	run -0 inside podman inspect --format '{{.EffectiveCaps}}' pop3
	[ "$output" = '[CAP_DAC_READ_SEARCH CAP_NET_BIND_SERVICE CAP_SETGID CAP_SETUID]' ]
}

@test "it serves the same where new privileges are not forbidden" {
	[ "$LAX" != "$STRICT" ]
	start "$LAX"
	serves
}

@test "with two more capabilities and new privileges the login program judges passwords" {
	start "${LAX/podman run/podman run --cap-add=sys_admin,setpcap}"
	serves
	[[ $(logs) != *sandbox* ]]
}

@test "nothing can be written in README's container but to its volumes" {
	local pid
	start "$STRICT"
	pid=$(inside podman inspect --format '{{.State.Pid}}' pop3)
	for file in x etc/x usr/x etc/stdpop3d/x var/x; do
		run -1 touch "/proc/$pid/root/$file"
		[[ $output == *'Read-only file system' ]]
	done
	touch "/proc/$pid/root/var/mail/x"
}

@test "what a container left unfinished the next one finishes" {
	local tracer pid
	start "$STRICT"
	deliver one two
	pid=$(inside podman inspect --format '{{.State.Pid}}' pop3)
	strace -f -o "$BATS_TEST_TMPDIR/calls" -e trace=fdatasync \
		-e inject=fdatasync:signal=KILL:when=3 -p "$pid" 3>&- &
	tracer=$!
	eventually traced "$pid"
	# curl(1) may not care how QUIT is answered.
	by_curl '' -I -X 'DELE 1' || :
	eventually grep -q 'killed by SIGKILL' "$BATS_TEST_TMPDIR/calls"
	kill "$tracer"
	[ -s "$(volume state)/alice" ]
	run ! left one two
	inside podman rm --force pop3
	start "$STRICT"
	by_curl 1 | tr -d '\r' | diff - <(printf 'Subject: test\n\ntwo\n')
	left two
	[[ $(logs) == *'update recovered, ip=[127.0.0.1], user=alice'* ]]
}

traced() {
	grep -q '^TracerPid:[^0-9]*[1-9]' "/proc/$1/status"
}

# compose ARGUMENT...: by the podman-compose of Debian 13; that of Debian 12 does not
# know the network of the host.
compose() {
	local from=$BATS_FILE_TMPDIR/compose
	(cd "$CONTAINER" && DOMAIN=example.org PYTHONPATH=$from/usr/lib/python3/dist-packages \
		"${WHERE:-inside}" python3 "$from/usr/bin/podman-compose" "$@" </dev/null) 3>&-
}

# fetch_compose: from the mirror that this Debian's packages come from.
fetch_compose() {
	local options
	cd "$BATS_FILE_TMPDIR" || return
	mkdir -p compose lists/partial
	# shellcheck disable=SC2016 # apt-get(8) expands it
	echo "deb $(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)" \
		"trixie main" >trixie.list
	options=(-q -o APT::Sandbox::User=root -o Dir::Etc::SourceList="$PWD/trixie.list"
		-o Dir::Etc::SourceParts=- -o Dir::State::Lists="$PWD/lists"
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
	apt-get "${options[@]}" update
	apt-get "${options[@]}" download podman-compose
	dpkg-deb -x podman-compose_*.deb compose
}

delivered() {
	[ -s "$(volume container_mail)/alice" ]
}

@test "compose.yaml: what Postfix takes and delivers, alice fetches" {
	fetch_compose
	WHERE=online compose build >"$BATS_TEST_TMPDIR/log" 2>&1 || {
		tail "$BATS_TEST_TMPDIR/log"
		return 1
	}
	compose up -d
	eventually answers
	printf 'Subject: hello\n\nbody\n' >mail
	eventually inside curl -sS smtp://127.0.0.1 --mail-from a@example.org \
		--mail-rcpt alice@example.org -T mail
	eventually delivered
	by_curl 1 | tr -d '\r' | grep -x 'Subject: hello'
	by_curl '' -I -X 'DELE 1'
	[ "$(stat -c %s "$(volume container_mail)/alice")" = 0 ]
	# Postfix takes a lock of the kernel, as contrib/my-mail says.
	[ "$(inside podman exec container_postfix_1 postconf -h mailbox_delivery_lock)" = \
		'fcntl, dotlock' ]
	compose down
}
