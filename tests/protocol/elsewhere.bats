#!/usr/bin/env bats
# What "make" says where the server is not supported.

load ../base

setup() {
	able
	cp -R "$TOP/Makefile" "$TOP/src" "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR" || return
}

# refused TEXT ARGUMENT...: make says this first, and has compiled nothing.
refused() {
	run -2 make "${@:2}"
	[[ ${lines[*]:0:3} == *"$1"*'src/README, or try OS=plain'* ]]
	[ -z "$(find build -name '*.o' 2>/dev/null)" ]
}

@test "make says at once that a processor is not supported, and where to read on" {
	grep -q '^## Elsewhere' src/README
	refused 'this processor is not supported' CPPFLAGS='-U__x86_64__ -U__AARCH64EL__ -U__riscv'
}

@test "make says at once that a system is not supported, and where to read on" {
	refused 'this system is not supported' OS=dragonfly
}

@test "make OS=plain compiles, and a second make has nothing to do" {
	make -s OS=plain
	build/stdpop3d -V
	touch before
	make -s OS=plain
	[ -z "$(find build -newer before)" ]
}
