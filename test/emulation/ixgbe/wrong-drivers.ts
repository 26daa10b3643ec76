/** Drivers that go by the book but for one thing, each up to where the device has seen it. */
import { expect } from 'vitest';
import {
  TX_CMD_DATA,
  TX_CMD_DEXT,
  TX_CMD_EOP,
  TX_CMD_RS,
  TX_DTYP_CONTEXT,
  TX_PAYLEN_SHIFT,
} from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { frameTo, type Lab, MAC, makeLab, RING, startLab } from './test-driver.ts';

export const OTHER = '02:00:00:00:00:02';

/** A running device; `wrong` is what the driver then does wrong. */
export function running(wrong: (lab: Lab) => void): () => Lab {
  return () => {
    const lab = startLab();
    expect(lab.device.model.violations).toEqual([]);
    wrong(lab);
    lab.device.step();
    return lab;
  };
}

/** A device that has been reset; `wrong` is what the driver does instead of starting it by the book. */
export function starting(wrong: (lab: Lab) => void): () => Lab {
  return () => {
    const lab = makeLab();
    lab.device.setBusMaster(true);
    lab.driver.reset();
    wrong(lab);
    lab.device.clock.pause(1);
    lab.device.step();
    return lab;
  };
}

/** Receive set up by the book but for `wrong`, which comes just before the switches are thrown. */
export function receiving(wrong: (lab: Lab) => void): () => Lab {
  return starting((lab) => {
    lab.driver.setUpReceive();
    wrong(lab);
    lab.driver.enableRxQueue();
    lab.driver.enableReceiver();
  });
}

/** A frame received into descriptors that `wrong` has spoilt before they were given away. */
export function receivingInto(wrong: (lab: Lab) => void): () => Lab {
  return running((lab) => {
    const { driver, device, wire } = lab;
    for (let i = 0; i < RING - 1; i++) {
      wire.send(frameTo(MAC, 60));
      device.step();
    }
    expect(driver.receive()).toHaveLength(RING - 1);
    wrong(lab); // before the doorbell is heard
    device.step();
    for (let i = 0; i < RING; i++) {
      wire.send(frameTo(MAC, 60));
      device.step();
    }
  });
}

/** One descriptor sent, as given: by default a good one. */
export function sending(
  options: { command?: number; status?: number; length?: number; address?: (lab: Lab) => number } = {},
): () => Lab {
  return running((lab) => {
    const { length = 60, status = length << TX_PAYLEN_SHIFT } = options;
    const command = options.command ?? TX_CMD_DATA | TX_CMD_EOP | TX_CMD_RS | length;
    const address = options.address?.(lab) ?? lab.driver.tx.bufferAddress(0);
    lab.driver.writeTx(0, address, command, status);
    lab.driver.ring(ixgbe.TDT, 1);
  });
}

/** A packet of 60 bytes behind a context for TCP with these lengths. */
export function sendingWithContext(macLength: number, ipLength: number, status: number, command = 0): () => Lab {
  return running(({ driver }) => {
    const context = (macLength << 9) | ipLength;
    driver.tx.words.set([context, 0, TX_CMD_DEXT | TX_DTYP_CONTEXT | (1 << 11) | (1 << 10), 20 << 8], 0);
    const all = TX_CMD_DATA | TX_CMD_EOP | TX_CMD_RS | command | 60;
    driver.writeTx(1, driver.tx.bufferAddress(1), all, (60 << TX_PAYLEN_SHIFT) | status);
    driver.ring(ixgbe.TDT, 2);
  });
}

/** Frames sent by the book on a device whose TXDCTL or HLREG0 `prepare` has set. */
export function sendingAfter(
  prepare: (lab: Lab) => void,
  frame = frameTo(OTHER, 60),
  sizes = [frame.length],
): () => Lab {
  return starting((lab) => {
    lab.driver.setUpTransmit();
    prepare(lab);
    lab.driver.enableTransmitter();
    lab.driver.enableTxQueue();
    lab.driver.waitForLink();
    lab.driver.transmit(frame, sizes);
  });
}
