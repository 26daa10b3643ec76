/** Frames of all sizes, and TCP with what the card does for it. */
import { expect, it } from 'vitest';
import { type Bench, type Check, carrier, driverCounters, INTERFACE, ping, until } from '../harness/bench.ts';
import { checksumsGood } from '../harness/checksums.ts';
import { FAR, GUEST, LARGEST_MTU } from '../harness/judged-nic.ts';

/** Bytes ahead of a ping's payload: Ethernet, IPv4, ICMP. */
const PING_HEADERS = 42;
const SHORTEST_FRAME = 60;
const LARGEST_PING = LARGEST_MTU - 28;
/** Around these payloads a frame needs no padding any more, is as long as the standard allows, takes one more buffer. */
const BOUNDARIES = [18, 1472, 2048 - PING_HEADERS, 3072 - PING_HEADERS, 4096 - PING_HEADERS, 6144 - PING_HEADERS];
const STEP = 613;
const PINGS = [
  ...new Set([
    ...[0, 1, 2, 3, 8, 16, 64],
    ...BOUNDARIES.flatMap((size) => [size - 1, size, size + 1]),
    ...Array.from({ length: Math.floor(LARGEST_PING / STEP) }, (_, i) => (i + 1) * STEP),
    ...[LARGEST_PING - 1, LARGEST_PING],
  ]),
];

const TRANSFER = 16 * 2 ** 20;
const TCP_PORT = 5001;
const STANDARD_FRAME = 1514;
/** Neither end found anything wrong. What it sends twice for impatience, on a slow machine, is not the card's affair. */
const CLEAN = { InErrs: 0, InCsumErrors: 0 };

export function testTraffic(bench: Bench): void {
  it(`answers pings with 0 to ${LARGEST_PING} bytes`, () => answersPings(bench));
  it('says when it has sent', () => reportsSending(bench));
  it('carries 16 MiB each way by TCP, cut into segments and summed by the card', () => carriesTcp(bench));
}

export const answersPings: Check = async ({ guest, nic }) => {
  await guest().output(setMtu(LARGEST_MTU));
  nic().wire.forget();
  const pings = `for size in ${PINGS.join(' ')}; do ping -n -c 1 -W 2 -s $size ${FAR.ip} || { echo "lost: $size"; break; }; done`;
  const report = await guest().output(pings);
  expect(report.match(/lost: \d+|wrong data/g) ?? []).toEqual([]);
  const lengths = PINGS.map((size) => Math.max(SHORTEST_FRAME, PING_HEADERS + size));
  const { sent, taken } = nic().wire;
  expect(sent.map(({ length }) => length)).toEqual(lengths);
  expect(taken.map(({ length }) => length)).toEqual(lengths);
  expect(sent.filter((frame) => !checksumsGood(frame))).toEqual([]);
  await guest().output(setMtu(1500));
};

/** By the driver's account, no byte is under way any more. */
export const reportsSending: Check = async ({ guest }) => {
  const limits = `/sys/class/net/${INTERFACE}/queues/tx-*/byte_queue_limits`;
  const idle = `[ "$(cat ${limits}/inflight | sort -u)" = 0 ]`;
  await guest().output(`${ping(FAR.ip)} && ${until(idle)}`);
};

const carriesTcp: Check = async (bench) => {
  const { guest, nic } = bench;
  const { host } = nic().far;
  await host.output(`ip link set ${nic().far.interface} mtu 1500 && ${patient(nic().far.interface, FAR.ip)}`);
  await guest().output(patient(INTERFACE, GUEST.ip));
  nic().wire.forget();
  const before = await driverCounters(bench);
  const server = host.startScript(
    transfer(
      `const socket = await new Promise((come) => createServer({ allowHalfOpen: true }, come).listen(${TCP_PORT}, () => console.log('listening')));
    const received = await receive(socket);
    report({ received, sent: send(socket) });
    await once(socket, 'close');
    process.exit();`,
    ),
  );
  await server.printed('listening');
  // What leaves the guest's kernel is longer than a frame may be.
  const large = guest().start(
    `tcpdump -n -p -c 50 -i ${INTERFACE} 'tcp and dst port ${TCP_PORT} and greater 10000' 2>&1`,
  );
  await large.printed('listening on');
  const client = await guest().startScript(
    transfer(
      `const socket = connect({ port: ${TCP_PORT}, host: '${FAR.ip}', allowHalfOpen: true });
    await once(socket, 'connect');
    const sent = send(socket);
    const received = await receive(socket);
    report({ sent, received });`,
    ),
  ).ended;
  const [here, there] = [lastLine(client.stdout), lastLine((await server.ended).stdout)];
  expect(here.bytes).toBe(TRANSFER);
  expect(here.sent).toBe(there.received);
  expect(here.received).toBe(there.sent);
  expect((await large.ended).stdout).toContain('50 packets captured');

  const { sent, taken } = nic().wire;
  expect(Math.max(...sent.map(({ length }) => length))).toBe(STANDARD_FRAME);
  expect(sent.findIndex((frame) => !checksumsGood(frame))).toBe(-1);
  const after = await driverCounters(bench);
  expect(after.tx_packets - before.tx_packets).toBe(sent.length);
  expect(after.rx_packets - before.rx_packets).toBe(taken.length);
  expect(after.rx_csum_offload_errors).toBe(0);
  for (const shell of [guest(), host]) expect(await shell.script(TCP_COUNTERS)).toEqual(CLEAN);
  await host.output(`ip link set ${nic().far.interface} mtu ${LARGEST_MTU}`);
};

/** A shell command that sets the largest packet, for which the driver begins anew. */
function setMtu(mtu: number): string {
  return `ip link set ${INTERFACE} mtu ${mtu} && ${until(carrier(true))}`;
}

/**
 * A shell command that makes TCP repeat what is lost, but not what takes long in an emulated machine, nor what comes out of
 * order: Linux has the card steer a connection to the processor that answers, which moves it from queue to queue.
 */
function patient(name: string, address: string): string {
  const settings = { tcp_early_retrans: 0, tcp_recovery: 0, tcp_reordering: 300 };
  const route = `10.99.0.0/24 dev ${name} proto kernel scope link src ${address}`;
  return [
    ...Object.entries(settings).map(([key, value]) => `echo ${value} >/proc/sys/net/ipv4/${key}`),
    `ip route replace ${route} rto_min 5s`,
  ].join(' && ');
}

/** A program for both ends: 16 MiB that differ from run to run go out, and as much comes in; digests tell whether it is the same. */
function transfer(body: string): string {
  return `
    import { createHash, randomBytes } from 'node:crypto';
    import { once } from 'node:events';
    import { connect, createServer } from 'node:net';
    const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
    const send = (socket) => {
      const bytes = randomBytes(${TRANSFER});
      socket.end(bytes);
      return digest(bytes);
    };
    let bytes = 0;
    const receive = async (socket) => {
      const hash = createHash('sha256');
      socket.on('data', (chunk) => {
        hash.update(chunk);
        bytes += chunk.length;
      });
      await once(socket, 'end');
      return hash.digest('hex');
    };
    const report = (digests) => console.log(JSON.stringify({ ...digests, bytes }));
    ${body}`;
}

interface TransferReport {
  readonly sent: string;
  readonly received: string;
  readonly bytes: number;
}

function lastLine(output: string): TransferReport {
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '');
}

/** A program that prints what the kernel's TCP counted: of the namespace that it runs in. */
const TCP_COUNTERS = `
  import { readFileSync } from 'node:fs';
  const [names, values] = readFileSync('/proc/net/snmp', 'utf8').split('\\n').filter((line) => line.startsWith('Tcp:'));
  const counters = Object.fromEntries(names.split(' ').map((name, i) => [name, Number(values.split(' ')[i])]));
  console.log(JSON.stringify({ InErrs: counters.InErrs, InCsumErrors: counters.InCsumErrors }));`;
