/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/daemon/sampling.h"

/* Values that change seldom are read every SLOW_TICKS ticks, or rarer, and when a watch reports a change. */
#define SLOW_TICKS 10

void sampling_init(struct sampling *sampling, int cgroup_fd, size_t kept_max)
{
	*sampling = (struct sampling){0};
	sampler_init(&sampling->sampler, cgroup_fd, kept_max);
}

void sampling_free(struct sampling *sampling)
{
	sampler_free(&sampling->sampler);
	census_forget(&sampling->census);
}

void sampling_use_census(struct sampling *sampling, struct census_taker *taker)
{
	sampling->census_taker = taker;
	sampling->sampler.by_census = true;
	sampling->sampler.wanted = census_taker_wanted(taker);
}

int sampling_begin(struct sampling *sampling, struct error *err)
{
	sampling->tick++;
	if (!sampling->census_taker)
		return 0;
	int r = census_take(sampling->census_taker, &sampling->census, err);
	sampling->sampler.by_census = r == 0;
	sampling->sampler.census = r == 0 ? &sampling->census : NULL;
	return r;
}

void sampling_end(struct sampling *sampling)
{
	sampling->sampler.census = NULL;
	census_forget(&sampling->census);
}

bool sampling_is_turn(const struct sampling *sampling, const struct container *container)
{
	/* With a census these values cost nothing. Without a watch, kills are only seen at a turn. */
	const unsigned calm = sampling->sampler.census || !container->watched ? 0 : container->calm;
	return (sampling->tick + container->index) % ((uint64_t)SLOW_TICKS << calm) == 0;
}
