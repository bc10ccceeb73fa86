// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The FIFO over shared pages. Every word that the other side can write is read
 * once into a local, checked against private state, and only then used.
 */
#include "fifo.h"

/* Did an index that moved from @old to @now reach @event? All wrap. */
static bool passed(u32 event, u32 now, u32 old)
{
	return (u32)(now - event) < (u32)(now - old);
}

static bool aligned(u32 index)
{
	return !(index & (XENLOOP_FRAME_ALIGN - 1));
}

/*
 * Address of byte @index, and in @n how many of @len are contiguous there. Pages
 * that follow each other in memory are one piece: a copy has a cost for each
 * start, which a CPU can't hide when the lines are in the other side's cache.
 */
static void *chunk(const struct xenloop_fifo *f, u32 index, u32 len, u32 *n)
{
	u32 offset = index & (f->size - 1);
	u32 in_page = offset & (XENLOOP_PAGE_SIZE - 1);
	u32 run = XENLOOP_PAGE_SIZE - in_page;
	void *const *page = &f->page[offset >> XENLOOP_PAGE_SHIFT];
	char *start = (char *)*page + in_page;

	len = min(len, f->size - offset);
	while (run < len && *++page == start + run)
		run += XENLOOP_PAGE_SIZE;
	*n = min(len, run);
	return start;
}

/* Can a FIFO have @size bytes of data? */
bool xenloop_fifo_size_ok(u32 size)
{
	return size >= XENLOOP_FIFO_MIN_SIZE && size <= XENLOOP_FIFO_MAX_SIZE &&
	       !(size & (size - 1));
}

/*
 * Consumer, before it grants: prepare a zeroed control page for @size bytes.
 * The first frame is wanted at once, so that it comes with an event.
 */
void xenloop_fifo_init_ctrl(struct xenloop_fifo_ctrl *ctrl, u32 size)
{
	ctrl->magic = XENLOOP_FIFO_MAGIC;
	ctrl->version = XENLOOP_FIFO_VERSION;
	ctrl->nr_pages = size >> XENLOOP_PAGE_SHIFT;
	ctrl->data_event = 1;
}

/*
 * Producer, when it maps: check a foreign control page and copy its grant
 * references to @gref, which has room for @size >> XENLOOP_PAGE_SHIFT.
 * Returns 0, or -EPROTO for a page that is not such a FIFO's.
 */
int xenloop_fifo_read_ctrl(const struct xenloop_fifo_ctrl *ctrl, u32 size,
			   u32 *gref)
{
	u32 i;

	if (READ_ONCE(ctrl->magic) != XENLOOP_FIFO_MAGIC ||
	    READ_ONCE(ctrl->version) != XENLOOP_FIFO_VERSION ||
	    READ_ONCE(ctrl->nr_pages) != size >> XENLOOP_PAGE_SHIFT)
		return -EPROTO;
	for (i = 0; i < size >> XENLOOP_PAGE_SHIFT; i++)
		gref[i] = READ_ONCE(ctrl->gref[i]);
	return 0;
}

void xenloop_producer_init(struct xenloop_producer *p,
			   const struct xenloop_fifo *fifo)
{
	memset(p, 0, sizeof(*p));
	p->fifo = *fifo;
}

/*
 * Read the consumer's index. Returns the bytes in use, or -EPROTO when the
 * consumer claims to have passed the producer or went backwards.
 */
static int refresh(struct xenloop_producer *p)
{
	u32 cons = virt_load_acquire(&p->fifo.ctrl->cons);

	if (p->told - cons > p->told - p->cons || !aligned(cons))
		return -EPROTO;
	p->cons = cons;
	return p->prod - cons;
}

/*
 * Start a frame of @len bytes. Returns 0 when there is room, -ENOSPC when
 * there is none yet, -EMSGSIZE for a length no frame has, -EPROTO when the
 * consumer broke the rules.
 */
int xenloop_producer_begin(struct xenloop_producer *p, u32 len)
{
	u32 span = xenloop_frame_span(len);
	int used;

	if (len < XENLOOP_FRAME_MIN || len > XENLOOP_FRAME_MAX)
		return -EMSGSIZE;
	if (p->fifo.size - (p->prod - p->cons) >= span)
		return 0;
	used = refresh(p);
	if (used < 0)
		return used;
	return p->fifo.size - used >= span ? 0 : -ENOSPC;
}

/*
 * Where to write payload byte @offset of the frame that begin() made room for;
 * @n is set to how many of @len bytes may be written there.
 */
void *xenloop_producer_chunk(const struct xenloop_producer *p, u32 offset,
			     u32 len, u32 *n)
{
	return chunk(&p->fifo, p->prod + sizeof(struct xenloop_frame) + offset,
		     len, n);
}

/* The payload is in place: put @frame in front. Not yet visible. */
void xenloop_producer_end(struct xenloop_producer *p,
			  const struct xenloop_frame *frame)
{
	u32 n;

	memcpy(chunk(&p->fifo, p->prod, sizeof(*frame), &n), frame,
	       sizeof(*frame));
	p->prod += xenloop_frame_span(frame->len);
}

/* Show all finished frames to the consumer. True: it wants an event. */
bool xenloop_producer_publish(struct xenloop_producer *p)
{
	struct xenloop_fifo_ctrl *ctrl = p->fifo.ctrl;
	u32 old = p->told;

	virt_store_release(&ctrl->prod, p->prod);
	p->told = p->prod;
	virt_mb(); /* against the one in xenloop_consumer_sleep() */
	return passed(READ_ONCE(ctrl->data_event), p->prod, old);
}

/*
 * Ask for an event once a frame of @len bytes has room, and a quarter of the
 * FIFO is free, so that a full FIFO does not cost an event per frame. Returns
 * what begin() says now: -ENOSPC when there is nothing to do but wait.
 */
int xenloop_producer_want_room(struct xenloop_producer *p, u32 len)
{
	struct xenloop_fifo_ctrl *ctrl = p->fifo.ctrl;
	u32 room = max(xenloop_frame_span(len), p->fifo.size / 4);

	p->asked = p->prod + room - p->fifo.size;
	WRITE_ONCE(ctrl->room_event, p->asked);
	virt_mb(); /* against the one in xenloop_consumer_release() */
	return xenloop_producer_begin(p, len);
}

/*
 * Ask for an event once everything published by now is consumed; an earlier
 * request that is outstanding stays, see p->asked. True: there is nothing to
 * wait for.
 */
bool xenloop_producer_want_consumed(struct xenloop_producer *p)
{
	if (refresh(p) <= 0)
		return true;
	if (p->asked - p->cons - 1 < p->told - p->cons)
		return false;
	p->asked = p->told;
	WRITE_ONCE(p->fifo.ctrl->room_event, p->asked);
	virt_mb(); /* against the one in xenloop_consumer_release() */
	return refresh(p) <= 0;
}

/* Bytes that the consumer has not released, or -EPROTO. */
int xenloop_producer_pending(struct xenloop_producer *p)
{
	return refresh(p);
}

/*
 * Take back every published frame that the consumer has not claimed. They are
 * read through @back, with the same checks as received ones. Nothing may be
 * produced afterwards. A claim that makes no sense counts as "claimed nothing
 * more than it released": the consumer then harms only what it receives.
 */
void xenloop_producer_revoke(struct xenloop_producer *p,
			     struct xenloop_consumer *back)
{
	struct xenloop_fifo_ctrl *ctrl = p->fifo.ctrl;
	u32 claim;

	refresh(p);
	WRITE_ONCE(ctrl->revoke_state, XENLOOP_REVOKE_WANTED);
	virt_mb(); /* against the one in xenloop_consumer_claim() */
	claim = READ_ONCE(ctrl->claim);
	if (p->told - claim > p->told - p->cons || !aligned(claim))
		claim = p->cons;
	WRITE_ONCE(ctrl->revoke_index, claim);
	virt_store_release(&ctrl->revoke_state, XENLOOP_REVOKE_DONE);

	xenloop_consumer_init(back, &p->fifo);
	back->cons = claim;
	back->told = claim;
	back->claim = p->told;
	back->ended = true;
}

void xenloop_consumer_init(struct xenloop_consumer *c,
			   const struct xenloop_fifo *fifo)
{
	memset(c, 0, sizeof(*c));
	c->fifo = *fifo;
}

/* Has the producer published anything beyond what was consumed? A hint. */
bool xenloop_consumer_has_data(const struct xenloop_consumer *c)
{
	u32 claim = READ_ONCE(c->claim);

	return READ_ONCE(c->cons) != claim ||
	       (!READ_ONCE(c->ended) && READ_ONCE(c->fifo.ctrl->prod) != claim);
}

/* The producer takes frames back: follow its decision once there is one. */
static int claim_revoked(struct xenloop_consumer *c, u32 state, u32 prod)
{
	u32 index;

	if (state == XENLOOP_REVOKE_WANTED)
		return -EAGAIN;
	index = READ_ONCE(c->fifo.ctrl->revoke_index);
	if (state != XENLOOP_REVOKE_DONE || !aligned(index) ||
	    index - c->claim > prod - c->claim)
		return -EPROTO;
	WRITE_ONCE(c->claim, index);
	WRITE_ONCE(c->ended, true);
	return 0;
}

/*
 * Make every published frame ours, unless the producer takes it back. Returns
 * 0 with c->claim moved as far as it goes, -EAGAIN while the producer has not
 * said which frames it takes back (look again later, don't spin), or -EPROTO.
 */
int xenloop_consumer_claim(struct xenloop_consumer *c)
{
	struct xenloop_fifo_ctrl *ctrl = c->fifo.ctrl;
	u32 prod, state;

	if (c->ended)
		return 0;
	prod = virt_load_acquire(&ctrl->prod);
	if (prod - c->cons > c->fifo.size || !aligned(prod) ||
	    prod - c->cons < c->claim - c->cons)
		return -EPROTO;
	WRITE_ONCE(ctrl->claim, prod);
	virt_mb(); /* against the one in xenloop_producer_revoke() */
	state = virt_load_acquire(&ctrl->revoke_state);
	if (state != XENLOOP_REVOKE_NONE)
		return claim_revoked(c, state, prod);
	WRITE_ONCE(c->claim, prod);
	return 0;
}

/* Read each word of the next header exactly once. */
static void read_header(const struct xenloop_consumer *c,
			struct xenloop_frame *frame)
{
	u32 n;
	const u64 *shared = chunk(&c->fifo, c->cons, sizeof(*frame), &n);
	u64 word[2] = { READ_ONCE(shared[0]), READ_ONCE(shared[1]) };

	memcpy(frame, word, sizeof(word));
}

/*
 * Copy the header of the next claimed frame to @frame. Returns 1, 0 when there
 * is none, -EPROTO for a length that no frame has or that exceeds the claim.
 */
int xenloop_consumer_peek(const struct xenloop_consumer *c,
			  struct xenloop_frame *frame)
{
	u32 avail = c->claim - c->cons;

	if (!avail)
		return 0;
	read_header(c, frame);
	if (frame->len < XENLOOP_FRAME_MIN || frame->len > XENLOOP_FRAME_MAX ||
	    xenloop_frame_span(frame->len) > avail)
		return -EPROTO;
	return 1;
}

/* Where payload byte @offset of the next frame is; as for the producer. */
const void *xenloop_consumer_chunk(const struct xenloop_consumer *c,
				   u32 offset, u32 len, u32 *n)
{
	return chunk(&c->fifo, c->cons + sizeof(struct xenloop_frame) + offset,
		     len, n);
}

/* The next frame, whose checked length is @len, is dealt with. */
void xenloop_consumer_pop(struct xenloop_consumer *c, u32 len)
{
	WRITE_ONCE(c->cons, c->cons + xenloop_frame_span(len));
}

/* Give the consumed bytes back. True: the producer wants an event. */
bool xenloop_consumer_release(struct xenloop_consumer *c)
{
	struct xenloop_fifo_ctrl *ctrl = c->fifo.ctrl;
	u32 old = c->told;

	if (c->cons == old)
		return false;
	virt_store_release(&ctrl->cons, c->cons);
	c->told = c->cons;
	virt_mb(); /* against the one in xenloop_producer_want_room() */
	return passed(READ_ONCE(ctrl->room_event), c->cons, old);
}

/* Ask for an event with the next frame. True: there is one already. */
bool xenloop_consumer_sleep(const struct xenloop_consumer *c)
{
	WRITE_ONCE(c->fifo.ctrl->data_event, c->claim + 1);
	virt_mb(); /* against the one in xenloop_producer_publish() */
	return xenloop_consumer_has_data(c);
}

/* Ask for no event, for the next 2^32 bytes at least. */
void xenloop_consumer_wake(const struct xenloop_consumer *c)
{
	WRITE_ONCE(c->fifo.ctrl->data_event, c->claim);
}
