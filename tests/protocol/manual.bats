#!/usr/bin/env bats
# The manual's pages on a terminal of 80 columns, and what they say against the source.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own

load ../helper

PAGES=("$TOP/man/stdpop3d.8" "$TOP/man/stdpop3d-migration.7")

# What man(1) runs: man-db of Debian and most others.
groff_of() {
	groff -mandoc -Tutf8 -rLL="$1n" -ww -P-c -P-b -P-u "$2"
}

# What man(1) runs: Alpine, Void, the BSDs.
mandoc_of() {
	mandoc -Tutf8 -Owidth="$1" "$2" | sed 's/.\x08//g'
}

# fits FORMATTER: with that, no page has a line over 80 columns or a column of one word
# a line, and the formatter has nothing to complain of.
fits() {
	local page width
	export LC_ALL=C.UTF-8
	for page in "${PAGES[@]}"; do
		# man-db of Debian asks for 78 columns on a terminal of 80, others for all.
		for width in 78 80; do
			"$1_of" "$width" "$page" >"$BATS_TEST_TMPDIR/shown" 2>"$BATS_TEST_TMPDIR/complaints"
			diff -u /dev/null "$BATS_TEST_TMPDIR/complaints"
			[ "$(wc -l <"$BATS_TEST_TMPDIR/shown")" -gt 100 ]
			run ! grep -nE '.{81}' "$BATS_TEST_TMPDIR/shown"
			run ! grep -Pzo '(\n {40,}[^ \n]+){2}\n' "$BATS_TEST_TMPDIR/shown"
		done
	done
}

@test "groff shows the manual in 80 columns, and each table in lines" {
	command -v groff >/dev/null || skip 'groff is not installed'
	fits groff
}

@test "mandoc shows the manual in 80 columns, and each table in lines" {
	command -v mandoc >/dev/null || skip 'mandoc is not installed'
	fits mandoc
}

# The first literal of each call that writes a log line, from src/*.c.
events() {
	cat "$TOP"/src/*.c | tr '\n' ' ' |
		grep -oE '\<log_(record|failure)\([^";]*"[^"]*"' | sed 's/^[^"]*"//; s/"$//'
	echo bug
}

# Each item of the manual's DIAGNOSTICS, up to its fields.
items() {
	sed -n '/^\.Sh DIAGNOSTICS/,/^\.Sh SEE/s/^\.It Li "\([^,"]*\).*/\1/p' \
		"$TOP/man/stdpop3d.8"
}

# Each word for the end of a session, from src/*.c.
ends() {
	cat "$TOP"/src/*.c |
		grep -oE '(session_end|wire_drop)\("[a-z]+"|why = "[a-z]+"|\? "quit" : "[a-z]+"' |
		grep -oE '"[a-z]+"' | tr -d '"' | sort -u
}

@test "the manual lists each log line, and no other" {
	[ "$(events | sort -u | wc -l)" -gt 15 ]
	same "$(events | sort -u)" "$(items | sort)"
}

@test "contrib/metrics knows each log line, and each end of a session" {
	"$TOP/contrib/metrics" </dev/null | sed -n 's/.*{event="\(.*\)"} 0$/\1/p' | grep -vx other |
		sort >known
	same "$(items | grep -vxE 'login|logout|removing|no login|login failed' | sort)" "$(cat known)"
	"$TOP/contrib/metrics" </dev/null | sed -n 's/.*{end="\(.*\)"} 0$/\1/p' | grep -vx other |
		sort -u >known
	same "$(ends)" "$(cat known)"
}

@test "the manual says at which level each line is logged" {
	local event level item
	cat "$TOP"/src/*.c | tr '\n' ' ' |
		grep -oE '\<log_record\([^";]*"[^"]*"|\<log_failure\("[^"]*"' |
		sed -E 's/^log_failure\("/LOG_ERR /; s/^log_record\(//; s/"$//' >levels
	[ "$(wc -l <levels)" -gt 30 ]
	while read -r line; do
		event=$(sed -E 's/.*("|LOG_ERR )//' <<<"$line")
		item=$(sed -n "/^\.It Li \"${event}[,\"]/,/^\.\(It\|El\)/p" "$TOP/man/stdpop3d.8" |
			sed -n 2p)
		# shellcheck disable=SC2013 # one word a level
		for level in $(grep -oE 'LOG_[A-Z]+' <<<"$line"); do
			case $level in
			LOG_CRIT) level=critical ;;
			LOG_ERR) level=error ;;
			LOG_WARNING) level=warning ;;
			LOG_NOTICE) level=notice ;;
			LOG_INFO) level=info ;;
			esac
			grep -qi "\<$level\>" <<<"$item" || same "$line" "$item"
		done
	done <levels
}

@test "the manual names each end of a session" {
	manual=$(sed -n '/^\.It Li "logout/,/^\.It Li "no PROXY/p' \
		"$TOP/man/stdpop3d.8")
	[ "$(ends | wc -l)" -ge 11 ]
	for end in $(ends); do
		grep -qw "$end" <<<"$manual" || same '' "$end"
	done
}

@test "the manual names each field of a log line" {
	fields=$(cat "$TOP"/src/*.c | tr '\n' ' ' |
		grep -oE '\<log_record\([^;]*;' | grep -oE '\<[a-z]+=%' | tr -d '%' | sort -u)
	[ "$(wc -l <<<"$fields")" -ge 7 ]
	for field in ip= user= $fields; do
		items=$(grep '^\.It Li' "$TOP/man/stdpop3d.8")
		grep -qF "$field" <<<"$items" || same '' "$field"
	done
}

# commands: standard input without comments, continued lines and differences of blanks.
commands() {
	sed 's/\\e$/\\/' | sed -e ':more' -e '/\\$/N; s/\\\n/ /; t more' |
		sed 's/  *# .*//; s/^ *//' | tr -s ' '
}

@test "the manual's first steps are those of README" {
	local readme manual
	readme=$(sed -n '/^## Install/,/^[^ #]/s/^    //p' "$TOP/README" | commands)
	manual=$(sed -n '/^\.Sh FIRST STEPS/,/^\.Ed/p' "$TOP/man/stdpop3d.8" |
		sed '1,/^\.Bd/d; /^\./d' | commands)
	[ "$(wc -l <<<"$readme")" -eq 5 ]
	same "$readme" "$manual"
	grep -qFx "    $(sed -n 's/^\.Dl \(pop3 stream .*\)/\1/p' "$TOP/man/stdpop3d.8")" "$TOP/README"
}
