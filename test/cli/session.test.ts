import { describe, expect, it } from 'vitest';
import { Session } from '../../src/cli/session.ts';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { IxyError } from '../../src/errors.ts';

/** Opens ports in a session that ends as `body` says; the ports, and whether each was closed, in order. */
async function session(body: (session: Session, ports: readonly NetDevice[]) => Promise<void>) {
  const closed: string[] = [];
  const ended = Session.run(async (running) => {
    const ports = await running.open(['emulated:ixgbe?thread=0']);
    for (const port of ports) port.once('closed', () => closed.push(port.name));
    await body(running, ports);
  });
  await ended.catch(() => {});
  return { ended, closed };
}

describe('a session', () => {
  it('closes its ports when the command is done, and when it fails', async () => {
    expect((await session(async () => {})).closed).toHaveLength(1);
    const failed = await session(async () => {
      throw new RangeError('no');
    });
    await expect(failed.ended).rejects.toThrow('no');
    expect(failed.closed).toHaveLength(1);
  });

  it('ends, with the reason, when a port is removed', async () => {
    const { ended, closed } = await session(async (running, [port]) => {
      const aborted = new Promise((done) => running.signal.addEventListener('abort', done));
      port.emit('removed', new IxyError('ERR_DEVICE_GONE', 'the port is gone'));
      await aborted;
    });
    await expect(ended).rejects.toThrow('the port is gone');
    expect(closed).toHaveLength(1);
  });

  it('ends by itself after its time', async () => {
    const { ended } = await session(async (running) => {
      const aborted = new Promise((done) => running.signal.addEventListener('abort', done));
      running.limit(1);
      await aborted;
    });
    await ended;
  });
});
