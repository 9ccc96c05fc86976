#!/usr/bin/env bats
# Files of contrib that no program here reads.

load ../base

@test "the settings for clients are what stdpop3d serves" {
	run -0 python3 - "$TOP/contrib/autoconfig.xml" <<-'END'
		import sys
		import xml.etree.ElementTree as tree
		root = tree.parse(sys.argv[1]).getroot()
		assert (root.tag, root.get("version")) == ("clientConfig", "1.1")
		provider = root.find("emailProvider")
		assert provider.get("id") == provider.find("domain").text
		server = provider.find("incomingServer[@type='pop3']")
		print(*(server.find(tag).text for tag in (
		    "port", "socketType", "username", "authentication")))
	END
	[ "$output" = '995 SSL %EMAILLOCALPART% password-cleartext' ]
}
