/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENDISCOVERD_SCAN_H
#define XENDISCOVERD_SCAN_H

#include "proto/xs.h"
#include "xendiscoverd/model.h"
#include "xendiscoverd/xen.h"

/*
 * Facts about guests: from the hypervisor, from the nodes that the toolstack
 * wrote, from Dom0's sysfs, and, for hello alone, from the guest.
 */

/*
 * Adds to the model what the list has, takes over UUID and life, and marks as
 * `seen`; what is not seen is gone, and is the caller's to remove. A domid that
 * names another domain now counts as gone. 0 or -ENOMEM.
 */
int xenloop_scan_domains(struct xenloop_model *model,
			 const struct xenloop_dominfo *list, size_t nr);

/* Name and vifs. Sets ->changed if there is a difference. 0 or -errno. */
int xenloop_scan_facts(struct xenloop_xs *xs, struct xenloop_guest *guest);

/*
 * Finds the vifs' devices in Dom0; sysfs is "/sys" but in tests. A difference
 * shows at the next evaluation.
 */
void xenloop_scan_devices(const char *sysfs, struct xenloop_guest *guest);

/*
 * hello. If there is a difference, sets ->changed and takes a token of
 * ->change_rate. 0 or -errno.
 */
int xenloop_scan_hello(struct xenloop_xs *xs, struct xenloop_guest *guest);

/* A name as docs/protocol.md wants it: printable, no blanks, never empty. */
void xenloop_scan_name(char name[XENLOOP_NAME_MAX + 1], const char *text);

#endif
