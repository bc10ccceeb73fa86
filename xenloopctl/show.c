// SPDX-License-Identifier: GPL-2.0 OR MIT
/* How each reply looks to people. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "commands.h"

#define T XENLOOP_CELL_TEXT
#define N XENLOOP_CELL_NUMBER

static const struct xenloop_column peer_columns[] = {
	{ "PEER", "name", T }, { "DOMID", "domid", N }, { "VIA", "ifname", T },
	{ "MAC", "mac", T }, { "STATE", "state", XENLOOP_CELL_STATE },
	{ "ROLE", "role", T }, { "FIFO", "fifo_size", XENLOOP_CELL_BYTES },
	{ "AGE", "age_ms", XENLOOP_CELL_MS },
	{ "IDLE", "idle_ms", XENLOOP_CELL_MS },
	{ "SENT", "tx_bytes", XENLOOP_CELL_BYTES },
	{ "RECEIVED", "rx_bytes", XENLOOP_CELL_BYTES },
	{ "REASON", "reason", T }, { NULL }
};

static const struct xenloop_column link_columns[] = {
	{ "GUEST", "a.name", T }, { "DOMID", "a.domid", N },
	{ "VIF", "a.vif", N }, { "MAC", "a.mac", T },
	{ "PEER", "b.name", T }, { "DOMID", "b.domid", N },
	{ "VIF", "b.vif", N }, { "MAC", "b.mac", T },
	{ "NETWORK", "network", T },
	{ "ALLOWED", "allowed", XENLOOP_CELL_STATE },
	{ "REASON", "reason", T }, { NULL }
};

static const struct xenloop_column interface_columns[] = {
	{ "INTERFACE", "ifname", T }, { "VIF", "vif", N }, { "MAC", "mac", T },
	{ "STATE", "state", XENLOOP_CELL_STATE }, { "REASON", "reason", T },
	{ NULL }
};

static const struct xenloop_column guest_columns[] = {
	{ "GUEST", "name", T }, { "DOMID", "domid", N },
	{ "XENLOOPD", "peer", XENLOOP_CELL_STATE }, { "VIF", "vif", N },
	{ "MAC", "mac", T }, { "NETWORK", "network", T },
	{ "STATE", "state", XENLOOP_CELL_STATE }, { NULL }
};

static const struct xenloop_column counter_columns[] = {
	{ "VIA", "ifname", T }, { "PEER", "name", T }, { "DOMID", "domid", N },
	{ "CHANNEL", "channel", N }, { "COUNTER", "counter", T },
	{ "VALUE", "value", N }, { NULL }
};

static void table(const struct xenloop_output *o, const json_t *rows,
		  const struct xenloop_column *columns, const char *none)
{
	if (json_array_size(rows))
		xenloop_render_table(o, rows, columns);
	else
		fprintf(o->out, "%s\n", none);
}

/* The guest's answer has "peers", Dom0's has "links". */
void xenloop_show_peers(const struct xenloop_output *o, const json_t *reply)
{
	const json_t *links = json_object_get(reply, "links");

	if (links)
		table(o, links, link_columns,
		      "No pairs that run xenloopd on one network; xenloopctl doctor GUEST GUEST says why.");
	else
		table(o, json_object_get(reply, "peers"), peer_columns,
		      "No peers: no other guest runs xenloopd on this guest's networks, or it is kept apart; xenloopctl doctor GUEST GUEST in Dom0 says why.");
}

/* One row per vif: its own members and those of its guest, except the list. */
static json_t *rows_of(const json_t *owners, const char *list)
{
	json_t *rows = json_array();
	const json_t *owner;
	json_t *item, *row;
	size_t i, j;

	json_array_foreach(owners, i, owner) {
		json_array_foreach(json_object_get(owner, list), j, item) {
			row = json_copy((json_t *)owner);
			json_object_update(row, item);
			json_array_append_new(rows, row);
		}
		if (!json_array_size(json_object_get(owner, list)))
			json_array_append(rows, (json_t *)owner);
	}
	return rows;
}

void xenloop_show_status(const struct xenloop_output *o, const json_t *reply)
{
	static const char *const skip[] = { "schema", "command", "host", NULL };
	const json_t *guests = json_object_get(reply, "guests");
	json_t *rows;

	xenloop_render_members(o, reply, skip);
	fputc('\n', o->out);
	if (!guests) {
		table(o, json_object_get(reply, "interfaces"),
		      interface_columns, "No interface is attached.");
		return;
	}
	rows = rows_of(guests, "vifs");
	table(o, rows, guest_columns, "No guests.");
	json_decref(rows);
}

/* One row per counter in @list that is not zero; of @peer, unless that is NULL. */
static void add_counters(json_t *rows, const json_t *owners, const char *list,
			 const char *peer)
{
	const json_t *owner;
	const char *name;
	json_t *value, *row;
	size_t i;

	json_array_foreach(owners, i, owner) {
		json_object_foreach(json_object_get(owner, list), name, value) {
			if (!json_integer_value(value))
				continue;
			row = json_copy((json_t *)owner);
			if (peer)
				json_object_set_new(row, "name",
						    json_string(peer));
			json_object_set_new(row, "counter", json_string(name));
			json_object_set(row, "value", value);
			json_array_append_new(rows, row);
		}
	}
}

void xenloop_show_stats(const struct xenloop_output *o, const json_t *reply)
{
	const json_t *interfaces = json_object_get(reply, "interfaces");
	json_t *rows = json_array();

	add_counters(rows, interfaces, "stats", NULL);
	add_counters(rows, interfaces, "channels", "(all)");
	add_counters(rows, json_object_get(reply, "channels"), "stats", NULL);
	table(o, rows, counter_columns, "All counters are zero.");
	json_decref(rows);
}

static const struct xenloop_column setting_columns[] = {
	{ "SETTING", "name", T }, { "VALUE", "value", N },
	{ "UNIT", "unit", T }, { "DEFAULT", "default", N },
	{ "MIN", "min", N }, { "MAX", "max", N },
	{ "WHAT IT TRADES", "trade", T }, { NULL }
};

void xenloop_show_settings(const struct xenloop_output *o, const json_t *reply)
{
	table(o, json_object_get(reply, "settings"), setting_columns,
	      "No settings.");
}

static size_t where_width(const json_t *findings)
{
	const json_t *finding;
	size_t i, len, width = 0;

	json_array_foreach(findings, i, finding) {
		len = json_string_length(json_object_get(finding, "check")) +
		      1 +
		      json_string_length(json_object_get(finding, "subject"));
		if (len > width)
			width = len;
	}
	return width;
}

/* One line: result, what was looked at, what was found, what to do. */
void xenloop_show_doctor(const struct xenloop_output *o, const json_t *reply)
{
	const json_t *findings = json_object_get(reply, "findings");
	int width = (int)where_width(findings);
	const char *check, *subject, *result, *text, *todo;
	json_t *finding;
	char line[768];
	size_t i;

	json_array_foreach(findings, i, finding) {
		if (json_unpack(finding, "{s:s, s:s, s:s, s:s, s:s}",
				"check", &check, "subject", &subject,
				"result", &result, "text", &text,
				"todo", &todo))
			continue;
		snprintf(line, sizeof(line), "%s %-*s  %s%s%s", check,
			 width - (int)strlen(check) - 1, subject, text,
			 *todo ? " -> " : "", todo);
		xenloop_render_word(o, result, 9);
		xenloop_render_text(o, line);
		fputc('\n', o->out);
	}
}

void xenloop_show_done(const struct xenloop_output *o, const json_t *reply)
{
	static const char *const skip[] = { "schema", "command", "host", NULL };

	xenloop_render_members(o, reply, skip);
}

static void show_time(const struct xenloop_output *o, json_int_t ms)
{
	time_t seconds = ms / 1000;
	char text[32] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	fprintf(o->out, "%s.%03d ", text, (int)(ms % 1000));
}

/* What is shown may have come from another guest. */
static void show_word(const struct xenloop_output *o, const char *word)
{
	for (; *word; word++)
		fputc(*word < '!' || *word > '~' ? '?' : *word, o->out);
}

static void show_member(const struct xenloop_output *o, const char *key,
			const json_t *value)
{
	if (!json_is_integer(value) && !json_string_length(value))
		return;
	fputc(' ', o->out);
	show_word(o, key);
	fputc('=', o->out);
	if (json_is_integer(value))
		fprintf(o->out, "%" JSON_INTEGER_FORMAT,
			json_integer_value(value));
	else
		show_word(o, json_string_value(value));
}

/* "12:00:01.250 up            name=g2 domid=2 ..." */
void xenloop_show_event(const struct xenloop_output *o, const json_t *event)
{
	static const char *const shown[] = {
		"schema", "command", "host", "event", "time_ms",
	};
	const char *name = json_string_value(json_object_get(event, "event"));
	const char *key;
	json_t *value;
	size_t i;
	int len;

	if (!name)
		name = "?";
	len = (int)strlen(name);
	show_time(o, json_integer_value(json_object_get(event, "time_ms")));
	show_word(o, name);
	fprintf(o->out, "%*s", len < 10 ? 10 - len : 0, "");
	json_object_foreach((json_t *)event, key, value) {
		for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
			if (!strcmp(key, shown[i]))
				break;
		if (i == sizeof(shown) / sizeof(shown[0]))
			show_member(o, key, value);
	}
	fputc('\n', o->out);
	fflush(o->out);
}
