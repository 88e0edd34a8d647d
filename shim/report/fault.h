/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The wrapper's one voice: a fault of its own, sent at once to the system log's socket. Unlike syslog(3) it
 * never blocks: a log daemon that hangs must not hang a container's creation, and the line is then lost. */

/* Sends "<text>" with the priority LOG_WARNING as a line of `tidemark`. */
void fault_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
