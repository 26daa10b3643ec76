/** The driver's offline self-test: registers, EEPROM, interrupts, frames looped back in the card. */
import { expect, it } from 'vitest';
import { type Bench, carrier, INTERFACE, until } from '../bench.ts';
import { FAR } from '../judged-nic.ts';

const TESTS = ['Register test', 'Eeprom test', 'Interrupt test', 'Loopback test', 'Link test'];

export function testSelfTest({ guest, nic }: Bench): void {
  it('passes its self-test, and works afterwards', async () => {
    nic().wire.forget();
    const report = await guest().output(`ethtool -t ${INTERFACE} offline`);
    expect(report).toContain('The test result is PASS');
    for (const test of TESTS) expect(report).toMatch(new RegExp(`^${test} .*\\s0$`, 'm'));
    expect(nic().wire.sent).toEqual([]); // what is looped back stays inside
    await guest().output(until(carrier(true)));
    await guest().output(`ping -q -n -c 3 -i 0.01 -W 5 ${FAR.ip}`);
    expect(nic().wire.sent).toHaveLength(3);
  });
}
