/**
 * A virtio-net device that misbehaves while it is opened: the driver does without, or says in a typed error what happened;
 * in time, and with everything given back.
 */
import { describe, expect, test } from 'vitest';
import type { VirtioNetFault } from '../../src/emulation/virtio/faults.ts';
import { IxyError } from '../../src/errors.ts';
import { INTERFACES, VirtioLab } from './virtio-lab.ts';
import { expectReopening } from './virtio-recovery.ts';

/** An opening waits at most twice, 1 s each. */
const LONGEST_OPENING = 2200;

/** An error's code, and what its message says; undefined: the driver opens the device all the same. */
type Refusal = readonly [string, string] | undefined;

describe.each(INTERFACES)('opening $name', ({ options }) => {
  const isModern = options.model?.kind !== 'legacy' && options.legacy !== true;
  const fallsBack = isModern && options.model?.kind === 'transitional';

  const absent: Refusal = isModern && !fallsBack ? ['ERR_DEVICE_UNSUPPORTED', 'no common configuration'] : undefined;
  const faults: readonly (readonly [string, VirtioNetFault, Refusal])[] = [
    ['a reset without end', { kind: 'stuck-reset' }, ['ERR_TIMEOUT', 'status must be 0 after a reset, found 0x1']],
    [
      'all features refused',
      { kind: 'features-refused' },
      isModern ? ['ERR_DEVICE_UNSUPPORTED', 'the device refuses the features'] : undefined,
    ],
    ['the first features refused', { kind: 'features-refused', count: 1 }, undefined],
    ['a vector refused', { kind: 'no-vector' }, ['ERR_DEVICE_UNSUPPORTED', 'no room for interrupt vector']],
    [
      'a configuration that never rests',
      { kind: 'config-race' },
      isModern ? ['ERR_DEVICE_FAILED', 'changed 64 times while it was read'] : undefined,
    ],
    ['a configuration that changes a few times', { kind: 'config-race', count: 20 }, undefined],
    ['commands refused that it can do without', { kind: 'control-error' }, undefined],
    ['a command never answered', { kind: 'control-stall' }, ['ERR_TIMEOUT', 'PROMISCUOUS is not answered']],
    ['a command answered late', { kind: 'control-stall', count: 20 }, undefined],
    ['capabilities in a circle', { kind: 'capability-loop' }, undefined],
    ['structures beyond their BAR', { kind: 'capability-offset' }, absent],
    ['structures in no BAR', { kind: 'capability-bar' }, absent],
    ['structures of no bytes', { kind: 'capability-length' }, absent],
    ['nobody there', { kind: 'removal' }, ['ERR_DEVICE_GONE', 'was it removed?']],
  ];

  test.each(faults)('%s', async (_what, fault, error) => {
    const lab = new VirtioLab({ ...options, without: ['RING_PACKED'], ring: 'split' });
    const { model, clock } = lab.device;
    model.faults.inject(fault);
    const begin = clock.now();
    const opened = lab.open();
    if (error) {
      await expect(opened).rejects.toMatchObject({ code: error[0], message: expect.stringContaining(error[1]) });
      await expect(opened).rejects.toBeInstanceOf(IxyError);
      expect(clock.now() - begin).toBeLessThan(LONGEST_OPENING);
      lab.expectEverythingBack();
    } else {
      await opened;
      lab.close();
    }
    if (fault.kind === 'removal' || fault.kind.startsWith('capability')) model.reset(); // another card in the slot
    await expectReopening(lab);
    expect(lab.violations).toEqual([]);
  });

  test('removal at any moment is told, and gives everything back', async () => {
    // An opening takes some hundreds of register accesses.
    for (let after = 0; ; after += 7) {
      const lab = new VirtioLab({ ...options, spare: 64 });
      lab.device.model.faults.inject({ kind: 'removal', after });
      const error = await lab.open().catch((reason: unknown) => reason);
      if (error instanceof Error) {
        expect(error).toMatchObject({ code: 'ERR_DEVICE_GONE' });
        lab.expectEverythingBack();
      } else {
        lab.close();
      }
      if (lab.device.model.faults.armed) break; // it was open and closed before the moment came
    }
  });
});
