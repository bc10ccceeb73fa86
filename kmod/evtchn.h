/* SPDX-License-Identifier: GPL-2.0 */
/* One interdomain event channel: the doorbell of a channel, both ways. */
#ifndef XENLOOP_EVTCHN_H
#define XENLOOP_EVTCHN_H

#include <linux/average.h>
#include <linux/interrupt.h>
#include <linux/types.h>
#include <xen/xen.h>
#include <xen/events.h>

DECLARE_EWMA(event_cost, 4, 8)

/**
 * struct xenloop_evtchn - a bound event channel
 * @port: local port
 * @irq: its interrupt, 0 when not bound
 * @eoi_due: an interrupt came and was not acknowledged yet
 * @cost: what ringing costs, in ns
 */
struct xenloop_evtchn {
	evtchn_port_t port;
	unsigned int irq;
	bool eoi_due;
	struct ewma_event_cost cost;
};

int xenloop_evtchn_listen(struct xenloop_evtchn *ev, domid_t peer,
			  irq_handler_t handler, void *data);
int xenloop_evtchn_connect(struct xenloop_evtchn *ev, domid_t peer,
			   evtchn_port_t remote, irq_handler_t handler,
			   void *data);
void xenloop_evtchn_close(struct xenloop_evtchn *ev, void *data);
void xenloop_evtchn_notify(struct xenloop_evtchn *ev);
void xenloop_evtchn_eoi(struct xenloop_evtchn *ev, bool spurious);

#endif /* XENLOOP_EVTCHN_H */
