# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Bad input in every door gets a clear error, and nothing is lost: the channel and netfront go on."""
from case import expect, expect_equal, expect_in, wait_for
import _hand as hand
import _loop as loop

POLICY = '/etc/xenloop/xendiscoverd.conf'
TIMEOUT = 1500


def run(host):
    no_module(host)
    loop.start(host)
    loop.up(host.g1, host.g2)
    for check in (no_xenstore, second_daemon, bad_configuration, bad_reload, bad_policy, unknown_interface, fifo_sizes,
                  garbage_in_the_outbox, garbage_in_the_roster, out_of_grants):
        check(host)
        still_fine(host, check.__name__)


def still_fine(host, after):
    loop.up(host.g1, host.g2)
    with loop.moved(host.g1, host.g2) as m:
        output = host.g1.sh(f'ping -n -c 3 -i 0.2 -W 10 {host.g2.ip}')
    expect_in(' 0% packet loss', output, f'ping after {after}')
    m.expect_frames(3)


def no_module(host):
    """The daemon waits and says for what; when the module comes, it goes on."""
    module = host.g1.sh('modinfo -n xenloop')
    host.g1.sh(f'mv {module} /root/away.ko; systemctl start xenloopd')
    status = host.g1.sh('systemctl show -P StatusText xenloopd')
    expect_in('module', status, 'status of the unit')
    expect_equal(loop.kernel(host.g1)['loaded'], False, 'module loaded')
    host.g1.sh(f'mv /root/away.ko {module}; modprobe xenloop')
    wait_for(lambda: loop.kernel(host.g1)['loaded'], 30, 'the daemon finds the module')


def refused(guest, command, code, *words):
    got, output = guest.run(f'{command} 2>&1')
    expect_equal(got, code, f'{command}: exit code; output {output.decode()!r}')
    for word in words:
        expect_in(word, output.decode(), command)


def no_xenstore(host):
    """Without XenStore the daemon waits, since the order of starts must not matter, and says for what."""
    refused(host.g1, 'unshare -m sh -c "mount -t tmpfs none /dev/xen; mount -t tmpfs none /run/xenloopd; '
            'timeout 10 xenloopd"', 124, 'XenStore')
    refused(host.dom0, 'timeout 20 xenloopd', 3, 'Dom0')
    refused(host.g1, 'timeout 20 xendiscoverd', 3, 'Dom0')


def second_daemon(host):
    refused(host.g1, 'timeout 20 xenloopd', 4, 'running')
    refused(host.dom0, 'timeout 20 xendiscoverd', 4, 'running')


def bad_configuration(host):
    for text, line in (('[channels]\nfifo-size = 1000\n', '2'), ('[channels]\nfifo-size = banana\n', '2'),
                       ('nonsense\n', '1'), ('[nowhere]\nkey = 1\n', '1'), ('[channels]\nno-such-key = 1\n', '2'),
                       ('\x00\x01\xff', '1')):
        for domain, daemon in ((host.g1, 'xenloopd'), (host.dom0, 'xendiscoverd')):
            domain.put(text.encode('latin-1'), '/run/bad.conf')
            refused(domain, f'{daemon} --check-config --config /run/bad.conf', 2, '/run/bad.conf')
        host.g1.put(text.encode('latin-1'), '/run/bad.conf')
        refused(host.g1, 'xenloopd --check-config --config /run/bad.conf', 2, f'/run/bad.conf:{line}')


def bad_reload(host):
    """A bad file at reload changes nothing, and whoever asked for it is told."""
    before = loop.ask(host.g1, 'status')['settings']
    host.g1.sh('cp /etc/xenloop/xenloopd.conf /root/good.conf; echo nonsense >>/etc/xenloop/xenloopd.conf')
    expect_equal(host.g1.ok('systemctl reload xenloopd'), False, 'the reload succeeds')
    wait_for(lambda: 'nonsense' in host.g1.sh('journalctl -u xenloopd --no-pager -n 20')
             or 'xenloopd.conf:' in host.g1.sh('journalctl -u xenloopd --no-pager -n 20'), 20, 'the journal names the file')
    expect_equal(loop.ask(host.g1, 'status')['settings'], before, 'settings')
    host.g1.sh('cp /root/good.conf /etc/xenloop/xenloopd.conf')


def bad_policy(host):
    """Dom0's file, too. The lines before the mistake are not taken either, and no channel notices."""
    before = discovery(host)
    host.dom0.sh(f'cp {POLICY} /root/good.conf; printf "[policy]\\noff = *\\nnonsense\\n" >>{POLICY}')
    expect_equal(host.dom0.ok('systemctl reload xendiscoverd'), False, 'the reload succeeds')
    expect_equal(kept_settings(host), 0, 'reloads of the daemon, before which systemd looks at the file')
    host.dom0.sh('kill -HUP $(systemctl show -P MainPID xendiscoverd)')
    wait_for(lambda: kept_settings(host) == 1, 30, 'the journal says that the old settings stay')
    expect_equal(discovery(host), before, 'links and the work done for them')
    host.dom0.sh(f'cp /root/good.conf {POLICY}; systemctl reload xendiscoverd')
    expect_equal(discovery(host), before, 'links and the work done for them, with the old file')


def kept_settings(host):
    """How often the daemon has refused a file."""
    return host.dom0.sh('journalctl -u xendiscoverd --no-pager').count('the old settings stay')


def discovery(host):
    """Who may loop by Dom0's word, how often a guest was told something new, and how many channels g1 has had."""
    updates = loop.ask(host.dom0, 'status')['counters']['guest_updates']
    return loop.ask(host.dom0, 'peers')['links'], updates, loop.kernel(host.g1)['chans_created']


def unknown_interface(host):
    hand.prepare(host.g1)
    output = hand.call(host.g1, 'iface-attach', check=False, ifindex=99, vif=0, mac=host.g1.mac)
    expect_in('no such interface', output, 'attach')
    output = hand.call(host.g1, 'iface-attach', check=False, ifindex=1, vif=0, mac=host.g1.mac)
    expect_in("not this vif's netfront", output, 'attach of lo')


def peer(host, number):
    return f'00:16:3e:77:00:{number:02x}'


def fifo_sizes(host):
    """The daemon is away meanwhile: it would take peers out of the module that it does not know."""
    host.g1.sh('systemctl stop xenloopd')
    index = hand.ifindex(host.g1)
    hand.call(host.g1, 'peer-add', ifindex=index, mac=peer(host, 0), domid=host.domid('g2'), vif=9)
    for size in (0, 4096, 65536, 131072 + 4096, 4 << 20, 0xffffffff):
        output = hand.call(host.g1, 'listen', check=False, ifindex=index, peer_mac=peer(host, 0), size=size, cookie=1)
        expect_in('power of two', output, f'listen with {size} bytes')
        expect_in('errno 34', output, f'listen with {size} bytes')
    hand.call(host.g1, 'peer-del', ifindex=index, mac=peer(host, 0))
    host.g1.sh('systemctl start xenloopd')


def garbage_in_the_outbox(host):
    """g2's root writes what it likes; Dom0 refuses it, g1 never hears of it."""
    g1, g2 = host.domid('g1'), host.domid('g2')
    before = loop.ask(host.dom0, 'status')['counters']['messages_refused']
    for name in (f'{g1}-0-0', f'{g1}-9-9', '99-0-0', f'{g2}-0-0', 'x', '-1-0-0', f'{g1}-0-0-0', '4294967296-0-0'):
        for value in ('garbage', 'offer', 'A' * 1500, 'offer attempt=1 from=0 to=0 size=1 gref=1 port=1 features=0',
                      'bye attempt=-1 from=0123456789abcdef to=0123456789abcdef reason=x'):
            host.g2.sh(f"xenstore-write 'data/xenloop/to/{name}' '{value}'")
    wait_for(lambda: loop.ask(host.dom0, 'status')['counters']['messages_refused'] > before, 30, 'refusals are counted')
    inbox = host.dom0.sh(f'xenstore-ls /local/domain/{g1}/xenloop/from')
    expect('garbage' not in inbox and 'AAAA' not in inbox, f'garbage was relayed: {inbox}')
    for value in ('xenloop 99', '', 'B' * 1500):
        host.g2.sh(f"xenstore-write data/xenloop/other '{value}'")
    host.g2.sh('for n in $(xenstore-list data/xenloop/to); do xenstore-rm "data/xenloop/to/$n"; done; '
               'xenstore-rm data/xenloop/other')


def garbage_in_the_roster(host):
    """Not even Dom0's own nodes are believed unread."""
    path = f'/local/domain/{host.domid("g1")}/xenloop'
    before = loop.ask(host.g1, 'status')['daemon']['nodes_ignored']
    for node in ('roster/77', 'roster/x', 'from/77-0-0', 'from/-', 'nonsense'):
        host.dom0.sh(f"xenstore-write {path}/{node} 'gar\\x01bage'")
    wait_for(lambda: loop.ask(host.g1, 'status')['daemon']['nodes_ignored'] > before, 30, 'ignored nodes are counted')
    host.dom0.sh(f'for n in roster/77 roster/x from/77-0-0 from/- nonsense; do xenstore-rm {path}/$n; done')


def out_of_grants(host):
    """Channels of 2 MiB until the grant table is full; then an error, and afterwards nothing is left."""
    index, domid = hand.ifindex(host.g1), host.domid('g2')
    add, listen, forget = [], [], []
    for number in range(1, 81):
        mac = peer(host, number)
        add.append(f'peer-add ifindex={index} mac={mac} domid={domid} vif={number}')
        listen.append(f'listen ifindex={index} peer-mac={mac} size=2097152 cookie=1')
        forget.append(f'peer-del ifindex={index} mac={mac}')
    host.g1.put('\n'.join(add + listen + forget).encode(), '/root/requests')
    host.g1.sh('systemctl stop xenloopd')
    output = host.g1.sh('/root/xlnl.py - </root/requests', timeout=600)
    host.g1.sh('systemctl start xenloopd')
    expect_in('out of grants', output, 'listen')
    expect_in('errno 28', output, 'listen')
    loop.up(host.g1, host.g2)
    wait_for(lambda: loop.only_one_channel(host.g1), 60, 'the pages are freed')

