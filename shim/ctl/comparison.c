/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/ctl/comparison.h"

#include <stdlib.h>
#include <string.h>

/* Sums on the way to means. */
struct mean {
	double sum;
	uint64_t count;
};

struct side_sums {
	struct mean working_set, prestart, cost, overhead, declared;
};

struct making {
	const struct survey *survey;
	const struct overhead *overhead;
	const char *image;
	struct comparison comparison;
	struct side_sums sums[COMPARISON_SIDES_MAX];
};

static void mean_add(struct mean *mean, uint64_t bytes)
{
	if (bytes == OVERHEAD_UNKNOWN)
		return;
	mean->sum += (double)bytes;
	mean->count++;
}

static void mean_add_signed(struct mean *mean, int64_t bytes)
{
	if (bytes == OVERHEAD_UNKNOWN_SIGNED)
		return;
	mean->sum += (double)bytes;
	mean->count++;
}

static uint64_t mean_of(const struct mean *mean)
{
	return mean->count > 0 ? (uint64_t)(mean->sum / (double)mean->count) : OVERHEAD_UNKNOWN;
}

/* The mean of one conmon: the memory of conmons is measured by handler. 0: not known. */
static double conmon_bytes(const struct overhead *overhead, const char *runtime)
{
	for (size_t i = 0; i < overhead->n_handlers; i++) {
		const struct overhead_handler *handler = &overhead->handlers[i];
		if (strcmp(handler->name, runtime) == 0 && handler->conmons != OVERHEAD_UNKNOWN &&
		    handler->conmons > 0 && handler->conmon_bytes != OVERHEAD_UNKNOWN)
			return (double)handler->conmon_bytes / (double)handler->conmons;
	}
	return 0;
}

static struct comparison_side *side_of(struct making *making, const char *runtime, bool is_vm,
				       struct side_sums **ret_sums)
{
	struct comparison *comparison = &making->comparison;
	size_t i = 0;

	while (i < comparison->n_sides && strcmp(comparison->sides[i].runtime, runtime) != 0)
		i++;
	if (i == COMPARISON_SIDES_MAX)
		return NULL;
	if (i == comparison->n_sides)
		comparison->sides[comparison->n_sides++] = (struct comparison_side){
			.runtime = runtime,
			.is_vm = is_vm,
			.p95_bytes = OVERHEAD_UNKNOWN,
		};
	*ret_sums = &making->sums[i];
	return &comparison->sides[i];
}

static bool is_of_pod(const struct record *record, const struct record *other)
{
	return record->sandbox_id[0] ? strcmp(record->sandbox_id, other->sandbox_id) == 0
				     : strcmp(record->id, other->id) == 0;
}

static bool is_counted(const struct making *making, const struct survey_container *container)
{
	return container->is_running && strcmp(container->record.image_ref, making->image) == 0;
}

/* Whether the container is the first of its pod in the survey that counts. So each pod counts once. */
static bool is_first_of_pod(const struct making *making, const struct survey_container *container)
{
	const struct survey *survey = making->survey;

	for (size_t w = 0; w < survey->n_workloads; w++)
		for (size_t c = 0; c < survey->workloads[w].n_containers; c++) {
			const struct survey_container *other = &survey->workloads[w].containers[c];
			if (other == container)
				return true;
			if (is_of_pod(&container->record, &other->record) && is_counted(making, other))
				return false;
		}
	return true;
}

/* The charge of all running containers of the pod, also those of other images: a VM's charge has
 * them all too. */
static uint64_t pod_charge(const struct survey *survey, const struct record *record, size_t *ret_count)
{
	uint64_t sum = 0;

	*ret_count = 0;
	for (size_t w = 0; w < survey->n_workloads; w++)
		for (size_t c = 0; c < survey->workloads[w].n_containers; c++) {
			const struct survey_container *container = &survey->workloads[w].containers[c];
			if (!container->is_running || !is_of_pod(record, &container->record))
				continue;
			sum += container->memory.current_bytes;
			(*ret_count)++;
		}
	return sum;
}

static void take_pod(const struct making *making, const struct record *record, struct side_sums *sums)
{
	size_t count;

	const uint64_t charge = pod_charge(making->survey, record, &count);
	const double conmons = (double)count * conmon_bytes(making->overhead, record->runtime);
	mean_add(&sums->cost, charge + (uint64_t)conmons);
	if (conmons > 0)
		mean_add_signed(&sums->overhead, (int64_t)conmons);
}

static void take_vm(const struct overhead_sandbox *vm, struct side_sums *sums)
{
	mean_add(&sums->cost, vm->charge_bytes);
	mean_add(&sums->prestart, vm->prestart_bytes);
	mean_add(&sums->declared, vm->overhead_declared_bytes);
	mean_add_signed(&sums->overhead, vm->overhead_bytes);
}

/* Adds the container to its runtime's side. Returns the side; NULL if the container does not count. */
static struct comparison_side *take_container(struct making *making, const struct survey_container *container)
{
	const struct record *record = &container->record;
	struct side_sums *sums;

	if (!is_counted(making, container))
		return NULL;
	struct comparison_side *side = side_of(making, record->runtime, record->is_vm, &sums);
	if (!side)
		return NULL;
	side->containers++;
	mean_add(&sums->working_set, memory_working_set(&container->memory));
	if (container->max_bytes > side->limit_bytes)
		side->limit_bytes = container->max_bytes;
	if (!record->is_vm && record->prestart.current_bytes > 0)
		mean_add(&sums->prestart, record->prestart.current_bytes);
	if (!is_first_of_pod(making, container))
		return side;
	side->pods++;
	const struct overhead_sandbox *vm = overhead_find(making->overhead, record->sandbox_id);
	if (!record->is_vm)
		take_pod(making, record, sums);
	else if (vm)
		take_vm(vm, sums);
	return side;
}

static void take_workload(struct making *making, const struct survey_workload *workload)
{
	struct comparison_side *first = NULL;
	const uint64_t p95 = workload->has_limits && workload->limits.observed.samples > 0
				     ? workload->limits.observed.p95_bytes
				     : OVERHEAD_UNKNOWN;

	for (size_t i = 0; i < workload->n_containers; i++) {
		struct comparison_side *side = take_container(making, &workload->containers[i]);
		if (!side || p95 == OVERHEAD_UNKNOWN)
			continue;
		if (side->p95_bytes == OVERHEAD_UNKNOWN || p95 > side->p95_bytes)
			side->p95_bytes = p95;
		if (first && first != side)
			first->p95_is_shared = side->p95_is_shared = true;
		first = side;
	}
}

static int compare_sides(const void *a, const void *b)
{
	const struct comparison_side *one = a, *other = b;

	if (one->is_vm != other->is_vm)
		return one->is_vm ? 1 : -1;
	return strcmp(one->runtime, other->runtime);
}

void comparison_make(const struct survey *survey, const struct overhead *overhead, const char *image,
		     struct comparison *ret)
{
	struct making making = {.survey = survey, .overhead = overhead, .image = image};
	struct comparison *comparison = &making.comparison;

	for (size_t i = 0; i < survey->n_workloads; i++)
		take_workload(&making, &survey->workloads[i]);
	for (size_t i = 0; i < comparison->n_sides; i++) {
		struct comparison_side *side = &comparison->sides[i];
		const struct side_sums *sums = &making.sums[i];
		side->working_set_bytes = mean_of(&sums->working_set);
		side->prestart_bytes = mean_of(&sums->prestart);
		side->cost_bytes = mean_of(&sums->cost);
		side->declared_bytes = mean_of(&sums->declared);
		side->overhead_bytes = sums->overhead.count > 0
					       ? (int64_t)(sums->overhead.sum / (double)sums->overhead.count)
					       : OVERHEAD_UNKNOWN_SIGNED;
	}
	qsort(comparison->sides, comparison->n_sides, sizeof *comparison->sides, compare_sides);
	*ret = *comparison;
}

bool comparison_pair(const struct comparison *comparison, const struct comparison_side **ret_vm,
		     const struct comparison_side **ret_bare)
{
	const struct comparison_side *vm = NULL, *bare = NULL;

	for (size_t i = 0; i < comparison->n_sides; i++) {
		const struct comparison_side *side = &comparison->sides[i];
		if (side->cost_bytes == OVERHEAD_UNKNOWN)
			continue;
		if (side->is_vm && !vm)
			vm = side;
		else if (!side->is_vm && (!bare || side->containers > bare->containers))
			bare = side;
	}
	if (!vm || !bare)
		return false;
	*ret_vm = vm;
	*ret_bare = bare;
	return true;
}
