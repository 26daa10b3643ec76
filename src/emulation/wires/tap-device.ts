/** Opening a TAP interface: an Ethernet interface of the kernel whose cable ends in a file descriptor. Linux, tuntap.rst. */
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { IxyError, type IxyErrorCode } from '../../errors.ts';
import type { Addon } from '../../native/addon.ts';

const CLONE_DEVICE = '/dev/net/tun';

/** `_IOW('T', 202, int)` of linux/if_tun.h; the argument is a `struct ifreq` in spite of its size field. */
const TUNSETIFF = 0x4004_54ca;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;

/** `struct ifreq` of linux/if.h: a name of 16 bytes with its zero, then a union; the flags are 16 bits, little-endian. */
const IFREQ_SIZE = 40;
const IFREQ_FLAGS = 16;
const LONGEST_INTERFACE_NAME = 15;

export interface TapOptions {
  /** Interface name, 1 … 15 characters. */
  readonly name: string;
  /**
   * Make the interface if there is none (default); it disappears again when it is closed. Otherwise a persistent one
   * must be there: `ip tuntap add NAME mode tap`.
   */
  readonly create?: boolean;
}

/**
 * Attaches to the interface; returns a non-blocking descriptor whose reads and writes are single frames, without CRC.
 * Bringing the interface up, or moving it to a network namespace, is the caller's business.
 * Throws `ERR_ARGUMENT` (a name that cannot be), `ERR_PERMISSION`, `ERR_DEVICE_NOT_FOUND` (no /dev/net/tun, or no such
 * interface), `ERR_DEVICE_BUSY` (attached elsewhere, or not a TAP).
 */
export function openTap(addon: Addon, options: TapOptions): number {
  const { name, create = true } = options;
  checkInterfaceName(name);
  if (!create && !existsSync(`/sys/class/net/${name}`)) {
    throw new IxyError('ERR_DEVICE_NOT_FOUND', `no interface ${name}; run: ip tuntap add ${name} mode tap`);
  }
  const descriptor = openCloneDevice(name);
  try {
    addon.ioctl(descriptor, TUNSETIFF, interfaceRequest(name));
    return descriptor;
  } catch (cause) {
    closeSync(descriptor);
    throw explain(cause, name, {
      EPERM: ['ERR_PERMISSION', 'needs CAP_NET_ADMIN, or an interface made for this user (ip tuntap add … user …)'],
      EBUSY: ['ERR_DEVICE_BUSY', 'another process has it open; choose another name'],
      EINVAL: ['ERR_DEVICE_BUSY', 'an interface of this name exists and is not a TAP; choose another name'],
    });
  }
}

function openCloneDevice(name: string): number {
  try {
    return openSync(CLONE_DEVICE, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (cause) {
    const missing: Reason = ['ERR_DEVICE_NOT_FOUND', `there is no ${CLONE_DEVICE}; run: modprobe tun`];
    const forbidden: Reason = ['ERR_PERMISSION', `may not open ${CLONE_DEVICE}; run as root or be given access to it`];
    throw explain(cause, name, {
      ENOENT: missing,
      ENODEV: missing,
      ENXIO: missing,
      EACCES: forbidden,
      EPERM: forbidden,
    });
  }
}

function interfaceRequest(name: string): Uint8Array {
  const request = Buffer.alloc(IFREQ_SIZE);
  request.write(name, 'ascii');
  request.writeUInt16LE(IFF_TAP | IFF_NO_PI, IFREQ_FLAGS);
  return request;
}

function checkInterfaceName(name: string): void {
  const possible = /^[!-~]+$/.test(name) && !/[/:%]/.test(name) && name !== '.' && name !== '..';
  if (possible && name.length <= LONGEST_INTERFACE_NAME) return;
  throw new IxyError(
    'ERR_ARGUMENT',
    `an interface name has 1 to ${LONGEST_INTERFACE_NAME} printable characters without blank, '/', ':' and '%', found '${name}'`,
  );
}

type Reason = readonly [code: IxyErrorCode, advice: string];

function explain(cause: unknown, name: string, reasons: Record<string, Reason>): IxyError {
  const errorCode = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const [code, advice] = reasons[errorCode] ?? ['ERR_SYSTEM', String(cause)];
  return new IxyError(code, `TAP interface ${name}: ${advice}`, { cause });
}
