#!/usr/bin/python3
"""mails.py USER COUNT: a mailbox of that many mails as deliverers write it, the same each
time, to standard output; the X-Serial of each, USER-N, tells it from all others, but for
the twins, which are one mail that came twice."""

import base64
import random
import re
import sys

user, count = sys.argv[1], int(sys.argv[2])
chance = random.Random(user)


def words(n):
    return " ".join(chance.choice(("whale", "harpoon", "sea", "From", "ship", "the", "of"))
                    for _ in range(n)).encode()


def lines(n):
    """Quoted as deliverers do it that count no octets."""
    text = b"".join(words(chance.randrange(1, 12)) + b"\n" for _ in range(n))
    return re.sub(rb"^From ", b">From ", text, flags=re.MULTILINE)


def multipart():
    octets = chance.randbytes(chance.randrange(100, 30000))
    return (b"MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=\"cut here\"\n",
            b"--cut here\nContent-Type: text/plain; charset=utf-8\n\n" + lines(3)
            + b"--cut here\nContent-Type: application/octet-stream; name=x\n"
            b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(octets)
            + b"--cut here--\n")


def kept():
    """Lines that would start a message, and a Content-Length that keeps them."""
    body = (b"one\n\nFrom a@example.org Thu Jan  1 00:00:00 1970\nSubject: no mail\n"
            b"X-UID: 9\n\ntwo\n")
    return b"Content-Length: %d\nStatus: O\n" % len(body), body


KINDS = (
    lambda: (b"", lines(20)),
    multipart,
    lambda: (b"Content-Type: text/plain; charset=iso-8859-1\n"
             b"Content-Transfer-Encoding: 8bit\n", b"Gr\xfc\xdfe aus K\xf6ln\n\xff\xfe\x80\n"),
    lambda: (b"", b"x" * 7000 + b"\n" + b".y" * 1000 + b"\n" + words(150) + b"\n"),
    lambda: (b"", b">From here on\nFrom line to line\n.\n..\n\n>From there\n>>From both\n"),
    lambda: (b"X-UID: 7\nStatus: RO\nX-Status: A\nX-Keywords: work\n", lines(2)),
    lambda: (b"X-IMAPbase: 1234567890 99\nX-UID: 99\n", lines(2)),
    lambda: (b"X-UID:\n\t12\nX-UIDL: abc\nX-IMAP: 3 4\n", b""),
    kept,
    lambda: (b"Content-Length: 9999999\nLines: 7\n", lines(2)),
    lambda: (b"Content-Length: 3\n", lines(2)),
    lambda: (b"".join(b"Received: from %d (a [192.0.2.%d])\n\tby b; now\n" % (n, n % 250)
                      for n in range(300)), lines(1)),
    lambda: (b"X-Empty:\nX-Blank: \t \nx-low: 1\nX_Odd.Name: 2\nTo:a@example.org\n", b"\n\n\n"),
    lambda: ("Subject: grüße 日本語\n".encode(), " grüße € 日本語\n".encode()),
    lambda: (b"", b"no line of it is empty\n" * 400),
)

for n in range(1, count + 1):
    serial = b"%s-%d" % (user.encode(), n)
    field, body = KINDS[n % len(KINDS)]()
    mail = (b"From sender@example.org Thu Jan  1 %02d:%02d:00 1970\n" % (n // 60, n % 60)
            + b"From: Sender <sender@example.org>\nX-Serial: " + serial + b"\n" + field
            + b"Date: Thu, 1 Jan 1970 00:00:00 +0000\n\n" + body + b"\n")
    sys.stdout.buffer.write(mail * (2 if n == 50 else 1))
