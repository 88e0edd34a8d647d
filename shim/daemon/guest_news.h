/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* News from readings of virtual machines and answers of their guests, kept until the node asks. Nothing is
 * allocated: each pod and each container has a bit for each kind of news. */

#include <stdbool.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "shim/daemon/sandbox.h"

enum guest_word {
	/* About guest_event.container. */
	GUEST_KILL,     /* the guest's kernel has killed in the container, at killed_usec */
	GUEST_MEASURED, /* the guest has answered: container->memory */
	GUEST_LOST,     /* the guest does not have the container any more, or the machine is gone */
	/* About guest_event.sandbox. */
	GUEST_PRESTART,  /* the machine's charge before its first container is known */
	GUEST_FAULT,     /* the pod is not fully measured, sandbox->told_fault says why; once a pod */
	GUEST_TOO_SMALL, /* the machine costs more than is declared; once a pod */
	GUEST_WASTEFUL,  /* the machine costs far less than is declared; once a pod */
	/* About a handler's file. */
	GUEST_HANDLER, /* the file is of no use (fault.code is EBADMSG), or cannot be read */
};

struct guest_event {
	enum guest_word word;
	struct container *container;
	struct sandbox *sandbox;
	uint64_t killed_usec;
	struct error fault;
};

struct guest_news {
	struct sandbox *first;      /* the sandboxes with news: sandbox->next_news */
	struct error handler_fault; /* code 0: none */
};

/* Note a piece of news. It is told once, however often it was noted. */
void guest_news_of_container(struct guest_news *news, struct container *container, enum guest_word word);
void guest_news_of_sandbox(struct guest_news *news, struct sandbox *sandbox, enum guest_word word);
void guest_news_of_handler(struct guest_news *news, const struct error *fault);

/* Takes the next piece of news: first a handler's, then pod by pod, the pod's containers before the pod, each
 * in the order of enum guest_word. Returns false if none is left. */
bool guest_news_next(struct guest_news *news, struct guest_event *ret);
