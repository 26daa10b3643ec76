/** `emulated:ixgbe?…`: an emulated 82599 with a wire of one's choice, driven by the same driver as a real one. */
import { type IxgbeModel, ixgbeModels } from '../datasheet/ixgbe/devices.ts';
import { openIxgbe } from '../drivers/ixgbe/index.ts';
import { hexDigits } from '../hexadecimal.ts';
import { emulatedScheme } from './emulated-scheme.ts';
import { oneOf } from './quantities.ts';

const parameters = {
  device: { syntax: 'ID', meaning: 'PCI device id of the 82599 variant', default: '10fb', parse: parseDeviceId },
  sfp: {
    syntax: 'da|sr|none',
    meaning: 'what is in its cage: a direct-attach cable, a 10GBASE-SR module, nothing',
    default: 'da',
    parse: oneOf('da', 'sr', 'none'),
  },
  port: {
    syntax: '0|1',
    meaning: 'which of the chip’s two ports it is',
    default: '0',
    parse: oneOf('0', '1'),
  },
  messages: {
    syntax: 'msix|msi|none',
    meaning: 'interrupts by message that it has: MSI-X and MSI, MSI alone, none',
    default: 'msix',
    parse: oneOf('msix', 'msi', 'none'),
  },
} as const;

export const emulatedIxgbeScheme = emulatedScheme({
  model: 'ixgbe',
  summary: 'An emulated Intel 82599, driven through its registers and rings by the same driver as a real one.',
  parameters,
  examples: [
    'emulated:ixgbe?wire=tap:tap0',
    'emulated:ixgbe?wire=generator&size=1514&pace=1Mpps',
    'emulated:ixgbe?wire=cable:a&rate=10G&delay=50us&loss=1e-3',
    'emulated:ixgbe?wire=pcap:in.pcap,out.pcap&thread=0',
  ],
  modelOptions: ({ device, sfp, port, messages }) => ({ deviceId: device, sfp, port: port === '1' ? 1 : 0, messages }),
  openDriver: openIxgbe,
});

function parseDeviceId(text: string): number {
  const known = [...ixgbeModels.values()].filter((model: IxgbeModel) => model.mac === '82599');
  const found = known.find(({ deviceId }) => hexDigits(deviceId, 4) === text.toLowerCase());
  if (!found) throw new Error(`must be one of ${known.map(({ deviceId }) => hexDigits(deviceId, 4)).join(', ')}`);
  return found.deviceId;
}
