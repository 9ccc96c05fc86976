#!/usr/bin/env bats
# The manual's pages on a terminal of 80 columns.

load ../base

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
