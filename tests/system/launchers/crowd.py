"""crowd.py PORT PER_SOURCE ALL: as many sessions at a time as are allowed, from
one address and in all, and one more each time. Prints which were served."""

import socket
import sys
import time

PORT, PER_SOURCE, ALL = map(int, sys.argv[1:])
# For connections that are closed or answered at once, on a slow machine too: some just wait.
PATIENCE = 5
# xinetd takes more connections for an attack, and its seconds may take twice as long.
A_SECOND = 20


def connect(source):
	time.sleep(1 / A_SECOND)
	client = socket.socket()
	client.bind((f"127.0.1.{source}", 0))
	client.settimeout(10)
	client.connect(("127.0.0.1", PORT))
	return client


def fate(client, patience=PATIENCE):
	client.settimeout(patience)
	try:
		octets = client.recv(1000)
	except TimeoutError:
		return "waits"
	except ConnectionResetError:
		return "is closed"
	return f"gets {octets.decode().strip()}" if octets else "is closed"


def greeted(client):
	what = fate(client, 10)
	if not what.startswith("gets +OK"):
		sys.exit(f"a session that is allowed {what}")
	return client


sessions = [greeted(connect(1)) for _ in range(PER_SOURCE)]
if PER_SOURCE < ALL:
	with connect(1) as more:
		print(f"{PER_SOURCE} from one address, one more {fate(more)}")
for number in range(PER_SOURCE, ALL):
	sessions.append(greeted(connect(1 + number // PER_SOURCE)))
last = connect(99)
what = fate(last)
print(f"{ALL} in all, one more {what}")
for session in sessions:
	session.sendall(b"NOOP\r\n")
print(f"{sum(fate(session, 10).startswith('gets -ERR') for session in sessions)} are answered")
sessions.pop().close()
for _ in range(100):
	if what == "is closed":
		time.sleep(0.1)
		last = connect(99)
	now = fate(last)
	if now.startswith("gets +OK"):
		break
print(f"after one has gone, one more {now}")
