// SPDX-License-Identifier: GPL-2.0
/*
 * Grants. A granted page can be freed only when the peer has unmapped it, and
 * nobody can make a peer do that: pages of a channel that is gone wait on a
 * list of our own and are tried again every second.
 */
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <xen/page.h>

#include "grant.h"
#include "state.h"

/* A granted page that its peer may still have mapped. */
struct deferred_page {
	struct list_head list;
	struct page *page;
	grant_ref_t ref;
	domid_t domid;
};

static LIST_HEAD(deferred);
static DEFINE_SPINLOCK(deferred_lock); /* guards the list above */

static void retry_deferred(struct work_struct *work);
static DECLARE_DELAYED_WORK(retry_work, retry_deferred);

static void end_page(struct page *page)
{
	__free_page(page);
	atomic64_inc(&xenloop.pages_freed);
}

static void retry_deferred(struct work_struct *work)
{
	struct deferred_page *d, *next;
	bool left;

	spin_lock(&deferred_lock);
	list_for_each_entry_safe(d, next, &deferred, list) {
		if (!gnttab_try_end_foreign_access(d->ref))
			continue;
		list_del(&d->list);
		end_page(d->page);
		atomic_dec(&xenloop.pages_deferred);
		kfree(d);
	}
	left = !list_empty(&deferred);
	spin_unlock(&deferred_lock);
	if (left)
		queue_delayed_work(xenloop.wq, &retry_work, HZ);
}

/* Without memory for the list, the grant table's own deferral has to do. */
static void defer_page(struct page *page, grant_ref_t ref, domid_t domid)
{
	struct deferred_page *d = kmalloc(sizeof(*d), GFP_KERNEL);

	if (!d) {
		gnttab_end_foreign_access(ref, page);
		atomic64_inc(&xenloop.pages_freed);
		return;
	}
	d->page = page;
	d->ref = ref;
	d->domid = domid;
	spin_lock(&deferred_lock);
	list_add_tail(&d->list, &deferred);
	spin_unlock(&deferred_lock);
	atomic_inc(&xenloop.pages_deferred);
	queue_delayed_work(xenloop.wq, &retry_work, HZ / 10);
}

/* Pages of gone channels that domain @domid still has mapped. */
u32 xenloop_grant_deferred(domid_t domid)
{
	struct deferred_page *d;
	u32 n = 0;

	spin_lock(&deferred_lock);
	list_for_each_entry(d, &deferred, list)
		n += d->domid == domid;
	spin_unlock(&deferred_lock);
	return n;
}

/* The module goes: the grant table's code takes over what is still mapped. */
void xenloop_grant_exit(void)
{
	struct deferred_page *d, *next;

	cancel_delayed_work_sync(&retry_work);
	list_for_each_entry_safe(d, next, &deferred, list) {
		gnttab_end_foreign_access(d->ref, d->page);
		list_del(&d->list);
		kfree(d);
	}
}

static void free_granted(struct xenloop_granted *g)
{
	kvfree(g->page);
	kvfree(g->addr);
	kvfree(g->ref);
	memset(g, 0, sizeof(*g));
}

/* Grant @page, which is @g's from now on; on error the caller's again. */
static int grant_page(struct xenloop_granted *g, struct page *page)
{
	int ref = gnttab_grant_foreign_access(g->domid, xen_page_to_gfn(page), 0);

	if (ref < 0)
		return ref;
	g->page[g->nr] = page;
	g->addr[g->nr] = page_address(page);
	g->ref[g->nr] = ref;
	g->nr++;
	atomic64_inc(&xenloop.pages_granted);
	return 0;
}

/*
 * Allocate up to @nr zeroed pages, as many in a row as can be had without any
 * effort: copies run on from one to the next. Each is to be freed by itself.
 * Returns the first, and their number in @got, or NULL.
 */
static struct page *alloc_row(u32 nr, u32 *got)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	unsigned int order;
	struct page *page;

	for (order = ilog2(nr); order; order--) {
		page = alloc_pages((gfp | __GFP_NOWARN) & ~__GFP_RECLAIM, order);
		if (!page)
			continue;
		split_page(page, order);
		*got = 1u << order;
		return page;
	}
	*got = 1;
	/* Better no channel than a guest's last pages for one. */
	return alloc_page(gfp | __GFP_NORETRY | __GFP_NOWARN);
}

/* Grant pages in a row, so many that @g has @nr of them at most. */
static int grant_row(struct xenloop_granted *g, u32 nr)
{
	u32 got, i;
	struct page *page = alloc_row(nr - g->nr, &got);
	int err = 0;

	if (!page)
		return -ENOMEM;
	for (i = 0; i < got; i++) {
		err = err ?: grant_page(g, page + i);
		if (err)
			__free_page(page + i);
	}
	return err;
}

/*
 * Allocate @nr zeroed pages and grant them, writable, to @domid. Returns 0,
 * -ENOMEM, or -ENOSPC when the grant table is full. May sleep.
 */
int xenloop_grant(struct xenloop_granted *g, domid_t domid, u32 nr)
{
	int err = 0;

	BUILD_BUG_ON(PAGE_SIZE != XEN_PAGE_SIZE);
	memset(g, 0, sizeof(*g));
	g->domid = domid;
	g->page = kvcalloc(nr, sizeof(*g->page), GFP_KERNEL);
	g->addr = kvcalloc(nr, sizeof(*g->addr), GFP_KERNEL);
	g->ref = kvcalloc(nr, sizeof(*g->ref), GFP_KERNEL);
	if (!g->page || !g->addr || !g->ref)
		err = -ENOMEM;
	while (!err && g->nr < nr)
		err = grant_row(g, nr);
	if (err)
		xenloop_ungrant(g);
	return err;
}

/* End the grants and free the pages, at once or when the peer lets go. */
void xenloop_ungrant(struct xenloop_granted *g)
{
	u32 i;

	for (i = 0; i < g->nr; i++) {
		if (gnttab_try_end_foreign_access(g->ref[i]))
			end_page(g->page[i]);
		else
			defer_page(g->page[i], g->ref[i], g->domid);
	}
	free_granted(g);
}

static void free_mapped(struct xenloop_mapped *m)
{
	kvfree(m->page);
	kvfree(m->addr);
	kvfree(m->handle);
	memset(m, 0, sizeof(*m));
}

static int by_address(const void *a, const void *b)
{
	unsigned long x = page_to_pfn(*(struct page *const *)a);
	unsigned long y = page_to_pfn(*(struct page *const *)b);

	return x < y ? -1 : x > y;
}

/* Room for @nr foreign pages, in a row where it can be. */
static int alloc_mapped(struct xenloop_mapped *m, u32 nr)
{
	u32 i;

	memset(m, 0, sizeof(*m));
	m->page = kvcalloc(nr, sizeof(*m->page), GFP_KERNEL);
	m->addr = kvcalloc(nr, sizeof(*m->addr), GFP_KERNEL);
	m->handle = kvcalloc(nr, sizeof(*m->handle), GFP_KERNEL);
	if (!m->page || !m->addr || !m->handle ||
	    gnttab_alloc_pages(nr, m->page)) {
		free_mapped(m);
		return -ENOMEM;
	}
	m->nr = nr;
	sort(m->page, nr, sizeof(*m->page), by_address, NULL);
	for (i = 0; i < nr; i++) {
		m->addr[i] = pfn_to_kaddr(page_to_pfn(m->page[i]));
		m->handle[i] = INVALID_GRANT_HANDLE;
	}
	return 0;
}

/* This guest may have no more foreign pages, or the reference is no grant to it. */
static int map_error(int status)
{
	return status == GNTST_no_device_space ? -ENOSPC : -ENXIO;
}

static int map_pages(struct xenloop_mapped *m, domid_t domid,
		     const grant_ref_t *ref,
		     struct gnttab_map_grant_ref *op)
{
	int err = 0;
	u32 i;

	for (i = 0; i < m->nr; i++) /* which sets a status that is not "okay" */
		gnttab_set_map_op(&op[i], (unsigned long)m->addr[i],
				  GNTMAP_host_map, ref[i], domid);
	if (gnttab_map_refs(op, NULL, m->page, m->nr))
		err = -EIO;
	for (i = 0; i < m->nr; i++) {
		if (op[i].status == GNTST_okay)
			m->handle[i] = op[i].handle;
		else
			err = err ?: map_error(op[i].status);
	}
	if (!err)
		atomic_add(m->nr, &xenloop.pages_mapped);
	return err;
}

/*
 * Take down what is mapped, page by page: a partly failed map leaves holes,
 * and gnttab_unmap_refs() must not see those.
 */
static void unmap_pages(struct xenloop_mapped *m)
{
	struct gnttab_unmap_grant_ref op = {};
	u32 i;

	for (i = 0; i < m->nr; i++) {
		if (m->handle[i] == INVALID_GRANT_HANDLE)
			continue;
		gnttab_set_unmap_op(&op, (unsigned long)m->addr[i],
				    GNTMAP_host_map, m->handle[i]);
		if (gnttab_unmap_refs(&op, NULL, &m->page[i], 1) ||
		    op.status != GNTST_okay)
			pr_err("unmapping a foreign page failed: %d\n",
			       op.status);
	}
}

/*
 * Map @nr pages that @domid granted. Returns 0, -ENOMEM, -ENXIO when one of the
 * references is no grant to us, -ENOSPC when Xen lets this guest map no more, or
 * -EIO when it refuses to look. May sleep.
 */
int xenloop_map(struct xenloop_mapped *m, domid_t domid,
		const grant_ref_t *ref, u32 nr)
{
	struct gnttab_map_grant_ref *op;
	int err;

	err = alloc_mapped(m, nr);
	if (err)
		return err;
	op = kvcalloc(nr, sizeof(*op), GFP_KERNEL);
	err = op ? map_pages(m, domid, ref, op) : -ENOMEM;
	kvfree(op);
	if (err) {
		unmap_pages(m);
		gnttab_free_pages(m->nr, m->page);
		free_mapped(m);
	}
	return err;
}

/* Unmap; nobody may look at the pages any more. */
void xenloop_unmap(struct xenloop_mapped *m)
{
	if (!m->nr)
		return;
	unmap_pages(m);
	atomic_sub(m->nr, &xenloop.pages_mapped);
	gnttab_free_pages(m->nr, m->page);
	free_mapped(m);
}
