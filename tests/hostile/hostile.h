/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The other end of a channel, as nobody should build it. It knows the FIFO's
 * layout well enough to complete a handshake, in either role, and then does
 * what it is told over debugfs. It checks nothing that the peer writes, and
 * moves no index by itself.
 */
#ifndef XENLOOP_HOSTILE_H
#define XENLOOP_HOSTILE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/random.h>
#include <linux/types.h>

#include "evtchn.h"
#include "fifo.h"
#include "grant.h"

struct seq_file;

/**
 * struct hostile_end - our end of one channel
 * @list: among those that are kept although their channel is gone
 * @own: the FIFO that the victim puts frames into
 * @foreign: the FIFO that the victim takes frames from
 * @evtchn: doorbell
 * @domid: the victim
 * @size: bytes of each FIFO
 * @prod: where the next frame is put
 * @events: interrupts
 * @revoked: grants that could be ended while the channel was there
 * @changed: frames that the last "overwrite", "resize" or "shrink" changed
 * @nonzero: words that the last "scan" found in the victim's pages
 * @leak: grants were overwritten: nobody knows any more who maps the pages
 */
struct hostile_end {
	struct list_head list;
	struct xenloop_granted own;
	struct xenloop_mapped foreign;
	struct xenloop_evtchn evtchn;
	domid_t domid;
	u32 size;
	u32 prod;
	atomic_t events;
	u32 revoked;
	u32 changed;
	u32 nonzero;
	bool leak;
};

/* What the victim consumes from: we are the producer. */
static inline struct xenloop_fifo_ctrl *tx_ctrl(const struct hostile_end *end)
{
	return end->foreign.addr[0];
}

/* What the victim produces into: we are the consumer. */
static inline struct xenloop_fifo_ctrl *rx_ctrl(const struct hostile_end *end)
{
	return end->own.addr[0];
}

/* end.c: setting up and letting go; all return 0 or an error */
int hostile_listen(struct hostile_end **end, domid_t domid, u32 size);
int hostile_connect(struct hostile_end **end, domid_t domid, u32 size,
		    u32 gref, u32 port);
int hostile_accept(struct hostile_end *end, u32 gref);
int hostile_revoke(struct hostile_end *end, u32 first, u32 nr);
int hostile_regrant(struct hostile_end *end, domid_t domid);
void hostile_free(struct hostile_end *end);

/* acts.c: frames, and threads that go on for a while */
int hostile_put(struct hostile_end *end, const struct xenloop_frame *frame,
		const void *data, u32 len, u32 zeros);
int hostile_shrink(struct hostile_end *end, u16 mss);
int hostile_resize(struct hostile_end *end, u32 len);
int hostile_overwrite(struct hostile_end *end, u32 offset, const u8 *data,
		      u32 len);
int hostile_run(struct hostile_end *end, const char *act, u32 ms, u32 seed,
		const u32 *arg);
void hostile_stop(void);
u32 hostile_running(void);

/* words.c: the control pages by the names of their words */
int hostile_word(struct hostile_end *end, const char *name, u32 value);
u32 hostile_nonzero(const struct hostile_end *end);
void hostile_show_words(struct seq_file *s, const struct hostile_end *end);

#endif /* XENLOOP_HOSTILE_H */
