import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { AccessTrace } from '../../../src/emulation/vfio-user/index.ts';
import { REGION } from '../../../src/pci/vfio-user/payloads.ts';
import { temporaryDirectory } from '../../support/process.ts';
import { Lab } from './lab.ts';

describe('a trace', () => {
  const traced = (accesses: (lab: Lab) => void, label = ''): string[] => {
    const path = join(temporaryDirectory(), 'trace.txt');
    const trace = new AccessTrace(path);
    const lab = new Lab();
    lab.device.regions.onAccess = trace.observer('ixgbe', label);
    accesses(lab);
    trace.close();
    return readFileSync(path, 'utf8').trimEnd().split('\n');
  };
  /** Lines without their times, and with single blanks. */
  const words = (lines: readonly string[]): string[] =>
    lines.map((line) =>
      line
        .replace(/^(.*?)\s+\d+\.\d{3} ms/, '$1')
        .replace(/ +/g, ' ')
        .trim(),
    );

  it('names registers, their places in arrays, and their fields', () => {
    const lines = traced((lab) => {
      lab.write32(0, ixgbe.RDRXCTL.at(0), 0x0600_000a);
      lab.write32(0, ixgbe.RDT.at(70), 0x1ff);
      lab.write32(0, 0x05408, 0x1234);
      lab.read32(0, ixgbe.RXCTRL.at(0));
      lab.read32(0, 0x1_fffc);
    });
    expect(words(lines)).toEqual([
      'W RDRXCTL 0x0600000a CRC_STRIP=1 DMAIDONE=1 RSCACKC=1 FCOE_WRFIX=1',
      'W RDT[70] 0x000001ff RDT=511',
      'W RAL[1] 0x00001234',
      'R RXCTRL 0x00000000',
      'R ?0x1fffc 0x00000000',
    ]);
    expect(lines[0]).toMatch(/^ +\d+\.\d{3} ms {2}W {2}RDRXCTL {15}0x0600000a {2}CRC_STRIP=1/);
  });

  it('names configuration space, and accesses of each width', () => {
    const lines = traced((lab) => {
      lab.read(REGION.config, 0, 4);
      lab.write(REGION.config, 4, new Uint8Array([6, 0]));
      lab.read(REGION.config, 0x72, 1);
      lab.write32(4, 0x10, 1);
    });
    expect(words(lines)).toEqual([
      'R config 0x00 vendor 0x10fb8086',
      'W config 0x04 command 0x0006',
      'R config 0x72 0x3f',
      'W BAR 4 0x00010 0x00000001',
    ]);
  });

  it('says whose accesses they are, where there are several devices', () => {
    expect(traced((lab) => lab.read32(0, 0), 'left.sock')[0]).toMatch(/^left\.sock {2} +\d/);
  });

  it('tells of what comes again and again in two lines', () => {
    const lines = traced((lab) => {
      for (let i = 0; i < 5; i++) lab.read32(0, ixgbe.RXCTRL.at(0));
      lab.write32(0, ixgbe.RXCTRL.at(0), 0);
      lab.write32(0, ixgbe.RXCTRL.at(0), 0);
      lab.read32(0, ixgbe.RXCTRL.at(0));
    });
    expect(words(lines)).toEqual([
      'R RXCTRL 0x00000000',
      '… 4 times more',
      'W RXCTRL 0x00000000',
      '… once more',
      'R RXCTRL 0x00000000',
    ]);
    expect(lines[1]).toMatch(/^ +\d+\.\d{3} ms {2}… {2}4 times more$/);
  });

  it('loses no repetition to being written out in between', () => {
    const path = join(temporaryDirectory(), 'trace.txt');
    const trace = new AccessTrace(path);
    const observe = trace.observer('ixgbe', '');
    for (let i = 0; i < 6; i++) {
      observe(false, 0, ixgbe.LINKS.at(0), 4, 0);
      if (i === 2 || i === 3) trace.flush();
    }
    trace.close();
    expect(words(readFileSync(path, 'utf8').trimEnd().split('\n'))).toEqual([
      'R LINKS 0x00000000',
      '… 2 times more',
      '… once more',
      '… 2 times more',
    ]);
  });

  it('does not take equal accesses of two devices for one', () => {
    const path = join(temporaryDirectory(), 'trace.txt');
    const trace = new AccessTrace(path);
    for (const label of ['a', 'b']) trace.observer('ixgbe', label)(false, 0, 0, 4, 0);
    trace.close();
    expect(words(readFileSync(path, 'utf8').trimEnd().split('\n'))).toEqual([
      'a R CTRL 0x00000000',
      'b R CTRL 0x00000000',
    ]);
  });

  it('needs a file that can be written', () => {
    expect(() => new AccessTrace('/no/such/file')).toThrow(expect.objectContaining({ code: 'ERR_SYSTEM' }));
  });
});
