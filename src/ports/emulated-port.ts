/** `emulated:ixgbe?…`: an emulated NIC with a wire of one's choice, driven by the same driver as a real one. */
import { type IxgbeModel, ixgbeModels } from '../datasheet/ixgbe/devices.ts';
import { openIxgbe } from '../drivers/ixgbe/index.ts';
import type { NetDevice } from '../drivers/net-device.ts';
import type { Violation } from '../emulation/index.ts';
import {
  ENDED,
  flatWireStatistics,
  sharedWireCounters,
  type WireCounters,
  wireCounters,
} from '../emulation/wires/index.ts';
import { IxyError } from '../errors.ts';
import { allocatePlainMemory } from '../memory/plain-memory.ts';
import { knownOrNear } from '../near-match.ts';
import { DelegatedPort } from './delegated-port.ts';
import { type EmulatedNic, openSteppedNic, openThreadedNic } from './emulated-nic.ts';
import { wireParameters, wireSpec } from './emulated-wire.ts';
import { nextMac } from './mac-addresses.ts';
import { driverOptions, type OpenOptions } from './open-options.ts';
import { parseBoolean, parseStationMac } from './quantities.ts';
import { portScheme } from './scheme.ts';
import { SteppedRxQueue, SteppedTxQueue } from './stepped-queues.ts';

const MODELS = ['ixgbe'];
const SHARED_THREAD = 'emulation';

export const emulatedScheme = portScheme({
  scheme: 'emulated',
  syntax: 'emulated:ixgbe',
  summary: 'An emulated Intel 82599, driven through its registers and rings by the same driver as a real one.',
  parameters: {
    ...wireParameters,
    mac: { syntax: 'MAC', meaning: 'its address; default: one that no other port here has', parse: parseStationMac },
    device: { syntax: 'ID', meaning: 'PCI device id of the 82599 variant', default: '10fb', parse: parseDeviceId },
    strict: {
      syntax: '1|0',
      meaning: "count each rule of the datasheet that the driver breaks, in the counter 'violations'",
      default: '0',
      parse: parseBoolean,
    },
    thread: {
      syntax: '1|0|NAME',
      meaning:
        'what runs the NIC: the thread that emulated NICs share, the packet loop itself, or another thread; a cable needs both its NICs on one',
      default: '1',
      parse: parseThread,
    },
  },
  examples: [
    'emulated:ixgbe?wire=tap:tap0',
    'emulated:ixgbe?wire=generator&size=1514&pace=1Mpps',
    'emulated:ixgbe?wire=cable:a&rate=10G&delay=50us&loss=1e-3',
    'emulated:ixgbe?wire=pcap:in.pcap,out.pcap&thread=0',
  ],
  async open({ name, target, values, options }) {
    const where = `port '${name}'`;
    if (!MODELS.includes(target)) {
      throw new IxyError('ERR_PORT_URI', `${where}: unknown NIC '${target}'; ${knownOrNear(target, MODELS)}`);
    }
    const mac = values.mac ?? nextMac();
    const counters = sharedWireCounters();
    const wire = { ...wireSpec(where, values, mac), counters };
    const nic = { address: name, mac, deviceId: values.device, strict: values.strict, wire };
    const { thread } = values;
    return drive(thread === undefined ? openSteppedNic(nic) : openThreadedNic(nic, thread), counters, options);
  },
});

/** Opens the driver on the NIC, and makes the port of the two. */
async function drive(nic: EmulatedNic, memory: SharedArrayBuffer, options: OpenOptions): Promise<NetDevice> {
  const device = await openIxgbe(nic.device, { allocateMemory: allocatePlainMemory, ...driverOptions(options) });
  const counters = wireCounters(memory);
  const { step } = nic;
  const queues = step && {
    rx: device.rx.map((queue) => new SteppedRxQueue(queue, step)),
    tx: device.tx.map((queue) => new SteppedTxQueue(queue, step)),
  };
  return new DelegatedPort(device, {
    ...queues,
    ended: () => counters[ENDED] !== 0,
    counters: () => ({ ...violationCounts(nic.violations()), ...wireCounts(counters) }),
    beforeClose: () => step?.(),
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

function parseDeviceId(text: string): number {
  const known = [...ixgbeModels.values()].filter((model: IxgbeModel) => model.mac === '82599');
  const found = known.find(({ deviceId }) => hexadecimal(deviceId) === text.toLowerCase());
  if (!found) throw new Error(`must be one of ${known.map(({ deviceId }) => hexadecimal(deviceId)).join(', ')}`);
  return found.deviceId;
}

function hexadecimal(id: number): string {
  return id.toString(16).padStart(4, '0');
}
