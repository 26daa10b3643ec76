/**
 * `npm run docs:linux-ixgbe`: writes docs/linux-ixgbe.md from what was recorded. With `-- --record` Linux's driver is
 * recorded first, in a virtual machine (docs/judge.md tells what that takes).
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { JudgedNic } from '../../test/judge/harness/judged-nic.ts';
import { recordLinux } from '../../test/judge/harness/recorded-run.ts';
import { Guest } from '../../test/vm/harness/guest.ts';
import { missingFor } from '../../test/vm/harness/missing.ts';
import { PROJECT } from '../../test/vm/harness/setup.ts';
import { ownDriverWrites } from './own-driver.ts';
import { linuxPage } from './page.ts';
import { condenseRecording, type Recorded } from './recording.ts';

const RECORDED = join(PROJECT, 'scripts/linux-ixgbe/recorded.json');
const PAGE = join(PROJECT, 'docs/linux-ixgbe.md');

async function record(): Promise<Recorded> {
  const missing = missingFor({ nics: [], served: [] });
  if (missing !== undefined) throw new Error(missing);
  const nic = await JudgedNic.start();
  try {
    const guest = await Guest.boot({ nics: [], served: [nic.attached] });
    try {
      return condenseRecording(await recordLinux({ guest: () => guest, nic: () => nic }));
    } finally {
      await guest.close();
    }
  } finally {
    await nic.close();
  }
}

const { values } = parseArgs({ options: { record: { type: 'boolean' } } });
if (values.record) writeFileSync(RECORDED, `${JSON.stringify(await record(), undefined, 2)}\n`);
if (!existsSync(RECORDED)) throw new Error(`nothing was recorded; run: npm run docs:linux-ixgbe -- --record`);
writeFileSync(PAGE, linuxPage(JSON.parse(readFileSync(RECORDED, 'utf8')), await ownDriverWrites()));
