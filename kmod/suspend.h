/* SPDX-License-Identifier: GPL-2.0 */
#ifndef XENLOOP_SUSPEND_H
#define XENLOOP_SUSPEND_H

int xenloop_suspend_init(void);
void xenloop_suspend_exit(void);

#endif /* XENLOOP_SUSPEND_H */
