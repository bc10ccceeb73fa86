// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Gathering facts; see facts.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "ctl.h"
#include "facts.h"
#include "xs.h"

#define TIMEOUT_MS 10000

const json_t *xenloop_at(const json_t *object, const char *path)
{
	char name[32];
	size_t len;

	while (object) {
		len = strcspn(path, ".");
		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		object = json_object_get(object, name);
		if (!path[len])
			break;
		path += len + 1;
	}
	return object;
}

const char *xenloop_text_at(const json_t *object, const char *path)
{
	const char *text = json_string_value(xenloop_at(object, path));

	return text ? text : "";
}

json_int_t xenloop_number_at(const json_t *object, const char *path)
{
	return json_integer_value(xenloop_at(object, path));
}

bool xenloop_flag_at(const json_t *object, const char *path)
{
	return json_is_true(xenloop_at(object, path));
}

/* 0 and *reply, or -errno; an error that is not about names is one too. */
static int ask(const char *path, const char *command, const char *const *args,
	       size_t nr_args, json_t **reply)
{
	int err = xenloop_ctl_request(path, command, args, nr_args, TIMEOUT_MS,
				      reply);
	const char *code;

	if (err)
		return err;
	code = xenloop_text_at(*reply, "error.code");
	if (xenloop_number_at(*reply, "schema") != XENLOOP_CTL_SCHEMA)
		err = -EPROTO;
	else if (!strcmp(code, XENLOOP_CTL_BUSY))
		err = -EBUSY;
	else if (*code && strcmp(code, XENLOOP_CTL_NOT_FOUND))
		err = -EPROTO;
	if (err) {
		json_decref(*reply);
		*reply = NULL;
	}
	return err;
}

static int ask_all(struct xenloop_facts *f, const char *path)
{
	int err = ask(path, "status", NULL, 0, &f->status);

	/* Dom0's list of pairs grows with the square of the guests; nobody needs it. */
	if (!err && !f->dom0)
		err = ask(path, "peers", NULL, 0, &f->peers);
	if (!err && !f->dom0)
		err = ask(path, "stats", NULL, 0, &f->stats);
	if (!err && f->dom0 && f->nr_who == 2)
		err = ask(path, "pair", f->who, 2, &f->pair);
	return err;
}

/* The first line of a file, or an empty string. */
static void read_line(const char *root, const char *path, char *line, int size)
{
	char full[256];
	FILE *file;

	snprintf(full, sizeof(full), "%s%s", root, path);
	file = fopen(full, "re");
	if (!file || !fgets(line, size, file))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (file)
		fclose(file);
}

static void look_at_files(struct xenloop_facts *f, const char *root)
{
	char line[64];

	f->on_xen = xenloop_xs_on_xen(root);
	f->control_domain = xenloop_xs_in_dom0(root) > 0;
	/* Only a module that is loaded has this, not one that is built in. */
	read_line(root, "/sys/module/xenloop/initstate", line, sizeof(line));
	f->module = line[0];
}

static void unit_property(sd_bus *bus, const char *path, const char *interface,
			  const char *name, char *text, size_t size)
{
	char *value = NULL;

	if (sd_bus_get_property_string(bus, "org.freedesktop.systemd1", path,
				       interface, name, NULL, &value) >= 0)
		snprintf(text, size, "%s", value);
	free(value);
}

#define UNIT	"org.freedesktop.systemd1.Unit"
#define SERVICE	"org.freedesktop.systemd1.Service"

/* Without systemd, or without its bus, all stays empty. */
static void look_at_unit(struct xenloop_facts *f, const char *daemon)
{
	sd_bus *bus = NULL;
	char *path = NULL;
	char unit[64];

	snprintf(unit, sizeof(unit), "%s.service", daemon);
	if (sd_bus_open_system(&bus) < 0 ||
	    sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit,
			       &path) < 0)
		goto out;
	unit_property(bus, path, UNIT, "LoadState", f->unit_load,
		      sizeof(f->unit_load));
	unit_property(bus, path, UNIT, "ActiveState", f->unit_active,
		      sizeof(f->unit_active));
	unit_property(bus, path, SERVICE, "Result", f->unit_result,
		      sizeof(f->unit_result));
out:
	free(path);
	sd_bus_unref(bus);
}

void xenloop_facts_gather(struct xenloop_facts *f, const char *path,
			  const char *daemon, const char *root)
{
	f->error = ask_all(f, path);
	if (!f->error)
		return;
	look_at_files(f, root);
	if (!*root)
		look_at_unit(f, daemon);
}

void xenloop_facts_clear(struct xenloop_facts *f)
{
	json_decref(f->status);
	json_decref(f->peers);
	json_decref(f->stats);
	json_decref(f->pair);
}
