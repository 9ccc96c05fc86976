#!/usr/bin/python3
"""phone.py LOGIN PASSWORD IDS FOLDER [DELETE N...]: a telephone that leaves mail on the
server, and remembers the unique-ids that it has seen, in IDS. What is new goes to FOLDER. Of
an id that it has not got any more it forgets. With DELETE it deletes these messages, by
their place in the list, from the end if negative."""

import pathlib
import poplib
import sys

login, password, ids, folder = sys.argv[1:5]
poplib._MAXLINE = 1 << 20
session = poplib.POP3("localhost", 110, timeout=60)
session.encoding = "utf-8"
session.user(login)
session.pass_(password)
there = [line.decode().split() for line in session.uidl()[1]]
assert len({name for _, name in there}) == len(there), "a unique-id is there twice"
if sys.argv[5:6] == ["DELETE"]:
    numbers = [number for number, _ in there]
    for place in sys.argv[6:]:
        begin, colon, end = place.partition(":")
        for number in numbers[int(begin):int(end)] if colon else [numbers[int(begin)]]:
            session.dele(int(number))
else:
    memory = pathlib.Path(ids)
    seen = set(memory.read_text().split()) if memory.exists() else set()
    for number, name in there:
        if name not in seen:
            octets = b"\n".join(session.retr(int(number))[1])
            pathlib.Path(folder, number).write_bytes(octets + b"\n")
    memory.write_text("\n".join(name for _, name in there))
session.quit()
