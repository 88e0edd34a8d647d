/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* /run/tidemark/containers/<id>.json: what the wrapper knows of a container. The wrapper writes the record at
 * create, again at start and update, and removes it at delete. The daemon watches the directory. */

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
	/* The label that the controller gives all pods of one template. Empty: none. */
	char template[CONFIG_LABEL_SIZE];

	char runtime[32]; /* "crun"; for a shim-v2 runtime the handler: the X of containerd-shim-X-v2 */
	bool is_shim;     /* run by a shim-v2 runtime: start and delete are not seen, started_usec stays 0 */
	bool is_vm;       /* a shim's container in a virtual machine: it has no cgroup on this node */
	char bundle[512], pid_file[512];

	int64_t oom_score_adj;
	/* How the program sizes its heap, as far as config.json tells: a word of sizing_names[].
	 * Empty: not known. */
	char sizes[16];
	uint64_t declared_bytes;    /* DECISION_UNLIMITED: none */
	uint64_t recommended_bytes; /* 0: none */
	uint64_t override_bytes;    /* the limit that the pod's annotation asks for; 0: none */
	uint64_t override_request_bytes;
	uint64_t overhead_bytes;  /* of a sandbox: the pod overhead that its RuntimeClass declares; 0: none */
	uint64_t vm_memory_bytes; /* of a sandbox: the size that we gave its virtual machine; 0: none */

	int mode, source;     /* enum mode, enum decision_source */
	uint64_t limit_bytes; /* the decided limit; DECISION_UNLIMITED: none */
	char reason[DECISION_REASON_MAX];
	struct protection protect;         /* what we wrote to unified; request_bytes 0: nothing */
	uint64_t step_bytes[GUARDS_COUNT]; /* the limit after each guard in reason; 0: none, or not kept */
	uint64_t before_bytes; /* the limit applied before, for max-change; 0: none, or not kept */
	char fault[240];       /* why a fault made the container start as declared; empty: no fault */

	uint64_t created_usec, started_usec, updated_usec; /* CLOCK_REALTIME; 0: not yet */

	/* Known from start on: the init process, and its cgroup's path below the cgroup v2 root ("/a/b"). */
	uint64_t pid;
	char cgroup[1024];
	uint64_t cgroup_id; /* the inode number of the cgroup's directory; 0: not known */

	/* The cgroup's charge before the user's program runs. */
	struct {
		uint64_t current_bytes, peak_bytes, anon_bytes, file_bytes, kernel_bytes;
	} prestart;
};

/* Takes over the decision that was made from this input. */
void record_set_decision(struct record *record, const struct decision_input *input,
			 const struct decision *decision);

/* containers_fd: /run/tidemark/containers. record_read() returns 0; -ENOENT; -EBADMSG if the file is torn or
 * names another container; -ENOTSUP for a newer version. *ret is set only with 0. record_write() replaces
 * the file atomically. */
int record_read(int containers_fd, const char *id, struct record *ret, struct error *err);
int record_write(int containers_fd, const struct record *record, struct error *err);
int record_remove(int containers_fd, const char *id, struct error *err);
/* Needs no free file descriptor. Returns true if nobody can tell. */
bool record_is_there(int containers_fd, const char *id);

/* Takes the id from a file's name, "<id>.json". Returns false if the file is no record: dot
 * files, other endings. */
bool record_id_of(const char *file_name, char id[static RECORD_ID_SIZE]);

/* Finds the cgroup by the pid, or by the pid file if the start was not recorded (a shim's never is). Returns
 * 0 with path filled; -ESRCH if there is no pid file, or the process is gone or belongs to another
 * container; or -errno. */
int record_find_cgroup(const struct record *record, int proc_fd, char *path, size_t size, struct error *err);
