/** Two NICs on one cable in one guest: the two ports of a chip, and NICs without MSI-X. */
import { describe, expect, it } from 'vitest';
import { until } from '../harness/bench.ts';
import { checksumsGood } from '../harness/checksums.ts';
import { at, type Interface, OPTICS, type Pair, TWINS, type VariantBench, wireOf } from '../harness/variants.ts';

const PING_SIZES = [0, 56, 1472];
const PINGS = 2;
const TRANSFER = 2 ** 21;
const PORT = 5001;

export function testPairs(bench: VariantBench): void {
  describe('two ports of one chip', () => {
    it('are two functions of one device', () => areTwoFunctions(bench));
    it('have a cable between them', () => areConnected(bench, TWINS));
    it('carry pings and TCP to each other', () => carryTraffic(bench, TWINS));
  });
  describe('NICs without MSI-X', () => {
    it('have a cable between them', () => areConnected(bench, OPTICS));
    it('interrupt by MSI, or by their line', () => interruptAsTheyCan(bench));
    it('carry pings and TCP to each other', () => carryTraffic(bench, OPTICS));
  });
}

/** The self-test breaks rules on purpose, and so comes behind a look at those. */
export function testInterruptTest(bench: VariantBench): void {
  it('pass their self-test, which tries interrupts without MSI-X only', () => passInterruptTest(bench));
}

/** Causes are raised by software while they are enabled, and while they are not. */
async function passInterruptTest({ guest }: VariantBench): Promise<void> {
  const { stdout: report } = await guest().run(`ethtool -t ${OPTICS.near.name} offline`);
  expect(report).toMatch(/^Interrupt test .*\s0$/m);
  expect(report).toContain('The test result is PASS');
}

async function areTwoFunctions({ guest }: VariantBench): Promise<void> {
  const devices = await guest().output('lspci -n -s 0a');
  expect(devices.split('\n')).toEqual([0, 1].map((part) => `00:0a.${part} 0200: 8086:10fb (rev 01)`));
  expect(await guest().output('lspci -vv -s 0a.1')).toContain('Interrupt: pin B');
  const log = await guest().output('dmesg --notime');
  // By the module's type the driver tells which port it is in: 3 and 4 are a cable's.
  for (const part of [0, 1]) expect(log).toContain(`ixgbe 0000:00:0a.${part}: MAC: 2, PHY: 14, SFP+: ${3 + part}`);
}

/** The far end moves to a namespace of its own: what reaches it has come by the cable. */
async function areConnected({ guest, server }: VariantBench, { near, far }: Pair): Promise<void> {
  await guest().output(`ip netns add ${far.namespace} && ip link set ${far.name} netns ${far.namespace}`);
  for (const end of [near, far]) {
    const address = at(end, `ip address add ${end.address}/24 dev ${end.name}`);
    await guest().output(`${address} && ${at(end, `ip link set ${end.name} up`)}`);
  }
  for (const end of [near, far]) {
    await guest().output(until(`${at(end, `ip link show ${end.name}`)} | grep -q LOWER_UP`));
    expect(server().devices[end.index].model.linkUp).toBe(true);
  }
}

async function carryTraffic(bench: VariantBench, { near, far }: Pair): Promise<void> {
  const { guest } = bench;
  const [nearWire, farWire] = [wireOf(bench, near), wireOf(bench, far)];
  for (const size of PING_SIZES) {
    await guest().output(at(near, `ping -q -n -c ${PINGS} -i 0.01 -W 5 -s ${size} ${far.address}`));
  }
  nearWire.forget();
  farWire.forget();
  await transfer(bench, near, far);
  await transfer(bench, far, near);
  for (const [from, to] of [
    [nearWire, farWire],
    [farWire, nearWire],
  ]) {
    const bytes = from.sent.reduce((sum, { length }) => sum + length, 0);
    expect(bytes).toBeGreaterThan(TRANSFER);
    expect(from.sent.findIndex((frame) => !checksumsGood(frame))).toBe(-1);
    expect(to.taken.length).toBe(from.sent.length);
  }
}

async function interruptAsTheyCan({ guest }: VariantBench): Promise<void> {
  const before = await interrupts(guest);
  expect(before.get(OPTICS.near.name)?.kind).toBe('PCI-MSI');
  expect(before.get(OPTICS.far.name)?.kind).toBe('IO-APIC');
  await guest().output(at(OPTICS.near, `ping -q -n -c 3 -i 0.01 -W 5 ${OPTICS.far.address}`));
  const after = await interrupts(guest);
  for (const { name } of [OPTICS.near, OPTICS.far]) {
    expect(after.get(name)?.count).toBeGreaterThan(before.get(name)?.count ?? 0);
  }
}

/** Bytes that differ from run to run; digests tell whether they arrived. */
async function transfer({ guest }: VariantBench, from: Interface, to: Interface): Promise<void> {
  const program = `
    const bytes = require("node:crypto").randomBytes(${TRANSFER});
    const digest = require("node:crypto").createHash("sha256").update(bytes).digest("hex");
    const server = require("node:net").createServer((socket) => { socket.end(bytes); server.close(); });
    server.listen(${PORT}, () => console.log("listening", digest));`;
  const server = guest().start(at(from, `node -e '${program}'`));
  const [, digest] = (await server.printed('listening')).trim().split(' ');
  const client = `exec 3<>/dev/tcp/${from.address}/${PORT} && sha256sum <&3`;
  expect(await guest().output(at(to, `bash -c '${client}'`))).toContain(digest);
  expect((await server.ended).status).toBe(0);
}

/** The guest's interrupts by the names that drivers gave them: how each comes, and how often it has. */
async function interrupts(guest: VariantBench['guest']): Promise<Map<string, { kind: string; count: number }>> {
  const lines = (await guest().output('cat /proc/interrupts')).split('\n');
  return new Map(
    lines.map((line) => {
      const words = line.trim().split(/ +/);
      const count = Number(words[1]) + Number(words[2]);
      return [words.at(-1) ?? '', { kind: words[3] ?? '', count }];
    }),
  );
}
