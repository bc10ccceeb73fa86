# SPDX-License-Identifier: GPL-2.0 OR MIT
#
# make help lists the targets. Everything that is built goes to build/ (BUILD=DIR).

VERSION	:= $(file <VERSION)
BUILD	?= build
# Headers of the kernel to build for: KDIR, or the newest installed of a series (KVER=6.12).
KDIR	?= $(if $(KVER),$(lastword $(sort $(wildcard /lib/modules/$(KVER)*/build))),/lib/modules/$(shell uname -r)/build)
PYTHON	?= python3
CLANG	?= clang
NPROC	:= $(shell nproc)

CFLAGS	?= -O2 -g -fstack-protector-strong
WARN	:= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter -Wno-missing-field-initializers
PKGS	:= libevent_core libnl-genl-3.0 libnl-3.0 jansson libsystemd xenstore xencontrol
# Asked for once, and only when something is compiled: `make deps` must work without pkg-config.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
BUILD_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DXENLOOP_VERSION='"$(VERSION)"' \
	       $(if $(SYSCONFDIR),-DXENLOOP_SYSCONFDIR='"$(SYSCONFDIR)/xenloop"') -I. -Iproto -Iinclude -Iinclude/uapi \
	       $(WARN) $(if $(WERROR),-Werror) $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP
BUILD_LDFLAGS = $(CFLAGS) $(LDFLAGS) -Wl,--as-needed

PROGS	:= xenloopd xendiscoverd xenloopctl
LIBS	:= proto $(PROGS) kmod
sources	= $(filter-out %/main.c,$(wildcard $(1)/*.c))
sources_kmod := kmod/fifo.c kmod/offload.c
lib_sources = $(if $(filter kmod,$(1)),$(sources_kmod),$(call sources,$(1)))

.PHONY: all help module userspace demo sim check check-unit check-xen bench bench-scale bench-fifo matrix lab xen-root
.PHONY: check-debug check-debug-red debug-root check-matrix
.PHONY: install install-modules uninstall deb deb-next regen clean fuzz unit-programs deps deps-check FORCE
all: userspace module

help:
	@sed -n 's/^## //p' Makefile

# Where settings are is compiled in: all is built anew when that changes.
SYSCONFDIR_BUILT := $(BUILD)/sysconfdir
$(SYSCONFDIR_BUILT): FORCE
	@mkdir -p $(@D)
	@echo '$(SYSCONFDIR)' | cmp -s - $@ || echo '$(SYSCONFDIR)' >$@

# One way of compiling: objects in $(BUILD)/NAME/, one library per directory there.
# $(1) name, $(2) compiler, $(3) flags
define flavour
$(BUILD)/$(1)/%.o: %.c $(SYSCONFDIR_BUILT)
	@mkdir -p $$(@D)
	$(2) $$(BUILD_CFLAGS) $(3) -c -o $$@ $$<
$(foreach lib,$(LIBS),$(eval $(call library,$(1),$(lib))))
$(BUILD)/$(1)/tests/%: $(BUILD)/$(1)/tests/%.o $(foreach lib,$(LIBS),$(BUILD)/$(1)/lib$(lib).a)
	$(2) $$(BUILD_LDFLAGS) $(3) $$(LINK_$(1)) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
		-lcmocka $$(PKG_LIBS) -pthread
endef
define library
$(BUILD)/$(1)/lib$(2).a: $(patsubst %.c,$(BUILD)/$(1)/%.o,$(call lib_sources,$(2)))
	@rm -f $$@
	$$(AR) rcs $$@ $$^
endef
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1
$(eval $(call flavour,obj,$$(CC),))
$(eval $(call flavour,asan,$$(CC),$(SANITIZE)))
$(eval $(call flavour,tsan,$$(CLANG),-fsanitize=thread -O1))
$(eval $(call flavour,fuzz,$$(CLANG),-fsanitize=fuzzer-no-link $(SANITIZE)))
LINK_fuzz := -fsanitize=fuzzer
.SECONDARY:
-include $(shell find $(BUILD)/obj $(BUILD)/asan $(BUILD)/tsan $(BUILD)/fuzz -name '*.d' 2>/dev/null)

## make               module (needs kernel headers: KDIR=DIR or KVER=6.12), daemons, xenloopctl
PRESENT	:= $(foreach prog,$(PROGS),$(if $(wildcard $(prog)/main.c),$(BUILD)/$(prog)))
COMPLETIONS := $(addprefix $(BUILD)/completion/,bash zsh)
userspace: $(PRESENT) $(COMPLETIONS) $(BUILD)/libxenloop.a
$(addprefix $(BUILD)/,$(PROGS)): $(BUILD)/%: $(BUILD)/obj/%/main.o $(BUILD)/obj/lib%.a $(BUILD)/obj/libproto.a
	$(CC) $(BUILD_LDFLAGS) -o $@ $^ $(PKG_LIBS)
# What a shell completes comes from the program's own tables.
$(COMPLETIONS): $(BUILD)/completion/%: $(BUILD)/xenloopctl
	@mkdir -p $(@D)
	$< completion $* >$@.new && mv $@.new $@
# For other programs: docs/reuse.md.
$(BUILD)/libxenloop.a: $(addprefix $(BUILD)/obj/,kmod/fifo.o proto/msg.o proto/msg_format.o proto/xs.o proto/xs_libxenstore.o)
	@rm -f $@
	$(AR) rcs $@ $^
# For tests that run the program itself.
$(addprefix $(BUILD)/asan/bin/,$(PROGS)): $(BUILD)/asan/bin/%: $(BUILD)/asan/%/main.o $(BUILD)/asan/lib%.a $(BUILD)/asan/libproto.a
	@mkdir -p $(@D)
	$(CC) $(BUILD_LDFLAGS) $(SANITIZE) -o $@ $^ $(PKG_LIBS)

# The kernel builds beside the sources, so these are copied; MODFLAGS="W=1 C=2" is passed on.
MODULE	:= $(BUILD)/module/kmod/xenloop.ko
module:
ifeq ($(wildcard $(KDIR)/Makefile),)
	@echo "No kernel headers in '$(KDIR)': module not built. Install linux-headers-amd64, or give KDIR=DIR." >&2
else
	@mkdir -p $(BUILD)/module/kmod
	@cp -pu kmod/Kbuild kmod/*.[ch] $(BUILD)/module/kmod/
	@cp -pru include VERSION $(BUILD)/module/
	$(MAKE) -C $(KDIR) M=$(abspath $(BUILD)/module/kmod) $(MODFLAGS) modules
endif

# The peer that misbehaves, for tests/xen/hostile_*.py; never installed.
.PHONY: hostile
hostile:
	@mkdir -p $(BUILD)/hostile/kmod
	@cp -pu tests/hostile/* $(foreach part,grant evtchn fifo,$(wildcard kmod/$(part).[ch])) kmod/state.h \
		$(BUILD)/hostile/kmod/
	@cp -pru include $(BUILD)/hostile/
	$(MAKE) -C $(KDIR) M=$(abspath $(BUILD)/hostile/kmod) $(MODFLAGS) modules

## make demo          boots a Xen host with two guests and shows netfront and XenLoop side by side
demo bench: xen-root
	tests/lab/lab $@ --destdir $(BUILD)/xen-root
bench-scale: xen-root
	tests/lab/lab scale --destdir $(BUILD)/xen-root
## make lab           the same host, and a shell on it
lab: xen-root
	tests/lab/lab shell --destdir $(BUILD)/xen-root
## make bench         netfront, XenLoop and loopback on the same work: build/bench/
## make bench-scale   message sizes, pairs of guests, memory of channels and peers: build/bench/scale.json
## make bench-fifo    the FIFO alone, in userspace, against memcpy, ck_ring and a pipe: build/bench/fifo.json
FIFO_BENCH := $(BUILD)/obj/tests/bench/fifo_bench
$(FIFO_BENCH): $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/bench/*.c)) $(BUILD)/obj/libkmod.a
	$(CC) $(BUILD_LDFLAGS) -o $@ $^ -pthread
bench-fifo: $(FIFO_BENCH)
	$(PYTHON) tests/bench/bench_fifo.py $<

## make sim           one host with 10 to 1,000 guests, simulated: build/sim/
SIM	:= $(BUILD)/obj/tests/sim/sim
define link_sim
$(BUILD)/$(1)/tests/sim/sim: $(patsubst %.c,$(BUILD)/$(1)/%.o,$(wildcard tests/sim/*.c)) \
		$(foreach lib,xenloopd xendiscoverd proto,$(BUILD)/$(1)/lib$(lib).a)
	$$(CC) $$(BUILD_LDFLAGS) $(2) -o $$@ $$^ $$(PKG_LIBS)
endef
$(eval $(call link_sim,obj,))
$(eval $(call link_sim,asan,$(SANITIZE)))
sim: $(SIM)
	BUILD=$(BUILD) $(PYTHON) tests/sim/scale.py $<

## make check         all of the following; as root it installs what it needs
# Long cases of check-xen are left out here, and said to be, so that the whole takes little more than an hour.
# A slow machine has time for fewer of them: none begins more than CHECK_TIME seconds after the start. And reopen_full closes
# its channel 30 times here, not 200.
CHECK_TIME ?= 4200
check: deps-check
	@REOPEN_TIMES=30 SHORT="--short --until $$(($$(date +%s) + $(CHECK_TIME)))" scripts/check check-unit matrix check-xen
## make check-unit    what needs neither root nor Xen
UNIT	:= $(patsubst %.c,$(BUILD)/asan/%,$(wildcard tests/unit/test_*.c)) \
	   $(patsubst %.c,$(BUILD)/tsan/%,$(wildcard tests/unit/test_fifo*.c))
FUZZERS	:= $(patsubst %.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
unit-programs: $(UNIT) $(FUZZERS) $(FIFO_BENCH) userspace $(addprefix $(BUILD)/asan/bin/,$(PROGS)) $(BUILD)/asan/tests/sim/sim
check-unit:
	@scripts/deps --tests --check
	@unbuilt=; $(MAKE) --no-print-directory -s -k -j$(NPROC) BUILD=$(BUILD) unit-programs || unbuilt=--unbuilt; \
	BUILD=$(BUILD) $(PYTHON) tests/run-unit.py $$unbuilt $(UNIT) $(FUZZERS) $(wildcard tests/unit/test_*.py)
## make fuzz          fuzzes each parser for FUZZ_TIME seconds (default 600)
fuzz: $(FUZZERS)
	@BUILD=$(BUILD) $(PYTHON) tests/run-unit.py --fuzz-time $(or $(FUZZ_TIME),600) $(FUZZERS)
## make matrix        builds for Linux 6.1, 6.12 and 7.3; a warning is a failure
matrix:
	@scripts/matrix
## make check-xen     cases on the Xen host; T=NAME runs one
check-xen: xen-root $(if $(SHORT)$(filter-out packages guide,$(T)),,check-dkms)
	tests/lab/lab run $(SHORT) --destdir $(BUILD)/xen-root $(T)
xen-root:
	tests/lab/lab in tools-trixie -- make -s -j$(NPROC) BUILD=$(BUILD)/xen KVER=6.12 all
	@rm -rf $(BUILD)/xen-root
	tests/lab/lab in tools-trixie -- make -s BUILD=$(BUILD)/xen KVER=6.12 DESTDIR=$(BUILD)/xen-root install
	tests/lab/lab in tools-trixie -- make -s BUILD=$(BUILD)/xen KVER=6.12 hostile
	install -D -m 644 $(BUILD)/xen/hostile/kmod/xenloop_hostile.ko $(BUILD)/xen-root/usr/lib/xenloop-tests/xenloop_hostile.ko
## make check-matrix  releases, kernels, kinds of guests and networks on Xen; CELL=NAME for one, PUBLISH=1 for the docs
check-matrix:
	$(call matrix_root,bookworm,tools-bookworm,6.1)
	$(call matrix_root,trixie,tools-trixie,6.12)
	$(call matrix_root,backports,tools-trixie,7.3)
	tests/lab/lab --wait 20000 matrix --roots $(MATRIX_DIR) $(if $(PUBLISH),--publish) $(CELL)
MATRIX_DIR := $(BUILD)/matrix-xen
# $(1) platform of tests/lab/platforms.py, $(2) tree to build in, $(3) kernel
define matrix_root
	tests/lab/lab in $(2) -- make -s -j$(NPROC) BUILD=$(MATRIX_DIR)/$(1) KVER=$(3) all
	@rm -rf $(MATRIX_DIR)/$(1)-root
	tests/lab/lab in $(2) -- make -s BUILD=$(MATRIX_DIR)/$(1) KVER=$(3) DESTDIR=$(MATRIX_DIR)/$(1)-root install
endef
## make check-debug   the same cases on a kernel that checks itself (tests/debug/README.md); T=NAME, KERNEL=races
KERNEL	?= debug
check-debug: debug-root
	tests/lab/lab --kernel $(KERNEL) run --destdir $(BUILD)/$(KERNEL)-root $(T)
## make check-debug-red  proves that it finds bugs: three put in on purpose, T=NAME for one
check-debug-red: debug-root
	tests/debug/red $(BUILD) $(T)
debug-root:
	tests/lab/lab --kernel $(KERNEL) in tools-trixie -- make -s -j$(NPROC) BUILD=$(BUILD)/$(KERNEL) KDIR=/mnt/build all
	@rm -rf $(BUILD)/$(KERNEL)-root
	tests/lab/lab --kernel $(KERNEL) in tools-trixie -- make -s BUILD=$(BUILD)/$(KERNEL) KDIR=/mnt/build DESTDIR=$(BUILD)/$(KERNEL)-root install
	tests/lab/lab --kernel $(KERNEL) in tools-trixie -- make -s BUILD=$(BUILD)/$(KERNEL) KDIR=/mnt/build hostile
	install -D -m 644 $(BUILD)/$(KERNEL)/hostile/kmod/xenloop_hostile.ko $(BUILD)/$(KERNEL)-root/usr/lib/xenloop-tests/xenloop_hostile.ko

## make install       programs, units, man pages, DKMS source, and the module if it was built (DESTDIR, PREFIX)
INSTALL_ENV = BUILD=$(BUILD) VERSION=$(VERSION) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) SYSCONFDIR=$(SYSCONFDIR) LIBDIR=$(LIBDIR)
install: $(if $(wildcard $(MODULE)),install-modules)
	@$(INSTALL_ENV) scripts/install install
install-modules:
	@test -e $(MODULE) || { echo "The module is not built: make module" >&2; exit 1; }
	install -D -m 644 $(MODULE) $(DESTDIR)/lib/modules/$(KERNELRELEASE)/updates/xenloop.ko
	$(if $(DESTDIR),,depmod $(KERNELRELEASE))
# What the module's vermagic says. (Debian 12's `make kernelrelease` says 6.1.192 for 6.1.0-56-amd64.)
KERNELRELEASE = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)
## make uninstall     removes all that again; changed configuration files stay
uninstall:
	@$(INSTALL_ENV) scripts/install uninstall

## make deb           Debian packages, for Debian 13, in build/deb/
deb:
	$(call build_deb,deb,$(VERSION))
# What cases upgrade to.
deb-next:
	$(call build_deb,deb-next,$(VERSION)+next)
## make check-dkms    xenloop-dkms in a Debian tree: installed, upgraded, purged
.PHONY: check-dkms
check-dkms: deb deb-next
	tests/lab/lab in tools-trixie -- scripts/check-dkms $(foreach next,deb deb-next,$(BUILD)/$(next)/xenloop-dkms_*.deb)
build_deb = tests/lab/lab in tools-trixie -- sh -c 'scripts/deb $(BUILD)/$(1) $(2) $$(basename /lib/modules/6.12*)'

## make regen         writes the uapi header and kmod/netlink-gen.[ch] from proto/xenloop.yaml
regen:
	$(PYTHON) proto/gen.py
## make deps          installs the Debian packages that building and running need (as root)
deps:
	@scripts/deps
## make deps-check    those, and what check-unit needs besides
deps-check:
	@scripts/deps --tests
## make clean
clean:
	rm -rf $(BUILD)
