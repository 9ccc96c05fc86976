#!/usr/bin/env python3
"""forge.py LOGIN-PROGRAM: executes it with vaults that root did not make, as the reader
can, and in odd circumstances. Prints "all are refused" if nothing comes of it."""

import ctypes
import os
import resource
import signal
import sys

VAULT, ATTEMPT, PROGRAM = 40, 41, 42
SEALS = 7  # seal, shrink, grow
CASES = 0


def memory(octets=b"", mode=0o600):
	fd = os.memfd_create("vault", os.MFD_ALLOW_SEALING)
	os.write(fd, octets + bytes(1 << 20))
	os.fchmod(fd, mode)
	ctypes.CDLL(None).fcntl(fd, 1033, SEALS)
	return fd


def attempt(what, arguments=("stdpop3d",), environment=None, **files):
	"""Forks, gives the descriptors their numbers, and executes the program."""
	global CASES
	CASES += 1
	read, write = os.pipe()
	pid = os.fork()
	if pid == 0:
		os.dup2(write, 1)
		for number, fd in files.get("descriptors", {}).items():
			os.dup2(fd, number)
		files.get("before", lambda: None)()
		for number in files.get("closed", ()):
			os.close(number)
		os.execve(sys.argv[1], list(arguments), environment or {})
	os.close(write)
	said = os.read(read, 100)
	os.close(read)
	_, status = os.waitpid(pid, 0)
	code = os.waitstatus_to_exitcode(status)
	# 78, or the end by a limit that the case has set.
	if said or code == 0:
		print(f"{what}: {said!r}, exit {code}")
		sys.exit(1)


def limit(kind, value):
	return lambda: resource.setrlimit(kind, (value, value))


def ignore_all():
	for number in range(1, 32):
		if number not in (signal.SIGKILL, signal.SIGSTOP):
			signal.signal(number, signal.SIG_IGN)
	signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))


magic = b"stdpop3d 0.1" + bytes(12)
for text in b"", magic, magic + b"\xff" * 8192, os.urandom(8192):
	for mode in 0o600, 0o777, 0:
		fd = memory(text, mode)
		attempt("a vault of its own", descriptors={VAULT: fd, ATTEMPT: memory(), PROGRAM: fd})
for path in "/etc/passwd", "/dev/null", "/dev/zero", "/proc/self/mem", "/", "/proc/self/exe":
	fd = os.open(path, os.O_RDONLY)
	attempt(path, descriptors={VAULT: fd, ATTEMPT: fd})
attempt("no vault")
attempt("no descriptors", closed=(0, 2))
attempt("arguments", ("x", "-e", "-p", "/tmp/passwd", "-V"))
attempt("an option", ("stdpop3d", "--help"))
for variable in ("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "GLIBC_TUNABLES", "MALLOC_CHECK_",
    "TCPREMOTEIP", "SSLCTLFD", "TZ", "LD_DEBUG", "LD_SHOW_AUXV", "LD_TRACE_LOADED_OBJECTS"):
	attempt(variable, environment={variable: "/tmp/none.so=1:glibc.malloc.mxfast=1"})
attempt("signals", before=ignore_all)
for kind, value in ((resource.RLIMIT_NOFILE, 3), (resource.RLIMIT_FSIZE, 0),
    (resource.RLIMIT_AS, 1 << 20), (resource.RLIMIT_STACK, 1 << 16), (resource.RLIMIT_CPU, 0)):
	attempt(f"limit {kind}", before=limit(kind, value))
attempt("the current folder", before=lambda: os.chdir("/proc"))
attempt("umask", before=lambda: os.umask(0o777))
print("all are refused" if CASES > 30 else CASES)
