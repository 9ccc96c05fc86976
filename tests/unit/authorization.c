/* authorization: a refusal is answered at the end of its pause or of a later second. */
#include "authorization.h"

#include "unit.h"

int
main(void)
{
	for (unsigned failures = 0; failures < 3; failures++)
		for (int64_t start = 0; start < 3000; start += 777)
			for (int64_t took = 0; took < 20000; took += 7) {
				int64_t pause = (int64_t)1000 << failures;
				int64_t at = authorization_answer_at(start, start + took, failures);
				check(at - start >= pause && at >= start + took, "too early");
				check((at - start) % 1000 == 0, "the time that crypt(3) took is seen");
				check(at - start == pause || at - (start + took) < 1000, "too late");
			}
	return verdict();
}
