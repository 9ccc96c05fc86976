# For tests that need packages of Debian's.

# require_packages FILE: fails, with what to type, unless all that it names are here.
require_packages() {
	local package missing=
	for package in $(<"$1"); do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null |
			grep -qx installed || missing+=" $package"
	done
	if [ -n "$missing" ]; then
		echo "needed: apt-get install$missing" >&2
		return 1
	fi
}
