/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl overhead --output runtimeclass: what each handler's RuntimeClass should declare. */

#include "shim/ctl/overhead.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/cleanup.h"
#include "shim/report/runtimeclass.h"
#include "shim/report/yaml.h"
#include "shim/store/handler.h"

#define ENDING ".json"

static int is_handler_file(const struct dirent *entry)
{
	const size_t length = strlen(entry->d_name), ending = sizeof ENDING - 1;

	return entry->d_name[0] != '.' && length > ending && length - ending < HANDLER_NAME_SIZE &&
	       strcmp(entry->d_name + length - ending, ENDING) == 0;
}

/* Each RuntimeClass is a YAML stream of its own, because libyaml cannot write the comments before it. */
static int print_class(const struct runtimeclass *advice, bool is_first)
{
	struct document *document;
	char text[EXPLAIN_MAX];

	if (!is_first)
		(void)puts("---");
	ctl_print_line(stdout, "# %s.", runtimeclass_measured(advice, text));
	ctl_print_line(stdout, "# %s.", runtimeclass_verdict(advice, text));
	if (advice->name == advice->handler)
		ctl_print_line(stdout,
			       "# named after the shim, containerd-shim-%s-v2; if CRI-O or containerd call "
			       "the handler otherwise, --name gives its name.",
			       advice->handler);
	int r = yaml_new(stdout, &document);
	if (r < 0)
		return r;
	runtimeclass_write(document, advice);
	return document_finish(document);
}

/* Returns 1 if a document was printed; 0 if not, after a message; or -errno. */
static int print_handler(const struct ctl *ctl, int state_fd, const char *handler_name, const char *name,
			 size_t pods_min, bool is_first)
{
	char text[EXPLAIN_MAX];
	struct handler handler;
	struct runtimeclass advice;
	struct error err;

	if (handler_read(state_fd, handler_name, &handler, &err) < 0) {
		ctl_print_fault(err.text);
		return 0;
	}
	runtimeclass_advise(&handler, ctl->settings.vm.waste_ratio, &advice);
	if (name)
		advice.name = name;
	if (runtimeclass_obstacle(&advice, pods_min, text)) {
		ctl_print_line(stderr, "tidemarkctl: %s: left out: %s", handler_name, text);
		return 0;
	}
	int r = print_class(&advice, is_first);
	return r < 0 ? r : 1;
}

int overhead_print_classes(const struct ctl *ctl, const char *wanted, const char *name, size_t pods_min)
{
	struct dirent **entries = NULL;
	size_t n_classes = 0, n_found = 0;
	int r = 0;

	cleanup_close int state_fd = ctl_open_path(ctl, "/var/lib/tidemark", O_PATH | O_DIRECTORY);
	const int count =
		state_fd < 0 ? -1 : scandirat(state_fd, "handlers", &entries, is_handler_file, alphasort);
	if (count < 0 && errno == EACCES) {
		ctl_print_fault("only root may read /var/lib/tidemark");
		return EXIT_FAILURE;
	}
	for (int i = 0; i < count; i++) {
		char *handler_name = entries[i]->d_name;
		handler_name[strlen(handler_name) - (sizeof ENDING - 1)] = '\0';
		if (r >= 0 && (!wanted || strcmp(wanted, handler_name) == 0)) {
			n_found++;
			r = print_handler(ctl, state_fd, handler_name, name, pods_min, n_classes == 0);
			n_classes += r > 0;
		}
		free(entries[i]);
	}
	free(entries);
	if (r < 0)
		ctl_print_line(stderr, "tidemarkctl: cannot write the documents: %s", strerror(-r));
	else if (n_found == 0)
		ctl_print_line(stderr, "tidemarkctl: no VM%s%.100s has been measured on this node yet",
			       wanted ? " of handler " : "", wanted ? wanted : "");
	return r < 0 || n_classes == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
