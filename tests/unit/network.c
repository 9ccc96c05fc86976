/* Lists of networks, and the addresses that are in them. */
#include "network.h"

#include "unit.h"

static struct networks networks;

/* "why" is how the text begins that says what is wrong, or NULL if nothing is wrong. */
static void
expect_list(const char *text, const char *why, const char *wrong)
{
	char part[NETWORK_PART] = "";
	const char *got = network_parse(&networks, text, part);

	check((got == NULL) == (why == NULL), "\"%s\": %s", text, got == NULL ? "is taken" : got);
	if (got == NULL || why == NULL)
		return;
	check(strncmp(got, why, strlen(why)) == 0, "\"%s\": %s", text, got);
	check(strcmp(got + strlen(got) - 2, ": ") == 0, "\"%s\": %s", text, got);
	check(strcmp(part, wrong) == 0, "\"%s\": wrong is \"%s\"", text, part);
}

static void
test_lists(void)
{
	static const char none[] = "no network", length[] = "a network whose length",
	    bits[] = "a network in which bits", ipv4[] = "a network of IPv4";

	expect_list("any", NULL, NULL);
	expect_list("192.168.0.0/16", NULL, NULL);
	expect_list("192.168.0.0/16,fe80::/10", NULL, NULL);
	expect_list("0.0.0.0/0,::/0", NULL, NULL);
	expect_list("192.0.2.7/32,2001:DB8::7/128", NULL, NULL);
	expect_list("::ffff:0:0/95", bits, "::ffff:0:0/95");
	expect_list("::fffe:0:0/95", NULL, NULL);
	expect_list("", none, "");
	expect_list(",", none, "");
	expect_list("10.0.0.0/8,", none, "");
	expect_list("10.0.0.0/8,,::/0", none, "");
	expect_list("10.0.0.0/8, ::/0", none, " ::/0");
	expect_list("10.0.0.0/8 ", length, "10.0.0.0/8 ");
	expect_list("-t", none, "-t");
	expect_list("Any", none, "Any");
	expect_list("any,10.0.0.0/8", none, "any");
	expect_list("10.0.0.0/8,any", none, "any");
	expect_list("example.org/8", none, "example.org/8");
	expect_list("10/8", none, "10/8");
	expect_list("010.0.0.0/8", none, "010.0.0.0/8");
	expect_list("10.0.0.256/32", none, "10.0.0.256/32");
	expect_list("10.0.0.0.0/8", none, "10.0.0.0.0/8");
	expect_list("fe80::%eth0/10", none, "fe80::%eth0/10");
	expect_list("[fe80::]/10", none, "[fe80::]/10");
	expect_list("/8", none, "/8");
	expect_list("10.0.0.0", "a network without", "10.0.0.0");
	expect_list("::/0,fe80::", "a network without", "fe80::");
	expect_list("10.0.0.0/", length, "10.0.0.0/");
	expect_list("10.0.0.0/33", length, "10.0.0.0/33");
	expect_list("10.0.0.0/08", length, "10.0.0.0/08");
	expect_list("0.0.0.0/00", length, "0.0.0.0/00");
	expect_list("10.0.0.0/+8", length, "10.0.0.0/+8");
	expect_list("10.0.0.0/-8", length, "10.0.0.0/-8");
	expect_list("10.0.0.0/8/8", length, "10.0.0.0/8/8");
	expect_list("10.0.0.0/255.0.0.0", length, "10.0.0.0/255.0.0.0");
	expect_list("10.0.0.0/18446744073709551624", length, "10.0.0.0/18446744073709551624");
	expect_list("fe80::/129", length, "fe80::/129");
	expect_list("10.0.0.1/8", bits, "10.0.0.1/8");
	expect_list("10.0.0.0/6", bits, "10.0.0.0/6");
	expect_list("10.0.0.128/24", bits, "10.0.0.128/24");
	expect_list("fe80::/8", bits, "fe80::/8");
	expect_list("::1/127", bits, "::1/127");
	expect_list("::/0,::ffff:10.0.0.0/104", ipv4, "::ffff:10.0.0.0/104");
	expect_list("::ffff:0:0/96", ipv4, "::ffff:0:0/96");
}

static void
test_limits(void)
{
	static const char one[] = "192.168.0.0/16,";
	char text[NETWORK_MOST * sizeof one + sizeof one + 1] = "", part[NETWORK_PART];

	for (size_t i = 0; i < NETWORK_MOST; i++)
		strcat(text, one);
	text[strlen(text) - 1] = '\0';
	expect_list(text, NULL, NULL);
	check(networks.count == NETWORK_MOST, "%zu networks", networks.count);
	strcat(text, ",::/0");
	expect_list(text, "more than 32 networks", "::/0");

	/* The longest address, and a text that is too long to be named whole. */
	expect_list("2001:0db8:1111:2222:3333:4444:5555:6666/128", NULL, NULL);
	memset(text, '1', 2 * NETWORK_PART);
	text[2 * NETWORK_PART] = '\0';
	const char *why = network_parse(&networks, text, part);
	check(why != NULL && strlen(part) == NETWORK_PART - 1, "a long text is \"%s\"", part);
}

static void
expect_held(bool held, const char *list, const char *address)
{
	char part[NETWORK_PART];

	check(network_parse(&networks, list, part) == NULL, "\"%s\" is no list", list);
	check(network_holds(&networks, address) == held, "%s: %s", list,
	    address == NULL ? "unknown" : address);
}

/* Each prefix of an address holds it, and not what differs in the prefix's last bit. */
static void
test_each_prefix(void)
{
	char list[NETWORK_PART], other[64];

	for (unsigned prefix = 1; prefix <= 32; prefix++) {
		uint32_t base = 0xc0a8a5ffU & ~(uint32_t)(0xffffffffULL >> prefix);
		uint32_t differs = base ^ 1U << (32 - prefix);
		snprintf(list, sizeof list, "%u.%u.%u.%u/%u", base >> 24, base >> 16 & 255,
		    base >> 8 & 255, base & 255, prefix);
		expect_held(true, list, "192.168.165.255");
		snprintf(other, sizeof other, "%u.%u.%u.%u", differs >> 24, differs >> 16 & 255,
		    differs >> 8 & 255, differs & 255);
		expect_held(false, list, other);
	}
}

static void
test_held(void)
{
	networks = (struct networks){ 0 };
	check(!network_holds(&networks, "10.0.0.1"), "nobody is in no network");
	check(!network_holds(&networks, NULL), "nor is somebody unknown");
	expect_held(true, "any", "10.0.0.1");
	expect_held(true, "any", NULL);
	expect_held(false, "0.0.0.0/0,::/0", NULL);
	expect_held(false, "0.0.0.0/0,::/0", "unknown");
	expect_held(false, "0.0.0.0/0,::/0", "");
	expect_held(true, "0.0.0.0/0", "255.255.255.255");
	expect_held(false, "0.0.0.0/0", "2001:db8::1");
	expect_held(true, "::/0", "2001:db8::1");
	expect_held(false, "::/0", "10.0.0.1");
	expect_held(true, "10.0.0.0/8,192.168.0.0/16", "192.168.255.255");
	expect_held(false, "10.0.0.0/8,192.168.0.0/16", "192.169.0.0");
	expect_held(false, "10.0.0.0/8", "11.0.0.0");
	expect_held(false, "10.0.0.0/8", "9.255.255.255");
	expect_held(true, "fe80::/10", "fe80::1");
	expect_held(true, "fe80::/10", "febf:ffff::1");
	expect_held(false, "fe80::/10", "fec0::1");
	/* The first octets of an IPv6 address are no IPv4 address. */
	expect_held(false, "32.1.13.184/32", "2001:db8::1");
	expect_held(false, "2001:db8::/32", "32.1.13.184");
}

int
main(void)
{
	test_lists();
	test_limits();
	test_held();
	test_each_prefix();
	return verdict();
}
