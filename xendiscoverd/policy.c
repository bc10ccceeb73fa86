// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Who may loop with whom; see policy.h. */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xendiscoverd/policy.h"

#define UUID_LEN 36
#define MAX_WORDS 128

/* A value, split at blanks. */
struct words {
	char buf[1024];
	const char *word[MAX_WORDS];
	size_t nr;
};

static int split(const char *value, struct words *w, char *why, size_t size)
{
	char *save = NULL;

	w->nr = 0;
	if (strlen(value) >= sizeof(w->buf)) {
		snprintf(why, size, "too long");
		return -EINVAL;
	}
	strcpy(w->buf, value);
	for (char *s = strtok_r(w->buf, " \t", &save); s;
	     s = strtok_r(NULL, " \t", &save)) {
		if (w->nr == MAX_WORDS) {
			snprintf(why, size, "more than %d words", MAX_WORDS);
			return -EINVAL;
		}
		w->word[w->nr++] = s;
	}
	return 0;
}

static bool is_uuid(const char *s)
{
	for (int i = 0; i < UUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
			return false;
	}
	return !s[UUID_LEN];
}

static void copy_lower(char *to, const char *from)
{
	do
		*to++ = (char)tolower((unsigned char)*from);
	while (*from++);
}

/*
 * Somebody meant a MAC address or a UUID: hexadecimal digits in several groups,
 * or as many as one of the two has. "db-1" is a name.
 */
static bool looks_like_id(const char *s)
{
	unsigned int digits = 0, dashes = 0;

	for (; *s; s++) {
		if (*s == '-')
			dashes++;
		else if (isxdigit((unsigned char)*s))
			digits++;
		else
			return false;
	}
	if (!dashes)
		return digits == 12 || digits == 32;
	return dashes > 1 && digits > 10;
}

/* Behind the ] that ends a set of a shell pattern, or NULL. */
static const char *end_of_set(const char *s)
{
	if (*s == '!' || *s == '^')
		s++;
	if (!*s)
		return NULL;
	/* As the first, ] is a member. */
	s = strchr(s + 1, ']');
	return s ? s + 1 : NULL;
}

/* Why a word is no name, although it is nothing else either; NULL if it is. */
static const char *not_a_name(const char *s)
{
	if (looks_like_id(s))
		return "neither MAC address nor UUID";
	while (s && *s) {
		char c = *s++;

		if (c == ':')
			return "no MAC address";
		if (c == ',')
			return "a comma, where blanks separate";
		if (c & 0x80)
			return "not ASCII; names have _ there";
		if (c == '\\' && !*s++)
			return "\\ at the end";
		if (c == '[')
			s = end_of_set(s);
	}
	return s ? NULL : "[ without ]";
}

static int parse_selector(const char *word, struct xenloop_selector *sel,
			  char *why, size_t size)
{
	char lower[sizeof(sel->text)];
	const char *text = word, *problem = NULL;

	memset(sel, 0, sizeof(*sel));
	if (*word == '@')
		text++;
	if (!*text || strlen(text) >= sizeof(sel->text)) {
		snprintf(why, size, "neither name, UUID, MAC address nor @GROUP: %.64s",
			 word);
		return -EINVAL;
	}
	copy_lower(lower, text);
	strcpy(sel->text, text);
	if (*word == '@') {
		sel->kind = XENLOOP_SELECT_GROUP;
	} else if (!xenloop_mac_parse(lower, sel->mac)) {
		sel->kind = XENLOOP_SELECT_MAC;
	} else if (is_uuid(lower)) {
		sel->kind = XENLOOP_SELECT_UUID;
		strcpy(sel->text, lower);
	} else {
		sel->kind = XENLOOP_SELECT_NAME;
		problem = not_a_name(text);
	}
	if (!problem)
		return 0;
	snprintf(why, size, "%s: %.64s", problem, word);
	return -EINVAL;
}

/* Makes room for one more of `width` bytes and returns it, zeroed, or NULL. */
static void *append(void *array, size_t *nr, size_t width)
{
	char **base = array;
	char *grown = reallocarray(*base, *nr + 1, width);

	if (!grown)
		return NULL;
	*base = grown;
	grown += *nr * width;
	memset(grown, 0, width);
	(*nr)++;
	return grown;
}

static const struct xenloop_group *
find_group(const struct xenloop_policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->nr_groups; i++)
		if (!strcmp(policy->group[i].name, name))
			return &policy->group[i];
	return NULL;
}

static int add_member(struct xenloop_group *group, const char *word, char *why,
		      size_t size)
{
	struct xenloop_selector sel, *member;
	int err;

	err = parse_selector(word, &sel, why, size);
	if (err)
		return err;
	if (sel.kind == XENLOOP_SELECT_GROUP) {
		snprintf(why, size, "a group can't hold a group: %s", word);
		return -EINVAL;
	}
	member = append(&group->member, &group->nr, sizeof(*member));
	if (!member)
		return -ENOMEM;
	*member = sel;
	return 0;
}

int xenloop_policy_add_group(struct xenloop_policy *policy, const char *value,
			     char *why, size_t size)
{
	const char *colon = strchr(value, ':');
	size_t len = colon ? (size_t)(colon - value) : 0;
	struct xenloop_group *group;
	struct words w;
	int err;

	if (!len || len > XENLOOP_NAME_MAX || strcspn(value, " \t@,") < len) {
		snprintf(why, size, "not NAME: SELECTOR...");
		return -EINVAL;
	}
	err = split(colon + 1, &w, why, size);
	if (err)
		return err;
	if (!w.nr) {
		snprintf(why, size, "has no members: %.*s", (int)len, value);
		return -EINVAL;
	}
	group = append(&policy->group, &policy->nr_groups, sizeof(*group));
	if (!group)
		return -ENOMEM;
	for (size_t i = 0; i < w.nr && !err; i++)
		err = add_member(group, w.word[i], why, size);
	/* Named last, so that the search below doesn't find itself. */
	if (!err && find_group(policy, strndupa(value, len))) {
		snprintf(why, size, "group given before: %.*s", (int)len,
			 value);
		err = -EINVAL;
	}
	memcpy(group->name, value, len);
	return err;
}

int xenloop_policy_add_rule(struct xenloop_rules *rules, const char *value,
			    char *why, size_t size)
{
	struct xenloop_rule *rule;
	struct words w;
	int err;

	err = split(value, &w, why, size);
	if (err)
		return err;
	if (w.nr < 1 || w.nr > 2) {
		snprintf(why, size, "takes one or two selectors");
		return -EINVAL;
	}
	rule = append(&rules->rule, &rules->nr, sizeof(*rule));
	if (!rule)
		return -ENOMEM;
	err = parse_selector(w.word[0], &rule->a, why, size);
	if (!err)
		err = parse_selector(w.word[w.nr - 1], &rule->b, why, size);
	return err;
}

int xenloop_policy_add_off(struct xenloop_policy *policy, const char *value,
			   char *why, size_t size)
{
	struct words w;
	int err;

	err = split(value, &w, why, size);
	for (size_t i = 0; i < w.nr && !err; i++) {
		struct xenloop_selector *sel;

		sel = append(&policy->off, &policy->nr_off, sizeof(*sel));
		err = sel ? parse_selector(w.word[i], sel, why, size) :
			    -ENOMEM;
	}
	return err;
}

static bool selector_known(const struct xenloop_policy *policy,
			   const struct xenloop_selector *sel, char *why,
			   size_t size)
{
	if (sel->kind != XENLOOP_SELECT_GROUP || find_group(policy, sel->text))
		return true;
	snprintf(why, size, "unknown group: @%s", sel->text);
	return false;
}

static bool rules_known(const struct xenloop_policy *policy,
			const struct xenloop_rules *rules, char *why,
			size_t size)
{
	for (size_t i = 0; i < rules->nr; i++)
		if (!selector_known(policy, &rules->rule[i].a, why, size) ||
		    !selector_known(policy, &rules->rule[i].b, why, size))
			return false;
	return true;
}

int xenloop_policy_check(const struct xenloop_policy *policy, char *why,
			 size_t size)
{
	for (size_t i = 0; i < policy->nr_off; i++)
		if (!selector_known(policy, &policy->off[i], why, size))
			return -EINVAL;
	if (!rules_known(policy, &policy->allow, why, size) ||
	    !rules_known(policy, &policy->deny, why, size))
		return -EINVAL;
	return 0;
}

void xenloop_policy_clear(struct xenloop_policy *policy)
{
	for (size_t i = 0; i < policy->nr_groups; i++)
		free(policy->group[i].member);
	free(policy->group);
	free(policy->allow.rule);
	free(policy->deny.rule);
	free(policy->off);
	memset(policy, 0, sizeof(*policy));
}

static bool selects(const struct xenloop_policy *policy,
		    const struct xenloop_selector *sel,
		    const struct xenloop_party *p)
{
	const struct xenloop_group *group;

	switch (sel->kind) {
	case XENLOOP_SELECT_NAME:
		return !fnmatch(sel->text, p->name, 0);
	case XENLOOP_SELECT_UUID:
		return !strcmp(sel->text, p->uuid);
	case XENLOOP_SELECT_MAC:
		return p->mac && !memcmp(sel->mac, p->mac, XENLOOP_MAC_LEN);
	case XENLOOP_SELECT_GROUP:
		group = find_group(policy, sel->text);
		/* Groups hold no groups, so this goes one level down only. */
		for (size_t i = 0; group && i < group->nr; i++)
			if (selects(policy, &group->member[i], p))
				return true;
		return false;
	}
	return false;
}

static bool rule_applies(const struct xenloop_policy *policy,
			 const struct xenloop_rules *rules,
			 const struct xenloop_party *a,
			 const struct xenloop_party *b)
{
	for (size_t i = 0; i < rules->nr; i++) {
		const struct xenloop_rule *r = &rules->rule[i];

		if ((selects(policy, &r->a, a) && selects(policy, &r->b, b)) ||
		    (selects(policy, &r->a, b) && selects(policy, &r->b, a)))
			return true;
	}
	return false;
}

bool xenloop_policy_off(const struct xenloop_policy *policy,
			const struct xenloop_party *p)
{
	for (size_t i = 0; i < policy->nr_off; i++)
		if (selects(policy, &policy->off[i], p))
			return true;
	return false;
}

const char *xenloop_policy_decider(const struct xenloop_policy *policy,
				   const struct xenloop_party *a,
				   const struct xenloop_party *b)
{
	if (rule_applies(policy, &policy->deny, a, b))
		return "deny";
	if (rule_applies(policy, &policy->allow, a, b))
		return "allow";
	return "default";
}

bool xenloop_policy_allows(const struct xenloop_policy *policy,
			   const struct xenloop_party *a,
			   const struct xenloop_party *b)
{
	const char *key = xenloop_policy_decider(policy, a, b);

	if (!strcmp(key, "default"))
		return !policy->deny_by_default;
	return !strcmp(key, "allow");
}
