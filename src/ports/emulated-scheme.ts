/** What ports with emulated NICs have in common, whatever NIC it is: wire, address, strictness, thread. */
import type { NetDevice } from '../drivers/net-device.ts';
import { unlessGone } from '../drivers/unless-gone.ts';
import type { ModelKind, ModelOptions, Violation } from '../emulation/index.ts';
import {
  ENDED,
  flatWireStatistics,
  sharedWireCounters,
  type WireCounters,
  wireCounters,
} from '../emulation/wires/index.ts';
import { allocatePlainMemory } from '../memory/plain-memory.ts';
import type { PciDevice } from '../pci/pci-device.ts';
import { DelegatedPort } from './delegated-port.ts';
import type { EmulatedNic } from './emulated-nic.ts';
import { wireParameters, wireSpec } from './emulated-wire.ts';
import { nextMac } from './mac-addresses.ts';
import { driverOptions, type OpenOptions } from './open-options.ts';
import { type Parameters, parseValues, type Values } from './parameters.ts';
import { formatPortUri, type PortUri } from './port-uri.ts';
import { parseBoolean, parseStationMac } from './quantities.ts';
import { type EmulatedNicSpec, type PortScheme, portScheme } from './scheme.ts';
import { SteppedRxQueue, SteppedTxQueue } from './stepped-queues.ts';

const SHARED_THREAD = 'emulation';

const addressParameters = {
  ...wireParameters,
  mac: { syntax: 'MAC', meaning: 'its address; default: one that no other port here has', parse: parseStationMac },
} as const;

const judgeParameters = {
  strict: {
    syntax: '1|0',
    meaning: "count each rule of the datasheet that the driver breaks, in the counter 'violations'",
    default: '0',
    parse: parseBoolean,
  },
} as const;

const runParameters = {
  thread: {
    syntax: '1|0|NAME',
    meaning:
      'what runs the NIC: the thread that emulated NICs share, the packet loop itself, or another thread; a cable needs both its NICs on one',
    default: '1',
    parse: parseThread,
  },
} as const;

type NicValues = Values<typeof addressParameters> & Values<typeof judgeParameters>;
type CommonValues = NicValues & Values<typeof runParameters>;

/** What the program asks for, and where memory comes from. */
type DriverOptions = Omit<OpenOptions, 'use'> & Required<Pick<OpenOptions, 'allocateMemory'>>;

/** What the author of a kind of emulated NIC writes. */
interface EmulatedNicDefinition<Kind extends ModelKind, Table extends Parameters> {
  /** The model, and what follows 'emulated:'. */
  readonly model: Kind;
  /** One sentence. */
  readonly summary: string;
  /** Beside those that every emulated NIC has. */
  readonly parameters: Table;
  readonly examples: readonly string[];
  /** Of the model, by the values of its own parameters. */
  readonly modelOptions: (values: Values<Table>) => ModelOptions<Kind>;
  readonly openDriver: (device: PciDevice, options: DriverOptions) => Promise<NetDevice>;
}

/** The whole kind of port. */
export function emulatedScheme<Kind extends ModelKind, Table extends Parameters>(
  definition: EmulatedNicDefinition<Kind, Table>,
): PortScheme {
  const { model, summary, examples } = definition;
  const nicParameters = { ...addressParameters, ...definition.parameters, ...judgeParameters };
  const specify = (name: string, values: NicValues & Values<Table>): EmulatedNicSpec<Kind> => {
    const mac = values.mac ?? nextMac();
    const options = { ...definition.modelOptions(values), mac, strict: values.strict };
    return { model, options, wire: { ...wireSpec(`port '${name}'`, values, mac), counters: sharedWireCounters() } };
  };
  const scheme = portScheme({
    scheme: 'emulated',
    target: model,
    syntax: `emulated:${model}`,
    summary,
    parameters: { ...nicParameters, ...runParameters },
    examples,
    async open({ name, values: all, options }) {
      const values = all as CommonValues & Values<Table>;
      const { options: modelOptions, wire } = specify(name, values);
      const nic = { ...modelOptions, model, address: name };
      const { thread } = values;
      // Only now: whoever has real NICs needs no models.
      const { openSteppedNic, openThreadedNic } = await import('./emulated-nic.ts');
      const emulated = thread === undefined ? openSteppedNic(nic, wire) : openThreadedNic(nic, wire, thread);
      const memory = { allocateMemory: allocatePlainMemory, ...driverOptions(options) };
      return emulatedPort(emulated, await definition.openDriver(emulated.device, memory), wireCounters(wire.counters));
    },
  });
  const describe = (uri: PortUri): EmulatedNicSpec => {
    const name = formatPortUri(uri);
    const values = parseValues(`port '${name}'`, nicParameters, uri.parameters);
    return specify(name, values as NicValues & Values<Table>) as unknown as EmulatedNicSpec;
  };
  return { ...scheme, describe };
}

/** The port that NIC and driver make together. */
function emulatedPort(nic: EmulatedNic, driver: NetDevice, counters: WireCounters): NetDevice {
  const { step } = nic;
  const queues = step && {
    rx: driver.rx.map((queue) => new SteppedRxQueue(queue, step)),
    tx: driver.tx.map((queue) => new SteppedTxQueue(queue, step)),
  };
  let seen: readonly Violation[] = [];
  // Once the port is closed, or its thread gone, there is nobody to ask.
  const violations = (): readonly Violation[] => {
    seen = unlessGone(nic.violations, seen);
    return seen;
  };
  return new DelegatedPort(driver, {
    ...queues,
    ended: () => counters[ENDED] !== 0,
    counters: () => ({ ...violationCounts(violations()), ...wireCounts(counters) }),
    beforeClose: () => {
      step?.();
      violations();
    },
  });
}

/** How many rules were broken, and as 'violations.tx.rs-missing' how often each; advice that was not taken is no breach. */
function violationCounts(violations: readonly Violation[]): Record<string, number> {
  const broken = violations.filter(({ level }) => level === 'broken');
  const rules = broken.map(({ rule, count }) => [`violations.${rule}`, count]);
  return { violations: broken.length, ...Object.fromEntries(rules) };
}

/** Counters of the wire, as 'wire.sent.frames' and so on. */
function wireCounts(counters: WireCounters): Record<string, number> {
  const entries = Object.entries(flatWireStatistics(counters));
  return Object.fromEntries(entries.map(([name, value]) => [`wire.${name}`, value]));
}

/** The name of a thread; undefined: none. */
function parseThread(text: string): string | undefined {
  if (text === '') throw new Error('must be 1, 0, or the name of a thread');
  if (text === '0') return undefined;
  return text === '1' ? SHARED_THREAD : text;
}
