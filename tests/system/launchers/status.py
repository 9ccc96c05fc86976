"""status.py NAME SECRET: a session, and what the kernel says of its process
before and after login, a line for each field."""

import pathlib
import socket
import subprocess
import sys

NAME, SECRET = sys.argv[1:]
FIELDS = ("Uid", "Groups", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")


def show(stage):
	process = subprocess.run(["pgrep", "-x", "stdpop3d"], check=True, capture_output=True)
	status = pathlib.Path("/proc", process.stdout.decode().strip(), "status")
	for line in status.read_text().splitlines():
		field, _, value = line.partition(":")
		if field in FIELDS:
			print(stage, field, *value.split())


with socket.create_connection(("127.0.0.1", 110), timeout=20) as client:
	replies = client.makefile("rb")
	assert replies.readline().startswith(b"+OK")
	show("AUTHORIZATION")
	client.sendall(f"USER {NAME}\r\nPASS {SECRET}\r\n".encode())
	assert replies.readline().startswith(b"+OK")
	assert replies.readline().startswith(b"+OK")
	show("TRANSACTION")
	client.sendall(b"QUIT\r\n")
	assert replies.readline().startswith(b"+OK")
