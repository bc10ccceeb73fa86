# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The Debian packages that `make deb deb-next` built, for cases."""
import os
from concurrent.futures import ThreadPoolExecutor

from case import expect_equal
from paths import CHECKOUT

BUILD = CHECKOUT / os.environ.get('BUILD', 'build')
PARTS = {'dom0': ('xenloop-tools', 'xendiscoverd'), 'guest': ('xenloop-tools', 'xenloopd', 'xenloop-modules')}


def kind(domain):
    return 'dom0' if domain.name == 'dom0' else 'guest'


def files(domain, target='deb'):
    return [find(target, part) for part in PARTS[kind(domain)]]


def find(target, part):
    found = [path for path in (BUILD / target).glob(f'{part}*.deb') if '-dbgsym' not in path.name]
    expect_equal(len(found), 1, f'packages {part} in {BUILD / target} (make {target})')
    return found[0]


def names(domain):
    return ' '.join(path.name.split('_')[0] for path in files(domain))


def put(domain, target, directory):
    """Copies a domain's packages into a directory there."""
    for path in files(domain, target):
        domain.put(path, f'{directory}/{path.name}')


def install(domain, target):
    put(domain, target, f'/root/{target}')
    apt(domain, f'install /root/{target}/*.deb')


def apt(domain, arguments):
    domain.sh(f'export DEBIAN_FRONTEND=noninteractive LC_ALL=C; apt-get -y -q --no-install-recommends {arguments}',
              timeout=600)


def on_all(domains, function):
    """Calls it for all domains at once and returns what it returned, in their order."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(function, domains))
