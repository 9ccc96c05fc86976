#!/usr/bin/env bats
# The house rules of src/README, read from its own table.

load ../base

setup() {
	cd "$TOP/src" || return
}

# room, most lines, and what it includes, from the table.
table() {
	sed -n '/^    room  /,/^$/p' README | tail -n +2 | sed '/^$/d'
}

@test "every room stands in the table, and every row is a room" {
	diff <(table | awk '{ print $1 }' | sort) <(basename -a ./*.[ch] | sed 's/\.[ch]$//' | sort -u)
}

@test "a room includes what the table allows and nothing else of ours" {
	local room lines allowed bad=0
	while read -r room lines allowed; do
		for file in "$room.c" "$room.h"; do
			[ -f "$file" ] || continue
			while read -r header; do
				case " $allowed $room " in
				*" $header "*) ;;
				*) echo "$file includes $header.h"; bad=1 ;;
				esac
			done < <(sed -n 's/^#include "\(.*\)\.h"$/\1/p' "$file")
		done
	done < <(table)
	[ "$bad" = 0 ]
}

@test "what the table allows has no circle" {
	table | awk '{ for (i = 3; i <= NF; i++) print $i, $1 }' | tsort
}

@test "no file is longer than its budget" {
	local room lines allowed file bad=0
	while read -r room lines allowed; do
		file=$room.c
		[ -e "$file" ] || file=$room.h
		if [ "$(wc -l < "$file")" -gt "$lines" ]; then
			echo "$file has $(wc -l < "$file") lines, $lines allowed"
			bad=1
		fi
	done < <(table)
	[ "$bad" = 0 ]
}

@test "no function is longer than 60 lines" {
	run ! awk 'FNR == 1 { start = 0 } /^\{/ { start = FNR }
		/^\}/ { if (start && FNR - start > 60) { print FILENAME, FNR; long = 1 } start = 0 }
		END { exit !long }' ./*.c
}

# only WORDS FILES: an extended regular expression stands in these files alone.
only() {
	local pattern=$1 hits
	shift
	hits=$(grep -lE "$pattern" ./*.c | sed 's,^\./,,' | sort)
	diff <(printf '%s\n' "$@" | sort) <(printf '%s\n' "$hits")
}

@test "each wall of src/README stands" {
	only '\<STD(IN|OUT)_FILENO\>' main.c
	only '"[^"]*\\r\\n' wire.c
	only '\<crypt(_r)?\([^3]' credentials.c
	only '\<(pwrite|ftruncate)\(' handover.c io.c
	only '\<memfd_create\(' handover.c
	only '\<io_(write|truncate)\(' cache.c io.c journal.c move.c
	only 'fcntl\(.*F_OFD_SETLK' lock.c
	only '\<set(res|re|e)?[ug]id\(|\<setgroups\(|\<prctl\(' sandbox.c sandbox_linux.c sandbox_plain.c
	only '\<(syslog|openlog|socket|connect)\(' log.c
	only '\<getopt\(' options.c
	only '\<reallocarray\(' index.c
}

@test "no conditional compilation but in the files of one system" {
	run ! grep -rnE --include='*.c' --exclude='sandbox_*' '^#[ ]*(if|ifdef|elif)\>' .
	for header in ./*.h; do
		[ "$(grep -cE '^#[ ]*(if|ifdef|ifndef)\>' "$header")" = 1 ]
	done
}

@test "no unsafe string function is called" {
	run ! grep -nE '\<(sprintf|strcat|gets|strtok|alloca|system|popen)\(' ./*.c
}

@test "no note of something to do is left in the sources" {
	run ! grep -nE 'TO''DO|FIX''ME|X''XX' ./*.[ch]
}

@test "tests/README names each part of the proof, and no other" {
	diff <(sed -n '/^The parts of system:/,/^## /s/^    \([a-z]*\) .*/\1/p' "$TOP/tests/README") \
		<(basename -s .bats "$TOP"/tests/system/*.bats)
}

@test "all packages have the version of src/options.h" {
	local version
	version=$(sed -n 's/^#define OPTIONS_VERSION "\(.*\)"$/\1/p' options.h)
	[ -n "$version" ]
	[ "$(sed -n '1s/^stdpop3d (\(.*\)-1) .*/\1/p' "$TOP/contrib/debian/changelog")" = "$version" ]
	[ "$(sed -n 's/^Version:[[:space:]]*//p' "$TOP/contrib/stdpop3d.spec")" = "$version" ]
	[ "$(sed -n 's/^pkgver=//p' "$TOP/contrib/alpine/APKBUILD")" = "$version" ]
}

@test "the files of a first afternoon are about as long as src/README says" {
	local file lines real sum=0 bad=0
	while read -r file lines _; do
		if [ "$file" = together ]; then
			real=$sum
		else
			real=$(wc -l <"$file")
			sum=$((sum + real))
		fi
		# Within a tenth and 15 lines.
		if [ $((10 * real)) -gt $((11 * lines + 150)) ] || [ $((10 * real)) -lt $((9 * lines - 150)) ]; then
			echo "$file has $real lines, and not $lines"
			bad=1
		fi
	done < <(sed -n '/^    file  .*lines/,/^$/p' README | sed '1d; $d')
	[ "$sum" -gt 1000 ]
	[ "$bad" = 0 ]
}
