import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { wireStatistics } from '../../../src/emulation/wires/counters.ts';
import { TapWire } from '../../../src/emulation/wires/tap.ts';
import { PacketTemplate } from '../../../src/packets/template.ts';
import { haveTap, ip, tapName } from '../../support/tap.ts';
import { Collector, deliver, drain } from './frames.ts';

const name = tapName('ixyw');
const HOST = '198.18.77.1';
const PEER = '198.18.77.2';
const PEER_MAC = '02:00:00:00:77:02';

describe.runIf(haveTap)('TapWire', () => {
  const open: TapWire[] = [];
  const tap = (options: { create?: boolean } = {}) => {
    const wire = new TapWire({ name, ...options });
    open.push(wire);
    return wire;
  };

  afterEach(() => {
    for (const wire of open.splice(0)) wire.close();
  });

  function bringUp(): string {
    ip('link', 'set', name, 'up');
    ip('address', 'add', `${HOST}/30`, 'dev', name);
    ip('neighbour', 'replace', PEER, 'lladdr', PEER_MAC, 'dev', name);
    return readFileSync(`/sys/class/net/${name}/address`, 'utf8').trim();
  }

  it('carries datagrams to a socket and back', async () => {
    const wire = tap();
    const mac = bringUp();
    const socket = createSocket('udp4').bind(5000, HOST);
    await once(socket, 'listening');
    try {
      const request = new PacketTemplate({
        ethernet: { source: PEER_MAC, destination: mac },
        ipv4: { source: PEER, destination: HOST },
        udp: { sourcePort: 6000, destinationPort: 5000 },
        payload: 'over the wire',
      });
      const message = once(socket, 'message');
      expect(deliver(wire, request.bytes)).toBe(true);
      expect(String((await message)[0])).toBe('over the wire');

      await new Promise((resolve) => socket.send('and back', 6000, PEER, resolve));
      const reply = drain(wire).find((frame) => Buffer.from(frame).includes('and back'));
      expect(reply?.length).toBe(60); // 14 + 20 + 8 + 8 bytes, padded
      const { sent, received } = wireStatistics(wire.counters);
      expect(sent).toMatchObject({ frames: 1, bytes: request.size, droppedRefused: 0 });
      expect(received.frames).toBeGreaterThan(0);
    } finally {
      socket.close();
    }
  });

  it('keeps a frame that the NIC refuses, and gives it first the next time', async () => {
    const wire = tap();
    bringUp();
    const socket = createSocket('udp4');
    for (const text of ['first datagram', 'second datagram']) {
      await new Promise((resolve) => socket.send(text, 6000, PEER, resolve));
    }
    socket.close();
    expect(wire.poll(new Collector(0), 100)).toBe(0);
    const texts = drain(wire).map((frame) => Buffer.from(frame).toString('latin1'));
    const first = texts.findIndex((text) => text.includes('first datagram'));
    const second = texts.findIndex((text) => text.includes('second datagram'));
    expect(first).toBeGreaterThanOrEqual(0);
    expect(second).toBeGreaterThan(first);
  });

  it('counts what an interface that is down does not take', () => {
    const wire = tap();
    expect(deliver(wire, new Uint8Array(60))).toBe(true);
    expect(wireStatistics(wire.counters).sent).toMatchObject({ frames: 0, droppedRefused: 1 });
    expect(wire.connected).toBe(true);
  });

  it('notices that its interface is gone', () => {
    const wire = tap();
    ip('link', 'delete', name);
    expect(drain(wire)).toEqual([]);
    expect(wire.connected).toBe(false);
    expect(deliver(wire, new Uint8Array(60))).toBe(true);
    expect(wireStatistics(wire.counters).sent.droppedUnplugged).toBe(1);
  });

  it('leaves no interface behind', () => {
    tap().close();
    expect(() => ip('link', 'show', name)).toThrow();
  });

  it('says what is wrong with a name', () => {
    expect(() => new TapWire({ name: 'a-name-of-16-byte' })).toThrow(/1 to 15 printable characters/);
    for (const bad of ['', 'a b', 'a/b', 'tap%d', '..', 'ä'])
      expect(() => new TapWire({ name: bad })).toThrow(/interface name/);
    expect(() => tap({ create: false })).toThrow(`no interface ${name}; run: ip tuntap add ${name} mode tap`);
    expect(() => new TapWire({ name: 'lo' })).toThrow(/TAP interface lo: .*is not a TAP/);
  });

  it('says that somebody else has it', () => {
    tap();
    expect(() => tap()).toThrow(`TAP interface ${name}: another process has it open`);
  });

  it('uses a persistent interface', () => {
    ip('tuntap', 'add', name, 'mode', 'tap');
    try {
      expect(tap({ create: false }).connected).toBe(true);
    } finally {
      for (const wire of open.splice(0)) wire.close();
      ip('tuntap', 'delete', name, 'mode', 'tap');
    }
  });
});
