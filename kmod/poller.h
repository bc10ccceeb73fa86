/* SPDX-License-Identifier: GPL-2.0 */
/* Who polls a channel's FIFO, and when: interrupt, thread, or idle time. */
#ifndef XENLOOP_POLLER_H
#define XENLOOP_POLLER_H

#include <linux/kthread.h>
#include <linux/types.h>

struct xenloop_chan;

/**
 * struct xenloop_poller - what polls besides the interrupt
 * @worker: the channel's thread
 * @work: what it does: one round of polling
 * @paced: the next poll is the thread's, after others had the CPU
 * @spinning: the thread looks after the FIFO: events are not needed
 * @armed: NAPI asked for an event when it was last through
 * @idle: the last event met an idle CPU
 * @window: how long to look for the next frame in idle time; ns
 * @contended: others ran on this CPU while the guest wanted to
 * @stolen: the time they had, when last looked at; ns
 * @steal_seen: when that was; ns of the local clock
 * @slept: when the events were last asked for; ns of the local clock
 * @spent: how long the poll took that did; ns
 */
struct xenloop_poller {
	struct kthread_worker *worker;
	struct kthread_work work;
	bool paced;
	bool spinning;
	bool armed;
	bool idle;
	u32 window;
	bool contended;
	u64 stolen;
	u64 steal_seen;
	u64 slept;
	s64 spent;
};

struct kthread_worker *xenloop_poller_thread(u32 domid);
void xenloop_poller_init(struct xenloop_chan *chan,
			 struct kthread_worker *thread);
void xenloop_poller_undo(struct xenloop_chan *chan);
void xenloop_poller_exit(struct xenloop_chan *chan);
void xenloop_poller_poll(struct xenloop_chan *chan);
void xenloop_poller_interrupt(struct xenloop_chan *chan);
void xenloop_poller_pace(struct xenloop_chan *chan);
bool xenloop_poller_awake(struct xenloop_chan *chan);
void xenloop_poller_sleep(struct xenloop_chan *chan, int work, u64 start);

#endif /* XENLOOP_POLLER_H */
