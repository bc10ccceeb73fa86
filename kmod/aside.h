/* SPDX-License-Identifier: GPL-2.0 */
/* What a user put on an interface that channel traffic would miss. */
#ifndef XENLOOP_ASIDE_H
#define XENLOOP_ASIDE_H

struct net_device;

const char *xenloop_aside(const struct net_device *dev);
void xenloop_aside_init(void);
void xenloop_aside_exit(void);

#endif /* XENLOOP_ASIDE_H */
