/** A PCI device that another process serves over vfio-user: registers by messages, memory and doorbells shared. */
import { checkInteger, IxyError } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import { setBusMasterBit } from '../bus-master.ts';
import { machineClock } from '../machine-clock.ts';
import {
  type DeviceClock,
  PCI_COMMAND,
  PCI_COMMAND_IO,
  PCI_COMMAND_MEMORY,
  type PciConfigSpace,
  type PciDevice,
  type PciInterrupts,
  type RegisterFile,
} from '../pci-device.ts';
import { VfioInterrupts } from '../vfio/interrupts.ts';
import { VfioUserClient } from './client.ts';
import { VfioUserDomain } from './domain.ts';
import { servedInterrupts } from './interrupts.ts';
import { DEVICE_PCI, DEVICE_RESETTABLE, deviceInfo, NOTHING, REGION } from './payloads.ts';
import { COMMAND } from './protocol.ts';
import { ServedRegisters } from './registers.ts';

interface VfioUserDeviceOptions {
  /** Default: the machine's. */
  readonly clock?: DeviceClock;
  /** Default: the one that all vfio-user devices of the process share. */
  readonly domain?: VfioUserDomain;
}

/** Once the server is gone, each access throws `ERR_DEVICE_GONE` and says why. */
export class VfioUserDevice implements PciDevice {
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly numaNode = -1;
  readonly config: PciConfigSpace;
  readonly dma: VfioUserDomain;
  readonly clock: DeviceClock;
  readonly #client: VfioUserClient;
  readonly #interrupts: VfioInterrupts | undefined;
  readonly #bars = new Map<number, ServedRegisters>();
  readonly #resettable: boolean;
  /** The event loop's look at the socket. */
  #watch: { readonly epoll: number; readonly token: number } | undefined;
  #closed = false;

  /**
   * The device at a socket file, as after a reset; `address` names it in messages. Throws what the constructor throws, and
   * `VfioUserClient.open`.
   */
  static open(path: string, address = `vfio-user:${path}`): VfioUserDevice {
    return new VfioUserDevice(address, VfioUserClient.open(path, { doorbells: true }));
  }

  /** `client`, which has asked for doorbells, is closed with the device. Throws `ERR_DEVICE_UNSUPPORTED`, `ERR_DEVICE_GONE`. */
  constructor(
    address: string,
    client: VfioUserClient,
    { clock = machineClock, domain = VfioUserDomain.shared }: VfioUserDeviceOptions = {},
  ) {
    this.address = address;
    this.#client = client;
    this.clock = clock;
    this.dma = domain;
    try {
      this.#resettable = this.#identify();
      this.config = new ServedRegisters(address, client, REGION.config);
      this.#interrupts = VfioInterrupts.of(address, servedInterrupts(client));
      this.#wake();
      this.vendorId = this.config.read16(0);
      this.deviceId = this.config.read16(2);
      domain.join(client);
      this.#watch = this.#watchSocket();
    } catch (error) {
      domain.leave(client);
      client.close();
      throw error;
    }
  }

  get interrupts(): PciInterrupts | undefined {
    return this.#interrupts;
  }

  /** Throws `ERR_ARGUMENT` if the device has no such BAR. */
  bar(index: number): RegisterFile {
    checkInteger(`${this.address}: index of a BAR`, index, 0, 5);
    const known = this.#bars.get(index);
    if (known) return known;
    const bar = new ServedRegisters(this.address, this.#client, REGION.bar + index);
    this.#bars.set(index, bar);
    return bar;
  }

  /** If this process dies, its server sees the connection end, and resets the device. */
  setBusMaster(enabled: boolean): void {
    setBusMasterBit(this.config, enabled);
  }

  /** DMA ends first; then nothing refers to the device any more. A server that is gone keeps nobody from closing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const steps = [
      () => this.setBusMaster(false),
      () => this.#interrupts?.disable(),
      () => this.#unwatch(),
      ...Array.from(this.#bars.values(), (bar) => () => bar.close()),
      () => this.dma.leave(this.#client),
      () => this.#client.close(),
    ];
    const errors: unknown[] = [];
    for (const step of steps) {
      try {
        step();
      } catch (error) {
        if (error !== this.#client.loss) errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  /** Whether it can be reset. */
  #identify(): boolean {
    const request = deviceInfo.encode({ argsz: deviceInfo.size });
    const { flags } = this.#client.ask(COMMAND.DEVICE_GET_INFO, request, (reply) => deviceInfo.decode(reply));
    if ((flags & DEVICE_PCI) !== 0) return (flags & DEVICE_RESETTABLE) !== 0;
    throw new IxyError('ERR_DEVICE_UNSUPPORTED', `${this.address}: what is served there is no PCI device`);
  }

  /** From whatever state it is in to one that answers. */
  #wake(): void {
    if (this.#resettable) this.#client.call(COMMAND.RESET, NOTHING);
    const command = this.config.read16(PCI_COMMAND);
    this.config.write16(PCI_COMMAND, command | PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
  }

  /** The server has something to say, or is gone: then those who wait for interrupts shall find out. */
  #look(): void {
    try {
      this.#client.serve();
    } catch {
      this.#unwatch();
      this.#interrupts?.wake();
    }
  }

  /** By way of an epoll, as what is watched is duplicated: of the socket itself, that would keep the connection open. */
  #watchSocket(): { readonly epoll: number; readonly token: number } {
    const { EPOLL_CTL_ADD, EPOLLIN } = addon().constants;
    const epoll = addon().epollCreate();
    addon().epollControl(epoll, EPOLL_CTL_ADD, this.#client.descriptor, EPOLLIN);
    return { epoll, token: addon().watch(epoll, () => this.#look()) };
  }

  #unwatch(): void {
    if (this.#watch === undefined) return;
    addon().unwatch(this.#watch.token);
    addon().close(this.#watch.epoll);
    this.#watch = undefined;
  }
}
