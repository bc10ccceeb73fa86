// SPDX-License-Identifier: GPL-2.0
/*
 * Takes a peer's place after a correct handshake, and misbehaves on command.
 * For tests only: tests/xen/hostile_*.py. One command a write to
 * /sys/kernel/debug/xenloop_hostile/command:
 *
 *	listen DOMID SIZE		grant a FIFO, allocate a port
 *	connect DOMID SIZE GREF PORT	grant one, map the peer's, bind its port
 *	accept GREF			after listen: map the peer's FIFO
 *	word NAME VALUE			tx.prod, rx.cons ...: see words.c
 *	put LEN FLAGS GSO HDRLEN MSS START OFFSET ZEROS [HEX]
 *					a frame; ZEROS bytes follow those of HEX
 *	shrink MSS			the victim's GSO frames: smaller segments
 *	resize LEN			others in the place of the victim's frames
 *	overwrite OFFSET HEX		the victim's frames: other bytes at OFFSET of
 *					their Ethernet headers
 *	scan				the victim's pages: which words are not zero
 *	run ACT MS SEED [N ...]		see acts.c; several go on at once
 *	ring | stop			one event; end of everything that runs
 *	revoke FIRST COUNT		end grants
 *	regrant DOMID			overwrite grants that are in use
 *	hoard | forget			go on without this channel: keep
 *					everything, or give it back
 *	release				give back what is hoarded
 *
 * .../state shows the end, and the words of its pages, as JSON.
 */
#include <linux/debugfs.h>
#include <linux/hex.h>
#include <linux/if_ether.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <xen/xen.h>

#include "hostile.h"
#include "state.h"

#define COMMAND_MAX	(256 << 10)

/* kmod/grant.c and evtchn.c count here. */
struct xenloop_state xenloop;

static DEFINE_MUTEX(lock); /* guards what follows */
static struct hostile_end *end;
static LIST_HEAD(hoard);
static u32 hoarded;

static struct dentry *dir;

static int listen(const char *args)
{
	u32 domid, size;

	if (end)
		return -EBUSY;
	if (sscanf(args, "%u %u", &domid, &size) != 2)
		return -EINVAL;
	return hostile_listen(&end, domid, size);
}

static int connect(const char *args)
{
	u32 domid, size, gref, port;

	if (end)
		return -EBUSY;
	if (sscanf(args, "%u %u %u %u", &domid, &size, &gref, &port) != 4)
		return -EINVAL;
	return hostile_connect(&end, domid, size, gref, port);
}

static int accept(const char *args)
{
	u32 gref;

	return kstrtou32(args, 0, &gref) ?: hostile_accept(end, gref);
}

static int word(const char *args)
{
	char name[32];
	u32 value;

	if (sscanf(args, "%31s %i", name, &value) != 2)
		return -EINVAL;
	return hostile_word(end, name, value);
}

static int put_hex(const struct xenloop_frame *frame, const char *hex,
		   u32 zeros)
{
	u32 len = strlen(hex) / 2;
	u8 *data = kvmalloc(len + 1, GFP_KERNEL);
	int err;

	if (!data)
		return -ENOMEM;
	err = hex2bin(data, hex, len);
	if (!err)
		err = hostile_put(end, frame, data, len, zeros);
	kvfree(data);
	return err;
}

static int put(const char *args)
{
	struct xenloop_frame frame = {};
	struct virtio_net_hdr *vnet = &frame.vnet;
	int hex = 0;
	u32 zeros;

	if (sscanf(args, "%u %hhu %hhu %hu %hu %hu %hu %u %n", &frame.len,
		   &vnet->flags, &vnet->gso_type, &vnet->hdr_len,
		   &vnet->gso_size, &vnet->csum_start, &vnet->csum_offset,
		   &zeros, &hex) != 8)
		return -EINVAL;
	return put_hex(&frame, args + hex, zeros);
}

static int shrink(const char *args)
{
	u16 mss;
	int err = kstrtou16(args, 0, &mss);

	if (!err)
		end->changed = hostile_shrink(end, mss);
	return err;
}

static int resize(const char *args)
{
	u32 len;
	int err = kstrtou32(args, 0, &len);

	if (!err && len > XENLOOP_FRAME_MAX)
		err = -EINVAL;
	if (!err)
		end->changed = hostile_resize(end, len);
	return err;
}

static int overwrite(const char *args)
{
	u8 data[ETH_HLEN];
	int hex = 0, found;
	u32 offset, len;

	if (sscanf(args, "%u %n", &offset, &hex) != 1)
		return -EINVAL;
	len = strlen(args + hex) / 2;
	if (len > sizeof(data) || hex2bin(data, args + hex, len))
		return -EINVAL;
	found = hostile_overwrite(end, offset, data, len);
	if (found < 0)
		return found;
	end->changed = found;
	return 0;
}

static int scan(const char *args)
{
	if (!end->foreign.nr)
		return -ENOTCONN;
	end->nonzero = hostile_nonzero(end);
	return 0;
}

static int run(const char *args)
{
	u32 ms, seed, arg[4] = {};
	char act[16];

	if (sscanf(args, "%15s %u %u %u %u %u %u", act, &ms, &seed, &arg[0],
		   &arg[1], &arg[2], &arg[3]) < 3)
		return -EINVAL;
	return hostile_run(end, act, ms, seed, arg);
}

static int ring(const char *args)
{
	xenloop_evtchn_notify(&end->evtchn);
	return 0;
}

static int stop(const char *args)
{
	hostile_stop();
	return 0;
}

static int revoke(const char *args)
{
	u32 first, nr;

	if (sscanf(args, "%u %u", &first, &nr) != 2)
		return -EINVAL;
	return hostile_revoke(end, first, nr);
}

static int regrant(const char *args)
{
	u16 domid;

	return kstrtou16(args, 0, &domid) ?: hostile_regrant(end, domid);
}

static int keep(const char *args)
{
	hostile_stop();
	list_add(&end->list, &hoard);
	hoarded++;
	end = NULL;
	return 0;
}

static int forget(const char *args)
{
	hostile_stop();
	hostile_free(end);
	end = NULL;
	return 0;
}

static int release(const char *args)
{
	struct hostile_end *e, *next;

	list_for_each_entry_safe(e, next, &hoard, list)
		hostile_free(e);
	INIT_LIST_HEAD(&hoard);
	hoarded = 0;
	return 0;
}

static const struct {
	const char *name;
	int (*call)(const char *args);
	bool without_end;
} commands[] = {
	{ "listen", listen, true },
	{ "connect", connect, true },
	{ "accept", accept },
	{ "word", word },
	{ "put", put },
	{ "shrink", shrink },
	{ "resize", resize },
	{ "overwrite", overwrite },
	{ "scan", scan },
	{ "run", run },
	{ "ring", ring },
	{ "stop", stop, true },
	{ "revoke", revoke },
	{ "regrant", regrant },
	{ "hoard", keep },
	{ "forget", forget },
	{ "release", release, true },
};

static int execute(char *line)
{
	char *name = strsep(&line, " ");
	int i, err = -EINVAL;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(name, commands[i].name))
			continue;
		mutex_lock(&lock);
		err = end || commands[i].without_end ?
			commands[i].call(line ?: "") : -ENOTCONN;
		mutex_unlock(&lock);
	}
	return err;
}

static ssize_t command_write(struct file *file, const char __user *from,
			     size_t len, loff_t *pos)
{
	char *line;
	int err;

	if (len > COMMAND_MAX)
		return -E2BIG;
	line = memdup_user_nul(from, len);
	if (IS_ERR(line))
		return PTR_ERR(line);
	err = execute(strim(line));
	kfree(line);
	return err ?: len;
}

static const struct file_operations command_fops = {
	.owner = THIS_MODULE,
	.write = command_write,
};

static int state_show(struct seq_file *s, void *v)
{
	mutex_lock(&lock);
	seq_printf(s, "{\"running\": %u, \"hoarded\": %u", hostile_running(),
		   hoarded);
	if (end) {
		seq_printf(s, ", \"gref\": %u, \"port\": %u, \"pages\": %u, \"revoked\": %u, \"changed\": %u, \"nonzero\": %u",
			   end->own.ref[0], end->evtchn.port, end->own.nr,
			   end->revoked, end->changed, end->nonzero);
		seq_printf(s, ", \"events\": %d, \"put\": %u",
			   atomic_read(&end->events), end->prod);
		hostile_show_words(s, end);
	}
	seq_puts(s, "}\n");
	mutex_unlock(&lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

static int __init hostile_init(void)
{
	if (!xen_domain())
		return -ENODEV;
	xenloop.wq = alloc_workqueue("xenloop_hostile", WQ_UNBOUND, 0);
	if (!xenloop.wq)
		return -ENOMEM;
	dir = debugfs_create_dir("xenloop_hostile", NULL);
	debugfs_create_file("command", 0200, dir, NULL, &command_fops);
	debugfs_create_file("state", 0400, dir, NULL, &state_fops);
	return 0;
}

static void __exit hostile_exit(void)
{
	debugfs_remove(dir);
	if (end)
		forget(NULL);
	release(NULL);
	xenloop_grant_exit();
	destroy_workqueue(xenloop.wq);
}

module_init(hostile_init);
module_exit(hostile_exit);

MODULE_DESCRIPTION("A peer that breaks XenLoop's rules, for tests");
MODULE_LICENSE("GPL");
