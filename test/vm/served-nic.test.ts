/** An emulated 82599, served over vfio-user, in a virtual machine: what its kernel sees of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { ServedDevice, VfioUserServer } from '../../src/emulation/vfio-user/index.ts';
import { LoopbackWire } from '../../src/emulation/wires/loopback.ts';
import { describeGuest } from './harness/describe-guest.ts';

const SLOT = 10;
const DEVICE = '/sys/bus/pci/devices/0000:00:0a.0';
const directory = mkdtempSync(join(tmpdir(), 'ixy-served-'));
const socket = join(directory, 'nic.sock');
const log: string[] = [];
const controller = new AbortController();
const device = ServedDevice.create('ixgbe', { mac: '02:00:00:00:00:0a' });
device.model.wire = new LoopbackWire();

let server: VfioUserServer | undefined;
let served: Promise<void> | undefined;

beforeAll(() => {
  server = new VfioUserServer([{ path: socket, device }], (message) => log.push(message));
  served = server.run(controller.signal);
});

afterAll(async () => {
  controller.abort();
  await served;
  server?.close();
  rmSync(directory, { recursive: true });
});

describeGuest('with a served NIC', { nics: [], served: [{ socket, slot: SLOT }] }, (guest) => {
  it('lists it as what it is', async () => {
    expect(await guest().output('lspci -n -s 00:0a.0')).toBe('00:0a.0 0200: 8086:10fb (rev 01)');
    const details = await guest().output('lspci -vv -s 00:0a.0');
    expect(details).toContain('MSI-X: Enable- Count=64 Masked-');
    expect(details).toContain('Express (v2)');
    expect(details).toContain('Power Management version 3');
  });

  it('gives its BARs their sizes', async () => {
    const [registers, , , , msix] = (await guest().output(`cat ${DEVICE}/resource`)).split('\n').map((line) => {
      const [begin, end] = line.split(' ').map(Number);
      return begin === 0 ? 0 : end - begin + 1;
    });
    expect([registers, msix]).toEqual([0x2_0000, 0x4000]);
  });

  it('reads its registers', async () => {
    await guest().output(`echo 1 > ${DEVICE}/enable`);
    const reader = `
      import { openSync } from 'node:fs';
      import { createRequire } from 'node:module';
      const { mmap, constants } = createRequire('${process.cwd()}/')('./build/Release/ixy.node');
      const words = new Int32Array(mmap(openSync('${DEVICE}/resource0', 'r+'), 0x20000, 0, constants.MAP_SHARED));
      console.log(JSON.stringify([words[0x5400 >> 2], words[0x5404 >> 2]]));`;
    expect(await guest().script(reader)).toEqual([0x0000_0002, 0x8000_0a00 | 0]);
  });
});
