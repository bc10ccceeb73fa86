/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef XENLOOPCTL_METRICS_H
#define XENLOOPCTL_METRICS_H

#include <stdio.h>

#include "facts.h"

/*
 * Writes what the facts say in Prometheus' text exposition format, version
 * 0.0.4: base units, counters end in _total, one HELP and TYPE for each family.
 * What the daemon did not tell is left out. 0, or -ENOMEM.
 */
int xenloop_metrics(FILE *out, const struct xenloop_facts *f);

#endif
