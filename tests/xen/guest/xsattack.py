#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A guest's part of XenStore, used for harm.

usage: xsattack.py forbidden VICTIM OTHER       writes where it must not; prints what worked
       xsattack.py curious PATH ...             reads and lists there; prints what worked
       xsattack.py others VICTIM OTHER NUMBER   one of several messages in others' names; it stays
       xsattack.py rewrite SECONDS VICTIM       the same few nodes, over and over, for so long at least and until the file
                                                /run/rewrite.stop exists; prints how many writes
       xsattack.py fill                         nodes until XenStore refuses; prints how many
       xsattack.py unlistable                   more names than XenStore can list to Dom0, and a reason to list them
       xsattack.py clean
"""
import os
import random
import sys
import time

from offender import attempt, epoch, store, victims_epoch

OUTBOX = 'data/xenloop'
ACCEPTED = 'offer attempt=%d from=%s to=%s size=524288 gref=8 port=17 features=00000000\n'


def forbidden(victim, other):
    """Nothing outside our own part is ours, and what we say in there about ourselves counts for nothing."""
    own, home = store.read('domid'), '/local/domain'
    for path in (f'{home}/{victim}/data/xenloop/hello', f'{home}/{victim}/data/xenloop/to/{other}-0-0',
                 f'{home}/{victim}/xenloop/from/{other}-0-0', f'{home}/{victim}/xenloop/roster/{own}',
                 f'{home}/{own}/xenloop/self', f'{home}/{own}/xenloop/from/{victim}-0-0', f'{home}/{own}/xenloop/x',
                 f'{home}/{own}/domid', f'{home}/{own}/name', f'/libxl/{own}/device/vif/0/mac',
                 f'{home}/0/backend/vif/{own}/0/mac', f'{home}/0/backend/vif/{own}/0/bridge', '/xenloop'):
        try:
            store.write(path, 'x')
            print(path)
        except OSError:
            pass
    mac = 'device/vif/0/mac'
    store.write(mac, '00:16:3e:aa:bb:cc')  # the frontend's own directory is ours


def curious(*paths):
    for path in paths:
        for look in (store.read, store.directory):
            try:
                print(path, look.__name__, look(path))
            except OSError:
                pass


def others(victim, other, number):
    """Well-formed, but for links, domains and epochs that are not ours."""
    me, it, third = epoch(), victims_epoch(victim), victims_epoch(other)
    name, sender, receiver = ((f'{victim}-0-0', third, it), (f'{victim}-0-0', it, it), (f'{victim}-0-0', me, third),
                              (f'{victim}-0-1', me, it), (f'{victim}-7-0', me, it), (f'{other}-0-0', it, third),
                              (f'{other}-0-0', third, it), ('0-0-0', me, it), (f'{store.read("domid")}-0-0', me, me),
                              ('32751-0-0', me, it))[int(number)]
    store.write(f'{OUTBOX}/to/{name}', ACCEPTED % (attempt(), sender, receiver))


def unlistable():
    for number in range(20):
        store.write(f'{OUTBOX}/to/{"x" * 220}{number}', 'x')
    store.write(f'{OUTBOX}/to', 'x')


def rewrite(seconds, victim):
    """Some of it valid, some huge, binary, nested or gone again."""
    me, it = epoch(), victims_epoch(victim)
    valid = (lambda: 'request attempt=%d from=%s to=%s\n' % (attempt(), me, it),
             lambda: 'bye attempt=%d from=%s to=%s reason=%s\n' % (attempt(), me, it, 'x' * 16),
             lambda: ACCEPTED % (attempt(), me, it))
    node = f'{OUTBOX}/to/{victim}-0-0'
    writes = 0
    deadline = time.monotonic() + float(seconds)
    while time.monotonic() < deadline or not os.path.exists('/run/rewrite.stop'):
        kind = random.randrange(9)
        try:
            if kind < 3:
                store.write(node, valid[kind]())
            elif kind == 3:
                store.write(node, random.randbytes(random.choice((1, 100, 1024, 1025, 2048))))
            elif kind == 4:
                store.write(f'{OUTBOX}/hello', random.choice((
                    'xenloop 1\nepoch %016x\nfeatures 00000000\n' % random.getrandbits(64), '', 'xenloop 2\n',
                    random.randbytes(2000))))
            elif kind == 5:
                store.write(f'{node}/a/b/c', 'x' * 2000)
            elif kind == 6:
                store.write(f'{OUTBOX}/{"x" * 200}', b'\0\xff\n')
            elif kind == 7:
                store.remove(f'{OUTBOX}/to')
            else:
                store.write(f'{OUTBOX}/to', random.randbytes(100))
            writes += 1
        except OSError:
            pass
    store.remove(f'{OUTBOX}/to')
    store.write(f'{OUTBOX}/hello', 'xenloop 1\nepoch %s\nfeatures 00000000\n' % me)
    print(writes)


def fill():
    made = 0
    try:
        while made < 20000:
            peer = random.randrange(1, 32752)
            store.write('%s/to/%d-%d-%d' % (OUTBOX, peer, made % 32, made % 7), random.choice((b'bye', b'\0' * 64, b'y' * 1000)))
            made += 1
    except OSError as error:
        print(error, file=sys.stderr)
    print(made)


def clean():
    store.remove(OUTBOX)


{f.__name__: f for f in (forbidden, curious, others, unlistable, rewrite, fill, clean)}[sys.argv[1]](*sys.argv[2:])
