#!/usr/bin/python3
"""fetch.py PORT NAME PASSWORD DIRECTORY [NUMBER...]: a session with poplib.

Message N goes to DIRECTORY/N, the unique-ids to standard output; the messages
with these numbers are deleted.
"""
import pathlib
import poplib
import sys

port, name, password, directory = sys.argv[1:5]
# The line that poplib takes by default is shorter than some mail has.
poplib._MAXLINE = 1 << 20
session = poplib.POP3("127.0.0.1", int(port), timeout=30)
session.user(name)
session.pass_(password)
sizes = [tuple(map(int, line.split())) for line in session.list()[1]]
ids = dict(line.decode().split() for line in session.uidl()[1])
assert session.stat() == (len(sizes), sum(size for _, size in sizes))
assert len(set(ids.values())) == len(sizes)
for number, size in sizes:
    whole = session.retr(number)[1]
    octets = b"".join(line + b"\r\n" for line in whole)
    assert len(octets) == size, (number, size, len(octets))
    assert session.top(number, 99999999)[1] == whole, number
    assert session.top(number, 0)[1] == whole[:whole.index(b"") + 1], number
    pathlib.Path(directory, str(number)).write_bytes(octets)
    print(number, ids[str(number)])
for number in sys.argv[5:]:
    session.dele(int(number))
session.quit()
