/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The node of wrapped.h with kata, behind containerd-shim-tidemark-kata-v2. Include after <cmocka.h>. */

#include "tests/wrapper/wrapped.h"

static struct outcome outcome;
static char shim_path[320]; /* the real shim: the probe */

/* Calls the wrapper by this name from here on, with the probe as the real shim. */
static inline void be_called(struct node *node, const char *name, const char *real)
{
	char link[300];

	snprintf(link, sizeof link, "%s/%s", node->fixture.path, name);
	(void)symlink(node->wrapper, link);
	snprintf(node->program, sizeof node->program, "%s", link);
	snprintf(shim_path, sizeof shim_path, "%s/shims/%s", node->fixture.path, real);
	fixture_parents(node->fixture.root_fd, "shims/");
	if (real[0])
		(void)symlink(node->probe, shim_path);
}

static inline void configure(const struct node *node, const char *mode, const char *more)
{
	char text[1024];
	snprintf(text, sizeof text, "shims = %s/shims\n%s", node->fixture.path, more);
	node_configure(node, mode, text);
}

static inline int shim_begin(void **state)
{
	if (node_begin(state) < 0)
		return -1;
	be_called(*state, "containerd-shim-tidemark-kata-v2", "containerd-shim-kata-v2");
	configure(*state, "enforce", "");
	return 0;
}

#define SHIM_TEST(test) cmocka_unit_test_setup_teardown(test, shim_begin, node_end)

#define CALL(...) \
	ARGS("-namespace", "default", "-address", "", "-publish-binary", "/usr/bin/crio", "-id", __VA_ARGS__)
#define START CALL(ID, "start")

/* In the bundle; the real shim is the program that runs without us. */
static inline struct way in_bundle(void)
{
	return (struct way){.cwd = "bundle", .runtime = shim_path};
}

static inline void start(const struct node *node)
{
	const struct way way = in_bundle();
	run(node, &way, START, &outcome);
}

static inline void assert_passes(const struct node *node, const char *const *args)
{
	const struct way way = in_bundle();
	run_both(node, &way, args, &outcome);
	assert_silent(&outcome);
}

static inline void assert_starts_as_declared(const struct node *node, const char *reason)
{
	const struct way way = in_bundle();

	run_both(node, &way, START, &outcome);
	assert_int_equal(outcome.status, 0);
	assert_string_equal(outcome.out, "");
	assert_string_equal(outcome.err, "");
	assert_logged(&outcome, reason);
}

/* ---- Sandboxes ---- */

#define POD_RESOURCES(limit)                                                                                 \
	"\"pod-linux-resources.crio.io\":\"{\\\"cpu_shares\\\":102,\\\"memory_limit_in_bytes\\\":" limit "}" \
	"\""

#define SANDBOX(limit, more)                                                                              \
	"{\"ociVersion\":\"1.2.0\",\"process\":{\"args\":[\"/pause\"]},\n"                                \
	"\"annotations\":{" more "\"io.kubernetes.pod.namespace\":\"shop\","                              \
	"\"io.kubernetes.pod.name\":\"web-5d4f8c7b9d-x2k4z\",\"io.kubernetes.container.name\":\"POD\","   \
	"\"io.kubernetes.cri-o.ContainerType\":\"sandbox\",\"io.kubernetes.cri-o.SandboxID\":\"" ID "\"," \
	"\"pod-linux-overhead.crio.io\":\"{\\\"memory_limit_in_bytes\\\":167772160}\"," POD_RESOURCES(    \
		limit) ","                                                                                \
		       "\"pod-template-hash\":\"5d4f8c7b9d\"},\n"                                         \
		       "\"linux\":{\"resources\":{\"cpu\":{\"shares\":2}}}}\n"

#define MEMORY(bytes)  "\"io.kubernetes.cri.sandbox-memory\":\"" bytes "\","
#define DEFAULT(bytes) "\"io.katacontainers.config.hypervisor.default_memory\":\"" bytes "\","

static inline void write_sandbox(const struct node *node, const char *text)
{
	node_write(node, "bundle/config.json", text);
}

/* A container of the pod that is known: its limit now, and the one that it declares, in MiB. */
static inline void publish(const struct node *node, const char *container, uint64_t limit, uint64_t declared,
			   int role)
{
	struct limits limits = node_limits();

	snprintf(limits.identity.container, sizeof limits.identity.container, "%s", container);
	snprintf(limits.template, sizeof limits.template, "5d4f8c7b9d");
	limits.role = role;
	limits.recommendation.limit_bytes = limits.enforced_limit_bytes = limit * MIB;
	limits.recommendation.request_bytes = limits.enforced_request_bytes = 50 * MIB;
	limits.observed.p95_bytes = limits.observed.avg_bytes = limits.observed.max_bytes = 40 * MIB;
	limits.declared_bytes = declared * MIB;
	limits.applied_bytes = limit * MIB;
	node_publish(node, &limits);
}

/* Two containers that declare a GiB together and are given 700 MiB. */
static inline void publish_pod(const struct node *node)
{
	publish(node, "nginx", 600, 800, ROLE_CONTAINER);
	publish(node, "log", 100, 224, ROLE_UNKNOWN);
}
