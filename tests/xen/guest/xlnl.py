#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Speaks the module's netlink family directly, as a test (or an attacker with root) would.

usage: xlnl.py OPERATION [ATTRIBUTE=VALUE ...]
       xlnl.py -              the same, one request a line of standard input, going on after errors

Operations and attributes are named as in proto/xenloop.yaml; their numbers are read from the
uapi header that lies beside this script. One more, join-events, joins the multicast group.
Replies are printed as JSON, one object a line.
"""
import json
import os
import re
import socket
import struct
import sys

HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "xenloop.h")
GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 0x10, 3, 1, 2
CTRL_ATTR_MCAST_GROUPS, CTRL_ATTR_MCAST_GRP_ID = 7, 2
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP, NLM_F_ACK_TLVS, NLM_F_CAPPED = 1, 4, 0x300, 0x200, 0x100
NLMSG_ERROR, NLMSG_DONE, NLMSGERR_ATTR_MSG = 2, 3, 1
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NETLINK_EXT_ACK = 270, 1, 11
SETS = {"info": "info", "set": "info", "iface": "iface", "peer": "peer"}
FORMATS = {4: "=I", 8: "=Q"}


def numbers(prefix):
    """{attribute name: number} of an enum in the header, with - for _."""
    text = re.search(r"\b%s\w+ = 1,.*?__%sMAX" % (prefix, prefix), open(HEADER).read(), re.S).group(0)
    names = re.findall(r"^\s*(%s\w+)(?: = 1)?,$" % prefix, "\t" + text, re.M)
    return {n[len(prefix):].lower().replace("_", "-"): i for i, n in enumerate(names, 1)}


def attribute(number, payload):
    return struct.pack("=HH", 4 + len(payload), number) + payload + b"\0" * (-len(payload) % 4)


def attributes(data):
    while len(data) >= 4:
        length, number = struct.unpack_from("=HH", data)
        yield number & 0x3FFF, data[4:length]
        data = data[(length + 3) & ~3:]


def encode(name, value):
    if "mac" in name:
        return bytes.fromhex(value.replace(":", ""))
    if name == "drain":
        return b""
    return struct.pack("=Q" if name == "cookie" else "=I", int(value, 0))


def decode(name, data, stats):
    if "mac" in name:
        return data.hex(":")
    if name in ("ifname", "module-version", "name", "aside"):
        return data.rstrip(b"\0").decode()
    if name == "stat":
        pair = {k: v for k, v in attributes(data)}
        stats[pair[1].rstrip(b"\0").decode()] = struct.unpack("=Q", pair[2])[0]
        return None
    return struct.unpack(FORMATS[len(data)], data)[0] if data else True


class Family:
    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.sock.bind((0, 0))
        try:
            reply = self.call(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, 0, attribute(CTRL_ATTR_FAMILY_NAME, b"xenloop\0"))
        except OSError:
            sys.exit("xlnl: no netlink family xenloop: is the module loaded?")
        found = dict(attributes(reply[0]))
        self.id = struct.unpack("=H", found[CTRL_ATTR_FAMILY_ID])[0]
        (_, group), = attributes(found[CTRL_ATTR_MCAST_GROUPS])
        self.group = struct.unpack("=I", dict(attributes(group))[CTRL_ATTR_MCAST_GRP_ID])[0]

    def join(self):
        self.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, self.group)
        return []

    def call(self, family, command, version, flags, payload):
        """Sends one request; returns the attribute bytes of each reply, or raises OSError."""
        flags |= NLM_F_REQUEST | (0 if flags & NLM_F_DUMP else NLM_F_ACK)
        self.sock.send(struct.pack("=IHHIIBBH", 20 + len(payload), family, flags, 1, 0, command, version, 0) + payload)
        replies = []
        while True:
            data = self.sock.recv(1 << 16)
            while data:
                length, kind, mflags = struct.unpack_from("=IHH", data)
                body, data = data[16:length], data[(length + 3) & ~3:]
                if kind == NLMSG_ERROR:
                    self.check(body, mflags)
                    return replies
                if kind == NLMSG_DONE:
                    return replies
                replies.append(body[4:])

    @staticmethod
    def check(body, flags):
        error, length = struct.unpack_from("=iI", body)
        if not error:
            return
        text = ""
        if flags & NLM_F_ACK_TLVS:
            skip = 20 if flags & NLM_F_CAPPED else 4 + ((length + 3) & ~3)
            text = dict(attributes(body[skip:])).get(NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode()
        raise OSError(-error, text or os.strerror(-error))


def request(family, operation, pairs):
    """Returns None, or what is wrong."""
    table = numbers("XENLOOP_A_%s_" % SETS.get(operation.split("-")[0], "chan").upper())
    payload = b"".join(attribute(table[k], encode(k, v)) for k, v in (p.split("=", 1) for p in pairs))
    flags = NLM_F_DUMP if operation.endswith("-dump") else 0
    try:
        if operation == "join-events":
            replies = family.join()
        else:
            replies = family.call(family.id, numbers("XENLOOP_CMD_")[operation], 1, flags, payload)
    except OSError as e:
        return "xlnl: %s: %s (errno %d)" % (operation, e.strerror, e.errno)
    names = {v: k for k, v in table.items()}
    for reply in replies:
        stats = {}
        shown = {names[k]: decode(names[k], v, stats) for k, v in attributes(reply) if names[k] != "pad"}
        shown.pop("stat", None)
        if stats:
            shown["stats"] = stats
        print(json.dumps(shown))
    return None


def main():
    family = Family()
    if sys.argv[1] != "-":
        sys.exit(request(family, sys.argv[1], sys.argv[2:]))
    for line in sys.stdin:
        error = request(family, line.split()[0], line.split()[1:])
        if error:
            print(error)


if __name__ == '__main__':
    main()
