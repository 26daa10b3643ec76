import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addon } from '../../src/native/addon.ts';
import { openDescriptors, temporaryDirectory } from '../support/process.ts';

const native = addon();
const { EFD_CLOEXEC, EFD_NONBLOCK, SOCK_NONBLOCK, SOCK_STREAM } = native.constants;

/** Bytes ready to be read (asm-generic/ioctls.h); an old request, whose number says nothing of its argument's size. */
const FIONREAD = 0x541b;

function open(path: string, flags: string): number {
  const descriptor = openSync(path, flags);
  onTestFinished(() => closeSync(descriptor));
  return descriptor;
}

function socketPair(type: number): [number, number] {
  const pair = native.socketPair(type);
  onTestFinished(() => pair.forEach(native.close));
  return pair;
}

describe('read and write', () => {
  it('move a range of the buffer and leave the rest alone', () => {
    const path = join(temporaryDirectory(), 'data');
    const descriptor = open(path, 'w+');
    expect(native.write(descriptor, Buffer.from('abcdef'), 2, 3)).toBe(3);
    expect(readFileSync(path, 'utf8')).toBe('cde');
    const buffer = Buffer.from('------');
    expect(native.read(open(path, 'r'), buffer, 1, 4)).toBe(3);
    expect(buffer.toString()).toBe('-cde--');
  });

  it('nothing, at the end of a file', () => {
    expect(native.read(open('/dev/null', 'r'), new Uint8Array(8), 0, 8)).toBe(0);
  });

  it('nothing, where the range is empty', () => {
    const descriptor = open('/dev/zero', 'r+');
    expect(native.read(descriptor, new Uint8Array(0), 0, 0)).toBe(0);
    expect(native.write(descriptor, new Uint8Array(4), 4, 0)).toBe(0);
  });

  it('−1 where they would block', () => {
    const [near] = socketPair(SOCK_STREAM | SOCK_NONBLOCK);
    const buffer = new Uint8Array(65536);
    expect(native.read(near, buffer, 0, 1)).toBe(-1);
    let written: number;
    do written = native.write(near, buffer, 0, buffer.length);
    while (written > 0);
    expect(written).toBe(-1);
  });

  it('write to a broken pipe throws and does not kill', () => {
    const [near, far] = native.socketPair(SOCK_STREAM);
    onTestFinished(() => native.close(near));
    native.close(far);
    expect(() => native.write(near, new Uint8Array(1), 0, 1)).toThrow(expect.objectContaining({ code: 'EPIPE' }));
  });
});

describe('ioctl', () => {
  it('passes bytes in place', () => {
    const [near, far] = socketPair(SOCK_STREAM);
    native.write(far, new Uint8Array(321), 0, 321);
    const count = Buffer.alloc(4);
    expect(native.ioctl(near, FIONREAD, count)).toBe(0);
    expect(count.readInt32LE()).toBe(321);
  });

  it('cuts off what is larger than the bytes given, and harms nothing beside them', () => {
    const [near, far] = socketPair(SOCK_STREAM);
    native.write(far, new Uint8Array(0x0102), 0, 0x0102);
    const around = new Uint8Array(8).fill(0xee);
    native.ioctl(near, FIONREAD, around.subarray(2, 4));
    expect([...around]).toEqual([0xee, 0xee, 0x02, 0x01, 0xee, 0xee, 0xee, 0xee]);
  });

  it('passes an integer', () => {
    // TCFLSH (asm-generic/ioctls.h) takes a plain number; /dev/null is no terminal, and says so.
    expect(() => native.ioctl(open('/dev/null', 'r'), 0x540b, 2)).toThrow(
      expect.objectContaining({ code: 'ENOTTY', syscall: 'ioctl', path: '/dev/null' }),
    );
  });

  it.runIf(existsSync('/dev/net/tun'))('returns structures that requests announce', () => {
    // TUNGETFEATURES: _IOR('T', 207, unsigned int); bit 1 is IFF_TAP.
    const features = Buffer.alloc(4);
    expect(native.ioctl(open('/dev/net/tun', 'r+'), 0x8004_54cf, features)).toBe(0);
    expect(features.readUInt32LE() & 2).toBe(2);
  });
});

describe('tryLock', () => {
  it('keeps a second open file out, until the first is closed', () => {
    const path = join(temporaryDirectory(), 'lock');
    writeFileSync(path, '');
    const first = openSync(path, 'r');
    const second = open(path, 'r');
    expect(native.tryLock(first)).toBe(true);
    expect(native.tryLock(first)).toBe(true);
    expect(native.tryLock(second)).toBe(false);
    closeSync(first);
    expect(native.tryLock(second)).toBe(true);
  });

  it('is held as long as a cleanup write is armed on the same open file', () => {
    const path = join(temporaryDirectory(), 'lock');
    writeFileSync(path, '');
    const first = openSync(path, 'r+');
    native.tryLock(first);
    const token = native.armCleanupWrite(first, 0, new Uint8Array(1));
    closeSync(first);
    const second = open(path, 'r');
    expect(native.tryLock(second)).toBe(false);
    native.disarmCleanupWrite(token);
    expect(native.tryLock(second)).toBe(true);
  });
});

describe('close', () => {
  it('gives the descriptor back, once', () => {
    const before = openDescriptors();
    const counter = native.eventfd(0, EFD_CLOEXEC);
    expect(openDescriptors()).toBe(before + 1);
    native.close(counter);
    expect(openDescriptors()).toBe(before);
    expect(() => native.close(counter)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'close' }));
  });
});

describe('eventfd', () => {
  it('counts, and would block at zero', () => {
    const counter = native.eventfd(5, EFD_CLOEXEC | EFD_NONBLOCK);
    onTestFinished(() => native.close(counter));
    const value = new BigUint64Array(1);
    const bytes = new Uint8Array(value.buffer);
    expect(native.read(counter, bytes, 0, 8)).toBe(8);
    expect(value[0]).toBe(5n);
    expect(native.read(counter, bytes, 0, 8)).toBe(-1);
    value[0] = 3n;
    native.write(counter, bytes, 0, 8);
    native.write(counter, bytes, 0, 8);
    native.read(counter, bytes, 0, 8);
    expect(value[0]).toBe(6n);
  });
});
