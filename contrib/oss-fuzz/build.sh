#!/bin/bash -eu
# For OSS-Fuzz, in the sources' folder: the targets of tests/fuzz into $OUT, with their
# corpora, dictionaries and options, which are those of "make fuzz".
tests/fuzz/build "$OUT"
for corpus in tests/fuzz/corpus/*; do
	name=$(basename "$corpus")
	zip -q -j "$OUT/${name}_seed_corpus.zip" "$corpus"/*
	# Where memory is refused, an outcome is decided.
	printf '[libfuzzer]\nmax_len = 4096\ntimeout = 60\nclose_fd_mask = 2\n\n[asan]\n%s\n' \
		'allocator_may_return_null = 1' >"$OUT/$name.options"
done
cp tests/fuzz/*.dict "$OUT"
