// SPDX-License-Identifier: GPL-2.0
/*
 * Who polls, and when.
 *
 * An interrupt that meets an idle CPU polls at once. Under load softirqs could
 * take all the time there is, and the process that should read what they
 * deliver would get none: datagrams then die at a full socket. So while the CPU
 * has something else to do, polls that follow each other closely run in a
 * thread. Between two of them it yields: the reader empties its socket before
 * more is delivered, and the FIFO, and then the sender, waits for it. The thread
 * still gets its share among other work. An event after a pause is polled for at
 * once: the thread would wait for the time slice of who computes, and the frame
 * with it.
 *
 * When the CPU would go idle after a frame, the thread stays for a while and
 * looks for the next one: an event, the interrupt and the way out of idle cost
 * more than everything else in a round trip. While frames keep coming it stays,
 * and lets their reader have its turn after each batch: so a busy pair sends no
 * events. It does so only as long as nobody else wants its CPU, and not where
 * other guests want that CPU; and only where it has paid lately: the window
 * grows while frames come soon after the channel went to sleep, and closes when
 * they don't.
 */
#include <linux/kernel_stat.h>
#include <linux/netdevice.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/stat.h>

#include "chan.h"
#include "compat.h"
#include "iface.h"
#include "poller.h"
#include "state.h"

#define POLLER_NICE	5
#define WINDOW_START	(16u * NSEC_PER_USEC)
/*
 * How many times what it costs to send an event may be spent on looking, to
 * save one: being woken up costs several times as much as waking up.
 */
#define EVENTS_WORTH	32
#define STEAL_EVERY	(50 * NSEC_PER_MSEC)
/*
 * An event is sparse that comes so many times as long after a poll as that took:
 * softirqs for such ones leave the rest of the CPU to whom it belongs.
 */
#define SPARSE		16

/* One poll of NAPI, here and now. Process context. */
void xenloop_poller_poll(struct xenloop_chan *chan)
{
	local_bh_disable();
	napi_schedule(&chan->napi);
	local_bh_enable();
}

/* What to spend at most to save one event, in ns. */
static u32 longest_window(struct xenloop_chan *chan)
{
	/* Any recent value will do: other CPUs may be adding to it. */
	u64 worth = data_race(ewma_event_cost_read(&chan->evtchn.cost)) *
		    EVENTS_WORTH;

	if (IS_ENABLED(CONFIG_PREEMPT_RT)) /* softirqs need preemption there */
		return 0;
	return min_t(u64, worth, READ_ONCE(xenloop.poll_us) * NSEC_PER_USEC);
}

/* How long to look for the next frame, in ns. A smaller limit holds at once. */
static u32 time_to_look(struct xenloop_chan *chan)
{
	return min(READ_ONCE(chan->poller.window), longest_window(chan));
}

/* Does nobody else want this CPU, and nothing else want this thread? */
static bool may_spin(const struct xenloop_poller *p)
{
	return single_task_running() && !need_resched() &&
	       !READ_ONCE(p->paced);
}

/*
 * Did others run on this CPU while the guest wanted to? Then its idle time is
 * theirs. More than an eighth of the time counts.
 */
static bool is_contended(struct xenloop_poller *p)
{
	u64 now = local_clock();
	u64 stolen = kcpustat_cpu(raw_smp_processor_id()).cpustat[CPUTIME_STEAL];

	if (now - p->steal_seen > STEAL_EVERY) {
		/* negative: the thread has changed its CPU */
		p->contended = (s64)(stolen - p->stolen) >
			       (s64)(now - p->steal_seen) / 8;
		p->stolen = stolen;
		p->steal_seen = now;
	}
	return p->contended;
}

/* Is there something to poll for? */
static bool is_due(const struct xenloop_chan *chan)
{
	return READ_ONCE(chan->evtchn.eoi_due) ||
	       xenloop_consumer_has_data(&chan->rx.fifo);
}

/* Poll for what is due. False: it has to stay where it is for now. */
static bool serve(struct xenloop_chan *chan, bool *frames)
{
	u32 before = READ_ONCE(chan->rx.fifo.cons);

	xenloop_poller_poll(chan);
	*frames = READ_ONCE(chan->rx.fifo.cons) != before;
	if (*frames)
		xenloop_inc(chan, RX_IDLE_POLLS);
	return *frames || !is_due(chan);
}

/* Look for frames until the window is over. True: some were there. */
static bool look_for_frames(struct xenloop_chan *chan)
{
	struct xenloop_poller *p = &chan->poller;
	s64 window = time_to_look(chan);
	u64 from = local_clock();
	bool frames;

	do {
		if (is_due(chan)) {
			if (!serve(chan, &frames))
				return false;
			if (frames)
				return true;
		}
		cpu_relax();
	} while (may_spin(p) && (s64)(local_clock() - from) < window);
	return false;
}

/*
 * Stay until no frame has come for the window's length, and ask for no event
 * meanwhile. Who else wants the CPU gets it: the reader of what was delivered
 * has its turn first, and when somebody still wants to run then, events are
 * asked for again.
 */
static void spin(struct xenloop_chan *chan)
{
	struct xenloop_poller *p = &chan->poller;

	if (!time_to_look(chan) || is_contended(p))
		return;
	WRITE_ONCE(p->spinning, true);
	xenloop_poller_poll(chan);
	do {
		if (!single_task_running())
			yield();
		cond_resched_tasks_rcu_qs();
	} while (look_for_frames(chan) && !is_contended(p));
	WRITE_ONCE(p->spinning, false);
	smp_mb(); /* against the one in xenloop_poller_awake() */
	if (!READ_ONCE(p->armed))
		xenloop_poller_poll(chan);
}

static void run(struct kthread_work *work)
{
	struct xenloop_chan *chan = container_of(work, struct xenloop_chan,
						 poller.work);

	if (xchg(&chan->poller.paced, false)) {
		yield();
		xenloop_poller_poll(chan);
	}
	spin(chan);
}

/*
 * The thread of a channel to be. Not under xenloop.lock: it is kthreadd that
 * waits for its memory, by way of I/O if need be. kthread_destroy_worker() ends
 * one that no channel took. Returns it or an ERR_PTR(). May sleep.
 */
struct kthread_worker *xenloop_poller_thread(u32 domid)
{
	struct kthread_worker *thread =
		kthread_run_worker(0, "xenloop/%u", domid);

	if (!IS_ERR(thread))
		set_user_nice(thread->task, POLLER_NICE);
	return thread;
}

/* Use @thread, which is the channel's only when that has come about. */
void xenloop_poller_init(struct xenloop_chan *chan,
			 struct kthread_worker *thread)
{
	kthread_init_work(&chan->poller.work, run);
	chan->poller.worker = thread;
}

/* The channel has not come about: no more use of the thread. May sleep. */
void xenloop_poller_undo(struct xenloop_chan *chan)
{
	kthread_cancel_work_sync(&chan->poller.work);
}

/* NAPI is disabled and the interrupt unbound. May sleep. */
void xenloop_poller_exit(struct xenloop_chan *chan)
{
	kthread_destroy_worker(chan->poller.worker);
}

/* The next poll is the thread's, when others had the CPU. Any context. */
void xenloop_poller_pace(struct xenloop_chan *chan)
{
	struct xenloop_poller *p = &chan->poller;

	xenloop_inc(chan, RX_PACED);
	WRITE_ONCE(p->paced, true);
	kthread_queue_work(p->worker, &p->work);
}

/* The CPU was idle for @gap ns: would looking for the frame have paid? */
static void adapt(struct xenloop_chan *chan, s64 gap)
{
	struct xenloop_poller *p = &chan->poller;
	u32 max = longest_window(chan);
	u32 window = p->window;

	if (gap < max)
		window = min(max(2 * window, WINDOW_START), max);
	else
		window = window > 2 * WINDOW_START ? window / 2 : 0;
	WRITE_ONCE(p->window, window);
}

/* An event has come. From the interrupt. */
void xenloop_poller_interrupt(struct xenloop_chan *chan)
{
	struct xenloop_poller *p = &chan->poller;
	s64 gap = local_clock() - READ_ONCE(p->slept);
	bool idle = is_idle_task(current);

	WRITE_ONCE(p->idle, idle);
	if (idle)
		adapt(chan, gap);
	if (idle || gap > SPARSE * READ_ONCE(p->spent) ||
	    (READ_ONCE(p->spinning) && current == p->worker->task))
		napi_schedule(&chan->napi);
	else
		xenloop_poller_pace(chan);
}

/*
 * Does the thread look for frames, so that no event is needed? If not, the
 * caller asks for one. From NAPI.
 */
bool xenloop_poller_awake(struct xenloop_chan *chan)
{
	struct xenloop_poller *p = &chan->poller;

	WRITE_ONCE(p->armed, false);
	smp_mb(); /* against the one in spin() */
	if (READ_ONCE(p->spinning))
		return true;
	WRITE_ONCE(p->armed, true);
	return false;
}

/*
 * Nothing is left, and an event was asked for. From NAPI, after @work frames; its
 * poll began at @start ns of the local clock.
 */
void xenloop_poller_sleep(struct xenloop_chan *chan, int work, u64 start)
{
	struct xenloop_poller *p = &chan->poller;
	u64 now = local_clock();

	WRITE_ONCE(p->slept, now);
	WRITE_ONCE(p->spent, (s64)(now - start));
	if (work && READ_ONCE(p->idle) && READ_ONCE(p->window))
		kthread_queue_work(p->worker, &p->work);
}
