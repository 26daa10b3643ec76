/** The client's end of a connection, with servers that do not do what they should. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { addon } from '../../../src/native/addon.ts';
import { VfioUserClient } from '../../../src/pci/vfio-user/client.ts';
import { dmaAccess, regionAccess } from '../../../src/pci/vfio-user/payloads.ts';
import { COMMAND, encodeMessage, FLAG_ERROR, TYPE_REPLY } from '../../../src/pci/vfio-user/protocol.ts';
import { encodeVersion } from '../../../src/pci/vfio-user/version.ts';
import { openDescriptors } from '../../support/process.ts';

const native = addon();
const { EFD_CLOEXEC, EFD_NONBLOCK, SOCK_NONBLOCK, SOCK_STREAM } = native.constants;
const NOTHING: Uint8Array = new Uint8Array(0);
const version = encodeVersion({ major: 0, minor: 0, maximumDescriptors: 8, maximumTransfer: 4096, doorbells: false });

/** What a server says: bytes, with descriptors; or nothing, for longer than anybody waits. */
type Said = readonly [bytes: Uint8Array, descriptors?: number[]] | undefined;

/** A client of a server that says something each time the client waits, and then hangs up. */
function connect(...script: readonly Said[]): VfioUserClient {
  const [near, far] = native.socketPair(SOCK_STREAM | SOCK_NONBLOCK);
  const steps = script.values();
  const inbox = new Uint8Array(4096);
  const wait = (): void => {
    while (native.read(far, inbox, 0, inbox.length) > 0);
    const { done, value } = steps.next();
    if (done) native.close(far);
    else if (value) native.sendmsg(far, value[0], value[1] ?? []);
    else vi.advanceTimersByTime(6000);
  };
  const client = new VfioUserClient('nic', near, { wait });
  onTestFinished(() => client.close());
  return client;
}

function reply(id: number, command: number, errno = 0, payload = NOTHING): Uint8Array {
  const flags = errno === 0 ? TYPE_REPLY : TYPE_REPLY | FLAG_ERROR;
  return encodeMessage({ id, command, flags, error: errno }, payload);
}

const greeted: readonly [bytes: Uint8Array] = [reply(0, COMMAND.VERSION, 0, version)];
const reset = (client: VfioUserClient) => () => client.call(COMMAND.RESET, NOTHING);

describe('a client', () => {
  it('is turned away by a server that hangs up, and told of one that it does not understand', () => {
    expect(() => connect()).toThrow(expect.objectContaining({ code: 'ERR_DEVICE_BUSY' }));
    expect(() => connect([Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')])).toThrow(
      expect.objectContaining({ code: 'ERR_BAD_PACKET', message: expect.stringMatching(/^nic: what listens there/) }),
    );
    expect(() => connect([reply(0, COMMAND.VERSION, 22)])).toThrow(
      expect.objectContaining({ code: 'ERR_SYSTEM', message: 'nic: the server refuses VERSION (errno 22)' }),
    );
  });

  it('does not wait for ever', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    expect(() => connect(undefined)).toThrow(
      expect.objectContaining({
        code: 'ERR_TIMEOUT',
        message: expect.stringMatching(/no answer to VERSION for 5000 ms$/),
      }),
    );
    const client = connect(greeted, undefined);
    const silence = { code: 'ERR_DEVICE_GONE', message: 'nic: the connection is lost: no answer to RESET for 5000 ms' };
    expect(reset(client)).toThrow(expect.objectContaining(silence));
    expect(client.loss).toMatchObject(silence);
  });

  it('does not wait for ever for a server that says other things all the time', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const [near, far] = native.socketPair(SOCK_STREAM | SOCK_NONBLOCK);
    onTestFinished(() => native.close(far));
    native.sendmsg(far, greeted[0], []);
    const request = encodeMessage(
      { id: 9, command: COMMAND.DMA_READ, flags: 0, error: 0 },
      dmaAccess.encode({ count: 4 }),
    );
    let asked = 0;
    // Each answer to the server has it ask again: there always is a message to be read.
    const memory = {
      range: () => {
        vi.advanceTimersByTime(100);
        if (++asked < 200) native.sendmsg(far, request, []);
        return undefined;
      },
    };
    const client = new VfioUserClient('nic', near, { memory });
    onTestFinished(() => client.close());
    native.sendmsg(far, request, []);
    expect(reset(client)).toThrow(/no answer to RESET for 5000 ms$/);
    expect(asked).toBeLessThan(60);
  });

  it.each<[string, Said[]]>([
    ['the server has closed the connection', []],
    ['the other side closed in the middle of a message', [[Uint8Array.of(1, 2)]]],
    [
      'RESET: neither request nor reply: type 7',
      [[encodeMessage({ id: 1, command: COMMAND.RESET, flags: 7, error: 0 }, NOTHING)]],
    ],
  ])('loses its device for good: %s', (reason, script) => {
    const client = connect(greeted, ...script);
    for (let again = 0; again < 2; again++) {
      expect(reset(client)).toThrow(
        expect.objectContaining({ code: 'ERR_DEVICE_GONE', message: `nic: the connection is lost: ${reason}` }),
      );
    }
    client.close();
    expect(reset(client)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });

  it('loses it by an answer that makes no sense', () => {
    const client = connect(greeted, [reply(1, COMMAND.REGION_READ, 0, regionAccess.encode({ count: 4 }))]);
    const read = () => client.ask(COMMAND.REGION_READ, NOTHING, (payload) => regionAccess.data(payload, 4));
    const reason = 'nic: the connection is lost: region access: 4 bytes of data belong to it, found 0';
    expect(read).toThrow(expect.objectContaining({ code: 'ERR_DEVICE_GONE', message: reason }));
    expect(reset(client)).toThrow(expect.objectContaining({ code: 'ERR_DEVICE_GONE', message: reason }));
  });

  it('goes on after a refusal', () => {
    const client = connect(greeted, [reply(1, COMMAND.RESET, 95)], [reply(2, COMMAND.RESET)]);
    expect(reset(client)).toThrow(expect.objectContaining({ code: 'ERR_SYSTEM' }));
    expect(reset(client)()).toHaveLength(0);
    expect(client.loss).toBeUndefined();
  });

  it('keeps no descriptor that nobody asked for', () => {
    const event = native.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const before = openDescriptors();
    const request = encodeMessage(
      { id: 9, command: COMMAND.DMA_READ, flags: 0, error: 0 },
      dmaAccess.encode({ count: 4 }),
    );
    const client = connect(
      greeted,
      [reply(77, COMMAND.RESET), [event, event]],
      [request, [event]],
      [reply(1, COMMAND.RESET), [event]],
      [reply(2, COMMAND.RESET, 22), [event]],
      [reply(3, COMMAND.RESET), [event]],
    );
    reset(client)();
    expect(reset(client)).toThrow(expect.objectContaining({ code: 'ERR_SYSTEM' }));
    expect(client.ask(COMMAND.RESET, NOTHING, (_, descriptors) => descriptors.length)).toBe(1);
    expect(reset(client)).toThrow(expect.objectContaining({ code: 'ERR_DEVICE_GONE' }));
    client.close();
    expect(openDescriptors()).toBe(before);
    native.close(event);
  });

  it('keeps no descriptor of replies to nothing, however many come between two calls', () => {
    const [near, far] = native.socketPair(SOCK_STREAM | SOCK_NONBLOCK);
    onTestFinished(() => native.close(far));
    native.sendmsg(far, greeted[0], []);
    const client = new VfioUserClient('nic', near);
    const event = native.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    onTestFinished(() => native.close(event));
    const before = openDescriptors();
    for (let i = 0; i < 3; i++) native.sendmsg(far, reply(77, COMMAND.RESET), [event]);
    client.serve();
    client.close();
    expect(openDescriptors()).toBe(before - 1);
  });
});
