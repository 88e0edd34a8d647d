/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* /run/tidemark/containers/<id>.json: what the wrapper knows of a container. It is written at create, again at
 * start and update, and removed at delete. The daemon follows the directory. */

#include <stdbool.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "oci/config.h"
#include "oci/identity.h"
#include "shim/tune/decision.h"
#include "shim/tune/protect.h"

#define RECORD_VERSION  1
#define RECORD_SIZE_MAX 16384
#define RECORD_ID_SIZE  128

struct record {
	uint64_t version;
	char id[RECORD_ID_SIZE];
	struct identity identity; /* empty names: the workload is not known */
	int role;                 /* enum container_role */
	char pod_name[CONFIG_NAME_SIZE], pod_uid[64], sandbox_id[RECORD_ID_SIZE];
	bool is_sandbox;
	char image_ref[512];
	char template
		[CONFIG_LABEL_SIZE]; /* what its controller labels pods of one template with; empty: it does not */

	char runtime[32]; /* "crun"; of a shim-v2 runtime the X of containerd-shim-X-v2, its handler */
	bool is_shim;     /* by a shim-v2 runtime: start and delete are not seen, so started_usec stays 0 */
	bool is_vm; /* such a one whose containers are in a virtual machine, and in no cgroup of this node */
	char bundle[512], pid_file[512];

	int64_t oom_score_adj;
	char sizes
		[16]; /* how the program sizes its heap, as far as the config tells: sizing_names[]; empty: nothing does */
	uint64_t declared_bytes;    /* DECISION_UNLIMITED: none */
	uint64_t recommended_bytes; /* 0: none */
	uint64_t override_bytes;    /* asked for by the pod's annotation; 0: none */
	uint64_t override_request_bytes;
	uint64_t overhead_bytes; /* of a sandbox: the pod overhead that its RuntimeClass declares; 0: none */
	uint64_t
		vm_memory_bytes; /* of a sandbox: the size that we gave to its virtual machine; 0: we gave none */

	int mode, source;     /* enum mode, enum decision_source */
	uint64_t limit_bytes; /* decided; DECISION_UNLIMITED: none */
	char reason[DECISION_REASON_MAX];
	struct protection protect; /* what we wrote to unified; the request is 0 where we wrote nothing */
	uint64_t step_bytes
		[GUARDS_COUNT]; /* what each guard that is in reason made of it; 0: no limit, or not kept */
	uint64_t before_bytes;  /* limit of the creation before, as max-change had it; 0: none, or not kept */
	char fault
		[240]; /* why the container was started as declared though it should not have been; or empty */

	uint64_t created_usec, started_usec, updated_usec; /* CLOCK_REALTIME; 0: not yet */

	/* At start: the init process and its cgroup's path below the cgroup v2 root, "/a/b". */
	uint64_t pid;
	char cgroup[1024];
	uint64_t cgroup_id; /* the inode number of its directory; 0: not known */

	/* Charged to that cgroup before the user's program runs. */
	struct {
		uint64_t current_bytes, peak_bytes, anon_bytes, file_bytes, kernel_bytes;
	} prestart;
};

/* Takes over what was decided from this input. */
void record_set_decision(struct record *record, const struct decision_input *input,
			 const struct decision *decision);

/* containers_fd: /run/tidemark/containers. Returns 0, -ENOENT, -EBADMSG or -ENOTSUP (a newer version). */
int record_read(int containers_fd, const char *id, struct record *ret, struct error *err);
int record_write(int containers_fd, const struct record *record, struct error *err);
int record_remove(int containers_fd, const char *id, struct error *err);

/* Fills id from the name "<id>.json" of a directory's entry. Returns false for what is no record's: dot files,
 * other endings. */
bool record_id_of(const char *file_name, char id[static RECORD_ID_SIZE]);

/* Finds the cgroup by the pid, or the pid file: for a container whose start was not recorded, as no shim's is. Returns 0
 * with path filled, -ESRCH if the process is gone or is another one by now, or -errno. */
int record_find_cgroup(const struct record *record, int proc_fd, char *path, size_t size, struct error *err);
