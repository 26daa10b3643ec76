import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Addon, addon } from '../../src/native/addon.ts';
import { openDescriptors } from '../support/process.ts';

type Call = (...args: unknown[]) => unknown;

/** The addon as untyped JavaScript sees it. */
const calls = Object.fromEntries(
  Object.entries(addon()).filter(([, value]) => typeof value === 'function'),
) as unknown as Record<keyof Omit<Addon, 'constants'>, Call>;

const bytes = new Uint8Array(16);
const { MAP_ANONYMOUS, MAP_PRIVATE } = addon().constants;
const anonymous = MAP_ANONYMOUS | MAP_PRIVATE;

describe('arguments of the addon', () => {
  it.each<[string, () => unknown]>([
    ['mmap: descriptor is a string', () => calls.mmap('1', 4096, 0, anonymous)],
    ['mmap: length is missing', () => calls.mmap(-1)],
    ['mmap: length is a BigInt', () => calls.mmap(-1, 4096n, 0, anonymous)],
    ['munmap: no buffer', () => calls.munmap(undefined)],
    ['munmap: a view', () => calls.munmap(bytes)],
    ['munmap: memory from elsewhere', () => calls.munmap(new ArrayBuffer(4096))],
    ['munmap: an empty buffer', () => calls.munmap(new ArrayBuffer(0))],
    ['addressOf: an ArrayBuffer', () => calls.addressOf(new ArrayBuffer(8))],
    ['addressOf: nothing', () => calls.addressOf()],
    ['memfdCreate: name is a number', () => calls.memfdCreate(7, 0)],
    ['ioctl: argument is a string', () => calls.ioctl(0, 0x5401, 'x')],
    ['ioctl: argument is null', () => calls.ioctl(0, 0x5401, null)],
    ['ioctl: argument is an Int32Array', () => calls.ioctl(0, 0x5401, new Int32Array(16))],
    ['ioctl: a request that returns a structure, without room for it', () => calls.ioctl(0, 0x8004_5430, 1)],
    ['read: no buffer', () => calls.read(0, null, 0, 1)],
    ['write: buffer is a string', () => calls.write(1, 'hello', 0, 5)],
    ['epollWait: ready is a Float64Array', () => calls.epollWait(0, new Float64Array(8), 0)],
    ['sendmsg: descriptors is no array', () => calls.sendmsg(0, bytes, 3)],
    ['sendmsg: a descriptor is a string', () => calls.sendmsg(0, bytes, ['3'])],
    ['recvmsg: data is an object', () => calls.recvmsg(0, {}, 1)],
    ['setAffinity: a number', () => calls.setAffinity(1)],
    ['armCleanupWrite: data is missing', () => calls.armCleanupWrite(0, 0)],
    ['disarmCleanupWrite: token is an object', () => calls.disarmCleanupWrite({})],
  ])('%s: TypeError', (_, call) => expect(call).toThrow(TypeError));

  it.each<[string, () => unknown]>([
    ['mmap: descriptor below −1', () => calls.mmap(-2, 4096, 0, anonymous)],
    ['mmap: length 0', () => calls.mmap(-1, 0, 0, anonymous)],
    ['mmap: negative length', () => calls.mmap(-1, -4096, 0, anonymous)],
    ['mmap: length NaN', () => calls.mmap(-1, Number.NaN, 0, anonymous)],
    ['mmap: length with a fraction', () => calls.mmap(-1, 4096.5, 0, anonymous)],
    ['mmap: length 2^53', () => calls.mmap(-1, 2 ** 53, 0, anonymous)],
    ['mmap: infinite offset', () => calls.mmap(-1, 4096, Number.POSITIVE_INFINITY, anonymous)],
    ['mmap: MAP_FIXED', () => calls.mmap(-1, 4096, 0, anonymous | 0x10)],
    ['addressOf: no byte to have an address', () => calls.addressOf(new Uint8Array(0))],
    ['ioctl: negative request', () => calls.ioctl(0, -1)],
    ['ioctl: argument beyond 32 bits', () => calls.ioctl(0, 0x5401, 2 ** 32)],
    ['ioctl: fewer bytes than the request announces', () => calls.ioctl(0, 0x8004_5430, new Uint8Array(3))],
    ['read: negative offset', () => calls.read(0, bytes, -1, 1)],
    ['read: range beyond the end', () => calls.read(0, bytes, 10, 7)],
    ['read: offset beyond the end', () => calls.read(0, bytes, 17, 0)],
    ['write: huge length', () => calls.write(1, bytes, 0, Number.MAX_SAFE_INTEGER)],
    ['eventfd: initial beyond 32 bits', () => calls.eventfd(2 ** 32, 0)],
    ['epollControl: unknown operation', () => calls.epollControl(0, 9, 0, 1)],
    ['epollWait: no room for a pair', () => calls.epollWait(0, new Int32Array(1), 0)],
    ['epollWait: time-out below −1', () => calls.epollWait(0, new Int32Array(2), -2)],
    ['sendmsg: no data', () => calls.sendmsg(0, new Uint8Array(0), [])],
    ['sendmsg: a negative descriptor', () => calls.sendmsg(0, bytes, [-1])],
    ['sendmsg: more descriptors than a message carries', () => calls.sendmsg(0, bytes, new Array(254).fill(0))],
    ['recvmsg: no room for data', () => calls.recvmsg(0, new Uint8Array(0), 0)],
    ['recvmsg: too many descriptors', () => calls.recvmsg(0, bytes, 254)],
    ['setAffinity: negative', () => calls.setAffinity([-1])],
    ['setAffinity: beyond the largest mask', () => calls.setAffinity([1024])],
    ['armCleanupWrite: negative offset', () => calls.armCleanupWrite(0, -1, bytes)],
    ['armCleanupWrite: no data', () => calls.armCleanupWrite(0, 0, new Uint8Array(0))],
    ['disarmCleanupWrite: never armed', () => calls.disarmCleanupWrite(4_000_000)],
  ])('%s: RangeError', (_, call) => expect(call).toThrow(RangeError));

  it('the message names the call, the argument, the range and what was found', () => {
    expect(() => calls.mmap(-1, -3, 0, anonymous)).toThrow(
      'mmap: length must be an integer from 1 to 9007199254740991, found -3',
    );
  });

  it('a failed call is an Error like those of node:fs', () => {
    const closed = 2 ** 30;
    const failures: [string, () => unknown][] = [
      ['fstat', () => calls.mmap(closed, 4096, 0, MAP_PRIVATE)],
      ['ioctl', () => calls.ioctl(closed, 0x5401, new Uint8Array(64))],
      ['read', () => calls.read(closed, bytes, 0, 1)],
      ['write', () => calls.write(closed, bytes, 0, 1)],
      ['close', () => calls.close(closed)],
      ['flock', () => calls.tryLock(closed)],
      ['epoll_ctl', () => calls.epollControl(closed, 1, 0, 1)],
      ['epoll_wait', () => calls.epollWait(closed, new Int32Array(2), 0)],
      ['sendmsg', () => calls.sendmsg(closed, bytes, [])],
      ['recvmsg', () => calls.recvmsg(closed, bytes, 1)],
      ['fcntl', () => calls.armCleanupWrite(closed, 0, bytes)],
    ];
    for (const [syscall, call] of failures) {
      expect(call).toThrow(expect.objectContaining({ code: 'EBADF', errno: 9, syscall }));
    }
  });

  it('nonsense in any place of any call ends in an exception or a result, and leaks no descriptor', () => {
    // Descriptors are far out of use, so that what slips through the checks reaches no file of this process.
    const nonsense = fc.oneof(
      fc.constantFrom(undefined, null, Number.NaN, -1, 0.5, 2 ** 31, 2 ** 53, '', 'x', {}, [], true, 10n, Symbol('s')),
      fc.constantFrom(new ArrayBuffer(0), new Uint8Array(0), new DataView(new ArrayBuffer(8)), () => 0),
      fc.integer({ min: 2 ** 29, max: 2 ** 30 }),
    );
    const before = openDescriptors();
    // These may find sense in it, and make something.
    const makers = ['eventfd', 'epollCreate', 'listen'];
    const names = Object.keys(calls).filter((name) => !makers.includes(name)) as (keyof Addon)[];
    const property = fc.property(fc.constantFrom(...names), fc.array(nonsense, { maxLength: 5 }), (name, args) => {
      try {
        (addon()[name] as Call)(...args);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    });
    fc.assert(property, { numRuns: 3000, seed: 1 });
    expect(openDescriptors()).toBe(before);
  });
});
