// SPDX-License-Identifier: GPL-2.0
/* Grants, maps and ports of one end, and what can be done to them out of turn. */
#include <linux/slab.h>
#include <xen/page.h>

#include "hostile.h"

static irqreturn_t on_event(int irq, void *data)
{
	struct hostile_end *end = data;

	atomic_inc(&end->events);
	end->evtchn.eoi_due = true;
	xenloop_evtchn_eoi(&end->evtchn, false);
	return IRQ_HANDLED;
}

/* The FIFO that the victim is to put frames into. */
static struct hostile_end *new_end(domid_t domid, u32 size)
{
	struct hostile_end *end = kzalloc(sizeof(*end), GFP_KERNEL);
	u32 i, nr = size >> XENLOOP_PAGE_SHIFT;
	int err;

	if (!end)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&end->list);
	end->domid = domid;
	end->size = size;
	err = xenloop_grant(&end->own, domid, nr + 1);
	if (err) {
		kfree(end);
		return ERR_PTR(err);
	}
	for (i = 0; i < nr; i++)
		rx_ctrl(end)->gref[i] = end->own.ref[i + 1];
	xenloop_fifo_init_ctrl(rx_ctrl(end), size);
	return end;
}

int hostile_listen(struct hostile_end **end, domid_t domid, u32 size)
{
	struct hostile_end *e = new_end(domid, size);
	int err;

	if (IS_ERR(e))
		return PTR_ERR(e);
	err = xenloop_evtchn_listen(&e->evtchn, domid, on_event, e);
	if (err)
		hostile_free(e);
	else
		*end = e;
	return err;
}

static int read_grefs(struct hostile_end *end, u32 *gref)
{
	struct xenloop_mapped ctrl;
	int err = xenloop_map(&ctrl, end->domid, gref, 1);

	if (err)
		return err;
	err = xenloop_fifo_read_ctrl(ctrl.addr[0], end->size, gref + 1);
	xenloop_unmap(&ctrl);
	return err;
}

/* Map the victim's FIFO, whose control page is @gref. */
int hostile_accept(struct hostile_end *end, u32 gref)
{
	u32 nr = (end->size >> XENLOOP_PAGE_SHIFT) + 1;
	u32 *all = kvcalloc(nr, sizeof(*all), GFP_KERNEL);
	int err;

	if (!all)
		return -ENOMEM;
	all[0] = gref;
	err = read_grefs(end, all);
	if (!err)
		err = xenloop_map(&end->foreign, end->domid, all, nr);
	kvfree(all);
	return err;
}

int hostile_connect(struct hostile_end **end, domid_t domid, u32 size,
		    u32 gref, u32 port)
{
	struct hostile_end *e = new_end(domid, size);
	int err;

	if (IS_ERR(e))
		return PTR_ERR(e);
	err = hostile_accept(e, gref);
	if (!err)
		err = xenloop_evtchn_connect(&e->evtchn, domid, port, on_event,
					     e);
	if (err)
		hostile_free(e);
	else
		*end = e;
	return err;
}

/*
 * End grants of our FIFO's pages, from page @first on. Those that the victim
 * has mapped stay: the hypervisor does not let go of them.
 */
int hostile_revoke(struct hostile_end *end, u32 first, u32 nr)
{
	u32 i;

	for (i = first; i < min(first + nr, end->own.nr); i++) {
		if (!gnttab_try_end_foreign_access(end->own.ref[i]))
			continue;
		end->revoked++;
		end->leak = true; /* the reference is free for others now */
	}
	return 0;
}

/* Write the entries in use anew, so that they name @domid instead. */
int hostile_regrant(struct hostile_end *end, domid_t domid)
{
	u32 i;

	end->leak = true;
	for (i = 0; i < end->own.nr; i++)
		gnttab_grant_foreign_access_ref(end->own.ref[i], domid,
						xen_page_to_gfn(end->own.page[i]),
						1);
	return 0;
}

/* Let go of everything, but pages that somebody else may write to. */
void hostile_free(struct hostile_end *end)
{
	xenloop_evtchn_close(&end->evtchn, end);
	xenloop_unmap(&end->foreign);
	if (!end->leak)
		xenloop_ungrant(&end->own);
	kfree(end);
}
