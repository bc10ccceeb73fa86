// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What doctor concludes: a set-up in good order, and then broken in one way at
 * a time. Each case says which causes are named as problems, and no others are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/files.h"
#include "xenloopctl/doctor.h"

static const char guest_facts[] =
"{'status': {'version': '" XENLOOP_VERSION "',"
"  'daemon': {'domid': 5, 'xenstore': 'connected', 'xenstore_error': '',"
"             'suspended': false},"
"  'kernel': {'loaded': true, 'module_version': '" XENLOOP_VERSION "',"
"             'pages_deferred': 0},"
"  'interfaces': [{'ifname': 'eth0', 'vif': 0, 'state': 'attached',"
"                  'reason': '', 'dom0': 'ok', 'present': true,"
"                  'configured': true}],"
"  'discovery': {'seen': true}, 'settings': {'max_channels': 2}},"
" 'peers': {'peers': ["
"   {'name': 'g2', 'domid': 2, 'vif': 0, 'ifname': 'eth0', 'state': 'up',"
"    'channel': 3, 'failures': 0, 'reason': ''},"
"   {'name': 'g3', 'domid': 3, 'vif': 0, 'ifname': 'eth0', 'state': 'idle',"
"    'channel': 0, 'failures': 0, 'reason': 'no traffic yet'}]},"
" 'stats': {'channels': [{'name': 'g2', 'stats': {'rx-drop-meta': 0}}]}}";

static const char dom0_facts[] =
"{'status': {'version': '" XENLOOP_VERSION "',"
"  'daemon': {'xenstore': true}, 'allowed_links': 1,"
"  'bridges': [{'bridge': 'xenbr0', 'up': true, 'vifs': 2}],"
"  'guests': ["
"   {'name': 'g1', 'domid': 1, 'peer': true, 'running': true, 'hello': 'ok',"
"    'vifs': [{'vif': 0, 'device': 'vif1.0',"
"              'network': 'xenbr0', 'state': 'ok'}]},"
"   {'name': 'g2', 'domid': 2, 'peer': true, 'running': true, 'hello': 'ok',"
"    'vifs': [{'vif': 0, 'device': 'vif2.0',"
"              'network': 'xenbr0', 'state': 'ok'}]}]},"
" 'peers': {},"
" 'pair': {'guests': ["
"   {'name': 'g1', 'domid': 1, 'peer': true, 'running': true, 'hello': 'ok',"
"    'vifs': [{'vif': 0, 'device': 'vif1.0',"
"              'network': 'xenbr0', 'state': 'ok'}]},"
"   {'name': 'g2', 'domid': 2, 'peer': true, 'running': true, 'hello': 'ok',"
"    'vifs': [{'vif': 0, 'device': 'vif2.0',"
"              'network': 'xenbr0', 'state': 'ok'}]}],"
"  'links': [{'a': {'name': 'g1', 'vif': 0, 'network': 'xenbr0', 'state': 'ok'},"
"             'b': {'name': 'g2', 'vif': 0, 'network': 'xenbr0', 'state': 'ok'},"
"             'allowed': true, 'reason': '', 'policy': 'default'}]}}";

/* JSON with single quotes, for the sake of the reader. */
static json_t *parse(const char *text)
{
	char *copy = strdup(text);
	json_error_t error;
	json_t *value;

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	value = json_loads(copy, JSON_DECODE_ANY, &error);
	if (!value)
		fail_msg("%s: %s", copy, error.text);
	free(copy);
	return value;
}

static json_t *step(json_t *at, const char *name)
{
	return json_is_array(at) ? json_array_get(at, (size_t)atoi(name)) :
				   json_object_get(at, name);
}

/* "status.interfaces.0.state 'aside'": puts that value there. */
static void change(json_t *facts, const char *what)
{
	char path[128], *save = NULL, *name, *next;
	const char *value = strchr(what, ' ');
	json_t *at = facts;

	snprintf(path, sizeof(path), "%.*s", (int)(value - what), what);
	name = strtok_r(path, ".", &save);
	while ((next = strtok_r(NULL, ".", &save))) {
		at = step(at, name);
		assert_non_null(at);
		name = next;
	}
	if (json_is_array(at))
		assert_int_equal(json_array_insert_new(at, (size_t)atoi(name),
						       parse(value + 1)), 0);
	else
		assert_int_equal(json_object_set_new(at, name,
						     parse(value + 1)), 0);
}

/* The causes of what is a problem, or a note, with a blank behind each. */
static char *causes(const json_t *findings, const char *result)
{
	char *text = calloc(1, 1024);
	const json_t *finding;
	size_t i;

	json_array_foreach(findings, i, finding)
		if (!strcmp(xenloop_text_at(finding, "result"), result)) {
			strcat(text, xenloop_text_at(finding, "cause"));
			strcat(text, " ");
		}
	return text;
}

struct broken {
	const char *name;
	const char *change[4];	/* what is otherwise */
	const char *problems;	/* causes, with a blank behind each */
	const char *notes;	/* the same; NULL: none */
	const char *who[2];
};

/* Each tells in one line what was found; a problem in another, what to do. */
static void judge_words(const struct broken *b, const json_t *finding)
{
	const char *text = xenloop_text_at(finding, "text");
	const char *todo = xenloop_text_at(finding, "todo");

	assert_true(*xenloop_text_at(finding, "check"));
	if (!*text || strchr(text, '\n'))
		fail_msg("%s: \"%s\"", b->name, text);
	if (strchr(todo, '\n') || strchr(todo, '%'))
		fail_msg("%s: what to do: \"%s\"", b->name, todo);
	if (!*todo && !strcmp(xenloop_text_at(finding, "result"), "problem"))
		fail_msg("%s: nothing to do about \"%s\"", b->name, text);
}

static void judge(const struct broken *b, struct xenloop_facts *f)
{
	json_t *findings = xenloop_doctor(f);
	char *problems = causes(findings, "problem");
	char *notes = causes(findings, "note");
	const json_t *finding;
	size_t i;

	if (strcmp(problems, b->problems))
		fail_msg("%s: \"%s\", not \"%s\"", b->name, problems,
			 b->problems);
	if (strcmp(notes, b->notes ? b->notes : ""))
		fail_msg("%s: notes \"%s\", not \"%s\"", b->name, notes,
			 b->notes ? b->notes : "");
	json_array_foreach(findings, i, finding)
		judge_words(b, finding);
	free(problems);
	free(notes);
	json_decref(findings);
}

static void judge_answers(const struct broken *b, const char *baseline,
			  bool dom0)
{
	json_t *facts = parse(baseline);
	struct xenloop_facts f = { .dom0 = dom0 };

	for (int i = 0; i < 4 && b->change[i]; i++)
		change(facts, b->change[i]);
	for (; f.nr_who < 2 && b->who[f.nr_who]; f.nr_who++)
		f.who[f.nr_who] = b->who[f.nr_who];
	f.status = json_incref(json_object_get(facts, "status"));
	f.peers = json_incref(json_object_get(facts, "peers"));
	f.stats = json_incref(json_object_get(facts, "stats"));
	f.pair = json_incref(json_object_get(facts, "pair"));
	judge(b, &f);
	xenloop_facts_clear(&f);
	json_decref(facts);
}

#define IFACE	"status.interfaces.0."
#define ASIDE(reason) \
	{ IFACE "state 'aside'", IFACE "reason '" reason "'" }
#define PEER	"peers.peers.1."

static const struct broken guest_cases[] = {
	{ "in good order", { NULL }, "" },
	{ "module not loaded",
	  { "status.kernel {'loaded': false, 'reason': 'not-loaded'}" },
	  "module-not-loaded " },
	{ "module of another protocol",
	  { "status.kernel {'loaded': false, 'reason': 'other-version'}" },
	  "module-other-version " },
	{ "module cannot be opened",
	  { "status.kernel {'loaded': false, 'reason': 'failed', 'error': 'EPERM'}" },
	  "module-unusable " },
	{ "the module of before an upgrade",
	  { "status.kernel.module_version '0.0.9'" }, "", "module-version " },
	{ "daemon of another version",
	  { "status.version '0.0.9'", "status.kernel.module_version '0.0.9'" },
	  "", "daemon-version " },
	{ "no XenStore",
	  { "status.daemon.xenstore 'not connected'",
	    "status.daemon.xenstore_error 'EACCES'" }, "no-xenstore " },
	{ "no XenStore yet, so nobody has asked for the module",
	  { "status.daemon.xenstore 'not connected'", "status.daemon.domid 0",
	    "status.kernel {'loaded': false, 'reason': 'not-asked', 'error': ''}" },
	  "no-xenstore " },
	{ "no room for hello",
	  { "status.daemon.xenstore_error 'quota'",
	    "status.discovery.seen false" },
	  "xenstore-refuses " },
	{ "no xendiscoverd", { "status.discovery.seen false" },
	  "no-discovery " },
	{ "suspended", { "status.daemon.suspended true" }, "", "suspended " },
	{ "XDP program", ASIDE("XDP program"), "aside-xdp " },
	{ "root qdisc", ASIDE("root qdisc"), "aside-qdisc " },
	{ "queue qdisc", ASIDE("queue qdisc"), "aside-qdisc " },
	{ "fq qdisc", ASIDE("fq qdisc"), "aside-fq " },
	{ "egress program", ASIDE("tc egress program"), "aside-egress " },
	{ "bond", ASIDE("bond or team port"), "aside-port " },
	{ "a reason that is new", ASIDE("100% new"), "aside " },
	{ "vif of a driver domain",
	  { IFACE "state 'detached'", IFACE "dom0 'not-dom0'" },
	  "vif-not-dom0 " },
	{ "a word that is new, from Dom0",
	  { IFACE "state 'detached'", IFACE "dom0 'moonstruck'" },
	  "vif-refused " },
	{ "refused by the policy in Dom0",
	  { IFACE "state 'detached'", IFACE "dom0 'policy'" }, "vif-policy " },
	{ "rate-limited in Dom0",
	  { IFACE "state 'detached'", IFACE "dom0 'rate-limited'" },
	  "vif-rate-limited " },
	{ "refused, but another one is attached",
	  { "status.interfaces [{'ifname': 'eth0', 'vif': 0, 'state': 'attached'},"
	    "{'ifname': 'eth1', 'vif': 1, 'state': 'detached', 'dom0': 'rate-limited'},"
	    "{'ifname': 'eth2', 'vif': 2, 'state': 'detached', 'dom0': 'duplicate-mac'}]" },
	  "vif-duplicate-mac ", "vif-rate-limited " },
	{ "in another network namespace",
	  { IFACE "state 'detached'", IFACE "present false",
	    IFACE "ifname ''" }, "no-interface " },
	{ "left out by the settings",
	  { IFACE "state 'detached'", IFACE "configured false" },
	  "interface-excluded " },
	{ "refused by the module",
	  { IFACE "state 'detached'", IFACE "reason 'another MAC'" },
	  "attach-failed " },
	{ "another MAC address than the vif's",
	  { IFACE "state 'detached'",
	    IFACE "reason 'the interface does not have that MAC address'" },
	  "attach-mac " },
	{ "no vif", { "status.interfaces []" }, "no-vif " },
	{ "empty roster", { "peers.peers []" }, "no-peers " },
	{ "no such peer", { NULL }, "not-on-roster ", NULL, { "g9" } },
	{ "asked about one peer",
	  { "peers.peers.0.state 'held'" }, "", NULL, { "3" } },
	{ "held down by hand", { PEER "state 'held'" }, "held " },
	{ "module at the cap",
	  { PEER "reason 'max-channels reached'", "status.settings.max_channels 1" },
	  "max-channels max-channels " },
	{ "peer does not answer",
	  { PEER "state 'silent'", PEER "failures 2",
	    PEER "reason 'the peer did not answer'" }, "peer-silent " },
	{ "held down by the peer",
	  { PEER "state 'silent'", PEER "failures 1",
	    PEER "reason 'the peer gave up: held'" }, "peer-held " },
	{ "did not answer, and nothing was sent since",
	  { PEER "state 'idle'", PEER "failures 1",
	    PEER "reason 'the peer did not answer'" }, "", "peer-failed " },
	{ "backs off",
	  { PEER "state 'backoff'", PEER "failures 3",
	    PEER "reason 'the peer gave up: error'" }, "peer-failing " },
	{ "out of grants",
	  { PEER "state 'backoff'", PEER "failures 1",
	    PEER "reason 'out of grants'" }, "out-of-grants " },
	{ "no room to map grants",
	  { PEER "state 'backoff'", PEER "failures 2",
	    PEER "reason 'this guest can map no more grants (max_maptrack_frames)'" },
	  "out-of-maptrack " },
	{ "XenStore's quota",
	  { PEER "state 'backoff'", PEER "failures 1",
	    PEER "reason 'XenStore refused the message (quota?)'" },
	  "xenstore-quota " },
	{ "peer's interface gone",
	  { PEER "state 'off'", PEER "reason 'the interface is not attached'" },
	  "peer-off " },
	{ "shaking hands", { PEER "state 'requested'" }, "", "in-between " },
	{ "grants left over", { "status.kernel.pages_deferred 129" },
	  "grants-left " },
	{ "frames dropped", { "stats.channels.0.stats.rx-drop-meta 4" }, "",
	  "drops " },
};

static void test_guest(void **state)
{
	judge_answers(*state, guest_facts, false);
}

#define VIF	"status.guests.1.vifs.0.state "
#define PAIR	{ "g1", "g2" }
#define LINK	"pair.links.0."

static const struct broken dom0_cases[] = {
	{ "in good order", { NULL }, "" },
	{ "a pair in good order", { NULL }, "", NULL, PAIR },
	{ "no XenStore", { "status.daemon.xenstore false" }, "no-xenstore " },
	{ "no bridge", { "status.bridges []" }, "no-bridge " },
	{ "bridge down", { "status.bridges.0.up false" }, "bridge-down " },
	{ "guest without xenloopd",
	  { "status.guests.1.peer false", "status.guests.1.hello 'none'" },
	  "", "guest-without-xenloop " },
	{ "the one that was asked about",
	  { "status.guests.1.peer false", "status.guests.1.hello 'none'" },
	  "guest-without-xenloop ", NULL, { "g2" } },
	{ "guest of another version",
	  { "status.guests.1.peer false",
	    "status.guests.1.hello 'other-version'" },
	  "guest-other-version " },
	{ "guest that talks nonsense",
	  { "status.guests.1.peer false", "status.guests.1.hello 'unreadable'" },
	  "guest-bad-hello " },
	{ "guest shut down, asked about",
	  { "status.guests.1.peer false", "status.guests.1.running false" },
	  "guest-not-running ", NULL, { "g2" } },
	{ "guest shut down",
	  { "status.guests.1.peer false", "status.guests.1.running false" },
	  "", "guest-not-running " },
	{ "duplicate MAC", { VIF "'duplicate-mac'" }, "vif-duplicate-mac " },
	{ "vif down", { VIF "'down'" }, "vif-down " },
	{ "routed", { VIF "'routed'" }, "", "vif-routed " },
	{ "routed, asked about", { VIF "'routed'" }, "vif-routed ", NULL,
	  { "2" } },
	{ "of a driver domain, asked about", { VIF "'not-dom0'" },
	  "vif-not-dom0 ", NULL, { "2" } },
	{ "isolated, asked about", { VIF "'isolated'" }, "vif-isolated ", NULL,
	  { "2" } },
	{ "a word that is new", { VIF "'moonstruck'" }, "vif-refused " },
	{ "no links", { "status.allowed_links 0" }, "no-links " },
	{ "no such guest", { NULL }, "no-such-guest ", NULL, { "g9" } },
	{ "no guests", { "status.guests []", "status.allowed_links 1" }, "",
	  "no-guests " },

	{ "pair: no such guest",
	  { "pair {'error': {'code': 'not-found', 'message': 'no guest g2'}}" },
	  "no-such-guest ", NULL, PAIR },
	{ "pair: the same one", { "pair.guests.1.domid 1" }, "same-guest ",
	  NULL, PAIR },
	{ "pair: another bridge",
	  { LINK "allowed false", LINK "reason 'other-network'",
	    LINK "b.network 'xenbr1'" }, "other-bridge ", NULL, PAIR },
	{ "pair: another bridge, with a name that begins alike",
	  { LINK "allowed false", LINK "reason 'other-network'",
	    LINK "b.network 'xenbr01'" }, "other-bridge ", NULL, PAIR },
	{ "pair: another VLAN",
	  { LINK "allowed false", LINK "reason 'other-network'",
	    LINK "a.network 'xenbr0/10'", LINK "b.network 'xenbr0/20'" },
	  "other-vlan ", NULL, PAIR },
	{ "pair: denied by a rule",
	  { LINK "allowed false", LINK "reason 'policy'",
	    LINK "policy 'deny'" }, "policy-deny ", NULL, PAIR },
	{ "pair: denied by default",
	  { LINK "allowed false", LINK "reason 'policy'" }, "policy-default ",
	  NULL, PAIR },
	{ "pair: one is switched off",
	  { LINK "allowed false", LINK "reason 'policy'", LINK "policy 'off'",
	    "pair.guests.0.vifs.0.state 'policy'" }, "vif-policy ", NULL,
	  PAIR },
	{ "pair: one has rate=",
	  { LINK "allowed false", LINK "reason 'rate-limited'",
	    "pair.guests.1.vifs.0.state 'rate-limited'" },
	  "vif-rate-limited ", NULL, PAIR },
	{ "pair: one has the other's MAC",
	  { LINK "allowed false", LINK "reason 'duplicate-mac'",
	    "pair.guests.0.vifs.0.state 'duplicate-mac'",
	    "pair.guests.1.vifs.0.state 'duplicate-mac'" },
	  "vif-duplicate-mac vif-duplicate-mac ", NULL, PAIR },
	{ "pair: one does not run xenloopd",
	  { LINK "allowed false", LINK "reason 'no-peer'",
	    "pair.guests.1.peer false", "pair.guests.1.hello 'none'" },
	  "guest-without-xenloop ", NULL, PAIR },
	{ "pair: one without a vif",
	  { "pair.links []", "pair.guests.1.vifs []" }, "no-vif ", NULL,
	  PAIR },
	{ "pair: allowed by one of two vifs",
	  { "pair.links.1 {'allowed': false, 'reason': 'other-network',"
	    "'a': {'network': 'xenbr0'}, 'b': {'network': 'xenbr1'}}" }, "",
	  "other-bridge ", PAIR },
};

static void test_dom0(void **state)
{
	judge_answers(*state, dom0_facts, true);
}

/* The daemon cannot be asked, and plain files have to do. */
static const struct without_daemon {
	struct broken b;
	struct xenloop_facts f;
} daemon_cases[] = {
	{ { "not on Xen", { NULL }, "not-xen " },
	  { .error = -ENOENT } },
	{ { "stopped", { NULL }, "daemon-stopped " },
	  { .error = -ECONNREFUSED, .on_xen = true,
	    .module = true } },
	{ { "stopped, unloaded", { NULL },
	    "daemon-stopped module-not-loaded " },
	  { .error = -ENOENT, .on_xen = true,
	    .unit_load = "loaded", .unit_active = "inactive" } },
	{ { "not installed", { NULL }, "daemon-not-installed " },
	  { .error = -ENOENT, .on_xen = true, .module = true,
	    .unit_load = "not-found" } },
	{ { "masked", { NULL }, "daemon-masked " },
	  { .error = -ENOENT, .on_xen = true, .module = true,
	    .unit_load = "masked" } },
	{ { "failed", { NULL }, "daemon-failed " },
	  { .error = -ENOENT, .on_xen = true, .module = true,
	    .unit_load = "loaded", .unit_active = "failed",
	    .unit_result = "exit-code" } },
	{ { "started again and again", { NULL }, "daemon-failed " },
	  { .error = -ENOENT, .on_xen = true, .module = true,
	    .unit_load = "loaded", .unit_active = "activating",
	    .unit_result = "exit-code" } },
	{ { "starting", { NULL }, "daemon-stopped " },
	  { .error = -ENOENT, .on_xen = true, .module = true,
	    .unit_load = "loaded", .unit_active = "activating",
	    .unit_result = "success" } },
	{ { "not allowed", { NULL }, "no-permission " },
	  { .error = -EACCES, .on_xen = true, .module = true } },
	{ { "hangs", { NULL }, "daemon-hangs " },
	  { .error = -ETIMEDOUT, .on_xen = true,
	    .module = true } },
	{ { "another language", { NULL }, "daemon-other-version " },
	  { .error = -EPROTO, .on_xen = true, .module = true } },
	{ { "too busy", { NULL }, "daemon-unreachable " },
	  { .error = -EBUSY, .on_xen = true, .module = true } },
	{ { "stopped in Dom0", { NULL }, "daemon-stopped " },
	  { .error = -ENOENT, .on_xen = true, .dom0 = true,
	    .control_domain = true } },
	{ { "waits in Dom0", { NULL }, "no-xenstore " },
	  { .error = -ENOENT, .on_xen = true, .dom0 = true,
	    .control_domain = true, .unit_active = "active" } },
};

static void test_no_daemon(void **state)
{
	const struct without_daemon *row = *state;
	struct xenloop_facts f = row->f;

	judge(&row->b, &f);
}

/* What is to be done about the first finding of a cause. */
static void assert_todo(const char *baseline, bool dom0,
			const char *const *changes, const char *cause,
			const char *todo)
{
	json_t *facts = parse(baseline), *findings;
	struct xenloop_facts f = { .dom0 = dom0 };
	const json_t *finding;
	const char *found = NULL;
	size_t i;

	for (i = 0; i < 4 && changes[i]; i++)
		change(facts, changes[i]);
	f.status = json_object_get(facts, "status");
	f.peers = json_object_get(facts, "peers");
	findings = xenloop_doctor(&f);
	json_array_foreach(findings, i, finding)
		if (!found &&
		    !strcmp(xenloop_text_at(finding, "cause"), cause))
			found = xenloop_text_at(finding, "todo");
	assert_non_null(found);
	assert_string_equal(found, todo);
	json_decref(findings);
	json_decref(facts);
}

/* What people are told to type has the name in it of what it is about. */
static void test_todo(void **state)
{
	static const struct {
		bool dom0;
		const char *change[4], *cause, *todo;
	} cases[] = {
		{ false, ASIDE("tc egress program"), "aside-egress",
		  "tc filter show dev eth0 egress; bpftool net show dev eth0" },
		{ false, { IFACE "state 'detached'", IFACE "dom0 'isolated'" },
		  "vif-isolated",
		  "in Dom0: if it need not be: bridge link set dev vif5.0 isolated off" },
		{ false, { PEER "state 'held'" }, "held",
		  "xenloopctl connect g3" },
		{ true, { VIF "'vlan'" }, "vif-vlan",
		  "bridge vlan add dev vif2.0 vid VLAN pvid untagged" },
		{ true, { VIF "'isolated'",
			  "status.guests.1.vifs.0.device 'shop'" },
		  "vif-isolated",
		  "if it need not be: bridge link set dev shop isolated off" },
		{ true, { "status.bridges.0.up false" }, "bridge-down",
		  "ip link set dev xenbr0 up" },
		{ true, { "status.guests.1.peer false",
			  "status.guests.1.hello 'unreadable'" },
		  "guest-bad-hello",
		  "xenstore-read /local/domain/2/data/xenloop/hello" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_todo(cases[i].dom0 ? dom0_facts : guest_facts,
			    cases[i].dom0, cases[i].change, cases[i].cause,
			    cases[i].todo);
}

/* What is looked at where no daemon answers. */
static void test_files(void **state)
{
	char root[] = "/tmp/xenloop-doctor-XXXXXX", socket[64], command[64];
	struct xenloop_facts f = { .dom0 = false };

	assert_non_null(mkdtemp(root));
	snprintf(socket, sizeof(socket), "%s/control", root);
	xenloop_facts_gather(&f, socket, "xenloopd", root);
	assert_int_equal(f.error, -ENOENT);
	assert_false(f.on_xen);
	assert_false(f.module || f.control_domain);
	put_file(root, "sys/hypervisor/type", "xen\n");
	put_file(root, "sys/module/xenloop/initstate", "live\n");
	put_file(root, "proc/xen/capabilities", "control_d\n");
	xenloop_facts_gather(&f, socket, "xenloopd", root);
	assert_true(f.on_xen);
	assert_true(f.module && f.control_domain);
	assert_null(f.status);
	/* As long as xenfs is not mounted. */
	put_file(root, "sys/hypervisor/properties/features", "001e28e0\n");
	snprintf(command, sizeof(command), "rm -r '%s/proc'", root);
	assert_int_equal(system(command), 0);
	xenloop_facts_gather(&f, socket, "xenloopd", root);
	assert_true(f.control_domain);
	put_file(root, "sys/hypervisor/properties/features", "001e20e0\n");
	xenloop_facts_gather(&f, socket, "xenloopd", root);
	assert_false(f.control_domain);
	/* A kernel without CONFIG_XEN_SYS_HYPERVISOR. */
	snprintf(command, sizeof(command), "rm -r '%s/sys'", root);
	assert_int_equal(system(command), 0);
	put_file(root, "dev/xen/xenbus", "");
	xenloop_facts_gather(&f, socket, "xenloopd", root);
	assert_true(f.on_xen);
	assert_false(f.control_domain);
	snprintf(command, sizeof(command), "rm -r '%s'", root);
	assert_int_equal(system(command), 0);
}

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static struct CMUnitTest tests[NR(guest_cases) + NR(dom0_cases) +
			       NR(daemon_cases) + 2];
static size_t nr_tests;

/* Each broken set-up is a test of its own. */
static void add_test(const char *where, const struct broken *b,
		     CMUnitTestFunction fn, const void *row)
{
	static char names[NR(tests)][80];

	snprintf(names[nr_tests], sizeof(names[0]), "%s: %s", where, b->name);
	tests[nr_tests] = (struct CMUnitTest){
		.name = names[nr_tests], .test_func = fn,
		.initial_state = (void *)row,
	};
	nr_tests++;
}

int main(void)
{
	for (size_t i = 0; i < NR(guest_cases); i++)
		add_test("guest", &guest_cases[i], test_guest,
			 &guest_cases[i]);
	for (size_t i = 0; i < NR(dom0_cases); i++)
		add_test("Dom0", &dom0_cases[i], test_dom0, &dom0_cases[i]);
	for (size_t i = 0; i < NR(daemon_cases); i++)
		add_test("no daemon", &daemon_cases[i].b, test_no_daemon,
			 &daemon_cases[i]);
	tests[nr_tests++] = (struct CMUnitTest)cmocka_unit_test(test_todo);
	tests[nr_tests++] = (struct CMUnitTest)cmocka_unit_test(test_files);
	return _cmocka_run_group_tests("doctor", tests, nr_tests, NULL, NULL);
}
