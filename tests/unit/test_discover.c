// SPDX-License-Identifier: GPL-2.0 OR MIT
/* xendiscoverd as a whole, on a host in memory: who is told what, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/fake_host.h"
#include "tests/unit/log_lines.h"

#define MAC1 "00:16:3e:00:00:01"
#define MAC2 "00:16:3e:00:00:02"
#define MAC3 "00:16:3e:00:00:03"

#define E1 0x1111111111111111u
#define E2 0x2222222222222222u
#define E3 0x3333333333333333u

static const char self1[] =
	"xenloop 1\ndomid 1\nepoch 1111111111111111\nvif 0 " MAC1 " ok\n";
static const char roster1_2[] =
	"xenloop 1\nepoch 2222222222222222\nfeatures 00000000\nname web-2\n"
	"link 0 0 " MAC2 "\n";
static const char roster2_1[] =
	"xenloop 1\nepoch 1111111111111111\nfeatures 00000000\nname web-1\n"
	"link 0 0 " MAC1 "\n";

/* Two guests on xenbr0, both with xenloopd. */
static int setup(void **state)
{
	(void)state;
	host_new();
	host_domain(1, "web-1");
	host_vif(1, 0, MAC1, 100);
	host_hello(1, E1);
	host_domain(2, "web-2");
	host_vif(2, 0, MAC2, 100);
	host_hello(2, E2);
	host_start("");
	assert_int_equal(host_run(), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	host_end();
	return 0;
}

static void assert_linked(void)
{
	assert_string_equal(fake_xs_get("/local/domain/1/xenloop/roster/2"),
			    roster1_2);
	assert_string_equal(fake_xs_get("/local/domain/2/xenloop/roster/1"),
			    roster2_1);
}

static void assert_unlinked(void)
{
	assert_null(fake_xs_get("/local/domain/1/xenloop/roster/2"));
	assert_null(fake_xs_get("/local/domain/2/xenloop/roster/1"));
}

static void assert_state(uint32_t domid, const char *word)
{
	const char *self = host_get("/local/domain/%u/xenloop/self", domid);
	const char *at;

	assert_non_null(self);
	at = strrchr(self, ' ');
	if (strncmp(at + 1, word, strlen(word)) || at[1 + strlen(word)] != '\n')
		fail_msg("%s, not %s", at + 1, word);
}

static void test_two_guests(void **state)
{
	size_t peers, links;

	(void)state;
	assert_string_equal(fake_xs_get("/local/domain/1/xenloop/self"), self1);
	assert_linked();
	xenloop_status_count(&host.d.model, &peers, &links);
	assert_int_equal(peers, 2);
	assert_int_equal(links, 1);
}

/* Each node, the directories too: Dom0's, readable by that guest alone. */
static void test_permissions(void **state)
{
	unsigned int seen = 0;

	(void)state;
	for (size_t i = 0; i < fake_xs.nr; i++) {
		unsigned int domid;
		char rest;

		if (sscanf(fake_xs.node[i].path, "/local/domain/%u/xenloo%c",
			   &domid, &rest) != 2)
			continue;
		assert_int_equal(fake_xs.node[i].reader, domid);
		seen++;
	}
	assert_int_equal(seen, 2 * 5);
}

static void test_no_hello_no_nodes(void **state)
{
	(void)state;
	host_domain(3, "windows");
	host_vif(3, 0, MAC3, 100);
	assert_int_equal(host_run(), 0);
	assert_null(fake_xs_get("/local/domain/3/xenloop"));
	assert_null(fake_xs_get("/local/domain/1/xenloop/roster/3"));
}

static void test_quiet_is_quiet(void **state)
{
	unsigned int writes = fake_xs.writes, removals = fake_xs.removals;

	(void)state;
	host.d.domains_stale = true;
	for (size_t i = 0; i < host.d.model.nr; i++) {
		host.d.model.guest[i]->facts_stale = true;
		host.d.model.guest[i]->hello_stale = true;
		host.d.model.guest[i]->changed = true;
	}
	assert_int_equal(host_run(), 0);
	assert_int_equal(fake_xs.writes, writes);
	assert_int_equal(fake_xs.removals, removals);
}

/* A restart that finds everything right writes nothing; see also below. */
static void test_restart(void **state)
{
	unsigned int writes, removals;

	(void)state;
	host_stop();
	writes = fake_xs.writes;
	removals = fake_xs.removals;
	host_start("");
	assert_int_equal(host_run(), 0);
	assert_linked();
	assert_int_equal(fake_xs.writes, writes);
	/* Each guest's inbox, and nothing else. */
	assert_int_equal(fake_xs.removals, removals + 2);
}

static void test_restart_stale(void **state)
{
	(void)state;
	host_stop();
	host_put("x", "/local/domain/1/xenloop/roster/77");
	host_put("x", "/local/domain/1/xenloop/roster/zz");
	host_put("bye", "/local/domain/1/xenloop/from/2-0-0");
	host_put("bye", "/local/domain/1/xenloop/from/zz");
	fake_xs_del("/local/domain/2/data/xenloop/hello");
	host_start("");
	assert_int_equal(host_run(), 0);
	assert_null(fake_xs_get("/local/domain/1/xenloop/roster/77"));
	assert_null(fake_xs_get("/local/domain/1/xenloop/roster/zz"));
	assert_null(fake_xs_get("/local/domain/1/xenloop/roster/2"));
	assert_null(fake_xs_get("/local/domain/1/xenloop/from/2-0-0"));
	assert_null(fake_xs_get("/local/domain/1/xenloop/from/zz"));
	assert_null(fake_xs_get("/local/domain/2/xenloop"));
	assert_string_equal(fake_xs_get("/local/domain/1/xenloop/self"), self1);
}

static void test_hello_goes(void **state)
{
	(void)state;
	fake_xs_del("/local/domain/2/data/xenloop/hello");
	assert_int_equal(host_run(), 0);
	assert_null(fake_xs_get("/local/domain/1/xenloop/roster/2"));
	assert_null(fake_xs_get("/local/domain/2/xenloop"));
	host_hello(2, E2);
	assert_int_equal(host_run(), 0);
	assert_linked();
}

static void test_bad_hello(void **state)
{
	static const char *const bad[] = {
		"", "xenloop 2\nepoch 1111111111111111\nfeatures 00000000\n",
		"xenloop 1\nepoch 0\nfeatures 0\n", "\xff\xfe",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		/* No token bucket between the cases. */
		xenloop_model_find(&host.d.model, 2)->hello_rate.started =
			false;
		host_put(bad[i], "/local/domain/2/data/xenloop/hello");
		assert_int_equal(host_run(), 0);
		assert_unlinked();
	}
}

static void test_epoch(void **state)
{
	(void)state;
	host_hello(2, E3);
	assert_int_equal(host_run(), 0);
	assert_non_null(strstr(fake_xs_get("/local/domain/1/xenloop/roster/2"),
			       "epoch 3333333333333333\n"));
	assert_non_null(strstr(fake_xs_get("/local/domain/2/xenloop/self"),
			       "epoch 3333333333333333\n"));
}

static void test_hello_flood(void **state)
{
	struct xenloop_guest *guest = xenloop_model_find(&host.d.model, 2);
	unsigned int reads;
	uint64_t wait;

	(void)state;
	for (int i = 0; i < 20; i++) {
		host_hello(2, E2 + (unsigned int)i);
		assert_int_equal(host_run(), 0);
	}
	assert_true(guest->hello_stale);
	reads = fake_xs.reads;
	assert_int_equal(xenloop_work(&host.d, &wait), 0);
	assert_int_equal(fake_xs.reads, reads);
	assert_true(wait > 0 && wait <= 1000);
	/* Later, and then the last state. */
	guest->hello_rate.last_us -= 1000 * 1000ull;
	assert_int_equal(host_run(), 0);
	assert_int_equal(guest->hello.epoch, E2 + 19);
}

/* In each second the guest is here, or it is not. */
static void flip(int i)
{
	xenloop_model_find(&host.d.model, 2)->hello_rate.started = false;
	if (i & 1)
		host_hello(2, E2);
	else
		fake_xs_del("/local/domain/2/data/xenloop/hello");
	assert_int_equal(host_run(), 0);
}

/* A few changes are taken up at once, and then one in ten seconds. */
static void test_hello_flips(void **state)
{
	struct xenloop_guest *guest = xenloop_model_find(&host.d.model, 2);
	unsigned int writes;
	uint64_t wait;

	(void)state;
	for (int i = 0; i < 9; i++) {
		flip(i);
		assert_int_equal(guest->present, i & 1);
	}
	writes = fake_xs.writes;
	for (int i = 9; i < 1000; i++)
		flip(i);
	assert_int_equal(fake_xs.writes, writes);
	assert_int_equal(xenloop_work(&host.d, &wait), 0);
	assert_in_range(wait, 2000, 10000);
	/* Later, and then the last state. */
	guest->change_rate.last_us -= 10000 * 1000ull;
	assert_int_equal(host_run(), 0);
	assert_linked();
	/* Not for ever: what is quiet for a while is quick again. */
	guest->change_rate.interval_us = 1;
	for (int i = 0; i < 10; i++) {
		flip(i);
		assert_int_equal(guest->present, i & 1);
	}
}

/* Its vif goes down at once, and comes back as rarely. */
static void test_vif_flaps(void **state)
{
	struct xenloop_guest *guest = xenloop_model_find(&host.d.model, 2);
	unsigned int writes = 0;
	uint64_t wait;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		host_netdev("vif2.0")->up = i & 1;
		assert_int_equal(host_run(), 0);
		assert_string_equal(xenloop_vif_state_name(guest->vif[0].state),
				    i & 1 && i < 84 ? "ok" : "down");
		if (i == 84)
			writes = fake_xs.writes;
	}
	assert_int_equal(fake_xs.writes, writes);
	assert_unlinked();
	assert_int_equal(xenloop_work(&host.d, &wait), 0);
	assert_in_range(wait, 2000, 10000);
	guest->return_rate.last_us -= 10000 * 1000ull;
	assert_int_equal(host_run(), 0);
	assert_linked();
	/* What it says of itself does not wait for that. */
	flip(0);
	assert_false(guest->present);
}

/* A hello that stays the same is no change. */
static void test_hello_again(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++)
		flip(1);
	host_hello(2, E3);
	assert_int_equal(host_run(), 0);
	assert_int_equal(xenloop_model_find(&host.d.model, 2)->hello.epoch, E3);
}

/* Lines about links are limited by the guest that changes. */
static void test_link_lines(void **state)
{
	struct xenloop_guest *guest = xenloop_model_find(&host.d.model, 2);

	(void)state;
	log_begin();
	for (int i = 0; i < 600; i++) {
		guest->change_rate.started = false;
		flip(i);
	}
	log_end();
	/* One was logged at the start. */
	assert_int_equal(log_count("may loop\n") +
			 log_count("may no longer loop\n"), 499);
	guest->link_log_rate.last_us -= 10000 * 1000ull;
	log_begin();
	guest->change_rate.started = false;
	flip(0);
	log_end();
	assert_int_equal(log_count("may no longer loop (101 more about domain 2 not logged)"),
			 1);
	/* That is no reason to be silent about others. */
	log_begin();
	host_domain(3, "web-3");
	host_vif(3, 0, MAC3, 100);
	host_hello(3, E3);
	assert_int_equal(host_run(), 0);
	log_end();
	assert_int_equal(log_count("web-1 vif 0 and web-3 vif 0 may loop\n"),
			 1);
}

static int no_write_to_1(void *h, xenloop_xs_txn t, const char *path,
			 const char *value, size_t len)
{
	if (!strncmp(path, "/local/domain/1/", 16))
		return -ENOSPC;
	return fake_xs_ops.write(h, t, path, value, len);
}

/* The others are told all the same, and the guest is tried again. */
static void test_one_fails(void **state)
{
	static struct xenloop_xs_ops ops;
	uint64_t wait;

	(void)state;
	ops = fake_xs_ops;
	ops.write = no_write_to_1;
	host.d.xs.ops = &ops;
	host_hello(2, E3);
	assert_int_equal(host_run(), -ENOSPC);
	assert_non_null(strstr(fake_xs_get("/local/domain/2/xenloop/self"),
			       "epoch 3333333333333333\n"));
	host.d.xs.ops = &fake_xs_ops;
	assert_int_equal(xenloop_work(&host.d, &wait), 0);
	assert_non_null(strstr(fake_xs_get("/local/domain/1/xenloop/roster/2"),
			       "epoch 3333333333333333\n"));
}

static void test_destroy(void **state)
{
	(void)state;
	host_destroy(2);
	assert_int_equal(host_run(), 0);
	assert_null(fake_xs_get("/local/domain/1/xenloop/roster/2"));
	assert_null(fake_xs_get("/local/domain/2"));
	assert_null(xenloop_model_find(&host.d.model, 2));
}

/* The home is gone before the list of domains says so. */
static void test_no_late_write(void **state)
{
	(void)state;
	fake_xs_del("/local/domain/2");
	xenloop_pub_set(&xenloop_model_find(&host.d.model, 2)->pub, "self",
			"x", 0);
	assert_int_equal(xenloop_pub_flush(&host.d.xs, 2,
			 &xenloop_model_find(&host.d.model, 2)->pub), -ENOENT);
	assert_null(fake_xs_get("/local/domain/2"));
}

static int commits_to_pass;

static int commit_fails(void *h, xenloop_xs_txn t, bool abort)
{
	bool fails = !commits_to_pass--;
	int err = fake_xs_ops.txn_end(h, t, abort || fails);

	return fails ? -EIO : err;
}

/* What a batch wrote is known to be there, also when the next one fails. */
static void test_second_batch_fails(void **state)
{
	static struct xenloop_xs_ops ops;
	struct xenloop_pub pub = { 0 };
	char name[XENLOOP_PUB_NAME];

	(void)state;
	ops = fake_xs_ops;
	ops.txn_end = commit_fails;
	host.d.xs.ops = &ops;
	for (unsigned int i = 100; i < 200; i++) {
		snprintf(name, sizeof(name), "from/%u-0-0", i);
		xenloop_pub_set(&pub, name, "x", 0);
	}
	commits_to_pass = 1;
	assert_int_equal(xenloop_pub_flush(&host.d.xs, 2, &pub), -EIO);
	host.d.xs.ops = &fake_xs_ops;
	assert_non_null(fake_xs_get("/local/domain/2/xenloop/from/100-0-0"));
	assert_null(fake_xs_get("/local/domain/2/xenloop/from/199-0-0"));
	xenloop_pub_set(&pub, "from/100-0-0", NULL, 0);
	assert_int_equal(xenloop_pub_flush(&host.d.xs, 2, &pub), 0);
	assert_null(fake_xs_get("/local/domain/2/xenloop/from/100-0-0"));
	assert_non_null(fake_xs_get("/local/domain/2/xenloop/from/199-0-0"));
	xenloop_pub_free(&pub);
}

static void test_shutdown_and_back(void **state)
{
	(void)state;
	host_dominfo(2)->alive = false;
	fake_xs_special("@releaseDomain");
	assert_int_equal(host_run(), 0);
	assert_unlinked();
	/* A cancelled suspend: only the new hello tells. */
	host_dominfo(2)->alive = true;
	host_hello(2, E2);
	assert_int_equal(host_run(), 0);
	assert_linked();
}

/* The old domain is gone and the new one there before we look. */
static void test_domid_reused(void **state)
{
	(void)state;
	fake_xs_del("/local/domain/2");
	strcpy(host_dominfo(2)->uuid, "99999999-0000-0000-0000-000000000000");
	host_put("2", "/local/domain/2/domid");
	host_put("other", "/local/domain/2/name");
	host_hello(2, E2);
	fake_xs_special("@introduceDomain");
	assert_int_equal(host_run(), 0);
	assert_string_equal(xenloop_model_find(&host.d.model, 2)->name,
			    "other");
	assert_state(2, "ok");
	assert_string_equal(fake_xs_get("/local/domain/2/xenloop/roster/1"),
			    roster2_1);
}

/* Then only the toolstack's own copy of the vif's keys is there. */
static void test_driver_domain(void **state)
{
	(void)state;
	host_put("00:16:3E:00:00:22", "/libxl/2/device/vif/0/mac");
	fake_xs_del("/local/domain/0/backend/vif/2");
	host_put("/local/domain/7/backend/vif/2/0",
		 "/libxl/2/device/vif/0/backend");
	assert_int_equal(host_run(), 0);
	assert_unlinked();
	assert_non_null(strstr(fake_xs_get("/local/domain/2/xenloop/self"),
			       "vif 0 00:16:3e:00:00:22 not-dom0\n"));
}

/* Whatever is not the form that libxl writes is not believed. */
static void test_bad_backend(void **state)
{
	static const char *const bad[] = {
		"/local/domain/0/backend/vif/1/0", "/local/domain/0/backend/vif/2/1",
		"/local/domain/00/backend/vif/2/0", "", "0",
		"/local/domain/0/backend/vif/2/0/", "/local/domain/-1/backend/vif/2/0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		host_put(bad[i], "/libxl/2/device/vif/0/backend");
		assert_int_equal(host_run(), 0);
		assert_unlinked();
	}
}

static void test_rename(void **state)
{
	(void)state;
	host_put("new name", "/local/domain/2/name");
	assert_int_equal(host_run(), 0);
	assert_non_null(strstr(fake_xs_get("/local/domain/1/xenloop/roster/2"),
			       "name new_name\n"));
}

static void change_bridge(void)
{
	host_netdev("vif2.0")->master = 101;
}

static void change_nothing_enslaved(void)
{
	host_netdev("vif2.0")->master = 0;
}

static void change_isolated(void)
{
	host_netdev("vif2.0")->isolated = true;
}

static void change_down(void)
{
	host_netdev("vif2.0")->up = false;
}

static void change_blocked(void)
{
	host_netdev("vif2.0")->forwarding = false;
}

static void change_filtered(void)
{
	host.d.netdevs.netfilter = true;
}

static void change_locked(void)
{
	host_netdev("vif2.0")->locked = true;
}

static void change_no_pvid(void)
{
	host_netdev("xenbr0")->vlan_filtering = true;
}

static void change_rate(void)
{
	host_put("10000,50000", "/local/domain/0/backend/vif/2/0/rate");
}

static void change_ip(void)
{
	host_put("10.0.0.2", "/local/domain/0/backend/vif/2/0/ip");
}

static void change_mac(void)
{
	host_put(MAC1, "/local/domain/0/backend/vif/2/0/mac");
}

static void change_backend(void)
{
	host_put(MAC2, "/libxl/2/device/vif/0/mac");
	host_put("/local/domain/7/backend/vif/2/0",
		 "/libxl/2/device/vif/0/backend");
}

static void change_routed(void)
{
	host_netdev("vif2.0")->master = 0;
	fake_xs_del("/local/domain/0/backend/vif/2/0/bridge");
}

/* As xl writes it, which names a bridge in any case. */
static void change_script(void)
{
	host_netdev("vif2.0")->master = 0;
	host_put("/etc/xen/scripts/vif-route",
		 "/local/domain/0/backend/vif/2/0/script");
	change_ip();
}

/* A port of Open vSwitch has its datapath as master. */
static void change_switch(void)
{
	host_netdev("vif2.0")->master = 102;
	host_netdev("vif2.0")->is_port = false;
	host_put("/etc/xen/scripts/vif-openvswitch",
		 "/local/domain/0/backend/vif/2/0/script");
	change_ip();
}

static const struct {
	void (*change)(void);
	const char *state;	/* of domain 2's vif afterwards */
} changes[] = {
	{ change_bridge, "ok" },	/* on another network */
	{ change_nothing_enslaved, "no-bridge" },
	{ change_isolated, "isolated" },
	{ change_down, "down" },
	{ change_blocked, "down" },
	{ change_filtered, "filtered" },
	{ change_locked, "filtered" },
	{ change_no_pvid, "vlan" },
	{ change_rate, "rate-limited" },
	{ change_ip, "ip-filter" },
	{ change_mac, "duplicate-mac" },
	{ change_backend, "not-dom0" },
	{ change_routed, "routed" },
	{ change_script, "routed" },
	{ change_switch, "no-bridge" },
};

/* A link that was allowed is revoked from both rosters, whatever changed. */
static void test_revoked(void **state)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		assert_linked();
		changes[i].change();
		assert_int_equal(host_run(), 0);
		assert_unlinked();
		assert_state(2, changes[i].state);
		teardown(state);
		setup(state);
	}
}

static void test_permitted(void **state)
{
	(void)state;
	change_rate();
	change_ip();
	change_filtered();
	host_stop();
	host_start("[eligible]\nrate-limited = yes\nip-filter = yes\n"
		   "bridge-netfilter = yes\n");
	assert_int_equal(host_run(), 0);
	assert_linked();
}

static void test_duplicate(void **state)
{
	(void)state;
	host_domain(3, "clone");
	host_vif(3, 0, MAC1, 100);
	assert_int_equal(host_run(), 0);
	assert_state(1, "duplicate-mac");
	assert_unlinked();
	host_destroy(3);
	assert_int_equal(host_run(), 0);
	assert_state(1, "ok");
	assert_linked();
}

/* A guest's device model in a domain of its own has the guest's vifs, too. */
static void test_stub_domain(void **state)
{
	(void)state;
	fake_xs_put("/local/domain/3/target", "1");
	host_domain(3, "web-1-dm");
	host_vif(3, 0, MAC1, 100);
	assert_int_equal(host_run(), 0);
	assert_state(1, "ok");
	assert_linked();
}

static void test_same_mac_elsewhere(void **state)
{
	(void)state;
	host_domain(3, "clone");
	host_vif(3, 0, MAC1, 101);
	host_hello(3, E3);
	assert_int_equal(host_run(), 0);
	assert_state(1, "ok");
	assert_state(3, "ok");
	assert_linked();
	assert_null(fake_xs_get("/local/domain/1/xenloop/roster/3"));
}

static void set_vlan(const char *name, uint32_t pvid, bool untagged)
{
	host_netdev(name)->pvid = pvid;
	host_netdev(name)->pvid_untagged = untagged;
}

static void test_vlans(void **state)
{
	(void)state;
	host_netdev("xenbr0")->vlan_filtering = true;
	set_vlan("vif1.0", 10, true);
	set_vlan("vif2.0", 10, true);
	assert_int_equal(host_run(), 0);
	assert_linked();
	assert_string_equal(xenloop_model_find(&host.d.model, 1)->vif[0].net.name,
			    "xenbr0/10");
	set_vlan("vif2.0", 20, true);
	assert_int_equal(host_run(), 0);
	assert_unlinked();
	assert_state(2, "ok");
	set_vlan("vif2.0", 10, false);
	assert_int_equal(host_run(), 0);
	assert_state(2, "vlan");
}

static void test_two_vifs(void **state)
{
	(void)state;
	host_vif(1, 1, "00:16:3e:00:01:01", 101);
	host_vif(2, 1, "00:16:3e:00:01:02", 101);
	host_vif(2, 2, "00:16:3e:00:02:02", 100);
	assert_int_equal(host_run(), 0);
	assert_string_equal(fake_xs_get("/local/domain/1/xenloop/roster/2"),
			    "xenloop 1\nepoch 2222222222222222\n"
			    "features 00000000\nname web-2\n"
			    "link 0 0 " MAC2 "\n"
			    "link 0 2 00:16:3e:00:02:02\n"
			    "link 1 1 00:16:3e:00:01:02\n");
}

/* What does not fit is left out on both sides, whatever their names. */
static void test_many_vifs(void **state)
{
	struct xenloop_roster one, two;
	const char *text;

	(void)state;
	host_put("a-name-that-is-much-longer-than-that-of-its-peer", "/local/domain/1/name");
	for (uint32_t vif = 1; vif < 8; vif++) {
		char mac[XENLOOP_MAC_STR];

		snprintf(mac, sizeof(mac), "00:16:3e:00:%02x:01", vif);
		host_vif(1, vif, mac, 100);
		snprintf(mac, sizeof(mac), "00:16:3e:00:%02x:02", vif);
		host_vif(2, vif, mac, 100);
	}
	assert_int_equal(host_run(), 0);
	text = fake_xs_get("/local/domain/1/xenloop/roster/2");
	assert_int_equal(xenloop_roster_parse(text, strlen(text), &one), 0);
	text = fake_xs_get("/local/domain/2/xenloop/roster/1");
	assert_int_equal(xenloop_roster_parse(text, strlen(text), &two), 0);
	assert_in_range(one.nr_links, 25, 40);
	assert_int_equal(one.nr_links, two.nr_links);
	for (unsigned int i = 0; i < one.nr_links; i++) {
		assert_int_equal(one.link[i].vif, two.link[i].peer_vif);
		assert_int_equal(one.link[i].peer_vif, two.link[i].vif);
	}
}

/* Has the daemon load its file, with that in it. */
static void reload(const char *conf)
{
	char path[sizeof(host.sysfs) + 16];

	put_file(host.sysfs, "conf", conf);
	snprintf(path, sizeof(path), "%s/conf", host.sysfs);
	host.d.config = path;
	xenloop_discoverd_reload(&host.d);
	host.d.config = NULL;
	assert_int_equal(host_run(), 0);
}

/* A file with a mistake is as good as none: nothing of it is taken. */
static void test_bad_reload(void **state)
{
	static const char *const bad[] = {
		"[policy]\ndeny = web-*\nnonsense\n",
		"[policy]\ndeny = web-*\nallow = @nobody\n",
		"[policy]\noff = *\n[limits]\nmax-messages = 0\n",
	};
	const struct xenloop_settings *old;
	unsigned int writes, removals;

	(void)state;
	reload("[policy]\ndefault = deny\nallow = web-*\n");
	old = host.d.settings;
	writes = fake_xs.writes;
	removals = fake_xs.removals;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		log_begin();
		reload(bad[i]);
		log_end();
		assert_int_equal(log_count("the old settings stay"), 1);
		assert_ptr_equal(host.d.settings, old);
		assert_linked();
	}
	assert_int_equal(fake_xs.writes, writes);
	assert_int_equal(fake_xs.removals, removals);
	reload("");
	assert_ptr_not_equal(host.d.settings, old);
}

/* As a reload that was asked for while somebody writes the file. */
static void test_reload_without_file(void **state)
{
	(void)state;
	reload("[policy]\ndeny = web-*\n");
	assert_unlinked();
	host.d.config = "/nonexistent/conf";
	log_begin();
	xenloop_discoverd_reload(&host.d);
	log_end();
	host.d.config = NULL;
	assert_int_equal(log_count("the old settings stay"), 1);
	assert_int_equal(host_run(), 0);
	assert_unlinked();
}

static void test_policy(void **state)
{
	(void)state;
	reload("[policy]\ndeny = web-*\n");
	assert_unlinked();
	assert_state(1, "ok");
	reload("[policy]\noff = web-1\n");
	assert_unlinked();
	assert_state(1, "policy");
	reload("[policy]\nallow = *\noff = web-1\n");
	assert_unlinked();
	assert_state(1, "policy");
	assert_state(2, "ok");
	reload("");
	assert_linked();
}

/* What can't be read says nothing; the others go on, and it is tried again. */
static void test_unreadable_facts(void **state)
{
	static const char *const paths[] = {
		"/local/domain/2/name", "/local/domain/2/target",
		"/libxl/2/device/vif/0/backend",
		"/local/domain/0/backend/vif/2/0/mac",
		"/local/domain/0/backend/vif/2/0/rate",
		"/local/domain/0/backend/vif/2/0/ip",
		"/local/domain/0/backend/vif/2/0/bridge",
		"/local/domain/0/backend/vif/2/0/script",
	};
	uint64_t wait;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		host_unreadable(paths[i]);
		host_put("10000,50000", "/local/domain/0/backend/vif/2/0/rate");
		host_put("web-9", "/local/domain/1/name");
		assert_int_equal(host_run(), -EIO);
		assert_string_equal(host_get("/local/domain/1/xenloop/roster/2"),
				    roster1_2);
		assert_non_null(strstr(host_get("/local/domain/2/xenloop/roster/1"),
				       "name web-9\n"));
		host_unreadable(NULL);
		assert_int_equal(xenloop_work(&host.d, &wait), 0);
		assert_unlinked();
		fake_xs_del("/local/domain/0/backend/vif/2/0/rate");
		host_put("web-1", "/local/domain/1/name");
		assert_int_equal(host_run(), 0);
		assert_linked();
	}
}

/* A name that nobody knows yet is not taken to be no name. */
static void test_unreadable_name(void **state)
{
	uint64_t wait;

	(void)state;
	reload("[policy]\noff = web-3\n");
	host_unreadable("/local/domain/3/name");
	host_domain(3, "web-3");
	host_vif(3, 0, MAC3, 100);
	host_hello(3, E3);
	assert_int_equal(host_run(), -EIO);
	assert_null(fake_xs_get("/local/domain/1/xenloop/roster/3"));
	host_unreadable(NULL);
	assert_int_equal(xenloop_work(&host.d, &wait), 0);
	assert_state(3, "policy");
}

static void test_unreadable_hello(void **state)
{
	uint64_t wait;

	(void)state;
	host_unreadable("/local/domain/2/data/xenloop/hello");
	host_hello(2, E3);
	assert_int_equal(host_run(), -EIO);
	assert_linked();
	host_unreadable(NULL);
	assert_int_equal(xenloop_work(&host.d, &wait), 0);
	assert_non_null(strstr(host_get("/local/domain/1/xenloop/roster/2"),
			       "epoch 3333333333333333\n"));
}

/* A change of one guest writes its own nodes and one in each other guest. */
static void test_linear(void **state)
{
	unsigned int writes;
	char mac[32];

	(void)state;
	for (uint32_t i = 3; i <= 12; i++) {
		snprintf(mac, sizeof(mac), "00:16:3e:00:00:%02x", i);
		host_domain(i, "g");
		host_vif(i, 0, mac, 100);
		host_hello(i, E3 + i);
	}
	assert_int_equal(host_run(), 0);
	writes = fake_xs.writes;
	host_hello(5, E2);
	assert_int_equal(host_run(), 0);
	assert_int_equal(fake_xs.writes - writes, 1 + 11);
}

static void test_conflict_and_death(void **state)
{
	(void)state;
	fake_xs.conflicts = 5;
	host_hello(2, E3);
	assert_int_equal(host_run(), 0);
	assert_non_null(strstr(fake_xs_get("/local/domain/1/xenloop/roster/2"),
			       "epoch 3333333333333333\n"));
	host_hello(2, E2);
	fake_xs.dead = true;
	assert_true(xenloop_xs_is_dead(host_run()));
	host_stop();
	host_start("");
	assert_int_equal(host_run(), 0);
	assert_linked();
}

/* The reply, or one with nothing but the error's code. */
static json_t *ask2(const char *verb, const char *a, const char *b)
{
	const struct xenloop_ctl_verb *v = xenloop_discoverd_verbs;
	const struct xenloop_ctl_request req = {
		.command = verb, .nr_args = !!a + !!b, .args = { a, b },
	};
	json_t *reply = json_object();
	struct xenloop_ctl_error err;

	while (strcmp(v->verb, verb))
		v++;
	if (v->fn(&host.d, &req, reply, &err))
		json_object_set_new(reply, "error", json_string(err.code));
	return reply;
}

static json_t *ask(const char *verb)
{
	return ask2(verb, NULL, NULL);
}

static void assert_json(json_t *value, const char *text)
{
	char *dump = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS |
				  JSON_ENCODE_ANY);

	assert_string_equal(dump, text);
	free(dump);
}

/* The shape that tests/unit/golden/dom0-*.json show to xenloopctl's test. */
static void test_status(void **state)
{
	json_t *reply = ask("status");

	(void)state;
	assert_json(json_object_get(reply, "guests"),
		    "[{\"domid\":1,\"epoch\":\"1111111111111111\","
		    "\"hello\":\"ok\",\"name\":\"web-1\",\"peer\":true,"
		    "\"running\":true,\"vifs\":[{\"device\":\"vif1.0\","
		    "\"mac\":\"" MAC1 "\",\"network\":\"xenbr0\",\"state\":\"ok\",\"vif\":0}]},"
		    "{\"domid\":2,\"epoch\":\"2222222222222222\","
		    "\"hello\":\"ok\",\"name\":\"web-2\",\"peer\":true,"
		    "\"running\":true,\"vifs\":[{\"device\":\"vif2.0\","
		    "\"mac\":\"" MAC2 "\",\"network\":\"xenbr0\",\"state\":\"ok\",\"vif\":0}]}]");
	assert_json(json_array_get(json_object_get(reply, "bridges"), 0),
		    "{\"bridge\":\"xenbr0\",\"netfilter\":false,\"up\":true,"
		    "\"vifs\":2,\"vlan_filtering\":false}");
	assert_json(json_object_get(reply, "allowed_links"), "1");
	assert_json(json_object_get(reply, "host"), "\"dom0\"");
	assert_true(json_is_integer(json_object_get(json_object_get(reply,
		    "daemon"), "uptime_ms")));
	json_decref(reply);
}

static void test_peers(void **state)
{
	static const char ends[] =
		"{\"a\":{\"domid\":1,\"mac\":\"" MAC1
		"\",\"name\":\"web-1\",\"vif\":0},\"allowed\":%s,"
		"\"b\":{\"domid\":2,\"mac\":\"" MAC2
		"\",\"name\":\"web-2\",\"vif\":0},"
		"\"network\":\"xenbr0\",\"reason\":\"%s\"}";
	char text[512];
	json_t *reply = ask("peers");

	(void)state;
	snprintf(text, sizeof(text), "{\"host\":\"dom0\",\"links\":[");
	snprintf(text + strlen(text), 400, ends, "true", "");
	assert_json(reply, strcat(text, "]}"));
	json_decref(reply);
	reload("[policy]\ndeny = *\n");
	reply = ask("peers");
	snprintf(text, sizeof(text), ends, "false", "policy");
	assert_json(json_array_get(json_object_get(reply, "links"), 0), text);
	json_decref(reply);
}

static struct xenloop_guest *add_peer(uint32_t domid)
{
	struct xenloop_guest *first = host.d.model.guest[0];
	struct xenloop_guest *guest = xenloop_model_add(&host.d.model, domid);

	guest->alive = guest->present = true;
	guest->nr_vifs = 1;
	guest->vif[0] = first->vif[0];
	snprintf(guest->name, sizeof(guest->name), "%060u", domid);
	return guest;
}

static void test_peers_of_one(void **state)
{
	json_t *links, *reply;

	(void)state;
	add_peer(3);
	reply = ask2("peers", "web-2", NULL);
	links = json_object_get(reply, "links");
	assert_int_equal(json_array_size(links), 2);
	for (size_t i = 0; i < 2; i++)
		assert_json(json_object_get(json_object_get(
			    json_array_get(links, i), "a"), "domid"), "2");
	json_decref(reply);
	reply = ask2("peers", "3", NULL);
	assert_int_equal(json_array_size(json_object_get(reply, "links")), 2);
	json_decref(reply);
	reply = ask2("peers", "web-9", NULL);
	assert_json(json_object_get(reply, "error"), "\"not-found\"");
	json_decref(reply);
	xenloop_model_find(&host.d.model, 3)->present = false;
	reply = ask2("peers", "3", NULL);
	assert_int_equal(json_array_size(json_object_get(reply, "links")), 0);
	json_decref(reply);
}

/* What all the pairs of a large host would take is not even made. */
static void test_peers_of_many(void **state)
{
	json_t *reply;
	char *text;

	(void)state;
	for (uint32_t domid = 3; domid <= 100; domid++)
		add_peer(domid);
	reply = ask("peers");
	assert_int_equal(json_array_size(json_object_get(reply, "links")),
			 100 * 99 / 2);
	text = json_dumps(reply, JSON_COMPACT);
	assert_in_range(strlen(text), 1 << 19, 3 << 19);
	free(text);
	json_decref(reply);
	for (uint32_t domid = 101; domid <= 1000; domid++)
		add_peer(domid);
	reply = ask("peers");
	assert_json(reply, "{\"error\":\"too-many\"}");
	json_decref(reply);
	reply = ask2("peers", "1000", NULL);
	assert_int_equal(json_array_size(json_object_get(reply, "links")), 999);
	json_decref(reply);
}

/* Why the first pair of vifs of two guests may not loop, and by which key. */
static void assert_pair(const char *a, const char *b, const char *reason,
			const char *key)
{
	json_t *reply = ask2("pair", a, b);
	json_t *link = json_array_get(json_object_get(reply, "links"), 0);

	assert_json(json_object_get(link, "reason"), reason);
	assert_json(json_object_get(link, "policy"), key);
	json_decref(reply);
}

static void test_pair(void **state)
{
	json_t *reply = ask2("pair", "web-2", "1");

	(void)state;
	assert_json(json_array_get(json_object_get(reply, "links"), 0),
		    "{\"a\":{\"domid\":2,\"mac\":\"" MAC2 "\",\"name\":\"web-2\","
		    "\"network\":\"xenbr0\",\"state\":\"ok\",\"vif\":0},"
		    "\"allowed\":true,"
		    "\"b\":{\"domid\":1,\"mac\":\"" MAC1 "\",\"name\":\"web-1\","
		    "\"network\":\"xenbr0\",\"state\":\"ok\",\"vif\":0},"
		    "\"policy\":\"default\",\"reason\":\"\"}");
	json_decref(reply);
	reply = ask2("pair", "web-1", "web-9");
	assert_json(json_object_get(reply, "error"), "\"not-found\"");
	json_decref(reply);
	reload("[policy]\ndeny = web-*\n");
	assert_pair("1", "2", "\"policy\"", "\"deny\"");
	reload("[policy]\ndefault = deny\nallow = web-*\n");
	assert_pair("1", "2", "\"\"", "\"allow\"");
	reload("[policy]\noff = web-2\n");
	assert_pair("1", "2", "\"policy\"", "\"off\"");
	/* It comes before both. */
	reload("[policy]\noff = web-1\nallow = *\n");
	assert_pair("1", "2", "\"policy\"", "\"off\"");
	reload("[policy]\noff = web-1\ndeny = *\n");
	assert_pair("1", "2", "\"policy\"", "\"off\"");
	reload("");
	host_domain(3, "windows");
	host_vif(3, 0, MAC3, 101);
	assert_int_equal(host_run(), 0);
	assert_pair("1", "3", "\"no-peer\"", "\"default\"");
	host_hello(3, E3);
	assert_int_equal(host_run(), 0);
	assert_pair("1", "3", "\"other-network\"", "\"default\"");
}

/* What doctor says of a guest that is not a peer. */
static void test_hello_word(void **state)
{
	json_t *reply, *guests;

	(void)state;
	host_domain(3, "windows");
	host_put("xenloop 9\nepoch 1111111111111111\nfeatures 00000000\n",
		 "/local/domain/2/data/xenloop/hello");
	host_put("nonsense", "/local/domain/1/data/xenloop/hello");
	assert_int_equal(host_run(), 0);
	reply = ask("status");
	guests = json_object_get(reply, "guests");
	assert_json(json_object_get(json_array_get(guests, 0), "hello"),
		    "\"unreadable\"");
	assert_json(json_object_get(json_array_get(guests, 1), "hello"),
		    "\"other-version\"");
	assert_json(json_object_get(json_array_get(guests, 2), "hello"),
		    "\"none\"");
	json_decref(reply);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_two_guests), T(test_permissions),
		T(test_no_hello_no_nodes), T(test_quiet_is_quiet),
		T(test_restart), T(test_restart_stale), T(test_hello_goes),
		T(test_bad_hello), T(test_epoch), T(test_hello_flood),
		T(test_hello_flips), T(test_vif_flaps), T(test_hello_again), T(test_link_lines),
		T(test_one_fails), T(test_destroy), T(test_no_late_write), T(test_second_batch_fails),
		T(test_shutdown_and_back), T(test_domid_reused),
		T(test_driver_domain), T(test_bad_backend),
		T(test_rename), T(test_revoked), T(test_permitted),
		T(test_duplicate), T(test_stub_domain),
		T(test_same_mac_elsewhere), T(test_vlans),
		T(test_two_vifs), T(test_many_vifs), T(test_policy), T(test_bad_reload),
		T(test_reload_without_file), T(test_unreadable_facts),
		T(test_unreadable_name), T(test_unreadable_hello),
		T(test_linear),
		T(test_conflict_and_death), T(test_status), T(test_peers),
		T(test_peers_of_one), T(test_peers_of_many),
		T(test_pair), T(test_hello_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
