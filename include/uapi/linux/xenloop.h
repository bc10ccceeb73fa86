/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/* Do not edit: made from proto/xenloop.yaml by proto/gen.py (make regen). */
#ifndef _UAPI_LINUX_XENLOOP_H
#define _UAPI_LINUX_XENLOOP_H

/*
 * Control interface between xenloopd and xenloop.ko. The family lives in the
 * initial network namespace; every operation that changes something, every
 * dump, and joining the multicast group need CAP_NET_ADMIN in the initial user
 * namespace.
 */
#define XENLOOP_FAMILY_NAME "xenloop"
#define XENLOOP_FAMILY_VERSION 1

/*
 * Life of a channel.
 */
enum xenloop_chan_state {
	XENLOOP_CHAN_STATE_LISTENING,
	XENLOOP_CHAN_STATE_CONNECTED,
	XENLOOP_CHAN_STATE_ACTIVE,
	XENLOOP_CHAN_STATE_DRAINING,
	XENLOOP_CHAN_STATE_DEAD,
};

/*
 * What a notification in the multicast group tells.
 */
enum xenloop_event {
	XENLOOP_EVENT_WANTED,
	XENLOOP_EVENT_UP,
	XENLOOP_EVENT_DRAINING,
	XENLOOP_EVENT_DOWN,
	XENLOOP_EVENT_STALLED,
	XENLOOP_EVENT_SUSPENDED,
	XENLOOP_EVENT_RESUMED,
	XENLOOP_EVENT_IFACE_DOWN,
};

/*
 * Why a channel goes down.
 * XENLOOP_REASON_REQUESTED: xenloopd asked for it.
 * XENLOOP_REASON_PEER_CLOSED: The peer announced the end in the shared pages.
 * XENLOOP_REASON_STALLED: The peer took no frame for stall-timeout.
 * XENLOOP_REASON_PROTOCOL: The peer broke the FIFO's rules, or sent many
 *   frames that it was not entitled to send.
 * XENLOOP_REASON_SUSPEND: This guest is being suspended, saved or migrated.
 * XENLOOP_REASON_IFACE_GONE: The interface was detached, unregistered or
 *   moved.
 * XENLOOP_REASON_UNLOAD: The module is being removed.
 * XENLOOP_REASON_ASIDE: An XDP program, an egress program or a qdisc of the
 *   interface would miss channel traffic.
 */
enum xenloop_reason {
	XENLOOP_REASON_NONE,
	XENLOOP_REASON_REQUESTED,
	XENLOOP_REASON_PEER_CLOSED,
	XENLOOP_REASON_STALLED,
	XENLOOP_REASON_PROTOCOL,
	XENLOOP_REASON_SUSPEND,
	XENLOOP_REASON_IFACE_GONE,
	XENLOOP_REASON_UNLOAD,
	XENLOOP_REASON_ASIDE,
};

/*
 * XENLOOP_A_INFO_MODULE_VERSION (string): Version of xenloop.ko.
 * XENLOOP_A_INFO_ABI_VERSION (u32): XENLOOP_FIFO_VERSION of the module.
 * XENLOOP_A_INFO_FEATURES (u32): Optional features this side can do (none
 *   yet).
 * XENLOOP_A_INFO_EPOCH (u64): Random number that names this life of the
 *   module; new at load and at each resume.
 * XENLOOP_A_INFO_FIFO_SIZE_MIN (u32): Smallest FIFO in bytes.
 * XENLOOP_A_INFO_FIFO_SIZE_MAX (u32): Largest FIFO in bytes.
 * XENLOOP_A_INFO_CHANS_CREATED (u64): Channels created since load.
 * XENLOOP_A_INFO_CHANS_DESTROYED (u64): Channels freed since load.
 * XENLOOP_A_INFO_PAGES_GRANTED (u64): Pages granted since load.
 * XENLOOP_A_INFO_PAGES_FREED (u64): Granted pages whose grant has ended.
 * XENLOOP_A_INFO_PAGES_DEFERRED (u32): Pages that a peer has not unmapped yet.
 * XENLOOP_A_INFO_PAGES_MAPPED (u32): Foreign pages mapped now.
 * XENLOOP_A_INFO_PORTS_BOUND (u32): Event channels bound now.
 * XENLOOP_A_INFO_STALL_TIMEOUT (u32): Tunable, ms: no progress for this long
 *   closes a channel.
 * XENLOOP_A_INFO_DRAIN_TIMEOUT (u32): Tunable, ms: longest wait for the peer
 *   at a graceful close.
 * XENLOOP_A_INFO_HOLD_TIMEOUT (u32): Tunable, ms: longest wait for a marker
 *   frame when a channel comes up; at most half of stall-timeout.
 * XENLOOP_A_INFO_BACKLOG_BYTES (u32): Tunable: bytes that may wait for room in
 *   one channel.
 * XENLOOP_A_INFO_POLL_TIME (u32): Tunable, us: longest look for the next frame
 *   in idle time; 0 turns it off.
 */
enum {
	XENLOOP_A_INFO_MODULE_VERSION = 1,
	XENLOOP_A_INFO_ABI_VERSION,
	XENLOOP_A_INFO_FEATURES,
	XENLOOP_A_INFO_EPOCH,
	XENLOOP_A_INFO_FIFO_SIZE_MIN,
	XENLOOP_A_INFO_FIFO_SIZE_MAX,
	XENLOOP_A_INFO_CHANS_CREATED,
	XENLOOP_A_INFO_CHANS_DESTROYED,
	XENLOOP_A_INFO_PAGES_GRANTED,
	XENLOOP_A_INFO_PAGES_FREED,
	XENLOOP_A_INFO_PAGES_DEFERRED,
	XENLOOP_A_INFO_PAGES_MAPPED,
	XENLOOP_A_INFO_PORTS_BOUND,
	XENLOOP_A_INFO_STALL_TIMEOUT,
	XENLOOP_A_INFO_DRAIN_TIMEOUT,
	XENLOOP_A_INFO_HOLD_TIMEOUT,
	XENLOOP_A_INFO_BACKLOG_BYTES,
	XENLOOP_A_INFO_POLL_TIME,
	XENLOOP_A_INFO_PAD,

	__XENLOOP_A_INFO_MAX,
};
#define XENLOOP_A_INFO_MAX (__XENLOOP_A_INFO_MAX - 1)

/*
 * XENLOOP_A_IFACE_IFINDEX (u32): Interface in the initial network namespace.
 * XENLOOP_A_IFACE_VIF (u32): The vif's handle: N of device/vif/N.
 * XENLOOP_A_IFACE_MAC (binary, 6 bytes): The interface's MAC address by the
 *   roster; only frames from it take a channel.
 * XENLOOP_A_IFACE_IFNAME (string): Current name; in dumps only.
 * XENLOOP_A_IFACE_ASIDE (string): Why the interface's channels stand aside
 *   (XDP program, tc egress program, root qdisc, queue qdisc, fq qdisc);
 *   absent when they do not.
 * XENLOOP_A_IFACE_STAT (nest of XENLOOP_A_STAT_*, repeated): One counter of
 *   the interface; in dumps only.
 * XENLOOP_A_IFACE_CHAN_STAT (nest of XENLOOP_A_STAT_*, repeated): One counter
 *   of all the channels that the interface has had, those that are gone
 *   included; in dumps only.
 */
enum {
	XENLOOP_A_IFACE_IFINDEX = 1,
	XENLOOP_A_IFACE_VIF,
	XENLOOP_A_IFACE_MAC,
	XENLOOP_A_IFACE_IFNAME,
	XENLOOP_A_IFACE_ASIDE,
	XENLOOP_A_IFACE_STAT,
	XENLOOP_A_IFACE_CHAN_STAT,

	__XENLOOP_A_IFACE_MAX,
};
#define XENLOOP_A_IFACE_MAX (__XENLOOP_A_IFACE_MAX - 1)

/*
 * A peer is one remote vif seen from one local interface: the unit that the
 * roster names and that a channel belongs to.
 *
 * XENLOOP_A_PEER_IFINDEX (u32)
 * XENLOOP_A_PEER_MAC (binary, 6 bytes): The remote vif's MAC address.
 * XENLOOP_A_PEER_DOMID (u32)
 * XENLOOP_A_PEER_VIF (u32): The remote vif's handle.
 */
enum {
	XENLOOP_A_PEER_IFINDEX = 1,
	XENLOOP_A_PEER_MAC,
	XENLOOP_A_PEER_DOMID,
	XENLOOP_A_PEER_VIF,

	__XENLOOP_A_PEER_MAX,
};
#define XENLOOP_A_PEER_MAX (__XENLOOP_A_PEER_MAX - 1)

/*
 * XENLOOP_A_CHAN_ID (u32): Number of the channel in this module's life.
 * XENLOOP_A_CHAN_IFINDEX (u32)
 * XENLOOP_A_CHAN_PEER_MAC (binary, 6 bytes)
 * XENLOOP_A_CHAN_DOMID (u32)
 * XENLOOP_A_CHAN_VIF (u32): The remote vif's handle.
 * XENLOOP_A_CHAN_COOKIE (u64): Given at listen or connect, shown in dumps and
 *   events: the daemon's own mark, so that it can adopt the channel after a
 *   restart.
 * XENLOOP_A_CHAN_SIZE (u32): Bytes of each FIFO's data area.
 * XENLOOP_A_CHAN_LOCAL_GREF (u32): Grant reference of the control page of the
 *   FIFO this side receives by.
 * XENLOOP_A_CHAN_REMOTE_GREF (u32): The same of the other side.
 * XENLOOP_A_CHAN_PORT (u32): Listener: the local unbound event channel.
 *   Connector: the remote one.
 * XENLOOP_A_CHAN_STATE (u32, enum xenloop_chan_state)
 * XENLOOP_A_CHAN_REASON (u32, enum xenloop_reason)
 * XENLOOP_A_CHAN_EVENT (u32, enum xenloop_event)
 * XENLOOP_A_CHAN_DRAIN (flag): close: wait for frames in flight, in both
 *   directions, up to drain-timeout.
 * XENLOOP_A_CHAN_IDLE_MS (u64): Milliseconds since the last frame in either
 *   direction; in dumps only.
 * XENLOOP_A_CHAN_AGE_MS (u64): Milliseconds since the channel became active;
 *   in dumps only.
 * XENLOOP_A_CHAN_LISTENER (flag): This side allocated the event channel.
 * XENLOOP_A_CHAN_PEER_ACTIVE (flag): Event up was sent and the peer puts
 *   frames; in dumps only.
 * XENLOOP_A_CHAN_STAT (nest of XENLOOP_A_STAT_*, repeated): One counter of the
 *   channel; in dumps only.
 */
enum {
	XENLOOP_A_CHAN_ID = 1,
	XENLOOP_A_CHAN_IFINDEX,
	XENLOOP_A_CHAN_PEER_MAC,
	XENLOOP_A_CHAN_DOMID,
	XENLOOP_A_CHAN_VIF,
	XENLOOP_A_CHAN_COOKIE,
	XENLOOP_A_CHAN_SIZE,
	XENLOOP_A_CHAN_LOCAL_GREF,
	XENLOOP_A_CHAN_REMOTE_GREF,
	XENLOOP_A_CHAN_PORT,
	XENLOOP_A_CHAN_STATE,
	XENLOOP_A_CHAN_REASON,
	XENLOOP_A_CHAN_EVENT,
	XENLOOP_A_CHAN_DRAIN,
	XENLOOP_A_CHAN_IDLE_MS,
	XENLOOP_A_CHAN_AGE_MS,
	XENLOOP_A_CHAN_LISTENER,
	XENLOOP_A_CHAN_PEER_ACTIVE,
	XENLOOP_A_CHAN_STAT,
	XENLOOP_A_CHAN_PAD,

	__XENLOOP_A_CHAN_MAX,
};
#define XENLOOP_A_CHAN_MAX (__XENLOOP_A_CHAN_MAX - 1)

/*
 * XENLOOP_A_STAT_NAME (string): Counter name, e.g. tx-frames or
 *   rx-drop-src-mac.
 * XENLOOP_A_STAT_VALUE (u64)
 */
enum {
	XENLOOP_A_STAT_NAME = 1,
	XENLOOP_A_STAT_VALUE,
	XENLOOP_A_STAT_PAD,

	__XENLOOP_A_STAT_MAX,
};
#define XENLOOP_A_STAT_MAX (__XENLOOP_A_STAT_MAX - 1)

/*
 * XENLOOP_CMD_INFO: Version, limits, object counts and tunables. Attributes:
 *   XENLOOP_A_INFO_*.
 * - do reply: module-version abi-version features epoch fifo-size-min
 *     fifo-size-max chans-created chans-destroyed pages-granted pages-freed
 *     pages-deferred pages-mapped ports-bound stall-timeout drain-timeout
 *     hold-timeout backlog-bytes poll-time
 * XENLOOP_CMD_SET: Change tunables; absent attributes stay as they are. ERANGE
 *   for a bad value, EINVAL when hold-timeout would be more than half of
 *   stall-timeout. Attributes: XENLOOP_A_INFO_*. Needs CAP_NET_ADMIN.
 * - do request: stall-timeout drain-timeout hold-timeout backlog-bytes
 *     poll-time
 * XENLOOP_CMD_IFACE_ATTACH: Hook an interface. EEXIST when attached, ENODEV
 *   when unknown, EINVAL when it is not the netfront of that vif or has
 *   another MAC. Attributes: XENLOOP_A_IFACE_*. Needs CAP_NET_ADMIN.
 * - do request: ifindex vif mac
 * XENLOOP_CMD_IFACE_DETACH: Close the interface's channels (draining) and
 *   unhook it. EAGAIN while frames that were kept over a suspend wait for its
 *   carrier. Attributes: XENLOOP_A_IFACE_*. Needs CAP_NET_ADMIN.
 * - do request: ifindex
 * XENLOOP_CMD_IFACE_DUMP: Attached interfaces. Attributes: XENLOOP_A_IFACE_*.
 *   Needs CAP_NET_ADMIN.
 * - dump reply: ifindex vif mac ifname aside stat chan-stat
 * XENLOOP_CMD_PEER_ADD: Make a remote vif known, so that traffic to it raises
 *   event "wanted". EEXIST for a MAC that is there already. Attributes:
 *   XENLOOP_A_PEER_*. Needs CAP_NET_ADMIN.
 * - do request: ifindex mac domid vif
 * XENLOOP_CMD_PEER_DEL: Forget a remote vif; its channel, if any, is closed,
 *   draining. Attributes: XENLOOP_A_PEER_*. Needs CAP_NET_ADMIN.
 * - do request: ifindex mac
 * XENLOOP_CMD_PEER_DUMP: Attributes: XENLOOP_A_PEER_*. Needs CAP_NET_ADMIN.
 * - dump reply: ifindex mac domid vif
 * XENLOOP_CMD_LISTEN: Create a channel to a known peer: allocate and grant the
 *   receive FIFO and an unbound event channel for the peer's domain. EBUSY
 *   when the peer has one, ERANGE for a bad size, ENOSPC when out of grants.
 *   Attributes: XENLOOP_A_CHAN_*. Needs CAP_NET_ADMIN.
 * - do request: ifindex peer-mac size cookie
 * - do reply: id local-gref port
 * XENLOOP_CMD_CONNECT: Connector: create a channel, grant the own receive
 *   FIFO, map the listener's and bind its event channel. The channel is then
 *   connected. Attributes: XENLOOP_A_CHAN_*. Needs CAP_NET_ADMIN.
 * - do request: ifindex peer-mac size cookie remote-gref port
 * - do reply: id local-gref
 * XENLOOP_CMD_ACCEPT: Listener: map the connector's FIFO. The channel is then
 *   connected. Attributes: XENLOOP_A_CHAN_*. Needs CAP_NET_ADMIN.
 * - do request: id remote-gref
 * XENLOOP_CMD_ACTIVATE: Send the marker by the standard path and let frames
 *   take the channel. Attributes: XENLOOP_A_CHAN_*. Needs CAP_NET_ADMIN.
 * - do request: id
 * XENLOOP_CMD_CLOSE: Close a channel, draining or at once. Event "down"
 *   follows when it is over. Attributes: XENLOOP_A_CHAN_*. Needs
 *   CAP_NET_ADMIN.
 * - do request: id drain
 * XENLOOP_CMD_CHAN_DUMP: Attributes: XENLOOP_A_CHAN_*. Needs CAP_NET_ADMIN.
 * - dump reply: id ifindex peer-mac domid vif cookie size local-gref
 *     remote-gref port state reason idle-ms age-ms listener peer-active stat
 * XENLOOP_CMD_EVENT: Notification. Channel events carry all that is listed
 *   here; "wanted" carries event, ifindex, peer-mac, domid and vif;
 *   "suspended", "resumed" and "iface-down" carry no channel. When "suspended"
 *   comes, no channel and no peer is left. Attributes: XENLOOP_A_CHAN_*.
 * - event: event id ifindex peer-mac domid vif cookie state reason
 */
enum {
	XENLOOP_CMD_INFO = 1,
	XENLOOP_CMD_SET,
	XENLOOP_CMD_IFACE_ATTACH,
	XENLOOP_CMD_IFACE_DETACH,
	XENLOOP_CMD_IFACE_DUMP,
	XENLOOP_CMD_PEER_ADD,
	XENLOOP_CMD_PEER_DEL,
	XENLOOP_CMD_PEER_DUMP,
	XENLOOP_CMD_LISTEN,
	XENLOOP_CMD_CONNECT,
	XENLOOP_CMD_ACCEPT,
	XENLOOP_CMD_ACTIVATE,
	XENLOOP_CMD_CLOSE,
	XENLOOP_CMD_CHAN_DUMP,
	XENLOOP_CMD_EVENT,

	__XENLOOP_CMD_MAX,
};
#define XENLOOP_CMD_MAX (__XENLOOP_CMD_MAX - 1)

#define XENLOOP_MCGRP_EVENTS "events"

#endif /* _UAPI_LINUX_XENLOOP_H */
