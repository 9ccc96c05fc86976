/* MD5 against the test suite of RFC 1321 appendix A.5, and APOP's example. */
#include "md5.h"

#include "unit.h"

static const struct {
	const char *text, *digest;
} suite[] = {
	{ "", "d41d8cd98f00b204e9800998ecf8427e" },
	{ "a", "0cc175b9c0f1b6a831c399e269772661" },
	{ "abc", "900150983cd24fb0d6963f7d28e17f72" },
	{ "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
	{ "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b" },
	{ "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
	    "d174ab98d277d9f5a5611c2c9f419d9f" },
	{ "1234567890123456789012345678901234567890"
	    "1234567890123456789012345678901234567890",
	    "57edf4a22be3c955ac49da2e2107b67a" },
	/* RFC 1939 section 7 */
	{ "<1896.697170952@dbc.mtview.ca.us>tanstaaf", "c4c9334bac560ecc979e58001b3e22fb" },
};

/* The digest of the text fed in two pieces. */
static void
digest_of(char hex[33], const char *text, size_t cut)
{
	struct md5 md5;
	uint8_t digest[16];

	md5_begin(&md5);
	md5_add(&md5, text, cut);
	md5_add(&md5, text + cut, strlen(text) - cut);
	md5_end(&md5, digest);
	to_hex(hex, digest, sizeof digest);
}

int
main(void)
{
	char hex[33];

	for (size_t i = 0; i < sizeof suite / sizeof suite[0]; i++)
		for (size_t cut = 0; cut <= strlen(suite[i].text); cut++) {
			digest_of(hex, suite[i].text, cut);
			check(strcmp(hex, suite[i].digest) == 0, "MD5 of \"%s\" cut at %zu: %s",
			    suite[i].text, cut, hex);
		}
	return verdict();
}
