/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "oci/stats.pb-c.h"

/* An exbibyte. More is an error of the shim's, or v1's "no limit" rounded down to whole pages. */
#define AMOUNT_MAX (UINT64_C(1) << 60)

/* Bytes that protobuf-c may allocate. It allocates for every field, known or not: 45 times the size of a
 * hostile answer. A well-formed answer needs one copy for each level, and some room for its fields. */
struct budget {
	size_t left;
	bool has_failed; /* malloc() has, within the budget */
};
#define BUDGET(size) ((struct budget){4 * (size) + 64 * 1024, false})

static void *budget_alloc(void *data, size_t size)
{
	struct budget *budget = data;

	if (size > budget->left)
		return NULL;
	budget->left -= size;
	void *piece = malloc(size);
	budget->has_failed |= !piece;
	return piece;
}

static void budget_free(void *data, void *p)
{
	(void)data;
	free(p);
}

static void cleanup_message_ptr(ProtobufCMessage **message)
{
	protobuf_c_message_free_unpacked(*message, NULL);
}
#define cleanup_message __attribute__((cleanup(cleanup_message_ptr)))

/* Returns 0; -EBADMSG for no message of this type, or one beyond the budget; -ENOMEM. what: for the error. */
static int unpack(const ProtobufCMessageDescriptor *type, ProtobufCBinaryData bytes, struct budget *budget,
		  const char *what, ProtobufCMessage **ret, struct error *err)
{
	ProtobufCAllocator allocator = {budget_alloc, budget_free, budget};

	*ret = protobuf_c_message_unpack(type, &allocator, bytes.len, bytes.data);
	if (*ret)
		return 0;
	if (budget->has_failed)
		return error_errno(err, ENOMEM, "cannot read %s", what);
	return error_set(err, EBADMSG, "%s that cannot be read", what);
}

int stats_request_pack(const char *service, const char *container_id, uint64_t timeout_nsec, uint8_t *buf,
		       size_t size, size_t *ret_length, struct error *err)
{
	uint8_t payload[STATS_ID_MAX + 8];
	Tidemark__StatsRequest stats = TIDEMARK__STATS_REQUEST__INIT;
	Tidemark__TtrpcRequest request = TIDEMARK__TTRPC_REQUEST__INIT;
	size_t length = strlen(container_id);

	if (length == 0 || length > STATS_ID_MAX)
		return error_set(err, EINVAL, "\"%.80s\" is no container's id", container_id);
	stats.id = (char *)container_id;
	request.service = (char *)service;
	request.method = (char *)"Stats";
	request.has_payload = true;
	request.payload = (ProtobufCBinaryData){tidemark__stats_request__pack(&stats, payload), payload};
	request.has_timeout_nano = true;
	request.timeout_nano = timeout_nsec < INT64_MAX ? (int64_t)timeout_nsec : INT64_MAX;
	if (tidemark__ttrpc_request__get_packed_size(&request) > size)
		return error_set(err, EINVAL, "no room for a request");
	*ret_length = tidemark__ttrpc_request__pack(&request, buf);
	return 0;
}

/* The values of google.rpc.Code that tell the caller something. */
static const struct {
	int32_t status;
	int code;
} codes[] = {
	{4, ETIMEDOUT}, /* DEADLINE_EXCEEDED */
	{5, ENOENT},    /* NOT_FOUND */
	{12, ENOSYS},   /* UNIMPLEMENTED */
};

/* The words of kata's agent for a container that has ended: every ended one is removed from the guest. Its
 * status is INVALID_ARGUMENT, but runtime-rs keeps the words alone. */
static const char no_container[] = "invalid container id";

static int refused(const Tidemark__RpcStatus *status, struct error *err)
{
	char words[120];
	size_t length = status->message.len < sizeof words - 1 ? status->message.len : sizeof words - 1;
	int code = EREMOTEIO;

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (codes[i].status == status->code)
			code = codes[i].code;
	if (status->message.len > 0 &&
	    memmem(status->message.data, status->message.len, no_container, sizeof no_container - 1))
		code = ENOENT;
	for (size_t i = 0; i < length; i++) {
		uint8_t c = status->message.data[i];
		words[i] = c >= ' ' && c < 0x7f ? (char)c : '?';
	}
	words[length] = '\0';
	return error_set(err, code, "refused: %s (status %d)", words, status->code);
}

/* protobuf's own libraries put a prefix before the name; containerd does not. */
static bool is_type(ProtobufCBinaryData url, const char *name)
{
	static const char prefix[] = "type.googleapis.com/";
	size_t skip = sizeof prefix - 1, length = strlen(name);

	if (url.len == skip + length && memcmp(url.data, prefix, skip) == 0)
		url = (ProtobufCBinaryData){length, url.data + skip};
	return url.len == length && memcmp(url.data, name, length) == 0;
}

static uint64_t amount(bool has, uint64_t bytes)
{
	return has && bytes <= AMOUNT_MAX ? bytes : GUEST_UNKNOWN;
}

/* The sum; one known part is enough. */
static uint64_t amount_sum(uint64_t a, uint64_t b)
{
	if (a == GUEST_UNKNOWN || b == GUEST_UNKNOWN)
		return a == GUEST_UNKNOWN ? b : a;
	return a + b;
}

/* The hierarchy's figure if it is told, since a v1 usage is the hierarchy's as well. */
static uint64_t amount_total(bool has_total, uint64_t total, bool has, uint64_t own)
{
	return has_total ? amount(true, total) : amount(has, own);
}

static void stats_of_v2(const Tidemark__MemoryV2 *m, struct guest_stats *ret)
{
	*ret = (struct guest_stats){
		.usage_bytes = amount(m->has_usage, m->usage),
		.limit_bytes = amount(m->has_usage_limit, m->usage_limit),
		.anon_bytes = amount(m->has_anon, m->anon),
		.file_bytes = amount(m->has_file, m->file),
		.kernel_bytes = amount_sum(amount(m->has_kernel_stack, m->kernel_stack),
					   amount(m->has_slab, m->slab)),
		.inactive_file_bytes = amount(m->has_inactive_file, m->inactive_file),
		.swap_bytes = m->has_swap_usage ? amount(true, m->swap_usage) : 0,
	};
}

static void stats_of_v1(const Tidemark__MemoryV1 *m, struct guest_stats *ret)
{
	const Tidemark__MemoryEntry *usage = m->usage, *kernel = m->kernel, *swap = m->swap;

	*ret = (struct guest_stats){
		.usage_bytes = amount(usage && usage->has_usage, usage ? usage->usage : 0),
		.limit_bytes = amount(usage && usage->has_limit, usage ? usage->limit : 0),
		.anon_bytes = amount_total(m->has_total_rss, m->total_rss, m->has_rss, m->rss),
		.file_bytes = amount_total(m->has_total_cache, m->total_cache, m->has_cache, m->cache),
		.kernel_bytes = amount(kernel && kernel->has_usage, kernel ? kernel->usage : 0),
		.inactive_file_bytes = amount_total(m->has_total_inactive_file, m->total_inactive_file,
						    m->has_inactive_file, m->inactive_file),
		.swap_bytes = swap && swap->usage == 0 ? 0 : GUEST_UNKNOWN,
		.v1 = true,
	};
}

/* Senders of proto3 leave out a 0. A process always has some anonymous memory. So if anonymous memory was
 * told, the rest of memory.stat was told as well, and a missing figure is 0. */
static void zeroes_fill(struct guest_stats *stats)
{
	if (stats->anon_bytes == GUEST_UNKNOWN)
		return;
	if (stats->file_bytes == GUEST_UNKNOWN)
		stats->file_bytes = 0;
	if (stats->inactive_file_bytes == GUEST_UNKNOWN)
		stats->inactive_file_bytes = 0;
}

static int metrics_parse(const Tidemark__AnyMessage *any, struct budget *budget, struct guest_stats *ret,
			 struct error *err)
{
	bool v2 = is_type(any->type_url, "io.containerd.cgroups.v2.Metrics");

	if (!v2 && !is_type(any->type_url, "io.containerd.cgroups.v1.Metrics"))
		return error_set(err, EPROTONOSUPPORT, "figures of a type that is not known");

	cleanup_message ProtobufCMessage *message = NULL;
	int r = unpack(v2 ? &tidemark__metrics_v2__descriptor : &tidemark__metrics_v1__descriptor, any->value,
		       budget, "figures", &message, err);
	if (r < 0)
		return r;

	const Tidemark__MemoryV2 *memory_v2 = v2 ? ((const Tidemark__MetricsV2 *)message)->memory : NULL;
	const Tidemark__MemoryV1 *memory_v1 = v2 ? NULL : ((const Tidemark__MetricsV1 *)message)->memory;
	struct guest_stats stats = {.usage_bytes = GUEST_UNKNOWN};
	if (memory_v2)
		stats_of_v2(memory_v2, &stats);
	else if (memory_v1)
		stats_of_v1(memory_v1, &stats);
	if (stats.usage_bytes == GUEST_UNKNOWN || stats.usage_bytes == 0)
		return error_set(err, ENODATA, "figures that do not tell how much memory is used");
	zeroes_fill(&stats);
	*ret = stats;
	return 0;
}

int stats_response_parse(const uint8_t *data, size_t size, struct guest_stats *ret, struct error *err)
{
	struct budget budget = BUDGET(size);
	cleanup_message ProtobufCMessage *outer = NULL, *inner = NULL;

	int r = unpack(&tidemark__ttrpc_response__descriptor, (ProtobufCBinaryData){size, (uint8_t *)data},
		       &budget, "an answer", &outer, err);
	if (r < 0)
		return r;
	const Tidemark__TtrpcResponse *response = (const Tidemark__TtrpcResponse *)outer;
	if (response->status && response->status->code != 0)
		return refused(response->status, err);

	r = unpack(&tidemark__stats_response__descriptor, response->payload, &budget, "an answer", &inner,
		   err);
	if (r < 0)
		return r;
	const Tidemark__StatsResponse *stats = (const Tidemark__StatsResponse *)inner;
	if (!stats->stats)
		return error_set(err, ENODATA, "an answer without figures");
	return metrics_parse(stats->stats, &budget, ret, err);
}
