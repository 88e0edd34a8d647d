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

/* The annotations of a pod's author that are honoured: a set. */
enum settings_annotation {
	SETTINGS_ALLOW_MODE = 1,
	SETTINGS_ALLOW_WORKLOAD = 2,
	SETTINGS_ALLOW_OVERRIDES = 4,
};

/* Whether BPF programs are used. */
enum bpf_use {
	BPF_AUTO, /* if the kernel accepts them */
	BPF_NO,
};

/* How the size of a virtual machine is set. */
enum vm_sizing {
	VM_SIZING_DYNAMIC,        /* not by us: the runtime adds its containers' limits itself */
	VM_SIZING_STATIC,         /* by the annotation io.kubernetes.cri.sandbox-memory */
	VM_SIZING_DEFAULT_MEMORY, /* by the annotation io.katacontainers.config.hypervisor.default_memory */
};

/* One line of a [namespace "PATTERN"] section. */
#define SETTINGS_NAMESPACES_MAX 32
struct settings_namespace {
	char pattern[40]; /* for fnmatch(3) */
	unsigned row;     /* an index of settings_row() */
	unsigned char value[8];
};

struct settings {
	int mode; /* enum mode */

	struct {
		char name[32]; /* the runtime if the program's own name has none */
		char crun[SETTINGS_PATH_SIZE], runc[SETTINGS_PATH_SIZE]; /* empty: searched for */
		char shims[SETTINGS_PATH_SIZE]; /* a directory of shim-v2 runtimes; empty: the usual ones */
	} runtime;

	struct sampling_settings {
		uint64_t interval_usec;     /* between two samples of a container */
		uint64_t slot_usec;         /* the length of a window's slot */
		uint64_t short_window_usec; /* how far back recent values go */
		uint64_t long_window_usec;  /* how far back a recommendation looks */
		int bpf;                    /* enum bpf_use */
	} sampling;

	uint64_t tuner_interval_usec; /* between two checks of a workload's recommendation */
	struct tuner_settings tuner;
	struct guard_settings guards;
	struct protect_settings enforce;
	unsigned annotations; /* set of enum settings_annotation */

	struct {
		uint64_t node_interval_usec; /* between two node summaries */
		char http[32]; /* "127.0.0.1:9000" or "[::1]:9000"; empty: on the unix socket only */
		char textfile[SETTINGS_PATH_SIZE]; /* empty: none */
		uint64_t metrics_containers_max;   /* the most containers that have series of their own */
	} report;

	struct history_settings {
		uint64_t keep_usec;      /* how long rows, and workloads without containers, are kept */
		uint64_t size_max_bytes; /* above this size the oldest rows are deleted too */
	} history;

	struct vm_settings {
		int sizing;                /* enum vm_sizing */
		uint64_t memory_min_bytes; /* the least that a guest needs beside its containers */
		uint64_t interval_usec;    /* between two readings of a virtual machine, host and guest */
		uint64_t deadline_usec;    /* for a guest's answer */
		double waste_ratio; /* this share of the declared overhead may be unused without a warning */
	} vm;

	/* For settings_for_namespace(). */
	struct settings_namespace namespaces[SETTINGS_NAMESPACES_MAX];
	size_t n_namespaces;
};

/* A known setting. */
struct setting {
	const char *section, *key;
	const char *description; /* a sentence, for tidemark.conf(5) */
};

/* Brings into force the [namespace] sections that match this namespace, in the order in which
 * they were read. */
void settings_for_namespace(struct settings *settings, const char *namespace);

/* The known settings, for `tidemarkctl settings` and for the test that compares the manual with them. */
size_t settings_count(void);
struct setting settings_row(size_t index);

/* Writes a setting's value as a file would have it. Returns buf. */
const char *settings_text(const struct settings *settings, size_t index, char *buf, size_t size);

/* Sets all defaults. */
void settings_default(struct settings *ret);

/* etc_fd: /etc/tidemark; -1: it does not exist. Reads tidemark.conf, then the drop-ins in the order of their
 * names. A missing file is no error. Returns 0 with *ret set, or -errno with file and line in *err. */
int settings_load(int etc_fd, struct settings *ret, struct error *err);

/* For a program that has to go on after settings_load() failed. Sets the defaults, and those settings of
 * [runtime] that can be read. */
void settings_salvage(int etc_fd, struct settings *ret);
