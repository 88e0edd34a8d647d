/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Sends faults of the wrapper to the system log. The wrapper logs nothing else. */

/* Sends one line of `tidemark` with the priority LOG_WARNING to /dev/log: at most 1 KiB, made harmless by
 * fault_tame(), since a pod's author may have written values in it. Unlike syslog(3), fault_log() never
 * blocks: if the log daemon hangs, the line is lost, and the container's creation goes on. */
void fault_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Replaces by '?' each byte of a control character, which a terminal or a log may take for a command (C0,
 * DEL, and C1 in UTF-8), and each byte that is not UTF-8. Returns text. */
char *fault_tame(char *text);
