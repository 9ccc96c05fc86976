# make, make check, make demo: README says what each needs.
#
# Yours to set: CC, CFLAGS, CPPFLAGS, LDFLAGS, LDLIBS, PREFIX, DESTDIR, BUILD,
# HARDENING (empty: none), LOGIN_GROUP (of the reader's account: see README, Install;
# empty: no login program), and OS, which picks src/sandbox_OS.c (plain: no
# confinement by the kernel, only changes of ids).

PREFIX = /usr/local
SBINDIR = $(PREFIX)/sbin
MANDIR = $(PREFIX)/share/man
LOGIN_GROUP =
BUILD = build
OS := $(shell uname -s | tr A-Z a-z)
VERSION := $(shell sed -n 's/^.define OPTIONS_VERSION "\(.*\)"/\1/p' src/options.h)

CFLAGS ?= -O2 -g
LDLIBS ?= -lcrypt
WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wpointer-arith -Wcast-qual -Wvla \
	-Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wformat=2
# What this compiler knows of the flag.
known = $(shell $(CC) -Werror $(1) -c -x c /dev/null -o /dev/null 2>/dev/null && echo $(1))
HARDENING := -D_FORTIFY_SOURCE=2 -fPIE -fstack-protector-strong \
	$(call known,-fstack-clash-protection) $(call known,-fcf-protection) \
	$(call known,-mbranch-protection=standard)
HARDENING_LD = -pie -Wl,-z,relro,-z,now,-z,noexecstack
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(HARDENING) $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) $(CFLAGS) $(HARDENING_LD) $(LDFLAGS)

SOURCES := $(sort $(filter-out src/sandbox_%.c,$(wildcard src/*.c)) src/sandbox_$(OS).c)
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/%.o)
UNITS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*.c))

all: $(BUILD)/stdpop3d

$(BUILD)/stdpop3d: $(OBJECTS)
	$(LINK) -o $@ $(OBJECTS) $(LDLIBS)

$(BUILD)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

# Before anything is compiled: is there a sandbox for this system, and this processor?
$(OBJECTS): | supported
supported:
	@[ -e src/sandbox_$(OS).c ] || { echo "this system is not supported, since there is no" \
		"src/sandbox_$(OS).c: see 'Elsewhere' in src/README, or try OS=plain" >&2; exit 1; }
	@$(COMPILE) -E -o /dev/null src/sandbox_$(OS).c

# A unit test is one file beside all rooms but main.
$(BUILD)/unit/%: tests/unit/%.c $(filter-out $(BUILD)/main.o,$(OBJECTS))
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -Isrc $(LDFLAGS) $(HARDENING_LD) -o $@ $(filter %.c %.o,$^) $(LDLIBS)

-include $(wildcard $(BUILD)/*.d $(BUILD)/unit/*.d)

check: all units
	BUILD='$(BUILD)' tests/run

# For root on a machine of its own; it says what it does. PART=NAME: only that part.
proof:
	PART='$(PART)' SUITE='$(SUITE)' tests/prove

units: $(UNITS)

demo: all
	BUILD='$(BUILD)' contrib/demo

sanitize:
	$(MAKE) BUILD=build/sanitize HARDENING= HARDENING_LD= \
		CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all' \
		check

# A static binary against musl; the kernel's headers and libcrypt come from the
# system, since Debian's musl is without crypt(3).
musl:
	@mkdir -p build/musl/include/sys
	ln -sfn /usr/include/linux build/musl/include/linux
	ln -sfn /usr/include/asm-generic build/musl/include/asm-generic
	ln -sfn /usr/include/$(shell uname -m)-linux-gnu/asm build/musl/include/asm
	ln -sfn /usr/include/crypt.h build/musl/include/crypt.h
	printf '#define %s\n' __BEGIN_DECLS __END_DECLS __THROW '__nonnull(x)' __wur \
		> build/musl/include/sys/cdefs.h
	$(MAKE) CC=musl-gcc BUILD=build/musl LDFLAGS='-static -no-pie' HARDENING_LD= \
		CPPFLAGS='-idirafter build/musl/include' \
		LDLIBS="contrib/musl/fortify.c $$(cc -print-file-name=libcrypt.a)"

# Each target of tests/fuzz for FUZZ_SECONDS (60), by clang's libFuzzer.
fuzz:
	BUILD='$(BUILD)' FUZZ_SECONDS='$(FUZZ_SECONDS)' tests/fuzz/run

# The sessions of most tests under memcheck: eight minutes.
valgrind:
	tests/system/valgrind

lint:
	tests/lint

bench: all
	BUILD='$(BUILD)' tests/bench/run

# How cost grows with the mailbox: two minutes, 5 GB in TMPDIR.
growth: all
	BUILD='$(BUILD)' tests/bench/growth

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man7 $(DESTDIR)$(MANDIR)/man8
	install -m 755 $(BUILD)/stdpop3d $(DESTDIR)$(SBINDIR)/stdpop3d
	[ -z '$(LOGIN_GROUP)' ] || install -m 4750 -o root -g '$(LOGIN_GROUP)' \
		$(BUILD)/stdpop3d $(DESTDIR)$(SBINDIR)/stdpop3d-login
	install -m 644 man/stdpop3d.8 $(DESTDIR)$(MANDIR)/man8/stdpop3d.8
	install -m 644 man/stdpop3d-migration.7 $(DESTDIR)$(MANDIR)/man7/stdpop3d-migration.7

uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/stdpop3d $(DESTDIR)$(SBINDIR)/stdpop3d-login \
		$(DESTDIR)$(MANDIR)/man8/stdpop3d.8 $(DESTDIR)$(MANDIR)/man7/stdpop3d-migration.7

clean:
	rm -rf build stdpop3d-*.tar.gz

# The sources, as a tar archive with that folder: what is committed, or, where there
# is no git(1) repository, all that lies here.
archive = if [ -e .git ]; then git archive --prefix=$(1)/ HEAD; else \
	tar --sort=name --owner=0 --group=0 --numeric-owner --exclude=./build \
	--exclude='./stdpop3d-*.tar.gz' --transform='s,^\.,$(1),' -c .; fi

dist:
	$(call archive,stdpop3d-$(VERSION)) | gzip -n9 > stdpop3d-$(VERSION).tar.gz

# Debian's package, into build/deb.
deb:
	rm -rf build/deb
	mkdir -p build/deb
	$(call archive,stdpop3d) | tar -x -C build/deb
	cp -r contrib/debian build/deb/stdpop3d
	cd build/deb/stdpop3d && dpkg-buildpackage -us -uc -b

.PHONY: all supported check proof units demo deb sanitize musl fuzz valgrind lint bench growth install uninstall clean dist
