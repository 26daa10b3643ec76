/** What a served device answers to each request. */
import { closeDescriptors } from '../../pci/vfio-user/descriptors.ts';
import type { Message } from '../../pci/vfio-user/message-reader.ts';
import {
  DEVICE_PCI,
  DEVICE_RESETTABLE,
  DMA_UNMAP_ALL,
  decodeWriteMulti,
  deviceInfo,
  dmaMap,
  dmaUnmap,
  IRQ_DATA_BOOL,
  IRQS,
  irqInfo,
  irqSet,
  NOTHING,
  REGION_MAPPABLE,
  REGIONS,
  regionAccess,
  regionInfo,
} from '../../pci/vfio-user/payloads.ts';
import { COMMAND, commandName, MAXIMUM_TRANSFER } from '../../pci/vfio-user/protocol.ts';
import { decodeVersion, encodeVersion, MAJOR, MINOR } from '../../pci/vfio-user/version.ts';
import { Refusal } from './refusal.ts';
import type { ServedDevice } from './served-device.ts';

/** Descriptors taken with one message; QEMU takes a server that announces more for broken. */
export const MAXIMUM_DESCRIPTORS = 16;
/** Clients whose memory comes in smaller pieces would keep their server busy with nothing else. */
const SMALLEST_TRANSFER = 4096;

export interface Answer {
  readonly reply: Uint8Array;
  /** What goes with it; they stay the device's. */
  readonly descriptors?: readonly number[];
  /**
   * What is done once the reply is on its way: a client that waits for it cannot answer requests about its memory, which
   * the device's work may lead to.
   */
  readonly afterwards?: () => void;
}

/** Takes the descriptors that it uses out of the message's list; what is left there are too many. */
type Handler = (device: ServedDevice, payload: Uint8Array, descriptors: number[]) => Answer;

const EMPTY: Answer = { reply: NOTHING };

const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [COMMAND.VERSION, greet],
  [COMMAND.DMA_MAP, mapMemory],
  [COMMAND.DMA_UNMAP, unmapMemory],
  [COMMAND.DEVICE_GET_INFO, describeDevice],
  [COMMAND.GET_REGION_INFO, describeRegion],
  [COMMAND.GET_IRQ_INFO, describeInterrupts],
  [COMMAND.SET_IRQS, setInterrupts],
  [COMMAND.REGION_READ, readRegion],
  [COMMAND.REGION_WRITE, writeRegion],
  [COMMAND.WRITE_MULTI, writeRegions],
  [COMMAND.RESET, (device) => ({ reply: NOTHING, afterwards: () => device.reset() })],
]);

/** Throws `Refusal`, or `ERR_BAD_PACKET` for what breaks the protocol. */
export function answer(device: ServedDevice, { command, payload, descriptors }: Message): Answer {
  const handler = HANDLERS.get(command);
  if (!handler) throw new Refusal('ENOTSUP', `${commandName(command)} is not supported`);
  return handler(device, payload, descriptors);
}

function greet(device: ServedDevice, payload: Uint8Array): Answer {
  const { major, minor, doorbells, maximumTransfer } = decodeVersion(payload);
  if (major !== MAJOR)
    throw new Refusal('EINVAL', `version ${major}.${minor} of the protocol; ${MAJOR}.${MINOR} is spoken`);
  if (maximumTransfer < SMALLEST_TRANSFER)
    throw new Refusal('EINVAL', `transfers of up to ${maximumTransfer} bytes; ${SMALLEST_TRANSFER} are needed`);
  device.maximumTransfer = Math.min(maximumTransfer, MAXIMUM_TRANSFER);
  if (doorbells) device.doorbells.share();
  const limits = { maximumDescriptors: MAXIMUM_DESCRIPTORS, maximumTransfer: MAXIMUM_TRANSFER };
  return { reply: encodeVersion({ major, minor: Math.min(minor, MINOR), doorbells, ...limits }) };
}

function mapMemory({ memory }: ServedDevice, payload: Uint8Array, descriptors: number[]): Answer {
  const mapping = dmaMap.decode(payload);
  memory.map(mapping, descriptors[0]);
  closeDescriptors(descriptors.splice(0, 1));
  return EMPTY;
}

function unmapMemory({ memory }: ServedDevice, payload: Uint8Array): Answer {
  const { flags, address, size } = dmaUnmap.decode(payload);
  if ((flags & DMA_UNMAP_ALL) !== 0) memory.clear();
  else memory.unmap(address, size);
  return { reply: payload.slice() };
}

function describeDevice(_device: ServedDevice, payload: Uint8Array): Answer {
  deviceInfo.decode(payload);
  const flags = DEVICE_RESETTABLE | DEVICE_PCI;
  return { reply: deviceInfo.encode({ argsz: deviceInfo.size, flags, regions: REGIONS, irqs: IRQS }) };
}

function describeRegion({ regions, doorbells }: ServedDevice, payload: Uint8Array): Answer {
  const { index } = regionInfo.decode(payload);
  if (index >= REGIONS) throw new Refusal('EINVAL', `region ${index} of ${REGIONS}`);
  const { size, flags } = regions.info(index);
  const descriptor = doorbells.descriptorOf(index);
  const fields = { argsz: regionInfo.size, index, size };
  if (descriptor === undefined) return { reply: regionInfo.encode({ ...fields, flags }) };
  return { reply: regionInfo.encode({ ...fields, flags: flags | REGION_MAPPABLE }), descriptors: [descriptor] };
}

function describeInterrupts({ interrupts }: ServedDevice, payload: Uint8Array): Answer {
  const { index } = irqInfo.decode(payload);
  if (index >= IRQS) throw new Refusal('EINVAL', `interrupts of kind ${index}; there are ${IRQS} kinds`);
  return { reply: irqInfo.encode({ argsz: irqInfo.size, index, ...interrupts.info(index) }) };
}

function setInterrupts({ interrupts }: ServedDevice, payload: Uint8Array, descriptors: number[]): Answer {
  const { flags, index, start, count } = irqSet.decode(payload);
  if (index >= IRQS) throw new Refusal('EINVAL', `interrupts of kind ${index}; there are ${IRQS} kinds`);
  const chosen = irqSet.data(payload, (flags & IRQ_DATA_BOOL) !== 0 ? count : 0);
  interrupts.set({ flags, index, start, count, chosen }, descriptors);
  return EMPTY;
}

function readRegion(device: ServedDevice, payload: Uint8Array): Answer {
  const { offset, region, count } = regionAccess.decode(payload);
  regionAccess.data(payload, 0);
  device.observe();
  return { reply: regionAccess.encode({ offset, region, count }, device.regions.read(region, offset, count)) };
}

function writeRegion(device: ServedDevice, payload: Uint8Array): Answer {
  const { offset, region, count } = regionAccess.decode(payload);
  const data = regionAccess.data(payload, count).slice();
  device.regions.checkWrite(region, offset, count);
  device.observe();
  const reply = regionAccess.encode({ offset, region, count });
  return { reply, afterwards: () => device.write(region, offset, data) };
}

function writeRegions(device: ServedDevice, payload: Uint8Array): Answer {
  const writes = decodeWriteMulti(payload).map((write) => ({ ...write, data: write.data.slice() }));
  for (const { region, offset, data } of writes) device.regions.checkWrite(region, offset, data.length);
  device.observe();
  const afterwards = () => {
    for (const { region, offset, data } of writes) device.write(region, offset, data);
  };
  return { reply: NOTHING, afterwards };
}
