/** Clients that break the protocol: each loses its connection, and is told of in the log. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { addon } from '../../../src/native/addon.ts';
import { dmaAccess, dmaMap, regionAccess } from '../../../src/pci/vfio-user/payloads.ts';
import { COMMAND, FLAG_NO_REPLY } from '../../../src/pci/vfio-user/protocol.ts';
import { encodeVersion } from '../../../src/pci/vfio-user/version.ts';
import { mappingsOf, openDescriptors } from '../../support/process.ts';
import { eventfd, Lab, servedIxgbe, serverEnd, sharedMemory } from './lab.ts';
import { askingForDoorbells, encodeWriteMulti, greeting, message, version } from './messages.ts';

const native = addon();
const NOTHING = new Uint8Array(0);

describe('a client that breaks the protocol', () => {
  /** Sends messages to a server, and tells why the connection ended. */
  const fate = (...messages: readonly (readonly [bytes: Uint8Array, descriptors?: number[]])[]): string | undefined => {
    const { connection, socket } = serverEnd(servedIxgbe());
    onTestFinished(() => native.close(socket));
    for (const [bytes, descriptors = []] of messages) native.sendmsg(socket, bytes, descriptors);
    connection.poll();
    return connection.ended;
  };
  const hello = [message(COMMAND.VERSION, greeting)] as const;

  it('is told from one that does not', () => {
    expect(fate(hello, [message(COMMAND.RESET, NOTHING)])).toBeUndefined();
  });

  it('ends by speaking before it has greeted, by greeting twice, and by answering what nobody asked', () => {
    expect(fate([message(COMMAND.RESET, NOTHING)])).toBe('RESET came before VERSION');
    expect(fate(hello, hello)).toBe('VERSION came twice');
    expect(fate(hello, [message(COMMAND.DMA_READ, NOTHING, 1)])).toBe('DMA_READ: a reply to nothing');
  });

  it('may greet again if its version was refused', () => {
    const other = encodeVersion({ ...version, major: 1, doorbells: false });
    expect(fate([message(COMMAND.VERSION, other)], hello, [message(COMMAND.RESET, NOTHING)])).toBeUndefined();
  });

  it('may say how much it takes at once, but not next to nothing', () => {
    const asks = (maximumTransfer: number): number[] => {
      const device = servedIxgbe();
      const asked: number[] = [];
      const request = new Uint8Array(64);
      const { connection, socket, warnings } = serverEnd(device, () => {
        if (native.read(socket, request, 0, 64) < 32) return;
        const [id, command] = new Uint16Array(request.buffer);
        const { address, count } = dmaAccess.decode(request.subarray(16, 32));
        asked.push(count);
        native.sendmsg(
          socket,
          message(command, dmaAccess.encode({ address, count }, new Uint8Array(count)), 1, id),
          [],
        );
      });
      onTestFinished(() => native.close(socket));
      native.sendmsg(
        socket,
        message(COMMAND.VERSION, encodeVersion({ ...version, maximumTransfer, doorbells: false })),
        [],
      );
      connection.poll();
      while (native.read(socket, new Uint8Array(4096), 0, 4096) > 0);
      if (warnings.length === 0) expect(connection.read(0x1000, 10_000)).toHaveLength(10_000);
      return asked;
    };
    expect(asks(4096)).toEqual([4096, 4096, 1808]);
    expect(asks(4095)).toEqual([]);
  });

  it('ends by lengths that do not fit', () => {
    expect(fate(hello, [message(COMMAND.DMA_MAP, new Uint8Array(31))])).toBe(
      'DMA_MAP: the payload has 32 bytes, found 31',
    );
    const tooShort = regionAccess.encode({ offset: 0, region: 0, count: 8 }, new Uint8Array(4));
    expect(fate(hello, [message(COMMAND.REGION_WRITE, tooShort)])).toBe(
      'region access: 8 bytes of data belong to it, found 4',
    );
    const read = regionAccess.encode({ offset: 0, region: 0, count: 4 }, new Uint8Array(4));
    expect(fate(hello, [message(COMMAND.REGION_READ, read)])).toMatch('0 bytes of data belong to it, found 4');
  });

  it('ends by asking for doorbells in a way that nobody understands', () => {
    const text = Buffer.from(askingForDoorbells)
      .toString('latin1')
      .replace('"ixy_doorbells":true', '"ixy_doorbells":"yes"');
    expect(fate([message(COMMAND.VERSION, Buffer.from(text, 'latin1'))])).toBe(
      'VERSION: ixy_doorbells must be true or false, found "yes"',
    );
  });

  it('ends by descriptors where none belong, or too many', () => {
    const event = eventfd();
    expect(fate(hello, [message(COMMAND.RESET, NOTHING), [event]])).toBe('RESET came with 1 descriptors too many');
    const map = dmaMap.encode({ size: 0x1000 });
    const { descriptor } = sharedMemory(0x1000);
    expect(fate(hello, [message(COMMAND.DMA_MAP, map), [descriptor, event]])).toBe(
      'DMA_MAP came with 1 descriptors too many',
    );
    const many = Array.from({ length: 17 }, () => event);
    expect(fate(hello, [message(COMMAND.DMA_MAP, map), many])).toMatch('16 descriptors, found more');
  });

  it('loses what it had: descriptors, mappings, and the state of the device', () => {
    const { descriptor } = sharedMemory(0x4000);
    const event = eventfd();
    const before = [openDescriptors(), mappingsOf('memfd:')];
    const lab = new Lab();
    lab.map(0x10_0000, 0x4000, descriptor);
    lab.setInterrupts(2, 0, [event, event]);
    expect(() => lab.client.call(COMMAND.DMA_MAP, new Uint8Array(3))).toThrow();
    expect(lab.connection.ended).toMatch('DMA_MAP');
    lab.connection.close();
    lab.client.close();
    expect([openDescriptors(), mappingsOf('memfd:')]).toEqual(before);
  });

  it('that does not read its answers gets no more of them, and takes no memory', () => {
    const { connection, socket } = serverEnd(servedIxgbe());
    onTestFinished(() => native.close(socket));
    native.sendmsg(socket, hello[0], []);
    const payload = regionAccess.encode({ offset: 0, region: 7, count: 4096 });
    const request = message(COMMAND.REGION_READ, payload);
    let sent = 0;
    while (native.sendmsg(socket, request, []) > 0) {
      sent++;
      connection.poll();
      if (sent > 100_000) break;
    }
    expect(sent).toBeLessThan(100_000);
    expect(connection.ended).toBeUndefined();
  });

  it('that does not deliver its memory loses the connection, not the server', () => {
    const device = servedIxgbe();
    let gone = false;
    const { connection, socket } = serverEnd(device, () => {
      if (!gone) native.close(socket);
      gone = true;
    });
    native.sendmsg(socket, hello[0], []);
    connection.poll();
    expect(connection.read(0x1000, 16)).toBeUndefined();
    expect(connection.ended).toBeTypeOf('string');
    expect(connection.read(0x1000, 16)).toBeUndefined();
  });

  it('that writes on and on instead of delivering memory fills none of the server', () => {
    const writes = Array.from({ length: 1000 }, () => ({ offset: 0x5400, region: 0, data: new Uint8Array(4) }));
    const write = message(COMMAND.WRITE_MULTI, encodeWriteMulti(writes), FLAG_NO_REPLY);
    let sent = 0;
    const { connection, socket } = serverEnd(servedIxgbe(), () => {
      sent += native.sendmsg(socket, write, []);
    });
    onTestFinished(() => native.close(socket));
    native.sendmsg(socket, hello[0], []);
    connection.poll();
    expect(connection.read(0x1000, 16)).toBeUndefined();
    expect(connection.ended).toBe('the client writes on instead of delivering memory');
    expect(sent).toBeLessThan(2 ** 23);
  });
});
