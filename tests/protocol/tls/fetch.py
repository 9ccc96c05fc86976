#!/usr/bin/env python3
"""fetch.py PORT CERTIFICATE stls|tls: alice's mail by poplib, to standard output."""

import poplib
import ssl
import sys

port, certificate, kind = sys.argv[1:]
context = ssl.create_default_context(cafile=certificate)
if kind == "tls":
	session = poplib.POP3_SSL("127.0.0.1", int(port), timeout=20, context=context)
else:
	session = poplib.POP3("127.0.0.1", int(port), timeout=20)
	assert "STLS" in session.capa()
	session.stls(context)
assert "STLS" not in session.capa()
session.user("alice")
session.pass_("sesame")
for number in range(1, session.stat()[0] + 1):
	sys.stdout.write("\n".join(line.decode() for line in session.retr(number)[1]) + "\n")
session.quit()
