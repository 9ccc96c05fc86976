# Sourced by the tests: a user, reader, with two messages, and what curl sees of
# them on port 110.
# shellcheck shell=sh
set -eu
cd "$AUTOPKGTEST_TMP"

url=pop3://reader:sesame@127.0.0.1
mailbox=/var/mail/reader

mail() {
	echo 'From a@example.org Thu Jan  1 00:00:00 1970'
	cat "$1"
	echo
}

deliver() {
	id reader >/dev/null 2>&1 || useradd --no-create-home reader
	echo reader:sesame | chpasswd
	printf 'Subject: one\n\n.first\n' >one
	printf 'Subject: two\n\nsecond\n' >two
	{
		mail one
		mail two
	} >"$mailbox"
	chown reader:mail "$mailbox"
	chmod 660 "$mailbox"
}

# size FILE: its octets as sent, with CRLF.
size() {
	sed 's/$/./' "$1" | wc -c
}

fetch_and_delete() {
	curl -sS --max-time 20 --retry 10 --retry-connrefused --retry-delay 1 \
		--retry-max-time 20 "$url/" >list
	printf '1 %d\r\n2 %d\r\n' "$(size one)" "$(size two)" | cmp - list
	curl -sS --max-time 20 "$url/1" | tr -d '\r' | cmp - one
	curl -sS --max-time 20 "$url/2" | tr -d '\r' | cmp - two
	curl -sS --max-time 20 --request 'DELE 1' --head "$url/"
	mail two | cmp - "$mailbox"
}
