/** Where an embedding program's log goes; a driver says little, and nothing without it. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
}

/** The logger of those who gave none. */
export const silent: Logger = { info() {}, warn() {} };
