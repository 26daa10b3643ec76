/** The virtio driver behind an IOMMU: through VFIO, as a user without privileges. */
import { beforeAll, describe, expect, it } from 'vitest';
import { ACCESS_PATHS } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { nicAddress } from './harness/nics.ts';
import { portProgram, runsAs, takeOver } from './harness/ports.ts';
import { chosen, HUGE_PAGES, PAIRS, QUICK } from './pairs.ts';
import { testBringUp, testTaking } from './suites/bringup.ts';
import { testForwarderEnds } from './suites/forwarder-ends.ts';
import { testChecksums, testJumbo } from './suites/frames.ts';
import { testAdaptive, testMultiqueue } from './suites/modes.ts';
import { testReception } from './suites/reception.ts';
import { testTraffic } from './suites/traffic.ts';
import { testCores, testWorkers } from './suites/workers.ts';

const path = ACCESS_PATHS.vfio;
const { legacy, transitional, modern, packed, multiqueue } = PAIRS;
const TRANSLATED = { modern, packed, multiqueue };
const NICS = [legacy[0], transitional[0], ...Object.values(TRANSLATED).flat()];

describeGuest('virtio with an IOMMU', { nics: NICS, hugePages: HUGE_PAGES, ...path.machine }, (guest) => {
  testTaking(guest, path, modern[0]);
  beforeAll(() => takeOver(guest(), path, ...NICS));

  describe.each(chosen(TRANSLATED, ['packed']))('%s', (name, pair) => {
    testBringUp(guest, path, pair[0]);
    testTraffic(guest, path, pair, QUICK || name === 'multiqueue' ? 20_000 : 200_000);
    testReception(guest, path, pair[0]);
    if (!QUICK) testJumbo(guest, path, pair);
    testAdaptive(guest, path, pair);
  });

  testWorkers(guest, path, multiqueue[0]);
  if (!QUICK) {
    testChecksums(guest, path, packed);
    testMultiqueue(guest, path, multiqueue);
    testCores(guest, path, multiqueue);
  }
  testForwarderEnds(guest, path, modern);

  // QEMU lets neither have the feature: a legacy driver knows nothing of an IOMMU (virtio 1.2, section 6.1).
  it.each([legacy[0], transitional[0]])('$model, whose DMA would bypass it, is refused', async (nic) => {
    const program = portProgram(path, `await openPort('${nicAddress(nic)}').catch(({ code }) => print(code));`);
    expect(await guest().script(program, runsAs(path))).toBe('ERR_DMA_UNMAPPED');
  });
});
