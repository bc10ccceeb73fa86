// SPDX-License-Identifier: GPL-2.0 OR MIT
/* xenloopd: decides which channels this guest has; the module carries them. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/log.h"
#include "xenloopd/xenloopd.h"

#define LOCK	XENLOOPD_RUNDIR "/lock"

struct options {
	const char *conf;
	bool verbose;
	bool check;
	bool flush;
};

static void usage(FILE *out)
{
	fputs("usage: xenloopd [OPTION]...\n"
	      "Decides which shared-memory channels this Xen guest has to other guests on its\n"
	      "host, and sets them up with module xenloop. See xenloopd(8).\n"
	      "\n"
	      "  -c, --config=FILE   settings; default " XENLOOPD_CONF "\n"
	      "      --check-config  check the settings and end\n"
	      "      --flush         close all channels, detach all interfaces, stop being\n"
	      "                      a peer, and end, whatever the settings say; the\n"
	      "                      daemon must not be running\n"
	      "  -v, --verbose       more in the log\n"
	      "  -h, --help\n"
	      "  -V, --version\n"
	      "\n"
	      "Exit status: 0 fine, 1 failed, 2 usage or settings, 3 not a Xen guest, 4 another\n"
	      "xenloopd is running.\n",
	      out);
}

/* 0: go on; otherwise the exit status plus one. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'C' },
		{ "flush", no_argument, NULL, 'F' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:vhV", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->conf = optarg;
			break;
		case 'C':
			o->check = true;
			break;
		case 'F':
			o->flush = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'h':
			usage(stdout);
			return 1 + XENLOOPD_OK;
		case 'V':
			puts("xenloopd " XENLOOP_VERSION);
			return 1 + XENLOOPD_OK;
		default:
			fputs("Try: xenloopd --help\n", stderr);
			return 1 + XENLOOPD_USAGE;
		}
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "xenloopd: unexpected argument: %s\n", argv[optind]);
	return 1 + XENLOOPD_USAGE;
}

/* One per guest. The lock goes with the process; its file stays. */
static int take_lock(void)
{
	int fd;

	if (mkdir(XENLOOPD_RUNDIR, 0755) && errno != EEXIST) {
		log_err("main", "%s: %s", XENLOOPD_RUNDIR, strerror(errno));
		return XENLOOPD_FAILED;
	}
	fd = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		log_err("main", "%s: %s", LOCK, strerror(errno));
		return XENLOOPD_FAILED;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		log_err("main", "another xenloopd is running");
		return XENLOOPD_RUNNING;
	}
	return XENLOOPD_OK;
}

static int check_environment(void)
{
	if (!xenloop_xs_on_xen(""))
		log_err("main", "this is not a Xen guest");
	else if (xenloop_xs_in_dom0("") > 0)
		log_err("main", "this is Dom0: run xendiscoverd here, and xenloopd in guests");
	else
		return XENLOOPD_OK;
	return XENLOOPD_ENVIRONMENT;
}

static int serve(struct xenloopd *d)
{
	int status = XENLOOPD_FAILED;

	d->ctl = xenloop_ctl_new(d->base, XENLOOPD_RUNDIR "/control",
				 xenloopd_verbs, d);
	if (!d->ctl && errno == EADDRINUSE) {
		log_err("main", "another xenloopd is running");
		return XENLOOPD_RUNNING;
	}
	if (!d->ctl)
		log_err("main", "control socket: %s", strerror(errno));
	else if (xenloopd_init(d))
		log_err("main", "cannot start: out of memory, or no netlink");
	else
		status = xenloop_loop_run(d->loop);
	return status;
}

static int run(struct xenloopd *d, const struct options *o)
{
	static const struct xenloop_loop_ops ops = {
		.reload = xenloopd_reload,
		.stop = xenloopd_stop,
	};
	int status;

	d->loop = xenloop_loop_new(&ops, d);
	if (!d->loop) {
		log_err("main", "event loop: %s", strerror(errno));
		return XENLOOPD_FAILED;
	}
	d->base = xenloop_loop_base(d->loop);
	if (o->flush) {
		/* The loop does not run, so nobody would look. */
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
	}
	status = o->flush ? xenloopd_flush(d) : serve(d);
	xenloopd_exit(d);
	xenloop_ctl_free(d->ctl);
	xenloop_loop_free(d->loop);
	return status;
}

/* A removal must not fail for a mistake in what is removed, too. */
static bool load_settings(struct xenloopd *d, const struct options *o)
{
	char why[256];

	if (xenloopd_settings_load(&d->settings, d->conf_path,
				   d->conf_required, why, sizeof(why)))
		return true;
	if (!o->flush || o->check) {
		log_err("conf", "%s", why);
		return false;
	}
	log_warn("conf", "%s; going on with the defaults", why);
	xenloopd_settings_default(&d->settings);
	return true;
}

int main(int argc, char **argv)
{
	static struct xenloopd d = {
		.nl_open = xenloop_nl_open,
		.xs_ops = &xenloop_xs_libxenstore,
		.sysfs = "/sys/class/net",
	};
	struct options o = { .conf = NULL };
	int status = parse_options(argc, argv, &o);

	if (status)
		return status - 1;
	xenloop_log_init("xenloopd", o.verbose);
	d.conf_path = o.conf ? o.conf : XENLOOPD_CONF;
	d.conf_required = o.conf;
	if (!load_settings(&d, &o))
		return XENLOOPD_USAGE;
	d.verbose = o.verbose;
	xenloop_log_set_verbose(d.verbose || d.settings.verbose);
	if (o.check)
		return XENLOOPD_OK;
	status = check_environment();
	if (!status)
		status = take_lock();
	return status ? status : run(&d, &o);
}
