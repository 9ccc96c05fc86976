#!/usr/bin/env python3
"""imap.py append FILE...: the client's side of a session with IMAP that appends these
messages to INBOX, each with a flag; imap.py say COMMAND...: one of these commands."""

import sys

out = [b"s SELECT INBOX\r\n"]
if sys.argv[1] == "append":
	for name in sys.argv[2:]:
		with open(name, "rb") as file:
			mail = file.read().replace(b"\n", b"\r\n")
		out.append(b"a APPEND INBOX (\\Seen) {%d+}\r\n%s\r\n" % (len(mail), mail))
else:
	out += [b"c " + command.encode() + b"\r\n" for command in sys.argv[2:]]
sys.stdout.buffer.write(b"".join(out) + b"z LOGOUT\r\n")
