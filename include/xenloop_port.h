/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What kmod/fifo.c needs from its surroundings. In the kernel that is the
 * kernel; in userspace (tests, fuzzers, the micro-benchmark, other programs)
 * the compiler's atomics stand in. A userspace program that shares pages with
 * a guest may run on another CPU than its peer, so barriers are always real.
 */
#ifndef XENLOOP_PORT_H
#define XENLOOP_PORT_H

#ifdef __KERNEL__

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>

#else

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

#define READ_ONCE(x)	__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define virt_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define virt_store_release(p, v) __atomic_store_n(p, (v), __ATOMIC_RELEASE)
#define virt_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define min(a, b)	((a) < (b) ? (a) : (b))
#define max(a, b)	((a) > (b) ? (a) : (b))

#endif /* __KERNEL__ */

#endif /* XENLOOP_PORT_H */
