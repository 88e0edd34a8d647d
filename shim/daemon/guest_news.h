/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What came of a reading of a virtual machine, or of its guest's answer, kept until the node asks. Nothing
 * is allocated: each pod and each container has its own bits. */

#include <stdbool.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "shim/daemon/sandbox.h"

enum guest_word {
	/* Of a container, which is set. */
	GUEST_KILL,     /* the guest's kernel has killed in it, at killed_usec */
	GUEST_MEASURED, /* it has answered: container->memory */
	GUEST_LOST,     /* the guest does not have it any more, or the machine is gone */
	/* Of a sandbox, which is set. */
	GUEST_PRESTART,  /* what its machine was charged with before its first container is known */
	GUEST_FAULT,     /* why it is not known in full: sandbox->told_fault; once a pod */
	GUEST_TOO_SMALL, /* it costs more than is declared; once a pod */
	GUEST_WASTEFUL,  /* far less; once a pod */
	/* Of a handler's file. */
	GUEST_HANDLER, /* it is of no use (fault.code is EBADMSG), or cannot be read */
};

struct guest_event {
	enum guest_word word;
	struct container *container;
	struct sandbox *sandbox;
	uint64_t killed_usec;
	struct error fault;
};

struct guest_news {
	struct sandbox *first;      /* those that have some: sandbox->next_news */
	struct error handler_fault; /* code 0: none */
};

/* Each is told once, however often it is noted. */
void guest_news_of_container(struct guest_news *news, struct container *container, enum guest_word word);
void guest_news_of_sandbox(struct guest_news *news, struct sandbox *sandbox, enum guest_word word);
void guest_news_of_handler(struct guest_news *news, const struct error *fault);

/* The next one, in the order of enum guest_word; a pod's containers come before the pod. False: none is
 * left. */
bool guest_news_next(struct guest_news *news, struct guest_event *ret);
