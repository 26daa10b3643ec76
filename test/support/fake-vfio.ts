/**
 * VFIO played by a test: files in an empty directory stand for its devices, and its ioctls are answered here, with the
 * structures written down once more, by byte offsets. What a process asks of the kernel is logged.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, readlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { addon } from '../../src/native/addon.ts';
import { temporaryDirectory } from './process.ts';

const IOCTL = Object.fromEntries(
  [
    'GET_API_VERSION CHECK_EXTENSION SET_IOMMU GROUP_GET_STATUS GROUP_SET_CONTAINER GROUP_UNSET_CONTAINER',
    'GROUP_GET_DEVICE_FD DEVICE_GET_INFO DEVICE_GET_REGION_INFO DEVICE_GET_IRQ_INFO DEVICE_SET_IRQS DEVICE_RESET',
  ]
    .join(' ')
    .split(' ')
    .map((name, number) => [0x3b64 + number, name]),
);

interface FakeRegion {
  readonly size: number;
  /** Default: it cannot be mapped. */
  readonly mappable?: boolean;
  /** Parts that can be mapped; default: all of it. */
  readonly areas?: readonly (readonly [offset: number, size: number])[];
}

/** A call as it was logged: its name, what it was made on, and its argument as bytes or a number. */
interface FakeCall {
  readonly name: string;
  readonly on: string;
  readonly argument: number | Uint8Array | undefined;
}

/** Every region lies at a multiple of this in the device's file. */
export const REGION_STRIDE = 2 ** 20;

export class FakeVfio {
  /** What stands for /dev. */
  readonly devices = temporaryDirectory();
  readonly directory = join(this.devices, 'vfio');
  readonly calls: FakeCall[] = [];
  /** The file behind every device. */
  readonly deviceFile = join(this.directory, 'device');
  version = 0;
  viable = true;
  resettable = true;
  regions: Record<number, FakeRegion> = { 0: { size: 131_072, mappable: true }, 7: { size: 4096 } };
  /** Vectors of INTx, MSI and MSI-X. */
  vectors = [1, 1, 64];
  iovaRanges: readonly (readonly [start: bigint, last: bigint])[] = [
    [0n, 0xfedf_ffffn],
    [0xfef0_0000n, 2n ** 39n - 1n],
  ];
  pageSizes = 0x4020_1000n;
  /** Names of calls that fail, with the error's name. */
  readonly failures = new Map<string, string>();
  /** Descriptors given out for devices, which the kernel would have made. */
  readonly #opened = new Set<number>();

  constructor(...groups: readonly string[]) {
    mkdirSync(this.directory);
    for (const name of ['vfio', 'device', ...groups]) writeFileSync(join(this.directory, name), '');
    const device = openSync(this.deviceFile, 'r+');
    ftruncateSync(device, 8 * REGION_STRIDE);
    writeSync(device, Buffer.from([0x86, 0x80, 0xfb, 0x10]), 0, 4, 7 * REGION_STRIDE);
    closeSync(device);
    const { ioctl, close } = addon();
    const spy = vi.spyOn(addon(), 'ioctl').mockImplementation((descriptor, request, argument) => {
      const on = readlinkSync(`/proc/self/fd/${descriptor}`);
      return on.startsWith(this.directory) ? this.#answer(on, request, argument) : ioctl(descriptor, request, argument);
    });
    // In a worker, Node closes what it opened itself at the end, also if that number is somebody else's by then.
    const closing = vi.spyOn(addon(), 'close').mockImplementation((descriptor) => {
      if (this.#opened.delete(descriptor)) closeSync(descriptor);
      else close(descriptor);
    });
    onTestFinished(() => {
      spy.mockRestore();
      closing.mockRestore();
    });
  }

  /** Arguments of all calls of this name, in order. */
  arguments(name: string): (number | Uint8Array | undefined)[] {
    return this.calls.filter((call) => call.name === name).map(({ argument }) => argument);
  }

  get names(): string[] {
    return this.calls.map(({ name }) => name);
  }

  #answer(path: string, request: number, argument: number | Uint8Array | undefined): number {
    const on = path.slice(this.directory.length + 1);
    // Numbers 12 and up mean one thing on a container and another on a device.
    const name = IOCTL[request] ?? ['IOMMU_GET_INFO', 'IOMMU_MAP_DMA', 'IOMMU_UNMAP_DMA'][request - 0x3b70];
    const copy = argument instanceof Uint8Array ? argument.slice() : argument;
    this.calls.push({ name, on, argument: copy });
    const failure = this.failures.get(name);
    if (failure) throw Object.assign(new Error(`${failure}: ioctl`), { code: failure, syscall: 'ioctl' });
    return argument instanceof Uint8Array ? this.#fill(name, argument) : this.#tell(name, argument);
  }

  #tell(name: string, argument: number | undefined): number {
    if (name === 'GET_API_VERSION') return this.version;
    if (name === 'CHECK_EXTENSION') return argument === 3 || argument === 8 ? 1 : 0;
    return 0;
  }

  #fill(name: string, bytes: Uint8Array): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    switch (name) {
      case 'GROUP_GET_STATUS':
        view.setUint32(4, this.viable ? 1 : 0, true);
        break;
      case 'GROUP_GET_DEVICE_FD': {
        const descriptor = openSync(this.deviceFile, 'r+');
        this.#opened.add(descriptor);
        return descriptor;
      }
      case 'DEVICE_GET_INFO':
        view.setUint32(4, this.resettable ? 3 : 2, true);
        break;
      case 'DEVICE_GET_REGION_INFO':
        this.#region(view);
        break;
      case 'DEVICE_GET_IRQ_INFO':
        view.setUint32(4, 1, true);
        view.setUint32(12, this.vectors[view.getUint32(8, true)] ?? 0, true);
        break;
      case 'IOMMU_GET_INFO':
        this.#iommu(view);
        break;
    }
    return 0;
  }

  #region(view: DataView): void {
    const index = view.getUint32(8, true);
    const { size = 0, mappable = false, areas } = this.regions[index] ?? {};
    view.setUint32(4, 3 | (mappable ? 4 : 0) | (areas ? 8 : 0), true);
    view.setBigUint64(16, BigInt(size), true);
    view.setBigUint64(24, BigInt(index * REGION_STRIDE), true);
    if (!areas) return;
    // A link of no interest first: type 2, of 16 bytes.
    const bytes = 32 + 16 + 16 + 16 * areas.length;
    view.setUint32(0, bytes, true);
    if (view.byteLength < bytes) return;
    view.setUint32(12, 32, true);
    capability(view, 32, 2, 48);
    capability(view, 48, 1, 0);
    view.setUint32(56, areas.length, true);
    for (const [i, [offset, length]] of areas.entries()) {
      view.setBigUint64(64 + 16 * i, BigInt(offset), true);
      view.setBigUint64(72 + 16 * i, BigInt(length), true);
    }
  }

  #iommu(view: DataView): void {
    const bytes = 24 + 16 + 16 * this.iovaRanges.length;
    view.setUint32(4, this.iovaRanges.length > 0 ? 3 : 1, true);
    view.setBigUint64(8, this.pageSizes, true);
    if (this.iovaRanges.length === 0) return;
    view.setUint32(0, bytes, true);
    if (view.byteLength < bytes) return;
    view.setUint32(16, 24, true);
    capability(view, 24, 1, 0);
    view.setUint32(32, this.iovaRanges.length, true);
    for (const [i, [start, last]] of this.iovaRanges.entries()) {
      view.setBigUint64(40 + 16 * i, start, true);
      view.setBigUint64(48 + 16 * i, last, true);
    }
  }
}

function capability(view: DataView, at: number, id: number, next: number): void {
  view.setUint16(at, id, true);
  view.setUint16(at + 2, 1, true);
  view.setUint32(at + 4, next, true);
}
