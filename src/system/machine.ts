/** The machine as `ixy doctor` looks at it: files below a root that tests may put elsewhere. Reads only. */
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../native/addon.ts';

export interface MachineOptions {
  readonly root?: string;
  /** Of who runs this; 0 is root. */
  readonly userId?: number;
  /** 'v24.1.0' */
  readonly nodeVersion?: string;
  /** Throws if the addon cannot be loaded. */
  readonly loadAddon?: () => unknown;
  /** Directories of programs, separated by colons. */
  readonly programPath?: string;
}

export class Machine {
  readonly userId: number;
  readonly nodeVersion: string;
  readonly loadAddon: () => unknown;
  readonly #root: string;
  readonly #programs: readonly string[];

  constructor(options: MachineOptions = {}) {
    this.#root = options.root ?? '/';
    this.userId = options.userId ?? process.geteuid?.() ?? 0;
    this.nodeVersion = options.nodeVersion ?? process.version;
    this.loadAddon = options.loadAddon ?? addon;
    // Root's programs count also for users whose path leaves them out.
    this.#programs = [...(options.programPath ?? process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  }

  path(path: string): string {
    return join(this.#root, path);
  }

  has(path: string): boolean {
    return existsSync(this.path(path));
  }

  /** A file's text without white space around it; undefined if it cannot be read. */
  read(path: string): string | undefined {
    try {
      return readFileSync(this.path(path), 'latin1').trim();
    } catch {
      return undefined;
    }
  }

  /** Names in a directory, ascending; none if it is not there. */
  list(path: string): string[] {
    return this.has(path) ? readdirSync(this.path(path)).sort() : [];
  }

  /** Whether this process may read and write a file. */
  mayUse(path: string): boolean {
    try {
      accessSync(this.path(path), constants.R_OK | constants.W_OK);
      return true;
    } catch {
      return false;
    }
  }

  hasProgram(name: string): boolean {
    return this.#programs.some((directory) => directory !== '' && this.has(join(directory, name)));
  }
}
