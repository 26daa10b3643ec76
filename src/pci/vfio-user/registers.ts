/** Registers behind a connection: each access is a message, and its answer is waited for. */
import { IxyError } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import type { PciConfigSpace, RegisterFile } from '../pci-device.ts';
import { checkedRegisterOffset } from '../register-offset.ts';
import type { VfioUserClient } from './client.ts';
import { REGION, REGION_MAPPABLE, regionAccess, regionInfo } from './payloads.ts';
import { COMMAND } from './protocol.ts';

/** A region of a served device, as its server describes it. */
interface RegionDescription {
  readonly size: number;
  /** What doorbells are stored into; undefined if there is nothing of the kind. */
  readonly doorbells: ArrayBuffer | undefined;
}

/** Throws as `VfioUserClient.call`. */
function describeRegion(client: VfioUserClient, index: number): RegionDescription {
  const request = regionInfo.encode({ argsz: regionInfo.size, index });
  return client.ask(COMMAND.GET_REGION_INFO, request, (payload, [descriptor]) => {
    const { size, offset, flags } = regionInfo.decode(payload);
    // Of a region that servers let everybody map, nobody knows what a store without a message does.
    const mapped = client.version.doorbells && (flags & REGION_MAPPABLE) !== 0 && descriptor !== undefined;
    if (!mapped) return { size, doorbells: undefined };
    return { size, doorbells: addon().mmap(descriptor, size, offset, addon().constants.MAP_SHARED) };
  });
}

/**
 * Also a write waits for its answer: a doorbell that is rung next is in shared memory at once, and must not overtake it. Each
 * access throws `ERR_ARGUMENT` for an offset that cannot be, `ERR_CLOSED`, and `ERR_DEVICE_GONE` if the server has gone.
 */
export class ServedRegisters implements RegisterFile, PciConfigSpace {
  readonly size: number;
  readonly doorbells: Int32Array;
  readonly #address: string;
  readonly #client: VfioUserClient;
  readonly #region: number;
  readonly #doorbells: ArrayBuffer | undefined;

  /** `address` begins messages. Throws `ERR_ARGUMENT` if the device has no such region. */
  constructor(address: string, client: VfioUserClient, region: number) {
    const { size, doorbells } = describeRegion(client, region);
    if (size === 0) throw new IxyError('ERR_ARGUMENT', `${address}: the device has no ${nameOf(region)}`);
    this.#address = address;
    this.#client = client;
    this.#region = region;
    this.#doorbells = doorbells;
    this.size = size;
    this.doorbells = doorbells ? new Int32Array(doorbells) : new Int32Array(0);
  }

  read8(offset: number): number {
    return this.#read(offset, 1).getUint8(0);
  }

  read16(offset: number): number {
    return this.#read(offset, 2).getUint16(0, true);
  }

  read32(offset: number): number {
    return this.#read(offset, 4).getUint32(0, true);
  }

  write8(offset: number, value: number): void {
    this.#write(offset, Uint8Array.of(value));
  }

  write16(offset: number, value: number): void {
    this.#write(offset, Uint8Array.of(value, value >>> 8));
  }

  write32(offset: number, value: number): void {
    this.#write(offset, Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24));
  }

  /** Stores into doorbells go nowhere from now on. */
  close(): void {
    if (this.#doorbells) addon().munmap(this.#doorbells);
  }

  #read(offset: number, count: number): DataView {
    checkedRegisterOffset(this.#address, offset, count, this.size);
    const request = regionAccess.encode({ offset, region: this.#region, count });
    return this.#client.ask(COMMAND.REGION_READ, request, (reply) => {
      const { buffer, byteOffset } = regionAccess.data(reply, count);
      return new DataView(buffer, byteOffset, count);
    });
  }

  #write(offset: number, data: Uint8Array): void {
    checkedRegisterOffset(this.#address, offset, data.length, this.size);
    const request = regionAccess.encode({ offset, region: this.#region, count: data.length }, data);
    this.#client.call(COMMAND.REGION_WRITE, request);
  }
}

function nameOf(region: number): string {
  return region === REGION.config ? 'configuration space' : `BAR ${region}`;
}
