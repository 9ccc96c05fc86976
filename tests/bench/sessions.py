"""What run and growth share: mailboxes, sessions and charts."""
import base64
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("BUILD", HERE + "/../../build"))
ROOT = os.getuid() == 0
OWNER = (65534, 65534) if ROOT else (os.getuid(), os.getgid())
# The password is "bench"; the method is as cheap as crypt(3) has it.
HASH = ("$6$rounds=1000$stdpop3d$TqTX/JjGE9cQaO.e"
	"0JjLOxU.mmcmni5X10O3HHb75ZvDZOq5P9TNpw41.9bbQe5CFzG5Tw3VIG8hzQZUfYzH3.")

HEAD = b"""From a@example.net Thu Jan  1 00:00:00 2026
Return-Path: <a@example.net>
Received: from mail.example.net (mail.example.net [192.0.2.1])
	by mail.example.org with ESMTP id %08d; Thu, 1 Jan 2026 00:00:00 +0000
Message-ID: <%d@example.net>
Date: Thu, 1 Jan 2026 00:00:00 +0000
From: a@example.net
To: b@example.org
Subject: number %d

"""

# kind: lines of a body, and what makes one.
KINDS = {
	"mails of 4.6 KB": (70, lambda r: bytes(r.choices(b"etaoin shrdlu ", k=r.randint(40, 76)))),
	"attachments of 280 KB": (3630, lambda r: base64.b64encode(r.randbytes(57))),
	"lines of 1 or 2 octets": (7800, lambda r: r.choice((b".", b"..", b"a", b".a", b"ab"))),
	"mails of 530 octets": (2, lambda r: bytes(r.choices(b"etaoin shrdlu ", k=74))),
}


def messages(kind):
	"""The same messages in every run, without end."""
	lines, line = KINDS[kind]
	chance = random.Random(kind)
	pool = [line(chance) + b"\n" for _ in range(lines + 997)]
	number = 0
	while True:
		number += 1
		start = number % 997
		yield HEAD % (number, number, number) + b"".join(pool[start:start + lines]) + b"\n"


class Home:
	"""A folder with a spool, a state directory and account files."""

	def __init__(self, path):
		self.path = path
		self.mailbox = os.path.join(path, "spool", "bench")
		self.binary = shutil.copy(os.path.join(BUILD, "stdpop3d"), path)
		os.chmod(path, 0o711)
		for name, mode in ("spool", 0o755), ("state", 0o700):
			os.mkdir(os.path.join(path, name), mode)
			os.chown(os.path.join(path, name), *OWNER)
		# The service accounts of other servers are wanted too.
		shutil.copy("/etc/passwd", path)
		for name, line in ("passwd", "bench:x:%d:%d::/:/bin/sh\n" % OWNER), \
			("shadow", "bench:%s:20000::::::\n" % HASH):
			with open(os.path.join(path, name), "a", encoding="utf-8") as file:
				file.write(line)

	def start(self, *options):
		"""A session of this server: never as root."""
		identity = {"user": OWNER[0], "group": OWNER[1], "extra_groups": []} if ROOT else {}
		return Session([self.binary, "-e", "-d", "state", "-m", "spool", "-p", "passwd",
			"-s", "shadow", "-U", "1", *options], cwd=self.path, **identity)

	def settle(self):
		"""The mailbox is on the disk, and not so young that servers mistrust its times."""
		os.chown(self.mailbox, *OWNER)
		os.chmod(self.mailbox, 0o600)
		os.utime(self.mailbox, (time.time() - 3600,) * 2)
		descriptor = os.open(self.mailbox, os.O_RDONLY)
		os.fsync(descriptor)
		os.close(descriptor)
		time.sleep(0.05)

	def append(self, octets):
		with open(self.mailbox, "ab") as mailbox:
			mailbox.write(octets)
		self.settle()


class Session:
	"""A client at one end of a socket pair, a server at the other."""

	def __init__(self, command, **process):
		self.socket, theirs = socket.socketpair()
		self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs,
			stderr=subprocess.DEVNULL, **process)
		theirs.close()
		self.buffer = memoryview(bytearray(1 << 18))
		self.read_to(b"+OK")

	def read_to(self, start):
		"""Reads until the last line begins so: the octets, and the end of them.

		No more is looked at: the client shall not be what is measured.
		"""
		octets, tail = 0, b"\n"
		while not (tail.endswith(b"\n") and tail[tail.rfind(b"\n", 0, -1) + 1:].startswith(start)):
			got = self.socket.recv_into(self.buffer)
			if not got:
				sys.exit("the server ended: %r" % tail)
			octets += got
			tail = (tail + bytes(self.buffer[max(0, got - 512):got]))[-512:]
		return octets, tail

	def ask(self, *commands):
		"""Seconds for pipelined commands, and octets of the responses, and their end.

		The error for one more, which no server knows, ends the responses.
		"""
		line = b"".join(command + b"\r\n" for command in commands + (b"DONE",))
		# In a thread: a socket holds less than what may be asked for.
		writer = threading.Thread(target=self.socket.sendall, args=(line,))
		start = time.perf_counter()
		if len(line) > 4096:
			writer.start()
		else:
			writer.run()
		octets, tail = self.read_to(b"-ERR")
		seconds = time.perf_counter() - start
		if writer.ident:
			writer.join()
		if tail.count(b"-ERR") != 1:
			sys.exit("refused: %r" % tail)
		return seconds, octets, tail

	def login(self, count):
		seconds, _, tail = self.ask(b"USER bench", b"PASS bench", b"STAT")
		if b"+OK %d " % count not in tail:
			sys.exit("not %d messages: %r" % (count, tail))
		return seconds

	def quit(self):
		"""Seconds to the response; then waits for the end of the process."""
		start = time.perf_counter()
		self.socket.sendall(b"QUIT\r\n")
		self.read_to(b"+OK")
		seconds = time.perf_counter() - start
		self.socket.close()
		self.process.wait()
		return seconds


class Report:
	"""A table on standard output, and in BUILD for gnuplot, which draws it."""

	def __init__(self, name, head, widths):
		self.name, self.head, self.widths = os.path.join(BUILD, name), head, widths
		self.data = open(self.name + ".data", "w", encoding="utf-8")
		print("%d processors, load %.1f" % (os.cpu_count(), os.getloadavg()[0]))

	def block(self, title):
		self.data.write("\n\n# %s\n" % title)
		print()
		self.print(title, self.head)

	def row(self, what, *fields):
		self.print(what, ["%.*f" % (1 + (f < 10) + (f < 0.1), f) if isinstance(f, float)
			else f for f in fields])
		self.data.write("\t".join(['"%s"' % what] + ["%s" % f for f in fields]) + "\n")

	def print(self, what, fields):
		print("%-*s" % (self.widths[0], what),
			*("%*s" % pair for pair in zip(self.widths[1:], fields)), flush=True)

	def draw(self, names):
		self.data.close()
		command = ["gnuplot", "-e", "name = '%s'; names = '%s'" % (self.name, names),
			os.path.join(HERE, os.path.basename(self.name) + ".gnuplot")]
		if shutil.which("gnuplot"):
			subprocess.run(command, check=True)
			print("\nchart: %s.svg" % self.name)
		else:
			print("\nno chart without gnuplot (Debian: gnuplot-nox)")
