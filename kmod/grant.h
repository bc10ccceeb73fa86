/* SPDX-License-Identifier: GPL-2.0 */
/* Pages that this guest grants to a peer, and pages of a peer mapped here. */
#ifndef XENLOOP_GRANT_H
#define XENLOOP_GRANT_H

#include <linux/types.h>
#include <xen/xen.h>
#include <xen/page.h>
#include <xen/grant_table.h>

struct page;

/**
 * struct xenloop_granted - own pages, granted to one domain
 * @domid: who may map them
 * @nr: number of pages
 * @page: the pages
 * @addr: their addresses
 * @ref: their grant references
 */
struct xenloop_granted {
	domid_t domid;
	u32 nr;
	struct page **page;
	void **addr;
	grant_ref_t *ref;
};

/**
 * struct xenloop_mapped - pages of another domain, mapped here
 * @nr: number of pages
 * @page: place holders from the grant table code
 * @addr: where the foreign pages are seen
 * @handle: what the hypervisor wants back at unmap
 */
struct xenloop_mapped {
	u32 nr;
	struct page **page;
	void **addr;
	grant_handle_t *handle;
};

int xenloop_grant(struct xenloop_granted *g, domid_t domid, u32 nr);
void xenloop_ungrant(struct xenloop_granted *g);
int xenloop_map(struct xenloop_mapped *m, domid_t domid,
		const grant_ref_t *ref, u32 nr);
void xenloop_unmap(struct xenloop_mapped *m);

u32 xenloop_grant_deferred(domid_t domid);
void xenloop_grant_exit(void);

#endif /* XENLOOP_GRANT_H */
