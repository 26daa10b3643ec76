/** The virtio driver on a machine without an IOMMU, through sysfs. */
import { beforeAll, describe } from 'vitest';
import { ACCESS_PATHS } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { takeOver } from './harness/ports.ts';
import { chosen, HASHING, HUGE_PAGES, PAIRS, QUICK } from './pairs.ts';
import { testBringUp, testTaking } from './suites/bringup.ts';
import { testForwarderEnds } from './suites/forwarder-ends.ts';
import { testChecksums, testJumbo } from './suites/frames.ts';
import { testMultiqueue } from './suites/modes.ts';
import { testReception } from './suites/reception.ts';
import { testRss } from './suites/rss.ts';
import { testSpeed } from './suites/speed.ts';
import { testTraffic } from './suites/traffic.ts';
import { testWorkers } from './suites/workers.ts';

const { sysfs } = ACCESS_PATHS;
const { legacy, modern, multiqueue } = PAIRS;
/** The others differ in how they are reached, not in how packets pass; half a minute each is spent once per ring format. */
const FORWARDED: Record<string, number> = QUICK ? {} : { legacy: 200_000, packed: 200_000 };

const NICS = [...Object.values(PAIRS).flat(), HASHING];

describeGuest('virtio through sysfs', { nics: NICS, hugePages: HUGE_PAGES }, (guest) => {
  testTaking(guest, sysfs, legacy[0]);

  describe.each(chosen(PAIRS, ['legacy']))('sysfs, %s', (name, pair) => {
    beforeAll(() => takeOver(guest(), sysfs, ...pair));
    testBringUp(guest, sysfs, pair[0]);
    testTraffic(guest, sysfs, pair, FORWARDED[name] ?? 20_000);
    testReception(guest, sysfs, pair[0]);
  });

  describe('sysfs', () => {
    beforeAll(() => takeOver(guest(), sysfs, ...NICS));
    describe.each(chosen({ legacy, modern }, ['modern']))('%s', (_name, pair) => testJumbo(guest, sysfs, pair));
    testChecksums(guest, sysfs, legacy);
    testMultiqueue(guest, sysfs, multiqueue);
    testWorkers(guest, sysfs, multiqueue[0]);
    testRss(guest, sysfs, HASHING);
    testForwarderEnds(guest, sysfs, legacy);
    testSpeed(guest, sysfs, Object.fromEntries(chosen(PAIRS, ['legacy'])));
  });
});
