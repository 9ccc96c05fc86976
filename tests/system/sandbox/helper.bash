# What a process is and may do, asked of the kernel from inside of the process.
# shellcheck shell=bash

setup_file() {
	require_packages "$BATS_TEST_DIRNAME/sandbox/packages" || return 0
	gcc -D_GNU_SOURCE -O -o "$BATS_FILE_TMPDIR/inject" "$BATS_TEST_DIRNAME/sandbox/inject.c"
	gcc -D_GNU_SOURCE -O -o "$BATS_FILE_TMPDIR/without" "$TOP/tests/without.c"
}

# inject PID CALL...: what the process gets for a system call.
inject() {
	"$BATS_FILE_TMPDIR/inject" "$@"
}

# bystander [UID]: a process of the service account, or of that user-ID, not confined,
# in BYSTANDER. It comes before a session, whose pipes it would keep open.
bystander() {
	setpriv --reuid="${1:-nobody}" --regid=nogroup --clear-groups sleep 600 3>&- &
	BYSTANDER=$!
	eventually grep -q '^Name:.*sleep' "/proc/$BYSTANDER/status"
}

# status PID FIELD: of /proc/PID/status, with single blanks.
status() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr -s '[:space:]' ' ' | sed 's/ $//'
}

# descriptor PID PATH: the number of the descriptor that is open on it.
descriptor() {
	local link
	for link in "/proc/$1/fd/"*; do
		if [ "$(readlink "$link")" = "$(realpath "$2")" ]; then
			echo "${link##*/}"
			return
		fi
	done
	return 1
}

# enters NAME: alice, who has no mail, logs in after the greeting.
enters() {
	says "$1" 'USER alice' 'PASS sesame'
	hears "$1" '+OK and the password?' '+OK 0 messages (0 octets)'
}

# answers WANT PID: of each call on standard input; WANT is a regular expression.
# Words with PLACE in them are filled in: a process of somebody else's, the spool
# and a folder outside that anybody may write to.
answers() {
	local want=$1 pid=$2 spool line answer bad=0
	local -a words
	mkdir -p outside
	chmod 1777 outside
	echo decoy | tee outside/decoy >decoy
	chmod 666 decoy outside/decoy
	chown nobody outside/decoy
	spool=$(descriptor "$pid" spool || echo 0)
	while read -r line; do
		line=${line//BYSTANDER/$BYSTANDER}
		line=${line//SPOOL/$spool}
		line=${line//OUTSIDE/$PWD/outside}
		read -ra words <<<"$line"
		answer=$(inject "$pid" "${words[@]}")
		if ! [[ $answer =~ ^($want)$ ]]; then
			echo "$line: $answer"
			bad=1
		fi
	done
	return "$bad"
}

# Calls that succeed, or fail for another reason than their being forbidden, in
# a process of root's that is not confined.
always_refused() {
	cat <<-'END'
		execve s:/nonexistent 0 0
		execveat -100 s:/nonexistent 0 0 0
		fork
		clone 17 0 0 0 0
		clone3 0 0
		socket 1 1 0
		socket 2 1 0
		socket 16 3 0
		socketpair 1 1 0 x:0000000000000000
		connect 0 x:0100 2
		sendto 0 s:x 1 0 x:0100 2
		fcntl 0 8 BYSTANDER
		fcntl 0 10 9
		bind 0 x:0100 2
		ptrace 0x4206 BYSTANDER 0 0
		process_vm_readv BYSTANDER 0 0 0 0 0
		process_vm_writev BYSTANDER 0 0 0 0 0
		kill BYSTANDER 0
		pidfd_open BYSTANDER 0
		open s:/etc/passwd 0
		open s:/etc/shadow 0
		openat -100 s:/etc/passwd 0
		openat -100 s:/etc/shadow 0
		openat -100 s:/proc/self/mem 2
		openat -100 s:/etc/passwd 2
		openat -100 s:OUTSIDE/decoy 0
		openat -100 s:OUTSIDE/decoy 1
		openat -100 s:OUTSIDE/decoy 0x200000
		openat -100 s:OUTSIDE/new 0x41 0600
		openat -100 s:OUTSIDE/another 0xc1 0600
		openat2 -100 s:/etc/passwd x:000000000000000000000000000000000000000000000000 24
		creat s:OUTSIDE/third 0600
		mkdir s:OUTSIDE/folder 0700
		mknod s:OUTSIDE/pipe 010600 0
		rename s:OUTSIDE/decoy s:OUTSIDE/moved
		renameat2 -100 s:OUTSIDE/decoy -100 s:OUTSIDE/moved 0
		link s:OUTSIDE/decoy s:OUTSIDE/link
		symlink s:/etc/shadow s:OUTSIDE/symlink
		chmod s:OUTSIDE/decoy 0777
		fchmod 0 0777
		chown s:OUTSIDE/decoy 0 0
		unlink s:OUTSIDE/decoy
		unlinkat -100 s:OUTSIDE/decoy 0
		utimensat -100 s:OUTSIDE/decoy 0 0
		chdir s:/
		77 2 0
		285 2 3 0 1
		18 2 s:x 1 0
		8 2 0 0
		setuid 0
		setgid 0
		setresuid 0 0 0
		setresuid -1 0 -1
		setresuid 0 -1 -1
		setresuid -1 -1 0
		setresgid 0 0 0
		setresgid -1 0 -1
		setreuid 0 0
		setgroups 2 x:0000000001000000
		mmap 0 4096 5 0x22 -1 0
		mmap 0 4096 7 0x22 -1 0
		mprotect 0 4096 4
		pkey_mprotect 0 4096 4 -1
		personality 0x400000
		memfd_create s:x 0
		shmget 0 4096 0600
		ioctl 0 0x5421 x:00000000
		dup2 0 0
		prctl 3
		prctl 4 1
	END
}

# The same, where a machine may have forbidden them to everybody.
seldom_allowed() {
	cat <<-'END'
		vfork
		io_uring_setup 0 0
		bpf 0 0 0
		perf_event_open 0 0 -1 -1 0
		keyctl 0 -3 0
		userfaultfd 1
		mount s:none s:/tmp s:tmpfs 0 0
		fsmount -1 0 0
		chroot s:/
		unshare 0x10000000
		setfsuid 0
		x32:getpid
		x32:openat -100 s:/etc/passwd 0
		x32:setresuid 0 0 0
	END
}

# no_secrets PID: none of the secrets below is in the process's memory.
no_secrets() {
	same '' "$(python3 "$BATS_TEST_DIRNAME/sandbox/memory.py" "$1" "${SECRETS[@]}")"
}
