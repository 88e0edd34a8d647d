/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report/fault.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "cgroups/cleanup.h"
#include "oci/json.h"

char *fault_tame(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c;) {
		size_t length = json_utf8_length((const char *)c);
		bool is_control = *c < 0x20 || *c == 0x7f || (*c == 0xc2 && length == 2 && c[1] < 0xa0);
		if (length == 0 || is_control)
			memset(c, '?', length > 0 ? length : 1);
		c += length > 0 ? length : 1;
	}
	return text;
}

void fault_log(const char *format, ...)
{
	static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	char line[1024];
	va_list args;

	/* RFC 3164 as journald and syslogd read it on /dev/log: without time and host. */
	int used =
		snprintf(line, sizeof line, "<%d>tidemark[%ld]: ", LOG_DAEMON | LOG_WARNING, (long)getpid());
	va_start(args, format);
	(void)vsnprintf(line + used, sizeof line - (size_t)used, format, args);
	va_end(args);
	fault_tame(line);

	cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		(void)sendto(fd, line, strlen(line), MSG_NOSIGNAL, (const struct sockaddr *)&address,
			     sizeof address);
}
