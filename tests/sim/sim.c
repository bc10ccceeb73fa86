// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * One host with many guests, in virtual time: xendiscoverd and every guest's
 * xenloopd as they are, with an XenStore and modules in memory. Guests come,
 * talk, go, reboot, migrate. Counts who does how much; ends by abort() when a
 * channel is missing, one too many stays, or a quota is exceeded.
 *
 * usage: sim GUESTS [PARTNERS [SEED]]
 */
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/sim/clock.h"
#include "tests/sim/dom0.h"
#include "tests/sim/guest.h"
#include "tests/sim/kernel.h"

#define STEP_MS		50
#define SECOND		(1000 / STEP_MS)
#define START_MS	200	/* between guests */
#define BOOT_MS		2000
#define CHURN_S		300
#define LIFE_S		600	/* how often something happens to a guest */
#define SETTLE_S	150	/* idle timeout, and backoff */
#define STEADY_S	60

static unsigned int nr_guests, nr_partners = 3;
static unsigned int *partner;	/* nr_partners of each guest */
static struct event_base *base;
static char dir[] = "/tmp/xenloop-sim-XXXXXX";
static double guests_cpu;
static uint64_t churned;

static unsigned int *partners_of(unsigned int guest)
{
	return partner + (size_t)guest * nr_partners;
}

static void must(bool what, const char *text, unsigned int guest)
{
	if (what)
		return;
	printf("guest %u (domain %u): %s\n", guest, guest_domid(guest), text);
	abort();
}

/* Everybody has some whom it talks to: neighbours, or anybody. */
static void choose_partners(unsigned int guest)
{
	for (unsigned int i = 0; i < nr_partners; i++) {
		unsigned int step = 1 + i;

		if (nr_partners < nr_guests - 1)
			step = 1 + sim_random(nr_guests - 1);
		partners_of(guest)[i] = (guest + step) % nr_guests;
	}
}

static bool talks_to(unsigned int guest, unsigned int other)
{
	for (unsigned int i = 0; i < nr_partners; i++)
		if (partners_of(guest)[i] == other)
			return true;
	return false;
}

static void traffic(void)
{
	for (unsigned int g = 0; g < nr_guests; g++) {
		if (!guest_runs(g))
			continue;
		for (unsigned int i = 0; i < nr_partners; i++) {
			unsigned int to = partners_of(g)[i];

			if (!guest_runs(to))
				continue;
			/* There, and back. */
			kernel_traffic(kernel_of(g), kernel_of(to),
				       sim_now_ms());
			kernel_traffic(kernel_of(to), kernel_of(g),
				       sim_now_ms());
		}
	}
}

/* What happens to a guest that runs. */
static void disturb(unsigned int g)
{
	uint32_t what = sim_random(10);

	if (what < 4) {
		guest_destroy(g);
		guest_create(g, BOOT_MS);
	} else if (what < 6) {
		guest_destroy(g);
	} else if (what < 8) {
		guest_leave(g);
	} else if (what < 9) {
		guest_restart(g, sim_random(2));
	} else {
		choose_partners(g);
	}
}

static void bring_back(unsigned int g)
{
	if (guest_state(g) == GUEST_ABSENT)
		guest_create(g, BOOT_MS);
	else if (guest_state(g) == GUEST_AWAY)
		guest_return(g);
}

static void churn(void)
{
	for (unsigned int g = 0; g < nr_guests; g++) {
		if (sim_random(LIFE_S))
			continue;
		churned++;
		if (guest_runs(g))
			disturb(g);
		else
			bring_back(g);
	}
}

static void step(void)
{
	double start = sim_cpu(), dom0 = dom0_counts().cpu;

	sim_clock_advance(STEP_MS);
	event_base_loop(base, EVLOOP_NONBLOCK);
	guests_cpu += sim_cpu() - start - (dom0_counts().cpu - dom0);
}

static void run(unsigned int seconds, bool talk, bool disturbed)
{
	for (unsigned int s = 0; s < seconds; s++) {
		if (disturbed)
			churn();
		if (talk)
			traffic();
		for (int i = 0; i < SECOND; i++)
			step();
	}
}

static void run_until_idle(void)
{
	for (int i = 0; i < 60 * SECOND && !dom0_idle(); i++)
		step();
	must(dom0_idle(), "xendiscoverd never comes to rest", 0);
}

/* Everybody knows everybody, and nothing is left of those before. */
static void check_rosters(void)
{
	unsigned int others = nr_guests - 1;

	for (unsigned int g = 0; g < nr_guests; g++) {
		uint32_t domid = guest_domid(g);

		must(store_children("/local/domain/%u/xenloop/roster",
				    domid) == others, "wrong roster", g);
		must(guest_links(g) == others, "wrong links", g);
		must(kernel_of(g)->nr_peers == others, "wrong peers", g);
	}
}

/* Every pair that talks has a channel, no other has, and no words are left. */
static void check_channels(void)
{
	unsigned int wanted = 0;

	for (unsigned int g = 0; g < nr_guests; g++) {
		uint32_t domid = guest_domid(g);

		for (unsigned int o = g + 1; o < nr_guests; o++) {
			if (!talks_to(g, o) && !talks_to(o, g))
				continue;
			wanted++;
			must(kernel_chan(kernel_of(g), kernel_of(o)),
			     "a channel is missing", g);
		}
		must(!store_children("/local/domain/%u/data/xenloop/to",
				     domid), "messages are left", g);
		must(!store_children("/local/domain/%u/xenloop/from", domid),
		     "an inbox is not empty", g);
	}
	must(kernel_chans == 2 * wanted, "channels that nobody wants", 0);
}

/* What was counted between two moments. */
struct moment {
	struct dom0_counts dom0;
	struct guest_counts guests;
	double guests_cpu;
	uint64_t ups, churned;
};

static struct moment look(void)
{
	return (struct moment){
		dom0_counts(), guest_counts(), guests_cpu, kernel_ups, churned,
	};
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *store_json(const struct store_counts *a,
			  const struct store_counts *b)
{
	return json_pack("{s:o, s:o, s:o}", "ops", number(b->ops - a->ops),
			 "writes", number(b->writes - a->writes), "events",
			 number(b->events - a->events));
}

static json_t *phase(const struct moment *a, const struct moment *b)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:f}",
			 "dom0", store_json(&a->dom0.store, &b->dom0.store),
			 "guests", store_json(&a->guests.store,
					      &b->guests.store),
			 "rounds", number(b->dom0.rounds - a->dom0.rounds),
			 "relayed", number(b->dom0.relayed - a->dom0.relayed),
			 "deferred", number(b->dom0.deferred -
					    a->dom0.deferred),
			 "guests_written", number(b->dom0.flushes -
						  a->dom0.flushes),
			 "channels_up", number(b->ups - a->ups),
			 "changes", number(b->churned - a->churned),
			 "dom0_cpu", b->dom0.cpu - a->dom0.cpu,
			 "guests_cpu", b->guests_cpu - a->guests_cpu);
}

static void start_guests(void)
{
	for (unsigned int g = 0; g < nr_guests; g++) {
		guest_create(g, BOOT_MS);
		for (int i = 0; i < START_MS / STEP_MS; i++)
			step();
	}
	run(BOOT_MS / 1000 + 10, false, false);
	run_until_idle();
}

/* Some have new friends; the channels to the old ones are not wanted any more. */
static void settle(void)
{
	for (unsigned int g = 0; g < nr_guests; g++) {
		bring_back(g);
		if (g % 4 == 0)
			choose_partners(g);
	}
	run(SETTLE_S, true, false);
	run_until_idle();
}

/* The guests' daemons together: all that is neither Dom0's nor the world's. */
static size_t guests_bytes(size_t before)
{
	return mallinfo2().uordblks - before - store_bytes - dom0_bytes();
}

static json_t *play(void)
{
	size_t before = mallinfo2().uordblks - store_bytes - dom0_bytes();
	struct moment m[5];
	json_t *report;
	size_t silent;

	m[0] = look();
	start_guests();
	check_rosters();
	silent = guests_bytes(before);
	m[1] = look();
	run(30, true, false);
	check_channels();
	m[2] = look();
	run(STEADY_S, true, false);
	check_channels();
	m[3] = look();
	run(CHURN_S, true, true);
	settle();
	check_rosters();
	check_channels();
	m[4] = look();
	report = json_pack("{s:i, s:i, s:o, s:o, s:o, s:o}",
			   "guests", (int)nr_guests,
			   "channels", (int)kernel_chans / 2,
			   "start", phase(&m[0], &m[1]),
			   "talk", phase(&m[1], &m[2]),
			   "steady", phase(&m[2], &m[3]),
			   "churn", phase(&m[3], &m[4]));
	json_object_update_new(report, json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"dom0_bytes", number(dom0_bytes()),
		"guest_bytes", number(guests_bytes(before) / nr_guests),
		"guest_bytes_silent", number(silent / nr_guests),
		"store_nodes", number(store_nodes),
		"max_value", number(store_max_value),
		"max_guest_nodes", number(m[4].guests.max_nodes),
		"max_guest_watches", number(m[4].guests.max_watches),
		"max_guest_events", number(m[4].guests.max_events)));
	return report;
}

static void put_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/net/eth0/%s", dir, name);
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

/* sysfs, of Dom0 and of every guest: all have the same one interface. */
static void make_dir(void)
{
	static const char *const names[] = {
		"net", "net/eth0", "net/eth0/device", "bus", "bus/xen-backend",
		"bus/xen-backend/devices",
	};
	char path[128];

	if (!mkdtemp(dir))
		abort();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		mkdir(path, 0700);
	}
	put_file("device/nodename", "device/vif/0\n");
	put_file("ifindex", "2\n");
}

static void remove_dir(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command))
		printf("%s is left\n", dir);
}

static unsigned int argument(int argc, char **argv, int i, unsigned int value)
{
	return argc > i ? (unsigned int)strtoul(argv[i], NULL, 10) : value;
}

int main(int argc, char **argv)
{
	char net[64];
	json_t *report;

	nr_guests = argument(argc, argv, 1, 0);
	nr_partners = argument(argc, argv, 2, 3);
	if (nr_guests < 2 || nr_partners >= nr_guests) {
		fprintf(stderr, "usage: sim GUESTS [PARTNERS [SEED]]\n");
		return 2;
	}
	sim_clock_init(argument(argc, argv, 3, 1));
	stderr = fopen("/dev/null", "w");	/* the daemons' journal */
	make_dir();
	atexit(remove_dir);
	base = event_base_new();
	snprintf(net, sizeof(net), "%s/net", dir);
	partner = calloc(nr_guests, nr_partners * sizeof(unsigned int));
	for (unsigned int g = 0; g < nr_guests; g++)
		choose_partners(g);
	guests_init(nr_guests, base, net);
	dom0_start(base, dir);
	report = play();
	json_dumpf(report, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(5));
	printf("\n");
	json_decref(report);
	guests_exit();
	dom0_stop();
	return 0;
}
