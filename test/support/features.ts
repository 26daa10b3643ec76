/** What a test needs of the machine: where it is missing the test is skipped, with the reason printed; in CI it fails. */

/** Whether nothing is missing; `missing` says what is, to be used with `describe.runIf`. */
export function available(tests: string, missing: string | undefined): boolean {
  if (missing === undefined) return true;
  if (process.env.CI) throw new Error(`${tests}: ${missing}`);
  console.warn(`skipped: ${tests}: ${missing}`);
  return false;
}
