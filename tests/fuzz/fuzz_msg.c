// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * proto/msg on any input. What is accepted has to come out of the formatter
 * again, byte by byte: the grammar has one text for each meaning.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const char *text, size_t size, const char *back, int len)
{
	if (len < 0 || (size_t)len != size || memcmp(text, back, size))
		abort();
}

static void try_name(const char *text, size_t size)
{
	struct xenloop_node node;
	char name[64], back[64];

	if (size >= sizeof(name) || memchr(text, 0, size))
		return;
	memcpy(name, text, size);
	name[size] = '\0';
	if (!xenloop_node_parse(name, &node))
		same(name, size, back,
		     xenloop_node_format(&node, back, sizeof(back)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct xenloop_roster roster;
	struct xenloop_hello hello;
	char back[XENLOOP_MSG_BUF];
	struct xenloop_self self;
	struct xenloop_msg msg;

	if (!xenloop_hello_parse(text, size, &hello))
		same(text, size, back,
		     xenloop_hello_format(&hello, back, sizeof(back)));
	if (!xenloop_self_parse(text, size, &self))
		same(text, size, back,
		     xenloop_self_format(&self, back, sizeof(back)));
	if (!xenloop_roster_parse(text, size, &roster))
		same(text, size, back,
		     xenloop_roster_format(&roster, back, sizeof(back)));
	if (!xenloop_msg_parse(text, size, &msg))
		same(text, size, back,
		     xenloop_msg_format(&msg, back, sizeof(back)));
	try_name(text, size);
	return 0;
}
