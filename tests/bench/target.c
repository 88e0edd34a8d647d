/* SPDX-License-Identifier: Apache-2.0 */

/* The benchmark runs this program in place of a runtime, so that only the wrapper's own time counts. It is
 * also the program in the containers that a real runtime creates. */

int main(void)
{
	return 0;
}
