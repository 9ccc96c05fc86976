#!/usr/bin/python3
"""An independent reading of a mailbox, and what to hold against it.

mbox.py list MAILBOX             LIST's lines: message-number and octets
mbox.py same MAILBOX DIRECTORY   DIRECTORY/N is message N octet for octet
mbox.py has MAILBOX FETCHED      FETCHED, a mailbox or a directory of messages,
                                 has each message once, but for what a client
                                 may do: line ends, fields of its own
mbox.py mails MAILBOX DIRECTORY NAME...
                                 MAILBOX has the body of each DIRECTORY/NAME, in
                                 that order, but for what a deliverer may do
mbox.py without MAILBOX N...     MAILBOX less these messages, to standard output
mbox.py once DIRECTORY FILE...   the body of each mail in DIRECTORY is in one of
                                 the files, once
"""
import collections
import pathlib
import re
import sys

# Written by a client into a message, or left out by it.
FIELDS = re.compile(rb"(return-path|delivered-to|status|x-status|content-length|lines):",
                    re.IGNORECASE)


def runs(mailbox):
    """A message starts with "From " at offset 0 or after an empty line."""
    lines = mailbox.splitlines(keepends=True) if b"\r" not in mailbox else \
        re.findall(rb"[^\n]*\n|[^\n]+\Z", mailbox)
    found = []
    empty = True
    for line in lines:
        if line.startswith(b"From ") and empty:
            found.append([])
        if not found:
            sys.exit("the mailbox does not start with a From_ line")
        found[-1].append(line)
        empty = line in (b"\n", b"\r\n")
    return found


def served(lines):
    """The octets of RETR: no From_ line, no empty line before the next one."""
    text = [line.rstrip(b"\n").removesuffix(b"\r") for line in lines[1:]]
    if text.count(b"") > 1 and text[-1] == b"":
        text.pop()
    if b"" not in text:
        text.append(b"")
    return b"".join(line + b"\r\n" for line in text)


def read(path):
    return pathlib.Path(path).read_bytes()


def messages(path):
    return [served(lines) for lines in runs(read(path))]


def settled(message):
    """A message less what a client may change about it."""
    header, _, body = message.replace(b"\r\n", b"\n").partition(b"\n\n")
    fields = re.split(rb"\n(?![ \t])", header)
    kept = [field for field in fields if not FIELDS.match(field)]
    body = re.sub(rb"^>+From ", b">From ", body, flags=re.MULTILINE)
    return b"\n".join(kept) + b"\n\n" + body.rstrip(b"\n")


def differ(what, want, got):
    at = next((i for i, (a, b) in enumerate(zip(want, got)) if a != b),
              min(len(want), len(got)))
    sys.exit(f"{what}: {len(want)} octets wanted, {len(got)} got, first difference at "
             f"{at}: {want[max(0, at - 40):at + 40]!r} {got[max(0, at - 40):at + 40]!r}")


def do_list(mailbox):
    for number, message in enumerate(messages(mailbox), 1):
        print(number, len(message))


def do_same(mailbox, directory):
    want = messages(mailbox)
    names = sorted(int(path.name) for path in pathlib.Path(directory).iterdir())
    if names != list(range(1, len(want) + 1)):
        sys.exit(f"{len(want)} messages wanted, got {names}")
    for number, message in enumerate(want, 1):
        got = read(f"{directory}/{number}")
        if got != message:
            differ(f"message {number}", message, got)


def fetched(path):
    path = pathlib.Path(path)
    if path.is_dir():
        return [file.read_bytes() for file in path.iterdir()]
    return messages(path)


def do_has(mailbox, path):
    want = [settled(message) for message in messages(mailbox)]
    got = [settled(message) for message in fetched(path)]
    if len(want) != len(got):
        sys.exit(f"{len(want)} messages wanted, {len(got)} fetched")
    missing = list((collections.Counter(want) - collections.Counter(got)).elements())
    strange = list((collections.Counter(got) - collections.Counter(want)).elements())
    if missing:
        differ(f"{len(missing)} of {len(want)} messages", missing[0],
               min(strange, key=lambda text: abs(len(text) - len(missing[0]))))


def body(message):
    text = message.replace(b"\r\n", b"\n").partition(b"\n\n")[2]
    return re.sub(rb"^>+From ", b"From ", text, flags=re.MULTILINE).rstrip(b"\n")


def do_mails(mailbox, directory, *names):
    got = messages(mailbox)
    if len(got) != len(names):
        sys.exit(f"{len(names)} mails delivered, {len(got)} messages in the mailbox")
    for name, message in zip(names, got):
        want = body(read(f"{directory}/{name}"))
        if body(message) != want:
            differ(name, want, body(message))


def do_without(mailbox, *numbers):
    for number, lines in enumerate(runs(read(mailbox)), 1):
        if str(number) not in numbers:
            sys.stdout.buffer.write(b"".join(lines))


def do_once(directory, *paths):
    octets = b"\n".join(read(path) for path in paths)
    for path in pathlib.Path(directory).iterdir():
        count = octets.count(path.read_bytes().partition(b"\n\n")[2])
        if count != 1:
            sys.exit(f"{path.name} is there {count} times")


globals()[f"do_{sys.argv[1]}"](*sys.argv[2:])
