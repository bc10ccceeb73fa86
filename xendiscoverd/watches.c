// SPDX-License-Identifier: GPL-2.0 OR MIT
/* XenStore watches: which there are, and what each makes stale. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xendiscoverd/xendiscoverd.h"

/*
 * The token says which watch it is; those of a guest carry its domid, for what
 * fires by an ancestor's removal.
 */
#define TOKEN_DOMAINS "domains"
#define TOKEN_LIBXL "libxl"
#define TOKEN_BACKEND "backend"

static const char libxl_dir[] = "/libxl";
static const char backend_dir[] = "/local/domain/0/backend/vif";

static const struct {
	const char *path;
	const char *token;
} global_watches[] = {
	{ "@introduceDomain", TOKEN_DOMAINS },
	{ "@releaseDomain", TOKEN_DOMAINS },
	{ libxl_dir, TOKEN_LIBXL },
	{ backend_dir, TOKEN_BACKEND },
};

/* Keys of a vif's backend that we read; others change without our interest. */
static const char *const vif_keys[] = {
	"mac", "bridge", "script", "rate", "ip"
};

int xenloop_watches_add(struct xenloop_xs *xs)
{
	size_t nr = sizeof(global_watches) / sizeof(global_watches[0]);
	int err = 0;

	for (size_t i = 0; i < nr && !err; i++)
		err = xenloop_xs_watch(xs, global_watches[i].path,
				       global_watches[i].token);
	return err;
}

struct guest_watch {
	char path[64];
	char token[32];
};

static void guest_watches(uint32_t domid, struct guest_watch w[2])
{
	snprintf(w[0].path, sizeof(w[0].path), "/local/domain/%u/data/xenloop",
		 domid);
	snprintf(w[0].token, sizeof(w[0].token), "data/%u", domid);
	snprintf(w[1].path, sizeof(w[1].path), "/local/domain/%u/name", domid);
	snprintf(w[1].token, sizeof(w[1].token), "name/%u", domid);
}

int xenloop_watches_add_guest(struct xenloop_xs *xs, uint32_t domid)
{
	struct guest_watch w[2];
	int err = 0;

	guest_watches(domid, w);
	for (int i = 0; i < 2 && !err; i++) {
		err = xenloop_xs_watch(xs, w[i].path, w[i].token);
		if (err == -EEXIST)	/* left by a try that failed later */
			err = 0;
	}
	return err;
}

void xenloop_watches_remove_guest(struct xenloop_xs *xs, uint32_t domid)
{
	struct guest_watch w[2];

	guest_watches(domid, w);
	for (int i = 0; i < 2; i++)
		xenloop_xs_unwatch(xs, w[i].path, w[i].token);
}

static void facts_stale(struct xenloop_discoverd *d, const char *domid)
{
	struct xenloop_guest *guest;
	uint32_t id;

	if (xenloop_u32_parse(domid, XENLOOP_DOMID_MAX, &id))
		return;
	guest = xenloop_model_find(&d->model, id);
	if (!guest)
		return;
	guest->facts_stale = true;
	xenloop_discoverd_schedule(d, 0);
}

/* Splits the path at its slashes; word[0] is what is left of the first one. */
static int split_path(char *path, char *word[], int max)
{
	int n = 0;

	for (char *save, *s = strtok_r(path, "/", &save); s && n < max;
	     s = strtok_r(NULL, "/", &save))
		word[n++] = s;
	return n;
}

/* libxl / N / device / vif ... */
static void libxl_fired(struct xenloop_discoverd *d, char *path)
{
	char *w[4];
	int n = split_path(path, w, 4);

	if (n == 4 && !strcmp(w[2], "device") && !strcmp(w[3], "vif"))
		facts_stale(d, w[1]);
}

static bool is_vif_key(const char *name)
{
	for (size_t i = 0; i < sizeof(vif_keys) / sizeof(vif_keys[0]); i++)
		if (!strcmp(vif_keys[i], name))
			return true;
	return false;
}

/* local / domain / 0 / backend / vif / N / V / key */
static void backend_fired(struct xenloop_discoverd *d, char *path)
{
	char *w[8];
	int n = split_path(path, w, 8);

	if (n == 6 || n == 7 || (n == 8 && is_vif_key(w[7])))
		facts_stale(d, w[5]);
}

/* What is behind data/xenloop in a path that may also be above it. */
static const char *below_data(const char *path)
{
	static const char dir[] = "/data/xenloop";
	const char *at = strstr(path, dir);

	if (!at)
		return "";
	at += sizeof(dir) - 1;
	return *at == '/' ? at + 1 : at;
}

static void data_fired(struct xenloop_discoverd *d, const char *domid,
		       const char *path)
{
	const char *rest = below_data(path);
	uint64_t now_ms = xenloop_now_ms();
	struct xenloop_guest *guest;
	bool hello = !strcmp(rest, "hello");
	bool marked;
	uint64_t wait;
	uint32_t id;

	if (xenloop_u32_parse(domid, XENLOOP_DOMID_MAX, &id))
		return;
	guest = xenloop_model_find(&d->model, id);
	if (!guest)
		return;
	if (!*rest || hello)
		guest->hello_stale = true;
	marked = xenloop_relay_mark(guest, rest, d->settings, &d->relay);
	/* What we would not read, or not yet, is no reason to begin a round. */
	if (!marked && !hello)
		return;
	wait = hello ? xenloop_guest_hello_wait(guest, now_ms) :
		       xenloop_ratelimit_wait(&guest->message_rate, now_ms);
	xenloop_discoverd_schedule(d, wait);
}

void xenloop_watches_fired(struct xenloop_discoverd *d,
			   const struct xenloop_xs_event *ev)
{
	char path[XENLOOP_XS_PATH_SIZE];

	strcpy(path, ev->path);
	if (!strcmp(ev->token, TOKEN_DOMAINS)) {
		d->domains_stale = true;
		xenloop_discoverd_schedule(d, 0);
	} else if (!strcmp(ev->token, TOKEN_LIBXL)) {
		libxl_fired(d, path);
	} else if (!strcmp(ev->token, TOKEN_BACKEND)) {
		backend_fired(d, path);
	} else if (!strncmp(ev->token, "name/", 5)) {
		facts_stale(d, ev->token + 5);
	} else if (!strncmp(ev->token, "data/", 5)) {
		data_fired(d, ev->token + 5, path);
	}
}
