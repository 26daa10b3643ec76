/** A machine whose memory nobody can map: the emulated 82599 fetches each ring and buffer by messages. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { haveTap } from '../support/tap.ts';
import { describeGuest } from '../vm/harness/describe-guest.ts';
import { type Bench, SLOT } from './harness/bench.ts';
import { FAR, JudgedNic } from './harness/judged-nic.ts';
import { testBringUp } from './suites/bring-up.ts';

const SOCKET = join(tmpdir(), `ixy-private-${process.pid}.sock`);
const PINGS = 5;
const SIZES = [0, 56, 1472];

describe.runIf(haveTap)('the emulated 82599, without shared memory', () => {
  let served: JudgedNic | undefined;
  beforeAll(async () => {
    served = await JudgedNic.start(SOCKET);
  });
  afterAll(() => served?.close());
  const nic = (): JudgedNic => {
    if (!served) throw new Error('the NIC is there only while its tests run');
    return served;
  };

  const machine = { nics: [], served: [{ socket: SOCKET, slot: SLOT }], private: true };
  describeGuest("under Linux's driver", machine, (guest) => {
    const bench: Bench = { guest, nic };
    testBringUp(bench);

    it('sends and receives', async () => {
      nic().wire.forget();
      for (const size of SIZES) {
        const report = await guest().output(`ping -n -c ${PINGS} -i 0.01 -W 5 -s ${size} ${FAR.ip}`);
        expect(report).not.toContain('wrong data');
      }
      expect(nic().wire.sent).toHaveLength(PINGS * SIZES.length);
      expect(nic().wire.taken).toHaveLength(PINGS * SIZES.length);
      expect(nic().device.model.dmaFaults).toBe(0);
      expect(nic().log).toHaveLength(1);
    });
  });
});
