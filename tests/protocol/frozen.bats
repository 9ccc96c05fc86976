#!/usr/bin/env bats
# What users' programs rely on stays: see frozen/README.
load ../helper

FROZEN=$TOP/tests/frozen

# stays FILE: each of its lines is in standard input, too.
stays() {
	[ -s "$FROZEN/$1" ]
	same '' "$(grep -vxF -f - "$FROZEN/$1" || :)"
}

@test "each frozen option is there, and takes what it took" {
	"$STDPOP3D" --help | sed -n 's/^  \(-. [a-z]*\) .*/\1/p' | sed 's/ $//' | stays options
}

# manual.bats compares the manual with the source.
@test "each frozen log line has its level, its event and its fields" {
	sed -n '/^\.Sh DIAGNOSTICS/,/^\.Sh SEE/{
		/^\.It Li/{
			N
			s/^\.It Li "\(.*\)"\n\([A-Z][a-z]*\).*/\2: \1/p
		}
	}' "$TOP/man/stdpop3d.8" | stays log
}

@test "the log lines that programs read are to the octet as they were" {
	message one two | mailbox alice
	printf '%s\r\n' 'USER alice' 'PASS wrong' 'USER x' 'PASS sesame' 'USER alice' 'PASS sesame' \
		'RETR 2' 'DELE 1' QUIT | TCPREMOTEIP=192.0.2.7 server -P 192.0.2.0/24
	TCPREMOTEIP=192.0.2.7 server <<<'USER alice'
	sed -i "s/^alice:\(.*\):20000:.*/alice:\1:20000:0:99999:7::1:/" shadow
	printf '%s\r\n' 'USER alice' 'PASS sesame' | TCPREMOTEIP=::1 server
	same "login failed, ip=[192.0.2.7], user=alice, method=PASS
login failed, ip=[192.0.2.7], user=?, method=PASS
login, ip=[192.0.2.7], user=alice, method=PASS, messages=2, octets=58
logout, ip=[192.0.2.7], user=alice, end=quit, retrieved=1/29, deleted=1/29, left=1/29
plaintext refused, ip=[192.0.2.7], there is no TLS, and the client is not known to be on this host
no login, ip=[192.0.2.7], end=closed
login failed, ip=[::1], user=alice, method=PASS, reason=expired
no login, ip=[::1], end=closed" "$(records)"
	grep -qE '^stdpop3d\[[0-9]+\]: login, ip=\[192\.0\.2\.7\], ' log
}

@test "each frozen word for an end, a method or a reason is in use" {
	cat "$TOP"/src/*.c | grep -oE '"[A-Za-z0-9=]+"' | tr -d '"' | stays words
}

# The record's sums are made anew for this mailbox's inode, by what tests/update knows of
# the format and not by the server.
@test "an UPDATE that 1.0 left behind is finished" {
	mailbox alice <"$FROZEN/torn"
	python3 - "$TOP/tests/update" "$FROZEN/journal" <<-'END'
		import importlib.machinery, importlib.util, os, sys
		sys.dont_write_bytecode = True
		sys.path.insert(0, sys.argv[1])
		loader = importlib.machinery.SourceFileLoader("forgeries", sys.argv[1] + "/forgeries")
		forgeries = importlib.util.module_from_spec(importlib.util.spec_from_loader("forgeries", loader))
		loader.exec_module(forgeries)
		octets = bytearray()
		for line in open(sys.argv[2]):
		    offset, _, row = line.partition(" ")
		    octets = octets.ljust(int(offset, 16), b"\0") + bytes.fromhex(row)
		journal = forgeries.Journal(bytes(octets))
		assert journal.counts
		journal.field["inode"] = os.stat("spool/alice").st_ino
		open("state/alice", "wb").write(journal.pack())
	END
	chmod 600 state/alice
	[ "$(id -u)" -ne 0 ] || chown nobody state/alice
	server -r
	cmp "$FROZEN/whole" spool/alice
	records | grep -q '^update recovered, .*user=alice, .* finished$'
	[ ! -s state/alice ]
}
