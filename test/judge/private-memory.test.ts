/** A machine whose memory nobody can map: the emulated 82599 fetches each ring and buffer by messages. */
import { expect, it } from 'vitest';
import { describeJudged } from './harness/describe-judged.ts';
import { FAR } from './harness/judged-nic.ts';
import { testBringUp } from './suites/bring-up.ts';

const PINGS = 5;
const SIZES = [0, 56, 1472];

describeJudged('the emulated 82599, without shared memory', "under Linux's driver", { private: true }, (bench) => {
  const { guest, nic } = bench;
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
