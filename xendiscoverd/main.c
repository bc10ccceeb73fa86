// SPDX-License-Identifier: GPL-2.0 OR MIT
/* xendiscoverd: tells the guests of one Xen host of each other. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/log.h"
#include "xendiscoverd/privileges.h"
#include "xendiscoverd/xendiscoverd.h"

#ifndef XENLOOP_SYSCONFDIR
#define XENLOOP_SYSCONFDIR "/etc/xenloop"
#endif

#define USER "xendiscoverd"	/* by systemd/xenloop.sysusers */
#define DEFAULT_CONFIG XENLOOP_SYSCONFDIR "/xendiscoverd.conf"

static const char usage[] =
	"usage: xendiscoverd [OPTION...]\n"
	"Tells the Xen guests on this host which others they may reach by\n"
	"shared memory, and relays their offers. Runs in Dom0, in the foreground.\n"
	"\n"
	"  -c, --config FILE   settings (" DEFAULT_CONFIG ")\n"
	"  -w, --wait          wait for XenStore instead of giving up\n"
	"  -f, --foreground    no effect: this is how it runs\n"
	"  -v, --verbose       log more\n"
	"  -t, --check-config  read the settings, tell what is wrong, and exit\n"
	"      --clean         remove all nodes that xendiscoverd wrote, and exit,\n"
	"                      whatever the settings say\n"
	"  -h, --help\n"
	"  -V, --version\n"
	"\n"
	"Exit status: 0 fine, 1 error, 2 bad options or settings, 3 not Dom0,\n"
	"no XenStore or too old a Linux, 4 running already.\n";

enum { OPT_CLEAN = 256 };

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "wait", no_argument, NULL, 'w' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "check-config", no_argument, NULL, 't' },
	{ "clean", no_argument, NULL, OPT_CLEAN },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

struct options {
	bool check;
	bool clean;
};

static int bad_usage(void)
{
	fputs("Try 'xendiscoverd --help'.\n", stderr);
	return XENLOOP_EXIT_USAGE;
}

/* -1 to go on, or an exit status. */
static int parse_options(int argc, char **argv, struct xenloop_discoverd *d,
			 struct options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:wfvthV", long_options,
				NULL)) != -1) {
		switch (c) {
		case 'c':
			d->config = optarg;
			d->config_optional = false;
			break;
		case 'w':
			d->wait = true;
			break;
		case 'f':
			break;
		case 'v':
			d->verbose = true;
			break;
		case 't':
			o->check = true;
			break;
		case OPT_CLEAN:
			o->clean = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return XENLOOP_EXIT_OK;
		case 'V':
			puts("xendiscoverd " XENLOOP_VERSION);
			return XENLOOP_EXIT_OK;
		default:
			return bad_usage();
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "xendiscoverd: takes no arguments: %s\n",
		argv[optind]);
	return bad_usage();
}

/* -1 to go on, or an exit status. */
static int limit_privileges(void)
{
	int err = xenloop_privileges_limit(USER);

	switch (err) {
	case 0:
		return -1;
	case -ENOENT:
		log_err("main", "there is no user " USER "; systemd-sysusers makes it");
		break;
	case -EPERM:
		log_err("main", "neither root nor with CAP_DAC_OVERRIDE, which XenStore's socket and the hypercall device need");
		break;
	default:
		log_err("main", "cannot become user " USER ": %s",
			strerror(-err));
	}
	return XENLOOP_EXIT_ERROR;
}

/* -1 to go on, or an exit status. */
static int check_place(void)
{
	int status, err;

	if (!xenloop_xs_on_xen("")) {
		log_err("main", "not a Xen host: no hypervisor below this kernel");
		return XENLOOP_EXIT_NO_XEN;
	}
	if (!xenloop_xs_in_dom0("")) {
		log_err("main", "not Dom0: in a guest, xenloopd is the one to run");
		return XENLOOP_EXIT_NO_XEN;
	}
	status = limit_privileges();
	if (status >= 0)
		return status;
	err = xenloop_lock();
	if (!err)
		return -1;
	if (err == -EWOULDBLOCK) {
		log_err("main", "another xendiscoverd is running");
		return XENLOOP_EXIT_RUNNING;
	}
	log_err("main", "runtime directory: %s", strerror(-err));
	return XENLOOP_EXIT_ERROR;
}

/* A removal must not fail for a mistake in what is removed, too. */
static struct xenloop_settings *load_settings(const struct xenloop_discoverd *d,
					      const struct options *o)
{
	struct xenloop_settings *settings;
	struct xenloop_conf_error err;

	settings = xenloop_settings_load(d->config, d->config_optional, &err);
	if (settings)
		return settings;
	if (!o->clean || o->check) {
		log_err("conf", "%s", err.text);
		return NULL;
	}
	log_warn("conf", "%s; going on with the defaults", err.text);
	return xenloop_settings_parse("", "", 0, &err);
}

static int run(struct xenloop_discoverd *d)
{
	int status = xenloop_discoverd_init(d);

	if (!status) {
		log_notice("main", "xendiscoverd %s", XENLOOP_VERSION);
		status = xenloop_loop_run(d->loop);
	}
	return status;
}

int main(int argc, char **argv)
{
	struct xenloop_discoverd d = {
		.config = DEFAULT_CONFIG, .config_optional = true,
		.sysfs = "/sys", .xs_ops = &xenloop_xs_libxenstore,
		.xen_ops = &xenloop_xen_libxenctrl,
	};
	struct options o = { 0 };
	int status;

	status = parse_options(argc, argv, &d, &o);
	if (status >= 0)
		return status;
	xenloop_log_init("xendiscoverd", d.verbose);
	/* ExecReload= has the unit's capability; the daemon has none then. */
	if (o.check && geteuid())
		xenloop_privileges_drop();
	d.settings = load_settings(&d, &o);
	if (!d.settings)
		return XENLOOP_EXIT_USAGE;
	xenloop_log_set_verbose(d.verbose || d.settings->verbose);
	status = o.check ? XENLOOP_EXIT_OK : check_place();
	if (status < 0)
		status = o.clean ? xenloop_discoverd_clean(&d) : run(&d);
	xenloop_discoverd_exit(&d);
	return status;
}
