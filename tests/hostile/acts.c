// SPDX-License-Identifier: GPL-2.0
/* Frames with any header, and acts that a thread repeats for a while. */
#include <linux/delay.h>
#include <linux/if_ether.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "hostile.h"

#define BATCH	16	/* frames that are changed while the victim reads them */

/**
 * struct act - something that goes on
 * @end: whose pages and port
 * @step: one turn of it
 * @until: jiffies when it is over
 * @rnd: seeded, so that a finding can be repeated
 * @arg: what the command said
 * @task: the thread; NULL: this place is free
 * @over: the thread has nothing more to do
 */
struct act {
	struct hostile_end *end;
	void (*step)(struct act *act);
	unsigned long until;
	struct rnd_state rnd;
	u32 arg[4];
	struct task_struct *task;
	bool over;
};

static struct act running[8];

/* Byte @index of a FIFO's data, and in @n how many of @len follow in the page. */
static void *at(void **page, u32 size, u32 index, u32 len, u32 *n)
{
	u32 offset = index & (size - 1);

	*n = min(len, XENLOOP_PAGE_SIZE - (offset & (XENLOOP_PAGE_SIZE - 1)));
	return page[1 + (offset >> XENLOOP_PAGE_SHIFT)] +
	       (offset & (XENLOOP_PAGE_SIZE - 1));
}

static void store(struct hostile_end *end, u32 index, const void *from, u32 len)
{
	u32 n, off;
	void *to;

	for (off = 0; off < len; off += n) {
		to = at(end->foreign.addr, end->size, index + off, len - off, &n);
		if (from)
			memcpy(to, from + off, n);
		else
			memset(to, 0, n);
	}
}

static void load(struct hostile_end *end, u32 index, void *to, u32 len)
{
	u32 n, off;
	void *from;

	for (off = 0; off < len; off += n) {
		from = at(end->foreign.addr, end->size, index + off, len - off,
			  &n);
		memcpy(to + off, from, n);
	}
}

/* Publish and ring, whether or not the victim asked for it. */
static void publish(struct hostile_end *end)
{
	virt_store_release(&tx_ctrl(end)->prod, end->prod);
	virt_mb();
	xenloop_evtchn_notify(&end->evtchn);
}

/*
 * Put @len bytes and @zeros behind a header that may say anything. Room is not
 * looked for.
 */
int hostile_put(struct hostile_end *end, const struct xenloop_frame *frame,
		const void *data, u32 len, u32 zeros)
{
	u32 index = end->prod + sizeof(*frame);

	if (!end->foreign.nr)
		return -ENOTCONN;
	store(end, index, data, len);
	store(end, index + len, NULL, zeros);
	store(end, end->prod, frame, sizeof(*frame));
	end->prod += xenloop_frame_span(len + zeros);
	publish(end);
	return 0;
}

/* Headers, and what is aligned like them, are never in two pages. */
static struct xenloop_frame *frame_at(struct hostile_end *end, u32 index)
{
	u32 n;

	return at(end->own.addr, end->size, index, sizeof(struct xenloop_frame),
		  &n);
}

/*
 * The GSO frames that the victim has put, and that are not taken, shall be cut
 * into segments of @mss bytes. Returns how many there are.
 */
int hostile_shrink(struct hostile_end *end, u16 mss)
{
	u32 index = READ_ONCE(rx_ctrl(end)->cons);
	u32 prod = virt_load_acquire(&rx_ctrl(end)->prod);
	struct xenloop_frame *frame;
	int found = 0;

	for (; index != prod; index += xenloop_frame_span(frame->len)) {
		frame = frame_at(end, index);
		if (!frame->vnet.gso_type)
			continue;
		frame->vnet.gso_size = mss;
		found++;
	}
	return found;
}

/*
 * In the place of the frames that the victim has put, and that are not taken,
 * there are as many of @len bytes as find room. Returns how many.
 */
int hostile_resize(struct hostile_end *end, u32 len)
{
	u32 index = READ_ONCE(rx_ctrl(end)->cons);
	u32 prod = virt_load_acquire(&rx_ctrl(end)->prod);
	u32 span = xenloop_frame_span(len);
	int found;

	for (found = 0; prod - index >= span; index += span, found++)
		*frame_at(end, index) = (struct xenloop_frame){ .len = len };
	return found;
}

/*
 * Each frame that the victim has put, and that is not taken, gets @len other
 * bytes in its Ethernet header from @offset on. Returns how many there are.
 */
int hostile_overwrite(struct hostile_end *end, u32 offset, const u8 *data,
		      u32 len)
{
	u32 index = READ_ONCE(rx_ctrl(end)->cons);
	u32 prod = virt_load_acquire(&rx_ctrl(end)->prod);
	u32 span;
	int found = 0;

	if (offset + len > ETH_HLEN)
		return -EINVAL;
	for (; index != prod; index += span, found++) {
		span = xenloop_frame_span(frame_at(end, index)->len);
		memcpy((u8 *)frame_at(end, index + sizeof(struct xenloop_frame)) +
		       offset, data, len);
	}
	return found;
}

static void ring_step(struct act *act)
{
	xenloop_evtchn_notify(&act->end->evtchn);
}

/* As much work for our CPU, and none for the victim's. */
static void spin_step(struct act *act)
{
	cpu_relax();
}

/* A value that is sometimes nearly right. */
static u32 some_value(struct act *act)
{
	const struct hostile_end *end = act->end;
	u32 any = prandom_u32_state(&act->rnd);

	switch (any >> 29) {
	case 0:
		return any & 3;
	case 1:
		return READ_ONCE(tx_ctrl(end)->prod) + 16 * (any & 0xff);
	case 2:
		return READ_ONCE(tx_ctrl(end)->cons) - 16 * (any & 0xff);
	case 3:
		return READ_ONCE(rx_ctrl(end)->prod) + (any & 0xfff);
	case 4:
		return any & ~15u;
	case 5:
		return -(any & 0xff);
	default:
		return any << 3;
	}
}

/* Any word of both control pages, the references included. */
static void words_step(struct act *act)
{
	u32 any = prandom_u32_state(&act->rnd);
	u32 *page = any & 1 ? (u32 *)tx_ctrl(act->end) :
			      (u32 *)rx_ctrl(act->end);

	/* Half of them into the words that move. */
	WRITE_ONCE(page[(any >> 2) % (any & 2 ? 48 : 128)], some_value(act));
	if (!(any >> 26))
		xenloop_evtchn_notify(&act->end->evtchn);
}

/* The words that ask for events, and those that announce things. */
static void wakeups_step(struct act *act)
{
	struct xenloop_fifo_ctrl *tx = tx_ctrl(act->end);
	struct xenloop_fifo_ctrl *rx = rx_ctrl(act->end);

	WRITE_ONCE(rx->data_event, READ_ONCE(rx->prod) +
				   prandom_u32_state(&act->rnd) % 64);
	WRITE_ONCE(tx->room_event, READ_ONCE(tx->cons) +
				   prandom_u32_state(&act->rnd) % 64);
	WRITE_ONCE(tx->marker, prandom_u32_state(&act->rnd));
	WRITE_ONCE(tx->data_event, some_value(act));
	WRITE_ONCE(rx->room_event, some_value(act));
	if (!(prandom_u32_state(&act->rnd) & 63))
		xenloop_evtchn_notify(&act->end->evtchn);
}

/* Bytes of frames on the way, in both directions. */
static void data_step(struct act *act)
{
	struct hostile_end *end = act->end;
	u32 any = prandom_u32_state(&act->rnd);
	bool tx = any & 1;
	u32 near = tx ? READ_ONCE(tx_ctrl(end)->cons) :
			READ_ONCE(rx_ctrl(end)->cons);
	u32 n;
	u32 *word = at(tx ? end->foreign.addr : end->own.addr, end->size,
		       (near & ~3u) + (any >> 8) % 4096 * 4, 4, &n);

	WRITE_ONCE(*word, prandom_u32_state(&act->rnd));
}

/*
 * Frames of arg[0] bytes whose 32-bit word at arg[1], counted from the header,
 * changes between arg[2] and arg[3] while the victim reads them. What else is
 * in the frame has been put there before: the last put's bytes.
 */
static void flip_step(struct act *act)
{
	struct hostile_end *end = act->end;
	u32 span = xenloop_frame_span(act->arg[0]);
	unsigned long until = jiffies + HZ / 5; /* then the victim has lost count */
	u32 first = end->prod, i, n, spins = 0;
	u8 *buf = kmalloc(span, GFP_KERNEL);

	if (!buf)
		return;
	load(end, first - span, buf, span);
	memcpy(buf + act->arg[1], &act->arg[2], 4);
	for (i = 0; i < BATCH; i++, end->prod += span)
		store(end, end->prod, buf, span);
	kfree(buf);
	publish(end);
	while (READ_ONCE(tx_ctrl(end)->cons) != end->prod &&
	       time_before(jiffies, until)) {
		i = first + spins / 2 % BATCH * span + act->arg[1];
		WRITE_ONCE(*(u32 *)at(end->foreign.addr, end->size, i, 4, &n),
			   act->arg[2 + (spins & 1)]);
		if (!(++spins & 0xffff))
			cond_resched();
	}
	for (i = 0; i < BATCH; i++)
		WRITE_ONCE(*(u32 *)at(end->foreign.addr, end->size,
				      first + i * span + act->arg[1], 4, &n),
			   act->arg[2]);
}

/* Take everything, as an honest peer would. */
static void take_step(struct act *act)
{
	struct xenloop_fifo_ctrl *rx = rx_ctrl(act->end);
	u32 prod = virt_load_acquire(&rx->prod);

	WRITE_ONCE(rx->claim, prod);
	WRITE_ONCE(rx->data_event, prod + 1);
	if (READ_ONCE(rx->cons) != prod) {
		virt_store_release(&rx->cons, prod);
		xenloop_evtchn_notify(&act->end->evtchn);
	}
	usleep_range(500, 1000);
}

/* Claim everything, and never give the room back. */
static void claim_step(struct act *act)
{
	struct xenloop_fifo_ctrl *rx = rx_ctrl(act->end);

	WRITE_ONCE(rx->claim, virt_load_acquire(&rx->prod));
	usleep_range(500, 1000);
}

/* Take one frame every arg[0] ms. */
static void trickle_step(struct act *act)
{
	struct hostile_end *end = act->end;
	struct xenloop_fifo_ctrl *rx = rx_ctrl(end);
	u32 cons = READ_ONCE(rx->cons);
	struct xenloop_frame *frame = frame_at(end, cons);

	if (cons != virt_load_acquire(&rx->prod)) {
		cons += xenloop_frame_span(READ_ONCE(frame->len));
		WRITE_ONCE(rx->claim, cons);
		virt_store_release(&rx->cons, cons);
		xenloop_evtchn_notify(&end->evtchn);
	}
	msleep_interruptible(act->arg[0]);
}

static const struct {
	const char *name;
	void (*step)(struct act *act);
	bool sends;
} acts[] = {
	{ "spin", spin_step },
	{ "ring", ring_step },
	{ "words", words_step, true },
	{ "wakeups", wakeups_step, true },
	{ "data", data_step, true },
	{ "flip", flip_step, true },
	{ "take", take_step },
	{ "claim", claim_step },
	{ "trickle", trickle_step },
};

static int thread(void *data)
{
	struct act *act = data;

	while (!kthread_should_stop() && time_before(jiffies, act->until)) {
		act->step(act);
		cond_resched();
	}
	smp_store_release(&act->over, true);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ / 10);
	return 0;
}

static void end_act(struct act *act)
{
	if (act->task)
		kthread_stop(act->task);
	act->task = NULL;
}

/* A place for another act, or NULL. */
static struct act *free_place(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(running); i++) {
		if (smp_load_acquire(&running[i].over))
			end_act(&running[i]);
		if (!running[i].task)
			return &running[i];
	}
	return NULL;
}

static int start(struct act *act)
{
	struct task_struct *task = kthread_run(thread, act, "hostile");

	if (IS_ERR(task))
		return PTR_ERR(task);
	act->task = task;
	return 0;
}

/* Repeat an act for @ms milliseconds, or until everything is stopped. */
int hostile_run(struct hostile_end *end, const char *name, u32 ms, u32 seed,
		const u32 *arg)
{
	struct act *act = free_place();
	int i = 0;

	while (i < ARRAY_SIZE(acts) && strcmp(name, acts[i].name))
		i++;
	if (i == ARRAY_SIZE(acts))
		return -EINVAL;
	if (acts[i].sends && !end->foreign.nr)
		return -ENOTCONN;
	if (!act)
		return -EBUSY;
	*act = (struct act){
		.end = end,
		.step = acts[i].step,
		.until = jiffies + msecs_to_jiffies(ms),
	};
	memcpy(act->arg, arg, sizeof(act->arg));
	prandom_seed_state(&act->rnd, seed);
	return start(act);
}

void hostile_stop(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(running); i++)
		end_act(&running[i]);
}

/* Acts that are not over. */
u32 hostile_running(void)
{
	u32 i, n = 0;

	for (i = 0; i < ARRAY_SIZE(running); i++)
		n += running[i].task && !smp_load_acquire(&running[i].over);
	return n;
}
