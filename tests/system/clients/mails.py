#!/usr/bin/python3
"""Writes test mails, one a file, the same each time.

mails.py DIRECTORY                 one of each kind
mails.py DIRECTORY PREFIX COUNT    PREFIX-1 to PREFIX-COUNT, each line marked

They are what a mail program hands to a deliverer: lines end in LF, no From_
line. The file's name is the mail's, and its Subject has it.
"""
import base64
import pathlib
import random
import sys

# Over every limit of a line but fetchmail's, which corrupts those of 8192 octets.
LONG = 8000


def attachment():
    octets = random.Random(1939).randbytes(1500 * 1024)
    return (b"--cut\nContent-Type: text/plain\n\nsee below\n\n"
            b"--cut\nContent-Type: application/octet-stream\n"
            b"Content-Transfer-Encoding: base64\n\n"
            + base64.encodebytes(octets) + b"--cut--\n")


BODIES = {
    "plain": b"one line\n",
    "nobody": b"",
    "empty-lines": b"\n\nbetween\n\n\n\n",
    "dots": b".\n..\n...\n.first\n..second\n. \nlast.\n.\n",
    "from": (b"From the first line on\nFrom line to line\n\n"
             b"From after an empty line\n\n>From quoted once\n\n"
             b"From x@example.com Mon Nov  2 10:00:00 2026\nSubject: no header\n\n"
             b"From \n"),
    "octets": bytes(o for o in range(1, 256) if o not in b"\r\n") + b"\n"
              + "gr\u00fc\u00dfe \u20ac \u65e5\u672c\n".encode() + b"\xff\xfe\x80\n",
    "blanks": b" \n\t\n \t leading\ntrailing \t \n\n \n",
    "no-end": b"the last line has no end",
    "lines": b"".join(b"%d\n" % n for n in range(20000)),
    "attachment": attachment(),
    "long": b"x" * LONG + b"\n" + b".y" * (LONG // 2) + b"\n" + b"z" * 998 + b"\n",
    "twin": b"the same again\n",
}


def mail(name, body):
    kind = ""
    if name == "attachment":
        kind = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="cut"\n'
    return (f"From: Sender <sender@example.com>\nTo: somebody@example.com\n"
            f"Subject: test mail {name}\nDate: Mon, 2 Nov 2026 10:00:00 +0000\n"
            f"Message-ID: <{name}@example.com>\n{kind}\n").encode() + body


def marked(name, number):
    lines = [f"{name} begins"]
    lines += [f"{name} {n}" for n in range(number * 37 % 400)]
    return "\n".join(lines + [f"{name} ends", ""]).encode()


def main():
    directory = pathlib.Path(sys.argv[1])
    bodies = BODIES
    if len(sys.argv) > 2:
        prefix, count = sys.argv[2], int(sys.argv[3])
        bodies = {f"{prefix}-{n}": marked(f"{prefix}-{n}", n)
                  for n in range(1, count + 1)}
    for name, body in bodies.items():
        (directory / name).write_bytes(mail(name, body))


main()
