/** Mutations of what concerns the whole device: resets, registers, semaphores, EEPROM, counters. */
import { ixgbe } from '../../src/datasheet/ixgbe/index.ts';
import { before, type Mutation, traffic } from './mutations.ts';

const { CTRL, EEC, RDRXCTL, SWSM, SW_FW_SYNC, EERD } = ixgbe;
const RESET = CTRL.bits.RST.mask | CTRL.bits.LRST.mask;

/** A driver that believes in a reset's end as soon as it has asked for it; the device takes its time. */
function impatient(what: string): Mutation {
  return {
    what,
    mutate: (mutant, lab) => {
      lab.device.model.faults.inject({ kind: 'slow-reset', nanoseconds: 50e6 });
      mutant.onRead = (name, load) => {
        if (name === 'CTRL') return load() & ~RESET;
        if (name === 'EEC') return load() | EEC.bits.AUTO_RD.mask | EEC.bits.EE_PRES.mask;
        if (name === 'RDRXCTL') return load() | RDRXCTL.bits.DMAIDONE.mask;
        if (name === 'RAL' || name === 'RAH') return 2;
        return load();
      };
    },
  };
}

export const SETUP_MUTATIONS = {
  'register.unknown': before('writes where no register is', 'RXCTRL', (mutant) => mutant.file.write32(0x1_fffc, 0)),
  'register.read-only': before('sets the head itself', 'RXDCTL', (mutant) => mutant.poke('RDH', 0)),
  'register.write-only': before('reads EIMC to change it', 'EIMC', (mutant) => mutant.peek('EIMC')),
  'register.after-reset': {
    what: 'does not wait after a reset',
    mutate: (mutant) => {
      mutant.patience = 0.01;
    },
  },
  'reset.dma-active': {
    what: 'resets a device whose transmit queue runs, without stopping the master',
    mutate: (mutant) => {
      mutant.onWrite = (name, value) => {
        if (name === 'TXDCTL' || name === 'DMATXCTL') return value === 0 ? undefined : value | mutant.peek(name);
        return name === 'CTRL' ? value & ~CTRL.bits.MASTER_DISABLE.mask : value;
      };
    },
    use: async (lab) => {
      traffic(lab);
      lab.nic.close();
      await lab.open();
    },
  },
  'reset.interrupts': {
    what: 'takes EIMS for EIMC',
    mutate: (mutant) => {
      mutant.onWrite = (name, value) => {
        if (name !== 'EIMC') return value;
        mutant.poke('EIMS', value);
        return undefined;
      };
    },
  },
  'init.eeprom': impatient('does not wait for EEC.AUTO_RD'),
  'init.dma': impatient('does not wait for RDRXCTL.DMAIDONE'),
  'dma.bus-master': {
    what: 'forgets bus mastering',
    mutate: (mutant) => {
      mutant.keepsBusMaster = true;
    },
  },
  'semaphore.not-held': {
    what: 'does not take SWSM.SWESMBI',
    mutate: (mutant) => {
      mutant.onWrite = (name, value) => (name === 'SWSM' ? value & ~SWSM.bits.SWESMBI.mask : value);
      mutant.onRead = (name, load) => (name === 'SWSM' ? load() | SWSM.bits.SWESMBI.mask : load());
    },
  },
  'semaphore.conflict': {
    what: 'takes the EEPROM from the firmware',
    mutate: (mutant, lab) => {
      const { FW_EEP_SM } = SW_FW_SYNC.bits;
      mutant.onWrite = (name, value) => {
        if (name === 'SWSM') lab.device.model.semaphores.setFirmwareUses(FW_EEP_SM.mask);
        return value;
      };
      mutant.onRead = (name, load) => (name === 'SW_FW_SYNC' ? load() & ~FW_EEP_SM.mask : load());
    },
  },
  'mdio.busy': {
    what: 'looks for a PHY without waiting for answers',
    mutate: ({ file }) => {
      for (let i = 0; i < 2; i++) file.write32(ixgbe.MSCA.offset, ixgbe.MSCA.bits.MDICMD.mask);
    },
  },
  'eeprom.busy': {
    what: 'does not wait for EERD.DONE',
    mutate: (mutant) => {
      mutant.onRead = (name, load) => (name === 'EERD' ? load() | EERD.bits.DONE.mask : load());
    },
  },
  'statistics.high-first': {
    what: 'reads the high half of a counter first',
    mutate: (mutant) => {
      mutant.onRead = (name, load) => {
        if (name === 'GORCL') mutant.peek('GORCH');
        return load();
      };
    },
    use: (lab) => void lab.nic.counters(),
  },
} as const satisfies Record<string, Mutation>;
