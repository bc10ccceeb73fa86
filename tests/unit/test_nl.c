// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The netlink client, with a script in the place of the kernel: what it sends,
 * and what it makes of acknowledgements, errors, dumps and events.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include "proto/nl_client.h"
#include "proto/nl_codec.h"

#define FAMILY	77

static struct xenloop_nl_client client;
static struct nl_cb *cb;

/* What the kernel is going to say: messages, one after the other. */
static unsigned char script[8][4096];
static int script_len[8];
static int nr_scripts, next_script;
/* What it was told last. */
static unsigned char request[4096];
static int sends;

static int take_request(struct nl_sock *sock, struct nl_msg *msg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);

	sends++;
	assert_true(nlh->nlmsg_len <= sizeof(request));
	memcpy(request, nlh, nlh->nlmsg_len);
	return (int)nlh->nlmsg_len;
}

/* One batch; all its messages answer the last request. */
static int give_answer(struct nl_sock *sock, struct sockaddr_nl *from,
		       unsigned char **buf, struct ucred **creds)
{
	struct nlmsghdr *sent = (struct nlmsghdr *)request, *nlh;
	int len, rest;

	if (next_script == nr_scripts)
		fail_msg("nothing more to receive");
	len = rest = script_len[next_script];
	*buf = malloc((size_t)len);
	memcpy(*buf, script[next_script++], (size_t)len);
	memset(from, 0, sizeof(*from));
	for (nlh = (struct nlmsghdr *)*buf; nlmsg_ok(nlh, rest);
	     nlh = nlmsg_next(nlh, &rest)) {
		nlh->nlmsg_seq = sent->nlmsg_seq;
		nlh->nlmsg_pid = sent->nlmsg_pid;
	}
	return len;
}

static void append(struct nl_msg *msg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	int len = NLMSG_ALIGN((int)nlh->nlmsg_len);

	memcpy(script[nr_scripts] + script_len[nr_scripts], nlh,
	       nlh->nlmsg_len);
	script_len[nr_scripts] += len;
	nlmsg_free(msg);
}

static void end_batch(void)
{
	script_len[++nr_scripts] = 0;
}

static void add_ack(int error, const char *text)
{
	struct nlmsgerr err = { .error = error };
	int flags = text ? NLM_F_CAPPED | NLM_F_ACK_TLVS : NLM_F_CAPPED;
	struct nl_msg *msg = nlmsg_alloc();

	nlmsg_put(msg, 0, 0, NLMSG_ERROR, 0, flags);
	nlmsg_append(msg, &err, sizeof(err), 4);
	if (text)
		nla_put_string(msg, NLMSGERR_ATTR_MSG, text);
	append(msg);
}

static void add_done_with(int error, int flags)
{
	struct nl_msg *msg = nlmsg_alloc();

	nlmsg_put(msg, 0, 0, NLMSG_DONE, 0, NLM_F_MULTI | flags);
	nlmsg_append(msg, &error, sizeof(error), 4);
	append(msg);
}

static void add_done(int error)
{
	add_done_with(error, 0);
}

static struct nl_msg *reply(int cmd, int flags)
{
	struct nl_msg *msg = nlmsg_alloc_size(16384);

	genlmsg_put(msg, 0, 0, FAMILY, 0, flags, cmd, 1);
	return msg;
}

static struct nl_msg *chan_reply(uint32_t id, int flags)
{
	static const uint8_t mac[] = { 2, 0, 0, 0, 0, 7 };
	struct nl_msg *msg = reply(XENLOOP_CMD_CHAN_DUMP, flags);

	nla_put_u32(msg, XENLOOP_A_CHAN_ID, id);
	nla_put_u32(msg, XENLOOP_A_CHAN_IFINDEX, 2);
	nla_put(msg, XENLOOP_A_CHAN_PEER_MAC, sizeof(mac), mac);
	nla_put_u32(msg, XENLOOP_A_CHAN_STATE, XENLOOP_CHAN_STATE_ACTIVE);
	return msg;
}

static int setup(void **state)
{
	memset(&client, 0, sizeof(client));
	memset(script_len, 0, sizeof(script_len));
	nr_scripts = next_script = sends = 0;
	client.nl.ops = &xenloop_nl_libnl_ops;
	client.family = FAMILY;
	client.cmd_cb = cb = nl_cb_alloc(NL_CB_DEFAULT);
	nl_cb_overwrite_send(cb, take_request);
	nl_cb_overwrite_recv(cb, give_answer);
	client.cmd = nl_socket_alloc_cb(cb);
	xenloop_nl_client_listen(&client);
	return 0;
}

static int teardown(void **state)
{
	nl_socket_free(client.cmd);
	nl_cb_put(cb);
	return 0;
}

static struct xenloop_nl *nl = &client.nl;

static struct nlattr *sent(int cmd, int flags, int type)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)request;

	assert_int_equal(nlh->nlmsg_type, FAMILY);
	assert_int_equal(genlmsg_hdr(nlh)->cmd, cmd);
	assert_int_equal(nlh->nlmsg_flags & ~NLM_F_ACK, NLM_F_REQUEST | flags);
	return nlmsg_find_attr(nlh, GENL_HDRLEN, type);
}

static void test_ack(void **state)
{
	add_ack(0, NULL);
	end_batch();
	assert_int_equal(nl->ops->activate(nl, 9), 0);
	assert_int_equal(nla_get_u32(sent(XENLOOP_CMD_ACTIVATE, 0,
					  XENLOOP_A_CHAN_ID)), 9);
	assert_int_equal(sends, 1);
}

/* The kernel's number and the kernel's words. */
static void test_extack(void **state)
{
	add_ack(-ENETDOWN, "the interface is down");
	end_batch();
	assert_int_equal(nl->ops->accept(nl, 9, 33), -ENETDOWN);
	assert_string_equal(nl->ops->error(nl), "the interface is down");
	assert_int_equal(nla_get_u32(sent(XENLOOP_CMD_ACCEPT, 0,
					  XENLOOP_A_CHAN_REMOTE_GREF)), 33);
}

static void test_error_without_words(void **state)
{
	add_ack(-EPERM, NULL);
	end_batch();
	assert_int_equal(nl->ops->iface_detach(nl, 2), -EPERM);
	assert_string_equal(nl->ops->error(nl), strerror(EPERM));
	/* A good call after it has no error any more. */
	add_ack(0, NULL);
	end_batch();
	assert_int_equal(nl->ops->iface_detach(nl, 2), 0);
	assert_string_equal(nl->ops->error(nl), "");
}

static void test_close(void **state)
{
	add_ack(0, NULL);
	end_batch();
	assert_int_equal(nl->ops->close(nl, 4, true), 0);
	assert_non_null(sent(XENLOOP_CMD_CLOSE, 0, XENLOOP_A_CHAN_DRAIN));
	add_ack(0, NULL);
	end_batch();
	assert_int_equal(nl->ops->close(nl, 4, false), 0);
	assert_null(sent(XENLOOP_CMD_CLOSE, 0, XENLOOP_A_CHAN_DRAIN));
}

static void test_listen(void **state)
{
	struct xenloop_nl_chan chan = { .ifindex = 2, .size = 524288,
					.peer_mac = { 2, 0, 0, 0, 0, 7 },
					.cookie = 0x10000000cull };
	struct nl_msg *msg = reply(XENLOOP_CMD_LISTEN, 0);
	struct nlattr *a;

	nla_put_u32(msg, XENLOOP_A_CHAN_ID, 5);
	nla_put_u32(msg, XENLOOP_A_CHAN_LOCAL_GREF, 8);
	nla_put_u32(msg, XENLOOP_A_CHAN_PORT, 17);
	append(msg);
	end_batch();
	add_ack(0, NULL);
	end_batch();
	assert_int_equal(nl->ops->listen(nl, &chan), 0);
	assert_int_equal(chan.id, 5);
	assert_int_equal(chan.local_gref, 8);
	assert_int_equal(chan.port, 17);
	assert_int_equal(chan.size, 524288);
	a = sent(XENLOOP_CMD_LISTEN, 0, XENLOOP_A_CHAN_COOKIE);
	assert_true(nla_get_u64(a) == 0x10000000cull);
	a = sent(XENLOOP_CMD_LISTEN, 0, XENLOOP_A_CHAN_PEER_MAC);
	assert_int_equal(nla_len(a), 6);
	assert_memory_equal(nla_data(a), chan.peer_mac, 6);
}

/* An answer that lacks what it is for. */
static void test_short_answer(void **state)
{
	struct xenloop_nl_chan chan = { .ifindex = 2 };
	struct xenloop_nl_info info;
	struct nl_msg *msg;

	msg = reply(XENLOOP_CMD_CONNECT, 0);
	nla_put_u32(msg, XENLOOP_A_CHAN_ID, 5);
	append(msg);
	add_ack(0, NULL);
	end_batch();
	assert_int_equal(nl->ops->connect(nl, &chan), -EPROTO);
	msg = reply(XENLOOP_CMD_INFO, 0);
	nla_put_u32(msg, XENLOOP_A_INFO_EPOCH, 5);	/* not 64 bits */
	nla_put_u32(msg, XENLOOP_A_INFO_ABI_VERSION, 1);
	append(msg);
	add_ack(0, NULL);
	end_batch();
	assert_int_equal(nl->ops->info(nl, &info), -EPROTO);
}

static void test_set(void **state)
{
	static const struct xenloop_nl_tunables tun = { 5000, -1, 0, -1, 50 };

	add_ack(0, NULL);
	end_batch();
	assert_int_equal(nl->ops->set(nl, &tun), 0);
	assert_int_equal(nla_get_u32(sent(XENLOOP_CMD_SET, 0,
					  XENLOOP_A_INFO_STALL_TIMEOUT)), 5000);
	assert_null(sent(XENLOOP_CMD_SET, 0, XENLOOP_A_INFO_DRAIN_TIMEOUT));
	assert_int_equal(nla_get_u32(sent(XENLOOP_CMD_SET, 0,
					  XENLOOP_A_INFO_HOLD_TIMEOUT)), 0);
	assert_null(sent(XENLOOP_CMD_SET, 0, XENLOOP_A_INFO_BACKLOG_BYTES));
	assert_int_equal(nla_get_u32(sent(XENLOOP_CMD_SET, 0,
					  XENLOOP_A_INFO_POLL_TIME)), 50);
}

static void test_info(void **state)
{
	struct nl_msg *msg = reply(XENLOOP_CMD_INFO, 0);
	struct xenloop_nl_info info;

	nla_put_string(msg, XENLOOP_A_INFO_MODULE_VERSION, "0.1.0");
	nla_put_u32(msg, XENLOOP_A_INFO_ABI_VERSION, 1);
	nla_put_u64(msg, XENLOOP_A_INFO_EPOCH, 0xfedcba9876543210ull);
	nla_put_u64(msg, XENLOOP_A_INFO_PAGES_GRANTED, 258);
	nla_put_u32(msg, XENLOOP_A_INFO_BACKLOG_BYTES, 4096);
	nla_put_u32(msg, XENLOOP_A_INFO_MAX + 5, 1);	/* of the future */
	append(msg);
	add_ack(0, NULL);
	end_batch();
	assert_int_equal(nl->ops->info(nl, &info), 0);
	assert_string_equal(info.module_version, "0.1.0");
	assert_true(info.epoch == 0xfedcba9876543210ull);
	assert_int_equal(info.pages_granted, 258);
	assert_int_equal(info.tun.backlog_bytes, 4096);
	assert_int_equal(info.pages_mapped, 0);
}

static void test_dump(void **state)
{
	struct xenloop_nl_chan *list;

	for (uint32_t id = 1; id <= 20; id++)
		append(chan_reply(id, NLM_F_MULTI));
	end_batch();
	for (uint32_t id = 21; id <= 30; id++)
		append(chan_reply(id, NLM_F_MULTI));
	add_done(0);
	end_batch();
	assert_int_equal(nl->ops->chan_dump(nl, &list), 30);
	sent(XENLOOP_CMD_CHAN_DUMP, NLM_F_DUMP, 0);
	for (uint32_t i = 0; i < 30; i++)
		assert_int_equal(list[i].id, i + 1);
	free(list);
}

static void test_empty_dump(void **state)
{
	struct xenloop_nl_peer *list;

	add_done(0);
	end_batch();
	assert_int_equal(nl->ops->peer_dump(nl, &list), 0);
	assert_null(list);
}

static void test_dump_refused(void **state)
{
	struct xenloop_nl_iface *list;

	add_ack(-EPERM, "no");
	end_batch();
	assert_int_equal(nl->ops->iface_dump(nl, &list), -EPERM);
	assert_null(list);
	/* The error may come late as well. */
	add_done(-ENOMEM);
	end_batch();
	assert_int_equal(nl->ops->iface_dump(nl, &list), -ENOMEM);
	assert_null(list);
}

/* Something changed during a dump: once more, from the start. */
static void expect_begun_anew(void)
{
	struct xenloop_nl_chan *list;

	assert_int_equal(nl->ops->chan_dump(nl, &list), 1);
	assert_int_equal(sends, 2);
	assert_int_equal(list[0].id, 3);
	free(list);
}

static void test_dump_interrupted(void **state)
{
	append(chan_reply(1, NLM_F_MULTI));
	append(chan_reply(2, NLM_F_MULTI | NLM_F_DUMP_INTR));
	add_done(0);
	end_batch();
	append(chan_reply(3, NLM_F_MULTI));
	add_done(0);
	end_batch();
	expect_begun_anew();
}

/* The kernel may notice only when there is nothing more to tell. */
static void test_dump_interrupted_late(void **state)
{
	append(chan_reply(1, NLM_F_MULTI));
	end_batch();
	add_done_with(0, NLM_F_DUMP_INTR);
	end_batch();
	append(chan_reply(3, NLM_F_MULTI));
	end_batch();
	add_done(0);
	end_batch();
	expect_begun_anew();
}

static void put_stat(struct nl_msg *msg, int type, const char *name,
		     uint64_t value)
{
	struct nlattr *nest = nla_nest_start(msg, type);

	nla_put_string(msg, XENLOOP_A_STAT_NAME, name);
	if (value != UINT64_MAX)
		nla_put_u64(msg, XENLOOP_A_STAT_VALUE, value);
	nla_nest_end(msg, nest);
}

static void test_stats(void **state)
{
	struct nl_msg *msg = chan_reply(1, 0);
	struct xenloop_nl_chan chan;

	put_stat(msg, XENLOOP_A_CHAN_STAT, "tx-frames", 1ull << 40);
	put_stat(msg, XENLOOP_A_CHAN_STAT, "incomplete", UINT64_MAX);
	for (int i = 0; i < XENLOOP_NL_STATS + 5; i++)
		put_stat(msg, XENLOOP_A_CHAN_STAT,
			 "a-name-of-more-than-thirty-one-characters",
			 (uint64_t)i);
	assert_int_equal(xenloop_nl_parse_chan(nlmsg_hdr(msg), &chan), 0);
	assert_int_equal(chan.stats.nr, XENLOOP_NL_STATS);
	assert_string_equal(chan.stats.stat[0].name, "tx-frames");
	assert_true(chan.stats.stat[0].value == 1ull << 40);
	assert_string_equal(chan.stats.stat[1].name,
			    "a-name-of-more-than-thirty-one-");
	nlmsg_free(msg);
}

/* An interface has two lists of counters. */
static void test_iface_stats(void **state)
{
	static const uint8_t mac[6] = { 2 };
	struct nl_msg *msg = reply(XENLOOP_CMD_IFACE_DUMP, 0);
	struct xenloop_nl_iface iface;

	nla_put_u32(msg, XENLOOP_A_IFACE_IFINDEX, 2);
	nla_put_u32(msg, XENLOOP_A_IFACE_VIF, 0);
	nla_put(msg, XENLOOP_A_IFACE_MAC, sizeof(mac), mac);
	put_stat(msg, XENLOOP_A_IFACE_CHAN_STAT, "tx-drop-return", 3);
	put_stat(msg, XENLOOP_A_IFACE_STAT, "held", 1);
	assert_int_equal(xenloop_nl_parse_iface(nlmsg_hdr(msg), &iface), 0);
	assert_int_equal(iface.stats.nr, 1);
	assert_string_equal(iface.stats.stat[0].name, "held");
	assert_int_equal(iface.chans.nr, 1);
	assert_string_equal(iface.chans.stat[0].name, "tx-drop-return");
	assert_int_equal(iface.chans.stat[0].value, 3);
	nlmsg_free(msg);
}

static void test_mac_length(void **state)
{
	static const uint8_t mac[8] = { 2 };

	for (int len = 5; len <= 7; len++) {
		struct nl_msg *msg = reply(XENLOOP_CMD_PEER_DUMP, 0);
		struct xenloop_nl_peer peer;

		nla_put_u32(msg, XENLOOP_A_PEER_IFINDEX, 2);
		nla_put_u32(msg, XENLOOP_A_PEER_DOMID, 3);
		nla_put_u32(msg, XENLOOP_A_PEER_VIF, 0);
		nla_put(msg, XENLOOP_A_PEER_MAC, len, mac);
		assert_int_equal(xenloop_nl_parse_peer(nlmsg_hdr(msg), &peer),
				 len == 6 ? 0 : -EPROTO);
		nlmsg_free(msg);
	}
}

static void test_event(void **state)
{
	struct nl_msg *msg = reply(XENLOOP_CMD_EVENT, 0);
	struct xenloop_nl_event event;

	assert_int_equal(xenloop_nl_parse_event(nlmsg_hdr(msg), &event),
			 -EPROTO);
	nla_put_u32(msg, XENLOOP_A_CHAN_EVENT, XENLOOP_EVENT_SUSPENDED);
	assert_int_equal(xenloop_nl_parse_event(nlmsg_hdr(msg), &event), 0);
	assert_int_equal(event.event, XENLOOP_EVENT_SUSPENDED);
	assert_int_equal(event.chan.id, 0);
	nla_put_u32(msg, XENLOOP_A_CHAN_REASON, XENLOOP_REASON_STALLED);
	assert_int_equal(xenloop_nl_parse_event(nlmsg_hdr(msg), &event), 0);
	assert_int_equal(event.chan.reason, XENLOOP_REASON_STALLED);
	nlmsg_free(msg);
}

/* The event socket: what it takes for an event, and lost ones. */
static int lost_then_nothing(struct nl_sock *sock, struct sockaddr_nl *from,
			     unsigned char **buf, struct ucred **creds)
{
	memset(from, 0, sizeof(*from));
	if (next_script < nr_scripts) {
		int len = script_len[next_script];

		from->nl_pid = next_script == 1 ? 4711 : 0;
		*buf = malloc((size_t)len);
		memcpy(*buf, script[next_script++], (size_t)len);
		return len;
	}
	return next_script++ == nr_scripts ? -NLE_NOMEM : -NLE_AGAIN;
}

static unsigned int events, resyncs;

static void count_event(void *arg, const struct xenloop_nl_event *event)
{
	assert_int_equal(event->event, XENLOOP_EVENT_RESUMED);
	events++;
}

static void count_resync(void *arg)
{
	resyncs++;
}

static const struct xenloop_nl_handler handler = {
	.event = count_event,
	.resync = count_resync,
};

static void test_dispatch(void **state)
{
	struct nl_cb *ev_cb = nl_cb_alloc(NL_CB_DEFAULT);

	for (int i = 0; i < 4; i++) {
		int cmd = i == 2 ? XENLOOP_CMD_INFO : XENLOOP_CMD_EVENT;
		struct nl_msg *msg = reply(cmd, 0);

		if (i == 3)
			nlmsg_hdr(msg)->nlmsg_type = FAMILY + 1;
		nla_put_u32(msg, XENLOOP_A_CHAN_EVENT, XENLOOP_EVENT_RESUMED);
		append(msg);
		end_batch();
	}
	events = resyncs = 0;
	client.handler = &handler;
	nl_cb_overwrite_recv(ev_cb, lost_then_nothing);
	client.ev = nl_socket_alloc_cb(ev_cb);
	xenloop_nl_client_hear(&client);
	assert_int_equal(nl->ops->dispatch(nl), 0);
	/* Not one from a process, of another command, of another family. */
	assert_int_equal(events, 1);
	assert_int_equal(resyncs, 1);
	nl_socket_free(client.ev);
	client.ev = NULL;
	nl_cb_put(ev_cb);
}

/* Here, without the module, and perhaps without generic netlink at all. */
static void test_open(void **state)
{
	struct xenloop_nl *real = NULL;
	int err = xenloop_nl_open(&handler, NULL, &real);

	if (err)
		assert_null(real);
	else
		real->ops->free(real);
}

static void test_names(void **state)
{
	assert_string_equal(xenloop_nl_state_name(XENLOOP_CHAN_STATE_DEAD),
			    "dead");
	assert_string_equal(xenloop_nl_event_name(XENLOOP_EVENT_IFACE_DOWN),
			    "iface-down");
	assert_string_equal(xenloop_nl_reason_name(XENLOOP_REASON_UNLOAD),
			    "unload");
	assert_string_equal(xenloop_nl_state_name(5), "unknown");
	assert_string_equal(xenloop_nl_event_name(8), "unknown");
	assert_string_equal(xenloop_nl_reason_name(UINT32_MAX), "unknown");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_ack),
		TEST(test_extack),
		TEST(test_error_without_words),
		TEST(test_close),
		TEST(test_listen),
		TEST(test_short_answer),
		TEST(test_set),
		TEST(test_info),
		TEST(test_dump),
		TEST(test_empty_dump),
		TEST(test_dump_refused),
		TEST(test_dump_interrupted),
		TEST(test_dump_interrupted_late),
		TEST(test_stats),
		TEST(test_iface_stats),
		TEST(test_mac_length),
		TEST(test_event),
		TEST(test_dispatch),
		TEST(test_open),
		TEST(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
