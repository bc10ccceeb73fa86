// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Any configuration file is taken or refused by a text; taken, it gives a policy. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xendiscoverd/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[XENLOOP_MAC_LEN] = { 0, 0x16, 0x3e, 0, 0, 1 };
	const struct xenloop_party a = {
		"web-1", "11111111-1111-1111-1111-111111111111", mac
	};
	const struct xenloop_party b = {
		"db", "22222222-2222-2222-2222-222222222222", NULL
	};
	struct xenloop_conf_error err = { "" };
	struct xenloop_settings *s;

	s = xenloop_settings_parse("fuzz", (const char *)data, size, &err);
	if (!s) {
		if (strncmp(err.text, "fuzz:", 5) || strchr(err.text, '\n'))
			abort();
		return 0;
	}
	if (xenloop_policy_allows(&s->policy, &a, &b) !=
	    xenloop_policy_allows(&s->policy, &b, &a))
		abort();
	xenloop_policy_off(&s->policy, &b);
	xenloop_settings_free(s);
	return 0;
}
