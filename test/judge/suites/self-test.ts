/** The driver's offline self-test: registers, EEPROM, interrupts, frames looped back in the card. */
import { expect, it } from 'vitest';
import { type Bench, type Check, carrier, INTERFACE, ping, until } from '../harness/bench.ts';
import { FAR } from '../harness/judged-nic.ts';

const TESTS = ['Register test', 'Eeprom test', 'Interrupt test', 'Loopback test', 'Link test'];

export function testSelfTest(bench: Bench): void {
  it('passes its self-test, and works afterwards', () => passesSelfTest(bench));
}

export const passesSelfTest: Check = async ({ guest, nic }) => {
  nic().wire.forget();
  const { stdout: report } = await guest().run(`ethtool -t ${INTERFACE} offline`);
  for (const test of TESTS) expect(report).toMatch(new RegExp(`^${test} .*\\s0$`, 'm'));
  expect(report).toContain('The test result is PASS');
  expect(nic().wire.sent).toEqual([]); // what is looped back stays inside
  await guest().output(`${until(carrier(true))} && ${ping(FAR.ip)}`);
  expect(nic().wire.sent).toHaveLength(3);
};
