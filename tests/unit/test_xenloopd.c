// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The whole daemon between a XenStore in memory and a module in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>

#include "fake_nl.h"
#include "fake_xs.h"
#include "files.h"
#include "log_lines.h"
#include "xenloopd/xenloopd.h"

#define HOME	"/local/domain/5"
#define EPOCH	"0123456789abcdef"
#define EPOCH2	"00000000000000e2"
#define PEER	"fedcba9876543210"
#define FT	" from=" PEER " to=" EPOCH
#define SELF	"xenloop 1\ndomid 5\nepoch " EPOCH "\n"
#define VIF0	"vif 0 00:16:3e:00:00:01 ok\n"
#define ROSTER	"xenloop 1\nepoch " PEER "\nfeatures 00000000\nname web-2\n" \
		"link 0 0 00:16:3e:00:00:07\n"

static struct xenloopd d;
static char dir[] = "/tmp/xenloopd-test-XXXXXX";
static char sysfs[64], conf[64];
static struct xenloop_xs_ops xs_ops;
static int write_error, rm_error;

static const uint8_t peer_mac[] = { 0, 0x16, 0x3e, 0, 0, 7 };

/* Lets everything happen that is due now. */
static void pump(void)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(d.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
}

static void tick(int n)
{
	while (n--) {
		event_active(d.tick, 0, 0);
		pump();
	}
}

static void make_netdev(const char *name, const char *nodename,
			const char *ifindex)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/device/nodename", name);
	put_file(sysfs, path, nodename);
	snprintf(path, sizeof(path), "%s/ifindex", name);
	put_file(sysfs, path, ifindex);
}

static void remove_netdev(const char *name)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf '%s/%s'", sysfs, name);
	assert_int_equal(system(command), 0);
}

static int failing_write(void *h, xenloop_xs_txn t, const char *path,
			 const char *value, size_t len)
{
	if (write_error)
		return write_error;
	return fake_xs_write(h, t, path, value, len);
}

static int failing_rm(void *h, xenloop_xs_txn t, const char *path)
{
	return rm_error ? rm_error : fake_xs_rm(h, t, path);
}

static void put_conf(const char *text)
{
	FILE *f = fopen(conf, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void prepare(void)
{
	memset(&d, 0, sizeof(d));
	d.nl_open = fake_nl_open;
	xs_ops = fake_xs_ops;
	xs_ops.write = failing_write;
	xs_ops.rm = failing_rm;
	d.xs_ops = &xs_ops;
	d.sysfs = sysfs;
	d.conf_path = conf;
	xenloopd_settings_default(&d.settings);
}

static void start(void)
{
	static const struct xenloop_loop_ops ops;

	prepare();
	d.loop = xenloop_loop_new(&ops, &d);
	assert_non_null(d.loop);
	d.base = xenloop_loop_base(d.loop);
	assert_int_equal(xenloopd_init(&d), 0);
	pump();
}

static void stop(void)
{
	xenloopd_exit(&d);
	xenloop_loop_free(d.loop);
	d.loop = NULL;
	assert_int_equal(fake_nl.open_count, 0);
}

static int setup(void **state)
{
	write_error = rm_error = 0;
	fake_xs_reset(HOME);
	fake_xs_put("domid", "5");
	fake_nl_reset(0x0123456789abcdefull);
	make_netdev("eth0", "device/vif/0\n", "2\n");
	make_netdev("eth1", "device/vif/1\n", "3\n");
	make_netdev("virtio", "", "4\n");
	put_conf("");
	return 0;
}

static int teardown(void **state)
{
	if (d.loop)
		stop();
	return 0;
}

/* A guest with one interface and one peer, `domid`. */
static void start_with_peer(const char *domid)
{
	char path[64];

	fake_xs_put("xenloop/self", SELF VIF0);
	snprintf(path, sizeof(path), "xenloop/roster/%s", domid);
	fake_xs_put(path, ROSTER);
	start();
	assert_int_equal(fake_nl.nr_peers, 1);
}

static void send_wanted(void)
{
	struct xenloop_nl_chan chan = { .ifindex = 2 };

	memcpy(chan.peer_mac, peer_mac, 6);
	fake_nl_send(XENLOOP_EVENT_WANTED, &chan);
	pump();
}

/* As connector to domain 3; returns the channel's number. */
static uint32_t bring_up(void)
{
	fake_xs_put("xenloop/from/3-0-0", "offer attempt=12" FT
		    " size=524288 gref=8 port=17 features=00000000\n");
	pump();
	assert_int_equal(fake_nl.nr_chans, 1);
	fake_nl.chan[0].peer_active = true;
	fake_nl_send(XENLOOP_EVENT_UP, &fake_nl.chan[0]);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_UP);
	return fake_nl.chan[0].id;
}

static void expect_hello(const char *epoch)
{
	char text[128];

	snprintf(text, sizeof(text),
		 "xenloop 1\nepoch %s\nfeatures 00000000\n", epoch);
	assert_non_null(fake_xs_get("data/xenloop/hello"));
	assert_string_equal(fake_xs_get("data/xenloop/hello"), text);
}

/* In which order they start does not matter. */
static void test_no_module(void **state)
{
	fake_nl.absent = true;
	start();
	tick(3);
	assert_null(fake_xs_get("data/xenloop/hello"));
	fake_nl.absent = false;
	tick(1);
	expect_hello(EPOCH);
	assert_int_equal(fake_nl.info.tun.stall_timeout, 5000);
	assert_int_equal(fake_nl.info.tun.backlog_bytes, 4 << 20);
}

static void test_no_xenstore(void **state)
{
	fake_xs.absent = true;
	start();
	tick(2);
	assert_null(fake_xs_get("data/xenloop/hello"));
	fake_xs.absent = false;
	tick(1);
	expect_hello(EPOCH);
}

static void test_dom0(void **state)
{
	fake_xs_put("domid", "0");
	start();
	assert_null(fake_xs_get("data/xenloop/hello"));
	assert_true(event_base_got_break(d.base) || !d.xs.h);
	assert_null(d.xs.h);
}

static void test_other_fifo_version(void **state)
{
	fake_nl.info.abi_version = 2;
	start();
	assert_null(fake_xs_get("data/xenloop/hello"));
	assert_null(d.nl);
}

/* xendiscoverd comes later: self, then the roster. */
static void test_discovery(void **state)
{
	start();
	assert_int_equal(fake_nl.nr_ifaces, 0);
	fake_xs_put("xenloop/self", SELF VIF0);
	pump();
	assert_int_equal(fake_nl.nr_ifaces, 1);
	assert_int_equal(fake_nl.iface[0].ifindex, 2);
	assert_int_equal(fake_nl.iface[0].mac[5], 1);
	fake_xs_put("xenloop/roster/3", ROSTER);
	pump();
	assert_int_equal(fake_nl.nr_peers, 1);
	assert_int_equal(fake_nl.peer[0].ifindex, 2);
	assert_int_equal(fake_nl.peer[0].domid, 3);
	assert_memory_equal(fake_nl.peer[0].mac, peer_mac, 6);
	fake_xs_del("xenloop/roster/3");
	pump();
	assert_int_equal(fake_nl.nr_peers, 0);
	assert_null(d.links.first);
}

static void test_roster_first(void **state)
{
	fake_xs_put("xenloop/roster/3", ROSTER);
	start();
	assert_int_equal(fake_nl.nr_peers, 0);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_OFF);
	fake_xs_put("xenloop/self", SELF VIF0);
	pump();
	assert_int_equal(fake_nl.nr_peers, 1);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
}

static void test_connector(void **state)
{
	uint32_t id;

	start_with_peer("3");
	send_wanted();
	assert_non_null(strstr(fake_xs_get("data/xenloop/to/3-0-0"),
			       "request attempt="));
	id = bring_up();
	assert_int_equal(fake_nl.chan[0].remote_gref, 8);
	assert_int_equal(fake_nl.chan[0].port, 17);
	assert_int_equal(fake_nl.chan[0].cookie, 12);
	assert_int_equal(fake_nl.chan[0].state, XENLOOP_CHAN_STATE_ACTIVE);
	assert_null(fake_xs_get("data/xenloop/to/3-0-0"));
	/* The peer closes. */
	fake_nl_end(id, XENLOOP_REASON_PEER_CLOSED);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_BACKOFF);
	assert_string_equal(d.links.first->reason, "peer-closed");
	/* The old offer, which still lies there, is no new one. */
	usleep(1000 * (XENLOOP_PEER_PAUSE_MS + 50));
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
	assert_int_equal(fake_nl.connects, 1);
}

static void test_accept_is_published(void **state)
{
	start_with_peer("3");
	fake_xs_put("xenloop/from/3-0-0", "offer attempt=12" FT
		    " size=131072 gref=8 port=17 features=00000000\n");
	pump();
	assert_string_equal(fake_xs_get("data/xenloop/to/3-0-0"),
			    "accept attempt=12 from=" EPOCH " to=" PEER
			    " size=131072 gref=101 features=00000000\n");
	assert_int_equal(fake_nl.chan[0].state, XENLOOP_CHAN_STATE_ACTIVE);
}

static void test_listener(void **state)
{
	char accept[160];
	const char *offer;

	start_with_peer("9");
	fake_xs_put("xenloop/from/9-0-0", "request attempt=4" FT "\n");
	pump();
	offer = fake_xs_get("data/xenloop/to/9-0-0");
	assert_non_null(offer);
	assert_non_null(strstr(offer, " size=524288 gref=101 port=201 "));
	snprintf(accept, sizeof(accept), "accept attempt=%u" FT
		 " size=524288 gref=33 features=00000000\n",
		 d.links.first->attempt);
	fake_xs_put("xenloop/from/9-0-0", accept);
	pump();
	assert_int_equal(fake_nl.chan[0].remote_gref, 33);
	assert_int_equal(fake_nl.chan[0].state, XENLOOP_CHAN_STATE_ACTIVE);
	assert_null(fake_xs_get("data/xenloop/to/9-0-0"));
	fake_nl_send(XENLOOP_EVENT_UP, &fake_nl.chan[0]);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_UP);
}

/*
 * A message that comes together with its link, before the interface is ready,
 * or that lies there when the daemon starts, is dealt with as soon as it can be.
 */
static void test_early_request(void **state)
{
	fake_xs_put("xenloop/self", SELF VIF0);
	start();
	fake_xs_put("xenloop/roster/9", ROSTER);
	fake_xs_put("xenloop/from/9-0-0", "request attempt=4" FT "\n");
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_OFFERED);
	assert_non_null(fake_xs_get("data/xenloop/to/9-0-0"));
}

static void test_early_offer(void **state)
{
	fake_xs_put("xenloop/from/3-0-0", "offer attempt=12" FT
		    " size=131072 gref=8 port=17 features=00000000\n");
	start_with_peer("3");
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_CONNECTED);
	assert_int_equal(fake_nl.connects, 1);
}

static void test_garbage(void **state)
{
	static const struct {
		const char *path, *value;
	} rows[] = {
		{ "xenloop/self", "rubbish" },
		{ "xenloop/self", "" },
		{ "xenloop/self", "xenloop 2\n" },
		{ "xenloop/roster/3", "xenloop 1\nepoch 0\n" },
		{ "xenloop/roster/x", ROSTER },
		{ "xenloop/roster/99999", ROSTER },
		{ "xenloop/from/3-0-0", "offer\n" },
		{ "xenloop/from/3-0-0", "offer attempt=1" FT
		  " size=1 gref=8 port=17 features=00000000\n" },
		{ "xenloop/from/3-0", "bye attempt=1" FT " reason=x\n" },
		{ "xenloop/from/../../x", "" },
	};
	char big[XENLOOP_MSG_MAX + 2];

	start_with_peer("3");
	bring_up();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fake_xs_put(rows[i].path, rows[i].value);
		pump();
		assert_int_equal(d.ignored, i + 1);
		assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_UP);
		assert_int_equal(fake_nl.nr_ifaces, 1);
	}
	memset(big, 'a', sizeof(big));
	fake_xs_put_bytes("xenloop/self", big, sizeof(big));
	pump();
	fake_xs_put_bytes("xenloop/self", "xenloop\0001\n", 10);
	pump();
	assert_int_equal(d.ignored, sizeof(rows) / sizeof(rows[0]) + 2);
	/* Messages of another life, and for a link that nobody knows. */
	fake_xs_put("xenloop/from/3-0-0", "bye attempt=12 from=" EPOCH2 " to="
		    EPOCH " reason=idle\n");
	fake_xs_put("xenloop/from/3-7-7", "bye attempt=12" FT " reason=idle\n");
	pump();
	assert_int_equal(d.links.stale, 1);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_UP);
}

/* Without its roster a guest has no peers; that is told, but not without end. */
static void test_no_listing(void **state)
{
	uint64_t ignored;

	fake_xs_put("xenloop/self", SELF VIF0);
	fake_xs.list_error = -E2BIG;
	log_begin();
	start();
	for (int i = 0; i < 50; i++) {
		fake_xs_put("xenloop/roster", "");
		pump();
	}
	log_end();
	assert_int_equal(log_count("can't be listed"), 5);
	assert_true(log_count("xenloop/roster: can't be listed: too long"));
	assert_true(log_count("xenloop/from: can't be listed: too long"));
	/* What is not there is no complaint. */
	ignored = d.ignored;
	assert_true(ignored > 50);
	fake_xs.list_error = -ENOENT;
	fake_xs_put("xenloop/roster", "");
	pump();
	assert_int_equal(d.ignored, ignored);
}

static void test_foreign_self(void **state)
{
	fake_xs_put("xenloop/self", "xenloop 1\ndomid 5\nepoch " EPOCH2 "\n"
		    VIF0);
	start();
	assert_int_equal(fake_nl.attaches, 0);
	fake_xs_put("xenloop/self", "xenloop 1\ndomid 6\nepoch " EPOCH "\n"
		    VIF0);
	pump();
	assert_int_equal(fake_nl.attaches, 0);
}

/* Dom0 takes the permission back: the interface goes, and so do its links. */
static void test_revoked(void **state)
{
	start_with_peer("3");
	bring_up();
	fake_xs_put("xenloop/self", SELF
		    "vif 0 00:16:3e:00:00:01 rate-limited\n");
	pump();
	assert_int_equal(fake_nl.nr_ifaces, 0);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_OFF);
	assert_string_equal(d.iface[0].reason, "Dom0: rate-limited");
	fake_xs_put("xenloop/self", SELF VIF0);
	pump();
	assert_int_equal(fake_nl.nr_ifaces, 1);
	assert_int_equal(fake_nl.iface[0].vif, 0);
}

/* Two guests with one MAC address, for a moment: it is the one's that stays. */
static void test_mac_twice(void **state)
{
	start_with_peer("3");
	fake_xs_put("xenloop/roster/4", ROSTER);
	pump();
	assert_int_equal(fake_nl.nr_peers, 1);
	assert_int_equal(fake_nl.peer[0].domid, 4);
	fake_xs_del("xenloop/roster/4");
	pump();
	assert_int_equal(fake_nl.nr_peers, 1);
	assert_int_equal(fake_nl.peer[0].domid, 3);
}

/* Unplugged, plugged again with another index, renamed. */
static void test_hotplug(void **state)
{
	start_with_peer("3");
	remove_netdev("eth0");
	fake_nl_release(2);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_OFF);
	assert_int_equal(fake_nl.attaches, 1);
	make_netdev("lan0", "device/vif/0\n", "12\n");
	tick(10);
	assert_int_equal(fake_nl.iface[0].ifindex, 12);
	assert_int_equal(fake_nl.peer[0].ifindex, 12);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
	assert_string_equal(d.links.first->ifname, "lan0");
	remove_netdev("lan0");
}

static void expect(const char *verb, const char *peer, const char *path,
		   const char *value);

/* What can't be read in sysfs, or is being renamed, is attached still. */
static void test_not_seen(void **state)
{
	start_with_peer("3");
	bring_up();
	remove_netdev("eth0");
	tick(10);
	d.sysfs = "/nowhere";
	tick(10);
	d.sysfs = sysfs;
	make_netdev("lan0", "device/vif/0\n", "2\n");
	tick(10);
	remove_netdev("lan0");
	assert_int_equal(fake_nl.detaches, 0);
	assert_int_equal(fake_nl.attaches, 1);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_UP);
	assert_string_equal(d.links.first->ifname, "lan0");
}

/* One that is not here has no name, which another one may have by now. */
static void test_away(void **state)
{
	start_with_peer("3");
	remove_netdev("eth0");
	fake_nl_release(2);
	tick(10);
	expect("status", NULL, "interfaces/0/ifname", "\"\"");
	expect("status", NULL, "interfaces/0/vif", "0");
}

/* Its links have their peer in the module again, and a channel can come up. */
static void expect_back(unsigned int attaches)
{
	tick(10);
	assert_int_equal(fake_nl.attaches, attaches);
	assert_int_equal(fake_nl.nr_ifaces, 1);
	assert_int_equal(fake_nl.nr_peers, 1);
	assert_int_equal(fake_nl.peer[0].domid, 3);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
}

/*
 * The module lets an interface go when it gets a MAC address, be it the one
 * that it had, and forgets its peers. It can be attached again at once.
 */
static void test_reattached(void **state)
{
	start_with_peer("3");
	fake_nl_release(2);
	expect_back(2);
	bring_up();
	fake_nl_release(2);
	pump();
	assert_string_equal(d.links.first->reason, "iface-gone");
	expect_back(3);
	/* Or with the foreign address first. */
	fake_nl.fail_attach = -EINVAL;
	fake_nl_release(2);
	tick(10);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_OFF);
	fake_nl.fail_attach = 0;
	expect_back(4);
}

/* The same, and what was held down stays so. */
static void test_reattached_held(void **state)
{
	start_with_peer("3");
	xenloop_link_event(&d.links, d.links.first, XENLOOP_EV_DISCONNECT,
			   "disconnected");
	fake_nl_release(2);
	tick(10);
	assert_int_equal(fake_nl.nr_peers, 1);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_HELD);
}

/*
 * The interface is attached as it was, and the peer is missing all the same:
 * added while the interface was away, and given up for another reason.
 */
static void test_peer_missing(void **state)
{
	start_with_peer("3");
	fake_nl.nr_peers = 0;
	expect_back(1);
	bring_up();
	tick(10);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_UP);
	assert_int_equal(fake_nl.drains + fake_nl.closes, 0);
}

/* A channel is gone from the list, and why is still to be read. */
static void test_poll_before_event(void **state)
{
	start_with_peer("3");
	bring_up();
	fake_nl_end(d.links.first->chan.id, XENLOOP_REASON_PROTOCOL);
	xenloopd_kernel_poll(&d);
	assert_string_equal(d.links.first->reason, "protocol");
	assert_int_equal(d.links.first->chan.id, 0);
}

static void test_attach_fails(void **state)
{
	fake_nl.fail_attach = -EINVAL;
	fake_xs_put("xenloop/self", SELF VIF0);
	start();
	assert_string_equal(d.iface[0].reason, "what the kernel says");
	assert_false(d.iface[0].attached);
	fake_nl.fail_attach = 0;
	tick(10);
	assert_true(d.iface[0].attached);
}

/* As of an earlier daemon: domain @domid by the MAC address of ROSTER. */
static void put_attached_peer(uint32_t domid)
{
	fake_nl.iface[fake_nl.nr_ifaces++] = (struct xenloop_nl_iface){
		.ifindex = 2, .vif = 0, .mac = { 0, 0x16, 0x3e, 0, 0, 1 } };
	fake_nl.peer[fake_nl.nr_peers++] = (struct xenloop_nl_peer){
		.ifindex = 2, .mac = { 0, 0x16, 0x3e, 0, 0, 7 },
		.domid = domid };
}

/* What an earlier daemon attached for vifs that are not ours any more. */
static void test_stale_kernel_state(void **state)
{
	put_attached_peer(8);
	fake_nl.iface[fake_nl.nr_ifaces++] = (struct xenloop_nl_iface){
		.ifindex = 3, .vif = 1, .mac = { 0, 0x16, 0x3e, 0, 0, 2 } };
	fake_nl.peer[fake_nl.nr_peers++] = (struct xenloop_nl_peer){
		.ifindex = 2, .mac = { 2 }, .domid = 8 };
	start();
	/* Not a word from Dom0 yet: nothing is touched. */
	tick(10);
	assert_int_equal(fake_nl.nr_ifaces, 2);
	assert_int_equal(fake_nl.nr_peers, 2);
	fake_xs_put("xenloop/roster/3", ROSTER);
	fake_xs_put("xenloop/self", SELF VIF0);
	pump();
	assert_int_equal(fake_nl.attaches, 0);
	assert_int_equal(fake_nl.detaches, 1);
	assert_int_equal(fake_nl.nr_ifaces, 1);
	/* The MAC address has moved from domain 8 to domain 3. */
	assert_int_equal(fake_nl.nr_peers, 1);
	assert_int_equal(fake_nl.peer[0].domid, 3);
}

/* Frames of before a suspend wait for the carrier: it goes when they have left. */
static void test_detach_refused(void **state)
{
	start_with_peer("3");
	fake_nl.fail_detach = -EAGAIN;
	fake_xs_put("xenloop/self", SELF "vif 0 00:16:3e:00:00:01 down\n");
	pump();
	assert_int_equal(fake_nl.detaches, 1);
	assert_int_equal(fake_nl.nr_ifaces, 1);
	assert_false(d.iface[0].attached);
	fake_nl.fail_detach = 0;
	tick(10);
	assert_int_equal(fake_nl.nr_ifaces, 0);
}

/* Or it does not go: Dom0 has it in service again before they have left. */
static void test_detach_refused_and_back(void **state)
{
	start_with_peer("3");
	fake_nl.fail_detach = -EAGAIN;
	fake_xs_put("xenloop/self", SELF "vif 0 00:16:3e:00:00:01 down\n");
	pump();
	assert_string_equal(d.iface[0].reason, "Dom0: down");
	fake_xs_put("xenloop/self", SELF VIF0);
	pump();
	assert_true(d.iface[0].attached);
	assert_string_equal(d.iface[0].reason, "");
	assert_int_equal(fake_nl.nr_ifaces, 1);
	assert_int_equal(fake_nl.attaches, 1);
}

/* Another's peer was listed and has gone: the one that is new is not it. */
static void test_listed_peer_gone(void **state)
{
	put_attached_peer(8);
	fake_nl.peers_go = true;
	start_with_peer("3");
	assert_int_equal(fake_nl.nr_peers, 1);
	assert_int_equal(fake_nl.peer[0].domid, 3);
}

/* A list that can't be had does not make a stranger of the peer. */
static void test_no_peer_list(void **state)
{
	put_attached_peer(3);
	fake_nl.fail_peer_dump = -ENOBUFS;
	start_with_peer("3");
	assert_int_equal(fake_nl.nr_peers, 1);
	assert_int_equal(fake_nl.peer_dels, 0);
	fake_nl.fail_peer_dump = 0;
	tick(10);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
	assert_int_equal(fake_nl.peer_dels, 0);
}

/* More names than XenStore lists in one answer: what the module has is asked for by its name. */
static void test_peers_of_long_roster(void **state)
{
	put_attached_peer(3);
	fake_nl.peer[fake_nl.nr_peers++] = (struct xenloop_nl_peer){
		.ifindex = 2, .mac = { 2 }, .domid = 8 };
	fake_xs.list_error = -E2BIG;
	start_with_peer("3");
	assert_int_equal(fake_nl.nr_peers, 1);
	assert_int_equal(fake_nl.peer[0].domid, 3);
	assert_int_equal(fake_nl.peer_dels, 1);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
}

/* One who has left, and whose channel drains, is asked for in each sync: one is not the reason for the next. */
static void test_departed_of_long_roster(void **state)
{
	unsigned int reads;

	fake_nl.peer[fake_nl.nr_peers++] = (struct xenloop_nl_peer){
		.ifindex = 2, .mac = { 2 }, .domid = 8 };
	fake_nl.peers_stay = true;
	fake_xs.list_error = -E2BIG;
	fake_xs_put("xenloop/self", SELF VIF0);
	start();
	reads = fake_xs.reads;
	for (int i = 0; i < 10; i++)
		pump();
	assert_int_equal(fake_xs.reads, reads);
}

/* What Dom0 says of this guest is read again if it could not be. */
static void test_self_fails_for_a_while(void **state)
{
	start();
	fake_xs.read_error = -EIO;
	fake_xs_put("xenloop/self", SELF VIF0);
	pump();
	assert_false(d.self_ok);
	fake_xs.read_error = 0;
	tick(10);
	assert_true(d.self_ok);
	assert_int_equal(fake_nl.attaches, 1);
}

/* A XenStore that fails for a while: nothing is closed, and nobody has to write the roster again. */
static void test_roster_fails_for_a_while(void **state)
{
	put_attached_peer(3);
	fake_xs.list_error = -EIO;
	start_with_peer("3");
	tick(10);
	assert_null(d.links.first);
	assert_int_equal(fake_nl.peer_dels, 0);
	fake_xs.list_error = 0;
	tick(10);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
	assert_int_equal(fake_nl.peer_dels, 0);
}

/* Entries that can be none hide no stranger: nothing waits for them to get better. */
static void test_senseless_entries(void **state)
{
	char big[XENLOOP_MSG_MAX + 2];

	fake_nl.peer[fake_nl.nr_peers++] = (struct xenloop_nl_peer){
		.ifindex = 2, .mac = { 2 }, .domid = 8 };
	memset(big, 'a', sizeof(big));
	fake_xs_put_bytes("xenloop/roster/4", big, sizeof(big));
	fake_xs_put_bytes("xenloop/roster/5", "xenloop\0001\n", 10);
	start_with_peer("3");
	assert_int_equal(d.ignored, 4); /* in the first scan, and in that of the new watch */
	assert_int_equal(fake_nl.peer_dels, 1);
	assert_int_equal(fake_nl.peer[0].domid, 3);
}

static void test_adoption(void **state)
{
	put_attached_peer(3);
	fake_nl.chan[fake_nl.nr_chans++] = (struct xenloop_nl_chan){
		.id = 40, .ifindex = 2, .peer_mac = { 0, 0x16, 0x3e, 0, 0, 7 },
		.domid = 3, .cookie = 12, .size = 524288,
		.state = XENLOOP_CHAN_STATE_ACTIVE, .peer_active = true };
	fake_xs_put("data/xenloop/to/3-0-0", "request attempt=1 ...");
	fake_xs_put("xenloop/from/3-0-0", "offer attempt=12" FT
		    " size=524288 gref=8 port=17 features=00000000\n");
	start_with_peer("3");
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_UP);
	assert_int_equal(d.links.first->chan.id, 40);
	assert_int_equal(fake_nl.chan[0].state, XENLOOP_CHAN_STATE_ACTIVE);
	assert_int_equal(fake_nl.connects, 0);
	assert_int_equal(fake_nl.closes, 0);
	assert_int_equal(fake_nl.attaches + fake_nl.detaches, 0);
	assert_null(fake_xs_get("data/xenloop/to/3-0-0"));
}

static void test_idle(void **state)
{
	start_with_peer("3");
	bring_up();
	fake_nl.chan[0].idle_ms = 60000;
	tick(5);
	assert_int_equal(fake_nl.closes, 0);
	fake_nl.chan[0].idle_ms = 60001;
	tick(5);
	assert_int_equal(fake_nl.drains, 1);
	assert_string_equal(fake_xs_get("data/xenloop/to/3-0-0"),
			    "bye attempt=12 from=" EPOCH " to=" PEER
			    " reason=idle\n");
	fake_nl_end(fake_nl.chan[0].id, XENLOOP_REASON_REQUESTED);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
	assert_string_equal(d.links.first->reason, "idle");
}

static void test_never_idle(void **state)
{
	start_with_peer("3");
	d.settings.idle_timeout = 0;
	bring_up();
	fake_nl.chan[0].idle_ms = UINT64_MAX;
	tick(10);
	assert_int_equal(fake_nl.closes, 0);
}

/* It is a tenth of a second, and may be over already. */
static void end_pause(struct xenloop_link *link)
{
	if (link->sm.state == XENLOOP_PEER_BACKOFF ||
	    link->sm.state == XENLOOP_PEER_SILENT)
		xenloop_link_event(&d.links, link, XENLOOP_EV_TIMEOUT, NULL);
}

/* The peer, domain 3, opens a channel and closes it; then its pause is over. */
static void flap(void)
{
	static unsigned int attempt = 1000;
	struct xenloop_link *link = d.links.first;
	char text[160];

	snprintf(text, sizeof(text), "offer attempt=%u" FT
		 " size=524288 gref=8 port=17 features=00000000\n", ++attempt);
	fake_xs_put("xenloop/from/3-0-0", text);
	pump();
	assert_int_equal(link->sm.state, XENLOOP_PEER_CONNECTED);
	fake_nl_send(XENLOOP_EVENT_UP, &fake_nl.chan[0]);
	pump();
	fake_nl.chan[0].reason = XENLOOP_REASON_PEER_CLOSED;
	fake_nl_send(XENLOOP_EVENT_DRAINING, &fake_nl.chan[0]);
	fake_nl_end(fake_nl.chan[0].id, XENLOOP_REASON_PEER_CLOSED);
	pump();
	end_pause(link);
	assert_int_equal(link->sm.state, XENLOOP_PEER_IDLE);
}

static unsigned int lines_of_flaps(int n)
{
	log_begin();
	while (n--)
		flap();
	log_end();
	return log_count("channel to web-2 (domain 3");
}

/* Nor can offers that follow each other at once keep this side at work. */
static void test_offer_after_offer(void **state)
{
	start_with_peer("3");
	bring_up();
	for (unsigned int i = 0; i < 200; i++) {
		unsigned int connects = fake_nl.connects;
		char text[160];

		snprintf(text, sizeof(text), "offer attempt=%u" FT
			 " size=524288 gref=8 port=17 features=00000000\n",
			 100 + i);
		fake_xs_put("xenloop/from/3-0-0", text);
		pump();
		assert_int_equal(fake_nl.chan[0].state,
				 XENLOOP_CHAN_STATE_DRAINING);
		fake_nl_end(fake_nl.chan[0].id, XENLOOP_REASON_REQUESTED);
		pump();
		assert_int_equal(fake_nl.connects, connects);
		xenloop_link_event(&d.links, d.links.first, XENLOOP_EV_TIMEOUT,
				   NULL);
		assert_int_equal(fake_nl.connects, connects + 1);
		fake_nl_send(XENLOOP_EVENT_UP, &fake_nl.chan[0]);
		pump();
	}
	/* The bucket is empty: this pause is a long one. */
	fake_nl_end(fake_nl.chan[0].id, XENLOOP_REASON_PEER_CLOSED);
	pump();
	usleep(1000 * (XENLOOP_PEER_PAUSE_MS + 50));
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_BACKOFF);
	/* By hand it is over at once. */
	xenloop_link_event(&d.links, d.links.first, XENLOOP_EV_CONNECT, NULL);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_REQUESTED);
}

/* As listener to domain 7. */
static void bring_up_listening(void)
{
	char text[160];

	xenloop_link_event(&d.links, d.links.first, XENLOOP_EV_CONNECT, NULL);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_OFFERED);
	snprintf(text, sizeof(text), "accept attempt=%u" FT
		 " size=524288 gref=9 features=00000000\n",
		 d.links.first->attempt);
	fake_xs_put("xenloop/from/7-0-0", text);
	pump();
	fake_nl_send(XENLOOP_EVENT_UP, &fake_nl.chan[0]);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_UP);
}

static void expect_down(uint32_t reason, const char *line)
{
	log_begin();
	fake_nl_end(fake_nl.chan[0].id, reason);
	pump();
	log_end();
	if (!log_count(line))
		fail_msg("not %s: %s", line, log_lines.text);
}

/* Each channel ends for its own reason, not for that of one before. */
static void test_reasons(void **state)
{
	start_with_peer("7");
	bring_up_listening();
	xenloop_link_event(&d.links, d.links.first, XENLOOP_EV_DISCONNECT,
			   "disconnected");
	expect_down(XENLOOP_REASON_REQUESTED, "down on eth0: disconnected\n");
	bring_up_listening();
	/* The connector has started over. */
	fake_xs_put("xenloop/from/7-0-0", "request attempt=77" FT "\n");
	pump();
	expect_down(XENLOOP_REASON_REQUESTED, "down on eth0: peer-restarted\n");
	bring_up_listening();
	expect_down(XENLOOP_REASON_REQUESTED, "down on eth0: requested\n");
	bring_up_listening();
	fake_nl.nr_chans = 0;
	log_begin();
	tick(5);
	log_end();
	assert_int_equal(log_count("down on eth0\n"), 1);
}

/* What max-channels keeps down is told, once for each link, bounded in all. */
static void test_cap_is_told(void **state)
{
	char path[32], roster[160];

	start_with_peer("7");
	d.links.max_chans = 0;
	d.links.first->sm.failures = 3;
	log_begin();
	for (int i = 0; i < 20; i++)
		send_wanted();
	log_end();
	assert_int_equal(log_count("failed on eth0: max-channels reached"), 1);
	assert_int_equal(log_count("<5>"), 1);
	log_begin();
	for (int i = 1; i < FAKE_NL_MAX; i++) {
		snprintf(path, sizeof(path), "xenloop/roster/%d", 10 + i);
		snprintf(roster, sizeof(roster), "xenloop 1\nepoch " PEER
			 "\nfeatures 00000000\nname g%d\n"
			 "link 0 0 00:16:3e:00:01:%02x\n", i, i);
		fake_xs_put(path, roster);
		pump();
		xenloop_link_event(&d.links, d.links.first, XENLOOP_EV_WANTED,
				   NULL);
	}
	log_end();
	assert_int_equal(log_count("max-channels reached"), 9);
}

/* However often a peer opens and closes, it does not fill the journal. */
static void test_bounded_log(void **state)
{
	start_with_peer("3");
	assert_int_equal(lines_of_flaps(60), 50);
	d.links.first->log_rate.last_us -= 10000 * 1000ull;
	assert_int_equal(lines_of_flaps(60), 1);
	assert_int_equal(log_count("(70 more about domain 3 not logged)"), 1);
	/* Nor by leaving the roster in between, */
	fake_xs_del("xenloop/from/3-0-0");
	fake_xs_del("xenloop/roster/3");
	pump();
	assert_null(d.links.first);
	fake_xs_put("xenloop/roster/3", ROSTER);
	pump();
	assert_int_equal(lines_of_flaps(10), 0);
	/* or by attempts that fail, each in another life. */
	fake_xs_del("xenloop/from/3-0-0");
	log_begin();
	for (int i = 0; i < 10; i++) {
		send_wanted();
		xenloop_link_event(&d.links, d.links.first, XENLOOP_EV_TIMEOUT,
				   NULL);
		assert_int_equal(d.links.first->sm.failures, 1);
		assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_SILENT);
		fake_xs_put("xenloop/roster/3", i & 1 ? ROSTER :
			    "xenloop 1\nepoch " EPOCH2 "\nfeatures 00000000\n"
			    "name web-2\nlink 0 0 00:16:3e:00:00:07\n");
		pump();
		end_pause(d.links.first);
		assert_int_equal(d.links.first->sm.state,
				 XENLOOP_PEER_REQUESTED);
	}
	log_end();
	assert_int_equal(log_count("failed"), 0);
	/* After a while it is as new. */
	fake_xs_put("xenloop/roster/3", ROSTER);
	pump();
	d.links.first->log_rate.interval_us = 1;
	assert_int_equal(lines_of_flaps(1), 2);
}

/* What is kept of links that are gone is bounded; what says nothing goes. */
static void test_bounded_past(void **state)
{
	const struct xenloop_past *past;
	unsigned int nr = 0;
	char path[32];

	start_with_peer("3");
	for (int domid = 10; domid < 10 + 2 * XENLOOP_PAST_MAX; domid++) {
		snprintf(path, sizeof(path), "xenloop/roster/%d", domid);
		fake_xs_put(path, ROSTER);
		pump();
		xenloop_ratelimit_ok(&d.links.first->log_rate,
				     xenloop_now_ms(), NULL);
		fake_xs_del(path);
		pump();
	}
	for (past = d.links.past; past; past = past->next) {
		assert_int_equal(past->key.domid,
				 9 + 2 * XENLOOP_PAST_MAX - nr);
		nr++;
	}
	assert_int_equal(nr, XENLOOP_PAST_MAX);
	for (struct xenloop_past *p = d.links.past; p; p = p->next)
		p->log_rate.started = false;
	fake_xs_del("xenloop/roster/3");
	pump();
	assert_null(d.links.past);
}

/* xendiscoverd --clean, or a purge of its package: Dom0 knows us no more. */
static void test_cleaned(void **state)
{
	start_with_peer("3");
	bring_up();
	assert_true(d.self_ok);
	fake_xs_del("xenloop");
	pump();
	assert_null(d.links.first);
	assert_int_equal(fake_nl.chan[0].state, XENLOOP_CHAN_STATE_DRAINING);
	assert_false(d.self_ok);
	/* What is attached stays so until Dom0 speaks again. */
	tick(10);
	assert_int_equal(fake_nl.nr_ifaces, 1);
	assert_int_equal(fake_nl.detaches, 0);
	fake_xs_put("xenloop/self", SELF VIF0);
	fake_xs_put("xenloop/roster/3", ROSTER);
	pump();
	assert_true(d.self_ok);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
}

/* What is held down by hand stays so when the peer leaves and returns. */
static void test_held_peer_returns(void **state)
{
	char path[32];

	start_with_peer("3");
	xenloop_link_event(&d.links, d.links.first, XENLOOP_EV_DISCONNECT,
			   "disconnected");
	fake_xs_del("xenloop/roster/3");
	pump();
	assert_null(d.links.first);
	fake_xs_put("xenloop/roster/3", ROSTER);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_HELD);
	/* Others do not push it out of what is remembered. */
	fake_xs_del("xenloop/roster/3");
	for (int domid = 10; domid < 10 + 2 * XENLOOP_PAST_MAX; domid++) {
		snprintf(path, sizeof(path), "xenloop/roster/%d", domid);
		fake_xs_put(path, ROSTER);
		pump();
		xenloop_ratelimit_ok(&d.links.first->log_rate,
				     xenloop_now_ms(), NULL);
		fake_xs_del(path);
		pump();
	}
	fake_xs_put("xenloop/roster/3", ROSTER);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_HELD);
	xenloop_link_event(&d.links, d.links.first, XENLOOP_EV_CONNECT, NULL);
	fake_xs_del("xenloop/roster/3");
	pump();
	fake_xs_put("xenloop/roster/3", ROSTER);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
	/* With another MAC address it is another one. */
	xenloop_link_event(&d.links, d.links.first, XENLOOP_EV_DISCONNECT,
			   "disconnected");
	fake_xs_put("xenloop/roster/3", "xenloop 1\nepoch " PEER "\nfeatures "
		    "00000000\nname b\nlink 0 0 00:16:3e:00:00:08\n");
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
}

/* Events were lost: the module's state tells all the same. */
static void test_overrun(void **state)
{
	start_with_peer("3");
	bring_up();
	fake_nl.nr_chans = 0;
	fake_nl_lose_events();
	tick(5);
	assert_int_not_equal(d.links.first->sm.state, XENLOOP_PEER_UP);
	assert_int_equal(d.links.first->chan.id, 0);
}

static void test_suspend(void **state)
{
	start_with_peer("3");
	bring_up();
	fake_nl_send(XENLOOP_EVENT_SUSPENDED, NULL);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_OFF);
	assert_string_equal(d.links.first->reason, "suspend");
	send_wanted();
	tick(10);
	fake_xs_put("xenloop/roster/3", ROSTER "link 0 1 00:16:3e:00:00:08\n");
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_OFF);
	assert_null(d.links.first->next);
	assert_null(fake_xs_get("data/xenloop/to/3-0-0"));
	/* Another host: another domid, other neighbours. */
	fake_nl.nr_chans = 0;
	fake_nl.info.epoch = 0xe2;
	fake_xs_del("xenloop");
	fake_xs_put("domid", "77");
	fake_xs_put("data/xenloop/to/3-0-0", "left over");
	log_begin();
	fake_nl_send(XENLOOP_EVENT_RESUMED, NULL);
	pump();
	log_end();
	assert_int_equal(log_count("this guest was resumed, domain 77"), 1);
	expect_hello(EPOCH2);
	assert_null(fake_xs_get("data/xenloop/to/3-0-0"));
	assert_null(d.links.first);
	assert_int_equal(d.links.domid, 77);
	assert_false(d.self_ok);
	fake_xs_put("xenloop/self", "xenloop 1\ndomid 77\nepoch " EPOCH2 "\n"
		    VIF0);
	pump();
	assert_true(d.self_ok);
	/* The old peer is not in the new roster. */
	assert_int_equal(fake_nl.nr_peers, 0);
}

/* Both events were lost; the epoch tells. */
static void test_silent_suspend(void **state)
{
	start_with_peer("3");
	bring_up();
	fake_nl.info.epoch = 0xe2;
	fake_nl.nr_chans = 0;
	tick(2);
	expect_hello(EPOCH2);
	assert_false(d.self_ok);
	fake_xs_put("xenloop/self", "xenloop 1\ndomid 5\nepoch " EPOCH2 "\n"
		    VIF0);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
	send_wanted();
	/* Late, it says nothing new. */
	fake_nl_send(XENLOOP_EVENT_RESUMED, NULL);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_REQUESTED);
	assert_non_null(fake_xs_get("data/xenloop/to/3-0-0"));
}

/* Whatever wakes up first: those who were peers on another host are none here. */
static void test_sync_in_a_new_life(void **state)
{
	start_with_peer("3");
	fake_nl.info.epoch = 0xe2;
	fake_nl.nr_peers = 0;
	xenloopd_later(&d, XENLOOPD_WORK_SYNC);
	pump();
	assert_int_equal(fake_nl.nr_peers, 0);
	expect_hello(EPOCH2);
}

/* The new epoch was noticed first; then came "suspended", but not "resumed". */
static void test_resumed_lost(void **state)
{
	start_with_peer("3");
	fake_nl.info.epoch = 0xe2;
	tick(2);
	fake_nl_send(XENLOOP_EVENT_SUSPENDED, NULL);
	pump();
	assert_true(d.suspended);
	fake_nl_lose_events();
	tick(5);
	assert_false(d.suspended);
	expect_hello(EPOCH2);
	assert_true(d.hello);
}

static void test_unload(void **state)
{
	start_with_peer("3");
	bring_up();
	fake_nl.gone = true;
	fake_nl.nr_chans = fake_nl.nr_ifaces = fake_nl.nr_peers = 0;
	tick(2);
	assert_null(d.nl);
	assert_null(d.links.first);
	assert_null(fake_xs_get("data/xenloop/hello"));
	fake_nl.gone = false;
	fake_nl.info.epoch = 0xe2;
	tick(1);
	expect_hello(EPOCH2);
}

/* XenStore's connection breaks: channels stay, everything is read again. */
static void test_store_lost(void **state)
{
	start_with_peer("3");
	bring_up();
	fake_xs.dead = true;
	fake_xs_put("xenloop/self", SELF VIF0);
	pump();
	assert_null(d.xs.h);
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_UP);
	fake_xs_del("data/xenloop/hello");
	fake_xs_put("xenloop/roster/4", "xenloop 1\nepoch " PEER
		    "\nfeatures 00000000\nname db\n"
		    "link 0 0 00:16:3e:00:00:08\n");
	tick(1);
	expect_hello(EPOCH);
	assert_int_equal(xenloop_links_count(&d.links, false), 2);
	assert_int_equal(fake_nl.closes, 0);
	/* Meanwhile a peer has left. */
	fake_xs.dead = true;
	fake_xs_put("xenloop/self", SELF VIF0);
	pump();
	fake_xs_del("xenloop/roster/3");
	tick(1);
	assert_int_equal(xenloop_links_count(&d.links, false), 1);
	assert_int_equal(d.links.first->key.domid, 4);
	assert_int_equal(fake_nl.chan[0].state, XENLOOP_CHAN_STATE_DRAINING);
}

/* Nothing is begun that could not be said. */
static void test_wanted_without_store(void **state)
{
	start_with_peer("3");
	fake_xs.dead = fake_xs.absent = true;
	fake_xs_put("xenloop/self", SELF VIF0);
	pump();
	assert_null(d.xs.h);
	send_wanted();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
	assert_int_equal(d.links.first->sm.failures, 0);
}

static void test_quota(void **state)
{
	start_with_peer("9");
	write_error = -ENOSPC;
	send_wanted();
	assert_string_equal(d.links.first->why,
			    "XenStore refuses more nodes: this guest's quota is used up");
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_CLOSING);
	write_error = 0;
	fake_nl_end(fake_nl.chan[0].id, XENLOOP_REASON_REQUESTED);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_BACKOFF);
	assert_int_equal(fake_nl.listens, 1);
}

/* A guest without room for its hello is told so, and not to look in Dom0. */
static void test_hello_refused(void **state)
{
	write_error = -EINVAL;
	start();
	tick(10);
	assert_false(d.hello);
	expect("status", NULL, "daemon/xenstore_error",
	       "\"XenStore refused the message (quota?)\"");
	write_error = 0;
	tick(10);
	assert_true(d.hello);
	expect("status", NULL, "daemon/xenstore_error", "\"\"");
}

static void test_out_of_grants(void **state)
{
	start_with_peer("9");
	fake_nl.fail_listen = -ENOSPC;
	send_wanted();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_BACKOFF);
	assert_string_equal(d.links.first->why, "what the kernel says");
	for (int i = 0; i < 20; i++)
		send_wanted();
	assert_int_equal(fake_nl.listens, 1);
	assert_null(fake_xs_get("data/xenloop/to/9-0-0"));
}

/* SIGTERM: what lives goes on, what only we could finish is taken back. */
static void test_stop(void **state)
{
	start_with_peer("3");
	bring_up();
	fake_xs_put("xenloop/roster/9",
		    "xenloop 1\nepoch " PEER "\nfeatures 00000000\nname b\n"
		    "link 0 0 00:16:3e:00:00:08\n");
	pump();
	fake_xs_put("xenloop/from/9-0-0", "request attempt=4" FT "\n");
	pump();
	assert_non_null(fake_xs_get("data/xenloop/to/9-0-0"));
	assert_int_equal(fake_nl.nr_chans, 2);
	xenloopd_stop(&d);
	stop();
	assert_null(fake_xs_get("data/xenloop/to/9-0-0"));
	expect_hello(EPOCH);
	assert_int_equal(fake_nl.chan[0].state, XENLOOP_CHAN_STATE_ACTIVE);
	assert_int_equal(fake_nl.chan[1].state, XENLOOP_CHAN_STATE_DRAINING);
	assert_int_equal(fake_nl.nr_ifaces, 1);
}

/* What main() does for --flush; returns the exit status. */
static int flush(void)
{
	static const struct xenloop_loop_ops ops;
	int status;

	prepare();
	d.loop = xenloop_loop_new(&ops, &d);
	d.base = xenloop_loop_base(d.loop);
	log_begin();
	status = xenloopd_flush(&d);
	log_end();
	stop();
	return status;
}

static void test_flush(void **state)
{
	start_with_peer("3");
	bring_up();
	xenloopd_stop(&d);
	stop();
	assert_int_equal(flush(), XENLOOPD_OK);
	assert_int_equal(fake_nl.drains, 1);
	assert_int_equal(fake_nl.nr_chans, 0);
	assert_int_equal(fake_nl.nr_ifaces, 0);
	assert_null(fake_xs_get("data/xenloop/hello"));
	assert_null(fake_xs_get("data/xenloop"));
}

/* Frames that were kept over a suspend wait for the carrier at first. */
static void test_flush_patient(void **state)
{
	start_with_peer("3");
	xenloopd_stop(&d);
	stop();
	fake_nl.fail_detach = -EAGAIN;
	fake_nl.fail_detaches = 1;
	assert_int_equal(flush(), XENLOOPD_OK);
	assert_int_equal(fake_nl.detaches, 2);
	assert_int_equal(fake_nl.nr_ifaces, 0);
}

/* What stays in XenStore makes others wait for this guest; the rest is done all the same. */
static void test_flush_without_xenstore(void **state)
{
	start_with_peer("3");
	xenloopd_stop(&d);
	stop();
	rm_error = -EBADF;	/* the connection is lost */
	assert_int_equal(flush(), XENLOOPD_FAILED);
	assert_int_equal(log_count("data/xenloop stays: "), 1);
	assert_int_equal(fake_nl.nr_ifaces, 0);
}

/* There is nothing to close then, and nothing that is waited for. */
static void test_flush_without_module(void **state)
{
	fake_nl.absent = true;
	fake_xs_put("data/xenloop/hello", "left over");
	assert_int_equal(flush(), XENLOOPD_OK);
	assert_null(fake_xs_get("data/xenloop/hello"));
	assert_string_equal(log_lines.text, "");
	/* One that can't be asked may have channels. */
	fake_nl.absent = false;
	fake_nl.info.abi_version++;
	assert_int_equal(flush(), XENLOOPD_FAILED);
	assert_int_equal(log_count("waiting"), 0);
	assert_int_equal(log_count("another version"), 1);
	fake_xs.absent = true;
	assert_int_equal(flush(), XENLOOPD_FAILED);
	assert_int_equal(log_count("no XenStore"), 1);
}

static void test_reload(void **state)
{
	fake_xs_put("xenloop/self", SELF VIF0
		    "vif 1 00:16:3e:00:00:02 ok\n");
	start();
	assert_int_equal(fake_nl.nr_ifaces, 2);
	put_conf("[channels]\ninterfaces = eth1 eth9\nfifo-size = 1M\n"
		 "max-channels = 3\n[kernel]\ndrain-timeout = 50\n");
	xenloopd_reload(&d);
	pump();
	assert_int_equal(fake_nl.nr_ifaces, 1);
	assert_int_equal(fake_nl.iface[0].vif, 1);
	assert_string_equal(d.iface[0].reason,
			    "excluded by the configuration");
	assert_int_equal(d.links.fifo_size, 1 << 20);
	assert_int_equal(d.links.max_chans, 3);
	assert_int_equal(fake_nl.info.tun.drain_timeout, 50);
	/* A file with a mistake changes nothing. */
	put_conf("[channels]\nfifo-size = 128K\ninterfaces = all\nnonsense = 1\n");
	xenloopd_reload(&d);
	pump();
	assert_int_equal(d.links.fifo_size, 1 << 20);
	assert_int_equal(fake_nl.nr_ifaces, 1);
	put_conf("");
	xenloopd_reload(&d);
	pump();
	assert_int_equal(fake_nl.nr_ifaces, 2);
	assert_int_equal(d.links.fifo_size, 512 << 10);
}

static void test_settings(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
		{ "", true },
		{ "[channels]\nfifo-size = 128K\n", true },
		{ "[channels]\nfifo-size = 131072\n", true },
		{ "[channels]\nfifo-size = 2M\n", true },
		{ "[channels]\nfifo-size = 64K\n", false },
		{ "[channels]\nfifo-size = 4M\n", false },
		{ "[channels]\nfifo-size = 500K\n", false },
		{ "[channels]\nfifo-size = 0\n", false },
		{ "[channels]\nidle-timeout = 0\n", true },
		{ "[channels]\nidle-timeout = -1\n", false },
		{ "[channels]\nidle-timeout = 86401\n", false },
		{ "[channels]\nmax-channels = 0\n", false },
		{ "[channels]\ninterfaces = all\n", true },
		{ "[channels]\ninterfaces = eth0  eth1\n", true },
		{ "[channels]\ninterfaces = a234567890123456\n", false },
		{ "[kernel]\nstall-timeout = 99\nhold-timeout = 0\n", false },
		{ "[kernel]\nstall-timeout = 100\nhold-timeout = 50\n", true },
		{ "[kernel]\nhold-timeout = 50\nstall-timeout = 100\n", true },
		{ "[kernel]\nstall-timeout = 100\nhold-timeout = 51\n", false },
		{ "[kernel]\nstall-timeout = 2000\n", true },
		{ "[kernel]\nstall-timeout = 1999\n", false },
		{ "[kernel]\nhold-timeout = 2501\n", false },
		{ "[kernel]\nbacklog-bytes = 64M\n", true },
		{ "[kernel]\nbacklog-bytes = 65M\n", false },
		{ "[kernel]\nfifo-size = 1M\n", false },
	};
	struct xenloopd_settings s;
	char why[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_conf(rows[i].text);
		assert_int_equal(xenloopd_settings_load(&s, conf, true, why,
							sizeof(why)),
				 rows[i].ok);
	}
	assert_true(xenloopd_settings_load(&s, "/nonexistent", false, why,
					   sizeof(why)));
	assert_false(xenloopd_settings_load(&s, "/nonexistent", true, why,
					    sizeof(why)));
	put_conf("[kernel]\nhold-timeout = 3000\n");
	assert_false(xenloopd_settings_load(&s, conf, true, why, sizeof(why)));
	assert_non_null(strstr(why, conf));
	assert_non_null(strstr(why, "hold-timeout (3000) is more than half of "
				    "stall-timeout (5000)"));
}

/* `value` is a second argument. */
static json_t *ask2(const char *verb, const char *peer, const char *value)
{
	struct xenloop_ctl_request req = { .command = verb,
					   .nr_args = !!peer + !!value,
					   .args = { peer, value } };
	struct xenloop_ctl_error err = { .code = NULL };
	const struct xenloop_ctl_verb *v = xenloopd_verbs;
	json_t *reply = json_object();

	while (strcmp(v->verb, verb))
		v++;
	if (v->fn(&d, &req, reply, &err))
		json_object_set_new(reply, "error", json_string(err.code));
	return reply;
}

/* Consumes the reply. */
static void expect_in(json_t *reply, const char *path, const char *value)
{
	json_t *at = reply;
	char copy[128], *save, *key;
	char *text;

	snprintf(copy, sizeof(copy), "%s", path);
	for (key = strtok_r(copy, "/", &save); key;
	     key = strtok_r(NULL, "/", &save))
		at = json_is_array(at) ?
			     json_array_get(at, (size_t)atoi(key)) :
			     json_object_get(at, key);
	text = json_dumps(at, JSON_ENCODE_ANY);
	if (!text || strcmp(text, value))
		fail_msg("%s: %s, not %s", path, text, value);
	free(text);
	json_decref(reply);
}

static void expect(const char *verb, const char *peer, const char *path,
		   const char *value)
{
	expect_in(ask2(verb, peer, NULL), path, value);
}

/* To connect a peer that is away ends its being held, for when it returns. */
static void test_connect_absent(void **state)
{
	start_with_peer("3");
	expect("disconnect", "web-2", "state", "\"held\"");
	fake_xs_del("xenloop/roster/3");
	pump();
	expect("disconnect", "web-2", "error", "\"not-found\"");
	expect("connect", "web-3", "error", "\"not-found\"");
	expect("connect", "web-2", "state", "\"off\"");
	expect("connect", "web-2", "error", "\"not-found\"");
	fake_xs_put("xenloop/roster/3", ROSTER);
	pump();
	assert_int_equal(d.links.first->sm.state, XENLOOP_PEER_IDLE);
}

static void test_verbs(void **state)
{
	start_with_peer("3");
	bring_up();
	fake_nl.chan[0].stats.nr = 1;
	strcpy(fake_nl.chan[0].stats.stat[0].name, "tx-frames");
	fake_nl.chan[0].stats.stat[0].value = 1200;
	fake_nl.iface[0].chans = fake_nl.chan[0].stats;
	fake_nl.iface[0].chans.stat[0].value = 1300;
	strcpy(fake_nl.iface[0].aside, "XDP program");
	expect("status", NULL, "host", "\"guest\"");
	expect("status", NULL, "daemon/epoch", "\"" EPOCH "\"");
	expect("status", NULL, "daemon/domid", "5");
	expect("status", NULL, "kernel/loaded", "true");
	expect("status", NULL, "discovery/seen", "true");
	expect("status", NULL, "settings/idle_ms", "60000");
	expect("status", NULL, "interfaces/0/ifname", "\"eth0\"");
	expect("status", NULL, "interfaces/0/state", "\"aside\"");
	expect("status", NULL, "interfaces/0/reason", "\"XDP program\"");
	expect("peers", NULL, "domid", "5");
	expect("peers", NULL, "peers/0/name", "\"web-2\"");
	expect("peers", NULL, "peers/0/domid", "3");
	expect("peers", NULL, "peers/0/mac", "\"00:16:3e:00:00:07\"");
	expect("peers", NULL, "peers/0/state", "\"up\"");
	expect("peers", NULL, "peers/0/role", "\"connector\"");
	expect("peers", NULL, "peers/0/fifo_size", "524288");
	expect("peers", NULL, "peers/0/tx_frames", "1200");
	expect("peers", NULL, "peers/0/reason", "\"\"");
	expect("peers", "web-2", "peers/0/domid", "3");
	expect("peers", "3", "peers/0/name", "\"web-2\"");
	expect("peers", "nobody", "error", "\"not-found\"");
	expect("stats", NULL, "channels/0/stats/tx-frames", "1200");
	expect("stats", NULL, "channels/0/name", "\"web-2\"");
	expect("stats", NULL, "interfaces/0/vif", "0");
	expect("stats", NULL, "interfaces/0/channels/tx-frames", "1300");
	expect("disconnect", "nobody", "error", "\"not-found\"");
	expect("disconnect", "web-2", "state", "\"closing\"");
	fake_nl_end(fake_nl.chan[0].id, XENLOOP_REASON_REQUESTED);
	pump();
	expect("peers", NULL, "peers/0/state", "\"held\"");
	expect("peers", NULL, "peers/0/reason",
	       "\"held down by xenloopctl disconnect\"");
	d.links.max_chans = 0;
	expect("connect", "3", "error", "\"failed\"");
	expect("peers", NULL, "peers/0/state", "\"idle\"");
	expect("peers", NULL, "peers/0/reason", "\"max-channels reached\"");
	d.links.max_chans = 1;
	expect("connect", "3", "state", "\"requested\"");
	fake_nl.gone = true;
	expect("status", NULL, "kernel/loaded", "false");
}

/* What doctor goes by while something is missing. */
static void test_facts(void **state)
{
	fake_nl.absent = true;
	start();
	expect("status", NULL, "kernel/reason", "\"not-loaded\"");
	stop();
	fake_nl.absent = false;
	fake_nl.info.abi_version++;
	start();
	expect("status", NULL, "kernel/reason", "\"other-version\"");
	stop();
	fake_nl.info.abi_version--;
	fake_xs_put("xenloop/self", SELF VIF0
		    "vif 1 00:16:3e:00:00:02 isolated\n");
	put_conf("[channels]\ninterfaces = eth1\n");
	remove_netdev("eth1");
	start();
	xenloopd_reload(&d);
	pump();
	expect("status", NULL, "daemon/suspended", "false");
	expect("status", NULL, "daemon/xenstore_error", "\"\"");
	expect("status", NULL, "interfaces/0/dom0", "\"ok\"");
	expect("status", NULL, "interfaces/0/configured", "false");
	expect("status", NULL, "interfaces/0/present", "true");
	expect("status", NULL, "interfaces/1/dom0", "\"isolated\"");
	expect("status", NULL, "interfaces/1/present", "false");
	expect("status", NULL, "interfaces/1/reason", "\"Dom0: isolated\"");
}

static void test_set(void **state)
{
	start();
	expect("settings", NULL, "settings/0/name", "\"fifo-size\"");
	expect("settings", NULL, "settings/0/value", "524288");
	expect("settings", NULL, "settings/0/max", "2097152");
	expect("settings", "interfaces", "settings/0/value", "\"all\"");
	expect("settings", "nonsense", "error", "\"not-found\"");
	expect_in(ask2("set", "idle-timeout", "30"), "value", "30");
	assert_int_equal(d.settings.idle_timeout, 30);
	expect("settings", "idle-timeout", "settings/0/default", "60");
	expect_in(ask2("set", "fifo-size", "1M"), "was", "524288");
	assert_int_equal(d.links.fifo_size, 1 << 20);
	expect_in(ask2("set", "max-channels", "2"), "value", "2");
	assert_int_equal(d.links.max_chans, 2);
	expect_in(ask2("set", "interfaces", "eth1 eth0"), "value",
		  "\"eth1 eth0\"");
	expect_in(ask2("set", "stall-timeout", "2700"), "value", "2700");
	expect_in(ask2("set", "verbose", "yes"), "was", "false");
	expect_in(ask2("set", "verbose", "no"), "was", "true");
	expect_in(ask2("set", "verbose", "maybe"), "error", "\"usage\"");
	assert_int_equal(fake_nl.info.tun.stall_timeout, 2700);
	/* What is refused changes nothing. */
	expect_in(ask2("set", "stall-timeout", "7"), "error", "\"usage\"");
	expect_in(ask2("set", "stall-timeout", "1999"), "error", "\"usage\"");
	expect_in(ask2("set", "hold-timeout", "1351"), "error", "\"usage\"");
	expect_in(ask2("set", "fifo-size", "3M"), "error", "\"usage\"");
	expect_in(ask2("set", "interfaces", " "), "error", "\"usage\"");
	expect_in(ask2("set", "interfaces", "a\nb"), "error", "\"usage\"");
	expect_in(ask2("set", "colour", "red"), "error", "\"not-found\"");
	fake_nl.fail_set = -EINVAL;
	expect_in(ask2("set", "stall-timeout", "2800"), "error",
		  "\"failed\"");
	assert_int_equal(d.settings.stall_timeout, 2700);
	assert_int_equal(d.links.fifo_size, 1 << 20);
	/* The file has the last word. */
	fake_nl.fail_set = 0;
	xenloopd_reload(&d);
	assert_int_equal(d.settings.stall_timeout, 5000);
}

static int make_dir(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(sysfs, sizeof(sysfs), "%s/net", dir);
	snprintf(conf, sizeof(conf), "%s/xenloopd.conf", dir);
	return mkdir(sysfs, 0755);
}

static int remove_dir(void **state)
{
	char command[128];

	fake_xs_reset("");
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_no_module),
		TEST(test_no_xenstore),
		TEST(test_dom0),
		TEST(test_other_fifo_version),
		TEST(test_discovery),
		TEST(test_roster_first),
		TEST(test_connector),
		TEST(test_accept_is_published),
		TEST(test_listener),
		TEST(test_early_request),
		TEST(test_early_offer),
		TEST(test_garbage),
		TEST(test_no_listing),
		TEST(test_foreign_self),
		TEST(test_revoked),
		TEST(test_mac_twice),
		TEST(test_hotplug),
		TEST(test_not_seen),
		TEST(test_away),
		TEST(test_reattached),
		TEST(test_reattached_held),
		TEST(test_peer_missing),
		TEST(test_poll_before_event),
		TEST(test_attach_fails),
		TEST(test_stale_kernel_state),
		TEST(test_detach_refused),
		TEST(test_detach_refused_and_back),
		TEST(test_listed_peer_gone),
		TEST(test_no_peer_list),
		TEST(test_peers_of_long_roster),
		TEST(test_roster_fails_for_a_while),
		TEST(test_departed_of_long_roster),
		TEST(test_self_fails_for_a_while),
		TEST(test_senseless_entries),
		TEST(test_adoption),
		TEST(test_idle),
		TEST(test_never_idle),
		TEST(test_offer_after_offer),
		TEST(test_reasons),
		TEST(test_cap_is_told),
		TEST(test_bounded_log),
		TEST(test_bounded_past),
		TEST(test_cleaned),
		TEST(test_held_peer_returns),
		TEST(test_overrun),
		TEST(test_suspend),
		TEST(test_silent_suspend),
		TEST(test_sync_in_a_new_life),
		TEST(test_resumed_lost),
		TEST(test_unload),
		TEST(test_store_lost),
		TEST(test_wanted_without_store),
		TEST(test_quota),
		TEST(test_hello_refused),
		TEST(test_out_of_grants),
		TEST(test_stop),
		TEST(test_flush),
		TEST(test_flush_patient),
		TEST(test_flush_without_xenstore),
		TEST(test_flush_without_module),
		TEST(test_reload),
		TEST(test_settings),
		TEST(test_connect_absent),
		TEST(test_verbs),
		TEST(test_facts),
		TEST(test_set),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
