# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Kinds of hosts: what Dom0 and guests boot from, and what is there once the host is booted."""
import guests
import image
import kernels

FIRST_GUESTS = ('g1', 'g2')


class Kind:
    """Dom0 from one image; its guests from that, or from further ones; none is there at first."""
    tree = image.TREE
    more = ()   # names of further images
    first = ()  # guests that the snapshot has

    def image_path(self):
        return image.path_of(self.tree)

    def disks(self):
        """Disks beyond Dom0's own and scratch: /dev/vdd and so on in Dom0."""
        return [f'{image.path_of(name)}/root.ext4' for name in self.more]

    def build(self):
        for name in (self.tree, *self.more):
            image.image(name)

    def inputs(self):
        """What a snapshot depends on, beyond the machine."""
        return []

    def prepare(self, dom0):
        """What is done in Dom0 before guests start."""


class Standard(Kind):
    """What cases, demonstration and benchmark run on: two guests like Dom0, but for the chosen kernel."""
    first = FIRST_GUESTS

    def build(self):
        """The kernel now, too: a host that runs would wait for it, and others for that host."""
        super().build()
        kernels.chosen.directory()

    def inputs(self):
        texts = [guests.config(name, **kernels.chosen.configuration({})) for name in self.first]
        return [*texts, *kernels.chosen.inputs()]

    def prepare(self, dom0):
        kernels.chosen.put(dom0)


STANDARD = Standard()
