/** A device's regions as VFIO numbers them: BARs and configuration space, accessed by clients in any size. */
import { hexadecimal } from '../../hexadecimal.ts';
import { REGION, REGION_READABLE, REGION_WRITABLE } from '../../pci/vfio-user/payloads.ts';
import type { AccessBytes, DeviceModel, ModelBar } from '../device-model.ts';
import { Refusal } from './refusal.ts';

/** Bytes of configuration space, with PCI Express's extension or without. */
const CONFIG_SIZES = [4096, 256];
/** Registers of clients that ask for more are no registers: nothing has longer ones. */
const LONGEST_WRITE = 64;

/** Told of each access once it is done: `value` as read or written, unsigned. */
export type AccessObserver = (
  write: boolean,
  region: number,
  offset: number,
  bytes: AccessBytes,
  value: number,
) => void;

export class RegionSpace {
  /** Register accesses so far: those of BARs, and of configuration space. */
  reads = 0;
  writes = 0;
  onAccess: AccessObserver = () => {};
  readonly #model: DeviceModel;
  readonly #configSize: number;

  constructor(model: DeviceModel) {
    this.#model = model;
    this.#configSize = configSize(model);
  }

  /** Size and flags of a region; both 0 where there is none. */
  info(region: number): { readonly size: number; readonly flags: number } {
    const size = region === REGION.config ? this.#configSize : (this.#model.bars.get(region)?.size ?? 0);
    return { size, flags: size > 0 ? REGION_READABLE | REGION_WRITABLE : 0 };
  }

  /** `count` bytes, by the widest accesses that are aligned. Throws `Refusal`. */
  read(region: number, offset: number, count: number): Uint8Array {
    this.#check(region, offset, count);
    const bytes = new Uint8Array(count);
    const view = new DataView(bytes.buffer);
    for (let done = 0; done < count; ) {
      const width = widthAt(offset + done, count - done);
      const value = this.#readOne(region, offset + done, width);
      if (width === 4) view.setUint32(done, value, true);
      else if (width === 2) view.setUint16(done, value, true);
      else view.setUint8(done, value);
      done += width;
    }
    return bytes;
  }

  /** Whether a write would be taken. Throws `Refusal`. */
  checkWrite(region: number, offset: number, count: number): void {
    this.#check(region, offset, count);
    if (count > LONGEST_WRITE) throw new Refusal('EINVAL', `a write has up to ${LONGEST_WRITE} bytes, found ${count}`);
    const bar = this.#model.bars.get(region);
    if (bar && !bar.narrow && ((offset | count) & 3) !== 0) {
      throw new Refusal('EINVAL', `${count} bytes written at ${hexadecimal(offset)}: the registers have 32 bits`);
    }
  }

  /** Throws `Refusal` as `checkWrite`, before anything is written. */
  write(region: number, offset: number, data: Uint8Array): void {
    this.checkWrite(region, offset, data.length);
    const view = new DataView(data.buffer, data.byteOffset);
    for (let done = 0; done < data.length; ) {
      const width = widthAt(offset + done, data.length - done);
      const value =
        width === 4 ? view.getUint32(done, true) : width === 2 ? view.getUint16(done, true) : view.getUint8(done);
      this.#writeOne(region, offset + done, width, value);
      done += width;
    }
  }

  #readOne(region: number, offset: number, bytes: AccessBytes): number {
    const model = this.#model;
    const bar = model.bars.get(region);
    const value = bar ? readBar(model, region, bar, offset, bytes) : model.config.read(offset, bytes);
    this.reads++;
    this.onAccess(false, region, offset, bytes, value);
    return value;
  }

  #writeOne(region: number, offset: number, bytes: AccessBytes, value: number): void {
    const model = this.#model;
    if (region === REGION.config) model.config.write(offset, bytes, value);
    else model.write(region, offset, bytes, bytes === 4 ? value | 0 : value);
    this.writes++;
    this.onAccess(true, region, offset, bytes, value);
  }

  #check(region: number, offset: number, count: number): void {
    const { size } = this.info(region);
    if (count > 0 && offset + count <= size) return;
    throw new Refusal('EINVAL', `${count} bytes at ${hexadecimal(offset)} of region ${region}, which has ${size}`);
  }
}

function configSize({ config }: DeviceModel): number {
  const [extended, conventional] = CONFIG_SIZES;
  try {
    config.load32(extended - 4);
    return extended;
  } catch {
    return conventional;
  }
}

function widthAt(offset: number, left: number): AccessBytes {
  if ((offset & 3) === 0 && left >= 4) return 4;
  return (offset & 1) === 0 && left >= 2 ? 2 : 1;
}

/** Where registers have 32 bits, a narrower read gets its part of one. */
function readBar(model: DeviceModel, region: number, bar: ModelBar, offset: number, bytes: AccessBytes): number {
  if (bytes === 4 || bar.narrow) return model.read(region, offset, bytes);
  const whole = model.read(region, offset & ~3, 4) >>> (8 * (offset & 3));
  return bytes === 2 ? whole & 0xffff : whole & 0xff;
}
