/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The wrapper's one voice: a fault of its own, sent at once to the system log's socket. Unlike syslog(3) it
 * never blocks: a log daemon that hangs must not hang a container's creation, and the line is then lost. */

/* Sends "<text>" with the priority LOG_WARNING as a line of `tidemark`: one line, of at most 1 KiB, whatever the values
 * in it are that a pod's author wrote. */
void fault_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a terminal or a log would take for a command (C0, DEL, and C1 in UTF-8), and what is no UTF-8, becomes '?'.
 * Returns text. */
char *fault_tame(char *text);
