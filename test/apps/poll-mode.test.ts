import { describe, expect, it, onTestFinished } from 'vitest';
import { bestPollMode, Forwarder, forward, type PollMode } from '../../src/apps/index.ts';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { open } from '../../src/ports/index.ts';
import { softPort } from './soft-port.ts';

async function emulated(uri: string): Promise<NetDevice> {
  const port = await open(uri, { promiscuous: true });
  onTestFinished(() => port.close());
  return port;
}

describe('the way to wait for packets', () => {
  it('is adaptive where all ports can interrupt', async () => {
    const nic = await emulated('emulated:ixgbe');
    expect(bestPollMode([nic, nic])).toBe('adaptive');
    expect(bestPollMode([nic, softPort('soft').port])).toBe('busy');
  });

  it('cannot be one that a port does not know', () => {
    const a = softPort('left').port;
    const b = softPort('right').port;
    for (const pollMode of ['adaptive', 'interrupt'] as const) {
      expect(() => new Forwarder(a, b, { pollMode })).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT', message: expect.stringMatching(/^left has no interrupts/) }),
      );
    }
  });

  it('cannot be sleep for a forwarder that waits for room', async () => {
    const nic = await emulated('emulated:ixgbe');
    expect(() => new Forwarder(nic, nic, { pollMode: 'adaptive', whenFull: 'wait' })).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    );
  });

  it.each<PollMode>(['busy', 'interrupt', 'adaptive'])('makes no difference to what arrives: %s', async (pollMode) => {
    const from = await emulated('emulated:ixgbe?wire=generator&pace=20kpps');
    const to = await emulated('emulated:ixgbe?wire=loopback');
    await Promise.all([from.waitForLink(), to.waitForLink()]);
    const [there, back] = await forward(from, to, { count: 2000, pollMode });
    expect(there.received + back.received).toBe(2000);
    expect(there.forwarded).toBeGreaterThan(900);
  });
});
