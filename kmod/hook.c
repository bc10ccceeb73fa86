// SPDX-License-Identifier: GPL-2.0
/*
 * The netfilter hooks of an interface. At egress, routing, the guest's own
 * filters and NAT are done and the Ethernet header is there; frames for a
 * channel's peer leave the standard path here. At ingress, markers are caught.
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/netfilter.h>
#include <linux/netfilter_netdev.h>
#include <net/sock.h>
#include <net/xfrm.h>

#include "chan.h"
#include "compat.h"
#include "iface.h"
#include "netlink.h"

/*
 * Is @skb still plain text that validate_xmit_skb(), behind this hook, is to
 * encrypt? So are IPsec frames while the kernel's ESP offload code is loaded,
 * also without such hardware, and those of sockets with TLS offload.
 */
static bool is_encrypted_later(struct sk_buff *skb)
{
	const struct xfrm_offload *xo = xfrm_offload(skb);

	/* What has lost such a socket is dropped there. */
	if (xenloop_skb_decrypted(skb))
		return true;
#ifdef CONFIG_SOCK_VALIDATE_XMIT
	if (skb->sk && sk_fullsock(skb->sk) && skb->sk->sk_validate_xmit_skb)
		return true;
#endif
	return xo && !(xo->flags & (XFRM_XMIT | XFRM_GRO)); /* done, or received */
}

/* Is this a frame that a channel could carry? Counts why not. */
static bool eligible(struct xenloop_iface *iface, struct sk_buff *skb)
{
	const struct ethhdr *eth = eth_hdr(skb);

	if (is_multicast_ether_addr(eth->h_dest)) {
		xenloop_inc(iface, PASS_MULTICAST);
		return false;
	}
	if (skb_vlan_tag_present(skb) || eth_type_vlan(eth->h_proto)) {
		xenloop_inc(iface, PASS_VLAN);
		return false;
	}
	if (!ether_addr_equal(eth->h_source, iface->mac)) {
		xenloop_inc(iface, PASS_FOREIGN_SRC);
		return false;
	}
	if (skb->len > XENLOOP_FRAME_MAX && !skb_is_gso(skb)) {
		xenloop_inc(iface, PASS_TOO_LARGE);
		return false;
	}
	if (is_encrypted_later(skb)) {
		xenloop_inc(iface, PASS_CRYPTO);
		return false;
	}
	return true;
}

/* Tell the daemon, at most once a second, that there is traffic. */
static void want_channel(struct xenloop_peer *peer)
{
	unsigned long after = READ_ONCE(peer->wanted_after);

	if (time_before(jiffies, after) ||
	    cmpxchg(&peer->wanted_after, after, jiffies + HZ) != after)
		return;
	xenloop_nl_wanted(peer);
}

/* To the peer's channel with it, if there is one; else one is asked for. */
static enum xenloop_tx_verdict offer(struct xenloop_peer *peer,
				     struct sk_buff *skb)
{
	struct xenloop_chan *chan = rcu_dereference(peer->chan);

	if (!chan)
		want_channel(peer);
	if (!chan || skb_shared(skb))
		return XENLOOP_TX_REFUSED;
	return xenloop_tx(chan, skb);
}

static unsigned int egress(void *priv, struct sk_buff *skb,
			   const struct nf_hook_state *state)
{
	struct xenloop_iface *iface = priv;
	struct xenloop_peer *peer;

	if (!pskb_may_pull(skb, ETH_HLEN) || !eligible(iface, skb))
		return NF_ACCEPT;
	peer = xenloop_peer_lookup(iface->ifindex, eth_hdr(skb)->h_dest);
	if (!peer) {
		xenloop_inc(iface, PASS_NO_PEER);
		return NF_ACCEPT;
	}
	switch (offer(peer, skb)) {
	case XENLOOP_TX_TAKEN:
		return NF_STOLEN;
	case XENLOOP_TX_DROPPED:
		return NF_DROP;		/* the sender is told, as by a full queue */
	case XENLOOP_TX_REFUSED:
		break;
	}
	xenloop_inc(iface, PASS_NO_CHANNEL);
	return NF_ACCEPT;
}

static unsigned int ingress(void *priv, struct sk_buff *skb,
			    const struct nf_hook_state *state)
{
	if (!xenloop_marker_receive(priv, skb))
		return NF_ACCEPT;
	consume_skb(skb);
	return NF_STOLEN;
}

static void fill_hook(struct xenloop_iface *iface, struct nf_hook_ops *ops,
		      nf_hookfn *fn, unsigned int hooknum, int priority)
{
	ops->hook = fn;
	ops->dev = iface->dev;
	ops->priv = iface;
	ops->pf = NFPROTO_NETDEV;
	ops->hooknum = hooknum;
	ops->priority = priority;
}

/*
 * Hook @iface: behind every egress chain of the user's, before every ingress
 * chain. Returns 0 or an error. May sleep.
 */
int xenloop_hook(struct xenloop_iface *iface)
{
	int err;

	fill_hook(iface, &iface->egress, egress, NF_NETDEV_EGRESS, INT_MAX);
	fill_hook(iface, &iface->ingress, ingress, NF_NETDEV_INGRESS, INT_MIN);
	err = nf_register_net_hook(dev_net(iface->dev), &iface->ingress);
	if (err)
		return err;
	err = nf_register_net_hook(dev_net(iface->dev), &iface->egress);
	if (err) {
		nf_unregister_net_hook(dev_net(iface->dev), &iface->ingress);
		synchronize_net(); /* the caller frees what the hook uses */
	}
	return err;
}

/* Returns when no hook runs any more. May sleep. */
void xenloop_unhook(struct xenloop_iface *iface)
{
	nf_unregister_net_hook(dev_net(iface->dev), &iface->egress);
	nf_unregister_net_hook(dev_net(iface->dev), &iface->ingress);
	synchronize_net();
}
