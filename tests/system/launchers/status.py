"""status.py NAME SECRET: a session, and what the kernel reports of its process
before and after login, a line for each field. The process stays the same."""

import pathlib
import socket
import subprocess
import sys

NAME, SECRET = sys.argv[1:]
FIELDS = ("Uid", "Groups", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")


def show(stage):
	for line in pathlib.Path("/proc", process, "status").read_text().splitlines():
		field, _, value = line.partition(":")
		if field in FIELDS:
			print(stage, field, *value.split())


with socket.create_connection(("127.0.0.1", 110), timeout=20) as client:
	replies = client.makefile("rb")
	assert replies.readline().startswith(b"+OK")
	found = subprocess.run(["pgrep", "-x", "stdpop3d"], check=True, capture_output=True)
	process = found.stdout.decode().strip()
	show("AUTHORIZATION")
	client.sendall(f"USER {NAME}\r\nPASS {SECRET}\r\n".encode())
	assert replies.readline().startswith(b"+OK")
	assert replies.readline().startswith(b"+OK")
	show("TRANSACTION")
	client.sendall(b"QUIT\r\n")
	assert replies.readline().startswith(b"+OK")
