// SPDX-License-Identifier: GPL-2.0
/*
 * The words of both control pages by name: tx.NAME is in the FIFO that we put
 * frames into, rx.NAME in the one that the victim puts frames into. Both pages
 * are ours to write, also the victim's own words.
 */
#include <linux/seq_file.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "hostile.h"

#define WORD(name) { #name, offsetof(struct xenloop_fifo_ctrl, name) / 4 }

static const struct {
	const char *name;
	u32 index;
} words[] = {
	WORD(magic), WORD(version), WORD(nr_pages),
	WORD(prod), WORD(room_event), WORD(prod_state), WORD(revoke_state),
	WORD(revoke_index), WORD(marker),
	WORD(cons), WORD(claim), WORD(data_event), WORD(cons_state),
	WORD(gref),
};

static u32 *page_of(const struct hostile_end *end, const char *name)
{
	if (!strncmp(name, "tx.", 3) && end->foreign.nr)
		return (u32 *)tx_ctrl(end);
	if (!strncmp(name, "rx.", 3) && end->own.nr)
		return (u32 *)rx_ctrl(end);
	return NULL;
}

/* Returns 0, -ENOENT for a name that no word has, or whose page is not there. */
int hostile_word(struct hostile_end *end, const char *name, u32 value)
{
	u32 *page = page_of(end, name);
	int i;

	for (i = 0; page && i < ARRAY_SIZE(words); i++) {
		if (strcmp(name + 3, words[i].name))
			continue;
		virt_store_release(&page[words[i].index], value);
		return 0;
	}
	return -ENOENT;
}

static u32 count_nonzero(const u32 *word, const void *until)
{
	u32 n = 0;

	for (; word < (const u32 *)until; word++)
		n += READ_ONCE(*word) != 0;
	return n;
}

/*
 * Words that are not zero in the victim's pages: its frames' room, and what is
 * left of the control page behind the references that it needs.
 */
u32 hostile_nonzero(const struct hostile_end *end)
{
	u32 i, n;

	n = count_nonzero(&tx_ctrl(end)->gref[end->foreign.nr - 1],
			  (void *)tx_ctrl(end) + XENLOOP_PAGE_SIZE);
	for (i = 1; i < end->foreign.nr; i++)
		n += count_nonzero(end->foreign.addr[i],
				   end->foreign.addr[i] + XENLOOP_PAGE_SIZE);
	return n;
}

static void show_page(struct seq_file *s, const char *name, const u32 *page)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		seq_printf(s, ", \"%s.%s\": %u", name, words[i].name,
			   READ_ONCE(page[words[i].index]));
}

void hostile_show_words(struct seq_file *s, const struct hostile_end *end)
{
	if (end->foreign.nr)
		show_page(s, "tx", (u32 *)tx_ctrl(end));
	if (end->own.nr)
		show_page(s, "rx", (u32 *)rx_ctrl(end));
}
