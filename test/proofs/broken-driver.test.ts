/** The real driver, made to break one rule after the other: strict mode catches it each time. */
import { expect, test } from 'vitest';
import type { IxgbeRegister } from '../../src/datasheet/ixgbe/index.ts';
import { IXGBE_RULES, type IxgbeRule } from '../../src/emulation/index.ts';
import { IxyError } from '../../src/errors.ts';
import { Lab } from './lab.ts';
import { MutantDevice } from './mutant-device.ts';
import { type Mutation, traffic } from './mutations.ts';
import { RECEIVE_MUTATIONS } from './mutations-receive.ts';
import { SETUP_MUTATIONS } from './mutations-setup.ts';
import { TRANSMIT_MUTATIONS } from './mutations-transmit.ts';

/** One for every rule that there is. */
const MUTATIONS: Readonly<Record<IxgbeRule, Mutation>> = {
  ...SETUP_MUTATIONS,
  ...RECEIVE_MUTATIONS,
  ...TRANSMIT_MUTATIONS,
};

/** Runs the mutated driver; what it then fails of, if it does, are errors of its own. Returns the rules that it broke. */
async function rulesBrokenBy({ mutate, use = traffic, mtu = 1500 }: Mutation): Promise<string[]> {
  let mutant: MutantDevice | undefined;
  const lab = new Lab({
    mtu,
    wrap: (device) => {
      if (mutant) return mutant;
      mutant = new MutantDevice(device);
      mutate?.(mutant, lab);
      return mutant;
    },
  });
  try {
    await lab.open();
    await lab.nic.waitForLink(100);
    if (mutant) await use(lab, mutant);
    lab.nic.close();
  } catch (error) {
    if (!(error instanceof IxyError)) throw error;
  }
  return lab.violations.map(({ rule }) => rule);
}

/** A driver that lets go of its memory while the device still uses it, whatever it leaves out. */
const CLOSING: readonly (readonly [IxgbeRule, Mutation])[] = [
  ['rx.ring-unmapped', closing('RXDCTL', 'RXCTRL')],
  ['tx.ring-unmapped', closing('TXDCTL', 'DMATXCTL')],
];

/** Never writes 0 to the ENABLE bits of `registers`, and leaves the master on. */
function closing(...registers: IxgbeRegister[]): Mutation {
  return {
    what: `frees its memory while ${registers.join(' and ')} are on`,
    use: (lab, mutant) => {
      traffic(lab);
      mutant.keepsBusMaster = true;
      mutant.onWrite = (name, value) => (registers.includes(name) || name === 'CTRL' ? undefined : value);
      lab.nic.close();
      lab.settle();
    },
  };
}

test('an unchanged driver is not accused', async () => {
  expect(await rulesBrokenBy({ what: 'nothing' })).toEqual([]);
});

for (const [rule, mutation] of [...(Object.entries(MUTATIONS) as [IxgbeRule, Mutation][]), ...CLOSING]) {
  test(`a driver that ${mutation.what}: ${rule} (${IXGBE_RULES[rule].section})`, async () => {
    expect(await rulesBrokenBy(mutation)).toContain(rule);
  });
}
