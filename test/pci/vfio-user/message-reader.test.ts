import { fstatSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addon } from '../../../src/native/addon.ts';
import { END, type Message, MessageReader } from '../../../src/pci/vfio-user/message-reader.ts';
import { MessageSocket } from '../../../src/pci/vfio-user/message-socket.ts';
import { COMMAND, encodeMessage } from '../../../src/pci/vfio-user/protocol.ts';
import { openDescriptors } from '../../support/process.ts';

const native = addon();
const { SOCK_NONBLOCK, SOCK_STREAM, EFD_CLOEXEC } = native.constants;

/** A reader, and the socket that feeds it. */
function stream(maximumDescriptors = 4): { near: number; far: number; reader: MessageReader } {
  const [near, far] = native.socketPair(SOCK_STREAM | SOCK_NONBLOCK);
  const reader = new MessageReader(far, maximumDescriptors);
  onTestFinished(() => {
    reader.close();
    native.close(far);
  });
  return { near, far, reader };
}

function eventfds(count: number): number[] {
  const made = Array.from({ length: count }, () => native.eventfd(0, EFD_CLOEXEC));
  onTestFinished(() => made.forEach(native.close));
  return made;
}

function message(id: number, length = 0): Uint8Array {
  return encodeMessage({ id, command: COMMAND.DMA_MAP, flags: 0, error: 0 }, new Uint8Array(length).fill(id));
}

function read(reader: MessageReader): Message {
  const found = reader.read();
  if (found === undefined || found === END) throw new Error('expected a message');
  return found;
}

describe('messages in a stream', () => {
  it('keep their descriptors, however many lie ready', () => {
    const { near, reader } = stream();
    onTestFinished(() => native.close(near));
    const [first, second, third] = eventfds(3);
    native.sendmsg(near, message(1, 32), []);
    native.sendmsg(near, message(2, 32), [first]);
    native.sendmsg(near, message(3, 32), []);
    native.sendmsg(near, message(4), [second, third]);
    const found = [1, 2, 3, 4].map(() => {
      const { id, payload, descriptors } = read(reader);
      return { id, first: payload[0], descriptors };
    });
    expect(found.map(({ id, first, descriptors }) => [id, first, descriptors.length])).toEqual([
      [1, 1, 0],
      [2, 2, 1],
      [3, 3, 0],
      [4, undefined, 2],
    ]);
    expect(reader.read()).toBeUndefined();
    for (const { descriptors } of found) descriptors.forEach(native.close);
  });

  it('become whole byte by byte', () => {
    const { near, reader } = stream();
    onTestFinished(() => native.close(near));
    const bytes = message(7, 100);
    for (const byte of bytes.subarray(0, -1)) {
      native.sendmsg(near, new Uint8Array([byte]), []);
      expect(reader.read()).toBeUndefined();
    }
    native.sendmsg(near, bytes.subarray(-1), []);
    expect(read(reader)).toMatchObject({ id: 7, payloadBytes: 100 });
  });

  it('may be as large as one transfer', () => {
    const { near, far, reader } = stream();
    const sender = new MessageSocket(near, 0);
    onTestFinished(() => sender.close());
    const payload = Uint8Array.from({ length: 1 << 20 }, (_, i) => i % 251);
    sender.request(COMMAND.DMA_WRITE, payload);
    expect(sender.congested).toBe(true);
    let found = reader.read();
    while (found === undefined) {
      sender.flush();
      found = reader.read();
    }
    expect(found === END ? undefined : Buffer.compare(found.payload, payload)).toBe(0);
    expect(far).toBeGreaterThan(0);
  });

  it('end with the other side', () => {
    const { near, reader } = stream();
    native.sendmsg(near, message(1), []);
    native.close(near);
    expect(read(reader).id).toBe(1);
    expect(reader.read()).toBe(END);
    expect(reader.read()).toBe(END);
  });

  it.each([8, 40])('that end after %i bytes are broken, and their descriptors are closed', (length) => {
    const { near, reader } = stream();
    const before = openDescriptors();
    const [event] = eventfds(1);
    native.sendmsg(near, message(1, 32).subarray(0, length), [event]);
    native.close(near);
    expect(() => reader.read()).toThrow('closed in the middle of a message');
    reader.close();
    expect(openDescriptors()).toBe(before);
  });

  it('with more descriptors than allowed are broken, and none is left', () => {
    const { near, reader } = stream(2);
    onTestFinished(() => native.close(near));
    const sent = eventfds(3);
    const before = openDescriptors();
    native.sendmsg(near, message(1), sent);
    expect(() => reader.read()).toThrow('a message may come with 2 descriptors, found more');
    reader.close();
    expect(openDescriptors()).toBe(before);
    expect(fstatSync(sent[0]).isFile()).toBe(false);
  });
});
