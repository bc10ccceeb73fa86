# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The command line of the lab."""
import argparse
import math
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import background
import bench
import crowd
import demo
import install
import kernels
import matrix
import runner
import scale
import shell
import trees
from agent import AgentError
from domain import CommandFailed
from host import restore, snapshot, snapshot_path
from image import image, path_of
from installed import installed_snapshot
from lock import HostLock
from paths import CACHE, CHECKOUT, LabError, need_root
from platforms import PLATFORMS, Dom0


def command_trees(arguments):
    for name in arguments.names or trees.SUITES:
        print(trees.tree(name))


def command_image(_):
    print(image())


def command_snapshot(_):
    print(snapshot())


def command_in(arguments):
    command = arguments.command[1:] if arguments.command[:1] == ['--'] else arguments.command
    if not command:
        raise LabError('lab in TREE -- COMMAND: the command is missing')
    env = dict(pair.split('=', 1) for pair in arguments.env)
    return subprocess.call(trees.inside(arguments.tree, command, directory_inside(), env=env, extra=kernels.chosen.directory()))


def directory_inside():
    """Where in a tree the current directory is: the checkout appears as /src."""
    here = Path.cwd().resolve()
    return f'/src/{here.relative_to(CHECKOUT)}' if here.is_relative_to(CHECKOUT) else '/src'


def command_up(arguments):
    background.up(arguments.destdir)
    print('lab: the host is up; `lab exec`, `put`, `get`, `install`, `shell` act on it, `lab down` ends it')
    return command_status(arguments)


def command_down(_):
    print('lab: ended' if background.down() else 'lab: no host was up')


def command_status(_):
    host = background.running()
    if not host:
        print('lab: no host is up')
        return 3
    for name, domain in host.domains.items():
        print(f'{name:5} {domain.ip:11} {domain.ip6:16} agent on 127.0.0.1:{domain.port}')
    return 0


def command_clean(_):
    """Cache entries of other versions of the lab; what this version uses stays."""
    with HostLock():
        keep = {trees.path_of(name).name for name in trees.SUITES} | {path_of().name, crowd.path().name}
        for name in kernels.KERNELS:
            kernels.choose(name)
            keep |= {snapshot_path().name, *kernels.chosen.inputs()}
        for platform in PLATFORMS:
            keep |= {path_of(platform.tree).name, snapshot_path(Dom0(platform)).name}
        for path in CACHE.iterdir():
            kind = path.name.split('-')[0]
            if kind in ('tree', 'image', 'kernel', 'snapshot', 'installed', 'crowd', 'logs') and path.name.split('.')[0] not in keep:
                trees.remove(path)


def domain_of(host, name):
    if name not in host.domains:
        raise LabError(f'{name}: no such domain; there are {", ".join(host.domains)}')
    return host.domains[name]


def command_exec(arguments):
    domain = domain_of(background.need_running(), arguments.domain)
    script = sys.stdin.read() if arguments.script == ['-'] else ' '.join(arguments.script)

    def sink(data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    return domain.run(script, timeout=arguments.timeout, sink=sink)[0]


def command_put(arguments):
    domain_of(background.need_running(), arguments.domain).put(arguments.local, arguments.remote)


def command_get(arguments):
    domain_of(background.need_running(), arguments.domain).get(arguments.remote, arguments.local)


def command_install(arguments):
    host = background.need_running()
    install.install(arguments.destdir, [domain_of(host, name) for name in arguments.domains or host.domains])


def command_guest(arguments):
    host = background.need_running()
    host.guest(arguments.name, bridges=arguments.bridges, memory=arguments.memory, vcpus=arguments.vcpus,
               kind=arguments.kind)
    background.save(host)
    return command_status(arguments)


def command_shell(arguments):
    host = background.running()
    if host:
        join(host, arguments.domain)
        return
    saved = installed_snapshot(arguments.destdir) if arguments.destdir else snapshot()
    with HostLock() as lock, tempfile.TemporaryDirectory(prefix='run-', dir=CACHE) as directory:
        host = restore(Path(directory), lock, saved=saved)
        try:
            join(host, arguments.domain)
        finally:
            host.qemu.stop()


def join(host, name):
    domain = domain_of(host, name)
    print(f'lab: a shell in {name}; from Dom0, `xl list` shows the guests, and `nc {host.g1.ip} {shell.PORT}` is a shell '
          'in g1 (`exit` ends it)', file=sys.stderr)
    shell.interact(host.qemu.forward(domain.ip, shell.PORT))


def command_run(arguments):
    return 1 if runner.run(arguments.cases, arguments.destdir, arguments.short, arguments.until) else 0


def command_demo(arguments):
    demo.demo(arguments.destdir, arguments.rounds, arguments.seconds, arguments.up)


def command_bench(arguments):
    bad = bench.bench(arguments.destdir, arguments.rounds, arguments.seconds, arguments.rows, arguments.output,
                      arguments.publish, arguments.up)
    return 1 if bad else 0


def command_scale(arguments):
    bad = scale.scale(arguments.destdir, arguments.parts, arguments.rounds, arguments.seconds, arguments.output,
                      arguments.publish)
    return 1 if bad else 0


def command_matrix(arguments):
    return 1 if matrix.matrix(arguments.cells, arguments.roots, arguments.publish) else 0


def command_cases(_):
    for case in runner.find([]):
        summary = (case.module.__doc__ or '').strip().splitlines()
        print(f'{case.name:24} {summary[0] if summary else ""}')


def parser():
    main = argparse.ArgumentParser(prog='lab', description='A real Xen host in an emulator, for tests and for work.')
    main.add_argument('--wait', type=int, default=0, metavar='SECONDS', help='wait so long for another host to end')
    main.add_argument('--kernel', choices=kernels.KERNELS, default='stock', help='what guests run (see tests/debug/README.md)')
    verbs = main.add_subparsers(dest='verb', required=True, metavar='VERB')

    def verb(name, function, text, *arguments):
        sub = verbs.add_parser(name, help=text, description=text)
        sub.set_defaults(function=function)
        for names, options in arguments:
            sub.add_argument(*names, **options)

    destdir = (['--destdir'], {'help': 'what `make install DESTDIR=...` made, to be in every domain from the start'})
    domain = (['domain'], {'metavar': 'DOMAIN', 'help': 'dom0, g1, g2 …'})
    verb('trees', command_trees, 'build the Debian trees that are not cached', (['names'], {'nargs': '*', 'metavar': 'TREE'}))
    verb('image', command_image, 'build the disk of Dom0 and guests')
    verb('snapshot', command_snapshot, 'boot the host once and keep its state')
    verb('in', command_in, 'run a command in a tree, with this checkout as /src',
         (['--env'], {'action': 'append', 'default': [], 'metavar': 'NAME=VALUE'}),
         (['tree'], {'metavar': 'TREE'}), (['command'], {'nargs': argparse.REMAINDER, 'metavar': '-- COMMAND'}))
    verb('up', command_up, 'start a host that stays', destdir)
    verb('down', command_down, 'end it')
    verb('status', command_status, 'show its domains')
    verb('exec', command_exec, 'run a bash script in a domain, with its output and exit code',
         (['--timeout'], {'type': int, 'default': 3600}), domain,
         (['script'], {'nargs': '+', 'metavar': 'SCRIPT', 'help': 'or - to read it from stdin'}))
    verb('put', command_put, 'copy a file into a domain', domain, (['local'], {}), (['remote'], {}))
    verb('get', command_get, 'copy a file out of a domain', domain, (['remote'], {}), (['local'], {}))
    verb('install', command_install, 'put a DESTDIR tree into domains (default: all)',
         (['destdir'], {}), (['domains'], {'nargs': '*', 'metavar': 'DOMAIN'}))
    verb('guest', command_guest, 'start one more guest, g3, g4 …', (['name'], {}),
         (['--bridges'], {'nargs': '+', 'default': ['xenbr0']}), (['--memory'], {'type': int, 'default': 384}),
         (['--vcpus'], {'type': int, 'default': 1}), (['--kind'], {'choices': ['pv', 'pvh'], 'default': 'pv'}))
    verb('shell', command_shell, 'an interactive shell, on the host that is up or on one of its own', destdir,
         (['domain'], {'nargs': '?', 'default': 'dom0'}))
    verb('run', command_run, 'run cases of tests/xen, all by default', destdir,
         (['--short'], {'action': 'store_true', 'help': 'leave out those that take long, and say which'}),
         (['--until'], {'type': float, 'default': math.inf, 'metavar': 'TIME',
                        'help': 'begin none later, in seconds since the epoch, and say which are left out'}),
         (['cases'], {'nargs': '*', 'metavar': 'CASE'}))
    up = (['--up'], {'action': 'store_true', 'help': 'on the host that `lab up` started, as it is'})
    verb('demo', command_demo, 'measure netfront and XenLoop side by side, and show the services at work', destdir, up,
         (['--rounds'], {'type': int, 'default': demo.ROUNDS}), (['--seconds'], {'type': int, 'default': demo.SECONDS}))
    verb('bench', command_bench, 'measure all rows by netfront, XenLoop and loopback in turns', destdir, up,
         (['--rounds'], {'type': int, 'default': bench.ROUNDS}),
         (['--seconds'], {'type': int, 'default': bench.SECONDS, 'help': 'of each netperf run'}),
         (['--rows'], {'nargs': '+', 'metavar': 'ROW', 'help': 'only these'}),
         (['--output'], {'default': bench.OUTPUT, 'metavar': 'DIR', 'help': 'default: build/bench'}),
         (['--publish'], {'action': 'store_true', 'help': 'also write the report and its plots to docs/bench'}))
    verb('scale', command_scale, 'measure how cost grows: message sizes, pairs of guests, memory of channels and peers', destdir,
         (['--parts'], {'nargs': '+', 'choices': scale.PARTS, 'default': scale.PARTS}),
         (['--rounds'], {'type': int, 'default': scale.ROUNDS}),
         (['--seconds'], {'type': int, 'default': scale.SECONDS, 'help': 'of each netperf run'}),
         (['--output'], {'default': bench.OUTPUT, 'metavar': 'DIR', 'help': 'default: build/bench'}),
         (['--publish'], {'action': 'store_true', 'help': 'also write the report and its plots to docs/bench'}))
    verb('matrix', command_matrix, 'run cells of the matrix of releases, kernels and networks (tests/matrix), all by default',
         (['--roots'], {'default': matrix.OUTPUT, 'metavar': 'DIR', 'help': 'where PLATFORM-root is what `make install` made'}),
         (['--publish'], {'action': 'store_true', 'help': 'also write the results to docs/compatibility.md'}),
         (['cells'], {'nargs': '*', 'metavar': 'CELL'}))
    verb('clean', command_clean, 'drop cached trees, images, snapshots and logs that this version does not use')
    verb('cases', command_cases, 'list the cases')
    return main


def end(signal_number, _):
    raise SystemExit(128 + signal_number)


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    arguments = parser().parse_args()
    HostLock.patience = arguments.wait
    kernels.choose(arguments.kernel)
    try:
        need_root()
        return arguments.function(arguments)
    except (LabError, AgentError, CommandFailed) as error:
        print(f'lab: {error}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
