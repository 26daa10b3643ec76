/** `ixy info`: what a port is, can do and has counted. */
import type { Command } from 'commander';
import type { NetDevice } from '../drivers/net-device.ts';
import type { RssState } from '../drivers/rss.ts';
import { hexadecimal } from '../hexadecimal.ts';
import { RSS_KEY_NAMES, rssKey } from '../packets/toeplitz.ts';
import { integerFrom } from '../ports/quantities.ts';
import { optionValue } from './option-values.ts';
import { Session } from './session.ts';

interface InfoOptions {
  readonly queues: number;
  readonly registers?: boolean;
  readonly json?: boolean;
}

/** Links of emulated NICs, and of fibres, come up within this; copper may take longer, and is then shown as down. */
const LINK_MILLISECONDS = 1000;

const NOTES = `
A NIC is reset and initialised for this, as for every command.

Examples:
  ixy info 0000:03:00.0
  ixy info 'emulated:ixgbe?wire=loopback' --registers
  ixy info 'emulated:ixgbe' --queues 4
`;

export function addInfo(program: Command): void {
  program
    .command('info')
    .description("Show a port's MAC address, link, queues, capabilities and counters.")
    .argument('<port>', "which one; see 'ixy ports'")
    .option('-q, --queues <number>', 'receive and transmit queues to open', optionValue(integerFrom(1, 64)), 1)
    .option('-r, --registers', 'every register of the device by name; reading clears some in the device')
    .option('--json', 'print a JSON object')
    .addHelpText('after', NOTES)
    .action((port: string, options: InfoOptions) => Session.run((session) => info(session, port, options)));
}

async function info(session: Session, uri: string, options: InfoOptions): Promise<void> {
  const [port] = await session.open([uri], { rxQueues: options.queues, txQueues: options.queues });
  await port.waitForLink(LINK_MILLISECONDS).catch(() => {}); // shown as down
  const registers = options.registers ? { registers: port.registers() } : {};
  const facts = { ...describe(port), counters: port.counters(), ...registers };
  process.stdout.write(options.json ? `${JSON.stringify(facts)}\n` : `${text(port, facts).join('\n')}\n`);
}

function describe(port: NetDevice) {
  const { name, driver, description, mac, mtu, rx, tx, capabilities } = port;
  return {
    port: name,
    driver,
    description,
    mac,
    mtu,
    link: port.link(),
    rxQueues: rx.length,
    txQueues: tx.length,
    rss: rssFacts(port.rss?.()),
    capabilities,
  };
}

interface RssFacts extends Pick<RssState, 'queues' | 'fields' | 'hash'> {
  /** Its name, if it has one, or in hexadecimal. */
  readonly key: string;
}

function rssFacts(rss: RssState | undefined): RssFacts | undefined {
  if (!rss) return undefined;
  const { queues, fields, hash } = rss;
  const known = RSS_KEY_NAMES.find((name) => Buffer.compare(rssKey(name), rss.key) === 0);
  return { queues, key: known ?? Buffer.from(rss.key).toString('hex'), fields, hash };
}

interface Facts extends ReturnType<typeof describe> {
  readonly counters: Record<string, number>;
  readonly registers?: Record<string, number>;
}

function text(port: NetDevice, facts: Facts): string[] {
  const { link, capabilities, counters, registers, rss } = facts;
  const duplex = link.fullDuplex ? 'full' : 'half';
  const counted = Object.entries(counters).filter(([, value]) => value !== 0);
  return [
    port.name,
    `  ${port.description}`,
    ...aligned([
      ['driver', port.driver],
      ['MAC', port.mac],
      ['MTU', `${port.mtu} (at most ${capabilities.maxMtu})`],
      ['link', link.up ? `up, ${speedText(link.speed)}, ${duplex} duplex` : 'down'],
      ['speeds', capabilities.speeds.map(speedText).join(', ') || 'unknown'],
      [
        'queues',
        `${port.rx.length} RX of ${capabilities.maxRxQueues}, ${port.tx.length} TX of ${capabilities.maxTxQueues}`,
      ],
      ['RSS', rss ? rssText(rss) : 'off'],
      ['features', capabilities.features.join(', ')],
    ]),
    counted.length > 0 ? '  counters that are not zero:' : '  all counters are zero',
    ...aligned(counted.map(([name, value]) => [name, String(value)])),
    ...(registers ? registerLines(registers) : []),
  ];
}

function rssText({ queues, fields, key }: RssFacts): string {
  return `over queues ${queues.join(', ')}, by ${fields.join(', ') || 'nothing'}, key ${key}`;
}

function speedText(megabits: number): string {
  return megabits > 0 ? `${megabits / 1000} Gbit/s` : 'speed unknown';
}

function registerLines(registers: Record<string, number>): string[] {
  const entries = Object.entries(registers);
  if (entries.length === 0) return ['  no registers: there is no NIC behind this port'];
  return ['  registers:', ...aligned(entries.map(([name, value]) => [name, hexadecimal(value, 8)]))];
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `    ${name.padEnd(width)}  ${value}`);
}
