"""A host of its own for each test: spool, state directory, accounts, sessions,
and the rules by which a mailbox is made of messages, as plain as they go."""

import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

STDPOP3D = os.path.abspath(os.environ.get("STDPOP3D", "build/stdpop3d"))
USER = "reader"
PASSWORD = "secret"
# SHA-256 with the fewest rounds there are: thousands of logins.
HASH = "$5$rounds=1000$faulttest$ki5EEG7LALAAEcfM8i0H12SOlYN7Li60r9dSx93TwZ0"


CANNOT = 77

# How many logins recovered from an UPDATE in each of the manual's states.
STATES = ("CLEAN", "MOVING", "MOVED")
recovered = collections.Counter()


class Cannot(Exception):
	"""This machine cannot do what the tool needs: nothing is known of the server."""


class Violation(Exception):
	"""Neither the old nor the new mailbox, or no login."""


class Answer:
	"""What a session said: the last status line is that of its QUIT."""

	def __init__(self, octets, log):
		self.lines = octets.split(b"\r\n")
		self.log = log
		self.logged_in = len(self.lines) > 3 and self.lines[2].startswith(b"+OK")
		ended = len(self.lines) > 4 and octets.endswith(b"\r\n")
		self.ok = self.logged_in and ended and self.lines[-2] == b"+OK bye"
		self.err = self.logged_in and ended and self.lines[-2].startswith(b"-ERR")


class Host:
	def __init__(self, parent=None, spool=None, state=None):
		self.directory = tempfile.mkdtemp(prefix="fault.", dir=parent)
		self.root = os.geteuid() == 0
		self.uid = 20001 if self.root else os.getuid()
		self.gid = 20001 if self.root else os.getgid()
		self.spool = spool or os.path.join(self.directory, "spool")
		self.state = state or os.path.join(self.directory, "state")
		os.makedirs(self.spool, exist_ok=True)
		os.chmod(self.spool, 0o1777)
		os.makedirs(self.state, exist_ok=True)
		os.chmod(self.state, 0o700)
		if self.root:
			os.chown(self.state, 65534, 65534)
		self.mailbox = os.path.join(self.spool, USER)
		self.journal = os.path.join(self.state, USER)
		self.aside = self.journal + ":aside"
		self.dotlock = self.mailbox + ".lock"
		self.put_text("passwd", f"{USER}:x:{self.uid}:{self.gid}::/:/bin/sh\n")
		self.put_text("shadow", f"{USER}:{HASH}:19000:0:99999:7:::\n")
		self.argv = [
			STDPOP3D, "-e", "-m", self.spool, "-d", self.state, "-u", "nobody",
			"-p", os.path.join(self.directory, "passwd"),
			"-s", os.path.join(self.directory, "shadow"), "-U", "1",
		]

	def put_text(self, name, text):
		with open(os.path.join(self.directory, name), "w", encoding="ascii") as file:
			file.write(text)

	def put(self, octets):
		"""Makes the mailbox these octets, on the same inode if there is one."""
		fd = os.open(self.mailbox, os.O_WRONLY | os.O_CREAT, 0o600)
		os.truncate(fd, 0)
		write_all(fd, octets)
		os.fchown(fd, self.uid, self.gid)
		os.close(fd)

	def put_journal(self, octets):
		fd = os.open(self.journal, os.O_WRONLY | os.O_CREAT, 0o600)
		os.truncate(fd, 0)
		write_all(fd, octets)
		if self.root:
			os.fchown(fd, 65534, 65534)
		os.close(fd)

	def get(self):
		return get_file(self.mailbox)

	def get_journal(self):
		return get_file(self.journal)

	def deliver(self, octets):
		"""Appends, as if under the locks: nobody else is at it."""
		fd = os.open(self.mailbox, os.O_WRONLY | os.O_APPEND)
		write_all(fd, octets)
		os.close(fd)

	def reset(self, octets):
		for path in (self.dotlock, self.aside):
			if os.path.lexists(path):
				os.unlink(path)
		self.put_journal(b"")
		self.put(octets)

	def command(self, doomed=()):
		lines = [f"USER {USER}", f"PASS {PASSWORD}"]
		lines += [f"DELE {number}" for number in doomed]
		return "".join(line + "\r\n" for line in lines + ["QUIT"]).encode("ascii")

	def session(self, doomed=(), before=(), patience=10):
		"""A whole session that deletes messages, behind the command "before"."""
		run = subprocess.run([*before, *self.argv, "-w", str(patience)],
			input=self.command(doomed), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
			check=False, timeout=120)
		if before and (run.returncode == BLIND or run.stderr.startswith(b"strace: ")):
			raise Cannot(run.stderr.decode("utf-8", "replace").splitlines()[0])
		return Answer(run.stdout, run.stderr.decode("utf-8", "replace"))

	def login(self, what):
		"""The next session, which must get in, and leave nothing behind."""
		answer = self.session()
		if not answer.ok:
			raise Violation(f"{what}: no login: {answer.lines} {answer.log}")
		recovered.update(re.findall("interrupted in state ([A-Z]+) ", answer.log))
		if os.path.getsize(self.journal) != 0:
			raise Violation(f"{what}: the journal is not empty after a login")
		if get_file(self.aside):
			raise Violation(f"{what}: the journal was set aside, as if another program had been at work")
		if os.path.lexists(self.dotlock):
			raise Violation(f"{what}: a dotlock is left after a login")
		return answer


def fast_directory():
	"""Where files cost nothing: what is tested here does not depend on the disk. The
	tools' own program has to run there, too."""
	shm = "/dev/shm"
	if os.access(shm, os.W_OK) and not os.statvfs(shm).f_flag & os.ST_NOEXEC:
		return shm
	return None


# The exit status of "stop" when it could not do its work.
BLIND = 125


def synced_copy(directory, before):
	"""Makes a file and syncs it, under the command "before". The exit status."""
	try:
		return subprocess.run([*before, shutil.which("dd"), "if=/dev/zero", "bs=512", "count=1",
			"of=" + os.path.join(directory, "probe"), "conv=fsync"],
			stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
	except OSError as error:
		raise Cannot(f"{before[0]}: {error.strerror}") from None


def compile_stop(path):
	"""Makes "stop", and sees that it can trace here and make a call fail."""
	source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stop.c")
	compiler = os.environ.get("CC", "cc")
	try:
		subprocess.run([*compiler.split(), "-std=c11", "-D_GNU_SOURCE", "-O2", "-o", path, source],
			check=True)
	except (OSError, subprocess.CalledProcessError) as error:
		raise Cannot(f"stop.c cannot be built: {error}") from None
	directory = os.path.dirname(path)
	calls = os.path.join(directory, "probe.calls")
	if synced_copy(directory, [path, "-o", calls]) != 0:
		raise Cannot("no process can be traced by ptrace(2)")
	seen = get_file(calls).decode().split()
	if "fsync" not in seen or synced_copy(directory,
		[path, "-n", str(seen.index("fsync") + 1), "-a", "EIO"]) in (0, BLIND):
		raise Cannot("ptrace(2) does not show or change the calls of a process")


def require_strace(directory):
	"""Sees that strace can trace here, and shows files' names and octets."""
	trace = os.path.join(directory, "probe.trace")
	if shutil.which("strace") is None:
		raise Cannot("no strace")
	if synced_copy(directory, ["strace", "-y", "-xx", "-o", trace, "-e",
		"trace=write,fsync"]) != 0:
		raise Cannot("strace cannot trace a process")
	name = "".join(f"\\x{octet:02x}" for octet in b"/probe").encode()
	if not re.search(rb"(?m)^write\(1<[^>]*" + re.escape(name) + rb">, \"(\\x00)+\".*= 512$",
		get_file(trace)) or b"\nfsync(1<" not in get_file(trace):
		raise Cannot("strace does not show the calls of a process")


def report_states(everything):
	"""Prints what was recovered from. The number of states never met, if all should be."""
	print("recovered in state", ", ".join(f"{state}: {recovered[state]}" for state in STATES))
	return sum(recovered[state] == 0 for state in STATES) if everything else 0


def run(main):
	"""Runs a tool. What cannot be tried here is neither a success nor a loss."""
	try:
		main()
	except Cannot as reason:
		print(f"cannot run here: {reason}", flush=True)
		sys.exit(CANNOT)


def write_all(fd, octets):
	view = memoryview(octets)
	while view:
		view = view[os.write(fd, view):]


def get_file(path):
	try:
		with open(path, "rb") as file:
			return file.read()
	except FileNotFoundError:
		return b""


# What starts with a fixed text is searched for fast.
SEPARATOR = re.compile(rb"From (?:(?<=\n\nFrom )|(?<=\n\r\nFrom ))")


def split(mailbox):
	"""The messages of a mailbox, with all octets up to the next."""
	starts = [0] + [found.start() for found in SEPARATOR.finditer(mailbox)]
	ends = starts[1:] + [len(mailbox)]
	return [mailbox[a:b] for a, b in zip(starts, ends)] if mailbox else []


def without(mailbox, doomed):
	"""The mailbox after messages were removed; numbers start at 1."""
	doomed = set(doomed)
	return b"".join(m for n, m in enumerate(split(mailbox), 1) if n not in doomed)


def message(number, octets=300, end=b"\n"):
	"""A message of about so many octets, no two alike in any line."""
	head = [
		b"From sender%d@example.org Thu Jan  1 00:00:00 1970" % number,
		b"Subject: message %d" % number,
		b"",
	]
	lines, have = [], sum(len(line) + 1 for line in head)
	while have < octets:
		lines.append(b"%08d %08d %s" % (number, len(lines), b"." * min(50, octets - have)))
		have += len(lines[-1]) + 1
	return end.join(head + lines + [b"", b""])


def judge(what, found, old, new):
	"""True if the mailbox is the new one."""
	if found == new:
		return True
	if found == old:
		return False
	length = len(os.path.commonprefix([found, new]))
	raise Violation(f"{what}: neither old ({len(old)} octets) nor new ({len(new)}) but "
		f"{len(found)} octets; {length} as in the new: {found[length:length + 60]!r}")
