/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/guest_news.h"

#include <assert.h>

#define BIT(word) (1U << (word))

static void guest_news_queue(struct guest_news *news, struct sandbox *sandbox)
{
	if (sandbox->has_news)
		return;
	sandbox->has_news = true;
	sandbox->next_news = news->first;
	news->first = sandbox;
}

void guest_news_of_container(struct guest_news *news, struct container *container, enum guest_word word)
{
	assert(word < GUEST_PRESTART && container->sandbox);
	container->guest_news |= BIT(word);
	guest_news_queue(news, container->sandbox);
}

void guest_news_of_sandbox(struct guest_news *news, struct sandbox *sandbox, enum guest_word word)
{
	assert(word >= GUEST_PRESTART && word < GUEST_HANDLER);
	sandbox->news |= BIT(word);
	guest_news_queue(news, sandbox);
}

void guest_news_of_handler(struct guest_news *news, const struct error *fault)
{
	news->handler_fault = *fault;
}

static enum guest_word take_first(unsigned *words)
{
	const enum guest_word first = (enum guest_word)__builtin_ctz(*words);

	*words &= ~BIT(first);
	return first;
}

static bool next_of(struct sandbox *sandbox, struct guest_event *ret)
{
	for (struct container *container = sandbox->containers; container;
	     container = container->next_in_sandbox)
		if (container->guest_news) {
			*ret = (struct guest_event){
				.word = take_first(&container->guest_news),
				.container = container,
				.killed_usec = container->guest_killed_usec,
			};
			return true;
		}
	if (sandbox->news == 0)
		return false;
	*ret = (struct guest_event){.word = take_first(&sandbox->news), .sandbox = sandbox};
	return true;
}

bool guest_news_next(struct guest_news *news, struct guest_event *ret)
{
	if (news->handler_fault.code != 0) {
		*ret = (struct guest_event){.word = GUEST_HANDLER, .fault = news->handler_fault};
		news->handler_fault.code = 0;
		return true;
	}
	for (struct sandbox *sandbox; (sandbox = news->first);) {
		if (next_of(sandbox, ret))
			return true;
		news->first = sandbox->next_news;
		sandbox->has_news = false;
	}
	return false;
}
