// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Metrics: one table of families, each with the place of its values in the
 * daemon's answers; see metrics.h. The names are an interface: dashboards and
 * alerts go by them.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "metrics.h"

#define PAGE 4096	/* of a grant, whatever the kernel's */

enum unit { ONE, MS, PAGES };	/* what the daemon counts in */

struct family;

struct writer {
	FILE *out;
	const struct xenloop_facts *f;
	json_t *channels;	/* those of f->stats, by distinct labels */
	const struct family *head;	/* the family whose header is out */
};

struct family {
	const char *name;
	const char *help;
	bool counter;		/* else a gauge */
	void (*samples)(struct writer *w, const struct family *family);
	const char *path;	/* of the value, or beginning of counters' names */
	enum unit unit;
	const char *word;	/* of a text: what counts as 1 */
};

static void print_header(struct writer *w, const struct family *family)
{
	if (w->head == family)
		return;
	fprintf(w->out, "# HELP %s %s\n# TYPE %s %s\n", family->name,
		family->help, family->name,
		family->counter ? "counter" : "gauge");
	w->head = family;
}

static void print_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

/* "{a=\"b\",...}" from pairs of name and value; nr pairs. */
static void print_labels(FILE *out, const char *const *pairs, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		fprintf(out, "%c%s=\"", i ? ',' : '{', pairs[2 * i]);
		print_text(out, pairs[2 * i + 1]);
		fputc('"', out);
	}
	if (nr)
		fputc('}', out);
}

static void sample(struct writer *w, const struct family *family,
		   const char *const *pairs, size_t nr, json_int_t value)
{
	uint64_t n = value < 0 ? 0 : (uint64_t)value;

	print_header(w, family);
	fputs(family->name, w->out);
	print_labels(w->out, pairs, nr);
	if (family->unit == MS)
		fprintf(w->out, " %" PRIu64 ".%03u\n", n / 1000,
			(unsigned int)(n % 1000));
	else
		fprintf(w->out, " %" PRIu64 "\n",
			family->unit == PAGES ? n * PAGE : n);
}

/* A number, a yes, or a certain word. */
static void sample_json(struct writer *w, const struct family *family,
			const char *const *pairs, size_t nr,
			const json_t *value)
{
	if (json_is_integer(value))
		sample(w, family, pairs, nr, json_integer_value(value));
	else if (json_is_boolean(value))
		sample(w, family, pairs, nr, json_is_true(value));
	else if (json_is_string(value) && family->word)
		sample(w, family, pairs, nr,
		       !strcmp(json_string_value(value), family->word));
}

static void up(struct writer *w, const struct family *family)
{
	sample(w, family, NULL, 0, !w->f->error);
}

static void build_info(struct writer *w, const struct family *family)
{
	const char *pairs[] = {
		"version", xenloop_text_at(w->f->status, "version"),
		"module_version",
		xenloop_text_at(w->f->status, "kernel.module_version"),
	};

	if (w->f->status)
		sample(w, family, pairs, w->f->dom0 ? 1 : 2, 1);
}

/* A member of status. */
static void status(struct writer *w, const struct family *family)
{
	sample_json(w, family, NULL, 0, xenloop_at(w->f->status, family->path));
}

/* An interface that is not here has no name, but it has its vif's number. */
static const char *interface_name(const json_t *row, char buf[24])
{
	const char *ifname = xenloop_text_at(row, "ifname");

	if (*ifname)
		return ifname;
	snprintf(buf, 24, "vif%" JSON_INTEGER_FORMAT,
		 xenloop_number_at(row, "vif"));
	return buf;
}

static void iface(struct writer *w, const struct family *family)
{
	const json_t *row;
	char buf[24];
	size_t i;

	json_array_foreach(xenloop_at(w->f->status, "interfaces"), i, row) {
		const char *pairs[] = { "interface",
					interface_name(row, buf) };

		sample_json(w, family, pairs, 1,
			    json_object_get(row, family->path));
	}
}

/* One counter of a list, or with a path that ends in '-' all that begin so. */
static void counters(struct writer *w, const struct family *family,
		     const json_t *list, const char **pairs, size_t nr)
{
	size_t len = strlen(family->path);
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)list, name, value) {
		bool by_reason = family->path[len - 1] == '-';

		if (by_reason ? strncmp(name, family->path, len) :
				strcmp(name, family->path))
			continue;
		pairs[2 * nr] = "reason";
		pairs[2 * nr + 1] = name + len;
		sample_json(w, family, pairs, nr + by_reason, value);
	}
}

static void iface_counters(struct writer *w, const struct family *family,
			   const char *list)
{
	const json_t *row;
	char buf[24];
	size_t i;

	json_array_foreach(xenloop_at(w->f->stats, "interfaces"), i, row) {
		const char *pairs[4] = { "interface",
					 interface_name(row, buf) };

		counters(w, family, json_object_get(row, list), pairs, 1);
	}
}

static void iface_counter(struct writer *w, const struct family *family)
{
	iface_counters(w, family, "stats");
}

/* Over all channels that the interface has had. */
static void iface_total(struct writer *w, const struct family *family)
{
	iface_counters(w, family, "channels");
}

#define PEER_LABELS(row, buf) \
	"peer", xenloop_text_at(row, "name"), \
	"interface", interface_name(row, buf), \
	"mac", xenloop_text_at(row, "mac")

static void channel_counter(struct writer *w, const struct family *family)
{
	const json_t *channel;
	char buf[24];
	size_t i;

	json_array_foreach(w->channels, i, channel) {
		const char *pairs[8] = { PEER_LABELS(channel, buf) };

		counters(w, family, json_object_get(channel, "stats"), pairs,
			 3);
	}
}

static void peer(struct writer *w, const struct family *family)
{
	const json_t *row;
	char buf[24];
	size_t i;

	json_array_foreach(xenloop_at(w->f->peers, "peers"), i, row) {
		const char *pairs[] = { PEER_LABELS(row, buf) };

		sample_json(w, family, pairs, 3,
			    json_object_get(row, family->path));
	}
}

static void guests(struct writer *w, const struct family *family)
{
	const json_t *list = xenloop_at(w->f->status, "guests");

	if (list)
		sample(w, family, NULL, 0, (json_int_t)json_array_size(list));
}

/* How many vifs there are in each state. */
static void vifs(struct writer *w, const struct family *family)
{
	const json_t *guest, *vif;
	json_t *count = json_object(), *value;
	const char *state;
	size_t i, k;

	json_array_foreach(xenloop_at(w->f->status, "guests"), i, guest)
		json_array_foreach(json_object_get(guest, "vifs"), k, vif) {
			state = xenloop_text_at(vif, "state");
			json_object_set_new(count, state,
				json_integer(xenloop_number_at(count, state) +
					     1));
		}
	json_object_foreach(count, state, value) {
		const char *pairs[] = { "reason", state };

		sample_json(w, family, pairs, 1, value);
	}
	json_decref(count);
}

static const struct family families[] = {
	{ "xenloop_up", "Whether the daemon answered.", false, up },
	{ "xenloop_build_info", "Versions of the daemon and of the module; always 1.",
	  false, build_info },
	{ "xenloop_uptime_seconds", "Time since the daemon started.",
	  false, status, "daemon.uptime_ms", MS },
	{ "xenloop_xenstore_connected", "Whether the daemon has XenStore.",
	  false, status, "daemon.xenstore", ONE, "connected" },

	/* A guest. */
	{ "xenloop_module_loaded", "Whether the kernel module can be used.",
	  false, status, "kernel.loaded" },
	{ "xenloop_discovery_seen", "Whether xendiscoverd has told of this guest.",
	  false, status, "discovery.seen" },
	{ "xenloop_nodes_ignored_total", "XenStore nodes that made no sense.",
	  true, status, "daemon.nodes_ignored" },
	{ "xenloop_messages_stale_total",
	  "Messages of another epoch or attempt.",
	  true, status, "daemon.messages_stale" },
	{ "xenloop_messages_refused_total", "Messages against the protocol.",
	  true, status, "daemon.messages_refused" },
	{ "xenloop_channels_created_total", "Channels created since the module was loaded.",
	  true, status, "kernel.chans_created" },
	{ "xenloop_channels_destroyed_total", "Channels freed since the module was loaded.",
	  true, status, "kernel.chans_destroyed" },
	{ "xenloop_granted_bytes_total", "Memory granted to peers since the module was loaded.",
	  true, status, "kernel.pages_granted", PAGES },
	{ "xenloop_freed_bytes_total", "Granted memory whose grant has ended.",
	  true, status, "kernel.pages_freed", PAGES },
	{ "xenloop_deferred_bytes", "Memory of closed channels that a peer has not unmapped yet.",
	  false, status, "kernel.pages_deferred", PAGES },
	{ "xenloop_mapped_bytes", "Memory of peers that is mapped.",
	  false, status, "kernel.pages_mapped", PAGES },
	{ "xenloop_event_channels", "Event channels bound.",
	  false, status, "kernel.ports_bound" },
	{ "xenloop_max_channels", "How many channels there may be at a time.",
	  false, status, "settings.max_channels" },

	{ "xenloop_interface_attached", "Whether the interface's traffic may take channels.",
	  false, iface, "state", ONE, "attached" },
	{ "xenloop_interface_aside", "Whether the interface stands aside: no frame takes a channel.",
	  false, iface, "state", ONE, "aside" },
	{ "xenloop_interface_passed_frames_total", "Frames left to the standard path, by reason.",
	  true, iface_counter, "pass-" },
	{ "xenloop_interface_markers_sent_total", "Marker frames sent by the standard path.",
	  true, iface_counter, "markers-sent" },
	{ "xenloop_interface_markers_unknown_total", "Marker frames received that no channel waits for.",
	  true, iface_counter, "markers-unknown" },
	{ "xenloop_interface_returned_frames_total", "Frames that a channel took and that left by netfront after all.",
	  true, iface_counter, "returned" },
	{ "xenloop_interface_held_frames_total", "Frames kept over a suspend.",
	  true, iface_counter, "held" },
	{ "xenloop_interface_held_dropped_frames_total", "Frames that were kept over a suspend, and dropped.",
	  true, iface_counter, "held-dropped" },
	{ "xenloop_interface_channels_refused_total", "Channels that could not be made with what a peer gave, by reason.",
	  true, iface_counter, "refused-" },
	{ "xenloop_interface_channels_ended_total", "Channels that ended, by reason.",
	  true, iface_counter, "ended-" },
	{ "xenloop_interface_transmitted_frames_total", "Frames put into channels, those that are gone included.",
	  true, iface_total, "tx-frames" },
	{ "xenloop_interface_transmitted_bytes_total", "Bytes put into channels, those that are gone included.",
	  true, iface_total, "tx-bytes" },
	{ "xenloop_interface_received_frames_total", "Frames taken out of channels, those that are gone included.",
	  true, iface_total, "rx-frames" },
	{ "xenloop_interface_received_bytes_total", "Bytes taken out of channels, those that are gone included.",
	  true, iface_total, "rx-bytes" },
	{ "xenloop_interface_transmit_dropped_frames_total", "Frames that channels dropped instead of sending, those that are gone included, by reason.",
	  true, iface_total, "tx-drop-" },
	{ "xenloop_interface_receive_dropped_frames_total", "Received frames that channels dropped, those that are gone included, by reason.",
	  true, iface_total, "rx-drop-" },

	{ "xenloop_peer_up", "Whether the channel to the peer is up.",
	  false, peer, "state", ONE, "up" },
	{ "xenloop_peer_failures", "Failed attempts in a row to bring up the channel.",
	  false, peer, "failures" },
	{ "xenloop_channel_fifo_bytes", "Size of the FIFO in each direction; 0 without a channel.",
	  false, peer, "fifo_size" },
	{ "xenloop_channel_age_seconds", "Time since the channel came up.",
	  false, peer, "age_ms", MS },
	{ "xenloop_channel_idle_seconds", "Time since the last frame in either direction.",
	  false, peer, "idle_ms", MS },

	{ "xenloop_channel_transmitted_frames_total", "Frames put into the channel.",
	  true, channel_counter, "tx-frames" },
	{ "xenloop_channel_transmitted_bytes_total", "Bytes put into the channel.",
	  true, channel_counter, "tx-bytes" },
	{ "xenloop_channel_transmitted_gso_frames_total", "Frames of several segments put into the channel.",
	  true, channel_counter, "tx-gso-frames" },
	{ "xenloop_channel_data_events_total", "Events sent because there were frames.",
	  true, channel_counter, "tx-events" },
	{ "xenloop_channel_room_events_total", "Events sent because there was room.",
	  true, channel_counter, "tx-room-events" },
	{ "xenloop_channel_backlogged_frames_total", "Frames that had to wait for room.",
	  true, channel_counter, "tx-backlogged" },
	{ "xenloop_channel_segmented_frames_total", "Frames split in software for the channel.",
	  true, channel_counter, "tx-segmented" },
	{ "xenloop_channel_returned_frames_total", "Frames taken back out of the channel.",
	  true, channel_counter, "tx-returned" },
	{ "xenloop_channel_standard_frames_total", "Frames of the channel that left by the standard path.",
	  true, channel_counter, "tx-standard" },
	{ "xenloop_channel_transmit_dropped_frames_total", "Frames dropped instead of sent, by reason.",
	  true, channel_counter, "tx-drop-" },
	{ "xenloop_channel_received_frames_total", "Frames taken out of the channel.",
	  true, channel_counter, "rx-frames" },
	{ "xenloop_channel_received_bytes_total", "Bytes taken out of the channel.",
	  true, channel_counter, "rx-bytes" },
	{ "xenloop_channel_received_gso_frames_total", "Frames of several segments taken out of the channel.",
	  true, channel_counter, "rx-gso-frames" },
	{ "xenloop_channel_interrupts_total", "Events received.",
	  true, channel_counter, "rx-events" },
	{ "xenloop_channel_polls_total", "Polls for received frames.",
	  true, channel_counter, "rx-polls" },
	{ "xenloop_channel_paced_polls_total", "Polls left to the channel's thread.",
	  true, channel_counter, "rx-paced" },
	{ "xenloop_channel_idle_polls_total", "Polls in idle time that found frames without an event.",
	  true, channel_counter, "rx-idle-polls" },
	{ "xenloop_channel_markers_received_total", "Marker frames received for the channel.",
	  true, channel_counter, "rx-markers" },
	{ "xenloop_channel_hold_timeouts_total", "Times that a marker frame did not arrive in time.",
	  true, channel_counter, "rx-hold-timeouts" },
	{ "xenloop_channel_receive_retries_total", "Times that a frame had to wait for memory.",
	  true, channel_counter, "rx-nomem" },
	{ "xenloop_channel_receive_dropped_frames_total", "Received frames dropped, by reason.",
	  true, channel_counter, "rx-drop-" },

	/* Dom0. */
	{ "xenloop_guests", "Guests on this host.", false, guests },
	{ "xenloop_peers", "Guests that run xenloopd.", false, status, "peers" },
	{ "xenloop_allowed_links", "Pairs of vifs that may have a channel.",
	  false, status, "allowed_links" },
	{ "xenloop_vifs", "Vifs by whether they may loop: ok, or the reason why not.",
	  false, vifs },
	{ "xenloop_messages_relayed_total", "Messages passed on between guests.",
	  true, status, "counters.messages_relayed" },
	{ "xenloop_messages_withdrawn_total", "Messages taken back.",
	  true, status, "counters.messages_withdrawn" },
	{ "xenloop_messages_refused_total", "Messages against the protocol.",
	  true, status, "counters.messages_refused" },
	{ "xenloop_messages_deferred_total", "Messages put off by the rate limit.",
	  true, status, "counters.messages_deferred" },
	{ "xenloop_nodes_ignored_total", "XenStore nodes that made no sense.",
	  true, status, "counters.nodes_ignored" },
	{ "xenloop_guest_updates_total", "Times that a guest's nodes were written.",
	  true, status, "counters.guest_updates" },
};

static bool same_labels(const json_t *a, const json_t *b)
{
	static const char *const keys[] = { "name", "ifname", "mac" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(xenloop_text_at(a, keys[i]),
			   xenloop_text_at(b, keys[i])))
			return false;
	return true;
}

static void add_stats(json_t *to, const json_t *from)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)from, name, value) {
		uint64_t sum = (uint64_t)xenloop_number_at(to, name) +
			       (uint64_t)json_integer_value(value);

		json_object_set_new(to, name, json_integer((json_int_t)sum));
	}
}

static json_t *find_same(const json_t *list, const json_t *channel)
{
	json_t *other;
	size_t i;

	json_array_foreach(list, i, other)
		if (same_labels(channel, other))
			return other;
	return NULL;
}

/* A channel that is closing and its successor are one series. */
static json_t *merge_channels(const json_t *channels)
{
	json_t *merged = json_array(), *other;
	const json_t *channel;
	size_t i;

	json_array_foreach(channels, i, channel) {
		other = find_same(merged, channel);
		if (other)
			add_stats(json_object_get(other, "stats"),
				  json_object_get(channel, "stats"));
		else
			json_array_append_new(merged, json_deep_copy(channel));
	}
	return merged;
}

int xenloop_metrics(FILE *out, const struct xenloop_facts *f)
{
	struct writer w = {
		.out = out, .f = f,
		.channels = merge_channels(xenloop_at(f->stats, "channels")),
	};

	if (!w.channels)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		families[i].samples(&w, &families[i]);
	json_decref(w.channels);
	return 0;
}
