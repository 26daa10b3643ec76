/** Opening an ixgbe device: the initialisation sequence of the 82599 datasheet (rev 3.4, section 4.6.3), step by step. */
import { INTEL_VENDOR_ID, type IxgbeModel, ixgbeModels, ixgbeRefusals } from '../../datasheet/ixgbe/devices.ts';
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { IxyError } from '../../errors.ts';
import type { PciDevice } from '../../pci/pci-device.ts';
import { formatPciId } from '../../pci/pci-ids.ts';
import { frameOnWire } from '../frame-length.ts';
import { silent } from '../logger.ts';
import { isStationAddress } from '../station-address.ts';
import { IxgbeDevice } from './device.ts';
import { verifyChecksum } from './eeprom.ts';
import { readMac } from './filters.ts';
import { type DeviceInterrupts, enableInterrupts } from './interrupts.ts';
import { setupLink } from './link.ts';
import { type IxgbeOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import { createQueues, type QueueSet } from './queues.ts';
import { disableFlowControl, enableReceiveQueue, initialiseReceive, startReceive } from './receive.ts';
import { Registers } from './registers.ts';
import { resetDevice } from './reset.ts';
import { startRss } from './rss.ts';
import { withResource } from './semaphore.ts';
import { shutDown } from './shutdown.ts';
import { Statistics } from './statistics.ts';
import { initialiseTransmit, prepareTransmitQueue, startTransmit } from './transmit.ts';

/** Sets of queue counters (8.2.3.23.74 …). */
const COUNTER_SETS = 16;

/** The model of a PCI device, open or not. Throws `ERR_DEVICE_UNSUPPORTED` with the reason for anything else. */
export function identifyIxgbe(device: Pick<PciDevice, 'address' | 'vendorId' | 'deviceId'>): IxgbeModel {
  const { address, vendorId, deviceId } = device;
  const id = formatPciId(vendorId, deviceId);
  const model = ixgbeModels.get(deviceId);
  if (vendorId === INTEL_VENDOR_ID && model) return model;
  const refusal = vendorId === INTEL_VENDOR_ID ? ixgbeRefusals.get(deviceId) : undefined;
  throw new IxyError(
    'ERR_DEVICE_UNSUPPORTED',
    refusal === undefined
      ? `${address} (${id}) is no device that the ixgbe driver knows; 'ixy list' shows those it does`
      : `${address} (${id}) is ${refusal}`,
  );
}

/**
 * Resets and initialises `device`, which belongs to the result from now on: `close` closes it, and so does a failure.
 * The link may still be down when this returns; see `waitForLink`.
 *
 * Throws `ERR_ARGUMENT`, `ERR_DEVICE_UNSUPPORTED`, `ERR_BAD_FILE` (EEPROM), `ERR_TIMEOUT`, `ERR_DEVICE_GONE`, or what
 * allocating memory throws.
 */
export async function openIxgbe(device: PciDevice, options: IxgbeOptions): Promise<IxgbeDevice> {
  let queues: QueueSet | undefined;
  let registers: Registers | undefined;
  let interrupts: DeviceInterrupts | undefined;
  try {
    const model = identifyIxgbe(device);
    const resolved = resolveOptions(device.address, model.mac, options);
    registers = new Registers(device);
    await prepareDevice(registers, model, resolved);
    const statistics = new Statistics(registers);
    mapQueueCounters(registers);
    statistics.reset();
    queues = createQueues(device, resolved);
    device.setBusMaster(true);
    interrupts = enableInterrupts(registers, queues.rx, resolved);
    await startQueues(registers, model, resolved, queues);
    registers.update('CTRL_EXT', { DRV_LOAD: 1 });
    return new IxgbeDevice(registers, model, resolved, { queues, interrupts }, statistics);
  } catch (error) {
    if (registers) shutDown(registers, queues, interrupts, options.logger ?? silent);
    else device.close();
    throw error;
  }
}

/** Interrupts off, reset, EEPROM and DMA ready, station address known, link on its way. */
async function prepareDevice(registers: Registers, model: IxgbeModel, options: ResolvedOptions): Promise<void> {
  await resetDevice(registers);
  if (model.mac === '82599') {
    await withResource(registers, options.logger, 'EEP', () => verifyChecksum(registers));
  }
  const mac = readMac(registers);
  if (!isStationAddress(mac)) {
    throw new IxyError(
      'ERR_DEVICE_UNSUPPORTED',
      `${registers.device.address}: the EEPROM gives ${mac} as MAC address, which no station may have`,
    );
  }
  disableFlowControl(registers, model.mac);
  await setupLink(registers, model, options.logger);
}

/** Queue n counts in set n modulo 16; a reset has undone it (4.6.5). */
function mapQueueCounters(registers: Registers): void {
  for (let n = 0; n < ixgbe.RQSMR.length; n++) {
    const set = (4 * n) % COUNTER_SETS;
    const map = { Q_MAP0: set, Q_MAP1: set + 1, Q_MAP2: set + 2, Q_MAP3: set + 3 };
    registers.assign('RQSMR', map, n);
    registers.assign('TQSM', map, n);
  }
}

/** Receive, then transmit: first what both share, then each queue, the paths last. */
async function startQueues(
  registers: Registers,
  model: IxgbeModel,
  options: ResolvedOptions,
  queues: QueueSet,
): Promise<void> {
  const { bufferSize, rx, rxRings, txRings } = queues;
  const maxFrame = frameOnWire(options.mtu); // what MAXFRS wants (8.2.3.22.13)
  initialiseReceive(registers, { mac: model.mac, maxFrame, promiscuous: options.promiscuous });
  if (options.rss) startRss(registers, options.rss);
  for (const [index, ring] of rxRings.entries()) {
    await enableReceiveQueue(registers, index, ring, bufferSize);
    rx[index].fill();
  }
  startReceive(registers);
  initialiseTransmit(registers, maxFrame);
  for (const [index, ring] of txRings.entries()) prepareTransmitQueue(registers, index, ring);
  await startTransmit(registers, txRings.length);
}
