/* SPDX-License-Identifier: Apache-2.0 */

/* What the benchmark runs in place of a runtime, so that only the wrapper's own time is seen; also the program
 * in the containers that a real runtime creates. */

int main(void)
{
	return 0;
}
