/** A driver that goes and comes again finds the card as it was. */
import { expect, it } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { type Bench, type Check, carrier, INTERFACE, ping, until } from '../harness/bench.ts';
import { FAR, GUEST } from '../harness/judged-nic.ts';
import { hasLink, isProbed } from './bring-up.ts';

const ROUNDS = 10;
const TIMEOUT = 240_000;
const { RXCTRL, MRQC, RETA, IVAR, RDLEN } = ixgbe;

export function testReload(bench: Bench): void {
  it(
    `is given back and taken again ${ROUNDS} times`,
    async () => {
      for (let round = 0; round < ROUNDS; round++) await isTakenAgain(bench);
    },
    TIMEOUT,
  );
}

export const isTakenAgain: Check = async ({ guest, nic }) => {
  await guest().output('rmmod ixgbe');
  expect(nic().register(RXCTRL) & RXCTRL.bits.RXEN.mask).toBe(0);
  // The driver leaves with a reset, and has cleared none of these itself.
  expect([MRQC, RETA, IVAR, RDLEN].map((register) => nic().register(register))).toEqual([0, 0, 0, 0]);
  nic().wire.forget();
  await guest().output(
    `modprobe ixgbe && ip address add ${GUEST.ip}/24 dev ${INTERFACE} && ip link set ${INTERFACE} up && ` +
      `${until(carrier(true))} && ${ping(FAR.ip)}`,
  );
  expect(nic().wire.sent.length).toBeGreaterThanOrEqual(3);
};

/** And it is the same card as before. */
export const isProbedAgain: Check = async (bench) => {
  await bench.guest().output('rmmod ixgbe');
  await isProbed(bench);
  await hasLink(bench);
};
