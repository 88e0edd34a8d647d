/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* /etc/tidemark/tidemark.conf and tidemark.conf.d/ *.conf: see tidemark.conf(5). Read through libinih. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/error.h"
#include "shim/tune/decision.h"
#include "shim/tune/protect.h"
#include "shim/tune/tuner.h"

#define SETTINGS_PATH_SIZE 256

/* Which annotations of a pod's author are honoured: a set. */
enum settings_annotation {
	SETTINGS_ALLOW_MODE = 1,
	SETTINGS_ALLOW_WORKLOAD = 2,
	SETTINGS_ALLOW_OVERRIDES = 4,
};

/* Whether the kernel is asked by BPF programs. */
enum bpf_use {
	BPF_AUTO, /* where it takes them */
	BPF_NO,
};

/* What is done about the size of a virtual machine. */
enum vm_sizing {
	VM_SIZING_DYNAMIC,        /* the runtime adds its containers' limits itself: nothing */
	VM_SIZING_STATIC,         /* io.kubernetes.cri.sandbox-memory */
	VM_SIZING_DEFAULT_MEMORY, /* io.katacontainers.config.hypervisor.default_memory */
};

/* One line of a [namespace "PATTERN"] section. */
#define SETTINGS_NAMESPACES_MAX 32
struct settings_namespace {
	char pattern[40]; /* as fnmatch(3) has it */
	unsigned row;
	unsigned char value[8];
};

struct settings {
	int mode; /* enum mode */

	struct {
		char name[32]; /* the runtime when the program's own name asks for none */
		char crun[SETTINGS_PATH_SIZE], runc[SETTINGS_PATH_SIZE]; /* empty: looked for */
		char shims[SETTINGS_PATH_SIZE]; /* a directory of shim-v2 runtimes; empty: the usual ones */
	} runtime;

	struct sampling_settings {
		uint64_t interval_usec;     /* between two samples of a container */
		uint64_t slot_usec;         /* a slot of the window */
		uint64_t short_window_usec; /* what is shown as recent */
		uint64_t long_window_usec;  /* what recommendations look back on */
		int bpf;                    /* enum bpf_use */
	} sampling;

	uint64_t tuner_interval_usec; /* between two looks at a workload's recommendation */
	struct tuner_settings tuner;
	struct guard_settings guards;
	struct protect_settings enforce;
	unsigned annotations; /* set of enum settings_annotation */

	struct {
		uint64_t node_interval_usec; /* between two node summaries */
		char http[32]; /* "127.0.0.1:9000" or "[::1]:9000"; empty: on the unix socket alone */
		char textfile[SETTINGS_PATH_SIZE]; /* empty: none */
		uint64_t metrics_containers_max;   /* with series of their own */
	} report;

	struct history_settings {
		uint64_t keep_usec;      /* how far back it goes, and workloads are known */
		uint64_t size_max_bytes; /* above which the oldest goes, too */
	} history;

	struct vm_settings {
		int sizing;                /* enum vm_sizing */
		uint64_t memory_min_bytes; /* that a guest needs beside its containers, at least */
		uint64_t interval_usec;    /* between two readings of one, host and guest */
		uint64_t deadline_usec;    /* of a guest's answer */
		double waste_ratio; /* of the declared overhead, that may be unused without a warning */
	} vm;

	/* For settings_for_namespace(). */
	struct settings_namespace namespaces[SETTINGS_NAMESPACES_MAX];
	size_t n_namespaces;
};

/* One row a key: its own documentation and check. */
struct setting {
	const char *section, *key;
	const char *description; /* a sentence, for tidemark.conf(5) */
};

/* The known settings, for `tidemarkctl settings` and the tests that hold the manual against it. */
/* Brings into force what the [namespace] sections say of this namespace, in the order in which they were read. */
void settings_for_namespace(struct settings *settings, const char *namespace);

size_t settings_count(void);
struct setting settings_row(size_t index);

/* The value as it would stand in the file. Returns buf. */
const char *settings_text(const struct settings *settings, size_t index, char *buf, size_t size);

void settings_default(struct settings *ret);

/* Reads below etc_fd ("/etc/tidemark" as the caller has opened it; -1: it does not exist): tidemark.conf
 * first, then the drop-ins in the order of their names. What is missing is no error. *ret is set only when 0
 * is returned; an error names file and line. */
int settings_load(int etc_fd, struct settings *ret, struct error *err);

/* For one that has to go on after settings_load() has failed: the defaults, with those settings of [runtime] that
 * can be read all the same. */
void settings_salvage(int etc_fd, struct settings *ret);
