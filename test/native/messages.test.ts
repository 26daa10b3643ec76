import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addon } from '../../src/native/addon.ts';
import { openDescriptors, temporaryDirectory } from '../support/process.ts';

const native = addon();
const { SOCK_NONBLOCK, SOCK_SEQPACKET, SOCK_STREAM } = native.constants;

function socketPair(type: number): [number, number] {
  const pair = native.socketPair(type);
  onTestFinished(() => pair.forEach(native.close));
  return pair;
}

function open(path: string): number {
  const descriptor = openSync(path, 'r');
  onTestFinished(() => closeSync(descriptor));
  return descriptor;
}

/** Flags of a descriptor, as the kernel has them (octal). */
function descriptorFlags(descriptor: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8');
  return Number.parseInt(/flags:\s+(\d+)/.exec(text)?.[1] ?? '', 8);
}

const O_CLOEXEC = 0o2000000;

describe('messages', () => {
  it('carry bytes and descriptors', () => {
    const [near, far] = socketPair(SOCK_STREAM);
    const sent = [open('/dev/null'), open('/dev/zero')];
    expect(native.sendmsg(near, Buffer.from('hello'), sent)).toBe(5);
    const data = Buffer.alloc(16);
    const { length, descriptors, truncated } = native.recvmsg(far, data, 8);
    onTestFinished(() => descriptors.forEach(native.close));
    expect([length, truncated, data.toString('utf8', 0, length)]).toEqual([5, false, 'hello']);
    expect(descriptors.map((descriptor) => fstatSync(descriptor).rdev)).toEqual(
      sent.map((descriptor) => fstatSync(descriptor).rdev),
    );
    for (const descriptor of [near, far, ...descriptors])
      expect(descriptorFlags(descriptor) & O_CLOEXEC).toBe(O_CLOEXEC);
  });

  it('keep their borders on SOCK_SEQPACKET, and say when they were cut', () => {
    const [near, far] = socketPair(SOCK_SEQPACKET);
    native.sendmsg(near, Buffer.from('first'), []);
    native.sendmsg(near, Buffer.from('second'), []);
    const data = Buffer.alloc(4);
    expect(native.recvmsg(far, data, 0)).toEqual({ length: 4, descriptors: [], truncated: true });
    expect(data.toString()).toBe('firs');
    expect(native.recvmsg(far, Buffer.alloc(64), 0)).toEqual({ length: 6, descriptors: [], truncated: false });
  });

  it.each([0, 1, 2, 3])('never give more than the %i descriptors asked for, and close the others', (maximum) => {
    const [near, far] = socketPair(SOCK_STREAM);
    const sent = Array.from({ length: 5 }, () => open('/dev/null'));
    native.sendmsg(near, new Uint8Array(1), sent);
    const before = openDescriptors();
    const message = native.recvmsg(far, new Uint8Array(1), maximum);
    expect(message.descriptors).toHaveLength(maximum);
    expect(message.truncated).toBe(true);
    expect(openDescriptors()).toBe(before + maximum);
    message.descriptors.forEach(native.close);
  });

  it('take as many descriptors as the kernel does', () => {
    const [near, far] = socketPair(SOCK_STREAM);
    const descriptor = open('/dev/null');
    native.sendmsg(near, new Uint8Array(1), new Array(253).fill(descriptor));
    const { descriptors, truncated } = native.recvmsg(far, new Uint8Array(1), 253);
    expect([descriptors.length, truncated]).toEqual([253, false]);
    descriptors.forEach(native.close);
  });

  it('a descriptor that is not open goes nowhere', () => {
    const [near] = socketPair(SOCK_STREAM);
    expect(() => native.sendmsg(near, new Uint8Array(1), [2 ** 30])).toThrow(
      expect.objectContaining({ code: 'EBADF', syscall: 'sendmsg' }),
    );
  });

  it('length 0 when the peer has closed, −1 when nothing is there yet', () => {
    const [near, far] = native.socketPair(SOCK_STREAM | SOCK_NONBLOCK);
    onTestFinished(() => native.close(near));
    expect(native.recvmsg(near, new Uint8Array(1), 1)).toEqual({ length: -1, descriptors: [], truncated: false });
    native.close(far);
    expect(native.recvmsg(near, new Uint8Array(1), 1)).toEqual({ length: 0, descriptors: [], truncated: false });
  });

  it('sending would block: −1; to a closed peer: EPIPE', () => {
    const [near, far] = native.socketPair(SOCK_STREAM | SOCK_NONBLOCK);
    onTestFinished(() => native.close(near));
    let sent: number;
    do sent = native.sendmsg(near, new Uint8Array(65536), []);
    while (sent > 0);
    expect(sent).toBe(-1);
    native.close(far);
    expect(() => native.sendmsg(near, new Uint8Array(1), [])).toThrow(expect.objectContaining({ code: 'EPIPE' }));
  });

  it('connect through a socket file', () => {
    const path = join(temporaryDirectory(), 'socket');
    const listener = native.listen(path, 1);
    expect(native.accept(listener)).toBe(-1);
    const client = native.connect(path);
    const server = native.accept(listener);
    onTestFinished(() => [listener, client, server].forEach(native.close));
    expect(native.sendmsg(client, Buffer.from('hello'), [])).toBe(5);
    expect(native.recvmsg(server, new Uint8Array(8), 0).length).toBe(5);
    expect(native.recvmsg(server, new Uint8Array(8), 0).length).toBe(-1);
    for (const made of [listener, client, server]) expect(descriptorFlags(made) & O_CLOEXEC).toBe(O_CLOEXEC);
  });

  it('a socket file that is there, or is not, is named', () => {
    const path = join(temporaryDirectory(), 'socket');
    expect(() => native.connect(path)).toThrow(expect.objectContaining({ code: 'ENOENT', syscall: 'connect', path }));
    native.close(native.listen(path, 1));
    expect(() => native.listen(path, 1)).toThrow(
      expect.objectContaining({ code: 'EADDRINUSE', syscall: 'bind', path }),
    );
    expect(() => native.connect(path)).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
    for (const wrong of ['', 'x'.repeat(108), 'a\0b']) expect(() => native.listen(wrong, 1)).toThrow(RangeError);
  });

  it('an unknown kind of socket is the kernel’s to refuse', () => {
    expect(() => native.socketPair(77)).toThrow(expect.objectContaining({ syscall: 'socketpair' }));
  });
});
