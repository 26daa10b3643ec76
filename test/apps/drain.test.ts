import { describe, expect, it } from 'vitest';
import { TransmitDrain } from '../../src/apps/drain.ts';
import { DONE, generate, poll } from '../../src/apps/index.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { PacketTemplate } from '../../src/packets/index.ts';
import { open } from '../../src/ports/index.ts';
import { softPort } from './soft-port.ts';

/** A port that counts packets as soon as it is given them, and of whose ring `pending` tells. */
function portWith(pending: () => number) {
  const { port } = softPort('a');
  Object.assign(port.tx[0], { pending });
  return port;
}

describe('waiting for what was queued', () => {
  it('goes on while the ring empties, however slowly, and ends when it is empty', async () => {
    let [now, left] = [0, 50];
    const port = portWith(() => left--);
    const drain = new TransmitDrain(port, () => {
      now += 60;
      return now;
    });
    await drain.wait(0);
    expect(left).toBe(-1);
  });

  it('leaves a ring that stands still', async () => {
    let looks = 0;
    let now = 0;
    const drain = new TransmitDrain(
      portWith(() => {
        looks++;
        return 7;
      }),
      () => {
        now += 60;
        return now;
      },
    );
    await drain.wait(0);
    expect(looks).toBe(3);
  });

  it.each(['ixgbe', 'virtio', 'virtio?ring=split'])('keeps all packets of %s on a slow line', async (nic) => {
    const name = nic.replace(/\W/g, '-');
    const thread = `${nic.includes('?') ? '&' : '?'}wire=cable:drain-${name}&thread=drain`;
    const far = await open(`emulated:ixgbe?wire=cable:drain-${name}&thread=drain`, { promiscuous: true });
    const port = await open(`emulated:${nic}${thread}&rate=2kpps`);
    await Promise.all([port.waitForLink(), far.waitForLink()]);
    const template = new PacketTemplate({ size: 60, ethernet: { source: port.mac, destination: far.mac } });
    expect(await generate(port, { template, count: 300, fields: {} })).toMatchObject({ packets: 300 });
    expect(port.tx[0].pending()).toBe(0);
    // The last ones are still on the cable, which a NIC that is closed unplugs.
    const batch = new PacketBatch(512);
    const receive = () => (batch.length < 300 ? far.rx[0].receive(batch) : DONE);
    await poll(receive, { signal: AbortSignal.timeout(2000) });
    expect(batch.length).toBe(300);
    port.close();
    far.close();
    expect(port.statistics()).toMatchObject({ txPackets: 300, txDropped: 0 });
    batch.free();
  });
});
