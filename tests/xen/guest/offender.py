#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The daemon of a guest that means harm: correct handshakes, and then what standard input says, line by line.

    hello                       become a peer
    up VICTIM [SIZE]            a whole handshake with the domain, in the role that its domid gives us
    storm COUNT VICTIM          handshakes, each followed by a goodbye at once
    offer VICTIM GREF PORT SIZE [SECONDS]   an offer that says this; prints the victim's answer, if there is one
    say VICTIM MESSAGE          a message to it; {me}, {it} stand for the epochs, {n} for a new attempt number
    unsay VICTIM                remove that
    sleep SECONDS
    wait NAME VALUE [SECONDS]   until that word of the module's state has that value
    unlike NAME VALUE [SECONDS] until it has another one
    off WORD NAME DISTANCE      the word gets the value that NAME has in the module's state, plus a distance
    answer VICTIM GREF [SECONDS]   an accept for the victim's next offer that says this; prints what it says to it
    state                       print it, as JSON
    anything else               goes to the module (tests/hostile/main.c); "? ..." may fail
"""
import json
import os
import random
import sys
import time

from xenstore import XenStore

DEBUGFS = '/sys/kernel/debug/xenloop_hostile/'
EPOCH_FILE = '/run/offender-epoch'
ANSWERED = '/run/offender-answered'     # attempt of the last offer that was
SIZE = 524288

store = XenStore()


def module(line):
    fd = os.open(DEBUGFS + 'command', os.O_WRONLY)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)


def state():
    with open(DEBUGFS + 'state') as file:
        return json.load(file)


def until(look, what, seconds=20):
    deadline = time.monotonic() + seconds
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline:
            sys.exit('offender: waited in vain: %s' % what)
        time.sleep(0.02)


def epoch():
    return open(EPOCH_FILE).read()


def hello():
    with open(EPOCH_FILE, 'w') as file:
        file.write('%016x' % random.getrandbits(64))
    store.write('data/xenloop/hello', 'xenloop 1\nepoch %s\nfeatures 00000000\n' % epoch())


def victims_epoch(victim):
    def look():
        lines = (store.read('xenloop/roster/%s' % victim) or '').splitlines()
        return [line.split()[1] for line in lines if line.startswith('epoch ')]
    return until(look, 'the victim on the roster')[0]


def attempt():
    return random.randrange(1, 1 << 32)


def say(victim, message):
    fields = {'me': epoch(), 'it': victims_epoch(victim), 'n': attempt()}
    store.write('data/xenloop/to/%s-0-0' % victim, message.format(**fields) + '\n')


def unsay(victim):
    store.remove('data/xenloop/to/%s-0-0' % victim)


def inbox(victim):
    """The victim's message: its fields, and the verb."""
    words = (store.read('xenloop/from/%s-0-0' % victim) or '').split()
    return {'verb': words[0] if words else None, **dict(word.split('=', 1) for word in words[1:])}


def heard(victim, verbs, number=None, seconds=20):
    """The victim's message, once it has such a verb and attempt; None when it doesn't come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        message = inbox(victim)
        if message['verb'] in verbs and message.get('to') == epoch() and number in (None, message['attempt']):
            return message
        time.sleep(0.02)
    return None


def listen(victim, size):
    number = str(attempt())
    module('listen %s %d' % (victim, size))
    now = state()
    say(victim, 'offer attempt=%s from={me} to={it} size=%d gref=%d port=%d features=00000000'
        % (number, size, now['gref'], now['port']))
    answer = heard(victim, ('accept', 'bye'), number)
    if not answer or answer['verb'] != 'accept':
        sys.exit('offender: no accept: %s' % answer)
    module('accept %s' % answer['gref'])


def next_offer(victim):
    """One that was not answered yet; asks for it if there is none."""
    if not fresh_offer(victim):
        say(victim, 'request attempt={n} from={me} to={it}')
    found = until(lambda: fresh_offer(victim), 'an offer', seconds=60)  # it may pause for 30 s
    with open(ANSWERED, 'w') as file:
        file.write(found['attempt'])
    return found


def connect(victim, size):
    offer = next_offer(victim)
    module('connect %s %s %s %s' % (victim, offer['size'], offer['gref'], offer['port']))
    say(victim, 'accept attempt=%s from={me} to={it} size=%s gref=%d features=00000000'
        % (offer['attempt'], offer['size'], state()['gref']))


def fresh_offer(victim):
    """The victim makes offers of its own accord, too."""
    offer = heard(victim, ('offer',), seconds=0.1)
    answered = open(ANSWERED).read() if os.path.exists(ANSWERED) else ''
    return offer if offer and offer['attempt'] != answered else None


def renew(victim):
    """An offer that stands already lapses at any moment. A new epoch voids it: the next one leaves us the time a peer has."""
    old = fresh_offer(victim)
    if old:
        hello()
        until(lambda: inbox(victim) != old, 'that the victim knows of the new epoch')


def up(victim, size=SIZE):
    renew(victim)
    handshake(victim, size)


def handshake(victim, size=SIZE):
    """Ends when the victim puts frames, too."""
    own = int(store.read('domid'))
    (listen if own < int(victim) else connect)(victim, int(size))
    module('word tx.prod_state 1')
    module('ring')
    until(lambda: state()['rx.prod_state'] == 1, 'the victim is active')
    unsay(victim)


def storm(count, victim):
    renew(victim)
    for _ in range(int(count)):
        handshake(victim)
        for line in ('word tx.prod_state 2', 'word rx.cons_state 2', 'ring', 'forget'):
            module(line)


def offer(victim, gref, port, size, seconds=5):
    number = str(attempt())
    say(victim, 'offer attempt=%s from={me} to={it} size=%s gref=%s port=%s features=00000000'
        % (number, size, gref, port))
    print(json.dumps(heard(victim, ('accept', 'bye'), number, float(seconds))))
    unsay(victim)


def answer(victim, gref, seconds=5):
    """For one with a higher domid than the victim's: that one listens."""
    renew(victim)
    offered = next_offer(victim)
    say(victim, 'accept attempt=%s from={me} to={it} size=%s gref=%s features=00000000'
        % (offered['attempt'], offered['size'], gref))
    print(json.dumps(heard(victim, ('bye',), offered['attempt'], float(seconds))))
    unsay(victim)


def wait(name, value, seconds=20):
    until(lambda: str(state().get(name)) == value, '%s=%s: %s' % (name, value, state()), float(seconds))


def unlike(name, value, seconds=20):
    until(lambda: str(state()[name]) != value, '%s other than %s: %s' % (name, value, state()), float(seconds))


def off(word, name, distance):
    module('word %s %d' % (word, (state()[name] + int(distance)) & 0xffffffff))


def show():
    print(json.dumps(state()))


OWN = {'hello': hello, 'up': up, 'storm': storm, 'offer': offer, 'answer': answer, 'unsay': unsay, 'wait': wait,
       'unlike': unlike, 'off': off, 'state': show,
       'sleep': lambda seconds: time.sleep(float(seconds))}


def perform(line):
    words = line.split()
    if words[0] == 'say':
        say(*line.split(None, 2)[1:])
    elif words[0] in OWN:
        OWN[words[0]](*words[1:])
    else:
        module(line)


def main():
    for line in sys.stdin.read().splitlines():
        try:
            perform(line.removeprefix('? '))
        except OSError as error:
            if not line.startswith('? '):
                sys.exit('offender: %s: %s' % (line[:80], error))


if __name__ == '__main__':
    main()
