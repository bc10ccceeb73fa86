// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Control socket, the daemon's side: who is connected, and bytes in and out.
 * What a line means is in ctl_request.c.
 *
 * A client is in one of three phases: we read its request, or it reads our
 * answer (and we read nothing), or it is subscribed. The first two have a
 * deadline, the third a limit on how far it may lag.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "ctl_request.h"

struct client {
	LIST_ENTRY(client) link;
	struct xenloop_ctl *ctl;
	struct bufferevent *bev;
	struct event *deadline;
	uid_t uid;
	bool subscribed;
	bool closing;		/* ends when the answer is written */
};

struct xenloop_ctl {
	struct event_base *base;
	struct evconnlistener *listener;
	const struct xenloop_ctl_verb *verbs;
	void *arg;
	unsigned int nr_clients;
	LIST_HEAD(, client) clients;
	struct sockaddr_un address;
};

static void client_free(struct client *c)
{
	LIST_REMOVE(c, link);
	c->ctl->nr_clients--;
	if (c->deadline)
		event_free(c->deadline);
	bufferevent_free(c->bev);
	free(c);
}

static void client_rearm(struct client *c)
{
	const struct timeval timeout = { .tv_sec = XENLOOP_CTL_TIMEOUT };

	event_add(c->deadline, &timeout);
}

/* Puts a line into the client's buffer. Returns -1 when out of memory. */
static int client_write(struct client *c, const json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);
	int err = -1;

	if (text)
		err = evbuffer_add_printf(bufferevent_get_output(c->bev),
					  "%s\n", text) < 0 ? -1 : 0;
	free(text);
	return err;
}

/* Answers one line; the client then reads until its buffer here is empty. */
static void client_answer(struct client *c, const char *line, size_t len)
{
	struct xenloop_ctl *ctl = c->ctl;
	bool stream = false;
	json_t *reply;

	reply = xenloop_ctl_answer(ctl->verbs, ctl->arg, c->uid, line, len,
				   &stream);
	if (!reply || client_write(c, reply))
		c->closing = true;
	json_decref(reply);
	c->subscribed = stream && !c->closing;
	if (c->subscribed)
		event_del(c->deadline);
	else
		client_rearm(c);
}

static void client_too_long(struct client *c)
{
	client_answer(c, "", 0);
	c->closing = true;
}

/*
 * Answers the next request, if it is here in full. The deadline runs from the
 * end of the last one, so a byte now and then does not keep a client alive.
 */
static void client_next(struct client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t len = 0;
	char *line;

	line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
	if (line && len < XENLOOP_CTL_MAX_REQUEST)
		client_answer(c, line, len);
	else if (line || evbuffer_get_length(in) >= XENLOOP_CTL_MAX_REQUEST)
		client_too_long(c);
	else
		return;
	free(line);
	if (!c->subscribed)
		bufferevent_disable(c->bev, EV_READ);
}

/* A subscriber has nothing more to say; it still gets what we have said. */
static void client_end(struct client *c)
{
	if (!evbuffer_get_length(bufferevent_get_output(c->bev))) {
		client_free(c);
		return;
	}
	c->subscribed = false;
	c->closing = true;
	bufferevent_disable(c->bev, EV_READ);
	client_rearm(c);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;

	if (c->subscribed)
		client_end(c);
	else
		client_next(c);
}

/* The answer is written in full. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;

	if (c->closing) {
		client_free(c);
		return;
	}
	if (c->subscribed)
		return;
	bufferevent_enable(bev, EV_READ);
	client_rearm(c);
	client_next(c);
}

static void on_gone(struct bufferevent *bev, short what, void *arg)
{
	client_free(arg);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	client_free(arg);
}

/* The client's user by the kernel's word; -1 means nobody known. */
static uid_t peer_uid(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return (uid_t)-1;
	return cred.uid;
}

/* Subscribers stay as long as they like: so not all places are for anybody. */
static bool has_room(const struct xenloop_ctl *ctl, uid_t uid)
{
	unsigned int most = XENLOOP_CTL_MAX_CLIENTS;

	if (uid)
		most -= XENLOOP_CTL_ROOT_CLIENTS;
	return ctl->nr_clients < most;
}

static struct client *client_new(struct xenloop_ctl *ctl, int fd, uid_t uid)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ctl = ctl;
	c->uid = uid;
	c->bev = bufferevent_socket_new(ctl->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->bev) {
		free(c);
		return NULL;
	}
	LIST_INSERT_HEAD(&ctl->clients, c, link);
	ctl->nr_clients++;
	return c;
}

static void refuse(int fd)
{
	static const char busy[] =
		"{\"schema\":1,\"error\":{\"code\":\"" XENLOOP_CTL_BUSY "\","
		"\"message\":\"too many clients, try again\"}}\n";

	/* Into an empty socket buffer: it fits, or the client is gone. */
	send(fd, busy, sizeof(busy) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
		      struct sockaddr *address, int len, void *arg)
{
	struct xenloop_ctl *ctl = arg;
	uid_t uid = peer_uid(fd);
	struct client *c;

	if (!has_room(ctl, uid)) {
		refuse(fd);
		return;
	}
	c = client_new(ctl, fd, uid);
	if (!c) {
		close(fd);
		return;
	}
	c->deadline = evtimer_new(ctl->base, on_deadline, c);
	if (!c->deadline) {
		client_free(c);
		return;
	}
	bufferevent_setcb(c->bev, on_read, on_written, on_gone, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, XENLOOP_CTL_MAX_REQUEST);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	client_rearm(c);
}

/* Removes a socket that nobody listens on; -1 if somebody does. */
static int remove_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int answered;

	if (fd < 0)
		return -1;
	answered = !connect(fd, (const struct sockaddr *)address,
			    sizeof(*address));
	if (!answered && errno == ECONNREFUSED)
		unlink(address->sun_path);
	close(fd);
	if (answered)
		errno = EADDRINUSE;
	return answered ? -1 : 0;
}

static void make_directory(const char *path)
{
	char directory[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (!slash || slash == directory)
		return;
	*slash = '\0';
	/* Usually systemd has made it; bind() tells if this did not work. */
	mkdir(directory, 0755);
}

/* Run by root, the socket is for group xenloop too, where there is one. */
static int give_to_group(const char *path)
{
	const struct group *group;

	if (geteuid())
		return 0;
	group = getgrnam("xenloop");
	return group ? chown(path, 0, group->gr_gid) : 0;
}

/* A listening socket, or -1 and errno. */
static int listen_on(const struct sockaddr_un *address)
{
	mode_t mask;
	int err;
	int fd;

	make_directory(address->sun_path);
	if (remove_stale(address))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	mask = umask(0117);
	err = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	umask(mask);
	if (err || give_to_group(address->sun_path) || listen(fd, 16)) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

struct xenloop_ctl *xenloop_ctl_new(struct event_base *base, const char *path,
				    const struct xenloop_ctl_verb *verbs,
				    void *arg)
{
	struct xenloop_ctl *ctl = calloc(1, sizeof(*ctl));
	int fd;

	if (!ctl)
		return NULL;
	ctl->base = base;
	ctl->verbs = verbs;
	ctl->arg = arg;
	LIST_INIT(&ctl->clients);
	ctl->address.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(ctl->address.sun_path)) {
		errno = ENAMETOOLONG;
		goto err_free;
	}
	strcpy(ctl->address.sun_path, path);
	fd = listen_on(&ctl->address);
	if (fd < 0)
		goto err_free;
	ctl->listener = evconnlistener_new(base, on_accept, ctl,
					   LEV_OPT_CLOSE_ON_FREE |
					   LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (ctl->listener)
		return ctl;
	close(fd);
	errno = ENOMEM;
err_free:
	free(ctl);
	return NULL;
}

void xenloop_ctl_free(struct xenloop_ctl *ctl)
{
	if (!ctl)
		return;
	while (!LIST_EMPTY(&ctl->clients))
		client_free(LIST_FIRST(&ctl->clients));
	unlink(ctl->address.sun_path);
	evconnlistener_free(ctl->listener);
	free(ctl);
}

bool xenloop_ctl_has_subscribers(const struct xenloop_ctl *ctl)
{
	const struct client *c;

	LIST_FOREACH(c, &ctl->clients, link)
		if (c->subscribed)
			return true;
	return false;
}

static void client_event(struct client *c, const json_t *event)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	if (client_write(c, event) ||
	    evbuffer_get_length(out) > XENLOOP_CTL_MAX_BACKLOG)
		client_free(c);
}

void xenloop_ctl_event(struct xenloop_ctl *ctl, json_t *event)
{
	json_t *message = json_pack("{s:i, s:s}", "schema", XENLOOP_CTL_SCHEMA,
				    "command", "monitor");
	struct client *next;
	struct client *c;

	if (!event || !message || json_object_update(message, event))
		goto out;
	for (c = LIST_FIRST(&ctl->clients); c; c = next) {
		next = LIST_NEXT(c, link);
		if (c->subscribed)
			client_event(c, message);
	}
out:
	json_decref(message);
	json_decref(event);
}
