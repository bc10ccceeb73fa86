// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Capabilities and user id; see privileges.h. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "xendiscoverd/privileges.h"

/* The sets of one thread, 32 capabilities to a word. */
typedef struct __user_cap_data_struct cap_sets[_LINUX_CAPABILITY_U32S_3];

static int get_capabilities(cap_sets sets)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};

	return syscall(SYS_capget, &header, sets) ? -errno : 0;
}

/* Also empties the inheritable set and thereby the ambient one. */
static int keep_capabilities(uint32_t keep)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	cap_sets sets = { { .effective = keep, .permitted = keep } };

	return syscall(SYS_capset, &header, sets) ? -errno : 0;
}

/* Capabilities stay permitted; the caller says which. */
static int become(const char *name)
{
	const struct passwd *user;

	errno = 0;
	user = getpwnam(name);
	if (!user)
		return errno ? -errno : -ENOENT;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(0, NULL) ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid))
		return -errno;
	return 0;
}

int xenloop_privileges_limit(const char *user)
{
	int err = geteuid() ? 0 : become(user);

	return err ? err : keep_capabilities(CAP_TO_MASK(CAP_DAC_OVERRIDE));
}

static bool is_powerless(void)
{
	uid_t real, effective, saved;
	cap_sets sets;

	if (getresuid(&real, &effective, &saved) || get_capabilities(sets))
		return false;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if (sets[i].effective || sets[i].permitted ||
		    sets[i].inheritable)
			return false;
	return real && effective && saved;
}

int xenloop_privileges_drop(void)
{
	int err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	err = keep_capabilities(0);
	if (err)
		return err;
	return is_powerless() ? 0 : -EPERM;
}
