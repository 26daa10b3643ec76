/** The BARs of a VFIO device: mapped as far as the kernel allows, and through its descriptor for the rest. */
import { checkInteger, IxyError } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import { attachBars } from '../attached-bars.ts';
import type { AttachedDevice, DeviceShare } from '../device-share.ts';
import { FileRegisters } from '../file-registers.ts';
import { MappedRegisters } from '../mapped-registers.ts';
import type { RegisterFile } from '../pci-device.ts';
import { type MappedArea, SparseRegisters } from './sparse-registers.ts';
import { structs, VFIO } from './vfio-abi.ts';
import { ask, decodeArray, findCapability } from './vfio-calls.ts';

/** A part of a device, as a part of its file. */
export interface Region {
  readonly offset: number;
  readonly size: number;
  /** Parts that may be mapped; offsets are those in the region. */
  readonly areas: readonly { readonly offset: number; readonly size: number }[];
}

export function regionInfo(device: number, index: number): Region {
  const { fields, bytes } = ask(device, VFIO.DEVICE_GET_REGION_INFO, structs.region_info, { index });
  const [size, offset] = [Number(fields.size), Number(fields.offset)];
  if (size === 0 || (fields.flags & VFIO.REGION_INFO_FLAG_MMAP) === 0) return { offset, size, areas: [] };
  const chain = (fields.flags & VFIO.REGION_INFO_FLAG_CAPS) !== 0 ? fields.cap_offset : 0;
  const at = findCapability(bytes, chain, VFIO.REGION_INFO_CAP_SPARSE_MMAP);
  if (at === undefined) return { offset, size, areas: [{ offset: 0, size }] };
  const head = structs.region_info_cap_sparse_mmap;
  const areas = decodeArray(
    structs.region_sparse_mmap_area,
    bytes,
    at + head.size,
    head.decode(bytes, at).nr_areas,
  ).map((area) => ({ offset: Number(area.offset), size: Number(area.size) }));
  return { offset, size, areas: areas.filter((area) => area.size > 0) };
}

/** What `VfioDevice.share` sends. */
export interface VfioShare extends DeviceShare {
  readonly kind: 'vfio';
  /** The device's, good for the whole process: until the device is closed. */
  readonly descriptor: number;
}

/** The device in another thread of the process. Throws as `VfioBars.get`. */
export function attachVfioDevice({ address, descriptor }: VfioShare): AttachedDevice {
  return attachBars(address, (assertOpen) => {
    return new VfioBars(address, () => {
      assertOpen();
      return descriptor;
    });
  });
}

export class VfioBars {
  readonly #address: string;
  readonly #device: () => number;
  readonly #bars = new Map<number, RegisterFile>();
  readonly #mappings: ArrayBuffer[] = [];

  /** `device`: its descriptor; throws once it is closed. */
  constructor(address: string, device: () => number) {
    this.#address = address;
    this.#device = device;
  }

  /** Throws `ERR_ARGUMENT` if the device has no such BAR. */
  get(index: number): RegisterFile {
    checkInteger(`${this.#address}: index of a BAR`, index, 0, 5);
    const device = this.#device();
    let bar = this.#bars.get(index);
    if (!bar) {
      const region = regionInfo(device, VFIO.PCI_BAR0_REGION_INDEX + index);
      if (region.size === 0) throw new IxyError('ERR_ARGUMENT', `${this.#address}: the device has no BAR ${index}`);
      bar = this.#open(device, region);
      this.#bars.set(index, bar);
    }
    return bar;
  }

  close(): void {
    for (const mapping of this.#mappings.splice(0)) addon().munmap(mapping);
    this.#bars.clear();
  }

  #open(device: number, { offset, size, areas }: Region): RegisterFile {
    const mapped = areas.map((area): MappedArea => {
      const mapping = addon().mmap(device, area.size, offset + area.offset, addon().constants.MAP_SHARED);
      this.#mappings.push(mapping);
      return { offset: area.offset, mapping };
    });
    const [first] = mapped;
    if (first?.mapping.byteLength === size) return new MappedRegisters(this.#address, first.mapping);
    const file = new FileRegisters(this.#address, this.#device, offset, size);
    return mapped.length === 0 ? file : new SparseRegisters(this.#address, mapped, file);
  }
}
