/** What a NIC lets in: receive modes, filters, and a cable that is pulled. */
import { describe, expect, it } from 'vitest';
import { CaptureFileWriter } from '../../../src/packets/capture-file.ts';
import type { AccessPath } from '../harness/binding.ts';
import type { Guest } from '../harness/guest.ts';
import { NIC_MODELS, type Nic, type NicModel, nicAddress, nicMac } from '../harness/nics.ts';
import { lastPrinted, portProgram, runsAs } from '../harness/ports.ts';

/** Destinations, in the order in which they are sent; each frame's payload begins with its place here. */
const FOREIGN = '02:00:00:00:00:77';
const LISTED = '02:00:00:00:00:78';
const GROUP = '01:00:5e:00:00:05';
const LISTED_GROUP = '33:33:00:00:00:09';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const NAMES = ['foreign', 'listed', 'group', 'listed group', 'broadcast', 'own'];
const ETHERTYPE = [0x88, 0xb5]; // for local experiments (IEEE 802)
const PAYLOAD = 14;

/** Changes of the receive mode, one after the other, and what comes in from then on. The last frame always does. */
const MODES: readonly (readonly [string, readonly string[]])[] = [
  [`port.setPromiscuous(true)`, NAMES],
  [`port.setPromiscuous(false)`, ['broadcast', 'own']],
  [`port.setAllMulticast(true)`, ['group', 'listed group', 'broadcast', 'own']],
  [`port.setAllMulticast(false)`, ['broadcast', 'own']],
];
/** The same, where there are filters for addresses. */
const FILTERS: typeof MODES = [
  [
    `port.setMacFilter({ unicast: ['${LISTED}'], multicast: ['${LISTED_GROUP}'] })`,
    ['listed', 'listed group', 'broadcast', 'own'],
  ],
  [`port.setMacFilter({})`, ['broadcast', 'own']],
];

/** A capture file with one frame for each destination. */
function writeFrames(file: string, own: string): void {
  const writer = new CaptureFileWriter(file);
  for (const [index, destination] of [FOREIGN, LISTED, GROUP, LISTED_GROUP, BROADCAST, own].entries()) {
    const frame = Buffer.alloc(60);
    frame.set(Buffer.from(destination.replaceAll(':', ''), 'hex'));
    frame.set([2, 0, 0, 0, 0, 1, ...ETHERTYPE, index], 6);
    writer.write(frame, 0, frame.length, 0, 0);
  }
  writer.close();
}

/** Receives until the last of the frames has come; their numbers. */
const RECEIVE = `
  const batch = new PacketBatch(64);
  const untilLast = async () => {
    const seen = [];
    await poll(() => {
      port.rx[0].receive(batch);
      for (let i = 0; i < batch.length; i++) seen.push(batch.pool.bytes[batch.offset(i) + ${PAYLOAD}]);
      batch.free();
      return seen.at(-1) === ${NAMES.length - 1} ? DONE : 0;
    });
    return seen;
  };`;

export function testReception(guest: () => Guest, path: AccessPath, nic: Nic): void {
  const { supportedBy }: NicModel = NIC_MODELS[nic.model];
  const modes = supportedBy === 'virtio' ? [...MODES, ...FILTERS] : MODES;
  const open = `const port = await openPort('${nicAddress(nic)}', { linkPollInterval: ${path.interrupts ? 0 : 100} });`;

  describe('what comes in', () => {
    it('is what the receive mode lets through', async () => {
      const { host } = guest();
      const file = host.file('destinations.pcap').here;
      writeFrames(file, nicMac(nic));
      const steps = modes.map(
        ([change], step) => `${change}; console.log('mode ${step}'); seen.push(await untilLast());`,
      );
      const running = guest().startScript(
        portProgram(path, `${open} ${RECEIVE} const seen = []; ${steps.join('\n')} print(seen); port.close();`),
        runsAs(path),
      );
      for (const step of modes.keys()) {
        await running.printed(`mode ${step}\n`);
        await guest().cable(nic).send(file);
      }
      const seen = lastPrinted((await running.ended).stdout) as number[][];
      expect(seen.map((frames) => frames.map((frame) => NAMES[frame]))).toEqual(modes.map(([, names]) => names));
    });

    it('stops with a pulled cable, of which the driver tells, and comes again with a plugged one', async () => {
      const { host } = guest();
      const file = host.file('destinations.pcap').here;
      writeFrames(file, nicMac(nic));
      // Without a timer that looks, where there are interrupts: they alone tell of the change.
      const running = guest().startScript(
        portProgram(
          path,
          `${open} ${RECEIVE}
          port.on('link', ({ up }) => print({ event: up, now: port.link().up }));
          const alive = setInterval(() => {}, 1000);
          await untilLast();
          print(port.statistics().rxPackets);
          clearInterval(alive);
          port.close();`,
        ),
        runsAs(path),
      );
      await running.printed('{"event":true,"now":true}');
      await guest().cable(nic).plug(false);
      await running.printed('{"event":false,"now":false}');
      await guest().cable(nic).plug(true);
      await running.printed('{"event":false,"now":false}\n{"event":true,"now":true}');
      await guest().cable(nic).send(file);
      expect(lastPrinted((await running.ended).stdout)).toBe(NAMES.length);
    });
  });
}
