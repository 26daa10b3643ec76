/** Receive side scaling: which of two queues, and so which processor, gets a flow. The test calculates each flow's hash. */
import { describe, expect, it } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { PUBLISHED_HASHES, PUBLISHED_KEY } from '../../support/published-hashes.ts';
import { type Bench, type Check, change, INTERFACE } from '../harness/bench.ts';
import { type Flow, flow, flowKinds } from '../harness/flows.ts';
import { arrive, withPerfectFilters } from '../harness/queues.ts';
import { toeplitz } from '../harness/toeplitz.ts';
import { accessesOf } from '../harness/watching.ts';

const { EICS_EXT, RETA, RSSRK } = ixgbe;
const QUEUES = [0, 1];
const FLOWS_OF_A_KIND = 24;
/** The flows that a vector's interrupts are counted for. */
const FEW = 20;

export function testRss(bench: Bench): void {
  describe('receive side scaling', () => {
    it('has hashes as published, by the test’s own account', hashesAsPublished);
    it('spreads flows as hash and table say', () => spreadsFlows(bench));
    it('spreads them anew by another key and table, and UDP by its ports', () => spreadsFlowsAnew(bench));
    it('interrupts the processor that a queue is for', () => interruptsByQueue(bench));
  });
}

function hashesAsPublished(): void {
  const key = bytesOf(PUBLISHED_KEY);
  for (const [source, sourcePort, destination, destinationPort, overAddresses, overPorts] of PUBLISHED_HASHES) {
    const addresses = { source, destination };
    const ip = source.includes(':') ? { ipv6: addresses } : { ipv4: addresses };
    const packet = { ...ip, tcp: { sourcePort, destinationPort } };
    const hashes = (['addresses', 'ports'] as const).map((hashed) => {
      const { hashInput } = flow({ name: 'TCP', describe: () => packet, hashed }, 0);
      return hashInput && toeplitz(key, hashInput);
    });
    expect(hashes).toEqual([overAddresses, overPorts]);
  }
}

export const spreadsFlows: Check = (bench) =>
  withPerfectFilters(bench, async () => {
    const rss = await readRss(bench);
    expect(new Set(rss.table)).toEqual(new Set(QUEUES));
    await checkSpread(bench, rss, flowKinds('addresses'));
  });

export const spreadsFlowsAnew: Check = (bench) =>
  withPerfectFilters(bench, async () => {
    const { key } = await readRss(bench);
    const coloned = (hex: string): string => hex.match(/../g)?.join(':') ?? '';
    const udpHash = (fields: string): string =>
      ['udp4', 'udp6'].map((kind) => `ethtool -N ${INTERFACE} rx-flow-hash ${kind} ${fields}`).join(' && ');
    await change(bench, `ethtool -X ${INTERFACE} weight 1 3 hkey ${coloned(PUBLISHED_KEY)} && ${udpHash('sdfn')}`);
    const changed = await readRss(bench);
    expect(changed.key).toEqual(bytesOf(PUBLISHED_KEY));
    expect(QUEUES.map((queue) => changed.table.filter((entry) => entry === queue).length)).toEqual([32, 96]);
    await checkSpread(bench, changed, flowKinds('ports'));
    const former = coloned(Buffer.from(key).toString('hex'));
    await change(bench, `ethtool -X ${INTERFACE} equal ${QUEUES.length} hkey ${former} && ${udpHash('sd')}`);
    expect(await readRss(bench)).toMatchObject({ key });
  });

export const interruptsByQueue: Check = (bench) =>
  withPerfectFilters(bench, async () => {
    const rss = await readRss(bench);
    const flows = allFlows(flowKinds('addresses'));
    for (const queue of QUEUES) {
      const chosen = flows.filter((candidate) => queueOf(candidate, rss) === queue).slice(0, FEW);
      let grown: number[] = [];
      // The driver has every vector fire from time to time, in case that an interrupt was lost.
      const nudges = await accessesOf(bench, EICS_EXT, 'write', async () => {
        const before = await interrupts(bench);
        await arrive(bench, chosen);
        grown = (await interrupts(bench)).map((count, vector) => count - before[vector]);
      });
      expect(grown[queue]).toBeGreaterThan(0);
      expect(grown[1 - queue]).toBeLessThanOrEqual(nudges.length);
    }
  });

/** Sends all flows of one queue, and then of the other: each packet counts where it belongs. */
async function checkSpread(bench: Bench, rss: Rss, kinds: ReturnType<typeof flowKinds>): Promise<void> {
  const flows = allFlows(kinds);
  for (const queue of QUEUES) {
    const chosen = flows.filter((candidate) => queueOf(candidate, rss) === queue);
    expect(chosen.length).toBeGreaterThan(FLOWS_OF_A_KIND);
    expect(await arrive(bench, chosen)).toEqual(QUEUES.map((each) => (each === queue ? chosen.length : 0)));
  }
}

function allFlows(kinds: ReturnType<typeof flowKinds>): Flow[] {
  return kinds.flatMap((kind) => Array.from({ length: FLOWS_OF_A_KIND }, (_, i) => flow(kind, i)));
}

function queueOf({ hashInput }: Flow, { key, table }: Rss): number {
  return hashInput ? table[toeplitz(key, hashInput) % table.length] : 0;
}

interface Rss {
  readonly key: Uint8Array;
  readonly table: readonly number[];
}

/** As the driver tells it, which must be what the card's registers say. */
async function readRss({ guest, nic }: Bench): Promise<Rss> {
  const text = await guest().output(`ethtool -x ${INTERFACE}`);
  const table = [...text.matchAll(/^ *\d+: +([\d ]+)$/gm)].flatMap(([, row]) => row.trim().split(/ +/).map(Number));
  const key = bytesOf((/RSS hash key:\n([\da-f:]+)/.exec(text)?.[1] ?? '').replaceAll(':', ''));
  expect(table).toEqual(Array.from({ length: 4 * RETA.length }, (_, i) => byteOf(nic().register(RETA, i >>> 2), i)));
  expect([...key]).toEqual(
    Array.from({ length: 4 * RSSRK.length }, (_, i) => byteOf(nic().register(RSSRK, i >>> 2), i)),
  );
  return { key, table };
}

/** How often each queue's vector has interrupted the guest's processors. */
async function interrupts({ guest }: Bench): Promise<number[]> {
  const lines = (await guest().output('cat /proc/interrupts')).split('\n');
  return QUEUES.map((queue) => {
    const line = lines.find((candidate) => candidate.endsWith(` ${INTERFACE}-TxRx-${queue}`)) ?? '';
    const [, ...counts] = line.trim().split(/ +/);
    return counts.slice(0, 2).reduce((sum, count) => sum + Number(count), 0);
  });
}

function byteOf(word: number, i: number): number {
  return (word >>> (8 * (i & 3))) & 0xff;
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}
