// SPDX-License-Identifier: GPL-2.0
/*
 * Event channels, bound with late EOI: the next event is let in only when NAPI
 * is through, and a peer whose events bring no work is slowed down by the
 * kernel itself.
 */
#include <linux/sched/clock.h>
#include <linux/types.h>
#include <xen/interface/xen.h>
#include <xen/interface/event_channel.h>
#include <asm/xen/hypercall.h>

#include "evtchn.h"
#include "state.h"

/* Is @port a port of ours, for domain @peer? */
static bool is_open_to(evtchn_port_t port, domid_t peer)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = port };

	if (HYPERVISOR_event_channel_op(EVTCHNOP_status, &op))
		return false;
	return (op.status == EVTCHNSTAT_unbound && op.u.unbound.dom == peer) ||
	       (op.status == EVTCHNSTAT_interdomain &&
		op.u.interdomain.dom == peer);
}

static void close_port(evtchn_port_t port)
{
	struct evtchn_close op = { .port = port };

	if (HYPERVISOR_event_channel_op(EVTCHNOP_close, &op))
		pr_err("closing event channel %u failed\n", port);
}

/*
 * On error @port is closed. Linux closes it itself for most errors, and then it
 * may be somebody else's already.
 */
static int bind(struct xenloop_evtchn *ev, domid_t peer, evtchn_port_t port,
		irq_handler_t handler, void *data)
{
	int irq = bind_evtchn_to_irqhandler_lateeoi(port, handler, 0,
						    "xenloop", data);

	if (irq < 0) {
		if (is_open_to(port, peer))
			close_port(port);
		return irq;
	}
	ev->port = port;
	ewma_event_cost_init(&ev->cost);
	ev->irq = irq;
	atomic_inc(&xenloop.ports_bound);
	return 0;
}

/*
 * Allocate a port that domain @peer may bind to. @handler is called with
 * @data, possibly before this returns. Returns 0 or an error. May sleep.
 */
int xenloop_evtchn_listen(struct xenloop_evtchn *ev, domid_t peer,
			  irq_handler_t handler, void *data)
{
	struct evtchn_alloc_unbound op = {
		.dom = DOMID_SELF,
		.remote_dom = peer,
	};
	int err = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &op);

	return err ?: bind(ev, peer, op.port, handler, data);
}

/* Bind to port @remote of domain @peer; otherwise as above. */
int xenloop_evtchn_connect(struct xenloop_evtchn *ev, domid_t peer,
			   evtchn_port_t remote, irq_handler_t handler,
			   void *data)
{
	struct evtchn_bind_interdomain op = {
		.remote_dom = peer,
		.remote_port = remote,
	};
	int err = HYPERVISOR_event_channel_op(EVTCHNOP_bind_interdomain, &op);

	return err ?: bind(ev, peer, op.local_port, handler, data);
}

/* Unbind and close; waits for a running handler. May sleep. */
void xenloop_evtchn_close(struct xenloop_evtchn *ev, void *data)
{
	if (!ev->irq)
		return;
	unbind_from_irqhandler(ev->irq, data);
	ev->irq = 0;
	atomic_dec(&xenloop.ports_bound);
}

/* Ring the peer, and learn what that costs. Any context. */
void xenloop_evtchn_notify(struct xenloop_evtchn *ev)
{
	u64 from = local_clock();

	if (!ev->irq)
		return;
	notify_remote_via_irq(ev->irq);
	ewma_event_cost_add(&ev->cost, local_clock() - from);
}

/* Let the next event in, after one was taken. From NAPI only. */
void xenloop_evtchn_eoi(struct xenloop_evtchn *ev, bool spurious)
{
	WRITE_ONCE(ev->eoi_due, false);
	xen_irq_lateeoi(ev->irq, spurious ? XEN_EOI_FLAG_SPURIOUS : 0);
}
