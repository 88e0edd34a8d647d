/* SPDX-License-Identifier: Apache-2.0 */

/* tidemarkctl handler: writes CRI-O's configuration for a handler that is like one of the node's, but
 * goes through tidemark. */

#include "shim/ctl/ctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "cgroups/file.h"
#include "oci/runtime.h"
#include "oci/shim.h"
#include "shim/ctl/toml.h"

#define CONFIG_MAX   (1 << 20)
#define KEYS_MAX     32
#define DROPINS_MAX  64
#define CRIO_DROPINS "/etc/crio/crio.conf.d"

extern char **environ;

struct key {
	char name[64];
	const char *value; /* points into the text that was read */
	size_t length;
};

struct command {
	struct ctl *ctl;
	const char *handler; /* CRI-O's own handler, such as "crun" */
	const char *config, *write_to;
	struct key keys[KEYS_MAX];
	size_t n_keys, n_printed; /* "crio config" has printed the first n_printed keys */
	char runtime[64];         /* "crun"; for containerd-shim-kata-v2 "kata-v2" */
	char program[PATH_MAX];   /* tidemark's program for this runtime */
	bool is_vm;
};

static int fault(const char *text)
{
	ctl_print_fault(text);
	return EXIT_FAILURE;
}

static void print_help(void)
{
	(void)fputs("usage: tidemarkctl handler [OPTION...] [HANDLER]\n\n"
		    "Prints a drop-in for CRI-O: the handler tidemark-HANDLER, which is as HANDLER (crun if "
		    "none is\n"
		    "named) is on this node, but through tidemark.\n\n"
		    "  --config FILE  what `crio config` printed, or a file of /etc/crio (- is stdin); by "
		    "default\n"
		    "                 `crio config` is run\n"
		    "  --write FILE   writes there, whole or not at all, instead of to stdout; such as\n"
		    "                 " CRIO_DROPINS "/50-tidemark-crun.conf\n",
		    stdout);
}

static const struct key *find_key(const struct command *command, const char *name)
{
	for (size_t i = 0; i < command->n_keys; i++)
		if (strcmp(command->keys[i].name, name) == 0)
			return &command->keys[i];
	return NULL;
}

static bool key_is(const struct key *key, const char *value)
{
	return key && key->length == strlen(value) && memcmp(key->value, value, key->length) == 0;
}

/* Keeps the keys of our handler. A later value replaces an earlier one, but not one that CRI-O
 * itself has printed. */
static int on_entry(const struct toml_entry *entry, void *data, struct error *err)
{
	static const char *const table[] = {"crio", "runtime", "runtimes"};
	struct command *command = data;

	for (size_t i = 0; i < 3; i++)
		if (i == entry->n_parts || strcmp(entry->part[i], table[i]) != 0)
			return 0;
	if (entry->n_parts > 3 && strcmp(entry->part[3], command->handler) != 0)
		return 0;
	if (entry->n_parts != 5)
		return error_set(err, EINVAL,
				 "line %u: a handler is understood as a table of its own, with a value a key",
				 entry->line);
	struct key *key = (struct key *)find_key(command, entry->part[4]);
	if (key && key < command->keys + command->n_printed)
		return 0;
	if (!key) {
		if (command->n_keys == KEYS_MAX || strlen(entry->part[4]) >= sizeof key->name)
			return error_set(err, EINVAL, "line %u: too many keys, or too long ones",
					 entry->line);
		key = &command->keys[command->n_keys++];
		strcpy(key->name, entry->part[4]);
	}
	key->value = entry->value;
	key->length = entry->length;
	return 0;
}

/* ---- What CRI-O says ---- */

/* Runs crio. *ret_text: what crio printed, to be freed. Returns crio's exit status; -ENOENT if there is no
 * crio; or another negative errno. */
static int run_crio(char *const argv[], char **ret_text, size_t *ret_length, struct error *err)
{
	posix_spawn_file_actions_t actions;
	struct stat stat;
	pid_t pid;
	int status;

	/* A file, not a pipe: crio can write all of its output before anybody reads. */
	cleanup_close int out_fd = memfd_create("crio", MFD_CLOEXEC);
	if (out_fd < 0)
		return error_errno(err, errno, "cannot run crio");
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	(void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	int r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		return error_errno(err, r, "cannot run crio");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_errno(err, errno, "cannot wait for crio");
	if (fstat(out_fd, &stat) < 0 || stat.st_size > CONFIG_MAX)
		return error_set(err, E2BIG, "what crio printed is too long");
	*ret_length = (size_t)stat.st_size;
	*ret_text = calloc(1, *ret_length + 1);
	if (!*ret_text || pread(out_fd, *ret_text, *ret_length, 0) != stat.st_size)
		return error_set(err, EIO, "cannot read what crio printed");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int is_dropin(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int read_file(struct command *command, int dir_fd, const char *name, char **ret_text,
		     struct error *err)
{
	struct error why;
	size_t length;

	int r = file_load_link_at(dir_fd, name, CONFIG_MAX, ret_text, &length, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = toml_walk(*ret_text, length, on_entry, command, &why);
	return r < 0 ? error_set(err, -r, "%.100s: %.120s", name, why.text) : 0;
}

/* Reads the administrator's files: `crio config` does not print all keys. A later file wins. The keys point
 * into texts[], which the caller frees after them. */
static int read_administrator(struct command *command, char *texts[static DROPINS_MAX], struct error *err)
{
	struct dirent **entries = NULL;
	int r = 0;

	cleanup_close int etc_fd = ctl_open_path(command->ctl, "/etc/crio", O_PATH | O_DIRECTORY);
	if (etc_fd < 0)
		return 0;
	if ((r = read_file(command, etc_fd, "crio.conf", &texts[0], err)) < 0)
		return r;
	int n = scandirat(etc_fd, "crio.conf.d", &entries, is_dropin, alphasort);
	cleanup_close int dir_fd = openat(etc_fd, "crio.conf.d", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (n >= DROPINS_MAX)
		r = error_set(err, E2BIG, CRIO_DROPINS " has more than %d files", DROPINS_MAX - 1);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = read_file(command, dir_fd, entries[i]->d_name, &texts[i + 1], err);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int walk(struct command *command, const char *text, size_t length, const char *what, struct error *err)
{
	struct error why;
	int r = toml_walk(text, length, on_entry, command, &why);

	return r < 0 ? error_set(err, -r, "%s: %.180s", what, why.text) : 0;
}

/* `crio config` prints a handler that is built in as a comment only. `crio config --default` prints
 * it in full. */
static int ask_crio(struct command *command, char *texts[static DROPINS_MAX + 1], struct error *err)
{
	static const char *const ways[][4] = {{"crio", "config"}, {"crio", "config", "--default"}};
	size_t length;

	for (size_t i = 0; i < 2 && command->n_keys == 0; i++) {
		free(texts[DROPINS_MAX]);
		texts[DROPINS_MAX] = NULL;
		int r = run_crio((char *const *)ways[i], &texts[DROPINS_MAX], &length, err);
		if (r == -ENOENT)
			return error_set(err, ENOENT,
					 "crio is not in $PATH; --config takes what `crio config` printed");
		if (r > 0)
			return error_set(
				err, EINVAL,
				"`crio config` fails, and would not start either: run it to see why");
		if (r < 0 || (r = walk(command, texts[DROPINS_MAX], length, "crio config", err)) < 0)
			return r;
	}
	command->n_printed = command->n_keys;
	return read_administrator(command, texts, err);
}

static int read_config(struct command *command, char *texts[static DROPINS_MAX + 1], struct error *err)
{
	size_t length;

	if (!command->config)
		return ask_crio(command, texts, err);
	if (strcmp(command->config, "-") != 0) {
		int r = file_load_link_at(AT_FDCWD, command->config, CONFIG_MAX, &texts[0], &length, err);
		return r < 0 ? r : walk(command, texts[0], length, command->config, err);
	}
	texts[0] = malloc(CONFIG_MAX);
	if (!texts[0])
		return error_set(err, ENOMEM, "cannot read stdin");
	length = fread(texts[0], 1, CONFIG_MAX, stdin);
	if (ferror(stdin) || length == CONFIG_MAX)
		return error_set(err, E2BIG, "cannot read stdin, or there is too much of it");
	return walk(command, texts[0], length, "stdin", err);
}

/* ---- The handler ---- */

/* Warns if the wrapper would run another program than CRI-O does (`theirs`). */
static void compare_runtimes(const struct command *command, const char *theirs)
{
	const struct settings *settings = &command->ctl->settings;
	const char *named =
		strcmp(command->runtime, "crun") == 0 ? settings->runtime.crun : settings->runtime.runc;
	char ours[PATH_MAX] = "", name[64], directory[PATH_MAX];
	struct stat a, b;
	int r;

	shim_name_of(command->runtime, name, sizeof name);
	if (command->is_vm)
		r = shim_find(command->runtime, shim_kind_of(name), settings->runtime.shims, NULL, ours,
			      sizeof ours, NULL);
	else
		r = runtime_find(command->runtime, named, ours, sizeof ours, NULL);
	if (!theirs[0] ||
	    (r == 0 && (strcmp(ours, theirs) == 0 || (stat(ours, &a) == 0 && stat(theirs, &b) == 0 &&
						      a.st_dev == b.st_dev && a.st_ino == b.st_ino))))
		return;
	(void)snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(theirs, '/') - theirs), theirs);
	ctl_print_line(stderr,
		       "tidemarkctl: %s runs %s, and tidemark would run %s: in tidemark.conf, [runtime] %s = "
		       "%s is missing",
		       command->handler, theirs, r == 0 ? ours : "none",
		       command->is_vm ? "shims" : command->runtime, command->is_vm ? directory : theirs);
}

static int choose_program(struct command *command, struct error *err)
{
	static const char shim[] = "containerd-shim-";
	const struct key *path_key = find_key(command, "runtime_path");
	char theirs[PATH_MAX] = "";

	command->is_vm = key_is(find_key(command, "runtime_type"), "\"vm\"");
	if (path_key && toml_string(path_key->value, path_key->length, theirs, sizeof theirs) < 0)
		return error_set(err, EINVAL, "the runtime_path of %s is no plain string", command->handler);
	if (theirs[0] && theirs[0] != '/')
		return error_set(err, EINVAL, "the runtime_path of %s is not absolute", command->handler);
	const char *slash = strrchr(theirs, '/'), *base = slash ? slash + 1 : command->handler;
	if (strncmp(base, "tidemark", 8) == 0 || strncmp(base, "containerd-shim-tidemark", 24) == 0)
		return error_set(err, ELOOP, "%s is through tidemark already", command->handler);
	if (command->is_vm) {
		if (strncmp(base, shim, sizeof shim - 1) != 0)
			return error_set(err, EINVAL, "the runtime_path of %s is no containerd-shim-…",
					 command->handler);
		base += sizeof shim - 1;
		(void)snprintf(command->program, sizeof command->program, TIDEMARK_BINDIR "/%stidemark-%s",
			       shim, base);
	} else {
		if (strcmp(base, "crun") != 0 && strcmp(base, "runc") != 0)
			return error_set(err, EINVAL, "%s runs %s, and tidemark knows crun and runc",
					 command->handler, base);
		(void)snprintf(command->program, sizeof command->program, TIDEMARK_PROGRAMS "/tidemark-%s",
			       base);
	}
	if ((size_t)snprintf(command->runtime, sizeof command->runtime, "%s", base) >=
	    sizeof command->runtime)
		return error_set(err, EINVAL, "the name of %s is too long", base);
	compare_runtimes(command, theirs);
	return 0;
}

/* Checks a file that the drop-in names. If a handler's monitor is missing, CRI-O does not start. If a
 * handler's program is missing, CRI-O leaves out the handler. */
static int check_file(const struct command *command, const char *key, const char *path, int mode,
		      struct error *err)
{
	cleanup_close int fd = ctl_open_path(command->ctl, path, O_PATH);

	if (fd < 0)
		return error_errno(err, errno, "%s = %s", key, path);
	if (faccessat(fd, "", mode, AT_EMPTY_PATH) < 0)
		return error_errno(err, errno, "%s = %s cannot be %s", key, path,
				   mode == X_OK ? "run" : "read");
	return 0;
}

static int check_files(const struct command *command, struct error *err)
{
	static const struct {
		const char *key;
		int mode;
	} files[] = {{"monitor_path", X_OK}, {"runtime_config_path", R_OK}, {"seccomp_profile", R_OK}};
	char path[PATH_MAX];

	int r = check_file(command, "runtime_path", command->program, X_OK, err);
	for (size_t i = 0; r == 0 && i < sizeof files / sizeof *files; i++) {
		const struct key *key = find_key(command, files[i].key);
		if (key && toml_string(key->value, key->length, path, sizeof path) == 0 && path[0])
			r = check_file(command, files[i].key, path, files[i].mode, err);
	}
	return r;
}

static void print_dropin(const struct command *command, FILE *out)
{
	(void)fprintf(out,
		      "# By tidemarkctl handler: CRI-O's handler %s, through tidemark. CRI-O reads it when "
		      "it starts.\n"
		      "# Pods choose it with a RuntimeClass whose handler is tidemark-%s.\n"
		      "# tidemark.dev/… annotations need not, and must not, stand in allowed_annotations.\n\n"
		      "[crio.runtime.runtimes.tidemark-%s]\n"
		      "runtime_path = \"%s\"\n",
		      command->handler, command->handler, command->handler, command->program);
	for (size_t i = 0; i < command->n_keys; i++) {
		const struct key *key = &command->keys[i];
		if (strcmp(key->name, "runtime_path") == 0 ||
		    strcmp(key->name, "inherit_default_runtime") == 0 ||
		    strcmp(key->name, "platform_runtime_paths") == 0 || key_is(key, "\"\""))
			continue;
		(void)fprintf(out, "%s = %.*s\n", key->name, (int)key->length, key->value);
	}
}

static int make_dropin(struct command *command, char **ret_text, size_t *ret_length, struct error *err)
{
	if (command->n_keys == 0)
		return error_set(err, ENOENT, "there is no [crio.runtime.runtimes.%s]%s", command->handler,
				 command->config
					 ? "; one that is built in is printed by `crio config --default`"
					 : "");
	/* CRI-O would replace our path by the default runtime's. */
	if (key_is(find_key(command, "inherit_default_runtime"), "true"))
		return error_set(err, EINVAL, "%s inherits from the default runtime: name that one",
				 command->handler);
	int r = choose_program(command, err);
	if (r < 0 || (r = check_files(command, err)) < 0)
		return r;
	if (find_key(command, "platform_runtime_paths"))
		ctl_print_fault("platform_runtime_paths is left out: it would lead around tidemark");

	FILE *out = open_memstream(ret_text, ret_length);
	if (!out)
		return error_set(err, ENOMEM, "cannot make the drop-in");
	print_dropin(command, out);
	bool failed = ferror(out);
	return fclose(out) != 0 || failed ? error_set(err, ENOMEM, "cannot make the drop-in") : 0;
}

/* Lets CRI-O itself read the drop-in, without any other configuration file. Without crio there
 * is no check. */
static int check_by_crio(const char *text, size_t length, struct error *err)
{
	char path[64];
	size_t unused;
	cleanup_free char *said = NULL;

	cleanup_close int fd = memfd_create("dropin", 0);
	if (fd < 0 || write(fd, text, length) != (ssize_t)length)
		return error_set(err, EIO, "cannot hand the drop-in to crio");
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	char *argv[] = {(char[]){"crio"}, (char[]){"--config"}, path, (char[]){"--config-dir"},
			(char[]){""},     (char[]){"config"},   NULL};
	int r = run_crio(argv, &said, &unused, err);
	if (r == -ENOENT)
		return 0;
	return r > 0 ? error_set(err, EINVAL, "crio does not take what was made of its own handler") : r;
}

static int write_dropin(const char *path, const char *text, size_t length, struct error *err)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');

	(void)snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash - path) : 0, path);
	const char *open_path = !slash ? "." : slash == path ? "/" : directory;
	cleanup_close int dir_fd = open(open_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return error_errno(err, errno, "cannot open %.150s", open_path);
	return file_replace_at(dir_fd, slash ? slash + 1 : path, 0644, text, length, err);
}

static int act(struct command *command)
{
	char *texts[DROPINS_MAX + 1] = {NULL};
	cleanup_free char *text = NULL;
	struct error err;
	size_t length;

	int r = read_config(command, texts, &err);
	if (r == 0)
		r = make_dropin(command, &text, &length, &err);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	if (r == 0)
		r = check_by_crio(text, length, &err);
	if (r == 0 && command->write_to)
		r = write_dropin(command->write_to, text, length, &err);
	if (r < 0)
		return fault(err.text);
	if (command->write_to)
		ctl_print_line(stderr, "tidemarkctl: wrote %s; now: systemctl restart crio",
			       command->write_to);
	else
		(void)fwrite(text, 1, length, stdout);
	return EXIT_SUCCESS;
}

int ctl_handler(struct ctl *ctl, int argc, char *argv[])
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"write", required_argument, NULL, 'w'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	static struct command command;

	command.ctl = ctl;
	command.handler = "crun";
	argv--;
	argc++;
	optind = 0;
	for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;)
		switch (option) {
		case 'c':
			command.config = optarg;
			break;
		case 'w':
			command.write_to = optarg;
			break;
		case 'h':
			print_help();
			return EXIT_SUCCESS;
		default:
			return EXIT_FAILURE;
		}
	if (argc - optind > 1)
		return fault("handler takes one argument at most, a handler of CRI-O's");
	if (optind < argc)
		command.handler = argv[optind];
	const size_t length = strlen(command.handler);
	if (length == 0 || length > 48 ||
	    strspn(command.handler, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
		return fault("a handler's name has small letters, digits and dashes");
	return act(&command);
}
