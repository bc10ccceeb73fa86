/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENDISCOVERD_PRIVILEGES_H
#define XENDISCOVERD_PRIVILEGES_H

/*
 * What xendiscoverd needs is root's: xenstored's socket and the hypercall
 * device. It opens both once, as a user of its own with CAP_DAC_OVERRIDE and
 * nothing else, and gives that up before it reads what a guest or a local user
 * wrote. So neither can be opened a second time.
 *
 * Linux keeps capabilities by thread, and these functions change the caller's
 * only: there must be no other yet (libxenstore starts one at the first watch).
 */

/*
 * Leaves CAP_DAC_OVERRIDE alone; root becomes `user` and loses its groups.
 * 0; -ENOENT: there is no such user; -EPERM: neither root nor with
 * CAP_DAC_OVERRIDE; or another -errno.
 */
int xenloop_privileges_limit(const char *user);

/*
 * Gives everything up, for good: no capability is left, no user id is root's,
 * and no program that is run can bring them back. 0 or -errno.
 */
int xenloop_privileges_drop(void);

#endif
