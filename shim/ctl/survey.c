/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/ctl/survey.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/array.h"
#include "cgroups/cgroup.h"
#include "cgroups/cleanup.h"
#include "shim/report/overhead.h"

struct taking {
	struct survey survey;
	struct overhead overhead; /* what the daemon knows of containers in VMs */
	void (*fault)(const char *text);
	int cgroup_fd, proc_fd;
};

static int compare_workloads(const void *a, const void *b)
{
	return identity_compare(&((const struct survey_workload *)a)->identity,
				&((const struct survey_workload *)b)->identity);
}

static int compare_containers(const void *a, const void *b)
{
	const struct record *one = &((const struct survey_container *)a)->record;
	const struct record *other = &((const struct survey_container *)b)->record;

	if (one->created_usec != other->created_usec)
		return one->created_usec < other->created_usec ? -1 : 1;
	return strcmp(one->id, other->id);
}

static void sort_workloads(struct survey *survey)
{
	if (survey->n_workloads > 0)
		qsort(survey->workloads, survey->n_workloads, sizeof *survey->workloads, compare_workloads);
}

static struct survey_workload *add_workload(struct survey *survey, const struct identity *identity)
{
	struct survey_workload *grown =
		array_grow(survey->workloads, survey->n_workloads, sizeof *survey->workloads);
	if (!grown)
		return NULL;
	survey->workloads = grown;
	grown[survey->n_workloads] = (struct survey_workload){.identity = *identity};
	return &grown[survey->n_workloads++];
}

static void survey_fault(struct taking *taking, const struct error *err)
{
	taking->survey.n_faults++;
	if (taking->fault)
		taking->fault(err->text);
}

static int on_limits(const struct limits *limits, void *data)
{
	struct taking *taking = data;

	struct survey_workload *workload = add_workload(&taking->survey, &limits->identity);
	if (!workload)
		return -ENOMEM;
	workload->has_limits = true;
	workload->limits = *limits;
	return 0;
}

static void on_fault(const char *path, const struct error *err, void *data)
{
	(void)path; /* the error's text has it */
	survey_fault(data, err);
}

static void read_live(const struct taking *taking, struct survey_container *container)
{
	const int cgroup_fd = taking->cgroup_fd;
	char found[CGROUP_PATH_SIZE];
	size_t length;
	const char *path = container->record.cgroup;

	if (!path[0] && taking->proc_fd >= 0 &&
	    record_find_cgroup(&container->record, taking->proc_fd, found, sizeof found, NULL) == 0)
		path = found;
	if (!path[0])
		return;
	cleanup_close int dir_fd = cgroup_open(cgroup_fd, path, NULL);
	container->is_running =
		dir_fd >= 0 && memory_read(dir_fd, &container->memory, NULL) == 0 &&
		memory_read_max(dir_fd, &container->max_bytes, NULL) == 0 &&
		cgroup_effective_limit(cgroup_fd, path, &container->effective_bytes, &length, NULL) == 0;
	if (container->is_running)
		(void)pressure_read(dir_fd, &container->pressure, NULL);
}

/* For a container in a VM, which has no cgroup on this node. */
static void read_in_vm(const struct overhead *overhead, struct survey_container *container)
{
	const struct record *record = &container->record;
	/* Outside Kubernetes each container has a VM of its own, under the container's id. */
	const struct overhead_container *in_vm = overhead_find_container(
		overhead, record->sandbox_id[0] ? record->sandbox_id : record->id, record->id);

	if (!in_vm || in_vm->usage_bytes == OVERHEAD_UNKNOWN)
		return;
	container->is_running = true;
	container->memory.current_bytes = in_vm->usage_bytes;
	if (in_vm->working_set_bytes < in_vm->usage_bytes)
		container->memory.inactive_file_bytes = in_vm->usage_bytes - in_vm->working_set_bytes;
	container->max_bytes = in_vm->limit_bytes == OVERHEAD_UNKNOWN ? MEMORY_UNLIMITED : in_vm->limit_bytes;
	container->effective_bytes = container->max_bytes;
}

/* Adds the record's container to its workload. The first n_published workloads are sorted; workloads without
 * published limits are added after them. */
static int add_container(struct taking *taking, size_t n_published, const struct record *record)
{
	struct survey *survey = &taking->survey;
	struct survey_workload key = {.identity = record->identity}, *workload = NULL;

	if (n_published > 0)
		workload = bsearch(&key, survey->workloads, n_published, sizeof key, compare_workloads);
	for (size_t i = n_published; !workload && i < survey->n_workloads; i++)
		if (identity_compare(&survey->workloads[i].identity, &record->identity) == 0)
			workload = &survey->workloads[i];
	if (!workload)
		workload = add_workload(survey, &record->identity);
	if (!workload)
		return -ENOMEM;

	struct survey_container *grown =
		array_grow(workload->containers, workload->n_containers, sizeof *workload->containers);
	if (!grown)
		return -ENOMEM;
	workload->containers = grown;
	struct survey_container *container = &grown[workload->n_containers++];
	*container = (struct survey_container){.record = *record};
	survey->n_containers++;
	if (record->is_vm)
		read_in_vm(&taking->overhead, container);
	else if (taking->cgroup_fd >= 0)
		read_live(taking, container);
	return 0;
}

static int take_records(struct taking *taking, int run_fd)
{
	const size_t n_published = taking->survey.n_workloads;
	char id[RECORD_ID_SIZE];
	struct record record;
	struct error err;

	int fd = openat(run_fd, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		if (errno != ENOENT) { /* ENOENT: no container was ever created here */
			error_errno(&err, errno, "cannot open the records, containers");
			survey_fault(taking, &err);
		}
		return 0;
	}
	cleanup_dir DIR *dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	for (const struct dirent *entry; (entry = readdir(dir));) {
		if (!record_id_of(entry->d_name, id))
			continue;
		int r = record_read(fd, id, &record, &err);
		if (r < 0 && r != -ENOENT)
			survey_fault(taking, &err);
		if (r < 0 || record.is_sandbox || !record.identity.owner[0])
			continue;
		r = add_container(taking, n_published, &record);
		if (r < 0)
			return r;
	}
	return 0;
}

static void take_vms(struct taking *taking, int run_fd)
{
	struct error err;

	int r = overhead_load(run_fd, &taking->overhead, &err);
	if (r < 0 && r != -ENOENT)
		survey_fault(taking, &err);
}

int survey_take(int run_fd, int state_fd, int cgroup_fd, int proc_fd, void (*fault)(const char *text),
		struct survey *ret, struct error *err)
{
	struct taking taking = {.fault = fault, .cgroup_fd = cgroup_fd, .proc_fd = proc_fd};

	if (run_fd >= 0)
		take_vms(&taking, run_fd);
	int r = state_fd >= 0 ? limits_each(state_fd, on_limits, on_fault, &taking) : 0;
	sort_workloads(&taking.survey);
	if (r == 0 && run_fd >= 0)
		r = take_records(&taking, run_fd);
	overhead_free(&taking.overhead);
	if (r < 0) {
		survey_free(&taking.survey);
		return error_errno(err, -r, "cannot survey the node");
	}
	sort_workloads(&taking.survey);
	for (size_t i = 0; i < taking.survey.n_workloads; i++) {
		const struct survey_workload *workload = &taking.survey.workloads[i];
		if (workload->n_containers > 1)
			qsort(workload->containers, workload->n_containers, sizeof *workload->containers,
			      compare_containers);
	}
	*ret = taking.survey;
	return 0;
}

void survey_free(struct survey *survey)
{
	for (size_t i = 0; i < survey->n_workloads; i++)
		free(survey->workloads[i].containers);
	free(survey->workloads);
	*survey = (struct survey){0};
}
